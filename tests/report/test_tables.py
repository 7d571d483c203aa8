import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sysid_tbptt.errors import StoreError
from sysid_tbptt.report.burn_in import COLUMNS, burn_in_table
from sysid_tbptt.report.frame import frame
from sysid_tbptt.report.studies import studies
from sysid_tbptt.report.tables import all_tables, write_tables
from sysid_tbptt.runs.record import RunRecord
from tests.conftest import config_of

NASTY = r"a_b&%$#{}~^\<script>|`c`"
PAPERS = {"dataset": "silverbox", "split": "paper", "hidden_size": 8, "seq_len": 100, "batch_size": 100}
PAPERS |= {"learning_rate": 1e-4, "epochs": 400}
OTHERS = ("leaderboard-", "burn-in-effect", "questions-", "differences")
"""How tables other than the burn-in study are called."""


def curve(**config):
    """A made-up burn-in study whose errors need all digits of a float."""
    return [
        RunRecord(
            run_id="a",
            status="ok",
            config=config_of(**{"burn_in": m} | config),
            metrics={
                "train": {"mse_scaled": (0.1 + 0.2) / (m + 1)},
                "val": {"mse_scaled": 1 / 3 / (m + 1)},
                "test": {NASTY: {"mse_scaled": 1 / 7 / (m + 1), "rmse": [1.0], "unit": ["V"]}},
            },
            provenance={"versions": {"torch": "2.11.0"}, "device": NASTY},
        )
        for m in (0, 4, 8)
    ]


@pytest.fixture
def write(tmp_path):
    """Writes the tables of records; gives their texts by suffix."""

    def write(records):
        written = write_tables(all_tables(records), tmp_path)
        studies = [
            path for path in written if not path.name.startswith(("leaderboard-", "burn-in-effect", "questions-"))
        ]
        return {path.suffix: path.read_text(encoding="utf-8") for path in studies}

    return write


def cells(line):
    """The cells of a Markdown row; an escaped bar ends none."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def markdown_rows(text):
    return [cells(line) for line in text.splitlines() if line.startswith("|")]


def test_every_suite_and_data_set_has_its_files_markdown_first(tmp_path):
    records = [run for name in ("b", "a") for run in curve(dataset=name)] + curve(suite="other", dataset="a")
    written = write_tables(all_tables(records), tmp_path / "tables")
    folder = tmp_path / "tables"
    stems = {f"{study}{name}" for study in ("other/", "test/") for name in ("a", "burn-in-effect", "leaderboard-a")}
    stems |= {"test/b", "test/leaderboard-b"}
    stems |= {f"{study}questions-{name}" for study in ("other/", "test/") for name in ("equal-compute", "held-out")}
    stems |= {f"{study}questions-seed-spread" for study in ("other/", "test/")}
    names = [path.relative_to(folder).as_posix() for path in written]
    assert set(names) == {stem + suffix for stem in stems for suffix in (".md", ".csv", ".tex")}
    assert [name.endswith(".md") for name in names] == [True] * len(stems) + [False] * 2 * len(stems)
    assert {path for path in folder.rglob("*") if path.is_file()} == set(written)


def test_no_table_no_file(tmp_path):
    failed = curve()[0].model_copy(update={"status": "failed"})
    assert write_tables(all_tables([failed]), tmp_path / "tables") == []
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize("name", [NASTY, "../../x", "/home/me/log.toml", ".."])
def test_names_cannot_lead_out_of_the_folder(tmp_path, name):
    for path in write_tables(all_tables(curve(suite=name, dataset=name)), tmp_path / "tables"):
        assert path.resolve().parent.parent == tmp_path / "tables"
        assert re.fullmatch(r"[\w.-]+", path.name)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        write_tables(all_tables(curve()), tmp_path / "file" / "tables")


def test_csv_is_read_by_pandas_at_full_precision(write, tmp_path):
    records = curve(dataset=NASTY)
    write(records)
    (path,) = (path for path in tmp_path.rglob("*.csv") if path.name.startswith("a_b"))
    read = pd.read_csv(path, comment="#", keep_default_na=True)
    expected = burn_in_table(studies(frame(records)))
    assert list(read.columns) == COLUMNS
    assert read["dataset"].tolist() == [NASTY] * 2
    for name in COLUMNS:
        if expected[name].dtype.kind == "f":
            assert np.array_equal(read[name], expected[name], equal_nan=True), name
    assert read["m0_train"][0] == 0.1 + 0.2


def test_markdown_shows_mse_times_100_and_a_dash_for_what_is_missing(write):
    heading, _, *rows = markdown_rows(write(curve())[".md"])
    assert len(rows) == 2
    shown = dict(zip(heading, rows[0], strict=True))
    assert (shown["N"], shown["m*"], shown["of m"]) == ("12", "8", "3")
    assert (shown["rule"], shown["budget"]) == ("paper", "30 steps")
    assert (shown["train m=0"], shown["train m*"], shown["train change %"]) == ("30.000", "3.333", "-88.9")
    assert (shown["test m=0"], shown["test m*"]) == ("14.286", "1.587")
    assert not {"train stateful", "test BPTT"} & set(heading)


def test_what_was_not_run_is_a_dash_where_others_have_it(write):
    stateful = curve(batch_size=4, init_mode="carry", burn_in=0)[:1]
    headings, _, *rows = markdown_rows(write(curve(batch_size=4) + curve(batch_size=4, seq_len=20) + stateful)[".md"])
    shown = [(row[headings.index("N")], row[headings.index("test stateful")]) for row in rows]
    assert shown == [("12", "14.286")] * 2 + [("20", "–")] * 2


def test_several_seeds_show_their_spread(write):
    other = [run.model_copy(update={"config": config_of(seed=1, burn_in=run.config.burn_in)}) for run in curve()]
    half = [run.model_copy(update={"metrics": scaled(run.metrics, 0.5)}) for run in other]
    headings, _, row, _ = markdown_rows(write(curve() + half)[".md"])
    assert row[headings.index("train m=0")] == "22.500 (15.000 to 30.000)"
    assert row[headings.index("seeds")] == "2"


def test_a_single_run_beside_several_seeds_has_no_spread(write):
    """And several beside a single one have theirs."""
    full = curve(seq_len=61, batch_size=1)[0].model_copy(update={"records": 1, "windows": 1})
    other = [full, *curve(seed=1)]
    headings, _, row, _ = markdown_rows(write([*curve(), *other])[".md"])
    assert row[headings.index("test BPTT")] == "14.286"
    assert "(" in row[headings.index("test m=0")]
    again = full.model_copy(update={"config": full.config.model_copy(update={"seed": 1})})
    headings, _, row, _ = markdown_rows(write([*curve(), full, again])[".md"])
    assert row[headings.index("test BPTT")] == "14.286 (14.286 to 14.286)"
    assert row[headings.index("test m=0")] == "14.286"


def scaled(value, factor):
    if isinstance(value, dict):
        return {key: scaled(item, factor) for key, item in value.items()}
    return value * factor if isinstance(value, float) else value


def test_anchors_are_told_beside_the_table(write):
    arx = curve(model="arx", hidden_size=2)[0].model_copy(update={"engine": "closed_form"})
    assert "Without a network, test MSE × 100: arx of order 2 14.286" in write([*curve(), arx])[".md"]


@pytest.mark.parametrize(
    ("other", "heading", "values"),
    [
        ({"split": "other"}, "split", {"made", "other"}),
        ({"model": "gru"}, "model", {"lstm", "gru"}),
        ({"hidden_size": 5}, "H", {"4", "5"}),
        ({"batch_size": 4}, "B", {"8", "4"}),
        ({"num_layers": 2}, "setting", {"", "num_layers=2"}),
        ({"seed": 1}, "seeds", {"2"}),
    ],
)
def test_what_varies_is_shown_and_else_left_out(write, other, heading, values):
    assert heading not in markdown_rows(write(curve())[".md"])[0]
    headings, _, *rows = markdown_rows(write(curve() + curve(**other))[".md"])
    assert {row[headings.index(heading)] for row in rows} == values


def test_published_values_are_cited(write):
    texts = write(curve(**PAPERS))
    row = next(row for row in markdown_rows(texts[".md"]) if "published" in row)
    assert {"94", "0.242", "0.042", "0.291", "0.142", "0.251"} < set(row)
    assert all("published: Schiller, Heinrich, Lopez, Müller, ICLR 2026" in text for text in texts.values())
    assert not any("Schiller" in text for text in write(curve()).values())


@pytest.mark.parametrize("suffix", [".md", ".csv", ".tex"])
def test_provenance_is_told(write, suffix):
    text = write(curve())[suffix]
    assert "Provenance: runs: 3; suite: test; seeds: 0; versions: torch 2.11.0" in text
    assert "Test data decide nothing." in text


def test_markdown_is_well_formed_whatever_the_names(write):
    text = write(curve(dataset=NASTY) + curve(dataset=NASTY, model=NASTY))[".md"]
    rows = markdown_rows(text)
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == 2 + 4
    assert re.search(r"(?<!\\)[<`]", text) is None
    assert text.startswith(r"## test: a_b&%$#{}~^\\\<script>\|\`c\`, the burn-in study" + "\n")


def test_latex_is_well_formed_whatever_the_names(write):
    text = write(curve(dataset=NASTY) + curve(dataset=NASTY, model=NASTY))[".tex"]
    lines = text.splitlines()
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{table}", r"\end{table}", r"\end{tabular}"):
        assert lines.count(rule) == 1, rule
    (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", text)
    heading, *rows = [line for line in lines if line.endswith(r" \\")]
    assert len(rows) == 4
    for line in (heading, *rows):
        assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
    assert "–" not in text
    assert r"a\_b\&\%\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}$<$script$>$" in text


def test_latex_has_no_bare_special_character(write):
    text = write(curve(dataset=NASTY) + curve(dataset=NASTY, model=NASTY))[".tex"]
    plain = re.sub(r"\\[&%$#_{}]", "", text)
    assert plain.count("{") == plain.count("}")
    assert not set(re.sub(r"\$(<|>|\\times)\$", "", plain)) & set("%$#_~^<>")


def test_reports_never_import_torch():
    code = (
        "import sys, sysid_tbptt.report.tables, sysid_tbptt.report.leaderboard; "
        "assert not {'torch', 'numba'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_data_set_may_be_called_as_a_table_is(tmp_path):
    names = ("a.toml", "leaderboard-a.toml", "differences", "burn-in-effect", "study-differences", "questions-spread")
    records = [run for dataset in names for run in curve(dataset=dataset)]
    written = write_tables(all_tables(records), tmp_path)
    assert len(set(written)) == len(written)
    assert tmp_path / "test" / "a.toml.md" in written
