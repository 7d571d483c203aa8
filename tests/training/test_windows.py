from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from sysid_tbptt.errors import ConfigError
from sysid_tbptt.training.building import seeds_after
from sysid_tbptt.training.draws import Generator
from sysid_tbptt.training.modules import windows_view
from sysid_tbptt.training.windows import BatchOrder, layout, noisy_input, window_starts
from tests.conftest import config_of

lengths_and_window = st.lists(st.integers(1, 30), min_size=1, max_size=4).flatmap(
    lambda lengths: st.tuples(st.just(lengths), st.integers(1, max(lengths)))
)


@given(lengths_and_window)
def test_windows_are_all_subsequences_and_cross_no_record(drawn):
    lengths, seq_len = drawn
    record_of = np.repeat(np.arange(len(lengths)), lengths)
    all_starts = range(sum(lengths) - seq_len + 1)
    expected = [s for s in all_starts if record_of[s] == record_of[s + seq_len - 1]]
    assert window_starts(lengths, seq_len).tolist() == expected


@given(lengths_and_window, st.integers(1, 40))
def test_a_stride_keeps_every_so_many_windows_of_each_record(drawn, stride):
    lengths, seq_len = drawn
    firsts = np.cumsum([0, *lengths[:-1]])
    expected = [first + s for first, T in zip(firsts, lengths, strict=True) for s in range(0, T - seq_len + 1, stride)]
    assert window_starts(lengths, seq_len, stride).tolist() == expected


@given(lengths_and_window, st.data())
def test_lm_scores_no_sample_twice_and_leaves_out_less_than_a_window_of_each_record(drawn, data):
    lengths, seq_len = drawn
    burn_in = data.draw(st.integers(0, seq_len - 1))
    starts = layout(lengths, config_of(optimiser="lm", seq_len=seq_len, burn_in=burn_in))
    scored = (starts[:, None] + np.arange(burn_in, seq_len)).ravel()
    assert len(set(scored)) == len(scored)
    for first, T in zip(np.cumsum([0, *lengths[:-1]]), lengths, strict=True):
        if seq_len <= T:
            of_record = scored[(first <= scored) & (scored < first + T)]
            assert of_record.tolist() == list(range(first + burn_in, of_record[-1] + 1))
            assert T - (of_record[-1] + 1 - first) < seq_len - burn_in


def test_adam_takes_a_stride_too(config):
    assert layout((60,), config(seq_len=12, stride=5)).tolist() == list(range(0, 49, 5))
    with pytest.raises(ConfigError, match="more than the 5 windows of seq_len=12"):
        layout((60,), config(seq_len=12, stride=10))


def test_lm_takes_fewer_windows_than_a_batch_of_adam(config):
    assert layout((40,), config(seq_len=12, optimiser="lm", batch_size=100)).tolist() == [0, 9, 18, 27]


def test_one_of_several_records_may_be_too_short_for_a_window(config):
    assert layout((30, 5, 14), config(seq_len=12)).tolist() == [*range(19), 35, 36, 37]
    carried = config(seq_len=16, init_mode="carry")
    assert layout((5, 40), carried).tolist() == list(range(5, 30))


def test_number_of_windows_is_that_of_the_paper():
    assert [len(window_starts([20000], n)) // 100 for n in (100, 200, 500, 1000)] == [199, 198, 195, 190]


def test_view_is_no_copy():
    signal = np.arange(40, dtype=np.float32).reshape(20, 2)
    view = windows_view(signal, 5)
    assert view.shape == (16, 5, 2)
    assert view.data_ptr() == signal.ctypes.data
    assert np.array_equal(view[3].numpy(), signal[3:8])


@pytest.mark.parametrize("n_windows", [37, 200, 19901], ids=lambda n: f"S={n}")
@pytest.mark.parametrize("seed", [0, 5])
def test_order_is_that_of_a_shuffling_data_loader(n_windows, seed):
    torch.manual_seed(seed)
    torch.nn.Linear(3, 2)
    order = BatchOrder(n_windows, 10, seeds=partial(seeds_after, torch.get_rng_state()))
    loader = DataLoader(TensorDataset(torch.arange(n_windows)), batch_size=10, shuffle=True, drop_last=True)
    epochs = order.epochs()
    for _ in range(3):
        assert np.array_equal(next(epochs), np.stack([batch.numpy() for (batch,) in loader]))


@given(st.integers(0, 6))
def test_order_can_start_at_any_epoch(first):
    order = BatchOrder(25, 4, seeds=lambda: Generator(3).seeds())
    from_start = order.epochs()
    for _ in range(first):
        next(from_start)
    assert np.array_equal(next(from_start), next(order.epochs(first)))


def test_order_without_a_generator_is_the_order_of_time():
    assert next(BatchOrder(10, 3).epochs(4)).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(
    ("lengths", "changes", "said"),
    [
        ((20,), {"seq_len": 21}, "seq_len=21 is longer than the training record of 20 samples; choose seq_len <= 20"),
        ((5, 20), {"seq_len": 21}, "longer than all training records, the longest of which has 20 samples; choose"),
        ((20,), {"seq_len": 15}, "batch_size=8 is more than the 6 windows of seq_len=15; choose batch_size <= 6"),
        ((50, 50), {"seq_len": 16, "init_mode": "carry"}, "init_mode='carry' needs one training record .* there are 2"),
    ],
    ids=["N > T", "N > every T", "B > S", "carry over two records"],
)
def test_windows_that_do_not_fit_are_told(lengths, changes, said, config):
    with pytest.raises(ConfigError, match=said):
        layout(lengths, config(**changes))


def test_noise_has_its_size_and_differs_between_epochs_and_seeds():
    u = np.zeros((20000, 1), np.float32)
    noise = noisy_input(u, 0.1, 0, 0)
    assert noise.dtype == np.float32
    assert abs(noise.std() - 0.1) < 0.003
    assert np.array_equal(noise, noisy_input(u, 0.1, 0, 0))
    assert not np.array_equal(noise, noisy_input(u, 0.1, 0, 1))
    assert not np.array_equal(noise, noisy_input(u, 0.1, 1, 0))
