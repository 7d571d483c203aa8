import tomllib

from sysid_tbptt.cli import main
from sysid_tbptt.runs.choice import choose, settings, validation_error
from sysid_tbptt.runs.expand import expand
from sysid_tbptt.runs.finals import final_suite
from sysid_tbptt.runs.store import Store
from tests.report.made_up import record

SIMULATED = {"suite": "search", "dataset": "sim_duffing", "split": "simulated"}


def tried(m, val, *, test=0.0, **changes):
    return record(m, 0.0, val, test, **(SIMULATED | changes))


def suite_of(records, **changes):
    return tomllib.loads(final_suite(records, **({"search": "search", "name": "final", "seeds": 3} | changes)))


def test_setting_is_all_but_the_seed():
    runs = [tried(3, 1.0, seed=0), tried(5, 1.0, seed=0), tried(3, 4.0, seed=7), tried(3, 2.0, seed=1)]
    first, second = settings(runs)
    assert first.records == (runs[0], runs[2], runs[3])
    assert (first.validation, second.validation) == (2.0, 1.0)
    assert first.config.seed == 0


def test_choice_is_the_least_median_validation_error_whatever_the_test_error():
    lucky = [tried(3, val, test=0.0, seed=seed) for seed, val in enumerate([0.1, 9.0, 9.0])]
    sound = [tried(5, val, test=99.0, seed=seed) for seed, val in enumerate([2.0, 2.0, 3.0])]
    assert choose(settings(lucky + sound)).config.burn_in == 5


def test_runs_that_did_not_end_well_count_as_infinite():
    runs = [tried(3, 0.1, seed=0), tried(3, 0.1, seed=1, status="diverged"), tried(3, 0.1, seed=2, status="failed")]
    assert validation_error(runs[1]) == float("inf")
    assert choose(settings([*runs, *(tried(5, 7.0, seed=seed) for seed in range(3))])).config.burn_in == 5


def test_a_setting_of_fewer_seeds_is_not_chosen():
    assert choose(settings([tried(3, 2.0, seed=0), tried(3, 2.0, seed=1), tried(5, 1.0)])).config.burn_in == 3


def test_predictions_have_no_validation_error_to_be_chosen_by_and_stand_alone():
    given = [tried(0, 0.0, seed=seed, seq_len=24, where={"engine": "predictions"}) for seed in range(4)]
    trained = [tried(3, 1.0, seed=seed) for seed in range(2)]
    assert choose(settings(given + trained)).config.burn_in == 3
    assert choose(settings(given)).records == tuple(given)


def test_final_suite_has_the_choice_of_each_model_and_m_zero_beside_it():
    runs = [tried(m, val, model=model) for model in ("lstm", "gru") for m, val in ((0, 3.0), (4, 1.0), (9, 2.0))]
    runs += [tried(4, 0.5, model="gru", hidden_size=16)]
    gru, lstm = suite_of(runs)["groups"]
    assert (gru["model"], gru["hidden_size"], gru["burn_in"], gru["seed"]) == ("gru", 16, [4, 0], [0, 1, 2])
    assert (lstm["model"], lstm["hidden_size"], lstm["burn_in"]) == ("lstm", 4, [4, 0])


def test_where_m_zero_is_chosen_the_best_other_m_of_the_same_setting_stands_beside():
    runs = [tried(0, 1.0), tried(4, 3.0), tried(9, 2.0), tried(7, 1.5, hidden_size=16)]
    (group,) = suite_of(runs)["groups"]
    assert group["burn_in"] == [0, 9]
    (alone,) = suite_of(runs[:1])["groups"]
    assert alone["burn_in"] == [0]


def test_settings_of_fewer_seeds_are_not_counted_among_those_chosen_from():
    runs = [tried(m, val, seed=seed) for m, val in ((0, 3.0), (4, 2.0)) for seed in (0, 1)] + [tried(9, 1.0)]
    text = final_suite(runs, search="search", name="final", seeds=3)
    assert "validation RMSE 2, median over 2 seeds; the least of 2 settings" in text


LM = {"optimiser": "lm", "warm_steps": 20, "ridge": 1e-6}


def test_each_optimiser_of_a_model_has_its_own_choice_and_m_zero_of_the_same_setting():
    adam = [tried(m, val, model="gru", learning_rate=0.02) for m, val in ((0, 3.0), (4, 2.0))]
    lm = [tried(m, val, model="gru", seq_len=n, **LM) for n, m, val in ((12, 0, 1.5), (12, 4, 1.0), (20, 4, 0.9))]
    groups = suite_of([*lm, *adam])["groups"]
    assert [group.get("optimiser", "adam") for group in groups] == ["adam", "lm"]
    assert [group["burn_in"] for group in groups] == [[4, 0], [4, 0]]
    assert (groups[0]["learning_rate"], groups[1]["seq_len"], groups[1]["ridge"]) == (0.02, 20, 1e-6)
    assert suite_of(adam)["groups"] == groups[:1], "other optimisers change no group"


def test_a_default_stride_follows_m_and_a_stride_that_is_set_stays(tmp_path):
    for stride, expected in ((None, {4: 8, 0: 12}), (5, {4: 5, 0: 5})):
        (group,) = suite_of([tried(4, 1.0, model="gru", stride=stride, **LM)])["groups"]
        assert group.get("stride") == stride
        path = tmp_path / "final.toml"
        path.write_text(final_suite([tried(4, 1.0, model="gru", stride=stride, **LM)], search="s", name="f", seeds=1))
        assert {run.burn_in: run.samples_apart for run in expand(path)} == expected
        assert {run.seq_len for run in expand(path)} == {12}


def test_where_lm_prefers_m_zero_the_best_other_m_of_the_same_n_stands_beside():
    runs = [tried(m, val, seq_len=n, **LM) for n, m, val in ((12, 0, 1.0), (12, 4, 3.0), (12, 9, 2.0), (16, 4, 1.1))]
    (group,) = suite_of(runs)["groups"]
    assert (group["seq_len"], group["burn_in"]) == (12, [0, 9])


def test_a_model_in_closed_form_has_one_group_whatever_its_optimiser():
    fir = {"model": "fir", "where": {"engine": "closed_form"}}
    (group,) = suite_of([tried(0, 1.0, **fir), tried(0, 2.0, optimiser="lm", **fir)])["groups"]
    assert "optimiser" not in group


def test_models_in_closed_form_run_once():
    fir = {"model": "fir", "hidden_size": 30, "where": {"engine": "closed_form"}}
    (group,) = suite_of([tried(0, 1.0, **fir), tried(0, 2.0, **(fir | {"hidden_size": 10}))])["groups"]
    assert "seed" not in group
    assert group["hidden_size"] == 30


def test_the_command_writes_a_suite_that_expands_to_the_chosen_runs(tmp_path):
    store = Store(tmp_path / "results")
    runs = [tried(m, val, hidden_size=8, weight_decay=0.1) for m, val in ((0, 3.0), (4, 1.0))]
    for run in [*runs, tried(9, 0.1, suite="another")]:
        store.save(run)
    path = tmp_path / "mine.toml"
    assert main(["choose", "search", str(path), "--seeds", "2", "--results", str(store.root)]) == 0
    expected = [run.config.model_copy(update={"suite": "mine", "seed": seed}) for run in runs[::-1] for seed in (0, 1)]
    assert sorted(expand(path), key=repr) == sorted(expected, key=repr)


def test_without_records_the_command_says_what_makes_them(tmp_path, capsys):
    (tmp_path / "records").mkdir()
    assert main(["choose", "search", str(tmp_path / "mine.toml"), "--results", str(tmp_path)]) == 2
    assert "no record of a suite 'search'" in capsys.readouterr().err
