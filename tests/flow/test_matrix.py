"""Does a run come to its end, whatever happens on the way, and say at the end what the store holds?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import BuildError

if TYPE_CHECKING:
    from tests.command import Bench

RUN = ("matrix", "--frameworks", "all", "--suite", "quick", "--engine", "fake")
UNBUILT = """
from orchestrator.cli.app import main
from orchestrator.runner import campaign
campaign.build_missing = lambda *_, **__: {"bench/broken": "no network"}
main()
"""
"""`bench` on a day on which one image cannot be built: the pretended engine builds none."""
NUMPY = ("matrix", "--frameworks", "numpy", "--workloads", "gemm-infer-b1", "--engine", "fake")


def records(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.glob("records/*/[!.]*.json")}


def done(store: Path) -> set[tuple[str, str]]:
    """(key, block) of every record."""
    return {(name.split(".")[0], name.split(".")[1]) for name in records(store)}


def wait_for(store: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(records(store)) < count:
        assert time.monotonic() < deadline, f"{len(records(store))} records after a minute"
        time.sleep(0.02)


def test_the_main_job_from_plan_to_verdict(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "s"
    planned = bench(*RUN, "--dry-run", "--json").json()
    said = bench(*RUN, "--store", store)
    assert said.code == 0, said.err
    assert len(records(store)) == sum(len(block) for block in planned["blocks"])
    rows = bench("results", "--store", store, "--format", "json").json()["results"]
    assert {row["cell"] for row in rows} == set(planned["blocks"][0])
    assert all(row["valid"] == 5 for row in rows), [row for row in rows if row["valid"] != 5]
    compared = bench("compare", "--by", "blas", "--store", store, "--format", "json").json()
    pairs = {(item["candidate"], item["reference"]) for item in compared["comparisons"]}
    assert ("numpy-1.24.2-distro-mkl-cpu", "numpy-1.24.2-distro-openblas-cpu") in pairs
    assert all(item["ratio_low"] <= item["time_ratio"] <= item["ratio_high"] for item in compared["comparisons"])


def test_a_document_is_written_where_an_image_could_not_be_built(bench: Bench, tmp_path: Path) -> None:
    argv = [*NUMPY, "--blocks", "1", "--store", str(tmp_path / "s"), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", UNBUILT, *argv], cwd=tmp_path, env=bench.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == BuildError.exit_code, done.stderr
    assert "bench/broken" in done.stderr
    document = json.loads(done.stdout)
    assert document["failed"] == {"bench/broken": "no network"}
    assert document["ran"] == len(records(tmp_path / "s")) > 0


def test_a_second_run_has_nothing_to_do(bench: Bench, tmp_path: Path) -> None:
    first = bench(*NUMPY, "--store", tmp_path / "s", "--json").json()
    before = records(tmp_path / "s")
    second = bench(*NUMPY, "--store", tmp_path / "s", "--json").json()
    assert (second["ran"], second["already_there"]) == (0, first["ran"])
    assert records(tmp_path / "s") == before


def test_a_run_killed_at_any_time_is_finished_by_the_same_command(bench: Bench, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert bench(*RUN, "--store", whole).code == 0
    kills = 0
    for count in (1, 60, 150):
        process = bench.start(*RUN, "--store", cut)
        wait_for(cut, count)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stderr:
            process.stderr.close()
        kills += 1
        kept = records(cut)
    assert bench(*RUN, "--store", cut).code == 0
    assert done(cut) == done(whole)
    assert all(records(cut)[name] == content for name, content in kept.items()), "a finished record was changed"
    assert len(records(cut)) <= len(records(whole)) + kills
    assert bench("verify", "--store", cut).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_and_keeps_what_it_has(bench: Bench, tmp_path: Path, number: int, code: int) -> None:
    process = bench.start(*RUN, "--store", tmp_path / "s")
    wait_for(tmp_path / "s", 5)
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert process.returncode == code
    assert "the same command resumes" in message
    assert bench("verify", "--store", tmp_path / "s").code == 0
    assert bench(*RUN, "--store", tmp_path / "s").code == 0


def test_a_block_more_runs_only_that_block(bench: Bench, tmp_path: Path) -> None:
    first: Any = bench(*NUMPY, "--store", tmp_path / "s", "--blocks", "5", "--json").json()
    more: Any = bench(*NUMPY, "--store", tmp_path / "s", "--blocks", "6", "--json").json()
    assert more["already_there"] == first["ran"]
    assert more["ran"] * 5 == first["ran"]


def test_results_can_be_had_in_every_format(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert bench(*NUMPY, "--store", store).code == 0
    for command in (("results",), ("compare", "--by", "blas")):
        for form in ("table", "csv", "json", "markdown"):
            said = bench(*command, "--store", store, "--format", form)
            assert said.code == 0, said.err
            assert "numpy-1.24.2-distro-mkl" in said.out.replace("\n", "")
        said = bench(*command, "--store", store, "--format", "parquet", "-o", tmp_path / "answer.parquet")
        assert said.code == 0
        import pandas as pd

        assert len(pd.read_parquet(tmp_path / "answer.parquet")) > 0


def test_a_store_opens_as_a_pandas_frame_from_any_folder(bench: Bench, tmp_path: Path) -> None:
    assert bench(*NUMPY, "--store", tmp_path / "s").code == 0
    from orchestrator.store.frame import inspect_frame, load_frame
    from orchestrator.store.opening import open_store

    frame, problems = load_frame(open_store(tmp_path / "s"))
    assert not problems
    assert not inspect_frame(frame)
    assert set(frame["framework"]) == {"numpy"}
    assert len(frame) == len(records(tmp_path / "s"))


def test_the_store_is_found_by_the_documented_rules(bench: Bench, tmp_path: Path) -> None:
    assert bench(*NUMPY).code == 0
    assert (tmp_path / "data" / "bench" / "store" / "records").is_dir()
    (tmp_path / "bench.toml").write_text('store = "here"\n')
    assert bench(*NUMPY).code == 0
    assert (tmp_path / "here" / "records").is_dir()
    assert bench(*NUMPY, env={"BENCH_STORE": str(tmp_path / "there")}).code == 0
    assert (tmp_path / "there" / "records").is_dir()
    assert bench(*NUMPY, "--store", tmp_path / "named", env={"BENCH_STORE": str(tmp_path / "other")}).code == 0
    assert (tmp_path / "named" / "records").is_dir()
    assert not (tmp_path / "other").exists()
