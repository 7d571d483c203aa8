import sys

from sysid_tbptt.runs.provenance import command, typed


def test_what_to_type_again_has_the_paths_that_records_leave_out(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/sysid-tbptt", "run", "suites/a.toml", "--results", "/data/my results"])
    assert typed() == "sysid-tbptt run suites/a.toml --results '/data/my results'"
    assert command() == "sysid-tbptt run suites/a.toml --results 'my results'"
