import numpy as np
import pytest
from safetensors.numpy import save

from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs.checkpoint import Checkpoint

STATE = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "step": np.array(3.0, np.float32),
    "none": np.zeros(0),
    "rng": np.arange(5, dtype=np.uint8),
}


def test_state_comes_back_to_the_bit(tmp_path):
    Checkpoint(tmp_path / "deep" / "c", "mark").save(STATE, (12.5, 8.0))
    state, seconds = Checkpoint(tmp_path / "deep" / "c", "mark").load()
    assert seconds == (12.5, 8.0)
    assert set(state) == set(STATE)
    for name, array in STATE.items():
        assert state[name].dtype == array.dtype
        assert np.array_equal(state[name], array)
        assert state[name].shape == array.shape


def test_another_runs_or_engines_checkpoint_is_not_taken(tmp_path):
    Checkpoint(tmp_path / "c", "run reference").save(STATE, (1.0, 1.0))
    assert Checkpoint(tmp_path / "c", "run cpu").load() == (None, (0.0, 0.0))


@pytest.mark.parametrize("keep", [0, 4, 40, -1], ids=lambda n: f"first {n} bytes")
def test_a_damaged_checkpoint_is_as_good_as_none(tmp_path, keep):
    Checkpoint(tmp_path / "c", "mark").save(STATE, (1.0, 1.0))
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:keep])
    assert Checkpoint(tmp_path / "c", "mark").load() == (None, (0.0, 0.0))


def test_a_checkpoint_of_which_one_bit_has_changed_is_as_good_as_none(tmp_path):
    Checkpoint(tmp_path / "c", "mark").save(STATE, (1.0, 1.0))
    content = bytearray((tmp_path / "c").read_bytes())
    content[-1] ^= 1
    (tmp_path / "c").write_bytes(content)
    assert Checkpoint(tmp_path / "c", "mark").load() == (None, (0.0, 0.0))


def test_a_checkpoint_of_an_earlier_version_is_taken(tmp_path):
    (tmp_path / "c").write_bytes(save({"w": np.ones(3), "spent": np.array([2.0, 1.0])}, metadata={"mark": "mark"}))
    state, spent = Checkpoint(tmp_path / "c", "mark").load()
    assert (list(state), spent) == (["w"], (2.0, 1.0))


def test_no_checkpoint_is_none(tmp_path):
    assert Checkpoint(tmp_path / "c", "mark").load() == (None, (0.0, 0.0))


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Checkpoint(tmp_path / "file" / "c", "mark").save(STATE, (1.0, 1.0))
