import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sysid_tbptt import registry
from sysid_tbptt.cli import main
from sysid_tbptt.cli.options import FILTERS
from sysid_tbptt.data.source import Source
from sysid_tbptt.registry import load_dataset
from sysid_tbptt.runs import harness
from sysid_tbptt.runs.harness import train
from sysid_tbptt.runs.store import Store

MODELS = """
import torch

class FailsLate(torch.nn.Module):
    def __init__(self, n_u, n_y):
        super().__init__()
        self.gain, self.calls = torch.nn.Linear(n_u, n_y), 0

    def forward(self, u):
        self.calls += self.training
        if self.calls > 20:
            raise ValueError("too many steps for me")
        return self.gain(u)

def build(*, n_u, n_y, **_):
    return FailsLate(n_u, n_y)
"""


@pytest.fixture(autouse=True)
def _signals_as_before():
    """The command line takes SIGTERM for itself; pytest gets it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def log(own_log):
    """A user's own log, with units and samples to initialise from."""
    own_log.write_text(own_log.read_text() + 'units_y = ["m"]\nn_init = 5\n')
    return str(own_log)


@pytest.fixture
def results(tmp_path):
    return str(tmp_path / "results")


@pytest.fixture
def suite(tmp_path, log):
    path = tmp_path / "suite.toml"
    path.write_text(
        f'name = "s"\n[[groups]]\ndataset = "{log}"\nsplit = "file"\nmodel = "lstm"\nhidden_size = 2\n'
        "seq_len = 10\nburn_in = [0, 4]\nbatch_size = 8\nsteps = 3\n"
    )
    return str(path)


@pytest.fixture
def run(suite, results):
    """`sysid-tbptt run` of the suite on one worker, with more options."""

    def run(*options):
        return main(["run", suite, "--results", results, "--engine", "reference", "--threads", "1", *options])

    return run


@pytest.fixture
def fails(capsys):
    """A command that ends with code 2 and one line on stderr; gives the line."""

    def fails(*arguments):
        capsys.readouterr()
        assert main(list(arguments)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        return said.err

    return fails


# datasets


@pytest.fixture
def one_source(monkeypatch):
    source = Source("tank", ("paper", "halves"), print, lambda: "missing", "3 MB", "a server", "CC BY 4.0", "Åström")
    monkeypatch.setattr(registry, "sources", lambda: (source,))


def test_datasets_are_told_with_state_source_licence_and_citation(one_source, capsys):
    assert main(["datasets"]) == 0
    said = capsys.readouterr().out
    for text in ("tank", "paper, halves", "missing", "3 MB", "a server", "tank: Åström (licence: CC BY 4.0)"):
        assert text in said


def test_datasets_as_json(one_source, capsys):
    assert main(["datasets", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["name"], told["splits"], told["state"]) == ("tank", ["paper", "halves"], "missing")
    assert told.keys() == {"name", "splits", "state", "size", "origin", "licence", "citation"}


def test_every_known_data_set_is_told(capsys):
    assert main(["datasets", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["state"] for row in told} <= {"embedded", "cached", "missing"}
    assert {row["name"] for row in told} >= {"silverbox", "wiener_hammerstein", "rlc"}


# run, status, report


def test_from_runs_to_tables(run, results, capsys, fails):
    assert run() == 0
    assert "2 runs: 2 ok, 0 failed or diverged" in capsys.readouterr().out
    records = Store(results).records()
    assert sorted(record.config.burn_in for record in records) == [0, 4]
    files = {path: path.read_bytes() for path in Path(results).rglob("*.jsonl")}

    assert run() == 0
    assert "2 runs, 2 done already, 0 to do" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path(results).rglob("*.jsonl")} == files

    assert main(["status", "--results", results]) == 0
    said = capsys.readouterr().out
    assert "2 records in" in said
    assert "0 runs under way" in said

    assert main(["report", "--results", results]) == 0
    assert "site/index.html" in capsys.readouterr().out
    kinds = {path.suffix for path in Path(results).glob("tables/*/*")}
    assert kinds == {".md", ".csv", ".tex"}
    assert (Path(results) / "site/index.html").is_file()


def test_tables_are_written_as_groups_are_complete(run, results, capsys):
    assert run("--tables") == 0
    tables = list(Path(results).glob("tables/*/*"))
    assert capsys.readouterr().out.count("written: ") == len(tables) >= 3


@pytest.mark.parametrize("done", [False, True])
def test_dry_run_tells_and_writes_nothing(run, results, capsys, done):
    if done:
        run("--burn-in", "0")
    before = list(Path(results).rglob("*"))
    capsys.readouterr()
    assert run("--dry-run") == 0
    said = capsys.readouterr().out
    assert f"2 runs, {int(done)} done already, {2 - done} to do: about " in said
    assert " s on 1 workers" in said
    assert list(Path(results).rglob("*")) == before


def test_dry_run_tells_time_and_cost_by_number_of_workers(run, results, capsys):
    assert run("--burn-in", "0") == 0
    spent = Store(results).records()[0].time
    capsys.readouterr()
    assert run("--seed", "0", "1", "2", "--dry-run", "--price", "3600", "--threads", "7") == 0
    said = capsys.readouterr().out
    assert "6 runs, 1 done already, 5 to do: about 0 s on 7 workers" in said
    assert "Speed: of 5 runs from records of this machine, of 0 from a trial." in said
    rows = [line.split() for line in said.splitlines()]
    costs = {int(row[0]): float(row[-1]) for row in rows if len(row) == 5 and row[0].isdecimal()}
    alone = spent.train_s + spent.evaluate_s
    on = {1: 5, 2: 2 * 3, 4: 4 * 2, 5: 5, 7: 7}  # workers times runs that come one after another
    assert costs == pytest.approx({workers: n * alone for workers, n in on.items()}, abs=0.006)


def test_dry_run_says_what_comes_from_a_trial_and_has_no_cost_without_a_price(run, capsys):
    assert run("--dry-run") == 0
    said = capsys.readouterr().out
    assert "Speed: of 0 runs from records of this machine, of 2 from a trial." in said
    assert "cost" not in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resources", "GPU=1"], "--resources: of workers of a cluster; add --workers"),
        (["--workers", "2", "--threads", "2"], "--threads: of this process, where a cluster trains; leave it out"),
    ],
)
def test_options_that_do_not_go_together_are_told(fails, suite, options, said):
    assert said in fails("run", suite, *options)
    assert said in fails("run", suite, *options, "--dry-run")


def test_no_cluster_is_started_where_nothing_is_to_do(run, suite, results, monkeypatch):
    assert run() == 0
    monkeypatch.setattr("sysid_tbptt.runs.connection.connect", None)
    assert main(["run", suite, "--results", results, "--workers", "2"]) == 0


def test_only_a_plan_has_a_price(fails, suite):
    assert "--price: only a plan has a price; add --dry-run" in fails("run", suite, "--price", "1")


def test_filters_choose_and_replace(run, results):
    assert run("--burn-in", "4", "--seed", "0", "1", "--steps", "2", "--clip-norm", "none", "--model", "lstm") == 0
    told = [(r.config.burn_in, r.config.seed, r.config.steps, r.config.clip_norm) for r in Store(results).records()]
    assert sorted(told) == [(4, 0, 2, None), (4, 1, 2, None)]


def test_a_run_that_diverges_is_told_and_not_done_again(run, results, capsys):
    for expected in ("1 to do", "0 to do"):
        assert run("--learning-rate", "1e30", "--burn-in", "0") == 1
        said = capsys.readouterr()
        assert expected in said.err
        assert "1 runs: 0 ok, 1 failed or diverged" in said.out
    (record,) = Store(results).records()
    assert record.status == "diverged"
    assert record.reason is not None


def test_a_run_that_fails_is_told_and_done_again(run, suite, results, tmp_path, monkeypatch, capsys):
    (tmp_path / "fails_late.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    path = Path(suite)
    path.write_text(path.read_text().replace('"lstm"', '"fails_late:build"'))
    for _ in range(2):
        assert run("--burn-in", "0", "--steps", "30") == 1
        assert "1 to do" in capsys.readouterr().err
    (record,) = Store(results).records()
    assert (record.status, record.done) == ("failed", False)
    assert "ValueError: too many steps for me" in record.reason


def test_ctrl_c_ends_with_130(run, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "train", interrupted)
    assert run() == 130
    assert capsys.readouterr().err == "stopped\n"


def test_damaged_lines_are_told(run, results, capsys):
    run("--burn-in", "0")
    (path,) = Path(results).rglob("*.jsonl")
    path.write_text(path.read_text() + "half a li\n")
    capsys.readouterr()
    assert main(["status", "--results", results]) == 0
    assert ", line 2: not a line of JSON" in capsys.readouterr().err


def test_status_of_an_empty_folder(results, capsys):
    assert main(["status", "--results", results]) == 2
    assert f"{results}: no such results folder" in capsys.readouterr().err
    Path(results).mkdir()
    assert main(["status", "--results", results]) == 0
    assert "0 records in" in capsys.readouterr().out


# Bad usage and input


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["trian"],
        ["run"],
        ["run", "s.toml", "--steps", "many"],
        ["run", "s.toml", "--threads", "0"],
        ["run", "s.toml", "--threads", "many"],
        ["run", "s.toml", "--clip-norm", "many"],
        ["run", "s.toml", "--engine", "fast"],
        ["run", "s.toml", "--suite", "3"],
        ["run", "s.toml", "--dry-run", "--price", "-1"],
        *(["run", "s.toml", "--workers", "1", "--resources", x] for x in ("GPU", "GPU=-1", "GPU=nan", "=1")),
        ["score", "w.safetensors"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "usage: sysid-tbptt" in said
    assert "lambda" not in said
    assert "_positive" not in said


@pytest.mark.parametrize(
    "command", ["datasets", "run", "status", "reproduce", "score", "stability", "choose", "report", "compare", "submit"]
)
def test_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--help" in capsys.readouterr().out


def test_every_filter_is_an_option(capsys):
    with suppress(SystemExit):
        main(["run", "--help"])
    said = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')} " in said for name in FILTERS)


def test_bad_input_is_one_line_and_code_2(fails, suite, results, tmp_path, log):
    options = ("--results", results, "--threads", "1")
    assert "no such suite file" in fails("run", str(tmp_path / "none.toml"), *options)
    assert "the suite has burn_in: 0, 4" in fails("run", suite, "--burn-in", "5", *options)
    assert "key 'learning_rate'" in fails("run", suite, "--learning-rate", "inf", *options)
    assert "key 'lr_schedule'" in fails("run", suite, "--lr-schedule", "linear", *options)
    assert "no table can be made yet" in fails("report", *options[:2])
    assert "unknown data set 'nil'" in fails("score", "w", "--dataset", "nil")
    assert "no such file" in fails("score", "w", "--dataset", log)
    assert not (tmp_path / "results").exists()


def test_a_results_folder_that_cannot_be_written(fails, suite, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be written" in fails("run", suite, "--threads", "1", "--results", str(tmp_path / "file" / "results"))
    assert "cannot be written" in fails("run", suite, "--threads", "1", "--results", str(tmp_path / "file"))


# score


class Network(torch.nn.Module):
    """A zoo network in torch's own modules alone."""

    def __init__(self, cell, hidden_size, num_layers=1):
        super().__init__()
        self.rnn = getattr(torch.nn, cell)(1, hidden_size, num_layers, batch_first=True)
        self.readout = torch.nn.Linear(hidden_size, 1)

    def forward(self, u):
        return self.readout(self.rnn(u)[0])


@pytest.fixture
def weights(tmp_path):
    """A file of a network's weights."""

    def weights(network):
        path = tmp_path / "w.safetensors"
        save_file(network.state_dict(), path)
        return str(path)

    return weights


@pytest.fixture
def scored(capsys, log):
    def scored(path, *options):
        capsys.readouterr()
        assert main(["score", path, "--dataset", log, "--json", *options]) == 0
        return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    return scored


def simulated(network, part, train):
    """Output of a part in physical units and its standardised error, from the log's columns u, y."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    scaled = ((part - mean) / std).astype(np.float32)
    with torch.no_grad():
        y_hat = network(torch.from_numpy(scaled[None, :, :1])).numpy()[0, :, 0]
    return y_hat * std[1] + mean[1], np.mean((y_hat.astype(float) - scaled[:, 1]) ** 2)


@pytest.mark.parametrize(
    ("cell", "hidden_size", "num_layers", "options"),
    [
        ("RNN", 3, 1, []),
        ("GRU", 4, 2, []),
        ("LSTM", 5, 1, []),
        ("LSTM", 2, 2, ["--model", "lstm"]),
        ("LSTM", 2, 2, ["--model", "lstm", "--hidden-size", "2"]),
        ("LSTM", 2, 2, ["--model", "lstm", "--hidden-size", "2", "--num-layers", "2"]),
    ],
)
def test_scores_are_those_of_torchs_own_modules(scored, weights, tmp_path, cell, hidden_size, num_layers, options):
    torch.manual_seed(1)
    network = Network(cell, hidden_size, num_layers)
    told = scored(weights(network), *options)
    assert (told["model"], told["hidden_size"], told["split"]) == (cell.lower(), hidden_size, "file")
    table = np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1)
    train, val, test = table[:200], table[200:300], table[300:]
    metrics = told["metrics"]
    for part, scores in ((train, metrics["train"]), (val, metrics["val"]), (test, metrics["test"]["test"])):
        y_hat, mse = simulated(network, part, train)
        error = part[5:, 1] - y_hat[5:]
        assert scores["mse_scaled"] == pytest.approx(mse, rel=1e-5)
        assert scores["rmse"] == pytest.approx([np.sqrt(np.mean(error**2))], rel=1e-5)
        assert scores["mae"] == pytest.approx([np.mean(np.abs(error))], rel=1e-5)
        assert scores["r2"] == pytest.approx([1 - np.mean(error**2) / np.var(part[5:, 1])], rel=1e-5)
        assert (scores["unit"], scores["n_scored"]) == (["m"], len(part) - 5)


def test_kept_weights_score_as_their_record_says(run, scored, results):
    assert run("--keep-weights", "--burn-in", "4") == 0
    (record,) = Store(results).records()
    assert scored(str(Store(results).weights(record.run_id)))["metrics"] == record.metrics


def test_arx_scores_as_its_record_says(suite, scored, results):
    text = Path(suite).read_text().replace('"lstm"', '"arx"').replace("[0, 4]", "0")
    Path(suite).write_text(text)
    assert main(["run", suite, "--results", results, "--threads", "1", "--keep-weights"]) == 0
    (record,) = Store(results).records()
    options = ("--model", "arx", "--hidden-size", "2")
    assert scored(str(Store(results).weights(record.run_id)), *options)["metrics"] == record.metrics


def test_forecasts_score_as_their_record_says(run, scored, results, fails, log):
    assert run("--keep-weights", "--burn-in", "4") == 0
    (record,) = Store(results).records()
    config = record.config.model_copy(update={"horizon": 3})
    (forecast,) = train([config], results=results, workers=1, keep_weights=True)
    weights = str(Store(results).weights(forecast.run_id))
    window = ("--seq-len", str(config.seq_len))
    assert scored(weights, "--horizon", "3", *window)["metrics"] == forecast.metrics
    for alone in (("--horizon", "3"), window):
        path = weights if "--horizon" in alone else str(Store(results).weights(record.run_id))
        assert "give both, or none" in fails("score", path, "--dataset", log, *alone)


def test_scores_to_read(weights, log, capsys):
    assert main(["score", weights(Network("GRU", 3)), "--dataset", log]) == 0
    said = capsys.readouterr().out
    assert f"gru on {load_dataset(log).name}, file split" in said
    assert all(text in said for text in ("train", "val", "test", "MSE scaled", "RMSE", "fit %"))


def test_scores_that_are_not_defined_are_null(scored, weights, tmp_path):
    lines = (tmp_path / "log.csv").read_text().splitlines()
    lines[301:] = [line.split(",")[0] + ",1.0" for line in lines[301:]]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    assert scored(weights(Network("LSTM", 2)))["metrics"]["test"]["test"]["r2"] == [None]


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        (Network("LSTM", 3), ["--model", "gru"], "weight 'rnn.bias_hh_l0': given shape (12,), expected shape (9,)"),
        (Network("LSTM", 3), ["--hidden-size", "4"], "weight 'readout.weight': given shape (1, 3), expected shape (1,"),
        (Network("LSTM", 3).rnn, [], "no recurrent weight 'rnn.weight_hh_l0'"),
        (Network("LSTM", 3), ["--model", "lstn"], "unknown model 'lstn'"),
        (Network("LSTM", 3), ["--split", "paper"], "has the split 'file' only"),
    ],
    ids=["cell", "width", "names", "model", "split"],
)
def test_weights_that_do_not_fit_are_told(fails, weights, log, network, options, said):
    assert said in fails("score", weights(network), "--dataset", log, *options)


def test_a_file_of_no_weights_is_told(fails, log):
    assert "not a safetensors file" in fails("score", log, "--dataset", log)


def test_report_needs_no_torch(run, results):
    run()
    report = f"main({['report', '--results', results]!r})"
    code = f"import sys; from sysid_tbptt.cli import main; sys.exit({report} or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
