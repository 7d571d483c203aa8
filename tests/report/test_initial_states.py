import numpy as np
import pytest

from sysid_tbptt.report.contests import contests
from sysid_tbptt.report.figures import initial_states as figures
from sysid_tbptt.report.initial_states import PLACE, decay, initial_states, initial_states_table
from sysid_tbptt.report.tables import all_tables, write_tables
from sysid_tbptt.runs.record import Optimum, RunRecord
from tests.report.made_up import record

S, N, W_HH = 6, 9, 0.6


def solved(m, mode, loss, outputs, **fields):
    run = record(m, 1.0, 1.0, 2.0, seq_len=N, optimiser="ipopt", init_mode=mode, steps=7, **fields)
    optimum = Optimum(loss=loss, w_hh=W_HH, y_hat=outputs.tolist(), coercivity=0.9, iterations=5)
    metrics = {part: run.metrics[part] | {"mse_after_burn_in": loss + 1} for part in ("train", "val")}
    metrics["test"] = {"test": run.metrics["test"]["test"] | {"mse_after_burn_in": loss + 2}}
    return run.model_copy(update={"optimum": optimum, "metrics": metrics})


@pytest.fixture
def runs():
    """The outputs of zero initial states differ from those of coupled ones by 2 W_HH^j, in the first subsequence."""
    coupled = np.random.default_rng(0).normal(size=(S, N, 1))
    zero = coupled.copy()
    zero[0, :, 0] += 2 * W_HH ** np.arange(1, N + 1)
    found = []
    for m in (0, 4):
        found += [
            solved(m, "zero", 3.0 - m / 4, zero),
            solved(m, "coupled", 1.0, coupled),
            solved(m, "free", 0.5, zero),
        ]
    return found


def test_differences_decay_and_regret_are_those_of_the_outputs(runs):
    rows = initial_states(runs)
    assert rows["burn_in"].tolist() == [0, 4]
    assert rows["regret"].tolist() == [2.0, 1.0]
    assert np.allclose(rows["difference"].iloc[1], 4 * W_HH ** (2 * np.arange(1, N + 1)) / S)
    assert np.isnan(rows["rate"].iloc[0])
    assert rows["rate"].iloc[1] == pytest.approx(W_HH**2)
    assert (rows["train_zero"].tolist(), rows["test_coupled"].tolist()) == ([4.0, 3.0], [3.0, 3.0])


def test_the_interval_of_the_decay_covers_the_true_rate_as_often_as_it_says():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(400):
        _, low, high = decay(0.5 ** np.arange(12) * np.exp(rng.normal(size=12)))
        covered += low <= 0.5 <= high
    assert 0.91 <= covered / 400 <= 0.98


def test_the_rate_is_fitted_over_the_burn_in_phase_alone(runs):
    """From step m+1 on the two outputs are fitted, and differ otherwise."""
    zero = np.array(runs[3].optimum.y_hat)
    zero[0, 4:] += 1.0
    runs[3] = runs[3].model_copy(update={"optimum": runs[3].optimum.model_copy(update={"y_hat": zero.tolist()})})
    assert initial_states(runs)["rate"].iloc[1] == pytest.approx(W_HH**2)


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"steps": 8}, {"learning_rate": 0.1}, {"batch_size": 4}, {"hidden_size": 5}, {"split": "other"}],
    ids=str,
)
def test_runs_of_another_seed_budget_or_setting_are_compared_among_themselves(runs, other):
    """Their networks are the same, and their losses 10 larger."""
    rows = initial_states([*runs, *(run_with(run, 10.0, other) for run in runs)])
    assert sorted(rows["regret"]) == [1.0, 1.0, 2.0, 2.0]
    assert sorted(rows["loss_coupled"]) == [1.0, 1.0, 11.0, 11.0]
    assert rows.groupby(PLACE).size().tolist() == [2, 2]
    assert len(figures.pages([*runs, *(run_with(run, 10.0, other) for run in runs)])[figures.REGRET]) == 2
    for block in initial_states_table(rows, runs).blocks:
        assert len(block.rows) == len(block.rows.iloc[:, :3].drop_duplicates()) == 4


def run_with(run, loss, config):
    optimum = run.optimum.model_copy(update={"loss": run.optimum.loss + loss})
    changed = {"config": run.config.model_copy(update=config), "optimum": optimum}
    return run.model_copy(update=changed | {"run_id": f"f{run.run_id[1:]}"})


def test_each_test_set_has_its_performance_beside_the_one_training():
    """Losses and decays are of training: no test set repeats them."""
    runs = [solved(0, mode, loss, np.ones((S, N, 1))) for mode, loss in (("zero", 2.0), ("coupled", 1.0))]
    for run in runs:
        run.metrics["test"]["extra"] = run.metrics["test"]["test"] | {"mse_after_burn_in": 7.0}
    rows = initial_states(runs)
    assert dict(zip(rows["test_set"], rows["test_coupled"], strict=True)) == {"extra": 7.0, "test": 3.0}
    losses, decays, performance = (block.rows for block in initial_states_table(rows, runs).blocks)
    assert (len(losses), len(decays)) == (1, 1)
    assert performance[["test set", "test benchmark"]].to_numpy().tolist() == [
        ["extra", "70000.0000"],
        ["test", "30000.0000"],
    ]
    assert "coupled ≤ TBPTT at 1 of 1" in initial_states_table(rows, runs).notes[0]


def test_an_m_without_the_benchmark_is_no_row(runs):
    assert initial_states(runs[:1] + runs[3:])["burn_in"].tolist() == [4]
    assert not len(initial_states([record(0, 1.0, 1.0, 1.0)]))


def test_the_table_says_whether_more_freedom_ever_cost_more(runs):
    table = initial_states_table(initial_states(runs), runs)
    assert "free ≤ coupled at 2 of 2 and coupled ≤ TBPTT at 2 of 2 cases" in table.notes[0]
    losses, decays, performance = (block.rows for block in table.blocks)
    assert losses["regret"].tolist() == ["20000.0000", "10000.0000"]
    assert decays["fitted"].tolist()[0] == "–"
    assert decays["|w_hh|² TBPTT"].tolist() == ["0.3600", "0.3600"]
    assert performance["test benchmark"].tolist() == ["30000.0000"] * 2
    worse = [runs[0], runs[1].model_copy(update={"optimum": runs[1].optimum.model_copy(update={"loss": 9.0})})]
    told = initial_states_table(initial_states(worse), worse).notes[0]
    assert "free ≤ coupled at 0 of 0 and coupled ≤ TBPTT at 0 of 1" in told


def test_it_is_written_beside_the_burn_in_study(runs, tmp_path):
    write_tables(all_tables(runs), tmp_path)
    text = (tmp_path / "test" / "initial-states-first_order.csv").read_text(encoding="utf-8")
    assert '"e_9"' in text


def test_what_was_solved_to_an_optimum_stands_in_no_other_table(runs, tmp_path):
    assert not contests(runs)
    written = {path.name for path in write_tables(all_tables(runs), tmp_path)}
    assert written == {f"initial-states-first_order.{suffix}" for suffix in ("md", "csv", "tex")}


def test_figures_show_the_differences_and_the_first_scored_step(runs):
    pages = figures.pages(runs)
    ((panel,),) = pages[figures.DIFFERENCE][0].rows
    line, first = (line for line in panel.lines if line.label == "m = 4")
    assert line.x == tuple(range(1, N + 1))
    assert (first.x, first.y) == ((5.0,), line.y[4:5])
    assert panel.lines[-1].y == pytest.approx(line.y)
    ((regret, train, test),) = pages[figures.REGRET][0].rows
    assert regret.lines[0].y == (2.0, 1.0)
    assert [line.y for line in train.lines] == [(4.0, 3.0), (2.0, 2.0)]
    assert test.runs == {run.run_id for run in runs}


def test_no_optimum_is_no_figure():
    assert figures.pages([record(0, 1.0, 1.0, 1.0)]) == {figures.DIFFERENCE: [], figures.REGRET: []}


def test_an_optimum_survives_its_line(runs):
    assert RunRecord.from_line(runs[0].to_line()) == runs[0]
    assert [run.regime for run in runs[:3]] == ["stateless", "coupled", "free"]
    assert "optimum" not in record(0, 1.0, 1.0, 1.0).to_line()
