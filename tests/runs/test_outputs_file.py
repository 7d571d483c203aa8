import pickle

import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.errors import DataError
from sysid_tbptt.runs.outputs_file import read_outputs


class Harm:
    """Unpickling it would be seen."""

    done = False

    def __reduce__(self):
        return setattr, (Harm, "done", True)


def outputs(n_y):
    rng = np.random.default_rng(0)
    return {"high": rng.normal(size=(7, n_y)), "low 1": rng.normal(size=(4, n_y))}


def table(arrays, n_y):
    columns = ["y_hat"] if n_y == 1 else [f"y_hat_{channel}" for channel in range(n_y)]
    parts = [pd.DataFrame(array, columns=columns).assign(test_set=name) for name, array in arrays.items()]
    return pd.concat(parts)


def write(path, arrays, n_y):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".csv":
        table(arrays, n_y).to_csv(path, index=False)
    else:
        pytest.importorskip("pyarrow")
        table(arrays, n_y).to_parquet(path)


@pytest.mark.parametrize("n_y", [1, 3])
@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
def test_outputs_come_back_by_test_set(tmp_path, suffix, n_y):
    path = tmp_path / f"mine{suffix}"
    write(path, outputs(n_y), n_y)
    found = read_outputs(path, n_y)
    assert list(found) == ["high", "low 1"]
    assert all(np.array_equal(found[name], array) for name, array in outputs(n_y).items())


def test_rows_of_two_test_sets_may_be_mixed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("test_set,other,y_hat\nb,x,1\na,x,2\nb,x,3\n")
    found = read_outputs(path, 1)
    assert {name: array.tolist() for name, array in found.items()} == {"b": [[1.0], [3.0]], "a": [[2.0]]}


@pytest.mark.parametrize("how", ["object array", "pickle", "npy", "half", "text"])
def test_what_is_no_npz_of_plain_arrays_is_refused_and_nothing_executed(tmp_path, how):
    path = tmp_path / "a.npz"
    np.savez(path, test=np.array([Harm()]) if how == "object array" else np.zeros(50))
    if how == "pickle":
        path.write_bytes(pickle.dumps(Harm()))
    if how == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    if how == "half":
        path.write_bytes(path.read_bytes()[:100])
    if how == "text":
        path.write_text("y_hat")
    with pytest.raises(DataError, match=r"a\.npz: not an npz file of plain arrays"):
        read_outputs(path, 1)
    assert not Harm.done


@pytest.mark.parametrize(
    ("text", "n_y", "said"),
    [
        ("set,y_hat\na,1\n", 1, "no column 'test_set'; there are: set, y_hat"),
        ("test_set,y\na,1\n", 1, "no column 'y_hat'"),
        ("test_set,y_hat\na,1\n", 2, "no column 'y_hat_0'"),
        ("test_set,y_hat\na,1\na,nan\n", 1, "column 'y_hat', row 2 holds no number"),
        ("test_set,y_hat,y_hat\na,1,1\n", 1, "2 columns are named 'y_hat'"),
        ("test_set,y_hat\na,__import__('os')\n", 1, "row 1 holds .*, not a finite number"),
    ],
)
def test_a_table_of_another_form_is_told(tmp_path, text, n_y, said):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_outputs(path, n_y)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        read_outputs(tmp_path / "none.npz", 1)
