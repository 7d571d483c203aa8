"""The command ``sysid-tbptt``: its options, and the room that answers each command.

Exit codes: 0 all done, 1 some runs failed or diverged, 2 bad usage or input, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

from rich.console import Console
from tabulate import tabulate

from .config import ENGINES, RunConfig
from .errors import ConfigError, StoreError, SysidError
from .suite import SELECTING

OK, SOME_FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
FILTERS = {name: field for name, field in RunConfig.model_fields.items() if name != "suite"}
STATUSES = ("ok", "diverged", "failed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    options = parser().parse_args(arguments)
    errors = Console(stderr=True)
    for ending in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(ending, _interrupt)
    sys.path.insert(0, "")  # my_module:build_model is looked for where the command is typed
    try:
        return int(options.command(options))
    except SysidError as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of our output has gone: `sysid-tbptt datasets | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        errors.print("stopped")
        return STOPPED


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="sysid-tbptt", description="Burn-in studies of recurrent networks.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_datasets(commands)
    _add_run(commands)
    _add_status(commands)
    _add_score(commands)
    _add_report(commands)
    return top


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


# datasets


def _add_datasets(commands: Any) -> None:
    command = commands.add_parser("datasets", help="what data sets there are, and which are at hand")
    command.add_argument("--json", action="store_true", help="print JSON, one object a data set and adapter")
    command.set_defaults(command=_datasets)


def _datasets(options: argparse.Namespace) -> int:
    from .registry import sources

    fields = ("name", "splits", "size", "origin", "licence", "citation")
    rows = [{"state": source.state(), **{name: getattr(source, name) for name in fields}} for source in sources()]
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return OK
    shown = [(row["name"], ", ".join(row["splits"]), row["state"], row["size"], row["origin"]) for row in rows]
    _print_table(("data set", "splits", "state", "size", "source"), shown)
    print()
    for line in dict.fromkeys(f"{row['name']}: {row['citation']} (licence: {row['licence']})" for row in rows):
        print(line)
    return OK


# run


def _add_run(commands: Any) -> None:
    command = commands.add_parser("run", help="train and evaluate the runs of suites; goes on where it stopped")
    command.add_argument("suites", nargs="+", metavar="SUITE", help="TOML file, see benchmarks/suites/")
    _add_results(command)
    command.add_argument("--engine", choices=ENGINES, default="auto", help="what trains (default: the fastest)")
    command.add_argument("--threads", type=_positive, metavar="K", help="runs at a time (default: one a core)")
    command.add_argument("--keep-weights", action="store_true", help="keep weights and test predictions in RESULTS")
    command.add_argument("--tables", action="store_true", help="write the tables whenever a group of runs is complete")
    command.add_argument("--dry-run", action="store_true", help="say what would run, how long, and what is there")
    _add_filters(command)
    command.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from .runs.harness import train

    def refresh() -> None:
        _write_tables(options.results)

    if options.dry_run:
        return _dry_run(options)
    records = train(
        _expanded(options),
        engine=options.engine,
        results=options.results,
        workers=options.threads,
        keep_weights=options.keep_weights,
        after_group=refresh if options.tables else None,
    )
    bad = sum(record.status != "ok" for record in records)
    print(
        f"{len(records)} runs: {len(records) - bad} ok, {bad} failed or diverged; records in {options.results}/records"
    )
    if options.tables:
        _show_tables(_write_tables(options.results))
    return SOME_FAILED if bad else OK


def _dry_run(options: argparse.Namespace) -> int:
    from .runs.executors import cores
    from .runs.harness import estimates
    from .runs.plan import make_plan
    from .runs.progress import duration
    from .runs.store import Store

    store = Store(options.results)
    plan = make_plan(_expanded(options), engine=options.engine, store=store)
    seconds, todo = estimates(plan.todo, store), {run.run_id for run in plan.todo}
    rows = []
    for group in dict.fromkeys((*run.group, run.engine) for run in plan.runs):
        runs = [run for run in plan.runs if (*run.group, run.engine) == group]
        left = [seconds[run.run_id] for run in runs if run.run_id in todo]
        rows.append((*group, len(runs), len(runs) - len(left), duration(sum(left))))
    workers = options.threads or cores()
    _print_table(("suite", "data set", "split", "model", "H", "N", "engine", "runs", "done", "to do, one worker"), rows)
    print(
        f"{len(plan.runs)} runs, {len(plan.runs) - len(todo)} done already, {len(todo)} to do: about "
        f"{duration(sum(seconds.values()) / workers)} on {workers} workers"
    )
    _tell_damages(store)
    return OK


def _expanded(options: argparse.Namespace) -> list[RunConfig]:
    from .runs.expand import expand

    filters = {name: getattr(options, name) for name in FILTERS}
    return [run for suite in options.suites for run in expand(suite, **filters)]


# status


def _add_status(commands: Any) -> None:
    command = commands.add_parser("status", help="what is in a results folder")
    _add_results(command)
    command.set_defaults(command=_status)


def _status(options: argparse.Namespace) -> int:
    from .runs.store import Store

    if not Path(options.results).is_dir():
        raise StoreError(f"{options.results}: no such results folder; name one by --results")
    store = Store(options.results)
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    for record in store.records():
        config = record.config
        count = counts.setdefault((config.suite, config.dataset, config.model, str(config.seq_len)), {})
        count[record.status] = count.get(record.status, 0) + 1
    rows = [(*key, *(count.get(status, 0) for status in STATUSES)) for key, count in counts.items()]
    _print_table(("suite", "data set", "model", "N", *STATUSES), rows)
    under_way = len(list(store.checkpoint("x").parent.glob("*.safetensors")))
    print(f"{len(store.records())} records in {store.root}; {under_way} runs under way or stopped")
    _tell_damages(store)
    return OK


def _tell_damages(store: Any) -> None:
    for damage in store.damages:
        print(f"no record, and done again by the next run: {damage}", file=sys.stderr)


# score


def _add_score(commands: Any) -> None:
    command = commands.add_parser("score", help="score trained weights by free-run simulation")
    command.add_argument("weights", metavar="WEIGHTS", help="safetensors file, torch's names of the weights")
    command.add_argument("--dataset", required=True, help="data set by name")
    command.add_argument("--split", help="named cut (default: the data set's first)")
    command.add_argument("--model", help="model by name (default: read from the weights of an rnn, gru or lstm)")
    command.add_argument("--hidden-size", type=_positive, help="width (default: read from the weights)")
    command.add_argument("--num-layers", type=_positive, help="layers (default: read from the weights)")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(command=_score)


def _score(options: argparse.Namespace) -> int:
    from .registry import build_model, load_dataset
    from .runs.record import finite
    from .training.evaluate import evaluate
    from .training.simulator import module_simulator
    from .training.weights import n_layers, put_weights, read_weights, zoo_shape

    data = load_dataset(options.dataset, options.split)
    weights = read_weights(options.weights)
    name, hidden_size, num_layers = options.model, options.hidden_size, options.num_layers or n_layers(weights)
    if name is None or hidden_size is None:
        cell, width = zoo_shape(weights, options.weights)
        name, hidden_size = name or cell, hidden_size or width
    module = build_model(name, n_u=data.n_u, n_y=data.n_y, hidden_size=hidden_size, num_layers=num_layers)
    put_weights(module, weights, options.weights)
    metrics = evaluate(module_simulator(module), data)
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
    _print_table(headings, rows)


# report


def _add_report(commands: Any) -> None:
    command = commands.add_parser("report", help="write the tables and figures of a results folder, from records alone")
    _add_results(command)
    command.add_argument("--no-figures", action="store_true", help="write the tables only")
    command.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    written = _write_tables(options.results)
    if not written:
        raise ConfigError(
            f"{options.results}: no table can be made yet: it takes records with m=0 and one more m of one data set, "
            "model and N; `sysid-tbptt run` makes them"
        )
    _show_tables(written + ([] if options.no_figures else _write_figures(options.results)))
    return OK


def _write_figures(results: str) -> list[Path]:
    """The figures; none, and a line that says so, where matplotlib is missing."""
    from .report.plots import missing, write_figures

    if reason := missing():
        print(f"no figures: {reason}", file=sys.stderr)
        return []
    return write_figures(results)


def _write_tables(results: str) -> list[Path]:
    from .report.tables import write_tables
    from .runs.store import Store

    store = Store(results)
    _tell_damages(store)
    return write_tables(store.records(), Path(results) / "tables")


def _show_tables(written: Sequence[Path]) -> None:
    for path in written:
        if path.suffix == ".md":
            print(path.read_text(encoding="utf-8"))
    for path in written:
        print(f"written: {path}")


# Printing


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    print(tabulate([[str(cell) for cell in row] for row in rows], headers=headings, disable_numparse=True))


# Options


def _add_results(command: argparse.ArgumentParser) -> None:
    command.add_argument("--results", default="results", metavar="FOLDER", help="results folder (default: results)")


def _add_filters(command: argparse.ArgumentParser) -> None:
    """One option a field of a run; several values are allowed."""
    group = command.add_argument_group(
        "filters", f"these choose among the runs: {', '.join(SELECTING)}; others replace"
    )
    for name, field in FILTERS.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            nargs="+",
            type=_reader(field.annotation),
            help=field.description,
            metavar="X",
        )


def _reader(annotation: Any) -> Any:
    """What turns an option's text into the field's type."""
    if get_origin(annotation) in (Union, types.UnionType):
        kind = next(part for part in get_args(annotation) if part is not type(None))
        return _or_none(kind)
    return str if get_origin(annotation) is Literal else annotation


def _or_none(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return None if text == "none" else kind(text)

    read.__name__ = f"{kind.__name__} or none"  # argparse names it where the text is neither
    return read


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive whole number")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
