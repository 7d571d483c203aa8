"""A Markdown table of measured speeds: ``python benchmarks/perf_table.py results/perf/MACHINE.json``.

It is written beside the JSON, as ``MACHINE.md``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

TRAINING = {
    "cell": "{}",
    "N": "{}",
    "m": "{}",
    "threads": "{}",
    "ms_per_step": "{:.3f}",
    "reference_ms_per_step": "{:.2f}",
    "ratio": "{:.1f}",
    "gflops": "{:.0f}",
    "fraction_of_peak": "{:.2f}",
    "peak_memory_mb": "{:.1f}",
}
JAX = {
    "cell": "{}",
    "H": "{}",
    "N": "{}",
    "ms_per_step": "{:.3f}",
    "torch_ms_per_step": "{:.2f}",
    "jax_ms_per_step": "{:.2f}",
    "torch_ratio": "{:.1f}",
    "jax_ratio": "{:.1f}",
}
FORECASTING = {name: TRAINING[name] for name in ("N", "m", "ms_per_step", "reference_ms_per_step", "ratio")}
FORECASTING["peak_memory_mb"] = TRAINING["peak_memory_mb"]
BPTT = {"cell": "{}", "microseconds_per_sample": "{:.3f}", "ratio": "{:.0f}", "peak_memory_mb": "{:.1f}"}
SIMULATION = {"cell": "{}", "ms_per_40k_samples": "{:.2f}", "ratio": "{:.1f}"}
LM = {
    "cell": "{}",
    "H": "{}",
    "parameters": "{}",
    "threads": "{}",
    "s_per_iteration": "{:.2f}",
    "wall_s_per_iteration": "{:.2f}",
    "normal_s": "{:.2f}",
    "trial_ms": "{:.1f}",
    "microseconds_per_sample": "{:.2f}",
    "gflops": "{:.0f}",
    "fraction_of_peak": "{:.2f}",
}
NORMAL_EQUATIONS = {
    "cell": "{}",
    "H": "{}",
    "peer": "{}",
    "windows": "{}",
    "microseconds_per_sample": "{:.2f}",
    "peer_microseconds_per_sample": "{:.1f}",
    "ratio": "{:.1f}",
}

LM_LEGEND = """\
One run on all windows. `s_per_iteration`: seconds of an iteration, counted as the normal equations, `normal_s`, and 7.1
trial steps with the solution and the loss, `trial_ms` each; after so many trials, on average, the damping is where it
was. Validation is not counted. All times are processor times, summed over the threads, except the wall time.
`microseconds_per_sample`: `normal_s` by the number of scored samples. `gflops` counts the matrix products of the normal
equations alone: H x H x (columns of W) multiply-adds a step, twice as many in the LSTM, and half the square of the
Jacobian's columns a scored sample. It is per second of processor time, and `fraction_of_peak` compares it with the peak
of one core.
"""

NORMAL_EQUATIONS_LEGEND = """\
J'J and J'r of the same windows, which must be equal before they are timed. `loops`: forward sensitivities in plain
loops, compiled by Numba, and J'J by BLAS; `torch`: `torch.func.jvp` under `vmap`; `jax`: `jacfwd` under `vmap` and
`jit`. `ratio`: the peer's time by the engine's.
"""


class Section(NamedTuple):
    title: str
    test: str
    columns: dict[str, str]
    legend: str = ""


SECTIONS = (
    Section(
        "Beside torch and JAX (scan under jit), one run each (B = 100, m = N/2, processor time)", "test_beside_jax", JAX
    ),
    Section("Forecasting (LSTM, 96 units, horizon 96, B = 24, one run at a time)", "test_forecasting", FORECASTING),
    Section("One window over the whole record (N = T = 20000, B = 1)", "test_full_bptt", BPTT),
    Section("Free-run simulation of 40000 samples", "test_simulation", SIMULATION),
    Section("Levenberg-Marquardt (official Wiener-Hammerstein, N = 400, m = 100)", "test_lm_iteration", LM, LM_LEGEND),
    Section(
        "Normal equations on some of these windows (one thread, processor time)",
        "test_normal_equations",
        NORMAL_EQUATIONS,
        NORMAL_EQUATIONS_LEGEND,
    ),
)

LEGEND = """\
`ms_per_step`: milliseconds per optimiser step and run, with `threads` runs at a time (B = 100, 8 hidden units, one
input, one output, record of 20000 samples). `reference_ms_per_step`: torch's module with DataLoader and Adam, one run
at a time, one thread, its fastest. Both are the best of rounds that alternate, in processor time; with several threads
ours is in wall time, which other work on the machine lengthens. `ratio`: the second by the first. `gflops` counts the
matrix products alone; `fraction_of_peak` compares it with fused multiply-adds on full vectors, measured on one core,
times `threads`. `peak_memory_mb`: allocated by a run, without the data.
"""

THREADS = """\
`speed-up`: work done by all threads in a second of wall time, against one thread. `processor time`: what a run takes of
its core beside others, against alone; on a machine that has other work, only this one can be trusted.
"""


def main(path: Path) -> None:
    measured = json.loads(path.read_text())
    parts = [
        "# Speed of the CPU engine",
        machine(measured),
        LEGEND,
        table("test_training", TRAINING, measured),
        "## Threads",
        THREADS,
        scaling(measured),
    ]
    for section in SECTIONS:
        if rows(section.test, measured):
            parts += [f"## {section.title}", section.legend, table(section.test, section.columns, measured)]
    path.with_suffix(".md").write_text("\n\n".join(part.strip() for part in parts if part) + "\n")


def machine(measured: dict[str, Any]) -> str:
    info, commit = measured["machine_info"], measured["commit_info"]
    peaks = [f"{row['peak_gflops']:.0f} GFLOP/s a core (float32, measured)" for row in rows("test_training", measured)]
    facts = [
        processor(info),
        f"{info['cores']} cores",
        *peaks[:1],
        info["system"],
        f"Python {info['python_version']}",
        f"torch {info['torch']}",
        f"load {info['load']:.1f} before the start",
        measured["datetime"][:10],
        f"commit {commit['id'][:10]}" + (" with changes" if commit.get("dirty") else ""),
    ]
    return ", ".join(facts) + "."


def processor(info: dict[str, Any]) -> str:
    """Its name, with family and model where they are known: generations of different speed share a name."""
    cpu = info["cpu"]
    name = cpu.get("brand_raw", info["processor"])
    return f"{name} (family {cpu['family']}, model {cpu['model']})" if {"family", "model"} <= cpu.keys() else name


def rows(test: str, measured: dict[str, Any]) -> list[dict[str, Any]]:
    return [b["extra_info"] for b in measured["benchmarks"] if b["name"].startswith(test) and b["extra_info"]]


def table(test: str, columns: dict[str, str], measured: dict[str, Any]) -> str:
    return markdown(
        list(columns), [[form.format(row[key]) for key, form in columns.items()] for row in rows(test, measured)]
    )


def scaling(measured: dict[str, Any]) -> str:
    """Several threads against one."""
    cases: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
    for row in rows("test_training", measured):
        cases.setdefault((row["cell"], row["N"], row["m"]), {})[row["threads"]] = row
    lines = []
    for case, by_threads in cases.items():
        one, most = by_threads[min(by_threads)], by_threads[max(by_threads)]
        speed_up = one["wall_ms_per_step"] / most["wall_ms_per_step"]
        slow_down = most["processor_ms_per_step"] / one["processor_ms_per_step"]
        lines.append([*map(str, case), str(most["threads"]), f"{speed_up:.2f}", f"{slow_down:.2f}"])
    return markdown(["cell", "N", "m", "threads", "speed-up", "processor time"], lines)


def markdown(header: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
