"""A module's weights: as arrays by name, and in a safetensors file. Never a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load, save
from safetensors.torch import load_file
from torch.nn.parameter import is_lazy

from .. import limits
from ..errors import ModelError, abridged, listed, one_line, shown
from .draws import GATES

_RECURRENT = "rnn.weight_hh_l"

_FLOATS = (torch.float16, torch.float32, torch.float64)
_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64)

STORED = (torch.bool, *_INTEGERS, *_FLOATS, torch.complex64)
"""The types of tensors that numpy and a safetensors file can both hold: a module that is trained has no others."""

READ = (*STORED, torch.bfloat16)
"""The types of tensors that are read; bfloat16 occurs in files of other programs."""

_MAY_HOLD = (
    "a module may hold parameters and buffers of bool, integers, float16, float32, float64 or complex64, but no extra "
    "state and nothing that copy.deepcopy does not copy, such as torch.jit.script"
)

Weights = dict[str, torch.Tensor]


def weights_of(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Copies of a module's parameters and buffers under torch's names."""
    return {name: tensor.detach().resolve_conj().numpy().copy() for name, tensor in module.state_dict().items()}


def module_with(module: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> torch.nn.Module:
    """A copy of the module with other weights."""
    module = deepcopy(module)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return module


def not_stored(module: torch.nn.Module) -> str | None:
    """What of a module's state cannot be stored; None if all can."""
    for name, value in module.state_dict().items():
        if not isinstance(value, torch.Tensor):
            return f"'{name}' is a {type(value).__name__}, not a tensor"
        if is_lazy(value):
            return f"'{name}' belongs to a lazy layer that forward does not call"
        if value.dtype not in STORED:
            return f"'{name}' is of type {value.dtype}"
        if value.layout != torch.strided or value.device.type != "cpu":
            return f"'{name}' has the layout {value.layout} on the device {value.device}, not torch.strided on the CPU"
    return None


def check_storable(module: torch.nn.Module, name: str) -> None:
    """Writes the weights of a copy as a run does, and reads them back into another.

    Raises:
        ModelError: that fails, or gives other weights; ``name`` begins the message.
    """
    if reason := not_stored(module) or _lost(module):
        raise ModelError(f"{name} cannot be stored: {reason}; {_MAY_HOLD}")


def _lost(module: torch.nn.Module) -> str | None:
    """What does not come back from a file; None if all does."""
    try:
        weights = weights_of(module)
        again = module_with(module, load(weights_file(weights)))
        back = weights_of(again)
    except Exception as error:  # of deepcopy, of safetensors, or of the module's own hooks
        return one_line(error)
    if not all(parameter.is_leaf for parameter in again.parameters()):
        return "the parameters of a copy are not leaf tensors"
    changed = [name for name, array in weights.items() if back[name].tobytes() != array.tobytes()]
    return f"load_state_dict changes {listed(changed)}" if changed else None


def weights_file(weights: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """The content of a safetensors file with these metadata."""
    arrays = {name: array.copy(order="C") for name, array in weights.items()}
    return save(arrays, metadata=dict(metadata or {}) or None)


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
    if other := [name for name, tensor in weights.items() if tensor.dtype not in READ]:
        types = listed(str(dtype).removeprefix("torch.") for dtype in READ)
        raise ModelError(f"{path}: {listed(sorted(other))}: the type must be one of {types}; save the state_dict so")
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
        ModelError: names, shapes or kinds of numbers differ, and the message names the first; or the module has state
            that cannot be stored.
    """
    if reason := not_stored(module):
        raise ModelError(f"{path}: the model cannot take weights: {reason}; name the model that was trained")
    expected = {name: _what(tensor) for name, tensor in module.state_dict().items()}
    given = {name: _what(tensor) for name, tensor in weights.items()}
    for name in sorted(expected | given):
        if expected.get(name) != given.get(name):
            told = f"'{abridged(name)}': given {given.get(name, 'none')}, expected {expected.get(name, 'none')}"
            raise ModelError(f"{path}: weight {told}; check --model, --hidden-size, --num-layers and the data set")
    module.load_state_dict(weights)


def _what(tensor: torch.Tensor) -> str:
    """The shape, and the kind of numbers unless they are real floating-point numbers."""
    kind = "" if tensor.is_floating_point() else " of complex numbers" if tensor.is_complex() else f" of {tensor.dtype}"
    return f"shape {tuple(tensor.shape)}{kind}"
