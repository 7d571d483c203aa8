"""Time of `sysid-tbptt report` on 10,000 records, from the command to the files.

``pytest benchmarks/test_report.py -o addopts=``. The time is that of a process of its own, the interpreter's start
included. Figures are left out: what they take to draw goes with the curves in them. Before anything is timed, the
tables must have a row for every model.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.config import RunConfig
from sysid_tbptt.runs.record import Loss, RunRecord, Time
from sysid_tbptt.runs.store import Store

DATASETS = ("silverbox", "wiener_hammerstein", "cascaded_tanks", "emps", "ced")
TESTS = {"silverbox": ("multisine", "arrow_full", "arrow_no_extrapolation"), "ced": ("low", "high")}
MODELS = ("lstm", "gru", "rnn", "my_module:build")
WIDTHS, BURN_INS, SEEDS = (4, 8, 16, 32, 64), (0, 10, 20, 30, 40, 50, 60, 70, 80, 90), range(10)
CURVE = 200
"""Points of a loss curve, as a real record has."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 records in the files that `run` would have put them in."""
    store = Store(tmp_path_factory.mktemp("results"))
    rng = np.random.default_rng(0)
    lines: dict[Path, list[str]] = {}
    for number, values in enumerate(itertools.product(DATASETS, MODELS, WIDTHS, BURN_INS, SEEDS)):
        made = record(number, rng, *values)
        lines.setdefault(store.path(made.config), []).append(made.to_line())
    for path, texts in lines.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return store.root


def record(
    number: int, rng: np.random.Generator, dataset: str, model: str, hidden_size: int, burn_in: int, seed: int
) -> RunRecord:
    def scores() -> dict[str, Any]:
        error = 1 + rng.random() + (burn_in - 40) ** 2 / 1e4
        same = {name: [error] for name in ("rmse", "nrmse", "fit", "r2", "mae")}
        return {"mse_scaled": error**2, "n_scored": 1000, "unit": ["mV"], **same}

    return RunRecord(
        run_id=f"{number:016x}",
        status="ok",
        config=RunConfig(
            suite="official",
            dataset=dataset,
            split="official",
            model=model,
            hidden_size=hidden_size,
            seq_len=100,
            burn_in=burn_in,
            steps=20_000,
            seed=seed,
        ),
        records=1,
        windows=1000,
        parameters=361,
        steps_done=20_000,
        engine="cpu",
        metrics={
            "train": scores(),
            "val": scores(),
            "test": {name: scores() for name in TESTS.get(dataset, ("test",))},
        },
        loss=Loss(last100_mean=0.1, curve=rng.random(CURVE).tolist(), curve_every=100),
        time=Time(train_s=10 * rng.random(), train_cpu_s=10 * rng.random()),
        provenance={
            "versions": {"python": "3.12.1", "sysid-tbptt": "0.1.0", "torch": "2.11.0", "numba": "0.61.0"},
            "git": {"commit": "0" * 40, "dirty": False},
            "data": {"protocol": f"official split of {dataset}", "revision": "0" * 64, "n_init": 50, "sha256": {}},
            "device": "a processor",
            "system": "Linux x86_64",
            "threads": 1,
            "command": "sysid-tbptt run official.toml",
            "time": "2026-01-01T00:00:00+00:00",
        },
    )


@pytest.mark.parametrize(
    "options", [["--no-figures", "--no-site"], ["--no-figures"]], ids=["tables", "tables and page"]
)
def test_ten_thousand_records(results: Path, options: list[str], benchmark: Any) -> None:
    def report() -> None:
        command = [sys.executable, "-m", "sysid_tbptt.cli", "report", "--results", str(results), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    report()
    for dataset in DATASETS:
        board = pd.read_csv(results / "tables" / "official" / f"leaderboard-{dataset}.csv", comment="#")
        assert set(board["model"]) == set(MODELS)
        assert (board["seeds"] == len(SEEDS)).all()
    shutil.rmtree(results / "tables")
    benchmark.extra_info["records"] = 10_000
    benchmark.pedantic(report, rounds=2)
