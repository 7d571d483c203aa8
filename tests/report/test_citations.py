import re
from pathlib import Path

import pytest

from sysid_tbptt import cli
from sysid_tbptt.models.linear import ANCHORS
from sysid_tbptt.models.rnn import CELLS
from sysid_tbptt.registry import sources
from sysid_tbptt.report.citations import DATASETS, MODELS, TEXTBOOK, bibtex, keys
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.store import Store
from tests.conftest import config_of

ROOT = Path(__file__).parents[2]


def record(engine="reference", versions=None, **config):
    return RunRecord(
        run_id="a",
        status="failed",
        config=config_of(**config),
        engine=engine,
        provenance={"versions": versions or {"sysid-tbptt": "1.2", "torch": "3.4"}},
    )


def letters(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_every_data_set_is_cited_as_its_adapter_says(source):
    text = bibtex([record(dataset=source.name)])
    entry = next(part for part in text.split("\n\n") if f"{{{DATASETS[source.name]}," in part)
    title = re.search(r"title = \{(.*)\}", entry)[1]
    assert letters(title) in letters(source.citation)
    assert re.search(r"\d{4}", re.search(r"year = \{(.*)\}", entry)[1])[0] in source.citation


def test_every_model_of_ours_is_cited_or_needs_no_reference():
    assert MODELS.keys() == set(CELLS)
    assert set(TEXTBOOK) == set(ANCHORS)


def test_this_software_is_cited_as_the_citation_file_says():
    told = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    text = bibtex([record(versions={"sysid-tbptt": "1.2"})])
    for field, value in re.findall(r'^(title|  - name): "?(.*?)"?$', told, flags=re.MULTILINE):
        assert value in text, field
    assert "Tuning the burn-in phase in training recurrent neural networks improves their performance" in told
    assert "version = {1.2}" in text


def test_entries_are_well_formed_and_each_stands_once():
    runs = [
        record("cpu", dataset=source.name, model=model, split="official") for source in sources() for model in MODELS
    ]
    text = bibtex(runs)
    entries = re.findall(r"^@\w+\{([\w-]+),$", text, flags=re.MULTILINE)
    assert entries == list(dict.fromkeys(entries)) == keys(runs)
    assert text.count("{") == text.count("}")
    assert "VERSION" not in text
    for key in entries:
        assert re.search(rf"\{{{key},\n  author = ", text)


@pytest.mark.parametrize(
    ("config", "cited"),
    [
        ({"model": "lstm"}, {"hochreiter1997", "torch"}),
        ({"model": "gru", "engine": "cpu"}, {"cho2014", "torch", "numba"}),
        ({"model": "arx", "engine": "closed_form"}, set()),
        ({"model": "arx", "engine": "closed_form", "dataset": "silverbox", "split": "paper"}, {"wigren2013"}),
        (
            {"model": "rnn", "dataset": "silverbox", "split": "official"},
            {"elman1990", "torch", "wigren2013", "nonlinear-benchmarks", "champneys2024"},
        ),
    ],
)
def test_only_what_was_used_is_cited(config, cited):
    assert set(keys([record(**config)])) == cited | {"sysid-tbptt", "schiller2026"}


def test_what_has_no_reference_is_said():
    text = bibtex([record(model="mine:build", dataset="tank.toml"), record(dataset="@x{", split="official")])
    assert "@x" not in text
    text = bibtex([record(model="mine:build", dataset="tank.toml"), record(dataset="emps", split="official")])
    assert "% model mine:build: cite its own source" in text
    assert "% data set tank.toml: cite its own source" in text
    assert "% published value of dynoNet on emps: Forgione, Piga 2021" in text


def test_versions_from_records_cannot_write_bibtex():
    text = bibtex([record(versions={"sysid-tbptt": "1}\n@evil{x", "torch": "2"})])
    assert text.count("{") == text.count("}")
    assert "@evil" not in text


def test_the_command_prints_one_suite_and_data_set(tmp_path, capsys):
    store = Store(tmp_path)
    store.save(record(dataset="ced").model_copy(update={"run_id": "a"}))
    store.save(record(dataset="emps", suite="other").model_copy(update={"run_id": "b"}))
    assert cli.main(["cite", "--results", str(tmp_path), "--suite", "other"]) == 0
    said = capsys.readouterr().out
    assert "janot2019" in said
    assert "wigren2017" not in said
    assert cli.main(["cite", "--results", str(tmp_path), "--dataset", "embs"]) == 2
    assert "did you mean 'emps'?" in capsys.readouterr().err
    assert cli.main(["cite", "--results", str(tmp_path / "none")]) == 2


def test_levenberg_and_marquardt_are_cited_for_what_lm_trained():
    assert {"levenberg1944", "marquardt1963"} <= set(keys([record(optimiser="lm")]))
    assert not {"levenberg1944", "marquardt1963"} & set(keys([record(), record("closed_form", optimiser="lm")]))
