from sysid_tbptt.report.site.studies import studies
from sysid_tbptt.report.tables import all_tables
from tests.report.made_up import record, study


def test_tables_are_those_that_are_written_as_text():
    tables = all_tables([*study(), *study(2.0, seq_len=24)])
    (suite,) = studies(tables)
    written = [one.table for one in tables if not one.name.startswith(("leaderboard-", "burn-in-effect"))]
    assert len(written) > 3
    assert [table["title"] for table in suite["tables"]] == [table.title.removeprefix("test: ") for table in written]
    for found, table in zip(suite["tables"], written, strict=True):
        assert found["notes"] == table.notes
        for block, expected in zip(found["blocks"], table.blocks, strict=True):
            assert [column["name"] for column in block["columns"]] == list(expected.rows.columns)
            assert block["rows"] == expected.rows.to_numpy().tolist()
            assert all(isinstance(cell, str) for row in block["rows"] for cell in row)


def test_forecasts_stand_beside_burn_in_studies_suites_by_name():
    forecasts = [run for split in ("made", "made-retrain") for run in study(suite="a", horizon=3, split=split)]
    suites = studies(all_tables([*study(suite="b"), *forecasts]))
    titles = {suite["name"]: [table["title"] for table in suite["tables"]] for suite in suites}
    assert list(titles) == ["a", "b"]
    assert "first_order, forecasts of 3 steps" in titles["a"]
    assert "first_order, the burn-in study" in titles["b"]


def test_differences_stand_where_the_papers_runs_are():
    papers = {"dataset": "silverbox", "split": "paper", "hidden_size": 8, "batch_size": 100, "learning_rate": 1e-4}
    runs = [record(m, 1.0, 1.0, 1.0, seq_len=n, epochs=400, **papers) for n in (100, 200) for m in (0, 94)]
    (suite,) = studies(all_tables(runs))
    assert "what we found different" in [table["title"] for table in suite["tables"]]


def test_no_record_no_study():
    assert studies(all_tables([])) == []
