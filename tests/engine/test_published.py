"""Are published mistakes made again in real frameworks, and found in what those computed?"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import paths
from tests.command import Bench
from tests.unit.published.makers import SMALL, small

if TYPE_CHECKING:
    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

METHOD = 'name = "default"\ntitle = "short"\nworkloads = ["vgg16-infer-b1"]\n[method]\nmin_time_s = 0.05\nblocks = 1\n'


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Bench:
    """The command line, with an engine that answers, small networks, and no time to lose."""
    assert engine.check()
    folder = tmp_path / "own" / "workloads"
    shutil.copytree(paths.workloads_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SMALL:  # a step has to last a millisecond, or steps are timed together and there is no first of 20
        (folder / "networks" / f"{name}.json").write_text(json.dumps(small(name, 4).model_dump(mode="json")))
    (folder / "suites" / "default.toml").write_text(METHOD)
    made = Bench(tmp_path)
    made.env |= {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
    made.env["BENCH_WORKLOADS"] = str(folder)
    return made


def make_again(bench: Bench, variant: str) -> dict[tuple[str, str], Any]:
    """(re-creation, right workload) -> its line."""
    command = ("published", "--as-published", "--engine", "docker", "--variant", variant, "--format", "json")
    said = bench(*command, "--store", bench.folder / "s", timeout=2000)
    assert said.code == 0, said.err
    return {(row["recreated"], row["right"]): row for row in said.json()["mistakes"]}


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("variant", ["numpy-2.4.6-pip-openblas-cpu", "pytorch-2.13.0-pip-mkl-cpu"])
def test_every_mistake_is_made_again_and_found_in_what_the_framework_computed(bench: Bench, variant: str) -> None:
    rows = make_again(bench, variant)
    assert {name: row["problem"] for name, row in rows.items()} == dict.fromkeys(rows, "")
    # Whether so short a trial is valid is up to the machine (steal, other load); whether it could be run is not.
    listed = bench("results", "--store", bench.folder / "s", "--format", "json").json()["results"]
    assert {(row["workload"], row["failed"]) for row in listed} == {(row["workload"], "") for row in listed}
    assert {row["workload"] for row in listed} == {
        work for row in rows.values() for work in (row["right"], row["mistaken"])
    }
    found = {name: row["found"] for (name, _), row in rows.items()}
    assert all(words.startswith("yes, ") for name, words in found.items() if name != "first-calls"), found
    assert "parameters" in found["mobilenet_v1.conv_bias"]
    assert "output logits: error" in found["mobilenet_v1.batch_statistics"]
    assert ("autograd" in found) == variant.startswith("pytorch")
    assert found.get("autograd", "yes, invalid(claim:gradients)").startswith("yes, invalid(claim:gradients)")


@pytest.mark.timeout(2400)
def test_a_framework_without_the_operator_says_so(bench: Bench) -> None:
    rows = make_again(bench, "onnxruntime-1.31.1-pip-mlas-cpu")
    problem = rows["mobilenet_v1.batch_statistics", "mobilenet_v1-infer-b1"]["problem"]
    assert problem.startswith("not re-created: ")
    assert "training_mode" in problem
    assert rows["vgg16.no_fc_relu", "vgg16-infer-b1"]["problem"] == ""
