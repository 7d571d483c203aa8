from collections import Counter
from pathlib import Path

import pytest

from sysid_tbptt.errors import ConfigError, DataError
from sysid_tbptt.runs import expand as module
from sysid_tbptt.runs.expand import expand

PAPER_SUITE = Path(__file__).parents[2] / "benchmarks/suites/paper-sysid.toml"
PAPER_STEPS = {
    "silverbox": {100: 79_600, 200: 79_200, 500: 78_000, 1000: 76_000, 20_000: 79_600},
    "wiener_hammerstein": {100: 79_600, 200: 79_200, 500: 78_000, 1000: 76_000, 20_000: 79_600},
    "rlc": {100: 97_500, 200: 96_000, 500: 91_500, 1000: 84_000, 6667: 97_500},
}


@pytest.fixture
def suite(tmp_path, own_log):
    """Writes a suite on a log with 200 training samples; ``changes`` are lines of its one group."""

    def write(changes="", **values):
        group = {"seq_len": "[10, 20]", "burn_in": "[0, 4, 8]", "batch_size": "10", "steps": "7"} | values
        lines = [f"{name} = {value}" for name, value in group.items() if value is not None]
        path = tmp_path / "suite.toml"
        path.write_text(
            f'name = "s"\n[[groups]]\ndataset = "{own_log}"\nsplit = "file"\nmodel = "lstm"\n'
            + "\n".join(lines)
            + f"\n{changes}\n"
        )
        return path

    return write


@pytest.mark.parametrize("horizon", ['"abc"', "-3", "0", "2.5", "true"])
def test_a_horizon_that_is_no_number_of_samples_is_told_before_anything_is_cut(suite, horizon):
    with pytest.raises(ConfigError, match="key 'horizon': expected a positive whole number of samples"):
        expand(suite(horizon=horizon))


def test_papers_suite_is_its_405_runs(real_data):
    runs = expand(PAPER_SUITE)
    assert len(runs) == len(set(runs)) == 405
    for dataset, steps in PAPER_STEPS.items():
        of_this = [run for run in runs if run.dataset == dataset]
        full = max(steps)
        stateless = Counter(run.seq_len for run in of_this if run.init_mode == "zero")
        assert stateless == {100: 20, 200: 30, 500: 40, 1000: 40, full: 1}
        assert Counter(run.seq_len for run in of_this if run.init_mode == "carry") == {100: 1, 200: 1, 500: 1, 1000: 1}
        assert {(run.seq_len, run.steps) for run in of_this} == set(steps.items())
        assert {run.batch_size for run in of_this if run.seq_len == full} == {1}
        assert {run.burn_in for run in of_this if run.init_mode == "carry" or run.seq_len == full} == {0}
        assert {run.learning_rate for run in of_this} == {3e-4 if dataset == "rlc" else 1e-4}
    assert {(run.split, run.model, run.hidden_size, run.seed) for run in runs} == {("paper", "lstm", 8, 0)}


def test_runs_are_in_the_suites_order(suite):
    assert [(run.seq_len, run.burn_in) for run in expand(suite())] == [(n, m) for n in (10, 20) for m in (0, 4, 8)]


def test_runs_are_not_repeated(suite):
    assert [run.burn_in for run in expand(suite(seq_len="10", burn_in="[0, 4, 0]"))] == [0, 4]


@pytest.mark.parametrize(
    ("filters", "n_runs"),
    [
        ({}, 6),
        ({"seq_len": 20}, 3),
        ({"seq_len": [20], "burn_in": (0, 8)}, 2),
        ({"burn_in": range(100)}, 6),
        ({"model": "lstm", "split": "file", "init_mode": "zero", "num_layers": 1}, 6),
        ({"seed": None}, 6),
    ],
)
def test_some_filters_choose(suite, filters, n_runs):
    assert len(expand(suite(), **filters)) == n_runs


def test_other_filters_replace_one_run_a_value(suite):
    runs = expand(suite(), seq_len=10, steps=3, seed=[0, 1], learning_rate=[0.1])
    assert [(run.burn_in, run.seed) for run in runs] == [(m, seed) for m in (0, 4, 8) for seed in (0, 1)]
    assert {(run.steps, run.learning_rate, run.epochs) for run in runs} == {(3, 0.1, None)}


def test_epochs_are_put_into_steps(suite):
    """190 windows of 11 and 189 of 12 samples make 19 and 18 full batches of 10."""
    runs = expand(suite(seq_len="[11, 12]", steps=None, epochs="3"))
    assert {(run.seq_len, run.steps, run.epochs) for run in runs} == {(11, 57, 3), (12, 54, 3)}


@pytest.mark.parametrize("budget", [{"steps": "7"}, {"steps": None, "epochs": "7"}], ids=["steps", "epochs"])
def test_either_budget_replaces_the_suites(suite, budget):
    path = suite(**budget)
    assert {(run.steps, run.epochs) for run in expand(path, steps=5)} == {(5, None)}
    assert {(run.steps, run.epochs) for run in expand(path, seq_len=10, epochs=2)} == {(38, 2)}


def test_full_is_the_training_record(suite):
    path = suite(seq_len='"full"', burn_in="0", batch_size="1")
    (run,) = expand(path, seq_len=200)
    assert (run.seq_len, run.steps) == (200, 7)


def test_aliases_are_the_same_data_set(tmp_path, monkeypatch, make_data):
    monkeypatch.setattr(module, "load_dataset", lambda name, split, horizon=None: make_data())
    path = tmp_path / "suite.toml"
    group = '[[groups]]\nsplit = "paper"\nmodel = "lstm"\nseq_len = 10\nbatch_size = 5\nsteps = 1\ndataset = '
    path.write_text(f'name = "s"\n{group}["silverbox", "emps"]\n{group}"Silverbox_Sim"\n')
    assert [run.dataset for run in expand(path)] == ["silverbox", "emps"]
    assert [run.dataset for run in expand(path, dataset="Silverbox_Sim")] == ["silverbox"]
    assert [run.dataset for run in expand(path, dataset=["EMPS_Sim"])] == ["emps"]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"seq_len": 30}, "suite 's': no run matches seq_len=30; the suite has seq_len: 10, 20"),
        ({"burn_in": [1, 2], "seq_len": 10}, "burn_in=1/2, seq_len=10; the suite has burn_in: 0, 4, 8; seq_len: 10, 2"),
        ({"hidden_size": 9}, "the suite has hidden_size: its default only"),
        ({"dataset": "silverbox"}, "no run matches dataset=silverbox"),
        ({"burnin": 0}, r"filter: unknown key 'burnin'; did you mean 'burn_in'\?"),
        ({"steps": 3, "epochs": 3}, "filter: give the budget as either 'steps' or 'epochs', not both"),
        ({"seed": []}, "filter: 'seed' is an empty list"),
        ({"steps": 0}, "group 1: key 'steps'.*: .*greater than or equal to 1, and not 0"),
        ({"seed": "0"}, "group 1: key 'seed'.*: .*valid integer, and not '0'"),
    ],
)
def test_bad_filters_are_told(suite, filters, said):
    with pytest.raises(ConfigError, match=said):
        expand(suite(), **filters)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"burn_in": "10"}, "burn_in=10 leaves no step of a subsequence of seq_len=10"),
        ({"seq_len": "201"}, "seq_len=201 is longer than the training record of 200 samples; choose seq_len <= 200"),
        ({"seq_len": "190", "batch_size": "12"}, "batch_size=12 is more than the 11 windows.*choose batch_size <= 11"),
        ({"init_mode": '"carry"', "batch_size": "3"}, "multiple of batch_size, got 10 and 3"),
        ({"init_mode": '"steady"'}, "key 'init_mode'.*: .*and not 'steady'"),
        ({"steps": "1.5"}, "key 'steps'.*: .*and not 1.5"),
        ({"steps": '"many"'}, "key 'steps'.*: .*and not 'many'"),
        ({"learning_rate": "true"}, "key 'learning_rate'.*: .*and not True"),
        ({"learning_rate": "inf"}, "key 'learning_rate'.*: .*finite number, and not inf"),
        ({"seq_len": None}, "key 'seq_len'.* is missing"),
    ],
)
def test_unusable_settings_name_file_and_group(suite, values, said):
    with pytest.raises(ConfigError, match=rf"suite\.toml, group 1.*{said}"):
        expand(suite(**values))


@pytest.mark.parametrize(("line", "given"), [("", "None"), ("dataset = 3", "3")])
def test_a_data_set_must_be_named(tmp_path, line, given):
    path = tmp_path / "suite.toml"
    path.write_text(f'name = "s"\n[[groups]]\nmodel = "lstm"\nseq_len = 10\nsteps = 1\n{line}\n')
    with pytest.raises(ConfigError, match=f"group 1: key 'dataset': expected a name, got {given}"):
        expand(path)


def test_full_needs_records_of_one_length(suite, monkeypatch, make_data):
    monkeypatch.setattr(module, "load_dataset", lambda name, split, horizon=None: make_data(lengths=(50, 60)))
    with pytest.raises(
        ConfigError, match=r"'full' needs training records of one length, .*\[50, 60\]; give seq_len as"
    ):
        expand(suite(seq_len='"full"', burn_in="0"))


def test_an_epoch_counts_the_windows_of_the_records_that_are_long_enough(suite, monkeypatch, make_data):
    monkeypatch.setattr(module, "load_dataset", lambda name, split, horizon=None: make_data(lengths=(50, 9, 60)))
    (run,) = expand(suite(seq_len="10", burn_in="0", batch_size="4", steps=None, epochs="3"))
    assert run.steps == 3 * ((41 + 51) // 4)
    with pytest.raises(ConfigError, match=r"group 1, .*longer than all training records, the longest .* 60 samples"):
        expand(suite(seq_len="61", burn_in="0"))


def test_a_data_set_that_cannot_be_had_is_told(suite, own_log):
    path = suite()
    own_log.with_name("log.csv").unlink()
    with pytest.raises(DataError, match=r"log\.csv: no such file"):
        expand(path)
