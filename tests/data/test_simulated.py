import os
import subprocess
import sys
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, solve_ivp
from scipy.signal import cheby1, cheby2, dlsim, lsim

from sysid_tbptt.data import official, paper, simulated
from sysid_tbptt.data.simulated import (
    bouc_wen,
    cascaded_tanks,
    duffing,
    excitation,
    linear,
    recording,
    rlc,
    wiener_hammerstein,
)
from sysid_tbptt.data.simulated.hold import hold
from sysid_tbptt.errors import DataError

SOURCES = {source.name: source for source in simulated.SOURCES if "simulated" in source.splits}
SYSTEMS = {
    "sim_linear": linear,
    "sim_rlc": rlc,
    "sim_bouc_wen": bouc_wen,
    "sim_duffing": duffing,
    "sim_wiener_hammerstein": wiener_hammerstein,
    "sim_cascaded_tanks": cascaded_tanks,
}
CONTINUOUS = {"rlc": rlc, "bouc_wen": bouc_wen, "duffing": duffing}
RATES = {"rlc": rlc.CIRCUIT.rates, "bouc_wen": bouc_wen.BOUC_WEN.rates, "duffing": duffing.OSCILLATOR.rates}
PARTS = ("train", "val", "test")

each_system = pytest.mark.parametrize("name", SYSTEMS)


@cache
def load(name):
    return SOURCES[name].load("simulated")


def record(name, part):
    (series,) = getattr(load(name), part)
    return series


def short_input(system, length=300):
    return system.excite("test", recording.generator(system.SEED, "test"))[:length]


def assert_close_in_range(ours, theirs, tolerance):
    assert np.all(np.abs(ours - theirs).max(axis=0) <= tolerance * np.ptp(theirs, axis=0))


# What every system owes the house


def test_names_are_prefixed_and_no_measured_benchmark_s():
    assert set(SOURCES) == set(SYSTEMS)
    assert all(name.startswith("sim_") for name in SOURCES)
    assert not set(SOURCES) & {source.name for source in (*official.SOURCES, *paper.SOURCES)}


@each_system
def test_source_says_that_it_is_embedded(name):
    source = SOURCES[name]
    assert (source.state(), source.origin, source.splits) == ("embedded", "embedded", ("simulated",))
    assert source.licence == "BSD-3-Clause (this package)"


@each_system
def test_unknown_split_is_refused_with_the_known_one(name):
    with pytest.raises(DataError, match=rf"{name} has no split 'official'; .*'simulated'"):
        SOURCES[name].load("official")


@each_system
def test_parts_are_finite_vary_and_are_as_long_as_stated(name):
    for part in PARTS:
        series = record(name, part)
        length = SYSTEMS[name].LENGTH
        assert len(series) == (length if isinstance(length, int) else length[part])
        assert series.name == part
        assert np.isfinite(series.u).all()
        assert np.isfinite(series.y).all()
        assert (np.ptp(series.u, axis=0) > 0).all()
        assert (np.ptp(series.y, axis=0) > 0).all()


@each_system
def test_protocol_states_seed_split_and_n_init(name):
    data = load(name)
    assert (data.name, data.split, data.citation) == (name, "simulated", SOURCES[name].citation)
    assert data.protocol.startswith("simulated split: ")
    assert f"seed {SYSTEMS[name].SEED}" in data.protocol
    assert f"n_init={record(name, 'test').n_init}" in data.protocol
    assert "{" not in data.protocol


@each_system
@pytest.mark.parametrize(("one", "other"), list(combinations(PARTS, 2)))
def test_parts_are_different_realisations(name, one, other):
    """The linear system's val repeats its training experiment with other noise: see its own test."""
    if (name, one, other) != ("sim_linear", "train", "val"):
        for signal in ("u", "y"):
            a, b = (getattr(record(name, part), signal)[:, 0] for part in (one, other))
            shared = min(len(a), len(b))
            assert abs(np.corrcoef(a[:shared], b[:shared])[0, 1]) < 0.5


def test_seeds_are_not_shared():
    assert len({system.SEED for system in SYSTEMS.values()}) == len(SYSTEMS)


@each_system
def test_records_hold_the_stated_decimals(name):
    recorder = SYSTEMS[name].RECORDER
    for part in PARTS:
        series = record(name, part)
        assert np.array_equal(series.u[:, 0], np.round(series.u[:, 0], recorder.u_decimals))
        for channel, decimals in enumerate(recorder.y_decimals):
            y = series.y[:, channel]
            assert np.array_equal(y, np.round(y, decimals))
            assert 1e-8 < 10.0**-decimals / np.abs(y).max() < 1e-6


def test_rounding_leaves_no_negative_zero():
    recorder = recording.Recorder(1.0, linear.RECORDER.units, 3, (3,), 0)
    series = recorder.series("train", recorder.input(np.array([-1e-9, 1.0])), np.array([[-1e-9], [1.0]]))
    assert not np.signbit(series.u).any()
    assert not np.signbit(series.y).any()


def test_another_process_gives_the_same_revisions():
    """sim_bouc_wen, the slowest, is made of the same parts as sim_duffing."""
    names = [name for name in SOURCES if name != "sim_bouc_wen"]
    code = (
        "import sys\n"
        "from sysid_tbptt.data.simulated import SOURCES\n"
        "print(*(s.load('simulated').revision for s in SOURCES if 'simulated' in s.splits and s.name in sys.argv))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *names]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert out.split() == [load(name).revision for name in names]


def test_import_simulates_nothing_and_brings_no_scipy():
    code = (
        "import sys\n"
        "from sysid_tbptt.data.simulated import SOURCES\n"
        "assert not [name for name in sys.modules if name.startswith(('scipy.signal', 'scipy.integrate'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Inputs


@pytest.mark.parametrize("odd", [False, True], ids=["all-lines", "odd-lines"])
def test_multisine_excites_its_band_evenly_and_nothing_else(odd):
    u = excitation.multisine(np.random.default_rng(0), 1000, dt=1e-3, band=(10.0, 100.0), rms=3.0, odd=odd)
    amplitude = np.abs(np.fft.rfft(u))
    excited = [f for f in range(10, 101) if f % 2 or not odd]
    assert np.allclose(amplitude[excited], amplitude[11])
    assert np.allclose(np.delete(amplitude, excited), 0, atol=1e-9)
    assert np.isclose(np.sqrt(np.mean(u**2)), 3.0)


@pytest.mark.parametrize(
    ("name", "low", "high", "odd"), [("sim_bouc_wen", 5, 150, False), ("sim_duffing", 0, 200, True)]
)
def test_recorded_multisine_keeps_to_its_lines(name, low, high, odd):
    series = record(name, "train")
    power = np.abs(np.fft.rfft(series.u[:, 0])) ** 2
    lines = np.arange(len(power))
    frequency = lines / (len(series) * series.dt)
    inside = (frequency >= low) & (frequency <= high) & ((lines % 2 == 1) | (not odd))
    assert power[~inside].sum() < 1e-9 * power.sum()
    assert power[inside].min() > 0.99 * power.max()


def test_lag_is_the_sampled_decay_with_unit_gain():
    from scipy.signal import sosfilt

    impulse = sosfilt(excitation.lag(0.1, 0.5), np.eye(1, 40)[0])
    assert np.allclose(impulse[1:] / impulse[:-1], np.exp(-0.2))
    assert np.isclose(sosfilt(excitation.lag(0.1, 0.5, order=2), np.ones(400))[-1], 1)


@pytest.mark.parametrize(
    ("name", "part", "level"),
    [
        ("sim_rlc", "train", 80),
        ("sim_rlc", "test", 60),
        ("sim_bouc_wen", "test", 50),
        ("sim_duffing", "test", 0.06),
        ("sim_wiener_hammerstein", "test", 0.6),
    ],
)
def test_inputs_have_the_stated_level(name, part, level):
    assert np.isclose(record(name, part).u.std(), level, rtol=1e-5)


# Continuous time: the solver against a tight one, and against itself


def held(rates, u, start, dt, method="DOP853", max_step=np.inf):
    """States by an adaptive method, restarted wherever the held input jumps."""
    states, settings = [np.array(start)], {"method": method, "max_step": max_step, "rtol": 1e-11, "atol": 1e-13}
    for level in u[:-1]:
        solution = solve_ivp(lambda _, x, level=level: rates(x, level), (0, dt), states[-1], **settings)
        states.append(solution.y[:, -1])
    return np.array(states)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_solver_is_within_its_tolerance_of_a_tight_one(name):
    system, u = CONTINUOUS[name], short_input(CONTINUOUS[name])
    ours = system.respond(u)
    assert_close_in_range(ours, held(RATES[name](), u, ours[0], system.RECORDER.dt), system.TOLERANCE)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_longer_record_is_within_tolerance_of_half_the_step(name):
    system, u = CONTINUOUS[name], short_input(CONTINUOUS[name], 600)
    assert_close_in_range(system.respond(u), system.respond(u, substeps=2 * system.SUBSTEPS), system.TOLERANCE)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_recorded_outputs_answer_the_recorded_input(name):
    system, series = CONTINUOUS[name], record(f"sim_{name}", "test")
    channels = series.y.shape[1]
    states = system.respond(series.u[:, 0])
    noise = np.array({"duffing": duffing.NOISE}.get(name, 0.0))
    error = series.y - states[:, :channels]
    if noise == 0:
        assert (np.abs(error) <= 0.51 * 10.0 ** -np.array(system.RECORDER.y_decimals)).all()
    assert np.allclose(error.std(), noise, rtol=0.1, atol=1e-3 * series.y.std())


# The paper's linear system


@pytest.mark.parametrize("part", PARTS)
def test_linear_response_is_that_of_the_transfer_function(part):
    u = linear.excite(part)
    _, y = dlsim(([5.0, 1.0], [-2.0, 1.0, 0.0], 1.0), u)
    assert np.allclose(linear.respond(u), y[:, 0], rtol=0, atol=1e-12)


def test_linear_inputs_are_the_paper_s():
    for part, first, last in (
        ("train", np.sin(0.1) + np.sin(2.05), np.sin(10) + np.sin(7)),
        ("test", -1.4 * np.cos(0.1) + 0.5 * np.cos(1.5), -1.4 * np.cos(10) + 0.5 * np.cos(51)),
    ):
        u = linear.excite(part)
        assert np.allclose([u[0], u[-1], len(u)], [first, last, 100])


@pytest.mark.parametrize(("part", "half_width"), [("train", 0.2), ("val", 0.2), ("test", 1.0)])
def test_linear_signals_are_scaled_each_by_itself_and_noisy(part, half_width):
    series = record("sim_linear", part)
    for signal in (series.u, series.y):
        assert (signal.min(), signal.max()) == (-1, 1)
    clean = linear.respond(linear.excite(part))
    slope, offset = np.polyfit(series.y[:, 0], clean, 1)  # undoes the scaling, up to the noise
    noise = slope * series.y[:, 0] + offset - clean
    assert half_width * 0.8 < np.abs(noise).max() < half_width * 1.3


def test_linear_val_is_the_training_experiment_with_other_noise():
    train, val = record("sim_linear", "train"), record("sim_linear", "val")
    assert np.array_equal(train.u, val.u)
    assert not np.any(np.isclose(train.y, val.y, atol=1e-9) & (np.abs(train.y) < 1))


# The circuit


def inductance(current):
    return 50e-6 * (0.9 * (np.arctan(-5 * (np.abs(current) - 5)) / np.pi + 0.5) + 0.1)


def test_rlc_is_passive():
    """It never stores more than it was given: under a held voltage the charge taken in is C times the rise of v_C."""
    u = short_input(rlc, 1000)
    i, v = rlc.respond(u).T
    supplied = np.concatenate([[0], np.cumsum(u[:-1] * rlc.CIRCUIT.C * np.diff(v))])
    grid = np.linspace(0, np.abs(i).max(), 20001)
    magnetic = np.interp(np.abs(i), grid, cumulative_trapezoid(inductance(grid) * grid, grid, initial=0))
    lost = supplied - magnetic - rlc.CIRCUIT.C * v**2 / 2
    assert (np.diff(lost) > -1e-6 * lost[-1]).all()
    assert lost[-1] > 0


def test_rlc_loss_is_what_the_resistor_takes():
    """Energy balance on a fine grid of one held voltage."""
    i, v = hold(rlc.CIRCUIT.rates(), np.full(4000, 80.0), (0.0, 0.0), dt=5e-9, substeps=1).T
    grid = np.linspace(0, np.abs(i).max(), 20001)
    magnetic = np.interp(np.abs(i), grid, cumulative_trapezoid(inductance(grid) * grid, grid, initial=0))
    lost = 80.0 * 270e-9 * v[-1] - magnetic[-1] - 270e-9 * v[-1] ** 2 / 2
    assert np.isclose(lost, 3.0 * np.trapezoid(i**2, dx=5e-9), rtol=1e-4)


def test_rlc_is_linear_at_small_current():
    u = 1e-4 * short_input(rlc)
    L = inductance(0)
    A, B = [[-3 / L, -1 / L], [1 / 270e-9, 0]], [[1 / L], [0]]
    _, _, states = lsim((A, B, np.eye(2), np.zeros((2, 1))), u, np.arange(len(u)) * rlc.RECORDER.dt, interp=False)
    assert_close_in_range(rlc.respond(u), states, 1e-4)


def test_rlc_saturates_at_large_current():
    u = short_input(rlc)
    assert np.abs(rlc.respond(u)[:, 0]).max() > 2 * rlc.CIRCUIT.knee
    assert np.abs(rlc.respond(u) - 1e4 * rlc.respond(1e-4 * u)).max() > 10


# Hysteresis


def linear_oscillator(u, dt, m, c, k):
    _, y, _ = lsim(([1.0], [m, c, k]), u, np.arange(len(u)) * dt, interp=False)
    return y


@pytest.mark.parametrize(
    ("changes", "stiffness"),
    [({"alpha": 0.0}, 5e4), ({"beta": 0.0}, 1e5)],
    ids=["no-hysteretic-force", "force-of-a-spring"],
)
def test_bouc_wen_without_hysteresis_is_a_linear_oscillator(changes, stiffness):
    u = short_input(bouc_wen)
    y = bouc_wen.respond(u, bouc_wen.BoucWen(**changes))[:, 0]
    assert_close_in_range(y, linear_oscillator(u, 1 / 750, 2, 10, stiffness), 1e-6)


@pytest.mark.parametrize(("beta", "dissipates"), [(1e3, True), (0.0, False)], ids=["hysteresis", "spring"])
def test_bouc_wen_loop_of_force_over_displacement(beta, dissipates):
    """Slow sine of 1 Hz: after the first period the loop z(y) closes and encloses an area where there is hysteresis."""
    u = 120 * np.sin(2 * np.pi * np.arange(3 * 750) / 750)
    y, _, z = bouc_wen.respond(u, bouc_wen.BoucWen(beta=beta))[750:].T
    area = np.trapezoid(z[:750], y[:750])
    scale = np.ptp(z) * np.ptp(y)
    assert (area > 0.01 * scale) if dissipates else (abs(area) < 2e-3 * scale)
    assert np.isclose(area, np.trapezoid(z[750:], y[750:]), atol=2e-3 * scale)


def test_bouc_wen_force_obeys_its_equation_with_any_exponent():
    system = bouc_wen.BoucWen(nu=1.5)
    for v, z in ((0.1, 20.0), (-0.1, 20.0), (0.1, -20.0), (-0.1, -20.0)):
        expected = 5e4 * v - 1e3 * (0.8 * abs(v) * abs(z) ** 0.5 * z - 1.1 * v * abs(z) ** 1.5)
        assert np.isclose(system.rates()([1e-3, v, z], 7.0)[2], expected)
        assert np.isclose(system.rates()([1e-3, v, z], 7.0)[1], (7.0 - 10 * v - 50 - z) / 2)


@pytest.mark.parametrize(("part", "noise"), [("train", 8e-6), ("val", 8e-6), ("test", 0.0)])
def test_bouc_wen_noise_is_on_the_parts_to_learn_from(part, noise):
    series = record("sim_bouc_wen", part)
    error = series.y[:1000, 0] - bouc_wen.respond(series.u[:1000, 0])[:, 0]
    assert np.isclose(error.std(), noise, rtol=0.1, atol=1e-10)


# The Duffing oscillator


def test_duffing_without_cubic_term_is_a_linear_oscillator():
    u = short_input(duffing)
    w0 = 2 * np.pi * 70
    y = duffing.respond(u, duffing.Oscillator(b=0.0))[:, 0]
    assert_close_in_range(y, linear_oscillator(u, 2**14 / 1e7, 1 / w0**2, 0.1 / w0, 1), 1e-6)


def test_duffing_spring_hardens():
    """At rest under a constant force the output is the root of y + b y^3 = u."""
    y = duffing.respond(np.full(400, 0.5))[-1, 0]
    assert np.isclose(y + 4 * y**3, 0.5, rtol=1e-6)


# The Wiener-Hammerstein chain


def test_wiener_hammerstein_with_a_straight_nonlinearity_is_two_filters():
    from scipy.signal import lfilter

    u = short_input(wiener_hammerstein, 2000)
    front, back = cheby1(3, 0.5, 4400 / 25600), cheby2(3, 40, 5000 / 25600)
    expected = lfilter(*back, lfilter(*front, u))
    assert np.allclose(wiener_hammerstein.respond(u, lambda v: v), expected, rtol=0, atol=1e-12)


def test_wiener_hammerstein_diode_conducts_on_one_side():
    v = np.array([-5.0, -1.0, 1.0, 2.0])
    assert np.allclose(wiener_hammerstein.DIODE(v), [-5, -1, 1 - 0.85 * 0.7, 2 - 0.85 * 1.7], atol=1e-6)


def test_wiener_hammerstein_record_is_chain_and_noise():
    series = record("sim_wiener_hammerstein", "test")
    error = series.y[:, 0] - wiener_hammerstein.respond(series.u[:, 0])
    assert np.isclose(error.std(), 2e-4, rtol=0.1)


# The tanks


def tank_rates(x, u):
    """Overflow as a right-hand side that jumps at the brim."""
    inflow, brim = 0.045 * u, 10.0
    spill = inflow - 0.04 * np.sqrt(brim)
    upper_full = x[0] >= brim and spill >= 0
    lower = 0.04 * np.sqrt(max(x[0], 0)) + (0.5 * spill if upper_full else 0) - 0.04 * np.sqrt(max(x[1], 0))
    return [
        0.0 if upper_full else inflow - 0.04 * np.sqrt(max(x[0], 0)),
        0.0 if x[1] >= brim and lower >= 0 else lower,
    ]


def test_tanks_solver_is_within_its_tolerance_of_a_tight_one_through_all_events():
    """Both tanks fill, overflow and fall."""
    u = np.repeat([2.0, 4.5, 3.0, 0.4], 30)
    ours = cascaded_tanks.respond(u, start=(6.0, 7.0))
    assert ((ours == 10).sum(axis=0) > 20).all()
    assert (ours[-1] < 9).all()
    tight = np.minimum(held(tank_rates, u, (6.0, 7.0), 4.0, method="RK45", max_step=0.5), 10)
    assert np.abs(tight - ours).max() < cascaded_tanks.TOLERANCE


def test_tanks_solver_is_within_its_tolerance_of_smaller_steps():
    u = short_input(cascaded_tanks, 1024)
    coarse, fine = (cascaded_tanks.respond(u, substeps=n) for n in (cascaded_tanks.SUBSTEPS, 8))
    assert np.any(fine[:, 0] == 10)
    assert np.any(fine[:, 1] == 10)
    assert np.abs(coarse - fine).max() < cascaded_tanks.TOLERANCE


@pytest.mark.parametrize("u", [0.5, 2.0, 2.8])
def test_tanks_settle_where_inflow_equals_outflow(u):
    levels = cascaded_tanks.respond(np.full(2000, u))[-1]
    assert np.allclose(levels, (0.045 * u / 0.04) ** 2, rtol=1e-6)


def test_full_upper_tank_hands_on_its_share_of_the_overflow():
    """A shallow lower tank with a wide outflow settles where it passes on the outflow and half the overflow."""
    levels = cascaded_tanks.respond(np.full(2000, 4.0), cascaded_tanks.Tanks(k3=0.08))[-1]
    inflow = 0.04 * np.sqrt(10) + 0.5 * (0.045 * 4 - 0.04 * np.sqrt(10))
    assert np.allclose(levels, [10, (inflow / 0.08) ** 2], rtol=1e-6)


def test_upper_tank_runs_dry_and_stays_so():
    t = 4.0 * np.arange(60)
    levels = cascaded_tanks.respond(np.zeros(60))
    assert np.allclose(levels[:, 0], np.maximum(np.sqrt(5) - 0.02 * t, 0) ** 2, rtol=0, atol=2e-5)
    assert (levels >= 0).all()


@pytest.mark.parametrize(
    ("u", "start"),
    [([-1.0, 1.0], (5.0, 5.0)), ([np.nan, 1.0], (5.0, 5.0)), ([1.0, 1.0], (10.5, 5.0)), ([1.0, 1.0], (5.0, -1.0))],
    ids=["pump-sucks", "nan", "above-the-brim", "below-the-floor"],
)
def test_tanks_refuse_what_no_tank_can_hold(u, start):
    with pytest.raises(DataError, match="levels at the start"):
        cascaded_tanks.respond(np.array(u), start=start)


def test_flooded_tanks_stay_at_the_brim():
    assert (cascaded_tanks.respond(np.full(300, 6.5))[-100:] == 10).all()


@pytest.mark.parametrize("part", PARTS)
def test_tank_records_stay_within_the_sensor_s_range_and_reach_the_brim(part):
    series = record("sim_cascaded_tanks", part)
    assert series.y.min() >= 0
    assert series.y.max() == 10
    assert series.u.min() >= 0.4
    assert series.u.max() <= 6.5
    clean = cascaded_tanks.respond(series.u[:, 0])
    between = clean[:, 1] < 9.9
    assert np.isclose((series.y[:, 0] - clean[:, 1])[between].std(), 0.02, rtol=0.1)
    assert ((clean >= 0) & (clean <= 10)).all()


def test_the_papers_split_of_the_linear_system_is_not_standardised():
    paper, simulated_ = linear.PAPER.load("paper"), linear.SOURCE.load("simulated")
    u, y = paper.scaler.scale(paper.train[0])
    assert np.array_equal(u, paper.train[0].u.astype(np.float32))
    assert np.array_equal(y, paper.train[0].y.astype(np.float32))
    assert paper.revision == simulated_.revision
    assert simulated_.scaler.y_mean != 0
    with pytest.raises(DataError, match="the one it has is named 'paper'"):
        linear.PAPER.load("simulated")
