"""Linear networks, of which lambda and C are known in closed form."""

import numpy as np
import pytest
import torch

from sysid_tbptt import build_model
from sysid_tbptt.errors import ConfigError, ModelError
from sysid_tbptt.training.decay import Decay
from sysid_tbptt.training.forgetting import fit
from sysid_tbptt.training.stability import estimate, measure
from sysid_tbptt.training.states import network
from tests.conftest import make_dataset
from tests.training.modules import CarryingComplex

DATA = make_dataset((5000,))
U = np.random.default_rng(3).normal(size=(3000, 1)).astype(np.float32)


def linear(a, c=None, n_u=1):
    """A linear network with W_hh = a, W_hy = c."""
    a = np.atleast_2d(a)
    torch.manual_seed(0)
    module = build_model("linear_rnn", n_u=n_u, n_y=1 if c is None else len(c), hidden_size=len(a))
    with torch.no_grad():
        module.w_hh.copy_(torch.tensor(a))
        if c is not None:
            module.w_hy.copy_(torch.tensor(c))
    return module


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


# lambda


@pytest.mark.parametrize("w_hh", [0.5, 0.9, 0.99, -0.5, -0.9, -0.99])
def test_the_factor_of_one_state_is_its_weight(w_hh):
    found = estimate(linear(w_hh), DATA)
    assert found.factor == pytest.approx(abs(w_hh), rel=0.01)
    assert found.memory == pytest.approx(1 / abs(np.log(abs(w_hh))), rel=0.02)
    assert found.interval == pytest.approx((found.factor, found.factor), rel=1e-5)
    assert found.forgets


def test_short_records_are_no_obstacle():
    assert estimate(linear(0.9), make_dataset((7, 3000, 6))).factor == pytest.approx(0.9, rel=0.01)


def test_the_factor_of_a_complex_state_is_the_modulus_of_its_pole():
    torch.manual_seed(0)
    module = CarryingComplex(n_u=1, n_y=1, hidden_size=3)
    with torch.no_grad():
        module.pole.copy_(torch.polar(torch.tensor([0.9, 0.5, 0.4]), torch.tensor([1.0, 0.2, 2.0])))
    assert estimate(module, DATA).factor == pytest.approx(0.9, rel=0.01)
    assert module.pole.dtype == torch.complex64


def test_a_module_that_rounds_to_float32_is_refused():
    class Rounding(CarryingComplex):
        def forward_from(self, u, state):
            y, state = super().forward_from(u, state)
            return y.float(), state

    with pytest.raises(
        ModelError, match=r"Rounding: forward_from gives torch\.float32 for float64 inputs; give the type"
    ):
        network(Rounding(n_u=1, n_y=1, hidden_size=3), 1)


@pytest.mark.parametrize("seed", range(4))
def test_the_factor_of_several_states_is_the_spectral_radius(seed):
    a = np.random.default_rng(seed).normal(size=(5, 5))
    a *= 0.95 / np.abs(np.linalg.eigvals(a)).max()
    radius = np.abs(np.linalg.eigvals(a.astype(np.float32))).max()
    assert estimate(linear(a), DATA).factor == pytest.approx(radius, rel=0.01)


def test_a_slow_mode_is_found_behind_a_fast_one():
    module = linear(np.diag([0.98, 0.6]), [[0.001, 1.0]])
    found = estimate(module, DATA)
    assert found.factor == pytest.approx(0.98, rel=0.001)
    assert found.fitted[0] > 100


def test_the_interval_covers_and_narrows_with_pairs():
    torch.manual_seed(0)
    module = build_model("gru", n_u=1, n_y=1, hidden_size=4)
    wide, narrow = (estimate(module, DATA, pairs=pairs) for pairs in (20, 500))
    assert wide.interval[0] < wide.factor < wide.interval[1]
    assert narrow.interval[1] - narrow.interval[0] < wide.interval[1] - wide.interval[0]


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    torch.manual_seed(0)
    module = build_model("lstm", n_u=1, n_y=1, hidden_size=3)
    first, second, other = (estimate(module, DATA, pairs=10, seed=seed) for seed in (0, 0, 1))
    assert (first.factor, first.interval, first.constant) == (second.factor, second.interval, second.constant)
    assert first.factor != other.factor


@pytest.mark.parametrize("w_hh", [1.0, 1.01, -1.0])
def test_what_does_not_forget_is_told(w_hh):
    found = estimate(linear(w_hh), make_dataset((400,)))
    assert found.factor == pytest.approx(abs(w_hh), rel=0.001)
    assert not found.forgets
    assert found.memory == np.inf


# C


def test_the_constant_of_a_scaled_rotation_is_its_gain():
    """|c R^t h| <= |c| lambda^t |h|, and with c a multiple of the identity it is an equality."""
    module = linear(0.9 * rotation(0.7), 3.0 * np.eye(2))
    found = estimate(module, DATA)
    assert found.constant == pytest.approx(3.0, rel=0.02)
    assert found.decay.least_constant(0.9) == pytest.approx(3.0, rel=1e-3)
    assert found.decay.violations(3.01, 0.9) == 0.0
    assert found.decay.violations(2.99, 0.9) == 1.0


def test_the_constant_of_a_start_up_is_below_the_largest_gain_over_time_and_near():
    a, c = np.array([[0.9, 1.0], [0.0, 0.5]]), np.array([[1.0, -0.5]])
    gains = [np.linalg.norm(c @ np.linalg.matrix_power(a, t)) / 0.9**t for t in range(1, 200)]
    constant = estimate(linear(a, c), DATA).decay.least_constant(0.9)
    assert 0.5 * max(gains) < constant <= max(gains) * (1 + 1e-4)


def test_all_samples_hold_with_the_constant_found_and_some_do_not_with_less():
    torch.manual_seed(0)
    found = estimate(build_model("lstm", n_u=1, n_y=1, hidden_size=3), DATA)
    assert found.decay.violations(found.constant, found.factor) == 0.0
    assert 0.0 < found.decay.violations(0.99 * found.constant, found.factor) < 0.01


def test_violations_are_a_share_of_the_samples_above_rounding():
    ratio = np.array([[1.0, 0.5, 0.25, 1e-20], [1.0, 1.0, 0.25, 1e-20]])
    decay = Decay(ratio, np.full((2, 1), 1e-15))
    assert decay.least_constant(0.5) == pytest.approx(4.0)
    assert decay.violations(2.0, 0.5) == pytest.approx(1 / 6)
    assert decay.violations(4.0, 0.5) == 0.0


# Pairs


class Oracle(torch.nn.Module):
    """h_t = 0.9 h_{t-1} + u_t, y_t = h_t, with the state (2, B, 1) as (h, -h); keeps the states that it was given."""

    def __init__(self):
        super().__init__()
        self.given = []

    def forward_from(self, u, state):
        if state is not None and len(u) > 1:
            self.given.append(state)
        h = torch.zeros(len(u), 1, dtype=u.dtype) if state is None else state[0]
        y = []
        for t in range(u.shape[1]):
            h = 0.9 * h + u[:, t]
            y.append(h)
        return torch.stack(y, dim=1), torch.stack([h, -h])


def test_pairs_are_visited_states_half_of_them_beside_zero(monkeypatch):
    module = Oracle()
    monkeypatch.setattr(Oracle, "__deepcopy__", lambda self, memo: self, raising=False)
    decay = measure(module, [U], pairs=50)
    h1, h2 = module.given[0][0, :, 0].numpy().reshape(2, -1)
    run = [0.0]
    for u in U[:, 0]:
        run.append(0.9 * run[-1] + float(u))
    assert len(decay.ratio) == len(h1) == 50
    assert np.isin(h1.round(9), np.round(run, 9)).all()
    assert (h2 == 0).sum() == 25
    assert np.isin(h2[h2 != 0], h1).all()
    expected = np.broadcast_to(0.9**decay.t / np.sqrt(2), decay.ratio.shape)
    assert np.allclose(decay.ratio[decay.sure], expected[decay.sure], rtol=1e-3)
    assert decay.sure[:, 200].all()
    assert not decay.sure[:, 350].any()


def test_states_are_driven_from_where_the_first_of_them_was_visited():
    """Going on from a visited state repeats the free run, so that its outputs are those of the whole record."""
    torch.manual_seed(0)
    net = network(build_model("lstm", n_u=1, n_y=1, hidden_size=3), 1)
    u = torch.from_numpy(U).double()
    with torch.no_grad():
        whole, _ = net.advance(u[None], None)
        (first, second, same) = net.visit(u, [7, 100, 100])
        for start, states in ((7, first), (100, second), (100, same)):
            y, _ = net.advance(u[None, start : start + 30], states)
            assert torch.allclose(y, whole[:, start : start + 30], atol=1e-12)


def test_several_records_are_each_run_from_a_zero_state():
    one, two = U[:1500], U[1500:2200]
    decay = measure(linear(0.9), [one, two, U[:3]], pairs=200)
    assert np.allclose(decay.ratio[:, 1:60] / decay.ratio[:, :59], np.float64(np.float32(0.9)), rtol=1e-6)


def test_states_of_a_network_with_known_outputs_are_those_after_them():
    torch.manual_seed(0)
    module = build_model("lstm", n_u=3, n_y=1, hidden_size=3)
    assert estimate(module, DATA, init_outputs=5, pairs=10).forgets
    with pytest.raises(ConfigError, match="init_outputs=6 is more than"):
        estimate(module, DATA, init_outputs=6)


@pytest.mark.parametrize(("name", "layers"), [("rnn", 1), ("gru", 2), ("lstm", 1), ("lstm", 2), ("linear_rnn", 1)])
def test_every_network_of_the_zoo_can_be_measured_and_is_left_as_it_was(name, layers):
    torch.manual_seed(0)
    module = build_model(name, n_u=1, n_y=1, hidden_size=4, num_layers=layers)
    found = estimate(module, DATA, pairs=20)
    assert 0 < found.factor < 1
    assert module.training
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())


# What cannot be measured


class Stateless(torch.nn.Module):
    def forward_from(self, u, state):
        return u, u[:, -1] if state is None else state


class Unbatched(torch.nn.Module):
    def forward_from(self, u, state):
        return u, torch.zeros(4)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (torch.nn.Linear(1, 1), r"Linear has no forward_from\(u, state\)"),
        (Stateless(), "agree up to rounding after 0 steps"),
        (linear(0.001), "forgets too fast for its rate to be measured"),
        (Unbatched(), r"a state of shape \(4,\) for a batch of 2 has no axis of the batch"),
        (linear(0.9, n_u=2), r"forward_from does not take float64 inputs \(B, 1, 1\)"),
        (linear(3.0), "not finite in a free run"),
    ],
    ids=["no state", "no use of it", "too fast", "no batch", "width", "runs away"],
)
def test_what_cannot_be_measured_is_told(module, said):
    with pytest.raises(ModelError, match=said):
        fit(measure(module, [U]))


def test_a_state_that_stays_zero_is_told():
    with pytest.raises(ModelError, match="nothing to forget"):
        measure(linear(0.9), [np.zeros((50, 1), np.float32)])


def test_records_and_pairs_must_suffice():
    with pytest.raises(ConfigError, match="the longest has 1 samples"):
        measure(linear(0.9), [U[:1]])
    with pytest.raises(ConfigError, match="choose pairs >= 2"):
        measure(linear(0.9), [U], pairs=1)


@pytest.mark.parametrize(("constant", "factor"), [(0.0, 0.5), (1.0, 0.0), (1.0, float("nan"))])
def test_a_bound_needs_positive_numbers(constant, factor):
    with pytest.raises(ConfigError, match="choose"):
        measure(linear(0.9), [U], pairs=2).violations(constant, factor)
