import numpy as np
import pytest

from sysid_tbptt.report import plots
from sysid_tbptt.report.leaderboard import board
from sysid_tbptt.report.ranks import standings
from sysid_tbptt.report.stats import ranking
from tests.report.made_up import record

MODELS = ("lstm", "gru", "rnn")
TESTS = {"a": (1.0, 2.0, 3.0), "b": (2.0, 1.0, 3.0), "c": (1.0, 2.0, 3.0), "d": (1.0, 3.0, 2.0)}
"""Errors of `MODELS` by data set."""


def runs(tests=TESTS, models=MODELS, **config):
    return [
        record(0, 1.0, 1.0, error, dataset=dataset, model=model, **config)
        for dataset, errors in tests.items()
        for model, error in zip(models, errors, strict=False)
    ]


def only(records):
    (found,) = standings(board(records))
    return found


def test_ranks_are_averaged_over_data_sets():
    found = only(runs())
    assert found.ranking.ranks.to_dict() == {"lstm": 5 / 4, "gru": 8 / 4, "rnn": 11 / 4}
    assert found.ranking.n_tests == 4
    assert "lstm 1.25, gru 2.00, rnn 2.75" in str(found)
    assert f"{found.ranking.critical_difference:.2f}" in str(found)


def test_units_do_not_matter():
    scaled = {name: tuple(1000 * error for error in errors) for name, errors in TESTS.items()}
    assert only(runs(scaled)).ranking.ranks.equals(only(runs()).ranking.ranks)


def test_every_test_set_counts():
    models = zip(MODELS, (1.0, 2.0, 3.0), strict=True)
    several = [record(0, 1.0, 1.0, dict.fromkeys("xyz", error), model=model) for model, error in models]
    assert only(several).ranking.n_tests == 3


@pytest.mark.parametrize(
    ("records", "there"),
    [
        (runs({"a": TESTS["a"], "b": TESTS["b"]}), "there are 3 on 2"),
        (runs(models=MODELS[:2]), "there are 2 on 4"),
    ],
)
def test_too_few_are_not_ranked_and_the_reason_is_said(records, there):
    found = only(records)
    assert found.ranking is None
    assert there in str(found)


def test_a_model_that_lacks_a_test_set_is_left_out_and_named():
    found = only(runs() + runs({"a": (0.5,), "b": (0.5,)}, models=["fir"]))
    assert set(found.ranking.ranks.index) == set(MODELS)
    assert found.left_out == ("fir",)
    assert "Without fir" in str(found)


def test_the_mean_is_not_ranked():
    mean = runs(dict.fromkeys(TESTS, (9.0,)), models=["mean"])
    assert set(only(runs() + mean).ranking.ranks.index) == set(MODELS)


@pytest.mark.parametrize("field", ["suite", "split"])
def test_suites_and_splits_are_apart(field):
    found = standings(board(runs() + runs(**{field: "other"})))
    assert [standing.ranking.n_tests for standing in found] == [4, 4]


@pytest.fixture
def drawable():
    if reason := plots.missing():
        pytest.skip(reason)


def test_the_diagram_is_written_the_same_to_the_byte_when_drawn_again(drawable, tmp_path):
    first, again = ({path.name: path.read_bytes() for path in plots.write_ranks(runs(), tmp_path)} for _ in range(2))
    assert first == again
    assert first["critical-difference.png"].startswith(b"\x89PNG")
    assert first["critical-difference.pdf"].startswith(b"%PDF")
    assert b"<svg" in first["critical-difference.svg"]


def test_several_splits_have_a_diagram_each_and_too_few_models_none(drawable, tmp_path, monkeypatch):
    from sysid_tbptt.report.figures import critical_difference

    monkeypatch.setattr(critical_difference, "drawn", lambda ranking, note: {"png": b""})
    written = plots.write_ranks(runs() + runs(split="other"), tmp_path)
    assert {path.name for path in written} == {"critical-difference-made.png", "critical-difference-other.png"}
    assert plots.write_ranks(runs(models=MODELS[:2]), tmp_path) == []


def test_bars_join_the_models_that_cannot_be_told_apart_and_names_are_text(drawable):
    import pandas as pd
    from matplotlib.colors import to_hex

    from sysid_tbptt.report.figures import critical_difference
    from sysid_tbptt.report.figures.traces import BLUE

    names = ["$a_1$", "b" * 60, "b" * 61, "{d}"]
    errors = pd.DataFrame(np.random.default_rng(0).random((30, 4)) + np.arange(4) * [0, 0.1, 5, 5], columns=names)
    found = ranking(errors)
    (axes,) = critical_difference._figure(found, "note").axes
    lines = [list(line.get_xdata()) for line in axes.lines if to_hex(line.get_color()) == BLUE.lower()]
    assert lines == [sorted(line) for line in lines], "the same in every process"
    bars = [sorted(set(line)) for line in lines]
    apart = np.abs(found.ranks.to_numpy()[:, None] - found.ranks.to_numpy()) > found.critical_difference
    assert apart[0, 2]
    assert not apart[0, 1]
    assert [found.ranks.iloc[0], found.ranks.iloc[1]] in bars
    assert all(ends[-1] - ends[0] < found.critical_difference for ends in bars)
    texts = [text.get_text() for text in axes.texts]
    assert len({text.split(" (")[0] for text in texts}) == len(texts)
    assert any(r"\$a_1\$" in text for text in texts)


def test_an_optimiser_makes_a_method_of_its_own_that_is_named_and_explained():
    lm = runs(dict.fromkeys(TESTS, (0.5,)), models=["gru"], optimiser="lm")
    found = only(runs() + lm)
    assert found.ranking.ranks.to_dict() == {"gru (lm)": 1.0, "lstm": 9 / 4, "gru": 12 / 4, "rnn": 15 / 4}
    assert "gru (lm) 1.00, lstm 2.25, gru 3.00" in str(found)
    assert "(lm): trained by Levenberg-Marquardt" in str(found)
    assert "Levenberg" not in str(only(runs()))


def test_lm_on_some_data_sets_only_is_left_out_and_changes_no_rank():
    found = only(runs() + runs({"a": (0.5,), "b": (0.5,)}, models=["gru"], optimiser="lm"))
    assert found.ranking.ranks.equals(only(runs()).ranking.ranks)
    assert found.left_out == ("gru (lm)",)
    assert "Without gru (lm)" in str(found)


def test_the_diagram_has_lm_as_a_method_of_its_own(drawable, tmp_path):
    lm = runs(dict.fromkeys(TESTS, (0.5,)), models=["gru"], optimiser="lm")
    (svg,) = (path for path in plots.write_ranks(runs() + lm, tmp_path) if path.suffix == ".svg")
    assert "gru (lm) (1.00)" in svg.read_text()


def test_predictions_that_are_named_as_a_method_of_lm_are_another_method(drawable, tmp_path):
    of = dict.fromkeys(TESTS, (0.5,))
    given = [run.model_copy(update={"engine": "predictions"}) for run in runs(of, models=["gru (lm)"])]
    records = [*runs(), *runs(of, models=["gru"], optimiser="lm"), *given]
    assert only(records).ranking.ranks.index.is_unique
    assert len(plots.write_ranks(records, tmp_path)) == 3
