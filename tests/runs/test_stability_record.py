import json

import numpy as np
import pytest

from sysid_tbptt.errors import StoreError
from sysid_tbptt.runs.stability import POINTS, StabilityRecord, read_stability, stability_file, thinned, write_stability
from sysid_tbptt.training.decay import Decay
from sysid_tbptt.training.forgetting import fit
from tests.conftest import config_of

T = np.arange(1, 401)
GAINS = np.random.default_rng(0).uniform(0.5, 2.0, size=(40, 1))
DECAY = Decay(GAINS * 0.95**T, np.full((40, 1), 1e-13))


@pytest.fixture
def record():
    return StabilityRecord.of(fit(DECAY), run_id="a1", config=config_of(), seed=3, provenance={"time": "now"})


def test_an_estimate_comes_back_from_its_file(tmp_path, record):
    path = write_stability(tmp_path, record)
    assert path == stability_file(tmp_path, config_of(), "a1") == tmp_path / "stability/test/a1.json"
    assert read_stability(tmp_path, "test") == [record]
    assert read_stability(tmp_path, "other") == []


def test_the_same_estimate_leaves_the_file_of_its_first_making(tmp_path, record):
    path = write_stability(tmp_path, record)
    before = path.stat().st_ino
    later = record.model_copy(update={"provenance": {"time": "later"}})
    write_stability(tmp_path, later)
    assert read_stability(tmp_path, "test") == [record]
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "change",
    [{"constant": 9.0}, {"seed": 4}, {"config": config_of(steps=31)}, {"provenance": {"weights_sha256": "f00"}}],
    ids=lambda change: " ".join(change),
)
def test_another_estimate_takes_the_place_of_the_file(tmp_path, record, change):
    write_stability(tmp_path, record)
    other = record.model_copy(update=change)
    write_stability(tmp_path, other)
    assert read_stability(tmp_path, "test") == [other]


def test_a_broken_file_is_written_anew(tmp_path, record):
    write_stability(tmp_path, record).write_text("{")
    write_stability(tmp_path, record)
    assert read_stability(tmp_path, "test") == [record]


def test_the_file_says_what_was_estimated(tmp_path, record):
    told = json.loads(write_stability(tmp_path, record).read_text())
    assert (told["schema"], told["run_id"], told["pairs"], told["seed"]) == (1, "a1", 40, 3)
    assert told["lambda"] == pytest.approx(0.95)
    assert told["constant"] == pytest.approx(GAINS.max())
    assert told["scale"] == pytest.approx(np.sqrt(np.mean(GAINS**2)))
    assert told["config"] == config_of().model_dump(mode="json")


def test_the_curve_is_thinned_and_of_quantiles_over_pairs():
    curve = thinned(DECAY, 400)
    assert len(curve.t) == POINTS
    assert (curve.t[0], curve.t[-1]) == (1, 400)
    at = np.array(curve.t) - 1
    assert np.allclose(curve.median, np.median(DECAY.ratio, axis=0)[at], rtol=1e-5)
    assert np.allclose(curve.low, np.quantile(DECAY.ratio, 0.05, axis=0)[at], rtol=1e-5)
    assert np.allclose(curve.high, np.quantile(DECAY.ratio, 0.95, axis=0)[at], rtol=1e-5)
    assert thinned(DECAY, 10).t == list(range(1, 11))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told.update({"schema": 2}), "schema 2 where 1 is known; use a newer version"),
        (lambda told: told.update({"lambda": "fast"}), "key 'lambda'"),
        (lambda told: told.pop("curve"), "key 'curve' is missing"),
        (lambda told: told["curve"].pop("rms"), "key 'curve.rms'"),
    ],
    ids=["newer", "no number", "no curve", "half a curve"],
)
def test_a_file_that_is_no_estimate_is_told_by_name(tmp_path, record, change, said):
    path = write_stability(tmp_path, record)
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(StoreError, match=rf"a1\.json: .*{said}"):
        read_stability(tmp_path, "test")


def test_a_damaged_file_is_told_by_name(tmp_path, record):
    path = write_stability(tmp_path, record)
    path.write_text("half a fi")
    with pytest.raises(StoreError, match=r"a1\.json: no estimate .*writes it anew"):
        read_stability(tmp_path, "test")
