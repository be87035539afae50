"""Does the main job run where no engine answers?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.command import Bench

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
RUN = ("matrix", "--frameworks", "numpy", "--suite", "demo", "--workloads", "gemm-infer-b1,mobilenet_v1-infer-b1")


def test_without_an_engine_the_local_one_is_chosen_said_and_does_the_job(bench: Bench) -> None:
    said = bench(*RUN, "--blocks", "5", env=NOWHERE, timeout=600)
    assert said.code == 0, said.err
    assert "using the local engine" in said.err
    assert "skipped:" in said.err  # the rows that need a distribution's packages or a compiler
    rows = bench("results", "--format", "json").json()["results"]
    assert {row["variant"] for row in rows} == {"numpy-2.4.6-pip-openblas-cpu"}
    assert all(row["valid"] == 5 and row["mapped_blas"].startswith("openblas") for row in rows)
    assert all("no-container" in row["flags"] for row in rows)


def test_what_the_local_engine_cannot_run_is_skipped_with_the_reason(bench: Bench) -> None:
    said = bench(*RUN, "--dry-run", "--engine", "local", "--json", env=NOWHERE)
    skipped = {entry["name"]: entry["reason"] for entry in json.loads(said.out)["skipped"]}
    assert "numpy-1.24.2-distro-mkl-cpu" in skipped
    assert all(skipped.values())
