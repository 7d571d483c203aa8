"""`sysid-tbptt compare`, from the command line to the row."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sysid_tbptt.cli import main
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs.store import Store
from sysid_tbptt.runs.substitute import substitute
from sysid_tbptt.training.weights import read_weights
from tests.rivals import Skip, features

SKIP, LEAST_SQUARES = "tests.rivals:skip", "tests.rivals:least_squares"


@pytest.fixture
def log(own_log):
    """A user's own log, with units and samples to initialise from."""
    own_log.write_text(own_log.read_text() + 'units_y = ["m"]\nn_init = 5\n')
    return str(own_log)


@pytest.fixture
def suite(tmp_path, log):
    """An LSTM of two widths, each at two m, with two seeds; and the mean."""
    path = tmp_path / "suite.toml"
    path.write_text(
        f'name = "s"\n[defaults]\ndataset = "{log}"\nsplit = "file"\n[[groups]]\nmodel = "lstm"\nhidden_size = [2, 3]\n'
        "seq_len = 20\nburn_in = [0, 5]\nbatch_size = 16\nlearning_rate = 0.02\nsteps = 10\nseed = [0, 1]\n"
        '[[groups]]\nmodel = "mean"\nseq_len = "full"\nbatch_size = 1\nsteps = 1\n'
    )
    return str(path)


@pytest.fixture
def results(tmp_path):
    return str(tmp_path / "results")


@pytest.fixture
def compare(suite, results, capsys):
    """Exit code, and what was said, of a comparison on one worker."""

    def compare(target, *options):
        capsys.readouterr()
        code = main(["compare", str(target), "--suite", suite, "--results", results, "--threads", "1", *options])
        return code, capsys.readouterr()

    return compare


@pytest.fixture
def fails(compare):
    """The one line that is said of what cannot be compared."""

    def fails(target, *options):
        code, said = compare(target, *options)
        assert (code, said.out) == (2, "")
        *_, line = said.err.splitlines()
        assert line.startswith("error: ")
        return line

    return fails


@pytest.fixture
def predictions(tmp_path, log):
    """A file of noisy outputs of the test set."""

    def predictions(name="best.npz", noise=0.1, length=None, **changes):
        y = load_dataset(log).test[0].y[:length, 0]
        y_hat = y + noise * np.random.default_rng(0).normal(size=len(y))
        path = tmp_path / name
        if path.suffix == ".npz":
            np.savez(path, **{"test": y_hat} | changes)
        else:
            pd.DataFrame({"test_set": "test", "y_hat": y_hat}).to_csv(path, index=False)
        return path

    return predictions


def rmse(y_hat, series):
    return np.sqrt(np.mean((np.asarray(y_hat, float).ravel() - series.y[:, 0])[series.n_init :] ** 2))


def rows(said):
    """The cells of the printed rows by model, the mark of a new row first."""
    return rows_in(said.out)


def rows_in(text):
    found = {}
    for line in text.splitlines():
        mark, cells = line.startswith(">"), line.removeprefix(">").split()
        if cells and cells[0].isdigit():
            found[cells[1]] = (mark, *cells)
    return found


def test_three_models_stand_in_one_leaderboard(suite, results, compare, predictions, log):
    assert main(["run", suite, "--results", results, "--engine", "reference", "--threads", "1"]) == 0
    (series,), (train,) = load_dataset(log).test, load_dataset(log).train
    assert compare(SKIP, "--keep-weights")[0] == 0
    assert compare(LEAST_SQUARES)[0] == 0
    code, said = compare(predictions(), "--dataset", log)
    assert code == 0
    found = rows(said)

    assert found.keys() == {"lstm", "mean", "best", SKIP, LEAST_SQUARES}
    assert [name for name, (mark, *_) in found.items() if mark] == ["best"]
    shown = {name: float(cells[6]) for name, cells in found.items()}
    assert list(shown.values()) == sorted(shown.values())
    assert [cells[1] for cells in found.values()] == ["1", "2", "3", "4", "5"]

    (record,) = (r for r in Store(results).records() if r.engine == "predictions")
    y_hat = np.load(predictions())["test"]
    assert shown["best"] == pytest.approx(rmse(y_hat, series), rel=1e-3)
    assert record.metrics["test"]["test"]["rmse"] == [pytest.approx(rmse(y_hat, series))]

    weights = np.linalg.lstsq(features(train.u), train.y)[0]
    errors = [rmse(features(series.u) @ (weights + 0.01 * seed), series) for seed in (0, 1)]
    assert shown[LEAST_SQUARES] == pytest.approx(np.median(errors), rel=1e-3)

    assert shown[SKIP] == pytest.approx(np.median([skip_error(results, seed, log) for seed in (0, 1)]), rel=1e-3)


def skip_error(results, seed, log):
    """The test error of the plug-in's kept weights, by torch alone, at the setting of least validation error."""
    data, store = load_dataset(log), Store(results)
    runs = [r for r in store.records() if r.config.model == SKIP]
    cost = {}
    for r in runs:
        cost.setdefault((r.config.hidden_size, r.config.burn_in), []).append(r.metrics["val"]["rmse"][0])
    best = min(cost, key=lambda key: np.median(cost[key]))
    (record,) = (r for r in runs if (r.config.hidden_size, r.config.burn_in, r.config.seed) == (*best, seed))
    module = Skip(1, 1, record.config.hidden_size, 1)
    module.load_state_dict(read_weights(store.weights(record.run_id)))
    (train,), (test,) = data.train, data.test
    u = torch.from_numpy(((test.u - train.u.mean()) / train.u.std()).astype(np.float32))
    with torch.no_grad():
        return rmse(module(u[None]).numpy() * train.y.std() + train.y.mean(), test)


def test_the_runs_are_those_of_the_setting_that_the_records_choose(suite, results, compare):
    main(["run", suite, "--results", results, "--engine", "reference", "--threads", "1"])
    cost = {}
    for record in Store(results).records():
        if record.config.model == "lstm":
            cost.setdefault((record.config.hidden_size, record.config.burn_in), []).append(
                record.metrics["val"]["rmse"]
            )
    width, m = min(cost, key=lambda key: np.median(cost[key]))
    compare(SKIP)
    done = {(r.config.hidden_size, r.config.burn_in) for r in Store(results).records() if r.config.model == SKIP}
    assert done == {(width, m), (width, 0)}


def test_without_records_all_runs_of_the_suite_are_done_and_filters_choose(results, compare):
    assert compare(SKIP, "--hidden-size", "3", "--seed", "4", "--steps", "2")[0] == 0
    configs = [record.config for record in Store(results).records()]
    assert sorted((c.model, c.hidden_size, c.burn_in, c.seed, c.steps) for c in configs) == [
        (SKIP, 3, 0, 4, 2),
        (SKIP, 3, 5, 4, 2),
    ]


def test_an_optimiser_is_chosen_by_name_and_is_adam_unless_the_suite_has_none(tmp_path, log, results):
    path = tmp_path / "two.toml"
    lm = f'[[groups]]\nmodel = "lstm"\ndataset = "{log}"\noptimiser = "lm"\nwarm_steps = 2\nseq_len = 20\nsteps = 3\n'
    adam = f'[[groups]]\nmodel = "lstm"\ndataset = "{log}"\nvalidate_every = 2\nseq_len = 20\nsteps = [4, 5]\n'
    of = {"like": "lstm", "model": SKIP, "results": results}

    def steps(text, **filters):
        path.write_text(f'name = "s"\n{text}')
        return [(run.model, run.optimiser, run.steps) for run in substitute(path, **of, **filters)]

    assert steps(lm + adam) == [(SKIP, "adam", 4), (SKIP, "adam", 5)]
    assert steps(lm + adam, optimiser=["lm"]) == steps(lm) == [(SKIP, "lm", 3)]
    assert steps(lm + adam, optimiser=["adam"], validate_every=[3]) == steps(lm + adam)
    assert len(steps(lm + adam, optimiser=["lm", "adam"])) == 3


@pytest.mark.parametrize("target", [SKIP, LEAST_SQUARES, "file"])
def test_what_is_done_is_not_done_again(compare, predictions, log, results, target):
    options = ("--dataset", log) if target == "file" else ("--steps", "2")
    target = predictions() if target == "file" else target
    _, first = compare(target, *options)
    before = {path: path.read_bytes() for path in Path(results).rglob("*.jsonl")}
    _, second = compare(target, *options)
    assert {path: path.read_bytes() for path in Path(results).rglob("*.jsonl")} == before != {}
    assert second.out == first.out


def test_a_table_of_predictions_has_a_name(compare, predictions, log):
    _, said = compare(predictions("mine.csv"), "--dataset", log, "--name", "subspace")
    assert list(rows(said)) == ["subspace"]


def test_identibench_can_be_forced(compare, results):
    assert compare("tests.rivals:flexible", "--identibench", "--seed", "0")[0] == 0
    (record,) = Store(results).records()
    assert (record.engine, record.config.model) == ("external", "tests.rivals:flexible")


def test_a_model_that_gives_numbers_that_are_not_finite_is_a_row_with_its_reason(compare, results):
    code, said = compare("tests.rivals:wild", "--steps", "2", "--burn-in", "0", "--seed", "0")
    assert code == 1
    assert "the outputs for train, val, test were not finite" in said.err
    assert {record.status for record in Store(results).records()} == {"diverged"}


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("tests.rivals:wide", (), r"gives shape \(3, 20, 2\) for float32 inputs .*; expected \(3, 20, 1\)"),
        ("tests.rivals:short", (), r"shape \(194, 1\), expected \(200, 1\) or \(195, 1\)"),
        ("tests.rivals:features", (), "failed: "),
        ("tests.rivals:none", (), "cannot be imported"),
        (
            "lsmt",
            (),
            r"unknown model 'lsmt'; did you mean 'lstm'.*; or a file of predictions \(\.npz, \.csv, \.parquet\)",
        ),
        (SKIP, ("--like", "gru"), "no run matches model=gru; the suite has model: lstm, mean"),
        (SKIP, ("--name", "mine"), "--name: only predictions"),
        (SKIP, ("--suite", "none.toml"), "no such suite file"),
        ("none.npz", ("--dataset", "sim_linear"), "none.npz: no such file"),
        ("none.npz", (), "of which data set"),
        ("none.npz", ("--dataset", "a", "b"), "those of one --dataset"),
        ("none.npz", ("--dataset", "a", "--steps", "3"), "--steps: predictions are those of one"),
        ("none.npz", ("--dataset", "sim_liner"), "did you mean 'sim_linear'"),
    ],
)
def test_what_cannot_be_compared_is_told(fails, target, options, said):
    line = fails(target, *options)
    assert re.search(said, line), line


def test_predictions_that_do_not_fit_are_told(fails, predictions, log):
    assert "shape (50,), expected (100, 1) or (95, 1)" in fails(predictions(length=50), "--dataset", log)
    assert "sample 7 is [nan], expected finite numbers" in fails(
        predictions(test=np.where(np.arange(100) == 7, np.nan, 0.0)), "--dataset", log
    )
    assert "no test set of tank (file) is named 'tset'" in fails(predictions(tset=np.zeros(3)), "--dataset", log)
    assert "not an npz file of plain arrays" in fails(predictions(test=np.array([{}])), "--dataset", log)


def elsewhere(tmp_path, *arguments, modules=("nt", "pandas", "pyarrow", "torch")):
    """The command in a process of its own, typed in a folder where modules lie that say so when they are imported."""
    for name in modules:
        (tmp_path / f"{name}.py").write_text(f"print('imported: {name}')")
    code = f"import sys; from sysid_tbptt.cli import main; sys.exit(main({arguments}) or 'torch' in sys.modules)"
    return subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)


def test_predictions_need_no_torch_and_execute_nothing(predictions, log, suite, results, tmp_path):
    target = str(predictions())
    done = elsewhere(tmp_path, "compare", target, "--suite", suite, "--results", results, "--dataset", log)
    assert (done.returncode, done.stderr) == (0, "")
    assert "best" in done.stdout
    assert "imported" not in done.stdout


def test_a_model_is_found_where_the_command_is_typed(suite, results, tmp_path):
    (tmp_path / "held.py").write_text("def build(context):\n    return lambda u, y_init, attrs: 0 * u\n")
    done = elsewhere(tmp_path, "compare", "held:build", "--suite", suite, "--results", results, modules=())
    assert "held:build" in rows_in(done.stdout)


def test_a_forecasting_suite_names_report_in_place_of_a_leaderboard(compare, suite):
    path = Path(suite)
    path.write_text(path.read_text().replace("[defaults]", "[defaults]\nhorizon = 3"))
    code, said = compare("tests.rivals:skip", "--hidden-size", "2", "--seed", "0")
    assert code == 0
    assert said.out.startswith("Suite 's': forecasts have no leaderboard; `sysid-tbptt report` writes their tables")
    assert said.out.count("\n") == 1
