"""``sysid-tbptt stability``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .options import positive, whole
from .printing import OK, print_table
from .trained import Trained, add_weights, load_trained, tell_origin

if TYPE_CHECKING:
    from ..runs.record import RunRecord
    from ..runs.store import Store
    from ..training.forgetting import Forgetting

_TOLD = ("dataset", "split", "horizon", "model", "hidden_size", "num_layers", "init_outputs")
"""Options that a run's record tells."""
_STUDY = ("suite", "setting", "batch_size", "budget")
"""What tells apart the studies of one model and N."""


def add(commands: Any) -> None:
    command = commands.add_parser(
        "stability",
        help="measure how fast a trained network forgets its state, lambda, and the m that the paper's bound prefers",
    )
    add_weights(command, needs_dataset=False)
    command.add_argument(
        "--seq-len", type=positive, nargs="+", metavar="N", help="windows to tell the m of (default: the run's own)"
    )
    command.add_argument("--pairs", type=positive, metavar="K", help="pairs of states (default: 500)")
    command.add_argument("--seed", type=whole, default=0, metavar="S", help="seed of the pairs (default: 0)")
    command.add_argument(
        "--check",
        type=float,
        nargs=2,
        metavar=("C", "LAMBDA"),
        help="tell the share of samples (pairs x steps) that a bound C lambda^t does not hold for",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(command=_stability)


def _stability(options: argparse.Namespace) -> int:
    from ..runs.store import Store
    from ..training.decay import check_bound
    from ..training.stability import PAIRS, estimate
    from ..training.weights import read_weights

    if options.check:
        check_bound(*options.check)
    store = Store(options.results)
    record = store.get(Path(options.weights).stem)
    if record is None and options.dataset is None:
        read_weights(options.weights)  # a file that is missing or no weights has no record either
        raise ConfigError(
            f"{options.weights}: {options.results} has no record of a run of this name that tells its data set; "
            "name --dataset, or the folder by --results"
        )
    told = _completed(options, record)
    trained = load_trained(told)
    k, pairs = trained.init_outputs, options.pairs or PAIRS
    found = estimate(trained.module, trained.data, init_outputs=k, pairs=pairs, seed=options.seed)
    answer = _answer(found, trained, told)
    answer["burn_in"] = _burn_in(found, told.seq_len, _studies(store, trained, told.dataset, record))
    kept = _keep(store, found, trained, record, told)
    if options.json:
        print(json.dumps(answer, indent=1, ensure_ascii=False))
    else:
        _print(answer, kept)
    tell_origin(trained, options.weights)
    return OK


def _completed(options: argparse.Namespace, record: RunRecord | None) -> argparse.Namespace:
    """The options, those that were not given from the run's config.

    Raises:
        ConfigError: the record names code to run, or a log, which the user must name.
    """
    from ..runs.trust import check_trusted

    told = argparse.Namespace(**vars(options))
    if record:
        check_trusted(record.config, "model", told.model, options.weights)
        check_trusted(record.config, "dataset", told.dataset, options.weights)
    config = record.config.model_dump() if record else {}
    for name in _TOLD:
        if getattr(told, name) is None:
            setattr(told, name, config.get(name))
    told.seq_len = told.seq_len or ([config["seq_len"]] if config else [])
    return told


def _answer(found: Forgetting, trained: Trained, options: argparse.Namespace) -> dict[str, Any]:
    check = options.check and {
        "constant": options.check[0],
        "lambda": options.check[1],
        "violations": found.decay.violations(*options.check),
    }
    return {
        "dataset": trained.data.name,
        "split": trained.data.split,
        "protocol": trained.data.protocol,
        "model": trained.model,
        "hidden_size": trained.hidden_size,
        "pairs": len(found.decay.ratio),
        "seed": options.seed,
        "lambda": found.factor,
        "interval": found.interval,
        "constant": found.constant,
        "forgets": found.forgets,
        "memory": found.memory if found.forgets else None,
        "fitted": found.fitted,
        "check": check,
    }


def _burn_in(found: Forgetting, seq_lens: Sequence[int], studies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each N the m of the least bound, and m* of each study of that N."""
    from ..training.bound import best_burn_in

    return [
        {"seq_len": n, "bound": best_burn_in(n, found.factor) if found.forgets else None} | measured
        for n in seq_lens
        for measured in [study for study in studies if study["seq_len"] == n] or [{"measured": {}, "study": None}]
    ]


def _studies(store: Store, trained: Trained, dataset: str, record: RunRecord | None) -> list[dict[str, Any]]:
    """N and m* by rule of the burn-in studies of the model on the data; with a record, those of its setting alone."""
    from ..report.figures import groups
    from ..report.frame import frame

    names = (trained.data.name, dataset)  # a user's own log is named by its path
    runs = frame(run for run in store.records() if run.config.dataset in names and run.config.model == trained.model)
    fields: dict[Any, Any] = {"split": trained.data.split, "hidden_size": trained.hidden_size}
    if record is not None:
        fields = frame([record]).iloc[0][[*groups.MODEL, "batch_size", "budget"]].to_dict()
    return [
        {"seq_len": key["seq_len"], "measured": groups.chosen_m(part), "study": groups.told(key, _STUDY)}
        for key, part, _ in groups.studies(runs)
        if all(key[name] == value for name, value in fields.items())
    ]


def _keep(
    store: Store, found: Forgetting, trained: Trained, record: RunRecord | None, options: argparse.Namespace
) -> Path | None:
    """Writes the estimate where it is of a recorded run, on the run's own data."""
    from ..data.cache import sha256_of
    from ..runs.provenance import command, provenance
    from ..runs.stability import StabilityRecord, write_stability

    if record is None or any(getattr(options, name) != getattr(record.config, name) for name in _TOLD):
        return None
    if record.config.run_id(trained.data.revision) != record.run_id:
        return None
    made = provenance(trained.model, trained.data, command()) | {"weights_sha256": sha256_of(Path(options.weights))}
    return write_stability(
        store.root,
        StabilityRecord.of(found, run_id=record.run_id, config=record.config, seed=options.seed, provenance=made),
    )


def _print(answer: dict[str, Any], kept: Path | None) -> None:
    low, high = answer["interval"]
    print(f"{answer['model']}, {answer['hidden_size']} units, on {answer['dataset']}, {answer['protocol']}")
    print(
        f"lambda  {answer['lambda']:.5f} [{low:.5f}, {high:.5f}], 95 % bootstrap over {answer['pairs']} pairs of states"
    )
    print(f"C       {answer['constant']:.4g}, the least that all pairs allow with this lambda")
    if answer["forgets"]:
        print(f"memory  {answer['memory']:.1f} steps, 1/|ln lambda|")
    else:
        print("memory  none to tell: the network does not forget, lambda is not below 1 with all of its interval")
    print(f"fitted  over t = {answer['fitted'][0]} to {answer['fitted'][1]}")
    if check := answer["check"]:
        tried = f"C = {check['constant']:g}, lambda = {check['lambda']:g}"
        print(f"check   {tried}: {check['violations']:.2%} of the samples (pairs x steps) exceed the bound")
    if answer["burn_in"]:
        print()
        _print_burn_in(answer["burn_in"])
    if kept:
        print(f"\nkept: {kept}")


def _print_burn_in(rows: Sequence[dict[str, Any]]) -> None:
    rules = list(dict.fromkeys(rule for row in rows for rule in row["measured"]))
    headings = ("N", "N - 1/|ln lambda|", *(f"m* ({rule})" for rule in rules), "study")
    cells = [
        (
            row["seq_len"],
            "-" if row["bound"] is None else f"{row['bound']:.1f}",
            *(row["measured"].get(rule, "-") for rule in rules),
            row["study"] or "none in the results folder",
        )
        for row in rows
    ]
    print_table(headings, cells)
