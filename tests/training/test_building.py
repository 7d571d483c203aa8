import random

import numpy as np
import pytest
import torch

from sysid_tbptt.errors import ModelError
from sysid_tbptt.registry import find_model
from sysid_tbptt.training.building import built

DRAWING = ("Lazy", "LateBuilt", "DrawnByNumpy", "Reservoir", "Conv")
SIZES = {"n_in": 2, "n_y": 1, "hidden_size": 4, "num_layers": 1, "n_steps": 12}


def spoiled(number):
    """Other states of all generators, as another process has them."""
    torch.manual_seed(number)
    np.random.seed(number)  # noqa: NPY002
    random.seed(number)


@pytest.mark.parametrize("name", DRAWING)
def test_the_seed_decides_all_that_is_drawn(name, job):
    made = []
    for number, seed in enumerate((0, 0, 1)):
        spoiled(number)
        made.append(job(model=f"tests.training.modules:{name}", seed=seed))
    u = torch.randn(2, 12, 1)
    with torch.no_grad():
        first, again, other = (run.module(u) for run in made)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert np.array_equal(next(made[0].order.epochs()), next(made[1].order.epochs()))


def test_lazy_layers_have_their_weights():
    module = built("tests.training.modules:Lazy", **SIZES)
    assert [tuple(p.shape) for p in module.o.parameters()] == [(4, 4), (4,), (1, 4), (1,)]


def test_the_first_call_is_as_long_as_a_window(job):
    job(model="tests.training.modules:Conv", seq_len=9)
    with pytest.raises(ModelError, match=r"\(B, N, n_u\) = \(3, 8, 1\): RuntimeError"):
        job(model="tests.training.modules:Conv", seq_len=8)


def test_what_a_plug_in_draws_when_it_is_imported_is_the_same_in_every_process(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    drawn = []
    for number in range(2):
        name = f"drawing_{number}"
        (tmp_path / f"{name}.py").write_text("import numpy as np\nW = np.random.randn(3)\ndef build(**_): return W\n")
        spoiled(number)
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        drawn.append(find_model(f"{name}:build")())
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert np.array_equal(*drawn)
