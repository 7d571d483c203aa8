import pytest

from sysid_tbptt.report.caption import provenance_line
from sysid_tbptt.runs.record import RunRecord
from tests.conftest import config_of


def record(provenance, status="ok", **config):
    return RunRecord(run_id="a", status=status, config=config_of(**config), engine="cpu", provenance=provenance)


def provenance(time="2026-03-01T10:00:00+00:00", dirty=False, torch="2.11.0"):
    return {
        "versions": {"python": "3.12.1", "sysid-tbptt": "0.1.0", "torch": torch},
        "git": {"commit": "0123456789abcdef", "dirty": dirty},
        "data": {"protocol": "paper split", "revision": "f" * 64},
        "device": "a processor",
        "time": time,
    }


def test_each_source_is_told_once():
    assert provenance_line([record(provenance(), seed=10), record(provenance(), seed=9)]) == (
        "runs: 2; suite: test; seeds: 9, 10; protocol: paper split; data revision: ffffffffffff; engine: cpu; "
        "versions: sysid-tbptt 0.1.0, torch 2.11.0; commit: 0123456789; device: a processor; made: 2026-03-01"
    )


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([record(provenance(), status="diverged"), record(provenance())], "runs: 2; not ended well: 1; "),
        ([record(provenance(dirty=True))], "commit: 0123456789 (changed since); "),
        ([record(provenance(torch="2.12.0")), record(provenance())], "torch 2.11.0, 2.12.0; "),
        ([record(provenance("2026-03-05")), record(provenance())], "made: 2026-03-01 to 2026-03-05"),
        ([record({}, status="failed"), record(provenance())], "runs: 2; not ended well: 1; suite: test; seeds: 0; "),
    ],
    ids=["bad runs", "changed code", "two versions", "span of dates", "none for a failure"],
)
def test_what_differs_is_told(records, said):
    assert said in provenance_line(records)


@pytest.mark.parametrize("source", [{}, {"git": None, "data": None, "versions": {}, "device": None, "time": None}])
def test_what_is_not_known_is_left_out(source):
    assert provenance_line([record(source)]) == "runs: 1; suite: test; seeds: 0; engine: cpu"


def test_devices_whose_names_hold_commas_are_told_apart():
    records = [record(provenance() | {"device": name}) for name in ("a chip (family 2, model 1)", "a chip")]
    assert "device: a chip and a chip (family 2, model 1); " in provenance_line(records)


def test_why_runs_of_lm_ended_is_counted():
    ended = ["budget", "converged", "converged", None]
    records = [record(provenance(), optimiser="lm").model_copy(update={"ended": one}) for one in ended]
    assert "; iterations of lm ended: converged 2, budget 1; " in provenance_line(records)
