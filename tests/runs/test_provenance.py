import sys

import pytest

from sysid_tbptt.runs.provenance import command, processor, typed

CPU = "processor\t: 0\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx\n"


def test_what_to_type_again_has_the_paths_that_records_leave_out(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/sysid-tbptt", "run", "suites/a.toml", "--results", "/data/my results"])
    assert typed() == "sysid-tbptt run suites/a.toml --results '/data/my results'"
    assert command() == "sysid-tbptt run suites/a.toml --results 'my results'"


def test_two_generations_of_one_name_are_two_devices():
    told = [processor(CPU.format(family=family, model=model)) for family, model in ((25, 17), (26, 2))]
    assert told == ["AMD EPYC (family 25, model 17)", "AMD EPYC (family 26, model 2)"]


def test_the_first_processor_counts():
    blocks = [CPU.format(family=25, model=model) for model in (17, 18)]
    assert processor("\n".join(blocks)) == "AMD EPYC (family 25, model 17)"


@pytest.mark.parametrize(
    ("described", "told"),
    [("", None), ("processor\t: 0\nCPU part\t: 0xd0c\n", None), ("model name\t: a chip\n", "a chip")],
    ids=["no file", "no name", "no family"],
)
def test_a_processor_is_told_as_far_as_it_is_described(described, told):
    assert processor(described) == told
