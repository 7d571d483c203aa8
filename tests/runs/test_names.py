import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysid_tbptt.runs.names import file_name
from sysid_tbptt.runs.store import Store

ALIKE = [
    ("a/log.toml", "a_log.toml", "a\\log.toml", "a log.toml", "a:log.toml"),
    ("run 1.toml", "run_1.toml", "run  1.toml"),
    ("Tank.toml", "tank.toml", "TANK.toml"),
    ("straße.toml", "strasse.toml"),
    (*(unicodedata.normalize(form, "Zulauf_é.toml") for form in ("NFC", "NFD")), "Zulauf_e.toml"),
    ("/home/log.toml", "home/log.toml", "./home/log.toml", "../home/log.toml", "home/log.toml.", "_home/log.toml"),
    ("con.toml", "_con.toml", "CON.toml"),
    ("水箱.toml", "电机.toml", "бак.toml", "δεξαμενή.toml", "टंकी.toml", "टकी.toml", ".toml", "toml"),
    ("\ud800.toml", "\ud801.toml", "?.toml", "_.toml"),
    ("水" * 200, "水" * 201, "水" * 200 + ".toml"),
]
RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}


def on_disk(name):
    """What a file system that ignores case and normalization makes of a name."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@pytest.mark.parametrize("names", ALIKE, ids=lambda names: ascii(names[0])[:20])
def test_names_that_look_alike_have_files_of_their_own(names):
    assert len({on_disk(file_name(name)) for name in names}) == len(names)


alike = st.text(alphabet="aA/_-. é\u0301ß水\ud800", max_size=12)


@given(alike, alike)
def test_no_two_names_share_a_file(one, other):
    assert (on_disk(file_name(one)) == on_disk(file_name(other))) == (one == other)
    hashed = file_name(one)
    assert hashed == one or file_name(hashed) != hashed


parts = st.text(alphabet="ab-", min_size=1, max_size=4)


@given(st.tuples(parts, parts), st.tuples(parts, parts))
def test_no_two_pairs_of_names_share_a_file(one, other):
    assert (file_name(*one) == file_name(*other)) == (one == other)


@given(st.one_of(st.text(max_size=300), st.sampled_from(sorted(RESERVED)), alike))
def test_every_file_system_can_store_the_file(name):
    found = file_name(name)
    assert found == file_name(name)
    assert 0 < len(found.encode()) <= 130
    assert not set(found) & set('/\\:*?"<>|\0 \n') and found[0] != "." and found[-1] not in ". "
    assert found.split(".")[0].casefold() not in RESERVED


def test_letters_of_every_script_are_kept():
    kept = ["水箱.toml", "бак.toml", "टंकी.toml", "silverbox", "my-log.toml"]
    assert [file_name(name) for name in kept] == kept
    assert file_name("logs/水箱.toml").startswith("logs_水箱.toml-")


def test_committed_records_are_where_their_names_say():
    store = Store(Path(__file__).parents[2] / "results")
    assert store.misplaced() == []
    configs = [record.config for record in store.records()]
    names = {name for config in configs for name in (config.suite, config.dataset, config.model, config.split)}
    assert {file_name(name) for name in names} == names
    pairs = {(config.dataset, config.model) for config in configs}
    assert {file_name(*pair) for pair in pairs} == {"-".join(pair) for pair in pairs}
