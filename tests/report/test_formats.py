import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sysid_tbptt.report.formats import (
    MISSING,
    Block,
    Table,
    p_value,
    percent,
    significant,
    to_csv,
    to_latex,
    to_markdown,
    with_interval,
    with_range,
)

NASTY = "a|b&%$#_{}~^\\<i>`c`\n[d](e)"


def table(*blocks, notes=("one", "two")):
    return Table("title", blocks, notes, pd.DataFrame({"x": [1 / 3]}))


BLOCK = Block("first", pd.DataFrame({"name": ["a", "b"], "x": ["1", "2"]}), words=("name",), bold=frozenset({(1, "x")}))


def test_blocks_stand_one_after_another_and_what_is_bold_stands_out():
    text = to_markdown(table(BLOCK, Block("second", pd.DataFrame({"y": ["3"]}))))
    assert re.sub(" +|[-:]{2,}", "", text).split("\n\n") == [
        "##title",
        "first",
        "|name|x|\n|||\n|a|1|\n|b|**2**|",
        "second",
        "|y|\n||\n|3|",
        "one",
        "two\n",
    ]


def test_latex_has_a_tabular_a_block_in_one_table():
    text = to_latex(table(BLOCK, Block("second", pd.DataFrame({"y": ["3"]}))))
    assert text.count(r"\begin{tabular}") == text.count(r"\toprule") == text.count(r"\bottomrule") == 2
    assert text.count(r"\begin{table}") == text.count(r"\caption{") == 1
    assert r"b & \textbf{2} \\" in text
    assert text.index("first") < text.index("{lr}") < text.index("second") < text.index("{r}")
    assert r"\caption{title. one. two.}" in text


def test_no_markup_comes_from_the_cells_notes_and_headings():
    nasty = table(Block(NASTY, pd.DataFrame({NASTY: [NASTY]}), bold=frozenset({(0, NASTY)})), notes=[NASTY])
    latex = to_latex(nasty)
    plain = re.sub(r"\\[&%$#_{}]", "", latex)
    assert plain.count("{") == plain.count("}")
    assert not set(re.sub(r"\$[<>]\$", "", plain)) & set("%#_~^<>$")
    markdown = to_markdown(nasty)
    assert re.search(r"(?<!\\)[<`]|\]\(", markdown) is None
    assert {len(re.split(r"(?<!\\)\|", line)) for line in markdown.splitlines() if line.startswith("|")} == {3}


hostile = st.text(st.sampled_from("\\{}[]()&%$#_^~*|<>`\n\r\x0b\u2028\u2029\x85 \"'!-=inputé×–")) | st.text()


def made(text):
    """A table in which a text stands wherever one may."""
    rows = pd.DataFrame({"a": [text, text], text if text not in ("", "a") else "b": [text, text]})
    return table(Block(text, rows, bold=frozenset({(0, "a")})), Block(text, rows), notes=[text])


def commands(latex):
    """LaTeX's commands in their order, escapes of single characters apart."""
    escapes = {"textbackslash", "textasciicircum", "textasciitilde", "times", "rho"}
    return [found for found in re.findall(r"\\([a-zA-Z]+|\\)", latex) if found not in escapes]


@settings(max_examples=150, deadline=None)
@given(hostile)
@example("ª")
@example("a ")
def test_no_command_of_latex_comes_from_a_text(text):
    latex, plain = to_latex(made(text)), to_latex(made("x"))
    assert commands(latex) == commands(plain)
    assert not re.search(r"\\\\\s*[\[*]", latex), "an argument of the end of a row"
    bare = re.sub(r"\\[&%$#_{}]", "", latex)
    assert bare.count("{") == bare.count("}")
    assert bare.count("&") == plain.count("&")
    assert not set(re.sub(r"\$([<>]|\\times|\\rho)\$", "", bare)) & set("%#~^$")
    assert [line.count("\\\\") for line in latex.splitlines() if "tabular" in line] == [0] * 4


@settings(max_examples=150, deadline=None)
@given(hostile)
def test_no_markup_of_markdown_comes_from_a_text(text):
    markdown = to_markdown(made(text))
    assert re.search(r"(?<!\\)(?:\\\\)*[<`]", markdown) is None
    assert "](" not in markdown
    rows = [line for line in markdown.split("\n") if line.startswith("|")]
    assert len(rows) == 8
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in rows} == {3}


@settings(max_examples=100, deadline=None)
@given(hostile)
def test_a_text_in_csv_is_one_cell_and_never_a_comment(text):
    rows = pd.DataFrame({"name": [text, "b"], "x": [1.0, 2.0]})
    written = to_csv(Table("t", [], [text], rows))
    read = pd.read_csv(io.StringIO(written, newline=""), comment="#", keep_default_na=False, lineterminator="\n")
    assert read["x"].tolist() == [1.0, 2.0]


def test_a_note_of_several_lines_stays_a_comment():
    lines = to_csv(table(BLOCK, notes=["a\nb\r\nc"])).splitlines()
    assert lines == ["# a b c", '"x"', repr(1 / 3)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0716, "0.07160"), (1.23456e-5, "0.00001235"), (123456.0, "123500"), (0.99996, "1.000"), (12.0, "12.00")],
)
def test_four_significant_digits_without_exponent(value, shown):
    assert significant(value) == shown


@pytest.mark.parametrize("value", np.random.default_rng(0).lognormal(0, 6, 50).tolist())
def test_rounding_is_to_the_nearest(value):
    assert math.isclose(float(significant(value)), value, rel_tol=5.001e-4)


def test_what_is_not_a_number():
    assert significant(math.nan) == percent(math.nan) == p_value(math.nan) == MISSING
    assert significant(math.inf) == "diverged"
    assert with_interval(1.0, math.nan, math.nan) == "1.000"
    assert with_interval(1.0, 0.5, math.inf) == "1.000 [0.5000, diverged]"


@pytest.mark.parametrize(("seeds", "shown"), [(3, "2.000 (1.000 to 4.000)"), (1, "2.000"), (math.nan, "2.000")])
def test_a_range_takes_more_than_one_seed(seeds, shown):
    assert with_range(0.02, 0.01, 0.04, seeds) == shown
    assert with_range(2.0, 1.0, 4.0, seeds, significant) == shown


def test_a_range_of_errors_that_diverged_or_are_missing():
    assert with_range(0.02, 0.01, math.inf, 2) == "2.000 (1.000 to diverged)"
    assert with_range(math.nan, math.nan, math.nan, math.nan) == MISSING


def test_changes_and_p():
    assert [percent(x) for x in (0.1234, -0.5, -1e-9)] == ["+12.3", "-50.0", "+0.0"]
    assert [p_value(p) for p in (0.04999, 0.0004, 1.0)] == ["0.050", "<0.001", "1.000"]
