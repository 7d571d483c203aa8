"""What a dry run prints of a plan."""

from dataclasses import dataclass

import pytest

from sysid_tbptt.cli import planning
from sysid_tbptt.runs.estimate import Estimate
from sysid_tbptt.runs.plan import Plan, Planned
from tests.conftest import config_of

LOOKS = []


@dataclass(frozen=True)
class Watched(Planned):
    """A run that tells when it is asked for its group."""

    @property
    def group(self):
        LOOKS.append(self.run_id)
        return super().group


@pytest.fixture
def plan():
    """Runs of five N, whose order is mixed, of two engines; a third of each group is done."""
    LOOKS.clear()
    configs = [config_of(seq_len=20 + seed % 5, seed=seed) for seed in range(30)]
    runs = tuple(Watched(config, f"{config.seed}", ("cpu", "reference")[config.seed % 5 == 4]) for config in configs)
    return Plan(runs, tuple(run for run in runs if run.config.seed % 3), ())


def test_each_group_is_counted_in_one_pass_over_the_runs(plan, capsys):
    estimates = {run.run_id: Estimate(60.0, 60.0, recorded=False) for run in plan.todo}
    planning.show(plan, estimates, 1, None, on_cluster=True)
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("test ")]
    assert [row[5:] for row in rows] == [
        [f"{n}", engine, "6", "2", "4", "min"]
        for n, engine in zip(range(20, 25), ["cpu"] * 4 + ["reference"], strict=True)
    ]
    assert len(LOOKS) == len(plan.runs)
