import pytest
import torch

from sysid_tbptt.models.base import CarriesState
from sysid_tbptt.models.rnn import CELLS, Recurrent

every_cell = pytest.mark.parametrize("cell", CELLS)


def network(cell, *, n_u=2, n_y=3, hidden_size=5, num_layers=1):
    torch.manual_seed(0)
    return Recurrent(cell, n_u=n_u, n_y=n_y, hidden_size=hidden_size, num_layers=num_layers)


@every_cell
def test_random_draws_are_those_of_torch_in_the_order_of_the_reference_experiment(cell):
    model = network(cell)
    torch.manual_seed(0)
    expected = [*CELLS[cell](2, 5, 1, batch_first=True).parameters(), *torch.nn.Linear(5, 3).parameters()]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(model.parameters(), expected, strict=True))


@every_cell
def test_weights_have_the_published_names(cell):
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    assert list(network(cell).state_dict()) == [*(f"rnn.{n}" for n in names), "readout.weight", "readout.bias"]


@every_cell
@pytest.mark.parametrize("num_layers", [1, 2])
def test_going_on_from_a_state_equals_one_pass(cell, num_layers):
    model = network(cell, num_layers=num_layers)
    u = torch.randn(4, 20, 2)
    whole = model(u)
    first, state = model.forward_from(u[:, :7], None)
    second, _ = model.forward_from(u[:, 7:], state)
    assert isinstance(model, CarriesState)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-6)


@every_cell
def test_outputs_do_not_see_later_inputs(cell):
    model, u = network(cell), torch.randn(1, 10, 2)
    changed = u.clone()
    changed[:, 6:] += 1
    difference = (model(u) - model(changed)).abs().amax(dim=(0, 2))
    assert (difference[:6] == 0).all()
    assert (difference[6:] > 0).all()


def test_elman_network_is_its_equation():
    model, u = network("rnn"), torch.randn(3, 6, 2)
    w = model.state_dict()
    h = torch.zeros(3, 5)
    for t in range(6):
        pre = u[:, t] @ w["rnn.weight_ih_l0"].T + h @ w["rnn.weight_hh_l0"].T
        h = torch.tanh(pre + w["rnn.bias_ih_l0"] + w["rnn.bias_hh_l0"])
        y = h @ w["readout.weight"].T + w["readout.bias"]
        assert torch.allclose(model(u)[:, t], y, atol=1e-6)
