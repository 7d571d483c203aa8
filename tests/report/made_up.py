"""Made-up records of burn-in studies, for tests of what is drawn from records."""

from itertools import count

from sysid_tbptt.report.site import page
from sysid_tbptt.report.tables import all_tables
from sysid_tbptt.runs.record import Loss, RunRecord, Time
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

T = 300
LM = {"optimiser": "lm", "warm_steps": 20, "learning_rate": 0.01, "ridge": 1e-6}
CARRIED = {"init_mode": "carry", "batch_size": 6}
FULL = {"seq_len": T, "batch_size": 1}
_NUMBERS = count()


def record(m, train, val, test, *, status="ok", seconds=1.0, loss=(1.0,), every=1, where=None, **config):
    """A run with an id of its own; ``test`` is an error, or errors by test set; with ``seq_len=T`` it is full BPTT."""
    tests = test if isinstance(test, dict) else {"test": test}
    config = config_of(**{"burn_in": m, "seq_len": 12} | config)
    return RunRecord(
        run_id=f"{next(_NUMBERS):016x}",
        status=status,
        config=config,
        records=1,
        windows=len(range(0, T + 1 - config.seq_len, config.samples_apart)),
        steps_done=config.steps,
        engine=(where or {}).get("engine", "reference"),
        metrics={
            "train": {"mse_scaled": train, "rmse": [train], "unit": ["V"], "n_scored": T},
            "val": {"mse_scaled": val, "rmse": [val], "unit": ["V"]},
            "test": {name: {"mse_scaled": mse, "rmse": [mse], "unit": ["V"]} for name, mse in tests.items()},
        },
        loss=Loss(curve=list(loss), curve_every=every),
        time=Time(train_s=seconds, train_cpu_s=seconds),
        provenance={
            "device": (where or {}).get("device", "a chip"),
            "threads": 1,
            "versions": {"sysid-tbptt": "1.2.3"},
            "git": {"commit": "0123456789abcdef", "dirty": False},
        },
    )


ERRORS = {0: (4.0, 4.0, 8.0), 5: (1.0, 3.0, 6.0), 8: (2.0, 2.0, 2.0), 11: (9.0, 9.0, 9.0)}
"""Training, validation and test error by m: m* is 5 by rule paper and 8 by rule val."""


def study(scale=1.0, **fields):
    """A run for each m of `ERRORS`."""
    return [record(m, *(scale * error for error in errors), **fields) for m, errors in ERRORS.items()]


def stored(root, records):
    """A results folder of these records, written at once."""
    store, lines = Store(root), {}
    for run in records:
        lines.setdefault(store.path(run.config), []).append(run.to_line() + "\n")
    for path, of_path in lines.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(of_path), encoding="utf-8")
    return Store(root)


def html_of(store):
    """The text of the page of a results folder."""
    return page.html(store, all_tables(store.records()))
