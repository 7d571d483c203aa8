"""Free-run simulation over whole records, and what a run is scored by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from ..data.scaler import Scaler
from ..data.series import Dataset, Series
from .inputs import check_init_outputs
from .metrics import score
from .simulator import Simulator, mse_scaled

if TYPE_CHECKING:
    import torch

Metrics = dict[str, Any]


def simulate(
    module: torch.nn.Module, series: Series, *, scaler: Scaler, init_outputs: int = 0
) -> Float64[np.ndarray, "T n_y"]:
    """Free-run simulation of a whole record; physical units in and out.

    It starts from a zero state. A module trained with ``init_outputs`` gets as many measured outputs. A module that
    starts from outputs, such as ARX, gets those of the record's init window and returns them unchanged.

    Raises:
        DataError: a sample is too far away from the scaler's mean, see `sysid_tbptt.data.scaler.Scaler.check`.
    """
    from .modules import module_simulator, outputs_given

    scaler.check(series, name="simulation")
    given = outputs_given(module, init_outputs=init_outputs, n_init=series.n_init)
    return scaler.unscale_y(_simulated(module_simulator(module), series, scaler, given))


def _simulated(simulator: Simulator, series: Series, scaler: Scaler, init_outputs: int) -> np.ndarray:
    u, y = scaler.scale(series)
    return simulator(u, y[:init_outputs])


def evaluate(simulator: Simulator, data: Dataset, init_outputs: int = 0) -> Metrics:
    """Metrics of every part: ``train`` and ``val`` over their records together, ``test`` by test set.

    The simulator is given the first ``init_outputs`` measured outputs of each record.
    """
    return evaluate_and_keep(simulator, data, init_outputs)[0]


def evaluate_and_keep(
    simulator: Simulator, data: Dataset, init_outputs: int = 0, burn_in: int | None = None
) -> tuple[Metrics, dict[str, np.ndarray]]:
    """`evaluate`, and the simulated outputs (T, n_y) of each test set in physical units.

    Where ``burn_in`` is given, ``mse_after_burn_in`` is as ``mse_scaled`` without the first ``burn_in`` steps of each
    record: the performance of Schiller et al. 2026.

    Raises:
        ConfigError: ``init_outputs`` is more than the init window, so that known outputs would be scored.
    """
    check_init_outputs(init_outputs, data.n_init, data.name)
    scaler = data.scaler
    y_hat = {series.name: _simulated(simulator, series, scaler, init_outputs) for series in data.test}
    metrics = {
        "train": score_records(simulator, data.train, scaler, init_outputs, burn_in),
        "val": score_records(simulator, data.val, scaler, init_outputs, burn_in),
        "test": {
            series.name: _scores([y_hat[series.name]], [series], scaler, init_outputs, burn_in) for series in data.test
        },
    }
    return metrics, {name: scaler.unscale_y(simulated) for name, simulated in y_hat.items()}


def score_records(
    simulator: Simulator, records: Sequence[Series], scaler: Scaler, init_outputs: int = 0, burn_in: int | None = None
) -> Metrics:
    """Scores of one part, its records taken together.

    ``mse_scaled`` is the mean squared error over all channels and all steps but the first ``init_outputs``, in
    standardized units; the other scores are per channel in physical units, after each record's
    first ``n_init`` samples.
    """
    y_hat = [_simulated(simulator, series, scaler, init_outputs) for series in records]
    return _scores(y_hat, records, scaler, init_outputs, burn_in)


@np.errstate(over="ignore", invalid="ignore")  # a simulation that has run away is told by its scores
def _scores(
    y_hat: Sequence[np.ndarray], records: Sequence[Series], scaler: Scaler, init_outputs: int, burn_in: int | None
) -> Metrics:
    scored = [slice(series.n_init, None) for series in records]
    physical = score(
        y=np.concatenate([series.y[part] for series, part in zip(records, scored, strict=True)]),
        y_hat=np.concatenate([scaler.unscale_y(p)[part] for p, part in zip(y_hat, scored, strict=True)]),
    )
    pairs = [(scaler.scale_y(series.y), p) for series, p in zip(records, y_hat, strict=True)]
    performance = (
        {} if burn_in is None else {"mse_after_burn_in": mse_scaled((y[burn_in:], p[burn_in:]) for y, p in pairs)}
    )
    return {
        "mse_scaled": mse_scaled((y[init_outputs:], p[init_outputs:]) for y, p in pairs),
        **performance,
        **{key: value.tolist() for key, value in physical.items()},
        "unit": list(records[0].units.y),
        "n_scored": sum(len(series) - series.n_init for series in records),
    }
