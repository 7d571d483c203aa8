import os
import subprocess
import sys

import numpy as np
import pytest

from sysid_tbptt import cli
from sysid_tbptt.data.series import Series, Units
from sysid_tbptt.errors import StoreError, SysidError
from sysid_tbptt.report import plots
from sysid_tbptt.report.figures import burn_in, heat_map, loss
from sysid_tbptt.report.figures.traces import Page, Panel
from sysid_tbptt.runs.predictions import write_predictions
from sysid_tbptt.runs.store import Store
from tests.report.made_up import CARRIED, ERRORS, FULL, LM, record, study


@pytest.fixture
def matplotlib():
    if reason := plots.missing():
        pytest.skip(reason)


@pytest.fixture
def results(tmp_path):
    """Two studies and full BPTT; predictions of two runs."""
    store = Store(tmp_path)
    runs = [*study(loss=[3.0, 1.0]), *study(seq_len=24, loss=[3.0, 1.0]), record(0, 0.1, 0.1, 0.1, **FULL)]
    for run in runs:
        store.save(run)
    for run in (runs[0], runs[2]):
        predict(store, run)
    return store


def predict(store, run, name="test"):
    y = np.sin(np.arange(400.0))[:, None]
    series = Series(y, y, 0.1, Units(u=("V",), y=("V",)), 5, name)
    write_predictions(store.predictions(run.run_id), [series], {name: 0.9 * y})


def files(store):
    return {path.name: path.read_bytes() for path in (store.root / "figures").rglob("*.*")}


@pytest.fixture
def undrawn(monkeypatch):
    """Files with nothing in them: what is written, without drawing it."""
    monkeypatch.setattr(plots, "renderer", lambda: lambda page: {"pdf": b"", "png": b""})


def test_every_figure_is_a_pdf_and_a_png_and_the_same_to_the_byte_when_drawn_again(results, matplotlib):
    written = plots.write_figures(Store(results.root))
    best = next(run for run in results.records() if (run.config.burn_in, run.config.seq_len) == (8, 12))
    stems = {
        f"first_order-{name}"
        for name in ("burn-in", "heat-map", "time", "cost", "loss", f"lstm-N12-m{best.config.burn_in}-s0-simulation")
    }
    assert {path.name for path in written} == {f"{stem}.{suffix}" for stem in stems for suffix in ("pdf", "png")}
    assert files(results).keys() == {path.name for path in written}
    for name, content in files(results).items():
        assert content.startswith(b"%PDF" if name.endswith("pdf") else b"\x89PNG")
    first = files(results)
    plots.write_figures(Store(results.root))
    assert files(results) == first


def test_a_users_own_style_changes_nothing(results, matplotlib):
    import matplotlib as mpl

    (page,) = burn_in.pages(plots.runs_frame(results.records()))
    plain = plots.renderer()(page)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        assert plots.renderer()(page) == plain


def drawable(*records):
    draw = plots.renderer()
    pages = [page for figure in plots.STUDIES for page in figure.pages(plots.runs_frame(records))]
    return [draw(page) for page in pages]


def test_names_are_text_and_never_mathematics(matplotlib):
    names = ("$a$", "a_b^c", "Übung 100 %")
    assert drawable(*(record(m, e, e, dict.fromkeys(names, e), loss=[2.0, 1.0]) for m, e in ((0, 2.0), (5, 1.0))))


def test_errors_that_are_all_equal_can_be_drawn(matplotlib):
    runs = [record(m, 1.0, 1.0, 1.0, loss=[1.0, 1.0], seq_len=n) for n in (12, 24) for m in (0, 5)]
    assert len(drawable(*runs, record(0, 1.0, 1.0, 1.0, **FULL))) == len(plots.STUDIES)


def test_what_diverged_can_be_drawn(matplotlib):
    lost = {"status": "diverged", "loss": []}
    runs = [run for n in (12, 24) for run in study(loss=[2.0, 1.0], seq_len=n, batch_size=6)]
    runs += [record(m, 1.0, 1.0, 1.0, seq_len=48, batch_size=6, **lost) for m in (0, 5)]
    runs[0] = runs[0].model_copy(update={"status": "diverged"})
    beside = [record(0, 1.0, 1.0, 1.0, **where, **lost) for where in (FULL, CARRIED)]
    assert len(drawable(*runs, *beside)) == len(plots.STUDIES)
    seeded = [run.model_copy(update={"config": run.config.model_copy(update={"seed": 1})}) for run in runs[1:]]
    assert drawable(*runs, *seeded, record(0, *ERRORS[0], loss=[1.0], seed=1, batch_size=6))


def test_many_studies_go_on_to_further_pages(tmp_path, undrawn):
    store = Store(tmp_path)
    for rate in range(1, 22):
        for run in study(learning_rate=rate / 100):
            store.save(run)
    names = {path.name for path in plots.write_figures(Store(tmp_path))}
    assert {"first_order-burn-in.pdf", "first_order-burn-in-2.pdf"} <= names


def test_any_run_with_predictions_can_be_shown(results, undrawn):
    first = results.records()[0]
    assert [path.suffix for path in plots.write_simulation(results, first)] == [".pdf", ".png"]
    with pytest.raises(StoreError, match="no predictions of this run; --keep-weights"):
        plots.write_simulation(results, results.records()[1])


def test_of_each_model_the_run_of_least_validation_rmse_is_shown(results):
    """The RMSE after the init window, as on the leaderboard; a null is of an output that ran away."""
    runs = [record(m, 1.0, val, 1.0, model="mine") for m, val in ((3, 2.0), (4, 1.0), (5, None))]
    runs[0].metrics["val"]["mse_scaled"] = 0.0
    for run in runs:
        results.save(run)
        predict(results, run)
    assert [run for run in plots.best_predicted(results) if run.config.model == "mine"] == [runs[1]]


def test_outputs_that_came_in_a_file_are_shown_too(results, undrawn):
    given = record(0, 1.0, 1.0, 1.0, model="mine")
    given = given.model_copy(update={"engine": "predictions", "metrics": {"test": given.metrics["test"]}})
    results.save(given)
    predict(results, given)
    assert given in plots.best_predicted(results)
    assert any("mine" in path.name for path in plots.write_figures(Store(results.root)))


def test_predictions_of_other_test_sets_than_the_records_are_told(results, undrawn):
    first = results.records()[0]
    predict(results, first, name="other")
    with pytest.raises(StoreError, match=f"{first.run_id}.npz: holds other test sets"):
        plots.write_simulation(results, first)


def test_drawing_needs_neither_torch_nor_pyplot(results, matplotlib):
    code = (
        f"import sys; from sysid_tbptt.report.plots import write_figures; "
        f"from sysid_tbptt.runs.store import Store; assert write_figures(Store({str(results.root)!r})); "
        "sys.exit(bool({'torch', 'matplotlib.pyplot'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def no_matplotlib(monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)


def test_without_matplotlib_the_remedy_is_told(results, no_matplotlib):
    with pytest.raises(SysidError, match=r"pip install 'sysid-tbptt\[plots\]'"):
        plots.write_figures(Store(results.root))


def test_the_command_skips_figures_with_one_line_where_matplotlib_is_missing(results, no_matplotlib, capsys):
    assert cli.main(["report", "--results", str(results.root)]) == cli.OK
    told = capsys.readouterr()
    assert told.err == "no figures: figures need matplotlib and scikit_posthocs: pip install 'sysid-tbptt[plots]'\n"
    assert f"tables in {results.root / 'tables'}" in told.out
    assert not (results.root / "figures").exists()


def test_the_command_writes_figures_unless_told_not_to(results, matplotlib, undrawn, capsys):
    assert cli.main(["report", "--no-figures", "--results", str(results.root)]) == cli.OK
    assert not (results.root / "figures").exists()
    assert cli.main(["report", "--results", str(results.root)]) == cli.OK
    figures = results.root / "figures"
    assert f"{len(list(figures.glob('*/*')))} figures in {figures}\n" in capsys.readouterr().out
    assert (figures / "test" / "first_order-burn-in.pdf").is_file()


def test_a_figure_that_shows_what_it_should_is_not_drawn_again(results, matplotlib, monkeypatch):
    written = plots.write_figures(Store(results.root))
    drawn, draw = [], plots.renderer()

    def counted(page):
        drawn.append(page)
        return draw(page)

    monkeypatch.setattr(plots, "renderer", lambda: counted)
    assert plots.write_figures(Store(results.root)) == written
    assert not drawn
    before = files(results)
    broken = next(path for path in written if path.name == "first_order-burn-in.png")
    broken.write_bytes(b"")
    plots.write_figures(Store(results.root))
    assert (len(drawn), files(results)) == (1, before)
    results.save(record(2, 1.0, 1.0, 1.0, loss=[3.0, 1.0]))
    plots.write_figures(Store(results.root))
    assert len(drawn) > 1


def test_the_seal_is_the_same_in_every_process(matplotlib):
    """The order of a set of strings is not."""
    code = (
        "from sysid_tbptt.report.figures.seal import seal\n"
        "from sysid_tbptt.report.figures.traces import Page, Panel\n"
        "panel = Panel('a', 'x', 'y', runs=frozenset(f'run {n}' for n in range(50)))\n"
        "print(seal(Page(((panel,),), (1.0,), 3.4)))"
    )
    seals = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seals) == 1


LOGS = ("水箱.toml", "电机.toml", "a/log.toml", "a_log.toml", "A_log.toml", "run 1.toml", "run_1.toml")


def test_each_data_set_has_figures_and_tables_of_its_own(tmp_path, undrawn, capsys):
    store = Store(tmp_path)
    for dataset in LOGS:
        for run in study(dataset=dataset):
            store.save(run)
        predict(store, run)
    assert cli.main(["report", "--no-site", "--results", str(tmp_path)]) == cli.OK
    said = capsys.readouterr().out
    for folder in ("tables", "figures"):
        written = [path for path in (tmp_path / folder).rglob("*.*") if path.is_file()]
        assert f"{len(written)} {folder} in " in said
        names = [path.name.casefold() for path in written]
        assert len(set(names)) == len(names)
    for kind in ("leaderboard-*.md", "*-simulation.pdf", "*-burn-in.pdf"):
        assert len(list(tmp_path.rglob(kind))) == len(LOGS)


def test_a_name_in_any_script_can_be_drawn(matplotlib):
    assert plots.renderer()(Page(((Panel("水箱.toml", "t", "y"),),), (1.0,), 3.4, note="टंकी")).keys() == {"pdf", "png"}


def test_the_simulations_of_two_splits_are_two_figures(results, undrawn):
    runs = [record(0, 1.0, 1.0, 1.0, model="gru", split=split) for split in ("paper", "official")]
    for run in runs:
        results.save(run)
        predict(results, run)
    written = [path for run in runs for path in plots.write_simulation(results, run)]
    assert len(set(written)) == 4


def test_a_run_whose_outputs_were_not_finite_is_reported(tmp_path, matplotlib):
    """Older versions wrote such records as ok, with an error of 0 and null as RMSE."""
    store = Store(tmp_path)
    runs = [record(m, 0.0, 0.0, 0.0, model=model) for model in ("lstm", "mine") for m in (0, 5)]
    for run, bad in zip(runs, (np.nan, np.inf, np.nan, 1.0), strict=True):
        for scores in (run.metrics["train"], run.metrics["val"], run.metrics["test"]["test"]):
            scores["rmse"] = [None]
        store.save(run)
        y = 2 + np.sin(np.arange(400.0))[:, None]
        series = Series(y, y, 0.1, Units(u=("V",), y=("V",)), 5, "test")
        write_predictions(store.predictions(run.run_id), [series], {"test": bad * y})
    assert cli.main(["report", "--results", str(tmp_path)]) == cli.OK
    assert len(list(tmp_path.rglob("*-simulation.pdf"))) == 2
    assert "diverged" in next(tmp_path.rglob("leaderboard-*.md")).read_text(encoding="utf-8")


def test_each_optimiser_of_a_model_has_its_own_simulation(results, undrawn):
    lm = record(8, 1.0, 5.0, 1.0, **LM)
    results.save(lm)
    predict(results, lm)
    store = Store(results.root)
    assert {(run.config.optimiser, run.config.burn_in) for run in plots.best_predicted(store)} == {
        ("adam", 8),
        ("lm", 8),
    }
    plots.write_figures(store)
    simulated = {name for name in files(store) if name.endswith("simulation.png")}
    assert simulated == {f"first_order-lstm{of}-N12-m8-s0-simulation.png" for of in ("", "-lm")}


def test_losses_of_lm_are_over_iterations_and_the_note_says_so(matplotlib):
    adam, lm = (plots.runs_frame(study(loss=[3.0, 1.0], **of)) for of in ({}, LM))
    pages = {name: loss.pages(runs) for name, runs in (("adam", adam), ("lm", lm))}
    labels = {name: [panel.x_label for page in of for panel in page.panels] for name, of in pages.items()}
    assert labels == {"adam": ["optimiser step"], "lm": ["iteration"]}
    assert [page.note for of in pages.values() for page in of] == ["", loss.OF_LM]


def test_runs_that_took_no_iteration_are_drawn(matplotlib):
    runs = [run.model_copy(update={"steps_done": 0, "ended": "stuck"}) for run in study(loss=[], **LM)]
    assert all(drawable(*runs, *study(loss=[3.0, 1.0])))


@pytest.mark.parametrize("optimiser", [{}, LM], ids=["adam", "lm"])
def test_runs_of_one_n_less_m_have_no_figure(optimiser):
    runs = [record(m, 1.0, 1.0, 1.0 + m, seq_len=12 + m, loss=[3.0, 1.0], **optimiser) for m in (0, 5, 8)]
    assert [figure.pages(plots.runs_frame(runs)) for figure in plots.STUDIES] == [[]] * len(plots.STUDIES)
    other = record(5, 1.0, 1.0, 1.0, loss=[3.0, 1.0], **optimiser)
    assert all(figure.pages(plots.runs_frame([*runs, other])) for figure in plots.STUDIES if figure is not heat_map)
