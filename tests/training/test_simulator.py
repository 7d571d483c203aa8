import numpy as np
import pytest
import torch

from sysid_tbptt.data.horizon import ahead
from sysid_tbptt.training.engines import load_engine
from sysid_tbptt.training.evaluate import simulate
from sysid_tbptt.training.job import Control
from sysid_tbptt.training.modules import module_simulator
from sysid_tbptt.training.stability import measure
from sysid_tbptt.training.trainer import run
from tests.training.modules import CarryingInPlace


@pytest.mark.parametrize("horizon", [None, 3])
@pytest.mark.parametrize("init_outputs", [0, 2])
def test_a_module_that_changes_its_input_in_place_trains_and_scores_as_any(horizon, init_outputs, job, make_data):
    data = ahead(make_data(), horizon) if horizon else make_data()
    more = {"horizon": horizon} if horizon else {"init_outputs": init_outputs, "validate_every": 10}
    kept, in_place = (
        run(job(data=data, model=f"tests.training.modules:{name}", **more), data, load_engine("reference"), Control())
        for name in ("Twice", "InPlace")
    )
    assert kept.trained.curve == in_place.trained.curve
    assert kept.trained.validation == in_place.trained.validation
    assert kept.metrics == in_place.metrics


def test_a_record_stays_as_it_was(make_data):
    class InPlace(torch.nn.Module):
        def forward(self, u):
            return u.mul_(2.0)

    u, data = np.ones((20, 1), np.float32), make_data()
    once = module_simulator(InPlace())(u, np.zeros((0, 1), np.float32))
    assert np.array_equal(u, np.ones((20, 1)))
    assert np.array_equal(once, 2 * u)
    assert np.array_equal(*(simulate(InPlace(), data.test[0], scaler=data.scaler) for _ in range(2)))


def test_outputs_are_not_those_of_the_next_call():
    class Reusing(torch.nn.Module):
        """Writes into one buffer at every call."""

        def __init__(self):
            super().__init__()
            self.made = torch.zeros(1, 20, 1)

        def forward(self, u):
            return self.made.copy_(u)

    simulator, none = module_simulator(Reusing()), np.zeros((0, 1), np.float32)
    first = simulator(np.ones((20, 1), np.float32), none)
    simulator(np.zeros((20, 1), np.float32), none)
    assert np.array_equal(first, np.ones((20, 1)))


def test_forgetting_is_measured_alike(make_data):
    torch.manual_seed(0)
    in_place = CarryingInPlace(1, 1, 4)

    class Kept(torch.nn.Module):
        def forward_from(self, u, state):
            return in_place.forward_from(u.clone(), None if state is None else state.clone())

    Kept.forward = lambda self, u: self.forward_from(u, None)[0]
    kept = Kept()
    kept.inner = in_place
    records = [np.random.default_rng(0).normal(size=(300, 1)).astype(np.float32)]
    one, other = (measure(module, records, pairs=20, steps=100) for module in (in_place.double(), kept))
    assert np.array_equal(one.ratio, other.ratio)
