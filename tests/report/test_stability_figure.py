import subprocess
import sys

import numpy as np
import pytest

from sysid_tbptt.report import plots
from sysid_tbptt.report.figures import burn_in, stability
from sysid_tbptt.report.plots import runs_frame
from sysid_tbptt.runs.stability import StabilityRecord, write_stability
from sysid_tbptt.training.bound import best_burn_in, bound
from sysid_tbptt.training.decay import Decay
from sysid_tbptt.training.forgetting import fit
from tests.report.made_up import ERRORS, FULL, record, stored, study

GAINS = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 1))


def estimate(run, factor=0.8):
    decay = Decay(GAINS * factor ** np.arange(1, 101), np.full((40, 1), 1e-13))
    return StabilityRecord.of(fit(decay), run_id=run.run_id, config=run.config, seed=0, provenance=run.provenance)


def rows(runs, *estimates):
    return [row for page in stability.pages(runs_frame(runs), list(estimates)) for row in page.rows]


def by_label(traces):
    return {trace.label: trace for trace in traces}


def test_the_decay_is_shown_with_its_line_and_bound():
    runs = study()
    ((panel, _),) = rows(runs, estimate(runs[1]))
    lines = by_label(panel.lines)
    t = np.array(lines["median over pairs"].x)
    assert np.allclose(lines["median over pairs"].y, np.median(GAINS) * 0.8**t, rtol=1e-5)
    assert np.allclose(lines["root mean square"].y, np.sqrt(np.mean(GAINS**2)) * 0.8**t, rtol=1e-5)
    assert np.allclose(lines["fitted to it"].y, lines["root mean square"].y, rtol=1e-5)
    assert np.allclose(lines["C λ^t"].y, GAINS.max() * 0.8**t, rtol=1e-5)
    assert panel.title == "N = 12, m = 5\nλ = 0.8000 [0.8000, 0.8000], C = 2"
    assert panel.log_y


def test_the_study_is_the_burn_in_figures_with_the_bound_scaled_to_the_least_test_error():
    runs = [*study(), record(0, 0.01, 1.0, 0.1, **FULL)]
    ((_, panel),) = rows(runs, estimate(runs[0], factor=0.5))
    ((whole,),) = [page.panels for page in burn_in.pages(runs_frame(runs))]
    assert panel.lines[:-1] == whole.lines
    line = panel.lines[-1]
    most, least = max(max(errors[0], errors[2]) for errors in ERRORS.values()), 2.0
    values = np.array([bound(int(m), 12, 0.5) for m in range(12)])
    expected = values * least / values.min()
    assert expected.max() > 2 * most
    assert line.x == tuple(float(m) for m in range(12) if expected[m] <= most)
    assert np.allclose(line.y, expected[expected <= most])
    marks = by_label(panel.marks)
    assert marks["N − 1/|ln λ|"].x == pytest.approx(best_burn_in(12, 0.5), abs=1e-5)
    assert {label: mark.x for label, mark in marks.items() if label != "N − 1/|ln λ|"} == {
        mark.label: mark.x for mark in whole.marks
    }
    assert panel.runs == {run.run_id for run in runs[:-1]}


def test_the_bound_is_not_above_the_errors_of_what_did_not_diverge():
    runs = study()
    lost = record(3, 1.0, 1.0, 1.0, status="diverged")
    ((_, plain),), ((_, panel),) = rows(runs, estimate(runs[0], 0.5)), rows([*runs, lost], estimate(runs[0], 0.5))
    assert panel.lines[-1] == plain.lines[-1]


def test_what_does_not_forget_has_no_bound():
    runs = study()
    ((decay, panel),) = rows(runs, estimate(runs[0], factor=1.01))
    assert "λ = 1.0100" in decay.title
    assert len(panel.lines) == 2
    assert len(panel.marks) == 2


def test_estimates_stand_by_window_and_m_and_only_where_their_study_is():
    runs, alone = [*study(), *study(seq_len=24)], record(0, 1.0, 1.0, 1.0, model="gru")
    titles = [row[0].title for row in rows([*runs, alone], *map(estimate, (runs[6], alone, runs[2], runs[0])))]
    assert [title.split("\n")[0] for title in titles] == ["N = 12, m = 0", "N = 12, m = 8", "N = 24, m = 8"]


def test_the_figure_is_drawn_where_there_are_estimates(tmp_path):
    if reason := plots.missing():
        pytest.skip(reason)
    runs = study(loss=[2.0, 1.0])
    store = stored(tmp_path, runs)
    assert not any("stability" in path.name for path in plots.write_figures(store))
    write_stability(tmp_path, estimate(runs[1]))
    names = {path.name for path in plots.write_figures(store)}
    assert {"first_order-stability.pdf", "first_order-stability.png"} <= names


def test_it_needs_no_torch():
    code = "import sys, sysid_tbptt.report.figures.stability; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
