"""The suites that come with the project."""

from pathlib import Path

import pytest

from sysid_tbptt.config import RunConfig
from sysid_tbptt.registry import find_model, sources
from sysid_tbptt.runs.finals import final_suite
from sysid_tbptt.runs.store import Store
from sysid_tbptt.suite import Suite

ROOT = Path(__file__).parents[1]
SUITES = sorted((ROOT / "benchmarks/suites").glob("*.toml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_run_of_a_suite_is_a_run_of_a_known_model_on_a_known_split(path):
    """Without the data, so that the suites of data sets that are not at hand are checked too."""
    suite = Suite.load(path)
    splits = {(source.name, split) for source in sources() for split in source.splits}
    for group in suite.groups:
        for fields in group.combinations():
            length = 10**6 if fields["seq_len"] == "full" else fields["seq_len"]
            run = RunConfig(**{"steps": 1} | fields | {"suite": suite.name, "seq_len": length})
            find_model(run.model)
            assert (run.dataset, run.split) in splits


def test_official_suite_is_what_validation_chose_among_the_records_of_the_search():
    records = [run for run in Store(ROOT / "results").records() if run.config.suite == "official-search"]
    written = (ROOT / "benchmarks/suites/official.toml").read_text(encoding="utf-8")
    assert written == final_suite(records, search="official-search", name="official", seeds=10)
