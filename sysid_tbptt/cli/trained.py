"""A file of trained weights as a module, with the data set that it is asked about."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_results, positive
from .printing import printable

if TYPE_CHECKING:
    import torch

    from ..data.series import Dataset


@dataclass(frozen=True)
class Trained:
    """The module with its name and sizes, the data, and whether they are known to be what it was trained on."""

    module: torch.nn.Module
    data: Dataset
    model: str
    hidden_size: int
    num_layers: int
    init_outputs: int
    known: bool


def add_weights(command: argparse.ArgumentParser, *, needs_dataset: bool) -> None:
    """The weights, and what tells their model and data."""
    command.add_argument("weights", metavar="WEIGHTS", help="safetensors file, torch's names of the weights")
    command.add_argument(
        "--dataset",
        required=needs_dataset,
        help="data set that the weights were trained on, by name: its training part gives the scaling; another one is "
        "refused where the file, or the record of its run, says what it was trained on",
    )
    command.add_argument("--split", help="named cut (default: the data set's first)")
    command.add_argument("--horizon", type=positive, metavar="P", help="forecast steps it was trained to give")
    command.add_argument("--model", help="model by name (default: read from the weights of an rnn, gru or lstm)")
    command.add_argument("--hidden-size", type=positive, help="width (default: read from the weights)")
    command.add_argument("--num-layers", type=positive, help="layers (default: read from the weights)")
    command.add_argument(
        "--init-outputs", type=positive, metavar="K", help="measured outputs it was trained to start from (default: 0)"
    )
    add_results(command)


def load_trained(options: argparse.Namespace) -> Trained:
    """What the options of `add_weights` name.

    Weights of unknown origin are assumed to be trained on the data set that is named.

    Raises:
        ConfigError: the weights were trained on other data.
        DataError: the data set cannot be had.
        ModelError: the weights cannot be read, or do not fit the model.
    """
    from ..registry import load_dataset
    from ..runs.origin import check_origin
    from ..seeding import seeded
    from ..training.building import built
    from ..training.inputs import width
    from ..training.weights import check_sizes, n_layers, put_weights, read_weights, zoo_shape

    data = load_dataset(options.dataset, options.split, options.horizon)
    weights = read_weights(options.weights)
    origin = check_origin(Path(options.weights), data, named=options.dataset, results=Path(options.results))
    name, hidden_size, num_layers = options.model, options.hidden_size, options.num_layers or n_layers(weights)
    init_outputs = options.init_outputs or 0
    if name is None or hidden_size is None:
        cell, units = zoo_shape(weights, options.weights)
        name, hidden_size = name or cell, hidden_size or units
    sizes: dict[str, Any] = {"hidden_size": hidden_size, "num_layers": num_layers}
    if ":" not in name:  # what code of the user's own does with its sizes is not known
        check_sizes(weights, options.weights, model=name, **sizes)
    n_in, n_steps = width(data.n_u, data.n_y, init_outputs), min(map(len, (*data.train, *data.val, *data.test)))
    with seeded(origin.seed if origin else 0):  # a module may draw constants outside its state_dict
        module = built(name, n_in=n_in, n_y=data.n_y, n_steps=n_steps, **sizes)
    put_weights(module, weights, options.weights)
    return Trained(module, data, name, hidden_size, num_layers, init_outputs, origin is not None)


def tell_origin(trained: Trained, weights: str) -> None:
    """Prints a note on the error stream if the weights file does not say which data it was trained on."""
    if not trained.known:
        data = f"'{trained.data.name}' ({trained.data.split} split)"
        note = f"note: {weights} does not say what it was trained on; the numbers are right only for training on {data}"
        print(printable(note), file=sys.stderr)
