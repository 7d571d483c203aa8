"""What a dry run says: what is to do, and how long it takes on how many workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .printing import print_table

if TYPE_CHECKING:
    from ..runs.estimate import Estimate
    from ..runs.plan import Plan


def show(plan: Plan, estimates: Mapping[str, Estimate], workers: int, price: float | None, *, on_cluster: bool) -> None:
    """Prints the runs by group, then the time and the worker-hours by number of workers, with their cost.

    ``estimates`` has every run that is to do by its run_id; ``price`` is that of a worker-hour, in any currency.
    """
    from ..runs.executors import cores
    from ..runs.progress import duration
    from ..runs.schedule import offers

    _print_groups(plan, estimates)
    seconds = {run_id: one.seconds for run_id, one in estimates.items()}
    found = offers(plan.queues(seconds, on_cluster=on_cluster), workers)
    asked = next(offer for offer in found if offer.workers == workers)
    shared = f" with a core each; this machine has {cores()}" if workers > cores() else ""
    print(
        f"{len(plan.runs)} runs, {len(plan.runs) - len(plan.todo)} done already, {len(plan.todo)} to do: about "
        f"{duration(asked.seconds)} on {workers} workers{shared}"
    )
    for said in plan.left_out:
        print(f"warning: {said}")
    if not plan.todo:
        return
    print()
    headings = ("workers", "time", "worker-hours", *(("cost",) if price is not None else ()))
    rows = [(one.workers, duration(one.seconds), f"{one.worker_hours:.3g}") for one in found]
    costs = [() if price is None else (_money(price * one.worker_hours),) for one in found]
    print_table(headings, [row + cost for row, cost in zip(rows, costs, strict=True)])
    _print_source(list(estimates.values()))


def _money(cost: float) -> str:
    return f"{cost:.2f}" if cost >= 1 else f"{cost:.2g}"


def _print_groups(plan: Plan, estimates: Mapping[str, Estimate]) -> None:
    from ..runs.progress import duration

    groups: dict[tuple[str | int, ...], list[Estimate | None]] = {}
    for run in plan.runs:
        groups.setdefault((*run.group, run.engine), []).append(estimates.get(run.run_id))
    rows = []
    for group, runs in groups.items():
        left = [one.seconds for one in runs if one is not None]
        rows.append((*group, len(runs), len(runs) - len(left), duration(sum(left))))
    print_table(("suite", "data set", "split", "model", "H", "N", "engine", "runs", "done", "to do, one worker"), rows)


def _print_source(estimates: list[Estimate]) -> None:
    """The work as a whole, and where its estimate is from."""
    from ..runs.progress import duration

    hours, cpu = (sum(getattr(one, name) for one in estimates) / 3600 for name in ("seconds", "cpu_seconds"))
    recorded = sum(one.recorded for one in estimates)
    print(
        f"\nThe work: {hours:.3g} hours of one worker, {cpu:.3g} CPU-hours of it training; the longest run takes "
        f"{duration(max(one.seconds for one in estimates))}.\n"
        f"Speed: of {recorded} runs from records of this machine, of {len(estimates) - recorded} from a trial.\n"
        "A worker is a core like this machine's, as busy with other work, and is held until the last run ends."
    )
