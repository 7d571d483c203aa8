import re

import pytest

from sysid_tbptt.report.formats import to_csv, to_latex, to_markdown
from sysid_tbptt.report.leaderboard import board
from sysid_tbptt.report.leaderboard_table import leaderboard_table
from sysid_tbptt.report.literature import literature
from sysid_tbptt.report.ranks import standings
from tests.report.test_leaderboard import WITH_M, WITHOUT, run, seeds

OFFICIAL = {"dataset": "silverbox", "split": "official", "unit": ("mV",)}
TESTS = ("arrow_full", "arrow_no_extrapolation", "multisine")


def table_of(*runs):
    records = [record for part in runs for record in (part if isinstance(part, list) else [part])]
    rows = board(records)
    return leaderboard_table(rows, records, standings(rows))


def shown(table, block=0):
    """The rows of a block by model."""
    return {row["model"]: row for row in table.blocks[block].rows.to_dict("records")}


def test_every_number_of_a_row():
    ours = shown(table_of(seeds(WITHOUT, val=2.0, burn_in=0), seeds(WITH_M, burn_in=3)))["lstm"]
    assert ours == {
        "rank": "1",
        "model": "lstm",
        "H": "4",
        "N": "12",
        "m": "3",
        "RMSE": "2.250 [1.250, 3.750]",
        "best by validation": "1.000 (seed 0)",
        "at m = 0": "4.500 [2.950, 7.500]",
        "effect of m, %": "-50.0",
        "p": "0.031",
        "p Holm": "0.031",
        "parameters": "9",
        "training, CPU s": "2.00",
        "seeds": "6",
        "remarks": "chosen by validation",
    }


def test_what_is_told_of_a_row():
    table = table_of(
        seeds(WITH_M),
        seeds([value + 0.1 + 0.2 * (-1) ** k for k, value in enumerate(WITH_M)], model="gru"),
        run(9.0, model="rnn"),
        run(9.0, model="rnn", status="failed", seed=1),
        run(5.0, model="mean"),
    )
    rows = shown(table)
    assert re.fullmatch(r"not told apart from the first \(p [01]\.\d+\)", rows["gru"]["remarks"])
    assert rows["rnn"]["remarks"] == "worse than the mean; 1 diverged or failed"
    assert (rows["lstm"]["remarks"], rows["mean"]["remarks"]) == ("chosen by validation", "")


def test_the_first_is_bold_and_equals_are_too():
    table = table_of(run(1.0), run(1.0, model="gru"), run(2.0, model="rnn"))
    assert table.blocks[0].bold == {(row, column) for row in (0, 1) for column in ("model", "RMSE")}


@pytest.mark.parametrize("engine", ["closed_form", "predictions", "external"])
def test_what_was_not_trained_on_windows_has_no_burn_in(engine):
    (row,) = shown(table_of(run(1.0, burn_in=0).model_copy(update={"engine": engine}))).values()
    assert (row["m"], row["at m = 0"], row["effect of m, %"]) == ("–", "–", "–")


@pytest.mark.parametrize(("engine", "seconds"), [("predictions", "–"), ("external", "2.00")])
def test_of_what_was_not_trained_here_no_training_is_told(engine, seconds):
    table = table_of(run(1.0), run(2.0, model="mine", burn_in=0).model_copy(update={"engine": engine}))
    row = shown(table)["mine"]
    assert [row[name] for name in ("H", "N", "parameters", "training, CPU s")] == ["–", "–", "–", seconds]
    (settings,) = (note for note in table.notes if note.startswith("Settings: "))
    assert settings.endswith("; mine: not trained by this suite")


def test_training_on_several_devices_is_not_told_but_why():
    runs = seeds([1.0, 2.0])
    for record, device in zip(runs, ("a chip", "another"), strict=True):
        record.provenance["device"] = device
    table = table_of(runs)
    assert shown(table)["lstm"]["training, CPU s"] == "–"
    assert "missing where the runs are of several devices" in table.notes[0]


def official(model="lstm", **config):
    return run(dict.fromkeys(TESTS, (1.0,)), (1.0,), model=model, **(OFFICIAL | config))


def test_published_values_stand_apart_under_each_test_set_with_source_and_confidence():
    table = table_of(official())
    assert len(table.blocks) == 6
    for place, test_set in enumerate(TESTS):
        ours, theirs = table.blocks[2 * place : 2 * place + 2]
        assert f"test set {test_set}: RMSE in mV" in ours.heading
        assert f"Published for {test_set} under other protocols, not ranked" in theirs.heading
        facts = literature("silverbox", test_set)
        assert theirs.rows["method"].tolist() == facts["method"].tolist()
        assert theirs.rows["RMSE"].astype(float).tolist() == facts["rmse"].tolist()
        assert "rank" not in theirs.rows
    notes = "\n".join(table.notes)
    for row in facts.to_dict("records"):
        assert f"{row['source']}: {row['citation']}; protocol: {row['protocol']}" in notes
    assert "disputed: contradicted" in notes
    assert set(table.data["model"]) == {"lstm"}


@pytest.mark.parametrize("config", [{"split": "paper"}, {"unit": ("V",)}, {"dataset": "sim_duffing"}])
def test_published_values_stand_beside_their_own_records_and_unit_alone(config):
    table = table_of(official(**config))
    assert len(table.blocks) == 3
    assert not any(note.startswith("champneys2024: ") for note in table.notes)


def test_protocols_have_blocks_of_their_own():
    table = table_of(run(1.0), run(2.0, revision="s"), run(3.0, split="other"))
    headings = [block.heading for block in table.blocks]
    assert len(set(headings)) == 3
    assert sum("data revision s" in heading for heading in headings) == 1


def test_notes_name_settings_ranks_references_and_provenance():
    notes = "\n".join(table_of(official(learning_rate=0.02), official("gru"), official("rnn")).notes)
    assert "lstm (split official): B 8, 30 steps, learning_rate=0.02" in notes
    assert "gru, rnn (split official): B 8, 30 steps" in notes
    assert "Average ranks over 3 test sets" in notes
    assert "Cite: sysid-tbptt" in notes
    assert "hochreiter1997" in notes
    assert "sysid-tbptt cite --suite test --dataset silverbox" in notes
    assert "Provenance: runs: 3" in notes


def test_names_from_records_are_text():
    nasty = r"a_b&%$#{}~^\<script>|`c`"
    table = table_of(run(1.0, model=nasty, dataset=nasty), run(2.0, dataset=nasty))
    assert "<script" not in to_markdown(table).replace(r"\<", "")
    latex = re.sub(r"\\[{}]", "", to_latex(table))
    assert latex.count("{") == latex.count("}")
    assert to_csv(table).count("\n") == len(table.notes) + 3


def test_rows_of_lm_show_the_optimiser_and_their_own_settings():
    of_lm = {"model": "gru", "optimiser": "lm", "steps": 20, "warm_steps": 5, "learning_rate": 0.02}
    table = table_of(seeds(WITH_M, model="gru"), seeds(WITHOUT, **of_lm))
    assert list(shown(table)) == ["gru", "gru (lm)"]
    notes = "\n".join(table.notes)
    assert "gru (split made): B 8, 30 steps" in notes
    setting = "optimiser=lm, warm_steps=5 with batch_size=8 and learning_rate=0.02"
    assert f"gru (lm) (split made): 20 iterations, {setting}" in notes
    assert notes.count("(lm): trained by Levenberg-Marquardt") == 1
    assert "levenberg1944, marquardt1963" in notes
    assert "Levenberg" not in "\n".join(table_of(seeds(WITH_M, model="gru")).notes)
