import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sysid_tbptt.data.cache import sha256_of
from sysid_tbptt.data.files import from_description, from_file
from sysid_tbptt.errors import DataError
from sysid_tbptt.registry import load_dataset

LENGTH = 100
TABLE = pd.DataFrame(
    np.random.default_rng(0).normal(size=(LENGTH, 4)), columns=["valve", "level", "flow", "outer temperature"]
)
BASIC = {"inputs": ("valve",), "outputs": ("level", "flow"), "dt": 0.5, "split": (0.6, 0.2, 0.2)}
DESCRIPTION = """
file = "logs/log.csv"
inputs = ["valve"]
outputs = ["level", "flow"]
dt = 0.5
split = [0.6, 0.2, 0.2]
"""

TINY = float(np.finfo(np.float32).tiny)
FINITE = st.floats(-float(np.finfo(np.float32).max), float(np.finfo(np.float32).max))


def write(table, path):
    if path.suffix.lower() == ".parquet":
        table.to_parquet(path, engine="pyarrow")
    else:
        table.to_csv(path, index=False)
    return path


@pytest.fixture(params=[".csv", ".parquet"])
def log(request, tmp_path):
    """A function that writes a table in the format at hand."""
    return lambda table=TABLE: write(table, tmp_path / f"log{request.param}")


@pytest.fixture
def described(tmp_path):
    """A function that writes a description, beside a log in a folder of its own."""
    (tmp_path / "logs").mkdir()
    write(TABLE, tmp_path / "logs" / "log.csv")

    def describe(text=DESCRIPTION):
        (tmp_path / "tank.toml").write_text(text)
        return tmp_path / "tank.toml"

    return describe


def test_a_column_that_is_input_and_output_is_a_series_to_forecast(log, described):
    data = from_file(log(), **BASIC | {"inputs": ("level", "valve")})
    assert data.forecasts and not from_file(log(), **BASIC).forecasts
    assert np.array_equal(data.test[0].u[:, 0], data.test[0].y[:, 0])
    path = str(described(DESCRIPTION.replace('"valve"', '"level"')))
    with pytest.raises(DataError, match=r"tank.toml' is a series to forecast: give the horizon"):
        load_dataset(path)
    one, two = (load_dataset(path, split, horizon=3) for split in ("file", "file-retrain"))
    whole = TABLE[["level", "flow"]].to_numpy()
    assert sizes(one) == (60 - 3, 80 - 3, 100 - 3) and sizes(two) == (80 - 3, 80 - 3, 100 - 3)
    assert np.array_equal(one.test[0].y[one.test[0].n_init, :2], whole[80])
    assert np.allclose(two.scaler.y_mean[:2], whole[:80].mean(axis=0), rtol=1e-12)
    with pytest.raises(DataError, match="has the split 'file' or 'file-retrain' only, not 'official'"):
        load_dataset(path, "official", horizon=3)


def sizes(data):
    return tuple(len(part[0]) for part in (data.train, data.val, data.test))


# What is read


def test_parts_follow_one_another_in_time(log):
    data = from_file(log(), **BASIC)
    parts = [part[0] for part in (data.train, data.val, data.test)]
    assert sizes(data) == (60, 20, 20)
    assert np.array_equal(np.concatenate([p.u for p in parts]), TABLE[["valve"]].to_numpy())
    assert np.array_equal(np.concatenate([p.y for p in parts]), TABLE[["level", "flow"]].to_numpy())
    assert [p.name for p in parts] == ["train", "val", "test"]
    assert {p.dt for p in parts} == {0.5}


def test_names_units_and_provenance(log):
    path = log()
    data = from_file(path, **BASIC, units_u=["%"], units_y=["m", "l/s"], n_init=5, name="my_tank")
    assert (data.name, data.split) == ("my_tank", "file")
    assert data.test[0].units.u == ("%",)
    assert data.test[0].units.y == ("m", "l/s")
    assert data.test[0].n_init == 5
    assert dict(data.sha256) == {path.name: sha256_of(path)}
    assert data.protocol == f"file split: train 60, val 20, test 20 samples of {path.name} in a row, n_init=5"


def test_defaults(log):
    data = from_file(log(), **BASIC)
    assert data.name == "log"
    assert (data.train[0].units.u, data.train[0].units.y) == (("-",), ("-", "-"))
    assert data.train[0].n_init == 0


def test_csv_and_parquet_are_one_data_set(tmp_path):
    csv, parquet = (from_file(write(TABLE, tmp_path / f"log{suffix}"), **BASIC) for suffix in (".csv", ".parquet"))
    assert csv.revision == parquet.revision
    assert np.array_equal(csv.scaler.y_std, parquet.scaler.y_std)


@pytest.mark.parametrize("split", [(60, 80, 100), (60, 80, 90), (2, 4, 6)], ids=str)
def test_split_by_boundaries(log, split):
    train, val, test = split
    data = from_file(log(), **BASIC | {"split": split})
    assert sizes(data) == (train, val - train, test - val)
    assert np.array_equal(data.test[0].u, TABLE[["valve"]].to_numpy()[val:test])


@given(st.tuples(*[st.integers(2, 20)] * 3))
def test_any_fractions_use_every_row_once(tmp_path_factory, weights):
    path = tmp_path_factory.getbasetemp() / "fractions.csv"
    if not path.exists():
        write(TABLE, path)
    split = tuple(weight / sum(weights) for weight in weights)
    data = from_file(path, **BASIC | {"split": split})
    assert sum(sizes(data)) == LENGTH
    assert np.allclose(sizes(data), LENGTH * np.array(split), atol=1)


@settings(max_examples=25)
@given(values=arrays(np.float64, (12, 2), elements=FINITE))
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_was_written_reads_back_to_the_last_bit(tmp_path_factory, suffix, values):
    path = write(pd.DataFrame(values, columns=["u", "y"]), tmp_path_factory.getbasetemp() / f"back{suffix}")
    settings_ = {"inputs": ("u",), "outputs": ("y",), "dt": 1, "split": (4, 8, 12)}
    mean, std = values[:4].mean(axis=0), values[:4].std(axis=0)
    if (std <= np.maximum(1e-12 * np.abs(mean), TINY)).any():
        with pytest.raises(DataError, match=r"(is constant|hardly varies) over the training part"):
            from_file(path, **settings_)
        return
    if (np.abs(values - mean) > 1e18 * std).any():
        with pytest.raises(DataError, match="standard deviations of the training part away"):
            from_file(path, **settings_)
        return
    data = from_file(path, **settings_)
    parts = [part[0] for part in (data.train, data.val, data.test)]
    assert np.array_equal(np.concatenate([p.u for p in parts]), values[:, :1])
    assert np.array_equal(np.concatenate([p.y for p in parts]), values[:, 1:])


def test_csv_is_read_to_the_last_bit(tmp_path):
    """Older versions of pandas are off by a unit of the last place in some cells."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20000, 2)) * 10.0 ** rng.integers(-30, 30, size=(20000, 2))
    path = write(pd.DataFrame(values, columns=["u", "y"]), tmp_path / "log.csv")
    data = from_file(path, inputs=("u",), outputs=("y",), dt=1, split=(19000, 19500, 20000))
    assert np.array_equal(data.train[0].u[:, 0], values[:19000, 0])


def test_whole_numbers_and_truth_values_are_numbers(log):
    table = pd.DataFrame({"u": np.arange(20) % 2 == 0, "y": np.arange(20)})
    data = from_file(log(table), inputs=("u",), outputs=("y",), dt=1, split=(10, 15, 20))
    assert data.train[0].u[:3, 0].tolist() == [1.0, 0.0, 1.0]
    assert data.test[0].y.dtype == np.float64


def test_blanks_after_commas_and_an_upper_case_suffix_are_fine(tmp_path):
    (tmp_path / "LOG.CSV").write_text("t, u, y\n" + "".join(f"{k}, {k % 3}, {k * k}\n" for k in range(10)))
    data = from_file(tmp_path / "LOG.CSV", inputs=("u",), outputs=("y",), dt=1, split=(4, 7, 10))
    assert data.test[0].y[:, 0].tolist() == [49.0, 64.0, 81.0]


def test_columns_not_asked_for_may_hold_anything(log):
    table = TABLE.assign(comment=["x"] * LENGTH, gaps=np.nan)
    assert from_file(log(table), **BASIC).revision == from_file(log(), **BASIC).revision


# Descriptions


def test_description_is_relative_to_itself(described, tmp_path, monkeypatch):
    path = described()
    monkeypatch.chdir("/")
    data = from_description(path)
    assert data.name == "tank"
    assert sizes(data) == (60, 20, 20)
    assert data.revision == from_file(tmp_path / "logs" / "log.csv", **BASIC).revision


def test_description_with_every_key(described):
    more = 'units_u = ["%"]\nunits_y = ["m", "l/s"]\nn_init = 3\nname = "my_tank"\n'
    data = from_description(described(DESCRIPTION.replace("[0.6, 0.2, 0.2]", "[50, 70, 100]") + more))
    assert data.name == "my_tank"
    assert sizes(data) == (50, 20, 30)
    assert (data.val[0].units.u, data.val[0].units.y, data.val[0].n_init) == (("%",), ("m", "l/s"), 3)


def test_whole_number_of_seconds(described):
    assert from_description(described(DESCRIPTION.replace("0.5", "2"))).train[0].dt == 2.0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('colour = "red"', r"unknown key 'colour'; choose one of file, inputs, outputs, dt, split"),
        ('dt = "0.5"', r"key 'dt' \(sampling time \[s\]\): input should be a valid number, and not '0.5'; correct it"),
        ("dt = true", r"key 'dt' .*valid number, and not True; correct it"),
        ("dt = -1", r"key 'dt' .*greater than 0, and not -1; correct it"),
        ("dt = inf", r"key 'dt' .*finite number, and not inf; correct it"),
        ("dt = nan", r"key 'dt' .*(finite|greater).*, and not nan; correct it"),
        ('inputs = "valve"', r"key 'inputs' \(columns of u\): .*list, and not 'valve'; correct it"),
        ("inputs = []", r"key 'inputs' .*at least 1 item.*, and not \[\]; correct it"),
        ("inputs = [1]", r"key 'inputs.0' .*valid string, and not 1; correct it"),
        ("outputs = 7", r"key 'outputs' .*list, and not 7; correct it"),
        ("split = [0.6, 0.4]", r"key 'split.2' .* is missing; add it"),
        ("split = [0.6, 0.2, 0.1, 0.1]", r"key 'split' .*at most 3 items.*; correct it"),
        ('split = [0.6, 0.2, "rest"]', r"key 'split.2' .*valid number, and not 'rest'; correct it"),
        ('split = "halves"', r"key 'split' .*list, and not 'halves'; correct it"),
        ("split = [0.6, 0.2, true]", r"key 'split.2' .*valid number, and not True; correct it"),
        ("n_init = 1.5", r"key 'n_init' .*integer.*, and not 1.5; correct it"),
        ("n_init = -1", r"key 'n_init' .*greater than or equal to 0, and not -1; correct it"),
        ('name = ""', r"key 'name' .*at least 1 character, and not ''; correct it"),
        ("file = 3", r"key 'file' .*valid string, and not 3; correct it"),
        ('units_y = ["m"]', r"log\.csv: units_y has 1 units for 2 columns; give one per column"),
    ],
    ids=lambda value: value if " = " in value and "key" not in value else "",
)
def test_bad_key_is_told(described, line, said):
    key = line.split(" = ")[0]
    kept = [known for known in DESCRIPTION.splitlines() if not known.startswith(f"{key} ")]
    path = described("\n".join([*kept, line]))
    with pytest.raises(DataError, match=said) as told:
        from_description(path)
    assert str(path.parent) in str(told.value)
    assert "\n" not in str(told.value)


def test_every_bad_key_is_told_at_once(described):
    with pytest.raises(DataError, match=r"tank\.toml: .*'dt'.*; .*'colour'"):
        from_description(described(DESCRIPTION.replace("0.5", '"fast"') + 'colour = "red"'))


def test_missing_keys_are_told(described):
    with pytest.raises(
        DataError, match=r"tank\.toml: key 'file' \(the log.*\) is missing; add it; key 'inputs' .*is missing"
    ):
        from_description(described("dt = 1.0"))


@pytest.mark.parametrize("text", ["file = log.csv", "[[", "dt = 1\ndt = 2"])
def test_description_that_is_no_toml_is_told(described, text):
    with pytest.raises(DataError, match=r"tank\.toml: not a TOML file .*mend it"):
        from_description(described(text))


def test_a_byte_order_mark_is_not_part_of_a_description(described):
    plain = from_description(described())
    path = described()
    path.write_text(DESCRIPTION, encoding="utf-8-sig")
    assert from_description(path).revision == plain.revision


def test_description_of_another_encoding_is_told_with_the_line(described):
    path = described()
    path.write_bytes(DESCRIPTION.encode() + "# 20 °C".encode("latin-1"))
    with pytest.raises(DataError, match=r"tank\.toml: line 7 holds the byte 0xb0, which is not UTF-8 .*; save"):
        from_description(path)


def test_description_that_is_no_text_is_told(described):
    path = described()
    path.write_bytes(b"\xff\xfe\x00file")
    with pytest.raises(DataError, match=r"tank\.toml: encoded as UTF-16 .*save it as UTF-8"):
        from_description(path)


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_description_that_cannot_be_opened_is_told(tmp_path, name):
    with pytest.raises(DataError, match=r"cannot be read \(.*\); check the path of the description"):
        from_description(tmp_path / name)


def test_log_that_a_description_names_wrongly_is_told(described):
    with pytest.raises(DataError, match=r"logs/lag\.csv: no such file; check the path"):
        from_description(described(DESCRIPTION.replace("log.csv", "lag.csv")))


# Bad settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"inputs": ("pump",)},
            r"no column 'pump'; there are: valve, level, flow, outer temperature; correct the name",
        ),
        ({"inputs": ("valve", "valve")}, r"column 'valve' is named twice among inputs; name it once"),
        ({"outputs": ("level", "level")}, r"column 'level' is named twice among outputs"),
        ({"inputs": ()}, r"inputs=\(\) must be a list of at least one column; name the columns"),
        ({"outputs": "level"}, r"outputs='level' must be a list of at least one column"),
        ({"dt": 0.0}, r"dt=0.0 must be a positive number of seconds; correct it"),
        ({"dt": float("nan")}, r"dt=nan must be a positive number"),
        (
            {"split": (0.6, 0.2, 0.1)},
            r"the fractions split=\(0.6, 0.2, 0.1\) must be positive and add up to 1; correct them",
        ),
        ({"split": (1.2, -0.4, 0.2)}, r"fractions .* must be positive"),
        ({"split": (0.5, float("nan"), 0.5)}, r"fractions .* must be positive"),
        ({"split": (0.5, 0.5, 0.0)}, r"fractions .* must be positive"),
        (
            {"split": (60, 50, 100)},
            r"the boundaries split=\(60, 50, 100\) must increase and lie within the record of 100 rows",
        ),
        ({"split": (60, 80, 101)}, r"boundaries .* within the record of 100 rows; correct them"),
        ({"split": (0, 80, 100)}, r"boundaries .* must increase"),
        (
            {"split": (98, 99, 100)},
            r"the record of 100 rows is too short: val gets 1, and needs at least 2 \(n_init=0\); change",
        ),
        (
            {"n_init": 20},
            r"too short: val gets 20, and needs at least 21 \(n_init=20\); change split or n_init, or log more",
        ),
        ({"units_u": ("%", "m")}, r"units_u has 2 units for 1 columns; give one per column"),
        ({"units_y": ()}, r"units_y has 0 units for 2 columns; give one per column"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_setting_is_told(log, changes, said):
    with pytest.raises(DataError, match=rf"log\.(csv|parquet): .*{said}"):
        from_file(log(), **BASIC | changes)


# Bad tables


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (
            "flow",
            np.where(np.arange(LENGTH) == 6, np.nan, 1.5),
            r"column 'flow', row 7 holds no number.*; mend the row",
        ),
        (
            "valve",
            np.where(np.arange(LENGTH) > 97, np.inf, 1.5),
            r"column 'valve', row 99 holds 'inf', not a finite number .*2 such rows\)",
        ),
        ("valve", [*map(str, range(99)), "off"], r"column 'valve', row 100 holds 'off', not a finite number"),
        ("level", [None] * LENGTH, r"column 'level', row 1 holds no number .*100 such rows\)"),
        (
            "level",
            [*([2.5] * 60), *range(40)],
            r"column 'level' is constant over the training part.*leave it out, .* or choose another split",
        ),
        ("valve", [7] * LENGTH, r"column 'valve' is constant over the training part"),
    ],
    ids=["NaN", "infinite", "text", "empty", "constant over train", "constant"],
)
def test_bad_column_is_told(log, column, values, said):
    with pytest.raises(DataError, match=rf"log\.(csv|parquet): {said}"):
        from_file(log(TABLE.assign(**{column: values})), **BASIC)


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (3, 1e200, "more than float32 can hold"),
        (3, 1e39, "more than float32 can hold"),
        (70, 1e45, "more than float32 can hold"),
        (95, -1e45, "more than float32 can hold"),
        (70, 1e25, "standard deviations of the training part away from its mean"),
        (95, -1e38, "standard deviations of the training part away from its mean"),
    ],
)
@pytest.mark.parametrize("column", ["valve", "flow"])
def test_a_value_that_overflows_is_told_with_its_column_row_and_line(log, column, row, value, said):
    path = log(TABLE.assign(**{column: TABLE[column].where(np.arange(LENGTH) != row - 1, value)}))
    line = rf" \(line {row + 1} of the file\)" if path.suffix == ".csv" else ""
    with pytest.raises(
        DataError, match=rf"log\.\w+: column '{column}', row {row} holds .*{said}.*{line}; mend the row"
    ):
        from_file(path, **BASIC)


def test_a_column_that_hardly_varies_is_told(log):
    with pytest.raises(DataError, match=r"log\.\w+: column 'flow' hardly varies .*; .*write it in another unit"):
        from_file(log(TABLE.assign(flow=1e-60 * TABLE["flow"])), **BASIC)


@pytest.mark.parametrize(
    ("values", "held"),
    [
        (pd.date_range("2026-01-01", periods=LENGTH), "datetime64"),
        ([str(k) for k in range(LENGTH)], "(str|object)"),
        (pd.Categorical(["1", "2"] * 50), "category"),
    ],
    ids=["times", "numbers as text", "categories"],
)
def test_parquet_column_of_another_type_is_told(tmp_path, values, held):
    path = write(TABLE.assign(flow=values), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=rf"log\.parquet: column 'flow' holds {held}.*, not numbers; convert it"):
        from_file(path, **BASIC)


def test_parquet_with_two_columns_of_a_name_is_told(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = [pa.array(TABLE[name]) for name in ("valve", "level", "flow", "flow")]
    parquet.write_table(pa.Table.from_arrays(columns, ["valve", "level", "flow", "flow"]), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"log\.parquet: .*flow"):
        from_file(tmp_path / "log.parquet", **BASIC)


def test_missing_cells_of_a_whole_number_column_are_told(tmp_path):
    values = pd.array([*range(99), None], dtype="Int64")
    path = write(TABLE.assign(flow=values), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"column 'flow', row 100 holds no number"):
        from_file(path, **BASIC)


ROWS = "".join(f"{k},{k * k},{k % 7}\n" for k in range(20))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a CSV table: it is empty; write a header line"),
        ("valve,level,flow\n", "the record of 0 rows is too short"),
        (f"valve,level,flow\n{ROWS}1,2,3,4\n", "line 22 has 4 cells, the header has 3; mend the line, or write"),
        (f"valve,level,flow\n1,2,3,x\n{ROWS}", "line 2 has 4 cells, the header has 3; mend the line$"),
        ("valve,level,flow\n" + ROWS.replace("\n", ",9\n"), "line 2 has 4 cells, the header has 3"),
        (f"valve,level,flow\n{ROWS}1,2\n", "column 'flow', row 21 holds no number.*; mend the row, or cut"),
        (f"valve,level,flow\n{ROWS}" + "20,,\n21,,\n", r"column 'level', row 21 holds no number .*2 such rows\)"),
        (f"valve;level;flow\n{ROWS.replace(',', ';')}", "separated by semicolons"),
        (ROWS, "no column 'valve'; there are: 0, "),
        (f'valve,level,flow\n{ROWS}"1,2,3\n', "the row that begins on line 22 cannot be read .*; mend its quotes"),
    ],
    ids=["empty", "header only", "a longer row", "a longer first row", "all rows longer", "a shorter row",
         "unequal lengths", "semicolons", "no header", "open quote"],
)  # fmt: skip
def test_bad_csv_is_told(tmp_path, text, said):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=rf"log\.csv: .*({said})") as told:
        from_file(tmp_path / "log.csv", **BASIC)
    assert "\n" not in str(told.value)


def test_csv_that_is_no_text_is_told(tmp_path):
    (tmp_path / "log.csv").write_bytes(b"valve,level,flow\n\xff\xfe,1,2\n")
    with pytest.raises(
        DataError, match=r"log\.csv: line 2 holds the byte 0xff, which is not UTF-8 .*; save the file as UTF-8"
    ):
        from_file(tmp_path / "log.csv", **BASIC)


# Bad files


def test_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"log\.csv: no such file; check the path"):
        from_file(tmp_path / "log.csv", **BASIC)


def test_unknown_suffix_is_told(tmp_path):
    (tmp_path / "log.xlsx").touch()
    with pytest.raises(DataError, match=r"log\.xlsx: a log must be one of \.csv, \.parquet; convert it"):
        from_file(tmp_path / "log.xlsx", **BASIC)


@pytest.mark.parametrize("left", [0, 3, 50, 200, -4, -40, -400])
def test_truncated_parquet_is_told(tmp_path, left):
    path = write(TABLE, tmp_path / "log.parquet")
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DataError, match=r"log\.parquet: not a readable Parquet file .*; write it anew"):
        from_file(path, **BASIC)


def test_missing_pyarrow_is_told(tmp_path, monkeypatch):
    path = write(TABLE, tmp_path / "log.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"log\.parquet: reading Parquet needs pyarrow; install it with: pip install"):
        from_file(path, **BASIC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("valve,valve,level\n1,2,3\n4,5,6\n", "2 columns are named 'valve'; rename them"),
        ("valve;level\n1;2\n3;4\n", "separated by semicolons; write it with commas"),
    ],
    ids=["repeated", "semicolons"],
)
def test_a_header_that_cannot_be_meant_is_told(tmp_path, text, said):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        from_file(path, inputs=["valve"], outputs=["level"], dt=1.0, split=(0.5, 0.25, 0.25))
