import pytest

from sysid_tbptt.report.formats import to_latex, to_markdown
from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.questions import QUESTIONS, asked
from sysid_tbptt.report.studies import studies
from tests.report.made_up import CARRIED, record, study


def tables(*records):
    return dict(asked("test", list(studies(frame(records))), records))


def test_every_data_set_is_a_block_of_every_question():
    found = tables(
        *study(dataset="a", batch_size=6), record(0, 1.0, 1.0, 1.0, dataset="a", **CARRIED), *study(dataset="b")
    )
    assert list(found) == [question.NAME for question in QUESTIONS]
    assert [len(table.blocks) for table in found.values()] == [2, 2, 1, 2]
    assert all(block.heading.startswith(("a, MSE", "b, MSE")) for table in found.values() for block in table.blocks)


@pytest.mark.parametrize("records", [[], study()[:1]], ids=["nothing", "one m"])
def test_without_a_study_nothing_is_asked(records):
    assert tables(*records) == {}


def test_notes_tell_the_rules_and_the_provenance():
    for table in tables(*study()).values():
        assert "rule val: least MSE_val. Test data decide nothing." in table.notes[1]
        assert table.notes[-1].startswith("Provenance: runs: 4; suite: test; seeds: 0;")


def test_test_sets_are_rows_of_their_own():
    runs = [record(m, val, val, {"low": val, "high": 2 * val}) for m, val in ((0, 2.0), (5, 1.0))]
    for table in tables(*runs).values():
        assert set(table.blocks[0].rows["test set"]) == {"low", "high"}


def test_every_table_can_be_set():
    for table in tables(*study(batch_size=6), record(0, 1.0, 1.0, 1.0, **CARRIED)).values():
        assert "ρ" not in to_latex(table)
        assert len({line.count("|") for line in to_markdown(table).splitlines() if line.startswith("|")}) == 1
