"""Trained weights from a file, never a pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from .. import limits
from ..errors import ModelError, abridged, listed, shown

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""Blocks of hidden_size rows in a zoo cell's recurrent weight."""

_RECURRENT = "rnn.weight_hh_l"

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

Weights = dict[str, torch.Tensor]


def read_weights(path: str | Path) -> Weights:
    """Tensors by name from a safetensors file.

    Raises:
        ModelError: there is no such file, or it is no safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; `run --keep-weights` writes weights below results/weights/")
    try:
        limits.check_plain(path, limits.WEIGHTS_BYTES, ModelError)
        weights = load_file(path)
    except ModelError:
        raise
    except Exception as error:  # safetensors raises of every kind where a tensor has a type that torch has not
        said = shown(str(error))
        raise ModelError(f"{path}: not a safetensors file ({said}); save the state_dict as safetensors") from error
    if other := [name for name, tensor in weights.items() if tensor.dtype not in _FLOATS]:
        raise ModelError(f"{path}: {listed(sorted(other))} are no floating-point numbers; save the trained state_dict")
    return weights


def n_layers(weights: Weights) -> int:
    """Number of layers of a zoo network, each as large as the first; one for any other model."""
    first = weights.get(f"{_RECURRENT}0")
    n = 1
    while first is not None and f"{_RECURRENT}{n}" in weights and weights[f"{_RECURRENT}{n}"].shape == first.shape:
        n += 1
    return n


def zoo_shape(weights: Weights, path: str | Path) -> tuple[str, int]:
    """Cell and hidden size of a zoo network, from the shapes of its weights.

    Raises:
        ModelError: the weights are not those of a zoo network.
    """
    recurrent = weights.get(f"{_RECURRENT}0")
    if recurrent is not None and recurrent.ndim == 2 and recurrent.shape[1]:
        gates, rest = divmod(recurrent.shape[0], recurrent.shape[1])
        for cell, number in GATES.items():
            if (gates, rest) == (number, 0):
                return cell, recurrent.shape[1]
    raise ModelError(
        f"{path}: no recurrent weight '{_RECURRENT}0' of an rnn, gru or lstm; it has {listed(sorted(weights))}; "
        "name another model by --model, --hidden-size and --num-layers, all three"
    )


def check_sizes(weights: Weights, path: str | Path, *, model: str, hidden_size: int, num_layers: int) -> None:
    """Passes sizes that the weights can be of, before a network is built: a record may claim any.

    Raises:
        ModelError: there are fewer numbers in the file than recurrent weights, or taps, of such a network.
    """
    least = {"mean": 0, **dict.fromkeys(GATES, hidden_size**2 * num_layers)}.get(model, hidden_size)
    given = sum(tensor.numel() for tensor in weights.values())
    if least > given:
        raise ModelError(
            f"{path}: {given} weights, too few for {model} with hidden_size={hidden_size} and num_layers={num_layers}; "
            "check --model, --hidden-size, --num-layers and the data set"
        )


def put_weights(module: torch.nn.Module, weights: Weights, path: str | Path) -> None:
    """Loads the weights into the module by name.

    Raises:
        ModelError: names or shapes differ; the message names the first.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(expected | given):
        if expected.get(name) != given.get(name):
            told = f"'{abridged(name)}': given {_told(given.get(name))}, expected {_told(expected.get(name))}"
            raise ModelError(f"{path}: weight {told}; check --model, --hidden-size, --num-layers and the data set")
    module.load_state_dict(weights)


def _told(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else f"shape {shape}"
