import pytest
import torch
from safetensors.torch import save_file

from sysid_tbptt.errors import ModelError
from sysid_tbptt.models.rnn import CELLS, Recurrent
from sysid_tbptt.registry import build_model
from sysid_tbptt.training.building import built
from sysid_tbptt.training.weights import (
    n_layers,
    put_weights,
    read_weights,
    weights_file,
    weights_of,
    zoo_shape,
)

SIZES = {"hidden_size": 3, "num_layers": 1}


def network(cell="lstm", **sizes):
    return Recurrent(cell, **{"n_u": 2, "n_y": 1, "hidden_size": 3} | sizes)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("hidden_size", "num_layers"), [(1, 1), (3, 1), (4, 2), (12, 3)])
def test_shape_is_read_from_the_weights(cell, hidden_size, num_layers):
    weights = network(cell, hidden_size=hidden_size, num_layers=num_layers).state_dict()
    assert (*zoo_shape(weights, "w"), n_layers(weights)) == (cell, hidden_size, num_layers)


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"weight": torch.zeros(3, 1)},
        {"rnn.weight_hh_l0": torch.zeros(6, 3)},
        {"rnn.weight_hh_l0": torch.zeros(13, 3)},
        {"rnn.weight_hh_l0": torch.zeros(12)},
        {"rnn.weight_hh_l0": torch.zeros(12, 0)},
    ],
    ids=["none", "anchor", "two gates", "no multiple", "1-D", "no column"],
)
def test_weights_of_no_zoo_network_are_told(weights):
    with pytest.raises(
        ModelError, match=r"w: no recurrent weight 'rnn\.weight_hh_l0' of an rnn, .*name another model by"
    ):
        zoo_shape(weights, "w")
    assert n_layers({"weight": torch.zeros(3, 1)}) == 1


@pytest.mark.parametrize("name", [*CELLS, "arx"])
def test_weights_come_back_through_a_file(tmp_path, name):
    before, after = (build_model(name, n_u=2, n_y=1, hidden_size=3) for _ in range(2))
    for tensor in before.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape))
    save_file(before.state_dict(), tmp_path / "w.safetensors")
    put_weights(after, read_weights(tmp_path / "w.safetensors"), "w")
    u = torch.randn(1, 20, 2)
    assert torch.equal(after(u), before(u))


def test_no_file_is_told_with_what_writes_one(tmp_path):
    with pytest.raises(ModelError, match=r"none: no such file; `run --keep-weights` writes"):
        read_weights(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle", b"\xff" * 100])
def test_what_is_no_safetensors_file_is_told(tmp_path, content):
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.pt: not a safetensors file .*save the state_dict as safetensors"):
        read_weights(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (network(n_u=1), r"'rnn.weight_ih_l0': given shape \(12, 1\), expected shape \(12, 2\)"),
        (network(n_y=2), r"'readout.bias': given shape \(2,\), expected shape \(1,\)"),
        (network(hidden_size=4), r"'readout.weight': given shape \(1, 4\), expected shape \(1, 3\)"),
        (network("gru"), r"'rnn.bias_hh_l0': given shape \(9,\), expected shape \(12,\)"),
        (network(num_layers=2), r"'rnn.bias_hh_l1': given shape \(12,\), expected none; .*--num-layers"),
        (network().readout, r"'bias': given shape \(1,\), expected none"),
        (network().rnn, r"'bias_hh_l0': given shape \(12,\), expected none"),
    ],
    ids=["inputs", "outputs", "width", "cell", "layers", "readout alone", "no prefix"],
)
def test_the_first_weight_that_does_not_fit_is_named(given, said):
    module = network()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(ModelError, match=f"w: weight {said}"):
        put_weights(module, given.state_dict(), "w")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_missing_weight_is_named():
    weights = network().state_dict()
    del weights["readout.weight"]
    with pytest.raises(ModelError, match=r"'readout.weight': given none, expected shape \(1, 3\)"):
        put_weights(network(), weights, "w")


@pytest.mark.parametrize("name", ["Normalized", "Complex", "InDouble", "WeightNorm"])
def test_whatever_a_module_holds_comes_back_from_its_file(name, tmp_path):
    before, after = (built(f"tests.training.modules:{name}", n_in=1, n_y=1, n_steps=9, **SIZES) for _ in range(2))
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights_file(weights_of(before)))
    put_weights(after, read_weights(path), path)
    u = torch.randn(1, 20, 1)
    assert torch.equal(after.eval()(u), before.eval()(u))
