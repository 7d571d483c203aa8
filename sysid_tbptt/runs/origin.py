"""Which data weights were trained on: their file says it in its metadata, an older one through the record of its run.

A network is right only with the scaling of the data that it was trained on, which comes from their training part.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import safe_open

from ..config import RunConfig
from ..data.series import Dataset
from ..errors import ConfigError, ModelError, abridged, complaints
from .record import Count, RunId
from .store import Store

KEY = "sysid-tbptt"
"""Key in the metadata of a weights file; its value is an `Origin` as JSON."""

_RUN_ID = re.compile("[0-9a-f]{16}")


class Origin(BaseModel):
    """The run that made a weights file: its seed, data set, split, horizon and data revision."""

    model_config = ConfigDict(frozen=True)

    run_id: RunId
    dataset: str
    split: str
    horizon: Count | None
    revision: str
    seed: int = Field(default=0, ge=0, lt=2**63)

    @classmethod
    def of(cls, config: RunConfig, run_id: str, revision: str) -> Origin:
        """The origin of the weights of a run."""
        fields = {name: getattr(config, name) for name in ("dataset", "split", "horizon", "seed")}
        return cls.model_validate({"run_id": run_id, "revision": revision} | fields)

    def metadata(self) -> dict[str, str]:
        """What a weights file keeps of it: a single key, since safetensors writes several keys in any order."""
        return {KEY: self.model_dump_json()}

    def is_of(self, data: Dataset) -> bool:
        """Whether these are the data with the same scaling: two splits may share their samples but not their scaler."""
        return (self.revision, self.split, self.horizon) == (data.revision, data.split, data.horizon)


def read_origin(path: Path) -> Origin | None:
    """The origin in the metadata of a weights file; none in a file of another program or of an earlier version.

    Raises:
        ModelError: the metadata cannot be read.
    """
    with safe_open(path, framework="numpy") as file:
        text = (file.metadata() or {}).get(KEY)
    try:
        return None if text is None else Origin.model_validate_json(text)
    except ValidationError as error:
        said = complaints(error, Origin)
        raise ModelError(f"{path}: metadata '{KEY}': {said}; restore the file, or train its run again") from error


def check_origin(path: Path, data: Dataset, *, named: str, results: Path) -> Origin | None:
    """The origin of weights that were trained on ``data``, which the user ``named``; None if it is not known.

    A file without metadata is looked up in its own results folder and in ``results``.

    Raises:
        ConfigError: the weights were trained on other data; the message names both, and the options to give.
        ModelError: the metadata cannot be read.
        StoreError: a results folder cannot be read.
    """
    origin = read_origin(path) or next(_recorded(path, results), None)
    if origin is not None and not origin.is_of(data):
        raise ConfigError(f"{path}: {_mismatch(origin, data, named)}")
    return origin


def _recorded(path: Path, results: Path) -> Iterator[Origin]:
    """The origins by the records of the runs that have this name, or whose kept weights are the same bytes."""
    own = (one.parents[1] for one in (path.absolute(), path.resolve()) if one.parent.name == "weights")
    for root in dict.fromkeys((*own, results)):
        run_ids = [*([path.stem] if _RUN_ID.fullmatch(path.stem) else []), *_twins(path, root)]
        store = Store(root) if run_ids else None
        for record in filter(None, map(store.get, run_ids) if store else ()):
            if revision := (record.provenance.get("data") or {}).get("revision"):
                yield Origin.of(record.config, record.run_id, revision)


def _twins(path: Path, root: Path) -> Iterator[str]:
    for other in sorted((root / "weights").glob("*.safetensors")):
        same = False
        with suppress(OSError):  # a link that leads nowhere, or a file that may not be read
            same = filecmp.cmp(path, other, shallow=False)
        if same:
            yield other.stem


def _mismatch(origin: Origin, data: Dataset, named: str) -> str:
    trained = f"the weights were trained on {_data_set(origin.dataset, origin.split, origin.horizon)}"
    if (origin.split, origin.horizon) == (data.split, data.horizon) and origin.dataset in (named, data.name):
        return (
            f"{trained} of revision {abridged(origin.revision, 12)}, and it now has revision {data.revision[:12]}: it "
            "was changed after the training; restore it, or train again on it"
        )
    horizon = "" if origin.horizon is None else f" --horizon {origin.horizon}"
    return (
        f"{trained}, not on {_data_set(named, data.split, data.horizon)}, which would be scaled wrongly; give "
        f"--dataset {abridged(origin.dataset)} --split {abridged(origin.split)}{horizon}, or train a model on "
        f"'{abridged(named)}'"
    )


def _data_set(name: str, split: str, horizon: int | None) -> str:
    return f"'{abridged(name)}' ({abridged(split)} split{'' if horizon is None else f', horizon {horizon}'})"
