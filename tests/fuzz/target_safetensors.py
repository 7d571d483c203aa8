"""safetensors: weights from anybody, put into the network that they tell of, and checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

from sysid_tbptt.models.rnn import Recurrent
from sysid_tbptt.runs.checkpoint import Checkpoint
from sysid_tbptt.runs.origin import Origin, read_origin
from sysid_tbptt.training.weights import n_layers, put_weights, read_weights, zoo_shape
from tests.fuzz.mutations import safetensors_header as mutate

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "seconds of a checkpoint that are complex: TypeError": "fuzzing",
    "a checkpoint of eight-bit numbers: AttributeError": "fuzzing",
    "a checkpoint without its seconds, or with three: KeyError, ValueError": "reading",
    "a checkpoint or weights of types that numpy or torch has not: TypeError": "reading",
    "names of layers without weights: a network of so many layers is built": "reading",
    "a width or depth that only a record claims: memory": "reading",
    "weights of whole or complex numbers were taken": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

torch.set_num_threads(1)
MARK = "a run"


def seeds() -> list[bytes]:
    found = []
    for cell, layers in (("lstm", 1), ("rnn", 2)):
        module = Recurrent(cell, n_u=1, n_y=1, hidden_size=2, num_layers=layers)
        arrays = {name: np.ones_like(tensor.numpy()) for name, tensor in module.state_dict().items()}
        found.append(save(arrays))
    state = {"spent": np.array((1.5, 0.5)), "step": np.array(3), "w": np.zeros((2, 2), np.float32)}
    origin = Origin(run_id="0a", dataset="silverbox", split="paper", horizon=None, revision="0b")
    return [*found, save(arrays, metadata=origin.metadata()), save(state, metadata={"mark": MARK})]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "x.safetensors"
    path.write_bytes(data)
    state, spent = Checkpoint(path, MARK).load()
    assert all(seconds >= 0 for seconds in spent)
    if state is not None:
        return
    weights = read_weights(path)
    read_origin(path)
    cell, hidden_size = zoo_shape(weights, path)
    module = Recurrent(cell, n_u=1, n_y=1, hidden_size=hidden_size, num_layers=n_layers(weights))
    put_weights(module, weights, path)
