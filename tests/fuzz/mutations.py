"""Mutations that keep a file's form, so that what reads it gets past the parser."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.fuzz.sandbox import CANARY

Mutation = Callable[[bytes, Random], bytes]

RAW = {
    "\x01big": "1" * 5000,
    "\x01large": "9" * 400,
    "\x01inf": "1e999",
    "\x01nan": "NaN",
    "\x01deep": "[" * 150 + "]" * 150,
}
"""Tokens that `json` does not write, by the words that stand for them until it has."""

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        12,
        2**31,
        2**53,
        2**53 + 1,
        2**63,
        -(2**63),
        10**30,
        0.0,
        -0.0,
        0.5,
        1e308,
        5e-324,
    ),
    *("", "a", "..", "../../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "\x00", "\n", "é", "𝕏", "\ud800", "x" * 300),
    *(
        "ok",
        "failed",
        "diverged",
        "lstm",
        "test",
        "full",
        "predictions",
        f"{CANARY}:build",
        "os:system",
        "a.toml",
        "\x00.toml",
    ),
    *([], {}, [[]], {"": {}}, [1], [None], ["V"], [1.0, 2.0], {"test": {}}, *RAW),
)
NAMES = ("", "x", "test", "val", "train", "rmse", "unit", "schema", "__class__", "data", "y_hat", *RAW)


def as_json(value: Any) -> str:
    """JSON with all that a JSON file may hold: numbers of any length, NaN, nesting."""
    text = json.dumps(value, ensure_ascii=True)
    for word, token in RAW.items():
        text = text.replace(json.dumps(word), token)
    return text


def json_fields(data: bytes, random: Random) -> bytes:
    """A few fields of a JSON text replaced, left out, added, doubled or swapped."""
    value = json.loads(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        value = _changed(value, random)
    return as_json(value).encode("utf-8", "surrogatepass")


def _changed(value: Any, random: Random) -> Any:
    places = list(_places(value))
    if not places or random.random() < 0.02:
        return random.choice(VALUES)
    parent, key = random.choice(places)
    what = random.randrange(7)
    if what <= 2:
        parent[key] = random.choice(VALUES)
    elif what == 3:
        del parent[key]
    elif what == 4:
        other, at = random.choice(places)
        parent[key] = json.loads(json.dumps(other[at])) if at in _keys(other) else None
    elif what == 5 and isinstance(parent, dict):
        parent[random.choice(NAMES)] = parent.pop(key)
    elif isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
        parent[key] = random.choice((-1, 10, 1e-300, 1e300)) * parent[key] + random.choice((0, 1, -1))
    else:
        parent[key] = [parent[key]]
    return value


def _keys(value: Any) -> Any:
    return value.keys() if isinstance(value, dict) else range(len(value))


def _places(value: Any) -> Any:
    """Every place in a JSON value; of long lists the ends alone."""
    if isinstance(value, dict | list):
        keys = list(_keys(value))
        for key in keys if isinstance(value, dict) else keys[:2] + keys[2:][-1:]:
            yield value, key
            yield from _places(value[key])


TOML_VALUES = (
    *(
        "0",
        "-1",
        "1",
        "3",
        "1.5",
        "inf",
        "-inf",
        "nan",
        "true",
        '""',
        '"a"',
        "[]",
        "{}",
        "[[]]",
        "[0]",
        "1979-05-27",
        "07:32:00",
    ),
    *(
        "1" * 5000,
        "0x" + "f" * 5000,
        "0b1",
        "1e400",
        "9223372036854775808",
        '"../../x"',
        '"/etc/passwd"',
        '"\\u0000"',
        '"a\\u0000.csv"',
    ),
    *(
        "{ linspace = [0, 9, 3] }",
        "{ linspace = [0, 9, 1000000000] }",
        f"{{ linspace = [0, {'9' * 400}, 3] }}",
        '"full"',
    ),
    *(
        f'"{CANARY}:build"',
        '"os:system"',
        '["a", "b"]',
        '["u"]',
        '["y"]',
        "[0.5, 0.25, 0.25]",
        "[1, 2, 3]",
        "[0.1, nan, 0.5]",
    ),
    *(
        "[" * 200 + "]" * 200,
        "[" * 2000 + "]" * 2000,
        "{a=" * 100 + "1" + "}" * 100,
        "[" + "0," * 300 + "]",
        '"' + "x" * 3000 + '"',
        "['é']",
    ),
    *(
        '"x.parquet"',
        '"log.csv"',
        '"log.toml"',
        "'''\n'''",
        "1_000",
        "a.b.c",
        "+0",
        "-0.0",
        '"\\ud800"',
        '"mean"',
        '"lstm"',
        '"sim_linear"',
    ),
)


YAML_VALUES = (
    *("0", "-1", "1", "40", "1.5", ".inf", ".nan", "true", "no", "~", "''", '""', "a", "[]", "{}", "[[]]", "- 1", "|"),
    *("1" * 5000, "0x" + "f" * 5000, "0b" + "1" * 5000, "0777", "1_000", "1:30", "1:" * 300 + "1.5", "1e400"),
    *("1979-05-27", "2024-13-45", "0000-01-01", "2001-12-14t21:59:43.10-99:30"),
    *(f"!!{tag} {value}" for tag in ("int", "float", "bool", "null", "str", "binary") for value in ("x", "''", "[1]")),
    *("!!timestamp x", "!!set {a, b}", "!!omap [a: 1]", "!!pairs x", "!!python/name:os.system", "!x y", "!!map x"),
    *(f"!!python/object/apply:{CANARY}.build [x]", "!!python/module:antigravity", "!!python/object/new:os.system [x]"),
    *("&a [*a]", "&a {x: *a}", "{? *a : 1}", "*a", "*none", "&a", "{<<: *a}", "{<<: [*a, *a]}", "&a {b: 1}", "<<"),
    *("[" * 200 + "]" * 200, "[" * 1000, "{a: " * 500, "[" + "0," * 300 + "]", '"' + "x" * 3000 + '"', "x" * 2000),
    *(f"{CANARY}.Cluster", "os.system", "distributed.LocalCluster", "a.b", "..", "a..b", "a.b\n", "é.b", "{1: 2}"),
    *(
        '"\\ud800.a"',
        '"\\0"',
        "'",
        '"',
        "%",
        "@",
        "`",
        "#",
        "---",
        "...",
        "\t",
        "? a",
        ": a",
        "a: b: c",
        "{a: 1, a: 2}",
    ),
)


def toml_lines(data: bytes, random: Random) -> bytes:
    """Values of a TOML text replaced, its lines left out, doubled, moved or named otherwise."""
    return _settings(data, random, "=", TOML_VALUES)


def yaml_lines(data: bytes, random: Random) -> bytes:
    """The same of a YAML text."""
    return _settings(data, random, ":", YAML_VALUES)


def _settings(data: bytes, random: Random, equal: str, values: Sequence[str]) -> bytes:
    """Lines of a name, ``equal`` and a value."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(lines))
        key, equals, value = lines[at].partition(equal)
        what = random.randrange(6)
        if what <= 2 and equals:
            lines[at] = f"{key}{equal} {random.choice(values)}"
        elif what == 3:
            lines.insert(random.randrange(len(lines) + 1), lines[at])
        elif what == 4 and len(lines) > 1:
            del lines[at]
        elif equals:
            other = random.choice(lines).partition(equal)[0].strip() or "x"
            lines[at] = f"{random.choice((other, other + '.' + other, '[' + other + ']', 'x' * 300))} {equal}{value}"
    return "\n".join(lines).encode("utf-8", "surrogateescape")


CELLS = (
    *(
        "",
        "0",
        "1",
        "-1",
        "1e999",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e-400",
        "9" * 400,
        "0x10",
        "1_0",
        "1,5",
        "1;5",
        '"',
        '""',
        '"a',
        "'",
    ),
    *(
        "a",
        "é",
        "\x00",
        "\ufeff",
        "\r",
        "\r\n",
        "\t",
        " ",
        "True",
        "False",
        "None",
        "NA",
        "<NA>",
        "1+2j",
        "2020-01-01",
        "=1+1",
        "u",
        "y",
    ),
    *(
        "test_set",
        "y_hat",
        "y_hat_0",
        "x" * 2000,
        "#",
        "9223372036854775808",
        "18446744073709551616",
        f"{CANARY}:build",
        "1" * 30,
    ),
)


def csv_cells(data: bytes, random: Random) -> bytes:
    """Cells replaced, left out or doubled; rows left out, doubled or joined."""
    rows = [row.split(b",") for row in data.split(b"\n")]
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        row = random.choice(rows[:2]) if random.random() < 0.4 else random.choice(rows)
        at, what = random.randrange(len(row) + 1), random.randrange(8)
        cell = random.choice(CELLS).encode("utf-8", "surrogatepass")
        if what <= 3 and at < len(row):
            row[at] = cell
        elif what == 4:
            row.insert(at, cell)
        elif what == 5 and at < len(row):
            del row[at]
        elif what == 6:
            rows.insert(random.randrange(len(rows) + 1), list(random.choice(rows)))
        elif len(rows) > 1:
            del rows[random.randrange(len(rows))]
    return b"\n".join(b",".join(row) for row in rows)


NPY = (
    *(
        "'<f4'",
        "'<f8'",
        "'|O'",
        "'<U1'",
        "'|S0'",
        "'<U0'",
        "'|V8'",
        "'>c16'",
        "'<M8[s]'",
        "'|b1'",
        "'<i8'",
        "'<u8'",
        "'<U400000000'",
    ),
    *(
        "(1,)",
        "()",
        "(3, 1)",
        "(1000000000000,)",
        "(0, 1000000000000)",
        "(-1,)",
        "(1,) * 2",
        "(2L, 1L)",
        "True",
        "False",
        "None",
        "[]",
    ),
    *(
        "[('a', '<f4')]",
        "[('a', '|O')]",
        "{'names': ['a'], 'formats': ['<f8']}",
        "('<f4', (2,))",
        "(" * 90 + ")" * 90,
        "9" * 400,
    ),
    *(
        "(1, 1)",
        "(2, 1)",
        "(2**62, 4)",
        "(9223372036854775807,)",
        "(3037000500, 3037000500)",
        "__import__('os')",
        "'",
        "\x00",
    ),
)
_VALUE = re.compile(r"'[<>|=][a-zA-Z]\d+'|\([^()]*\)|True|False")


def npz_members(data: bytes, random: Random) -> bytes:
    """The arrays' headers, contents, names and packing changed, and what the archive claims of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(random.choice((1, 1, 2, 3))):
        members = _members(members, random)
    return _zipped(members, random)


def _members(members: list[tuple[str, bytes]], random: Random) -> list[tuple[str, bytes]]:
    if not members:
        return members
    at = random.randrange(len(members))
    name, content = members[at]
    what = random.randrange(8)
    if what <= 3:
        content = _npy_header(content, random)
    elif what == 4:
        content = _bytes(content, random)
    elif what == 5:
        name = random.choice(
            (
                name + "x",
                "../../x.npy",
                "/x.npy",
                "a.npy",
                "a/y.npy",
                "a/y_hat.npy",
                "é.npy",
                "a",
                "x" * 300,
                random.choice(members)[0],
            )
        )
    elif what == 6:
        return members[:at] + members[at + 1 :]
    else:
        content = random.choice(members)[1]
    return [*members[:at], (name, content), *members[at + 1 :]]


def _npy_header(content: bytes, random: Random) -> bytes:
    """The header's text changed, its length put right."""
    start, length = 10, int.from_bytes(content[8:10], "little")
    header = content[start : start + length].decode("latin-1")
    found = list(_VALUE.finditer(header))
    if not found:
        return _bytes(content, random)
    match = random.choice(found)
    header = header[: match.start()] + random.choice(NPY) + header[match.end() :]
    encoded = header.encode("latin-1", "replace")[:60000]
    body = content[start + length :]
    if random.random() < 0.2:
        body = body[: random.randrange(len(body) + 1)] + b"\0" * random.randrange(64)
    return (
        content[:6]
        + random.choice((b"\x01\0", b"\x01\0", b"\x01\0", b"\x02\0", b"\x03\0"))
        + len(encoded).to_bytes(2, "little")
        + encoded
        + body
    )


def _zipped(members: Sequence[tuple[str, bytes]], random: Random) -> bytes:
    buffer = io.BytesIO()
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    kind = random.choice(kinds[: 5 if random.random() < 0.1 else 3])
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name.replace("\x00", "_"))
            archive.writestr(info, content, kind)
    packed = bytearray(buffer.getvalue())
    if random.random() < 0.1:  # what the directory claims
        packed[-random.randrange(1, min(200, len(packed)))] = random.randrange(256)
    return bytes(packed)


def _bytes(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        what, at = random.randrange(3), random.randrange(len(changed) + 1)
        if what == 0 and at < len(changed):
            changed[at] = random.randrange(256)
        elif what == 1:
            del changed[at : at + random.choice((1, 4, 100))]
        else:
            changed[at:at] = random.randbytes(random.choice((1, 4)))
    return bytes(changed)


def plain(data: bytes, random: Random) -> bytes:
    """Bytes changed, left out or put in."""
    return _bytes(data, random)


def safetensors_header(data: bytes, random: Random) -> bytes:
    """The header's JSON changed, its length put right; or the tensors' bytes changed."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length], data[8 + length :]
    if random.random() < 0.8:
        value = json.loads(header)
        for _ in range(random.choice((1, 1, 2))):
            value = _changed_header(value, random) if isinstance(value, dict) else value
        header = as_json(value).encode("utf-8", "surrogatepass")
    else:
        body = _bytes(body, random)
    return len(header).to_bytes(8, "little") + header + body


TYPES = (
    "F32",
    "F64",
    "F16",
    "BF16",
    "I64",
    "U8",
    "BOOL",
    "F8_E4M3",
    "F8_E5M2",
    "C64",
    "U16",
    "U32",
    "U64",
    "I8",
    "F4",
    "x",
)


def _changed_header(value: dict[str, Any], random: Random) -> Any:
    tensors = [entry for entry in value.values() if isinstance(entry, dict) and "dtype" in entry]
    if tensors and random.random() < 0.6:
        entry = random.choice(tensors)
        what = random.randrange(4)
        if what == 0:
            entry["dtype"] = random.choice(TYPES)
        elif what == 1:
            entry["shape"] = random.choice(
                ([], [0], [1], [2, 2], [0, 10**12], [2**62, 4], [-1], [1] * 70, [8, 2], [10**12], [4, 1, 1])
            )
        elif what == 2:
            entry["data_offsets"] = random.choice(([0, 0], [0, 4], [4, 0], [0, 10**12], [0, 16], [2**63, 2**63 + 4]))
        else:
            names = list(value)
            value[random.choice(("rnn.weight_hh_l0", "rnn.weight_hh_l1", "", "spent", "x" * 300, "a.b"))] = value.pop(
                random.choice(names)
            )
        return value
    return _changed(value, random)
