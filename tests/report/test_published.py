import pytest

from sysid_tbptt.report.published import PAPER_EPOCHS, PAPER_LEARNING_RATES, is_papers, paper_tables

CITED = [
    ("silverbox", 100, "m_star", 94),
    ("silverbox", 100, "m0_train", 0.242e-2),
    ("silverbox", 100, "mstar_test", 0.142e-2),
    ("silverbox", 1000, "bptt_test", 0.251e-2),
    ("wiener_hammerstein", 200, "m_star", 36),
    ("wiener_hammerstein", 200, "stateful_train", 0.514e-2),
    ("wiener_hammerstein", 500, "m0_test", 0.397e-2),
    ("rlc", 100, "m0_test", 3.527e-2),
    ("rlc", 500, "mstar_train", 0.186e-2),
    ("rlc", 1000, "stateful_test", 0.871e-2),
]
"""Some values of Schiller et al. 2026; their tables show the MSE times 100."""

PAPERS = {
    "dataset": "rlc",
    "split": "paper",
    "model": "lstm",
    "hidden_size": 8,
    "batch_size": 100,
    "setting": "learning_rate=0.0003",
}


@pytest.mark.parametrize(("dataset", "seq_len", "name", "value"), CITED)
def test_cited_value(dataset, seq_len, name, value):
    assert paper_tables().loc[(dataset, seq_len), name] == pytest.approx(value, rel=1e-12)


def test_every_data_set_is_there_at_every_n():
    table = paper_tables()
    assert sorted(table.index) == sorted((dataset, n) for dataset in PAPER_EPOCHS for n in (100, 200, 500, 1000))
    assert table.notna().all(axis=None)
    assert PAPER_EPOCHS.keys() == PAPER_LEARNING_RATES.keys()


@pytest.mark.parametrize("dataset", PAPER_EPOCHS)
def test_full_bptt_does_not_depend_on_n(dataset):
    assert (paper_tables().loc[dataset][["bptt_train", "bptt_test"]].nunique() == 1).all()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"seq_len": 7, "seed": 3, "budget": "20 steps"}, True),
        ({"split": "official"}, False),
        ({"model": "gru"}, False),
        ({"hidden_size": 9}, False),
        ({"batch_size": 50}, False),
        ({"setting": "learning_rate=0.0001"}, False),
        ({"setting": "num_layers=2, learning_rate=0.0003"}, False),
        ({"dataset": "silverbox"}, False),
        ({"dataset": "silverbox", "setting": "learning_rate=0.0001"}, True),
        ({"dataset": "emps"}, False),
    ],
)
def test_what_is_the_papers_experiment(changes, expected):
    assert is_papers(PAPERS | changes) is expected
