import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.data import cuts
from sysid_tbptt.data.cuts import Given
from sysid_tbptt.data.series import Series, Units

PARTS = ("train", "val", "test")


def record(length, name, *, first=0):
    """Every sample has its own value, so that a sample is known again wherever it went."""
    samples = first + np.arange(length, dtype=np.float64)[:, None]
    return Series(samples, -samples, 0.1, Units(u=("V",), y=("V",)), 0, name)


def given_records(*lengths, names=None, test=(30,)):
    names = names or [f"r{k}" for k in range(len(lengths))]
    train_val = tuple(record(n, name, first=1000 * k) for k, (n, name) in enumerate(zip(lengths, names, strict=True)))
    return Given(train_val, tuple(record(n, f"t{k}", first=1e6 * (k + 1)) for k, n in enumerate(test)))


def samples(records):
    return np.concatenate([r.u[:, 0] for r in records])


def sizes(parts):
    return [[len(r) for r in getattr(parts, part)] for part in PARTS]


@pytest.mark.parametrize(
    ("cut", "lengths", "expected"),
    [
        (cuts.LAST_FIFTH, (100,), [[80], [20]]),
        (cuts.LAST_FIFTH, (65062,), [[52050], [13012]]),
        (cuts.LAST_FIFTH, (400, 50), [[320, 40], [80, 10]]),
        (cuts.HALVES, (101,), [[50], [51]]),
        (cuts.TANKS_700, (1024,), [[700], [324]]),
    ],
    ids=["fifth", "silverbox", "two records", "halves", "tanks"],
)
def test_sizes_of_a_cut_in_time(cut, lengths, expected):
    assert sizes(cut.apply(given_records(*lengths))) == [*expected, [30]]


@given(
    st.sampled_from([cuts.LAST_FIFTH, cuts.HALVES, cuts.PROCESS_NOISE]),
    st.lists(st.integers(5, 60), min_size=1, max_size=4),
)
def test_train_then_val_are_each_train_val_record_and_test_is_left_alone(cut, lengths):
    whole = given_records(*lengths)
    parts = cut.apply(whole)
    for train, val, r in zip(parts.train, parts.val, whole.train_val, strict=True):
        assert np.array_equal(np.concatenate([train.u, val.u]), r.u)
        assert np.array_equal(np.concatenate([train.y, val.y]), r.y)
    assert parts.test is whole.test


@pytest.mark.parametrize(
    "cut", [cuts.LAST_FIFTH, cuts.HALVES, cuts.F16_LEVEL_5, cuts.PARWH_PHASES, cuts.LAST_RECORDS, cuts.PROCESS_NOISE]
)
def test_test_records_decide_nothing(cut):
    names = ["SineSw_Level5", "phase-16-amp-0", "phase-1-amp-0", "FullMSine_Level1", "a"]
    one = given_records(*[50] * 5, names=names)
    other = Given(one.train_val, (record(7, "other", first=-50),))
    assert np.array_equal(samples(cut.apply(one).train), samples(cut.apply(other).train))
    assert np.array_equal(samples(cut.apply(one).val), samples(cut.apply(other).val))


def test_one_record_is_named_by_its_part_and_several_by_both():
    alone, both = (
        cuts.LAST_FIFTH.apply(given_records(50)),
        cuts.LAST_FIFTH.apply(given_records(50, 50, names=("low", "high"))),
    )
    assert [r.name for r in (*alone.train, *alone.val)] == ["train", "val"]
    assert [r.name for r in (*both.train, *both.val)] == ["train_low", "train_high", "val_low", "val_high"]


def test_level_5_validates_for_the_f16():
    names = [f"{signal}_Level{level}" for signal in ("FullMSine", "SineSw") for level in (1, 3, 5, 7)]
    parts = cuts.F16_LEVEL_5.apply(given_records(*[10] * 8, names=names))
    assert [r.name for r in parts.val] == ["FullMSine_Level5", "SineSw_Level5"]
    assert [r.name for r in parts.train] == [name for name in names if "5" not in name]


def test_the_last_four_phases_validate_for_parwh():
    names = [f"phase-{phase}-amp-{amp}" for phase in range(20) for amp in range(5)]
    parts = cuts.PARWH_PHASES.apply(given_records(*[10] * 100, names=names))
    assert [r.name for r in parts.train] == names[:80]
    assert [r.name for r in parts.val] == names[80:]


@pytest.mark.parametrize(("records", "validate"), [(5, 1), (10, 2), (36, 7)])
def test_the_last_records_validate(records, validate):
    whole = given_records(*[10] * records)
    parts = cuts.LAST_RECORDS.apply(whole)
    assert parts.train + parts.val == whole.train_val
    assert len(parts.val) == validate


@given(st.lists(st.integers(5, 200), min_size=1, max_size=3))
def test_three_parts_of_records_without_training_part(lengths):
    whole = Given(given_records(*lengths).train_val, ())
    parts = cuts.IN_THREE.apply(whole)
    for train, val, test, r in zip(parts.train, parts.val, parts.test, whole.train_val, strict=True):
        assert np.array_equal(np.concatenate([train.u, val.u, test.u]), r.u)
        assert len(val) == len(test) == round(0.2 * len(r))
        assert test.name == r.name


def test_rules_say_what_is_not_official():
    assert "20%" in cuts.LAST_FIFTH.rule
    assert "Champneys" in cuts.HALVES.rule and "700" in cuts.TANKS_700.rule
    for cut in (cuts.LAST_RECORDS, cuts.PROCESS_NOISE, cuts.IN_THREE):
        assert cut.rule.startswith("no official split")
    assert "not comparable with published" in cuts.IN_THREE.rule
