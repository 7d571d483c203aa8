import random
import threading

import numpy as np
import pytest
import torch

from sysid_tbptt.seeding import generator_states, seeded, set_generator_states


def drawn():
    """One number of each generator; the second Gaussian of a pair is kept by numpy and Python."""
    return torch.rand(()).item(), np.random.randn(), random.gauss(0.0, 1.0)  # noqa: NPY002


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_a_seed_gives_the_same_numbers_and_leaves_the_callers_alone(seed):
    drawn()
    before = generator_states()
    with seeded(seed):
        first = drawn()
    assert all(np.array_equal(state, before[name], equal_nan=True) for name, state in generator_states().items())
    with seeded(seed):
        assert drawn() == first
    with seeded(seed - 1 if seed else 5):
        assert all(a != b for a, b in zip(drawn(), first, strict=True))


def test_torch_draws_what_it_draws_from_the_seed_alone():
    with seeded(7):
        here = torch.rand(5)
    assert torch.equal(here, torch.rand(5, generator=torch.Generator().manual_seed(7)))


def test_states_are_those_of_the_next_draws():
    with seeded(3):
        drawn()
        states = generator_states()
        first = [drawn() for _ in range(3)]
        set_generator_states(states)
        assert [drawn() for _ in range(3)] == first
        set_generator_states({})
        assert drawn() not in first


def test_the_seed_is_restored_after_an_error():
    before = generator_states()
    with pytest.raises(ZeroDivisionError), seeded(1):
        drawn()
        torch.set_default_dtype(torch.float64)
        raise ZeroDivisionError
    assert torch.get_default_dtype() == torch.float32
    assert np.array_equal(generator_states()["rng"], before["rng"])


def test_threads_do_not_draw_from_each_others_seeds():
    alone = {}
    for seed in range(4):
        with seeded(seed):
            alone[seed] = [drawn() for _ in range(50)]
    together = {}

    def draw(seed):
        with seeded(seed):
            together[seed] = [(threading.Event().wait(1e-4), drawn())[1] for _ in range(50)]

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
