"""npz: outputs that come from anybody, and predictions in a results folder, which the page shows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from sysid_tbptt.errors import SysidError
from sysid_tbptt.report.site.runs import finite
from sysid_tbptt.report.site.simulations import signals
from sysid_tbptt.runs.outputs_file import read_outputs
from sysid_tbptt.runs.predictions import read_predictions
from tests.fuzz.mutations import npz_members as mutate

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "words of what are no letters: SystemError; half a surrogate pair: a page that cannot be written": "fuzzing",
    "a header that claims terabytes, or a bomb: memory": "reading",
    "encrypted, or packed by LZMA: RuntimeError, LZMAError": "reading",
    "arrays of no width and a million million of them": "reading",
    "predictions with dt or n_init out of range, or of words: ValueError on the page": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""


def _npz(packed: bool, **arrays: object) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def seeds() -> list[bytes]:
    y = np.arange(12, dtype=np.float32).reshape(6, 2)
    told = {
        "a/y": y,
        "a/y_hat": y + 1,
        "a/n_init": np.int64(2),
        "a/dt": np.float64(0.5),
        "a/unit": np.array(["V", "m"]),
    }
    long = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
    whole = {"b/y": long, "b/y_hat": -long, "b/n_init": np.int64(0), "b/dt": np.float64(1), "b/unit": np.array(["°C"])}
    return [
        _npz(True, **told),
        _npz(False, **told),
        _npz(True, **whole),
        _npz(True, high=np.ones(5), low=np.zeros((3, 2))),
        _npz(False, x=np.array([1, 2]), y=np.asfortranarray(np.eye(3)), z=np.array([True]), c=np.array([1j])),
    ]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "x.npz"
    path.write_bytes(data)
    try:
        predictions = read_predictions(path)
    except SysidError:
        read_outputs(path, 1)
        return
    for prediction in predictions:
        for channel in range(len(prediction.unit)):
            shown = signals(prediction, channel)
            assert shown == finite(shown), "what the page cannot hold"
