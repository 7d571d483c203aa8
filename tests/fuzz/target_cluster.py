"""Descriptions of clusters in YAML: reading one imports no class that it names."""

from __future__ import annotations

from pathlib import Path

import yaml

from sysid_tbptt.runs.connection import _read
from tests.fuzz.mutations import yaml_lines as mutate
from tests.fuzz.sandbox import CANARY

__all__ = ["MENDED", "fuzz", "mutate", "seeds"]

MENDED = {
    "lists within lists: RecursionError": "reading",
    "a date that is none: ValueError": "reading",
    "a value that is not of the type that its tag claims: ValueError": "reading",
    "a tag of nothing, or of no truth value or time: IndexError, KeyError, AttributeError": "reading",
    "a number in sixties beyond float64: OverflowError; one of 5000 digits: ValueError": "reading",
    "lists that name each other: a message of millions of letters": "reading",
}
"""Holes that were found here, by fuzzing or by reading the code; see `test_findings`."""

CLUSTERS = Path(__file__).parents[2] / "benchmarks" / "clusters"

ADAPTING = """cluster: dask_jobqueue.SLURMCluster
options: {cores: 1, processes: 1, memory: 2GB, walltime: "04:00:00"}
adapt:
  minimum_jobs: 0
  maximum_jobs: 40
"""


def seeds() -> list[bytes]:
    named = f"cluster: {CANARY}.Cluster\noptions: {{a: 1}}\njobs: 2\n"
    return [named.encode(), ADAPTING.encode(), (CLUSTERS / "slurm.yaml").read_bytes()]


def fuzz(data: bytes, folder: Path) -> None:
    path = folder / "cluster.yaml"
    path.write_bytes(data)
    found = _read(path)
    said = yaml.safe_load(data)
    assert found.cluster == said["cluster"]
    assert "." in found.cluster
    assert found.options.keys() == said.get("options", {}).keys()
    assert found.jobs is None or found.jobs >= 1
