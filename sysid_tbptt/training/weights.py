"""Trained weights from a file, never a pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import ModelError

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""Blocks of hidden_size rows in a zoo cell's recurrent weight."""

_RECURRENT = "rnn.weight_hh_l"

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
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a safetensors file ({error}); save the state_dict as safetensors") from error


def n_layers(weights: Weights) -> int:
    """Number of layers of a zoo network; one for any other model."""
    return max(1, sum(name.startswith(_RECURRENT) for name in weights))


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
        f"{path}: no recurrent weight '{_RECURRENT}0' of an rnn, gru or lstm; it has {', '.join(sorted(weights))}; "
        "name another model by --model, --hidden-size and --num-layers, all three"
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
            raise ModelError(
                f"{path}: weight '{name}': given {_told(given.get(name))}, expected {_told(expected.get(name))}; "
                "check --model, --hidden-size, --num-layers and the data set"
            )
    module.load_state_dict(weights)


def _told(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else f"shape {shape}"
