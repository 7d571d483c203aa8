import numpy as np
import pytest

from sysid_tbptt.report.figures import optimum as figures
from sysid_tbptt.report.optimum import optimum, optimum_table, rate
from sysid_tbptt.report.tables import all_tables, write_tables
from sysid_tbptt.runs.record import Loss
from tests.report.made_up import T, record

LAMBDA, FLOOR, SCORED = 0.9, 0.01, 20
BURN_INS = (0, 10, 20, 40, 200)


def run(m, *, seed=0, optimiser="lm", rms=None, **fields):
    """A run whose training error falls by LAMBDA a step of burn-in, down to FLOOR; of Adam it stays."""
    rms = rms or (max(LAMBDA**m, FLOOR) if optimiser == "lm" else 0.5)
    made = record(m, 9.0, 9.0, 2 * rms + seed, seq_len=m + SCORED, optimiser=optimiser, seed=seed, **fields)
    loss = Loss(curve=[5.0, rms**2]) if optimiser == "lm" else Loss(curve=[5.0], last100_mean=rms**2)
    return made.model_copy(update={"loss": loss})


@pytest.fixture
def runs():
    of_windows = [run(m, optimiser=o, seed=s) for m in BURN_INS for o in ("lm", "adam") for s in (0, 1, 2)]
    full = run(0, rms=0.003).model_copy(update={"windows": 1})
    return [*of_windows, full.model_copy(update={"config": full.config.model_copy(update={"seq_len": T})})]


def test_rows_hold_the_loss_at_the_end_and_the_regret_against_the_whole_record(runs):
    rows = optimum(runs)
    lm, adam = (rows[rows["optimiser"] == name].reset_index() for name in ("lm", "adam"))
    expected = np.maximum(LAMBDA ** np.array(BURN_INS), FLOOR)
    assert np.allclose(lm["rms"], expected)
    assert np.allclose(lm["test_rmse"], 2 * expected + 1)  # the median of the seeds
    assert np.allclose(lm["regret"], expected**2 - 0.003**2)
    assert np.allclose(lm["rate"], LAMBDA)
    assert set(lm["seeds"]) == {3}
    assert np.allclose(adam["rms"], 0.5)
    assert adam["regret"].isna().all()


def test_the_rate_needs_points_above_the_floor():
    assert rate([0, 10, 20, 30], [8.0, 4.0, 2.0, 1.0]) == pytest.approx(0.5**0.1)
    assert np.isnan(rate([0, 10, 20], [1.0, 0.01, 0.01]))


@pytest.mark.parametrize(
    "kept",
    [lambda config: config.burn_in, lambda config: config.burn_in < 20 or config.seq_len == T],
    ids=["without m = 0", "of two m"],
)
def test_no_study_without_m_0_or_of_few_m(runs, kept):
    assert optimum([one for one in runs if kept(one.config)]).empty


def test_runs_of_one_length_are_no_such_study():
    alike = [run(m) for m in BURN_INS]
    alike = [one.model_copy(update={"config": one.config.model_copy(update={"seq_len": 250})}) for one in alike]
    assert optimum(alike).empty


def test_the_table_is_written_and_names_every_run(runs, tmp_path):
    placed = [one for one in all_tables(runs) if one.name.startswith("optimum-")]
    assert len(placed) == 1
    write_tables(placed, tmp_path)
    table = optimum_table(optimum(runs), runs)
    named = {run_id for ids in table.data["run_ids"] for run_id in ids.split()}
    assert named == {one.run_id for one in runs}
    assert "0.9000" in table.blocks[0].rows["rate"].tolist()


def test_the_figure_shows_both_optimisers_and_the_whole_record(runs):
    ((training, test),) = figures.pages(runs, [])[0].rows
    assert [line.label.split(", ")[-1] for line in training.lines] == ["adam", "lm"]
    assert [level.y for level in training.levels] == pytest.approx([0.003])
    assert test.lines[1].y == pytest.approx([2 * max(LAMBDA**m, FLOOR) + 1 for m in BURN_INS])
    assert training.runs == {one.run_id for one in runs}
