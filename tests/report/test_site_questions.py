import pytest

from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.questions import asked
from sysid_tbptt.report.site.questions import questions
from sysid_tbptt.report.studies import studies
from tests.report.made_up import record, stored, study


@pytest.fixture
def shown(tmp_path):
    def shown(*records):
        store = stored(tmp_path, records)
        return questions(frame(store.records()), store)

    return shown


def test_tables_are_those_that_are_written_as_text(shown):
    records = [*study(), *study(2.0, seq_len=24)]
    (suite,) = shown(*records)
    written = [table for _, table in asked("test", list(studies(frame(records))), records)]
    assert [table["title"] for table in suite["tables"]] == [table.title.removeprefix("test: ") for table in written]
    for found, table in zip(suite["tables"], written, strict=True):
        (block,), (expected,) = found["blocks"], table.blocks
        assert [column["name"] for column in block["columns"]] == list(expected.rows.columns)
        assert block["rows"] == expected.rows.to_numpy().tolist()
        assert all(isinstance(cell, str) for row in block["rows"] for cell in row)


def test_a_suite_of_one_n_asks_nothing_on_the_page(shown):
    assert shown(*study(), *study(seq_len=24, model="gru")) == []


def test_the_suite_with_the_most_m_comes_first(shown):
    few = [run for n in (12, 24) for run in study(suite="a", seq_len=n)[:2]]
    many = [run for n in (12, 24) for run in study(suite="b", seq_len=n)]
    assert [suite["name"] for suite in shown(*few, *many)] == ["b", "a"]


def test_differences_stand_where_the_papers_runs_are(shown):
    papers = {"dataset": "silverbox", "split": "paper", "hidden_size": 8, "batch_size": 100, "learning_rate": 1e-4}
    runs = [record(m, 1.0, 1.0, 1.0, seq_len=n, epochs=400, **papers) for n in (100, 200) for m in (0, 94)]
    (suite,) = shown(*runs)
    assert suite["tables"][-1]["title"] == "what we found different"


def test_no_record_no_question(shown):
    assert shown() == []
