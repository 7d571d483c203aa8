import numpy as np
import pytest
import torch
from scipy.signal import StateSpace, dlsim

from sysid_tbptt import build_model
from sysid_tbptt.errors import ModelError
from sysid_tbptt.models.base import CarriesState


def network(**sizes):
    torch.manual_seed(0)
    return build_model("linear_rnn", **({"n_u": 2, "n_y": 3, "hidden_size": 4} | sizes))


def test_it_is_a_state_space_model():
    model, u = network(), torch.randn(1, 30, 2)
    a, b, c = (weight.detach().double().numpy() for weight in (model.w_hh, model.w_xh, model.w_hy))
    _, y, _ = dlsim(StateSpace(a, b, c @ a, c @ b, dt=1), u[0].double().numpy())
    assert np.allclose(model(u)[0].detach(), y, rtol=1e-4, atol=1e-5)


def test_going_on_from_a_state_equals_one_pass():
    model, u = network(), torch.randn(4, 20, 2)
    first, state = model.forward_from(u[:, :7], None)
    second, _ = model.forward_from(u[:, 7:], state)
    assert isinstance(model, CarriesState)
    assert torch.allclose(torch.cat([first, second], dim=1), model(u), atol=1e-6)


def test_several_layers_are_refused():
    with pytest.raises(ModelError, match="one layer, not num_layers=2"):
        network(num_layers=2)
