from itertools import pairwise
from math import inf, isfinite

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysid_tbptt.report.burn_in import burn_in_table
from sysid_tbptt.report.figures import burn_in, cost, heat_map, loss, note, simulation, train_time
from sysid_tbptt.report.figures.traces import COLUMN_WIDTH, PAGE_WIDTH, Grid, Panel, paged
from sysid_tbptt.report.plots import runs_frame
from sysid_tbptt.report.selection import RULES
from sysid_tbptt.report.studies import studies
from sysid_tbptt.runs.predictions import Prediction
from tests.report.made_up import CARRIED, ERRORS, FULL, record, study


def panels(figure, *records):
    return [panel for page in figure.pages(runs_frame(records)) for panel in page.panels]


def ids(records):
    return frozenset(run.run_id for run in records)


def by_label(traces):
    return {trace.label: trace for trace in traces}


SEEDED = [run for seed, scale in enumerate((1.0, 100.0, 3.0)) for run in study(scale, seed=seed)]
NEW = {"device": "another chip"}
MIXTURES = [
    {"model": "gru"},
    {"hidden_size": 5},
    {"learning_rate": 0.5},
    {"batch_size": 9},
    {"steps": 31},
    {"split": "other"},
    {"suite": "other"},
]


# error over m


def test_curves_carry_the_numbers_of_the_frame():
    (panel,) = panels(burn_in, *study())
    lines = by_label(panel.lines)
    assert lines.keys() == {"train", "test"}
    for part, at in (("train", 0), ("test", 2)):
        assert lines[part].x == tuple(ERRORS)
        assert lines[part].y == tuple(errors[at] for errors in ERRORS.values())
        assert lines[part].low == lines[part].high == ()
    assert panel.log_y


def test_several_seeds_are_a_median_within_a_band():
    (panel,) = panels(burn_in, *SEEDED)
    line = by_label(panel.lines)["train"]
    assert line.y == (12.0, 3.0, 6.0, 27.0)
    assert line.low == (4.0, 1.0, 2.0, 9.0)
    assert line.high == (400.0, 100.0, 200.0, 900.0)


def test_m_star_is_marked_where_selection_puts_it():
    (panel,) = panels(burn_in, *study())
    curve = pd.DataFrame([(m, a, b) for m, (a, b, _) in ERRORS.items()], columns=["burn_in", "train_mse", "val_mse"])
    chosen = {f"m* ({rule.name})": rule.choose(curve, "first_order", "made") for rule in RULES}
    assert {mark.label: mark.x for mark in panel.marks} == chosen == {"m* (paper)": 5, "m* (val)": 8}
    assert panel.title == "N = 12\nm* = 5 (paper), 8 (val)"


@pytest.mark.parametrize("figure", [burn_in, heat_map, cost, loss], ids=lambda figure: figure.NAME)
def test_no_m_is_chosen_by_validation_data_that_were_trained_on(figure):
    def chosen(split):
        shown = panels(figure, *study(split=split), *study(split=split, seq_len=24))
        return [trace.label for panel in shown for trace in (*panel.lines, *panel.marks) if "m*" in trace.label]

    assert chosen("made") and not chosen("made-retrain")


BESIDE = [
    record(0, 0.12, 1.0, 1.2, **CARRIED),
    record(0, 0.32, 1.0, 3.2, **CARRIED, seed=1),
    record(0, 0.5, 1.0, 5.0, seq_len=24, **CARRIED),
    record(0, 0.01, 1.0, 0.1, **FULL),
    record(0, 0.9, 1.0, 0.9, **FULL, steps=99),
]


def test_horizontal_lines_and_marks_are_those_of_the_table():
    records = [*study(batch_size=6), *study(2.0, batch_size=6, seq_len=24), *BESIDE]
    table, found = burn_in_table(studies(runs_frame(records))), panels(burn_in, *records)
    assert [panel.title.split("\n")[0] for panel in found] == ["N = 12", "N = 24"]
    for n, panel in zip((12, 24), found, strict=True):
        rows = table[table["seq_len"] == n].set_index("rule")
        levels = {(level.part, level.kind): level.y for level in panel.levels}
        for part in ("train", "test"):
            assert levels[part, "stateful"] == rows.loc["val", f"stateful_{part}"]
            assert levels[part, "BPTT"] == rows.loc["val", f"bptt_{part}"]
        assert {mark.label: mark.x for mark in panel.marks} == {f"m* ({r})": rows.loc[r, "m_star"] for r in rows.index}


def test_bptt_of_a_budget_in_epochs_stands_beside_any_epochs_and_not_beside_steps():
    full = record(0, 0.01, 1.0, 0.1, **FULL, epochs=79)
    (in_epochs,), (in_steps,) = panels(burn_in, *study(epochs=4), full), panels(burn_in, *study(), full)
    assert {(level.kind, level.y) for level in in_epochs.levels} == {("BPTT", 0.01), ("BPTT", 0.1)}
    assert in_steps.levels == ()


@pytest.mark.parametrize("change", MIXTURES, ids=str)
@pytest.mark.parametrize("figure", [burn_in, loss], ids=["burn-in", "loss"])
def test_what_differs_in_more_than_seed_and_m_is_never_in_one_line(figure, change):
    ours, theirs = study(loss=[1.0]), study(10.0, loss=[10.0], **change)
    together = panels(figure, *ours, *theirs)
    assert len(together) == 2
    for records in (ours, theirs):
        (alone,) = panels(figure, *records)
        (same,) = [panel for panel in together if panel.runs == alone.runs]
        assert (same.lines, same.levels, same.marks) == (alone.lines, alone.levels, alone.marks)
    assert together[0].title != together[1].title


def test_each_test_set_has_its_line_and_train_counts_each_run_once():
    records = [
        record(m, train, val, {"low": test, "high": 2 * test}) for m, (train, val, test) in sorted(ERRORS.items())
    ]
    (panel,) = panels(burn_in, *records)
    lines = by_label(panel.lines)
    assert lines.keys() == {"train", "test low", "test high"}
    assert lines["test high"].y == tuple(2 * errors[2] for errors in ERRORS.values())
    assert lines["train"].low == ()
    assert len({line.look for line in panel.lines}) == 3


def test_runs_that_did_not_end_well_are_a_gap_or_left_out():
    ends = {7: "diverged", 9: "failed"}
    (panel,) = panels(burn_in, *study(), *(record(m, 1e-9, 1e-9, 1e-9, status=status) for m, status in ends.items()))
    for line in panel.lines:
        assert line.x == (0, 5, 7, 8, 11)
        assert [x for x, y in zip(line.x, line.y, strict=True) if y == inf] == [7]


def test_what_diverged_beside_a_study_has_no_level():
    carried = [record(0, 1.0, 1.0, 1.0, seed=s, status="diverged" if s else "ok", **CARRIED) for s in range(3)]
    (panel,) = panels(burn_in, *study(batch_size=6), *carried, record(0, 1.0, 1.0, 1.0, **FULL))
    assert {level.kind for level in panel.levels} == {"BPTT"}


ENDS = st.tuples(st.sampled_from(["ok"] * 8 + ["diverged", "missing"]), st.integers(1, 9), st.integers(1, 9))
"""How the run of an m and seed ended, and its errors."""
RAGGED = st.lists(ENDS, min_size=24, max_size=24)


def ragged(ends):
    """Runs of two N, four m and three seeds, each m and N with seconds of its own."""
    at = [(n, m, seed) for n in (12, 24) for m in ERRORS for seed in range(3)]
    return [
        record(m, train, val, train + val, seq_len=n, seed=seed, status=status, seconds=n + m, loss=[1.0])
        for (n, m, seed), (status, train, val) in zip(at, ends, strict=True)
        if status != "missing"
    ]


def of_n(found, n):
    return next(panel for panel in found if f"N = {n}" in panel.title)


@settings(deadline=None, max_examples=40)
@given(RAGGED)
def test_figures_have_the_points_and_m_star_of_the_tables(ends):
    runs = ragged(ends)
    known = {one.seq_len: one for one in studies(runs_frame(runs))}
    curves, losses = panels(burn_in, *runs), panels(loss, *runs)
    assert len(curves) == len(losses) == len(known)
    for n, one in known.items():
        m_star = {f"m* ({rule.name})": one.m_star(rule) for rule in RULES}
        panel = of_n(curves, n)
        assert {mark.label: mark.x for mark in panel.marks} == m_star
        assert of_n(losses, n).title == panel.title
        for part, line in by_label(panel.lines).items():
            assert dict(zip(line.x, line.y, strict=True)) == {m: at.error(part) for m, at in one.points.items()}
    for panel in panels(heat_map, *runs):
        for label, line in by_label(panel.lines).items():
            (rule,) = [rule for rule in RULES if f"m* ({rule.name})" == label]
            assert line.x == tuple(known[n].m_star(rule) / n for n in sorted(known))


@settings(deadline=None, max_examples=40)
@given(RAGGED)
def test_rings_are_about_the_m_star_of_the_tables(ends):
    runs = ragged(ends)
    for panel in panels(cost, *runs):
        lines = by_label(panel.lines)
        for rule in RULES:
            line = lines.get(f"m* ({rule.name})")
            at = {
                one.seq_len + m: one.points[m].test_median
                for one in studies(runs_frame(runs))
                for m in [one.m_star(rule)]
            }
            ringed = {} if line is None else dict(zip(line.x, line.y, strict=True))
            assert ringed == {x: y for x, y in at.items() if isfinite(y)}


@pytest.mark.parametrize("ms", [(5, 8), (0,), ()], ids=["without m=0", "m=0 alone", "nothing"])
def test_what_is_no_study_has_no_panel(ms):
    records = [record(m, 1.0, 1.0, 1.0) for m in ms]
    assert panels(burn_in, *records) == panels(loss, *records) == []


@pytest.mark.parametrize(
    ("grid", "place"),
    [([0, 25, 50, 75, 99], None), ([0, 60, 99, 120, 160, 199], None), ([0, 26, 52, 99, 110, 550, 999], 100.0)],
    ids=["even", "coarser", "much coarser"],
)
def test_the_axis_of_m_bends_where_the_grid_gets_much_coarser(grid, place):
    assert burn_in.bend(grid) == place


# training time


def bars(*records):
    (panel,) = panels(train_time, *records)
    return panel, {bar.name: bar for bar in panel.bars}


def test_times_are_relative_to_full_bptt_with_the_seconds_beside():
    runs = [record(m, 1, 1, 1, seconds=s) for m, s in ((0, 2.0), (5, 3.0), (8, 7.0))]
    panel, found = bars(*runs, record(0, 1, 1, 1, seconds=6.0, **FULL))
    assert panel.x_label == "training time relative to full BPTT [-]"
    assert list(found) == ["N = 12", "full BPTT"]
    short, full = found.values()
    assert (short.length, short.low, short.high, short.text) == (3 / 6, 2 / 6, 7 / 6, "3 s, n = 3")
    assert (full.length, full.text) == (1.0, "6 s, n = 1")


def test_without_bptt_times_are_relative_to_m_0_of_the_smallest_n():
    runs = [record(m, 1, 1, 1, seconds=s, seq_len=n) for n, m, s in ((24, 0, 9.0), (12, 0, 2.0), (12, 5, 6.0))]
    panel, found = bars(*runs)
    assert panel.x_label == "training time relative to N = 12, m = 0 [-]"
    assert [bar.length for bar in found.values()] == [2.0, 4.5]


def test_stateful_runs_have_their_own_bar():
    _, found = bars(record(0, 1, 1, 1, batch_size=6), record(0, 1, 1, 1, seconds=3.0, **CARRIED))
    assert [(name, bar.length) for name, bar in found.items()] == [("N = 12", 1.0), ("N = 12, stateful", 3.0)]


@pytest.mark.parametrize("where", [{"engine": "cpu"}, {"device": "another chip"}], ids=str)
def test_times_of_different_engines_or_devices_are_in_different_panels(where):
    ours, theirs = ([record(0, 1, 1, 1, seq_len=n, where=place) for n in (12, 24)] for place in (None, where))
    found = panels(train_time, *ours, *theirs)
    assert {panel.runs for panel in found} == {frozenset(run.run_id for run in runs) for runs in (ours, theirs)}
    assert found[0].title != found[1].title


def test_one_bar_compares_nothing():
    assert panels(train_time, *study()) == []
    assert panels(train_time, *study(), *study(model="gru"), *study(steps=31)) == []


@pytest.mark.parametrize("where", [{"engine": "cpu"}, {"device": "another chip"}], ids=str)
def test_no_run_of_a_model_with_two_bars_is_left_out(where):
    here, there = [*study(), *study(seq_len=24)], study(seq_len=24, where=where)
    found = panels(train_time, *here, *there)
    assert {panel.runs for panel in found} == {frozenset(run.run_id for run in runs) for runs in (here, there)}
    assert all(panel.title for panel in found)
    assert {len(panel.bars): [bar.text for bar in panel.bars] for panel in found} == {
        2: ["1 s, n = 4"] * 2,
        1: ["1 s, n = 4"],
    }


def test_the_time_of_a_run_that_diverged_is_in_no_bar():
    _, found = bars(*study(), *study(seq_len=24), record(5, 1, 1, 1, seed=1, seconds=99.0, status="diverged"))
    assert [bar.high for bar in found.values()] == [1.0, 1.0]


# error over N and m


def test_cells_hold_the_error_relative_to_the_least_over_n_and_m():
    (panel,) = panels(heat_map, *study(), *study(0.5, seq_len=24))
    assert [strip.name for strip in panel.strips] == ["12", "24"]
    errors = np.array([test for _, _, test in ERRORS.values()])
    assert panel.strips[0].values == tuple(errors / 1.0)
    assert panel.strips[1].values == tuple(0.5 * errors / 1.0)
    assert panel.strips[0].edges == tuple(edge / 12 for edge in (0, 2.5, 6.5, 9.5, 12))
    assert panel.strips[1].edges == tuple(edge / 24 for edge in (0, 2.5, 6.5, 9.5, 12.5))


def test_cells_end_at_0_and_n_and_where_the_runs_end():
    assert heat_map.edges([0, 10, 99], 100) == [0.0, 5.0, 54.5, 100.0]
    assert heat_map.edges([0, 10, 30], 100) == [0.0, 5.0, 20.0, 40.0]


def test_m_star_of_each_rule_is_marked_in_the_row_of_its_n():
    (panel,) = panels(heat_map, *study(), *study(seq_len=24))
    lines = by_label(panel.lines)
    for rule, m in (("paper", 5), ("val", 8)):
        assert lines[f"m* ({rule})"].x == (m / 12, m / 24)
        assert [round(y) for y in lines[f"m* ({rule})"].y] == [0, 1]
    assert lines["m* (paper)"].y != lines["m* (val)"].y


def test_each_test_set_has_its_own_heat_map():
    runs = [record(m, 1.0, 1.0, {"low": 1.0 + m, "high": 3.0}, seq_len=n) for n in (12, 24) for m in (0, 5)]
    found = {panel.title: panel for panel in panels(heat_map, *runs)}
    assert {title: panel.strips[0].values for title, panel in found.items()} == {
        "test set low": (1.0, 6.0),
        "test set high": (1.0, 1.0),
    }


def test_what_diverged_is_an_empty_cell():
    lost = record(3, 1.0, 1.0, 1.0, status="diverged")
    (panel,) = panels(heat_map, *study(), lost, *study(seq_len=24))
    assert panel.strips[0].values == (4.0, inf, 3.0, 1.0, 4.5)
    assert panel.strips[0].edges[1:3] == (1.5 / 12, 4 / 12)


@pytest.mark.parametrize("change", MIXTURES, ids=str)
def test_a_heat_map_takes_two_n_that_differ_in_nothing_else(change):
    assert panels(heat_map, *study(), *study(seq_len=24, **change)) == []


# time against error


def test_every_n_and_m_is_a_point_with_its_seconds_and_error():
    runs = [record(m, 1.0, val, test, seconds=s) for m, val, test, s in ((0, 2.0, 8.0, 3.0), (5, 1.0, 4.0, 2.0))]
    runs += [record(0, 1.0, 1.0, 1.0, seconds=9.0, **FULL), record(0, 1.0, 1.0, 6.0, seconds=4.0, **CARRIED)]
    (panel,) = panels(cost, *runs)
    lines = {line.label: set(zip(line.x, line.y, strict=True)) for line in panel.lines}
    assert lines.pop("Pareto front") == {(2.0, 4.0), (9.0, 4.0), (9.0, 1.0)}
    assert lines == {
        "N = 12, B = 8": {(3.0, 8.0), (2.0, 4.0)},
        "stateful": {(4.0, 6.0)},
        "full BPTT": {(9.0, 1.0)},
        "m = 0": {(3.0, 8.0)},
        "m* (paper)": {(2.0, 4.0)},
        "m* (val)": {(2.0, 4.0)},
    }
    assert panel.log_x
    assert panel.log_y
    assert len({line.look for line in panel.lines}) == len(panel.lines)


def test_points_are_medians_over_seeds():
    runs = [record(m, 1.0, 1.0, e, seconds=e, seed=seed) for m in (0, 5) for seed, e in enumerate((1.0, 9.0, 2.0))]
    (panel,) = panels(cost, *runs)
    assert by_label(panel.lines)["N = 12"].x == by_label(panel.lines)["N = 12"].y == (2.0, 2.0)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(1, 9).map(float)] * 2), min_size=1, max_size=12))
def test_nothing_is_below_the_front(points):
    corners = cost.front(points)
    for x, y in points:
        assert y >= min(b for a, b in corners if a <= x)
    assert set(corners[::2]) <= set(points)
    assert all(one[0] <= two[0] and one[1] >= two[1] for one, two in pairwise(corners))


@pytest.mark.parametrize("where", [{"engine": "cpu"}, {"device": "another chip"}], ids=str)
def test_costs_on_different_engines_or_devices_are_in_different_panels(where):
    ours, theirs = ([record(m, 1, 1, 1, where=place) for m in (0, 5)] for place in (None, where))
    found = panels(cost, *ours, *theirs)
    assert {panel.runs for panel in found} == {frozenset(run.run_id for run in runs) for runs in (ours, theirs)}
    assert found[0].title != found[1].title


def test_a_ring_is_about_the_m_star_of_the_whole_study_in_the_panel_that_has_it():
    here, there = (
        [record(m, *ERRORS[m], seconds=m + 1, where=w) for m in at] for at, w in (((0, 5), None), ((8, 11), NEW))
    )
    found = {panel.runs: by_label(panel.lines) for panel in panels(cost, *here, *there)}
    assert len(found) == 2
    rings = [{name: line.x for name, line in found[ids(runs)].items() if name in cost.RINGS} for runs in (here, there)]
    assert rings == [{"m = 0": (1.0,), "m* (paper)": (6.0,)}, {"m* (val)": (9.0,)}]


def test_a_point_is_shown_where_one_machine_ran_all_seeds():
    def runs(at, where):
        return [
            record(m, *ERRORS[m], seed=seed, seconds=m + 1, where=where) for m, seeds in at.items() for seed in seeds
        ]

    here, there = runs({0: (0, 1), 5: (0, 1), 8: (0,)}, None), runs({8: (1,), 11: (0, 1)}, NEW)
    beside = record(0, 1.0, 1.0, 1.0, seconds=50.0, where=NEW, **FULL)
    found = panels(cost, *here, *there, beside)
    xs = [
        sorted(x for name, line in by_label(panel.lines).items() if name[0] in "Nf" for x in line.x) for panel in found
    ]
    assert sorted(xs) == [[1.0, 6.0], [12.0, 50.0]]


def test_an_n_looks_the_same_in_every_panel():
    found = panels(cost, *study(), *study(seq_len=24), *study(seq_len=24, where=NEW), *study(seq_len=18, where=NEW))
    looks = {(line.label, line.look) for panel in found for line in panel.lines if line.label.startswith("N = ")}
    assert sorted(label for label, _ in looks) == ["N = 12", "N = 18", "N = 24"]
    assert len({look for _, look in looks}) == 3


def test_what_diverged_costs_nothing_to_compare():
    lost = [record(5, 1.0, 1.0, 1.0, seed=seed, seconds=0.1, status="diverged") for seed in (1, 2)]
    runs = [record(m, 1.0, 1.0, 1.0, seed=seed) for m in (0, 8, 5) for seed in range(3) if m != 5 or not seed]
    (panel,) = panels(cost, *runs, *lost)
    assert by_label(panel.lines)["N = 12"].y == (1.0, 1.0)


def test_each_test_set_has_its_own_costs():
    runs = [record(m, 1.0, 1.0, {"low": 1.0, "high": 3.0}) for m in (0, 5)]
    assert {panel.title: by_label(panel.lines)["m = 0"].y for panel in panels(cost, *runs)} == {
        "test set low": (1.0,),
        "test set high": (3.0,),
    }


def test_one_point_costs_nothing_to_compare():
    assert panels(cost, record(0, 1.0, 1.0, 1.0)) == []


# loss


def test_losses_of_chosen_m_stand_at_the_ends_of_their_blocks():
    (panel,) = panels(loss, *(record(m, *e, loss=[9.0, m + 1.0], every=20, steps=30) for m, e in ERRORS.items()))
    lines = by_label(panel.lines)
    assert {label: line.y[-1] for label, line in lines.items()} == {
        "m = 0": 1.0,
        "m* (paper)": 6.0,
        "m* (val)": 9.0,
        "m = N-1": 12.0,
    }
    assert {line.x for line in panel.lines} == {(20.0, 30.0)}
    assert len({line.look for line in panel.lines}) == 4


def test_losses_of_several_seeds_go_as_far_as_the_shortest():
    curves = ([4.0, 3.0, 2.0], [8.0, 1.0], [5.0, 5.0, 5.0])
    runs = [record(m, *e, loss=c, seed=s) for s, c in enumerate(curves) for m, e in ERRORS.items()]
    line = by_label(panels(loss, *runs)[0].lines)["m = 0"]
    assert (line.y, line.low, line.high) == ((5.0, 3.0), (4.0, 1.0), (8.0, 5.0))


def test_a_run_that_diverged_has_an_infinite_loss_beyond_its_end():
    def line(lost):
        runs = [record(0, 1.0, 1.0, 1.0, seed=s, loss=[3.0, 2.0, 1.0], every=10) for s in range(lost, 3)]
        runs += [record(0, 0, 0, 0, seed=s, loss=[5.0, None], every=10, status="diverged") for s in range(lost)]
        (panel,) = panels(loss, *runs, *(record(5, 1.0, 1.0, 1.0, seed=s) for s in range(3)))
        return by_label(panel.lines)["m = 0"]

    one, two = line(1), line(2)
    assert (one.x, one.y, one.high) == ((10.0, 20.0, 30.0), (3.0, 2.0, 1.0), (5.0, inf, inf))
    assert (two.x, two.y) == ((10.0, 20.0, 30.0), (5.0, inf, inf))
    assert line(3).y == (5.0, inf)


# simulation


def prediction(length=1000, n_y=1, n_init=50, dt=0.5):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(length, n_y)).astype(np.float32)
    return Prediction("test", y, (y + 0.1).astype(np.float32), n_init, dt, ("V", "A")[:n_y])


def simulated(one):
    run = record(0, 1.0, 1.0, 1.0)
    scores = {"rmse": [0.25, 0.75][: one.y.shape[1]]}
    run = run.model_copy(update={"metrics": run.metrics | {"test": {"test": scores}}})
    return simulation.pages(run, [one])


def test_signals_and_error_of_every_channel_are_those_of_the_file():
    one = prediction(length=200, n_y=2)
    (page,) = simulated(one)
    assert [panel.y_label for panel in page.panels] == ["y1 [V]", "error [V]", "y2 [A]", "error [A]"]
    for channel in (0, 1):
        signals, error = page.panels[2 * channel : 2 * channel + 2]
        lines = by_label(signals.lines)
        assert lines["measured"].y == tuple(one.y[:, channel].tolist())
        assert lines["simulated"].y == tuple(one.y_hat[:, channel].tolist())
        assert lines["measured"].x == tuple(0.5 * t for t in range(200))
        difference = one.y[:, channel].astype(float) - one.y_hat[:, channel]
        assert by_label(error.lines)["measured − simulated"].y == tuple(difference.tolist())
    assert page.panels[2].title == "test: RMSE(y2) = 0.75 A"


def test_the_init_window_is_shaded_where_there_is_one():
    (shaded,), (plain,) = simulated(prediction(length=200)), simulated(prediction(length=200, n_init=0))
    assert [(span.start, span.stop) for span in shaded.panels[0].spans] == [(0.0, 25.0)]
    assert plain.panels[0].spans == ()


def test_the_worst_stretch_lies_after_the_init_window():
    one = prediction()
    one.y_hat[10] += 1000
    one.y_hat[700] += 10
    worst = simulation.worst_stretch(one, 0)
    assert worst.start <= 700 < worst.stop
    assert worst.stop - worst.start == simulation.WINDOW
    (page,) = simulated(one)
    assert page.rows[0][1].title == f"largest error: samples {worst.start} to {worst.stop - 1}"


def test_a_long_record_keeps_its_extremes_and_only_samples_it_has():
    x, y = np.arange(50_000.0), np.random.default_rng(1).normal(size=50_000)
    thin_x, thin_y = simulation.thinned(x, y, 100)
    assert len(thin_x) <= 200
    assert (np.diff(thin_x) > 0).all()
    assert np.array_equal(thin_y, y[thin_x.astype(int)])
    assert (thin_y.min(), thin_y.max()) == (y.min(), y.max())


@pytest.mark.parametrize(
    ("dt", "last", "unit"), [(2.0, 398.0, "s"), (1e-3, 199.0, "ms"), (5e-7, 99.5, "µs")], ids=["s", "ms", "µs"]
)
def test_time_is_told_in_a_unit_that_fits(dt, last, unit):
    (page,) = simulated(prediction(length=200, dt=dt))
    assert page.panels[1].x_label == f"time [{unit}]"
    assert page.panels[1].lines[0].x[-1] == pytest.approx(last)


# pages and notes


def test_panels_fill_rows_and_rows_fill_pages():
    panel, grid = Panel("", "", ""), Grid(columns=4, height=1.0, rows=2)
    assert [[len(row) for row in page.rows] for page in paged([[panel] * 5, [panel] * 2], grid)] == [[4, 1], [2]]
    assert [[len(row) for row in page.rows] for page in paged([[panel]] * 3, grid)] == [[3]]
    assert [page.width for page in paged([[panel]], grid)] == [COLUMN_WIDTH]
    assert [page.width for page in paged([[panel] * 2], grid)] == [PAGE_WIDTH]
    assert paged([], grid) == []


def test_the_note_tells_what_the_runs_share_and_where_they_come_from():
    text = note.source(SEEDED)
    assert text == (
        "Source: suite test, first_order, split made, lstm, H = 4, B = 8, 30 steps; 12 runs, 3 seeds (0, 1, 2); "
        "engine reference; a chip; sysid-tbptt 1.2.3; commit 0123456789."
    )
    assert "H = " not in note.source([*study(), *study(hidden_size=5)])


def test_the_note_does_without_a_provenance():
    bare = [run.model_copy(update={"provenance": {}}) for run in study()]
    assert note.source(bare).endswith("; 4 runs, seed 0; engine reference.")


def test_the_note_tells_devices_apart_whose_names_hold_commas():
    runs = [*study(where={"device": "a chip (family 2, model 1)"}), *study(seed=1, where={"device": "a chip"})]
    assert "; a chip and a chip (family 2, model 1); " in note.source(runs)
