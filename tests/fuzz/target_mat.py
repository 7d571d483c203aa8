"""MATLAB files, of sets whose checksum is not known."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

from sysid_tbptt.data import package
from sysid_tbptt.data.official import PROCESS_NOISE_WH, _process_noise_records
from sysid_tbptt.errors import DataError
from tests.fuzz.mutations import plain as mutate

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "a compressed variable cut short: scipy's reader ends the process": "fuzzing",
    "an array of any size that a few bytes claim: memory": "fuzzing",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""


def seeds() -> list[bytes]:
    told = {"r": np.zeros((5, 1)), "u": np.ones((5, 2)), "y": np.eye(5)[:, :2], "fs": np.array([[2.0]])}
    found = []
    for packed in (False, True):
        buffer = io.BytesIO()
        savemat(buffer, {"dataMeas": told}, do_compression=packed)
        found.append(buffer.getvalue())
    old = io.BytesIO()
    savemat(old, {"dataMeas": np.ones((2, 2))}, format="4")
    return [*found, old.getvalue()]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "x.mat"
    path.write_bytes(data)
    with package.reading(path, PROCESS_NOISE_WH.raw):
        if _dies(path):  # as `package.kills_its_reader` finds, sooner
            raise DataError("scipy's reader dies of it")
        _process_noise_records(PROCESS_NOISE_WH, path)


def _dies(path: Path) -> bool:
    child = os.fork()
    if not child:
        status = 0
        try:
            loadmat(path)
        except MemoryError:
            status = 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
