from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysid_tbptt.errors import ConfigError
from sysid_tbptt.suite import Group, Suite, check_field

HEAD = 'name = "s"\n[[groups]]\n'
GROUP = HEAD + 'dataset = "d"\nsteps = 5\n'


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "suite.toml"
        path.write_text(text, encoding="utf-8")
        return Suite.load(path)

    return load


def grid(load, table):
    return load(GROUP + f"burn_in = {table}").groups[0].values["burn_in"]


def test_defaults_are_under_every_group_and_give_way_to_it(load):
    suite = load(
        """
        name = "my-study"
        description = "for a test"
        [defaults]
        model = "lstm"
        steps = 5
        [[groups]]
        dataset = ["a", "b"]
        [[groups]]
        dataset = "c"
        model = "gru"
        """
    )
    assert (suite.name, suite.description) == ("my-study", "for a test")
    assert [group.values for group in suite.groups] == [
        {"model": ["lstm"], "steps": [5], "dataset": ["a", "b"]},
        {"model": ["gru"], "steps": [5], "dataset": ["c"]},
    ]


def test_a_group_gives_every_combination():
    group = Group("here", {"dataset": ["a", "b"], "seq_len": [10, 20], "steps": [5]})
    assert [tuple(fields.values()) for fields in group.combinations()] == [
        ("a", 10, 5),
        ("a", 20, 5),
        ("b", 10, 5),
        ("b", 20, 5),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GROUP + "burnin = 3", r"group 1: unknown key 'burnin'; did you mean 'burn_in'\?"),
        (GROUP + 'suite = "t"', "group 1: unknown key 'suite'"),
        (GROUP + "[[groups]]\nzzz = 1", "group 2: unknown key 'zzz'; choose one of dataset, split, horizon, model"),
        ('nam = "s"\n' + GROUP, "key 'nam'"),
        ('[[groups]]\ndataset = "d"\nsteps = 5', "key 'name'.* is missing"),
        ('name = "s"', "key 'groups'.* is missing"),
        ('name = "s"\ngroups = []', "key 'groups'.*: .*at least 1 item"),
        ('name = "a/b"\n[[groups]]\nsteps = 1', "key 'name'.*: .*pattern.*and not 'a/b'"),
        ("name = 3\n[[groups]]\nsteps = 1", "key 'name'.*: .*valid string, and not 3"),
        (HEAD + 'dataset = "d"', "group 1: give the budget as either 'steps' or 'epochs', not both and not neither"),
        (GROUP + "epochs = 2", "group 1: give the budget as either 'steps' or 'epochs', not both and not neither"),
        (GROUP + "burn_in = []", "group 1: key 'burn_in': an empty list .*give at least one value"),
        ("name = ", "cannot be read as TOML"),
    ],
)
def test_errors_name_file_and_key(load, text, said):
    with pytest.raises(ConfigError, match=rf"suite\.toml.*{said}"):
        load(text)


def test_missing_file_is_told_with_where_suites_are(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such suite file; .*benchmarks/suites"):
        Suite.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "UTF-16.*; save it as UTF-8"),
        (b"name =", "cannot be read as TOML"),
        (None, "cannot be read as TOML"),
    ],
    ids=["not UTF-8", "not TOML", "folder"],
)
def test_unreadable_file_is_told(tmp_path, content, said):
    path = tmp_path / "suite.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"suite\.toml: .*{said}"):
        Suite.load(path)


def test_a_byte_order_mark_is_not_part_of_a_suite(load, tmp_path):
    path = tmp_path / "marked.toml"
    path.write_text(GROUP, encoding="utf-8-sig")
    assert Suite.load(path).groups[0].values == load(GROUP).groups[0].values


@pytest.mark.parametrize(
    "table",
    [
        "{ linspace = [0, 9] }",
        "{ linspace = [0, 9, 1] }",
        "{ linspace = [0, 9.5, 3] }",
        "{ linspace = 5 }",
        "{ linspace = [0, 9, 3], step = 1 }",
        "{ logspace = [0, 9, 3] }",
    ],
)
def test_bad_linspace_is_told_with_the_right_form(load, table):
    with pytest.raises(ConfigError, match=r"group 1: key 'burn_in': expected \{ linspace = \[first, last, count\] \}"):
        grid(load, table)


def test_linspace_is_the_papers_grid(load):
    papers = [0, 5, 10, 16, 21, 26, 31, 36, 42, 47, 52, 57, 63, 68, 73, 78, 83, 89, 94, 99]
    assert grid(load, "{ linspace = [0, 99, 20] }") == papers
    assert grid(load, "[{ linspace = [0, 99, 20] }, { linspace = [110, 199, 10] }]") == [
        *papers,
        *(110, 120, 130, 140, 150, 159, 169, 179, 189, 199),
    ]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=st.integers(-2000, 2000), b=st.integers(-2000, 2000), n=st.integers(2, 200))
def test_linspace_rounds_half_to_even(load, a, b, n):
    assert grid(load, f"{{ linspace = [{a}, {b}, {n}] }}") == [
        round(a + Fraction(i * (b - a), n - 1)) for i in range(n)
    ]


def test_a_field_is_known():
    check_field("burn_in", "filter")
