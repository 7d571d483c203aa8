"""The lengths of runs that benchmarks/scheduling.py foretells."""

from pathlib import Path

import pytest

from sysid_tbptt.runs.harness import CHECKPOINT_SECONDS


@pytest.fixture
def parsed(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import scheduling

    return lambda *arguments: scheduling.parser().parse_args(arguments).seconds


def test_runs_that_send_nothing_before_their_record_are_foretold(parsed):
    assert all(0 < seconds < CHECKPOINT_SECONDS for seconds in parsed())
    assert parsed("--seconds", "0.5", "29.9") == [0.5, 29.9]


@pytest.mark.parametrize("seconds", ["30", "600", "inf", "nan", "0", "-1", "long"])
def test_others_are_refused_with_the_reason(seconds, parsed, capsys):
    with pytest.raises(SystemExit):
        parsed("--seconds", seconds)
    assert "a longer run sends its state every 30 seconds, which the model leaves out" in capsys.readouterr().err
