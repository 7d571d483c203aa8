import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.data.files import from_file
from sysid_tbptt.data.table import check_numbers, read_table
from sysid_tbptt.errors import DataError

END = pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])


def written(folder, lines, end="\n", encoding="utf-8"):
    path = folder / "log.csv"
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def missing(path, column="y"):
    """What is said of the first missing sample of a column."""
    table = read_table(path)
    with pytest.raises(DataError) as told:
        check_numbers(path, table[column])
    return str(told.value)


@END
@pytest.mark.parametrize("blank", ["", " ", "   ", '""'])
@pytest.mark.parametrize("row", [1, 2, 7])
def test_a_blank_line_of_one_column_is_a_missing_sample(tmp_path, blank, row, end):
    lines = ["y", *map(str, range(8))]
    lines[row] = blank
    said = missing(written(tmp_path, lines, end))
    assert f"log.csv: column 'y', row {row} holds no number (line {row + 1} of the file)" in said


@END
@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0", ",", " , ", "NaN,NA", '"",""', '" "," "'])
def test_a_blank_line_of_several_columns_is_a_missing_sample(tmp_path, blank, end):
    lines = ["y,u", *(f"{k},{k}" for k in range(5)), blank, "5,5"]
    assert "row 6 holds no number (line 7 of the file)" in missing(written(tmp_path, lines, end))


@given(st.integers(1, 3), st.lists(st.booleans(), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_every_line_between_the_header_and_the_last_is_a_row(tmp_path_factory, columns, present, end):
    rows = [",".join(["1.5"] * columns) if here else "" for here in present]
    path = written(tmp_path_factory.mktemp("rows"), ["", ",".join("abc"[:columns]), *rows, "", ""], end)
    last = max((k for k, here in enumerate(present, start=1) if here), default=0)
    assert read_table(path)["a"].notna().tolist() == present[:last]


def test_blank_lines_before_the_header_and_at_the_end_are_harmless(tmp_path):
    lines = ["", "  ", "y,u", "1,2", "3,4", "", " ", ""]
    assert read_table(written(tmp_path, lines)).to_numpy().tolist() == [[1, 2], [3, 4]]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    lines = ["", "note,y", '"two', 'lines",1', "x,2", "x,", "x,3"]
    assert "row 3 holds no number (line 6 of the file)" in missing(written(tmp_path, lines))


def test_a_null_of_parquet_is_a_missing_sample(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "log.parquet"
    pd.DataFrame({"y": pd.array([1, 2, None, 4], dtype="Int64")}).to_parquet(path)
    assert "column 'y', row 3 holds no number; mend" in missing(path)


def test_a_log_with_a_missing_sample_is_not_loaded(tmp_path):
    lines = ["y", *(f"{k % 5}.5" for k in range(60))]
    lines[41] = ""
    with pytest.raises(DataError, match=r"log\.csv: column 'y', row 41 holds no number"):
        from_file(written(tmp_path, lines), inputs=["y"], outputs=["y"], dt=1.0, split=(0.5, 0.25, 0.25))


@pytest.mark.parametrize("cell", ["0,5", "1,234.5", "1'234", "1 234", "1.234,5", "-0,5e3"])
def test_a_number_that_is_written_otherwise_has_a_remedy(tmp_path, cell):
    path = written(tmp_path, ["u,y", "1,2", f'3,"{cell}"'])
    said = missing(path)
    assert "row 2 holds" in said and "write decimals with points, and nothing between thousands" in said


def test_the_table_is_what_an_independent_reading_gives(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 3))
    path = tmp_path / "log.csv"
    np.savetxt(path, values, fmt="%.17g", delimiter=", ", header="a, b, c", comments="")
    assert np.array_equal(read_table(path).to_numpy(), np.loadtxt(path, delimiter=",", skiprows=1))
