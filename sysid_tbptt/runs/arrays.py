"""Plain arrays by name from an npz file that may come from anybody: bounded before it is unpacked, never a pickle."""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..errors import SysidError, listed, shown

KINDS = "biufcSU"
"""Kinds of numpy's types that are numbers or words."""

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What numpy writes; others take memory as the file asks for."""


def read_arrays(path: Path, error: type[SysidError], remedy: str) -> dict[str, np.ndarray]:
    """The arrays of an npz file in their order, read-only.

    Raises:
        SysidError: of the type ``error``, where it is no npz file of plain arrays, or too large unpacked.
    """
    try:
        limits.check_plain(path, limits.ARRAYS_BYTES, error)
        with path.open("rb") as opened, zipfile.ZipFile(opened) as archive, warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy's of a header of Python 2
            members = _checked(archive.infolist())
            return {name: _array(archive.read(member)) for name, member in members.items()}
    except SysidError:
        raise
    except Exception as broken:  # zipfile and numpy raise of every kind
        raise error(f"{path}: not an npz file of plain arrays ({shown(str(broken))}); {remedy}") from broken


def _checked(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The members by the name of their array; what each claims to unpack to is all that zipfile unpacks."""
    if len(members) > limits.ARRAYS or sum(member.file_size for member in members) > limits.ARRAYS_BYTES:
        raise ValueError(f"more than {limits.ARRAYS} arrays, or {limits.ARRAYS_BYTES} bytes unpacked")
    named = {member.filename.removesuffix(".npy"): member for member in members}
    if len(named) != len(members):
        raise ValueError("two arrays of one name")
    other = [m.filename for m in members if m.compress_type not in _COMPRESSIONS or not m.filename.endswith(".npy")]
    if other:
        raise ValueError(f"no array, or packed otherwise than numpy does: {listed(other)}")
    return named


def _array(content: bytes) -> np.ndarray:
    """One array from its npy file, whose header must claim what is there."""
    file = io.BytesIO(content)
    shape, fortran, dtype = _header(file)
    if dtype.kind not in KINDS or not dtype.itemsize or dtype.subdtype:
        raise ValueError(f"{dtype} is no type of numbers or words")
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"an array of shape {shown(shape)} is not {len(content) - file.tell()} bytes of {dtype}")
    flat = np.frombuffer(content, dtype, offset=file.tell())
    if dtype.kind == "U":
        _check_letters(np.frombuffer(content, np.dtype("u4").newbyteorder(dtype.byteorder), offset=file.tell()))
    return flat.reshape(shape, order="F" if fortran else "C")


def _check_letters(codes: np.ndarray) -> None:
    """Numpy takes any four bytes for a letter, and Python then fails on it; half a surrogate pair cannot be written."""
    if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise ValueError("words of what are no letters")


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"npy version {version}, which only arrays with named fields need")
