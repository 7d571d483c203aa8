"""``sysid-tbptt score``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..errors import ConfigError
from .options import positive
from .printing import OK, print_table
from .trained import Trained, add_weights, load_trained, tell_origin


def add(commands: Any) -> None:
    command = commands.add_parser("score", help="score trained weights by free-run simulation, or by forecasts")
    add_weights(command, needs_dataset=True)
    command.add_argument(
        "--seq-len", type=positive, metavar="N", help="inputs that a forecast is made from; after full BPTT m + 1"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(command=_score)


def _score(options: argparse.Namespace) -> int:
    from ..runs.record import finite

    trained = load_trained(options)
    data = trained.data
    metrics = _metrics(trained, options.seq_len)
    about = {"dataset": data.name, "split": data.split, "protocol": data.protocol, "model": trained.model}
    if options.json:
        told = about | {"hidden_size": trained.hidden_size, "metrics": finite(metrics)}
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        _print_scores(about, metrics)
    tell_origin(trained, options.weights)
    return OK


def _metrics(trained: Trained, seq_len: int | None) -> dict[str, Any]:
    from ..training.evaluate import evaluate
    from ..training.forecasts import check_windows, evaluate_forecasts
    from ..training.modules import module_simulator, outputs_given
    from ..training.weights import weights_of

    if (trained.data.horizon is None) != (seq_len is None):
        raise ConfigError("forecasts are of --horizon steps, made from windows of --seq-len inputs: give both, or none")
    if trained.data.horizon is None or seq_len is None:
        data, module = trained.data, trained.module
        given = outputs_given(module, init_outputs=trained.init_outputs, n_init=data.n_init)
        return evaluate(module_simulator(module), data, given)
    check_windows(trained.data, seq_len)
    return evaluate_forecasts(trained.module, weights_of(trained.module), trained.data, seq_len)


def _print_scores(about: dict[str, str], metrics: dict[str, Any]) -> None:
    headings = ("part", "samples", "MSE scaled", "RMSE", "unit", "NRMSE", "fit %", "R2", "MAE")
    rows = []
    parts = {"train": metrics["train"], "val": metrics["val"]}
    parts |= {f"test {name}" if name != "test" else name: scores for name, scores in metrics["test"].items()}
    for part, scores in parts.items():
        columns = (scores["rmse"], scores["unit"], scores["nrmse"], scores["fit"], scores["r2"], scores["mae"])
        shown = ("\n".join(x if isinstance(x, str) else f"{x:.6g}" for x in column) for column in columns)
        rows.append((part, str(scores["n_scored"]), f"{scores['mse_scaled']:.6g}", *shown))
    print(f"{about['model']} on {about['dataset']}, {about['protocol']}")
    print_table(headings, rows)
