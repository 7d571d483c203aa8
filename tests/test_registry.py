from importlib.metadata import EntryPoint

import pytest
import torch

from sysid_tbptt import registry
from sysid_tbptt.data.source import Source
from sysid_tbptt.errors import DataError, ModelError
from sysid_tbptt.models.linear import ANCHORS
from sysid_tbptt.models.rnn import CELLS
from sysid_tbptt.registry import ALIASES, build_model, load_dataset

MODULE = """
import torch

CONSTANT = 3

class Gain(torch.nn.Module):
    def __init__(self, **sizes):
        super().__init__()
        self.sizes = sizes

def build(**sizes):
    return Gain(**sizes)

def number(**sizes):
    return 3
"""


@pytest.fixture
def plugged(monkeypatch):
    """Entry points, as an installed package would bring them."""
    entries = []
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry for entry in entries if entry.group == group])
    caches = (registry.sources, registry._known_dataset)
    for cached in caches:
        cached.cache_clear()
    yield entries
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's own, by name."""
    (tmp_path / "own_models.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_models"


@pytest.fixture
def known(plugged, monkeypatch, make_data):
    """Two adapters of one data set, and one of another; tells what was loaded."""
    loaded = []

    def source(name, *splits):
        def load(split):
            loaded.append((name, split))
            return make_data()

        return Source(name, splits, load, lambda: "embedded", "", "", "", "")

    adapters = (source("silverbox", "official", "halves"), source("silverbox", "paper"), source("emps", "official"))
    monkeypatch.setattr(registry, "sources", lambda: adapters)
    return loaded


@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("silverbox", None, ("silverbox", "official")),
        ("silverbox", "halves", ("silverbox", "halves")),
        ("silverbox", "paper", ("silverbox", "paper")),
        ("Silverbox_Sim", "paper", ("silverbox", "paper")),
        ("EMPS_Sim", None, ("emps", "official")),
    ],
)
def test_data_set_by_name_and_split(known, name, split, expected):
    load_dataset(name, split)
    assert known == [expected]


def test_a_known_data_set_is_read_once(known):
    assert load_dataset("emps") is load_dataset("emps")
    assert len(known) == 1


@pytest.mark.parametrize(
    ("name", "split", "said"),
    [
        ("silverbx", None, r"unknown data set 'silverbx'; .*choose one of silverbox, emps, or the path .* \.toml"),
        ("silverbox", "champneys", "has no split 'champneys'; choose one of official, halves, paper"),
    ],
)
def test_unknown_data_set_or_split_is_told_with_those_known(known, name, split, said):
    with pytest.raises(DataError, match=said):
        load_dataset(name, split)


def test_own_log_is_read_anew(own_log):
    assert len(load_dataset(str(own_log)).train[0]) == 200
    own_log.write_text(own_log.read_text().replace("0.5, 0.25, 0.25", "0.25, 0.25, 0.5"))
    assert len(load_dataset(str(own_log), "file").train[0]) == 100
    with pytest.raises(DataError, match="has the split 'file' only, not 'paper'"):
        load_dataset(str(own_log), "paper")


def test_plugged_in_data_set_stands_after_the_built_in_ones(plugged, monkeypatch, tmp_path):
    (tmp_path / "own_data.py").write_text(
        "from sysid_tbptt.data.source import Source\n"
        "SOURCE = Source('own', ('all',), lambda split: split, lambda: 'embedded', '', '', '', '')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugged.append(EntryPoint("own", "own_data:SOURCE", "sysid_tbptt.datasets"))
    assert [source.name for source in registry.sources()][-1] == "own"
    assert {source.name for source in registry.sources()} >= set(ALIASES.values())


@pytest.mark.parametrize("name", [*CELLS, *ANCHORS])
def test_built_in_model_maps_inputs_to_outputs(name):
    model = build_model(name, n_u=2, n_y=3, hidden_size=4, num_layers=2)
    assert model(torch.zeros(5, 7, 2)).shape == (5, 7, 3)


def test_zoo_draws_as_torchs_own_modules_do():
    torch.manual_seed(3)
    built = build_model("gru", n_u=2, n_y=1, hidden_size=4).state_dict()
    torch.manual_seed(3)
    rnn, readout = torch.nn.GRU(2, 4, batch_first=True), torch.nn.Linear(4, 1)
    drawn = {f"rnn.{name}": tensor for name, tensor in rnn.state_dict().items()}
    drawn |= {f"readout.{name}": tensor for name, tensor in readout.state_dict().items()}
    assert built.keys() == drawn.keys()
    assert all(torch.equal(built[name], drawn[name]) for name in drawn)


@pytest.mark.parametrize("name", ["own", "own_models:build"])
def test_plugged_in_model_is_given_all_sizes(plugged, module, name):
    plugged.append(EntryPoint("own", f"{module}:build", "sysid_tbptt.models"))
    model = build_model(name, n_u=2, n_y=3, hidden_size=5, num_layers=2, alpha=0.1)
    assert model.sizes == {"n_u": 2, "n_y": 3, "hidden_size": 5, "num_layers": 2, "alpha": 0.1}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "lstn",
            r"unknown model 'lstn'; did you mean 'lstm'\? choose one of rnn, gru, .*, or .*:callable",
        ),
        ("no_such_module:build", "model 'no_such_module:build' cannot be imported .*no_such_module"),
        ("own_models:bild", "model 'own_models:bild' cannot be imported .*bild"),
        ("own_models:number", "model 'own_models:number' built a int, expected a torch.nn.Module"),
    ],
)
def test_a_model_that_cannot_be_built_is_told(plugged, module, name, said):
    with pytest.raises(ModelError, match=said):
        build_model(name, n_u=1, n_y=1)


def test_the_names_of_built_in_models_are_those_that_can_be_built():
    assert tuple(registry._built_in()) == registry.BUILT_IN
