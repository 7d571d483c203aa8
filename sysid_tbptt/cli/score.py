"""``sysid-tbptt score``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .options import positive
from .printing import OK, print_table


def add(commands: Any) -> None:
    command = commands.add_parser("score", help="score trained weights by free-run simulation")
    command.add_argument("weights", metavar="WEIGHTS", help="safetensors file, torch's names of the weights")
    command.add_argument("--dataset", required=True, help="data set by name")
    command.add_argument("--split", help="named cut (default: the data set's first)")
    command.add_argument("--model", help="model by name (default: read from the weights of an rnn, gru or lstm)")
    command.add_argument("--hidden-size", type=positive, help="width (default: read from the weights)")
    command.add_argument("--num-layers", type=positive, help="layers (default: read from the weights)")
    command.add_argument(
        "--init-outputs", type=positive, default=0, metavar="K", help="measured outputs it was trained to start from"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(command=_score)


def _score(options: argparse.Namespace) -> int:
    from ..registry import build_model, load_dataset
    from ..runs.record import finite
    from ..training.evaluate import evaluate
    from ..training.inputs import width
    from ..training.simulator import module_simulator
    from ..training.weights import n_layers, put_weights, read_weights, zoo_shape

    data = load_dataset(options.dataset, options.split)
    weights = read_weights(options.weights)
    name, hidden_size, num_layers = options.model, options.hidden_size, options.num_layers or n_layers(weights)
    if name is None or hidden_size is None:
        cell, units = zoo_shape(weights, options.weights)
        name, hidden_size = name or cell, hidden_size or units
    n_in = width(data.n_u, data.n_y, options.init_outputs)
    module = build_model(name, n_u=n_in, n_y=data.n_y, hidden_size=hidden_size, num_layers=num_layers)
    put_weights(module, weights, options.weights)
    metrics = evaluate(module_simulator(module), data, options.init_outputs)
    about = {"dataset": data.name, "split": data.split, "protocol": data.protocol, "model": name}
    if options.json:
        told = about | {"hidden_size": hidden_size, "metrics": finite(metrics)}
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        _print_scores(about, metrics)
    return OK


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
