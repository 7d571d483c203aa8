import pytest

from sysid_tbptt.data.official import BENCHMARKS
from sysid_tbptt.report.literature import COLUMNS, CONFIDENCE, SPLITS, literature

KNOWN = {benchmark.name: benchmark for benchmark in BENCHMARKS}


def test_every_row_is_of_a_test_set_that_we_have_in_our_unit():
    table = literature()
    assert list(table.columns) == COLUMNS
    for row in table.to_dict("records"):
        benchmark = KNOWN[row["dataset"]]
        assert row["test_set"] in benchmark.test_names
        assert row["unit"] == benchmark.units.y[0]
        assert set(SPLITS) <= benchmark.cuts.keys()


def test_every_row_is_cited_with_protocol_and_confidence():
    table = literature()
    assert len(table) == 92
    assert (table["rmse"] > 0).all()
    assert set(table["confidence"]) == set(CONFIDENCE)
    assert (table[["method", "source", "citation", "protocol"]] != "").all(axis=None)
    assert not table.duplicated(["dataset", "test_set", "method", "source"]).any()


@pytest.mark.parametrize(
    ("dataset", "test_set", "method", "rmse"),
    [
        ("silverbox", "multisine", "LSTM", 1.5),
        ("wiener_hammerstein", "test", "GRU", 3.97),
        ("cascaded_tanks", "test", "grey-box", 0.191),
        ("ced", "low", "CT-SUBNET", 0.115),
    ],
)
def test_values_as_published(dataset, test_set, method, rmse):
    table = literature(dataset, test_set)
    assert table.loc[table["method"] == method, "rmse"].tolist() == [rmse]


def test_of_one_data_set_or_none():
    assert set(literature("ced")["test_set"]) == {"low", "high"}
    assert literature("sim_duffing").empty


def test_a_caller_cannot_change_the_facts():
    mine = literature()
    mine["rmse"] = 0.0
    assert (literature()["rmse"] > 0).all()
