import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.data.files import from_file
from sysid_tbptt.errors import DataError

VALUES = np.random.default_rng(0).normal(size=(12, 2)).round(3)
ROWS = [f"{u},{y}" for u, y in VALUES.tolist()]
TABLE = "\n".join(["u,y", *ROWS, ""])


def load(folder, content):
    path = folder / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return from_file(path, inputs=["u"], outputs=["y"], dt=1.0, split=(0.5, 0.25, 0.25))


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def as_excel(separator, decimal=","):
    return pd.DataFrame(VALUES, columns=["u", "y"]).to_csv(index=False, sep=separator, decimal=decimal)


SEMICOLONS = r"separated by semicolons; write it with commas, decimals with points"
CASES = {
    "semicolons": (as_excel(";", "."), SEMICOLONS),
    "semicolons, decimal commas": (as_excel(";"), SEMICOLONS),
    "semicolons, commas in names": ("u;y;a,b\n" + "0,5;1,5;2\n" * 4, SEMICOLONS),
    "a line that names the separator": ("sep=;\n" + as_excel(";"), "line 2 names the columns: take out what comes"),
    "tabs": (as_excel("\t", "."), "separated by tabs; write it with commas"),
    "tabs, decimal commas": (as_excel("\t"), "separated by tabs; write it with commas, decimals with points"),
    "tabs and an index": (pd.DataFrame(VALUES, columns=["u", "y"]).to_csv(sep="\t"), "separated by tabs"),
    "blanks": (TABLE.replace(",", "  "), "separated by blanks; write it with commas"),
    "bars": (TABLE.replace(",", "|"), "separated by bars"),
    "decimal commas": ("u,y\n" + "0,5,1,5\n" * 4, "line 2 has 4 cells, the header has 2; .*decimals with points"),
    "comments": ("# logger 3\n# start\n" + TABLE, "line 3 names the columns: take out"),
    "comments with commas": ("# logger 3, 5 Hz\n" + TABLE, "line 2 names the columns: take out what comes before it"),
    "comments of MATLAB": ("% logger\n\n" + TABLE, "line 3 names the columns: take out"),
    "one comment of a column": ("# logger\nu\n" + "1\n2\n" * 6, "line 2 names the columns: take out"),
    "a marked header": ("# " + TABLE, "line 1 begins with '#'; take it out of the line that names the columns"),
    "lines of a logger": ("Logger 5\nSerial,12,x\n\n" + TABLE, "line 4 names the columns: take out"),
    "no header": ("\n".join(ROWS), "line 1 holds numbers, and no line names the columns: put one before it"),
    "another case": (TABLE.replace("u,", "U,", 1), r"there are: U, y; did you mean 'U'\? correct the name"),
    "a name with blanks": (TABLE.replace("u,", "u ,", 1), r"no column 'u'; .*did you mean 'u '\? correct the name"),
    "another name": (TABLE.replace("u,", "valve,", 1), "no column 'u'; there are: valve, y; correct the name"),
    "thousands": (TABLE + "1,234.5,2\n", "line 14 has 3 cells.*, or write decimals with points, and nothing between"),
    "a name twice": (TABLE.replace("u,y", "u,u", 1), "2 columns are named 'u'; rename them"),
    "units below the names": (TABLE.replace("u,y\n", "u,y\nV,m\n"), r"row 1 holds 'V', .*line 2 of the file"),
    "a longer row": (TABLE + "1,2,x\n", "line 14 has 3 cells, the header has 2; mend the line"),
    "a longer row after a blank line": ("\n" + TABLE + "1,2,x\n", "line 15 has 3 cells"),
    "a shorter row": (TABLE + "1\n", r"column 'y', row 13 holds no number \(line 14 of the file\)"),
    "an open quote": (TABLE + '1,"2\n3,4\n', "the row that begins on line 14 cannot be read .*; mend its quotes"),
    "nothing": ("", "it is empty; write a header line"),
    "blank lines": ("\n \n\r\n", "it is empty; write a header line"),
    "Latin-1": (b"u,y,T [\xb0C]\n1,2,3\n", "line 1 holds the byte 0xb0, which is not UTF-8 .*; save the file as UTF-8"),
    "Latin-1 below": (TABLE.encode() + b"3,4 \xb5m\n", "line 14 holds the byte 0xb5, which is not UTF-8"),
    "UTF-16": (TABLE.encode("utf-16"), "encoded as UTF-16 .*; save it as UTF-8"),
    "UTF-16 without a mark": (TABLE.encode("utf-16-le"), "line 1 holds a zero byte.*UTF-16; save it as UTF-8"),
    "UTF-32": (TABLE.encode("utf-32-be"), "line 1 holds a zero byte"),
    "a workbook": (zipped(), "not a text file but an Excel workbook.*; export its content as text"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", "not a text file but an old Excel workbook"),
    "Parquet": (b"PAR1\x15\x04", "not a text file but a Parquet file"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), CASES.values(), ids=CASES)
def test_the_fault_the_line_and_the_remedy_are_told(tmp_path, content, said):
    with pytest.raises(DataError, match=rf"^\S*log\.csv: .*({said})") as told:
        load(tmp_path, content)
    assert "\n" not in str(told.value) and "C error" not in str(told.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", ["°C", "a;b", "a\tb", "a|b", "a b", "# note", "5"])
def test_other_columns_may_have_any_name(tmp_path, name, encoding):
    rows = [f"{row},{k}" for k, row in enumerate(ROWS)]
    data = load(tmp_path, "\n".join([f"u,y,{name}", *rows]).encode(encoding))
    whole = np.concatenate([part[0].y for part in (data.train, data.val, data.test)])
    assert np.array_equal(whole[:, 0], VALUES[:, 1])
