"""The ground all rooms stand on: what one run is, exactly."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .limits import WHOLE_NUMBER

ALGORITHM_VERSION = 1
"""Raised when the same config, a default included, would give other numbers than before; part of every run_id."""

REVISIONS = {"arx": 1, "fir": 1}
"""Number of changes that affected only the numbers of one model; added to `ALGORITHM_VERSION` for that model alone."""

KERNELS: tuple[str, ...] = ("cpu",)
"""Engines with hand-written kernels, in the order of preference of ``auto``."""

ENGINES = ("auto", *KERNELS, "reference")
"""What a user may ask to train with."""

RETRAIN = "-retrain"
"""Ends the name of a split whose validation part is trained on too, and decides nothing."""

InitMode = Literal["zero", "carry", "coupled", "free"]
Optimiser = Literal["adam", "ipopt", "lm"]

OF_LM = frozenset({"warm_steps", "ridge", "damping", "tolerance"})
"""Fields of Levenberg-Marquardt alone."""

UNUSED: dict[Optimiser, frozenset[str]] = {
    "adam": OF_LM,
    "ipopt": OF_LM
    | {"horizon", "init_outputs", "stride", "clip_norm", "weight_decay", "input_noise", "validate_every"},
    "lm": frozenset({"validate_every", "epochs"}),
}
"""Fields that an optimiser does not use, so that they must keep their defaults."""

Ended = Literal["converged", "stuck", "budget", "patience"]
"""Why an lm run took no further iteration: its loss hardly falls any more; no step of any damping lowers it, although
its gradient says that one should; the iterations, or the validations without improvement, are used up."""

Schedule = Literal["constant", "step", "cosine"]


def method(model: str, optimiser: str) -> str:
    """The name of a method in text: the model, and the optimiser in brackets unless it is Adam, or there is none."""
    return model if optimiser in ("", "adam") else f"{model} ({optimiser})"


def algorithm_version(model: str) -> int:
    """Version of the algorithm that trains and evaluates the model of that name."""
    return ALGORITHM_VERSION + REVISIONS.get(model, 0)


class RunConfig(BaseModel):
    """One training run. Its canonical JSON, with the data revision, is the run's identity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    suite: str = Field(description="suite that the run belongs to")
    dataset: str = Field(description="data set by name")
    split: str = Field(description="named cut of the data set: paper, official, ...")
    horizon: int | None = Field(
        default=None,
        ge=1,
        le=WHOLE_NUMBER,
        description="forecast steps P: the outputs are the next P values; none: the outputs are simulated",
    )
    model: str = Field(description="model by name: rnn, gru, lstm, linear_rnn, mean, fir, arx, or a plug-in's")
    hidden_size: int = Field(
        default=8,
        ge=1,
        le=WHOLE_NUMBER,
        description="width H of each recurrent layer; of fir and arx the order, in samples",
    )
    num_layers: int = Field(default=1, ge=1, le=WHOLE_NUMBER, description="number of recurrent layers")
    seq_len: int = Field(
        ge=1, le=WHOLE_NUMBER, description="subsequence length N; the training record's length T for full BPTT"
    )
    burn_in: int = Field(
        default=0,
        ge=0,
        le=WHOLE_NUMBER,
        description="leading steps m of each subsequence left out of the loss, 0 <= m < N",
    )
    init_mode: InitMode = Field(
        default="zero",
        description="state at the start of each subsequence: zero; carry: that of the previous one; or trained with "
        "the weights: coupled, where each goes on from the first step of the one before, or free",
    )
    optimiser: Optimiser = Field(
        default="adam",
        description="adam: steps on batches; lm: Levenberg-Marquardt on all subsequences, validated after each "
        "iteration; ipopt: all subsequences at once, to an optimum (linear_rnn, one unit)",
    )
    stride: int | None = Field(
        default=None,
        ge=1,
        le=WHOLE_NUMBER,
        description="samples from the start of one subsequence to the next; none: 1, and for lm N - m, so that no "
        "sample is scored twice",
    )
    init_outputs: int = Field(
        default=0,
        ge=0,
        le=WHOLE_NUMBER,
        description="leading steps of each subsequence and simulated record at which the measured output is an input "
        "too, so that it sets the state; at most the benchmark's n_init",
    )
    batch_size: int = Field(default=100, ge=1, le=WHOLE_NUMBER, description="subsequences B per optimiser step")
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam's step size")
    lr_schedule: Schedule = Field(
        default="constant",
        description="constant, step (multiplied by lr_factor after each of lr_stages equal stages) or cosine (to zero)",
    )
    lr_stages: int = Field(default=3, ge=1, le=WHOLE_NUMBER, description="number of equal stages of the step schedule")
    lr_factor: float = Field(default=0.2, gt=0, le=1, description="factor between two stages of the step schedule")
    clip_norm: float | None = Field(default=None, gt=0, description="largest global gradient norm; none: no clipping")
    weight_decay: float = Field(default=0.0, ge=0, description="decoupled weight decay (AdamW)")
    input_noise: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of white noise on the standardised training input, drawn anew each epoch",
    )
    steps: int = Field(ge=1, le=WHOLE_NUMBER, description="budget in optimiser steps; of lm in iterations")
    warm_steps: int = Field(
        default=0,
        ge=0,
        le=WHOLE_NUMBER,
        description="Adam steps before lm, on batches at stride 1, with the learning rate and its schedule, clip_norm, "
        "weight_decay and input_noise",
    )
    ridge: float = Field(
        default=0.0, ge=0, description="of lm: factor of the sum of the squared weights that is added to the loss"
    )
    damping: float = Field(
        default=1e-3, gt=0, description="of lm: initial damping, relative to the diagonal of the normal matrix"
    )
    tolerance: float = Field(
        default=1e-6, ge=0, description="of lm: relative decrease of the loss in one iteration at which the run ends"
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        le=WHOLE_NUMBER,
        description="the budget as the suite states it, where in epochs; steps follows from it",
    )
    validate_every: int | None = Field(
        default=None,
        ge=1,
        le=WHOLE_NUMBER,
        description="steps between validations; the best weights are kept; none: the last weights",
    )
    patience: int | None = Field(
        default=None, ge=1, le=WHOLE_NUMBER, description="validations without improvement before the run stops early"
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**63,
        description="seeds the initial weights, the batch order and what a model draws in training",
    )

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        if self.burn_in >= self.seq_len:
            raise ValueError(
                f"burn_in={self.burn_in} leaves no step of a subsequence of seq_len={self.seq_len} to score; "
                "choose burn_in < seq_len"
            )
        if self.init_mode == "carry" and self.seq_len % self.batch_size:
            raise ValueError(
                "init_mode='carry' needs seq_len to be a multiple of batch_size, "
                f"got {self.seq_len} and {self.batch_size}"
            )
        if self.init_mode in ("coupled", "free") and self.optimiser != "ipopt":
            raise ValueError(f"init_mode='{self.init_mode}' needs optimiser='ipopt', which trains the initial states")
        if self.init_mode == "carry" and self.optimiser != "adam":
            raise ValueError(
                f"optimiser='{self.optimiser}' has no order of subsequences: choose another init_mode than 'carry'"
            )
        if given := UNUSED[self.optimiser].intersection(self.model_dump(exclude_defaults=True)):
            raise ValueError(f"optimiser='{self.optimiser}' does not use {', '.join(sorted(given))}; leave it out")
        if self.init_mode == "carry" and self.stride not in (None, 1):
            raise ValueError("init_mode='carry' visits every subsequence in turn: leave out stride")
        if self.init_outputs and self.init_mode == "carry":
            raise ValueError("init_outputs sets the state that init_mode='carry' carries: choose init_mode='zero'")
        if self.init_outputs >= self.seq_len:
            raise ValueError(
                f"init_outputs={self.init_outputs} leaves no step of a subsequence of "
                f"seq_len={self.seq_len} to simulate; choose init_outputs < seq_len"
            )
        if self.horizon is not None and (self.init_outputs or self.validate_every is not None):
            raise ValueError("a horizon goes with neither init_outputs nor validate_every: leave them out")
        if self.patience is not None and not self.validates:
            raise ValueError("patience counts validations: set validate_every as well")
        return self

    @property
    def validates(self) -> bool:
        """Whether the run keeps the best weights by validation. With lm it validates after each iteration."""
        return self.validate_every is not None or (self.optimiser == "lm" and self.horizon is None)

    @property
    def samples_apart(self) -> int:
        """Samples from the start of one subsequence to the next."""
        return self.stride or (self.seq_len - self.burn_in if self.optimiser == "lm" else 1)

    @property
    def warm_start(self) -> RunConfig | None:
        """The Adam run that an lm run begins with; None if it has none."""
        if not self.warm_steps:
            return None
        kept = self.model_dump(exclude={*OF_LM, "optimiser", "stride", "patience"})
        return RunConfig(**kept | {"steps": self.warm_steps})

    def canonical_json(self) -> str:
        """Sorted, compact JSON without the fields at their default, so that a new field changes no old identity."""
        return canonical_json(self.model_dump(exclude_defaults=True))

    def run_id(self, data_revision: str) -> str:
        """Hash of the canonical config, the data revision and the algorithm version; not of device or workers."""
        text = f"{self.canonical_json()}\n{data_revision}\n{algorithm_version(self.model)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
