"""What fuzzing and reading the readers brought to light, each as the input that showed it."""

import gzip
import json
import os
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from scipy.io import loadmat

from sysid_tbptt import limits
from sysid_tbptt.cli import main
from sysid_tbptt.data import cache, package, unpacked
from sysid_tbptt.data.files import from_description, from_file
from sysid_tbptt.data.official import PROCESS_NOISE_WH
from sysid_tbptt.data.table import read_table
from sysid_tbptt.errors import ConfigError, DataError, ModelError, StoreError, shown
from sysid_tbptt.report.contests import contests, errors
from sysid_tbptt.report.figures import stability
from sysid_tbptt.report.plots import runs_frame
from sysid_tbptt.report.tables import all_tables
from sysid_tbptt.runs.atomic import write_whole
from sysid_tbptt.runs.checkpoint import Checkpoint
from sysid_tbptt.runs.connection import _read as read_cluster
from sysid_tbptt.runs.names import file_name
from sysid_tbptt.runs.outputs_file import read_outputs
from sysid_tbptt.runs.predictions import read_predictions
from sysid_tbptt.runs.record import RunRecord
from sysid_tbptt.runs.stability import read_stability
from sysid_tbptt.runs.store import Store, locked
from sysid_tbptt.suite import Suite
from sysid_tbptt.training.weights import check_sizes, n_layers, put_weights, read_weights
from tests.fuzz import target_estimate, target_log, target_mat, target_series
from tests.fuzz.sandbox import CANARY
from tests.report.made_up import html_of, record, stored, study

# Records

BIG = 10**400


def line(**changes):
    """A record's line with fields changed; ``a__b`` is field b of a."""
    fields = json.loads(record(3, 1.0, 2.0, 3.0).to_line())
    for path, value in changes.items():
        *way, last = path.split("__")
        at = fields
        for key in way:
            at = at[key]
        at[last] = value
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"engine": "predictions", "metrics__test": [{"mse_scaled": 1, "rmse": [1], "unit": ["V"]}]}, "key 'metrics'"),
        ({"engine": "predictions", "metrics__train": {}}, "key 'metrics'"),
        ({"metrics__test__test__rmse": [BIG]}, "key 'metrics': each rmse is a list of numbers"),
        ({"metrics__val__mse_scaled": "1"}, "a mse_scaled is no number"),
        ({"metrics__test__test__nrmse": [1.0, 2.0]}, "a nrmse is no number, or not one a channel"),
        ({"metrics__test__test__n_scored": "all"}, "a n_scored is no number"),
        ({"provenance__threads": "two"}, "threads is a whole number"),
        ({"provenance__device": ["a", "b"]}, "device, time and versions are words"),
        ({"provenance__versions": {"torch": {}}}, "device, time and versions are words"),
        ({"provenance__git": "0123"}, "key 'provenance.git'"),
        ({"run_id": "x" * 300}, "key 'run_id'"),
        ({"run_id": "../x"}, "key 'run_id'"),
        ({"config__seq_len": 2**53 + 1}, "key 'config.seq_len'"),
        ({"steps_done": -1}, "key 'steps_done'"),
        ({"loss__curve_every": 0}, "key 'loss.curve_every'"),
        ({"optimum": {"loss": 1, "w_hh": 1, "y_hat": [[[1]], [[1, 2]]], "coercivity": 1, "iterations": 1}}, "y_hat"),
        ({"optimum": {"loss": 1, "w_hh": 1, "y_hat": [], "coercivity": 1, "iterations": 1}}, "y_hat"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, dict) else "",
)
def test_a_record_that_reports_would_fall_over_is_refused(changes, said):
    with pytest.raises(StoreError, match=said):
        RunRecord.from_line(line(**changes))


def test_a_message_about_a_long_line_is_short():
    for text in (line(status="x" * 10**6), line(schema="x" * 10**6), '{"schema": ' + "1" * 5000 + "}"):
        with pytest.raises(StoreError) as caught:
            RunRecord.from_line(text)
        assert len(str(caught.value)) < 1000


def test_a_null_for_an_error_that_was_not_finite_is_read_by_reports(tmp_path):
    runs = [record(m, None, None, None) for m in (0, 5)]
    assert "No run has been scored yet." not in html_of(stored(tmp_path, runs))


def test_a_page_of_runs_that_all_failed_is_a_page(tmp_path):
    assert "<main" in html_of(stored(tmp_path, [record(0, 1.0, 1.0, 1.0, status="failed")]))


def test_scores_of_a_run_that_did_not_end_well_may_be_anything(tmp_path):
    runs = study()
    runs.append(runs[0].model_copy(update={"run_id": "b", "status": "diverged", "metrics": {"val": 1, "test": "x"}}))
    assert "<main" in html_of(stored(tmp_path, runs))


@pytest.mark.parametrize("paper", [{}, {"mse_paper": None}])
def test_forecasts_may_lack_the_error_with_the_papers_divisor(paper):
    runs = [run for split in ("made", "made-retrain") for run in study(horizon=3, split=split)]
    for run in runs:
        run.metrics["test"]["test"].update(paper)
    assert "forecasting-first_order" in {one.name for one in all_tables(runs)}


def test_records_of_one_test_set_may_differ_in_their_channels():
    wide, narrow = study()[0], study(seed=1)[0]
    scores = {"mse_scaled": 1.0, "rmse": [1.0, 2.0], "unit": ["V", "V"]}
    wide = wide.model_copy(update={"metrics": wide.metrics | {"test": {"test": scores}}})
    (contest,) = contests([wide, narrow])
    (setting,) = contest.methods["lstm", "adam"]
    assert errors(setting, "test", 1) == {0: 2.0}


# The results folder


def test_a_name_of_any_length_makes_a_file_name():
    long, other = "m" * 5000, "m" * 5001
    assert len(file_name(long)) <= limits.FILE_NAME
    assert file_name(long) != file_name(other)
    assert file_name("m" * limits.FILE_NAME) == "m" * limits.FILE_NAME


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_among_the_records_is_told_and_not_waited_for(tmp_path):
    (tmp_path / "records").mkdir()
    os.mkfifo(tmp_path / "records" / "x.jsonl")
    with pytest.raises(StoreError, match="not a plain file"):
        Store(tmp_path)


@pytest.mark.parametrize("name", ["x.jsonl", "x.damaged"])
def test_a_link_out_of_the_folder_is_not_read_as_records(name, tmp_path):
    (tmp_path / "secret").write_text("a secret\n")
    records = tmp_path / "results" / "records"
    records.mkdir(parents=True)
    (records / name).symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="a link that leads out"):
        Store(tmp_path / "results")
    (records / name).unlink()
    (records / "y.jsonl").write_text(record(0, 1.0, 1.0, 1.0).to_line())
    (records / name).symlink_to(records / "y.jsonl")
    assert len(Store(tmp_path / "results").records()) == 1


def test_a_file_of_records_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    store = stored(tmp_path, study())
    monkeypatch.setattr(limits, "RECORDS_BYTES", 100)
    with pytest.raises(StoreError, match="bytes where at most 100 are read"):
        Store(store.root)


def test_a_file_that_tells_no_size_is_bounded_too(monkeypatch, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 200)
    monkeypatch.setattr(limits, "check_plain", lambda *_: None)
    with pytest.raises(StoreError, match="more than 100 bytes"):
        limits.read_bytes(path, 100, StoreError)


def test_a_link_in_place_of_the_temporary_file_is_not_written_through(tmp_path):
    (tmp_path / "outside").write_text("as it was")
    (tmp_path / "results").mkdir()
    path = tmp_path / "results" / "x.json"
    path.with_name(f".x.json.{os.getpid()}.tmp").symlink_to(tmp_path / "outside")
    write_whole(path, b"new")
    assert (tmp_path / "outside").read_text() == "as it was"
    assert path.read_bytes() == b"new"


def test_a_folder_named_like_a_leftover_keeps_nobody_from_writing(tmp_path):
    (tmp_path / "records" / ".x.1.tmp").mkdir(parents=True)
    with locked(tmp_path):
        pass


# Suites and descriptions of logs

GROUP = 'name = "a"\n[[groups]]\ndataset = "sim_linear"\nmodel = "lstm"\nsteps = 1\nseq_len = 3\n'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("seed = " + "1" * 5000, "cannot be read as TOML"),
        ("seed = " + "[" * 5000 + "]" * 5000, "cannot be read as TOML"),
        ("burn_in = { linspace = [0, 9, 1000000000] }", "expected { linspace"),
        (f"burn_in = {{ linspace = [0, {BIG}, 3] }}", "expected { linspace"),
        ("burn_in = { linspace = [0, 0x" + "f" * 5000 + ", 3] }", "expected { linspace.* a number of 20000 bits"),
        ("x" * 5000 + " = 1", "unknown key"),
        (f"[{'x' * 5000}]\n" * 2, "cannot be read as TOML"),
        *(
            (f"{name} = [{'1,' * 1001}]\nlr_stages = [{'1,' * 1001}]", "1002001 runs where")
            for name in ("seed", "burn_in")
        ),
    ],
    ids=lambda value: value[:30],
)
def test_a_suite_that_would_not_end_is_refused(more, said, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(GROUP + more)
    with pytest.raises(ConfigError, match=said) as caught:
        Suite.load(path)
    assert len(str(caught.value)) < 1500


def test_a_suite_is_of_a_bounded_size(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(GROUP + "#" * limits.TOML_BYTES)
    with pytest.raises(ConfigError, match="bytes where at most"):
        Suite.load(path)


def test_reading_a_suite_imports_no_model_that_it_names(tmp_path, monkeypatch):
    (tmp_path / f"{CANARY}.py").write_text("raise SystemExit('code of an input was run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "a.toml"
    path.write_text(GROUP.replace("lstm", f"{CANARY}:build"))
    assert Suite.load(path).groups[0].values["model"] == [f"{CANARY}:build"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("dt = 0.1", "dt = " + "1" * 5000, "not a TOML file"),
        ("dt = 0.1", "dt = " + "[" * 5000 + "]" * 5000, "not a TOML file"),
        ("n_init = 1", "n_init = 0x" + "f" * 5000, "key 'n_init'.* a number of 20000 bits"),
        ("dt = 0.1", "dt = 0x" + "f" * 5000, "key 'dt'.* a number of 20000 bits"),
        ("[0.5, 0.25, 0.25]", f"[1, 2, 0x{'f' * 5000}]", "key 'split.* a number of 20000 bits"),
        ('"log.csv"', '"' + "x" * 5000 + '.csv"', "no such file"),
        ('"log.csv"', '"a\\u0000.csv"', "no such file"),
    ],
)
def test_a_description_that_cannot_be_is_refused(before, after, said, tmp_path):
    path = tmp_path / "log.toml"
    path.write_text(target_log.FULL.replace(before, after))
    (tmp_path / "log.csv").write_bytes(target_log.logs()[0])
    with pytest.raises(DataError, match=said):
        from_description(path)


@pytest.mark.parametrize("name", ["a\0.toml", "x" * 5000 + ".toml"])
def test_a_name_that_no_file_can_have_is_told(name):
    with pytest.raises(DataError, match="cannot be read"):
        from_description(name)
    with pytest.raises(ConfigError):
        Suite.load(name)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30000,
        "a: " + "{a: " * 3000,
        "cluster: 2024-13-45",
        "jobs: !!int x",
        "jobs: !!int ''",
        "jobs: !!bool x",
        "jobs: !!timestamp x",
        "jobs: " + "1:" * 300 + "1.5",
        "jobs: " + "1" * 5000,
        "a: &a0 [x]\n" + "".join(f"a{k}: &a{k} [{f'*a{k - 1},' * 8}]\n" for k in range(1, 20)) + "cluster: *a19",
    ],
    ids=lambda text: text[:20],
)
def test_a_description_of_a_cluster_that_yaml_falls_over_is_refused(text, tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"cluster\.yaml") as caught:
        read_cluster(path)
    assert len(str(caught.value)) < 5000


def test_a_wrong_value_is_shown_in_short():
    assert shown(BIG) == f"a number of {BIG.bit_length()} bits"
    assert shown(-12) == "-12"
    assert len(shown([["x" * 10**5] * 1000])) < 2000
    for nested in (lambda value: [value] * 8, lambda value: {f"{k}": value for k in range(8)}):
        value = "x"
        for _ in range(20):
            value = nested(value)
        assert len(shown(value)) < 2000
    assert shown([[1, 2], {"a": "b"}]) == "[[1, 2], {'a': 'b'}]"


# Tables


def test_a_table_is_of_a_bounded_size(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("u,y\n" + "1,2\n" * 100)
    monkeypatch.setattr(limits, "TABLE_BYTES", 100)
    with pytest.raises(DataError, match="where at most 100 are read"):
        read_table(path)


def test_a_number_beyond_float64_among_numbers_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("u,y\n" + "1,2\n" * 9 + f"1,{BIG}\n")
    with pytest.raises(DataError, match=r"column 'y', row 10 holds '1000.*, more than float32 can hold"):
        from_file(path, inputs=["u"], outputs=["y"], dt=1.0, split=(0.5, 0.25, 0.25))


def test_a_parquet_file_is_refused_by_what_it_claims(tmp_path, monkeypatch):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    pd.DataFrame({"u": np.zeros(1000), "y": np.zeros(1000)}).to_parquet(path)
    monkeypatch.setattr(limits, "TABLE_CELLS", 1999)
    with pytest.raises(DataError, match="2000 cells where at most 1999"):
        from_file(path, inputs=["u"], outputs=["y"], dt=1.0, split=(0.5, 0.25, 0.25))


def test_text_that_is_no_utf_8_is_refused_where_it_is_read(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    words = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(struct.pack("<3i", 0, 1, 2)), pa.py_buffer(b"a\x9c")]
    )
    pq.write_table(pa.table({"test_set": words, "y_hat": [1.0, 2.0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_outputs(tmp_path / "a.parquet", 1)


# Arrays


def npy(header, body=b""):
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + body


def npz(path, members, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


PLAIN = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }"


@pytest.mark.parametrize(
    "content",
    [
        npy(PLAIN.replace("(2, 1)", "(1000000000000, 1)"), b"\0" * 8),
        npy(PLAIN.replace("(2, 1)", "(0, 1000000000000)")) + b"\0",
        npy(PLAIN.replace("<f4", "<U0").replace("(2, 1)", "(1000000000000,)")),
        npy(PLAIN.replace("(2, 1)", "(-2, -1)"), b"\0" * 8),
        npy(PLAIN.replace("(2, 1)", "(2L, 1L)"), b"\0" * 8),
        npy(PLAIN.replace("<f4", "|O"), b"\0" * 16),
        npy(PLAIN.replace("'<f4'", "[('a', '<f4')]"), b"\0" * 8),
        npy(PLAIN.replace("<f4", "<U1"), b"\xff" * 8),
        npy(PLAIN.replace("<f4", ">U1"), b"\0\0\0a\0\0\xd8\0"),
        npy(PLAIN.replace("(2, 1)", "(" * 3000 + ")" * 3000)),
        npy(PLAIN.replace("(2, 1)", "__import__('os').getpid()"), b"\0" * 8),
    ],
    ids=[
        "terabytes",
        "none",
        "no width",
        "negative",
        "Python 2",
        "objects",
        "fields",
        "no letters",
        "half a pair",
        "deep",
        "code",
    ],
)
def test_an_array_that_is_not_what_it_claims_is_refused(content, tmp_path):
    path = npz(tmp_path / "a.npz", {"test": content})
    with pytest.raises(DataError, match="not an npz file of plain arrays") as caught:
        read_outputs(path, 1)
    assert not isinstance(caught.value.__cause__, MemoryError)
    with pytest.raises(StoreError, match="not an npz file of plain arrays"):
        read_predictions(path)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ARRAYS_BYTES", 10**6)
    path = npz(tmp_path / "a.npz", {"test": npy(PLAIN.replace("(2, 1)", "(500000, 1)"), b"\0" * 2 * 10**6)})
    assert path.stat().st_size < 10**4
    with pytest.raises(DataError, match="1000000 bytes unpacked"):
        read_outputs(path, 1)


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_arrays_packed_otherwise_than_numpy_does_are_refused(kind, tmp_path):
    with pytest.raises(DataError, match="packed otherwise"):
        read_outputs(npz(tmp_path / "a.npz", {"test": npy(PLAIN, b"\0" * 8)}, kind), 1)


def test_an_encrypted_archive_is_refused(tmp_path):
    path = npz(tmp_path / "a.npz", {"test": npy(PLAIN, b"\0" * 8)})
    path.write_bytes(encrypted(path.read_bytes()))
    with pytest.raises(DataError, match="encrypted"):
        read_outputs(path, 1)


def encrypted(content):
    """A zip archive whose member claims to be encrypted."""
    content = bytearray(content)
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + flags] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    "changes",
    [
        {"dt": np.float64("nan")},
        {"dt": np.float64(0)},
        {"n_init": np.int64(6)},
        {"n_init": np.int64(-1)},
        {"y": np.array([["a"]] * 6), "y_hat": np.array([["a"]] * 6)},
        {"y": np.ones((6, 1), complex), "y_hat": np.ones((6, 1), complex)},
        {"unit": np.array([1])},
        {"y": np.ones((0, 1)), "y_hat": np.ones((0, 1)), "n_init": np.int64(0)},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_predictions_that_no_page_can_show_are_refused(changes, tmp_path):
    y = np.ones((6, 1), np.float32)
    fields = {"y": y, "y_hat": y, "n_init": np.int64(0), "dt": np.float64(1), "unit": np.array(["V"])} | changes
    np.savez(tmp_path / "a.npz", **{f"a/{name}": array for name, array in fields.items()})
    with pytest.raises(StoreError, match="no file of predictions"):
        read_predictions(tmp_path / "a.npz")


# Weights and checkpoints


@pytest.mark.parametrize(
    "state",
    [
        {"w": np.zeros(2)},
        {"w": np.zeros(2), "spent": np.zeros(3)},
        {"w": np.zeros(2), "spent": np.array([1.0, np.nan])},
        {"w": np.zeros(2), "spent": np.array([1 + 1j, 2], np.complex64)},
        {"w": np.zeros(2), "spent": np.array([-1.0, 0.0])},
    ],
    ids=["none", "three", "nan", "complex", "negative"],
)
def test_a_checkpoint_without_its_seconds_is_of_no_use(state, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(save(state, metadata={"mark": "a"}))
    assert Checkpoint(path, "a").load() == (None, (0.0, 0.0))


def tensors(path, **entries):
    """A safetensors file by its header; ``entries`` are type, shape and number of bytes."""
    header, at = {}, 0
    for name, (dtype, shape, size) in entries.items():
        header[name.replace("_of_", ".")] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header | {"__metadata__": {"mark": "a"}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * at)
    return path


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 4), ("F8_E4M3", 2), ("F8_E5M2", 2)])
def test_a_checkpoint_of_a_type_that_numpy_has_not_is_of_no_use(dtype, size, tmp_path):
    path = tensors(tmp_path / "a.safetensors", w=(dtype, [2], size), spent=("F64", [2], 16))
    assert Checkpoint(path, "a").load() == (None, (0.0, 0.0))


@pytest.mark.parametrize(("dtype", "size"), [("I64", 8), ("C64", 8), ("BOOL", 1)])
def test_weights_take_the_place_of_their_own_kind_of_numbers(dtype, size, tmp_path):
    path = tensors(tmp_path / "a.safetensors", weight=(dtype, [1, 1], size))
    with pytest.raises(ModelError, match=r"'weight': given shape \(1, 1\) of .*, expected shape \(1, 1\); check"):
        put_weights(torch.nn.Linear(1, 1, bias=False), read_weights(path), path)


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2"])
def test_weights_of_a_type_that_no_run_writes_are_refused(dtype, tmp_path):
    with pytest.raises(ModelError, match="w: the type must be one of bool, int8, "):
        read_weights(tensors(tmp_path / "a.safetensors", w=(dtype, [1], 1)))


def test_layers_are_counted_by_weights_and_not_by_names(tmp_path):
    names = {f"rnn_of_weight_hh_l{k}": ("F32", [0], 0) for k in range(1, 5000)}
    path = tensors(tmp_path / "a.safetensors", rnn_of_weight_hh_l0=("F32", [8, 2], 64), **names)
    assert n_layers(read_weights(path)) == 1


@pytest.mark.parametrize(("hidden_size", "num_layers"), [(50_000, 1), (2, 10**9)])
def test_sizes_that_the_weights_cannot_be_of_are_refused_before_a_network_is_built(hidden_size, num_layers, tmp_path):
    path = tensors(tmp_path / "a.safetensors", rnn_of_weight_hh_l0=("F32", [8, 2], 64))
    with pytest.raises(ModelError, match="16 weights, too few for lstm"):
        check_sizes(read_weights(path), path, model="lstm", hidden_size=hidden_size, num_layers=num_layers)


@pytest.mark.parametrize(
    ("changes", "option"), [({"model": f"{CANARY}:build"}, "--model"), ({"dataset": "x.toml"}, "--dataset")]
)
def test_code_and_files_that_a_record_names_are_not_loaded_unasked(changes, option, tmp_path, monkeypatch, capsys):
    (tmp_path / f"{CANARY}.py").write_text("raise SystemExit('code of an input was run')\n")
    monkeypatch.chdir(tmp_path)
    run = record(0, 1.0, 1.0, 1.0, **({"dataset": "sim_linear", "split": "simulated"} | changes))
    store = stored(tmp_path / "results", [run])
    path = store.weights(run.run_id)
    path.parent.mkdir()
    tensors(path, rnn_of_weight_hh_l0=("F32", [8, 2], 64))
    assert main(["stability", str(path), "--results", str(store.root)]) == 2
    assert f"where you trust it, name it by {option}" in " ".join(capsys.readouterr().err.split())


# Estimates


def estimate(**changes):
    return json.dumps(json.loads(target_estimate.seeds()[0]) | changes)


@pytest.mark.parametrize(
    "text",
    [
        estimate(constant=None),
        estimate(constant=1.0).replace('"constant": 1.0', '"constant": NaN'),
        estimate(curve={"t": [1, 2], "median": [1.0], "low": [1.0], "high": [1.0], "rms": [1.0]}),
        estimate(curve={"t": [], "median": [], "low": [], "high": [], "rms": []}),
        estimate(curve={"t": [-1], "median": [1.0], "low": [1.0], "high": [1.0], "rms": [1.0]}),
        estimate(run_id="../x"),
        estimate(provenance={"git": True}),
        "[" * 10**5,
    ],
)
def test_an_estimate_that_no_figure_can_show_is_refused(text, tmp_path):
    path = tmp_path / "stability" / "x" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(StoreError, match=r"a\.json"):
        read_stability(tmp_path, "x")


def test_a_network_that_leaves_all_numbers_behind_has_a_figure(tmp_path):
    path = tmp_path / "stability" / "x" / "a.json"
    path.parent.mkdir(parents=True)
    one = [1.0]
    curve = {"t": [2**53], "median": one, "low": one, "high": one, "rms": one}
    path.write_text(estimate(curve=curve).replace('"lambda": 0.9', '"lambda": 1.5'))
    (found,) = read_stability(tmp_path, "x")
    (shown_page,) = stability.pages(target_estimate.RUNS, [found])
    assert [line.y for line in shown_page.rows[0][0].lines][-1] == (float("inf"),)


def test_a_bound_over_a_long_window_is_drawn_at_some_of_it(tmp_path):
    runs = study(seq_len=10**9, batch_size=1)
    path = tmp_path / "stability" / "x" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(estimate(run_id=runs[0].run_id, config=runs[0].config.model_dump()))
    (shown_page,) = stability.pages(runs_frame(runs), read_stability(tmp_path, "x"))
    assert all(len(line.x) <= 1000 for panel in shown_page.rows[0] for line in panel.lines)


# Downloads


def test_a_series_that_unfolds_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "RAW_BYTES", 10**5)
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path))
    (tmp_path / "forecasting").mkdir()
    (tmp_path / "forecasting" / "a.txt.gz").write_bytes(gzip.compress(b"0.5,1\n" * 10**5))
    with pytest.raises(DataError, match="more than 100000 bytes unpacked"):
        target_series.RAWS[b"0"].load("paper")


def test_an_encrypted_series_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path))
    (tmp_path / "forecasting").mkdir()
    (tmp_path / "forecasting" / "b.zip").write_bytes(encrypted(target_series.seeds()[1][1:]))
    with pytest.raises(DataError, match="encrypted"):
        target_series.RAWS[b"1"].load("paper")


class Member:
    def __init__(self, filename="a", file_size=1, link=False):
        self.filename, self.file_size, self.link = filename, file_size, link

    def is_symlink(self):
        return self.link


@pytest.mark.parametrize(
    "members",
    [
        [Member("../x")],
        [Member("a/../../x")],
        [Member("/x")],
        [Member("..\\x")],
        [Member("C:\\x")],
        [Member("C:x")],
        [Member("a"), Member("b", link=True)],
        [Member(file_size=limits.ARCHIVE_BYTES + 1)],
        [Member(f"{k}") for k in range(limits.ARCHIVE_MEMBERS + 1)],
    ],
)
def test_an_archive_that_leads_out_or_unfolds_without_end_is_refused(members):
    with pytest.raises(DataError, match="the archive"):
        unpacked.check_members(members)
    unpacked.check_members([Member("a/b.mat"), Member("c..d")])


def test_an_archive_is_checked_where_the_package_unpacks_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../x", "x")
    before = zipfile.ZipFile.extractall
    refused = pytest.raises(DataError, match="would not stay in its folder")
    with unpacked.checked_archives(), zipfile.ZipFile(tmp_path / "a.zip") as archive, refused:
        archive.extractall(tmp_path / "into")
    assert zipfile.ZipFile.extractall is before


DEADLY = bytes.fromhex(
    "4d41544c414220352e30204d41542d66696c6520506c6174666f726d3a20706f7369782c2043726561746564206f6e3a20576564204e6f76"
    "2032352032323a34303a3337203230323600000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000001494d0f00000075000000789ce36300022606063620c5016182012b94cf888441fc94c49244dfd4c4625606160666a8380f10"
    "173130943230543230a41583f5f301710403c25c3634735991cc05010920d660201e80cc6f20603e139af90170dd1feca94553c71dc4"
)
"""A compressed variable cut short, of which scipy 1.17.1 dies by a violation of its memory."""


def test_a_matlab_file_that_kills_its_reader_kills_another_process(tmp_path, monkeypatch):
    path = tmp_path / PROCESS_NOISE_WH.raw.folder / "WienerHammersteinFiles" / "x.mat"
    path.parent.mkdir(parents=True)
    path.write_bytes(DEADLY)
    if not package.kills_its_reader(path, "of its own"):
        with pytest.raises(Exception):  # noqa: B017 - a scipy that is mended may raise what it will
            loadmat(path)
    monkeypatch.setattr(package, "kills_its_reader", lambda *_: True)
    with pytest.raises(DataError, match=r"x\.mat cannot be read: scipy's reader dies of it"):
        package.verify(PROCESS_NOISE_WH.raw, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="memory cannot be limited here")
def test_a_matlab_file_that_claims_all_memory_is_tried_within_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "TRIAL_BYTES", 4 * limits.GIB)
    path = tmp_path / "x.mat"
    rows, columns = 0x02000000, 0x00000300
    path.write_bytes(struct.pack("<5i", 0, rows, columns, 0, 9) + b"dataMeas\0" + b"\0" * 32)
    assert package.kills_its_reader(path, "of its own")


def test_a_matlab_file_that_can_be_read_is_no_killer(tmp_path):
    path = tmp_path / "x.mat"
    for content in (target_mat.seeds()[1], b"not a MATLAB file"):
        path.write_bytes(content)
        assert not package.kills_its_reader(path, content.hex())
