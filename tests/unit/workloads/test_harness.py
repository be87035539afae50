"""Does `python -m workloads` answer a job, whatever happens? In a real process, on a tiny network."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.nouns.job import Job, Reply
from tests.unit.workloads.networks import ROOT, SEED, tiny_network
from workloads import expected as oracle

if TYPE_CHECKING:
    from pathlib import Path


def answer(folder: Path, **fields: Any) -> Reply:
    """Run one job in a process of its own; the reply as the host validates it."""
    network = tiny_network()
    job = {
        "job_schema": 1,
        "backend": "numpy_blas",
        "network": network,
        "batch": 2,
        "mode": "infer",
        "region": "compute",
        "execution": "default",
        "dtype": "float32",
        "seed": SEED,
        "threads": 1,
        "onednn": "absent",
        "device": "cpu",
        "warmup": 2,
        "min_time_s": 0.02,
        "min_count": 3,
        "max_time_s": 5.0,
        "expected": oracle.expected(network, 2, SEED),
        **fields,
    }
    Job.model_validate(job)
    (folder / "job.json").write_text(json.dumps(job))
    run(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "reply.json"]
    return Reply.model_validate_json((folder / "reply.json").read_text(), strict=True)


def learning_network() -> dict[str, Any]:
    """The tiny one, with an optimizer and something to learn."""
    training = {"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9}
    return {**tiny_network(), "training": {**training, "learns": {"examples": 1280, "accuracy": 0.5}}}


def run(folder: Path) -> None:
    command = [sys.executable, "-m", "workloads", str(folder / "job.json"), str(folder / "reply.json")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)


@pytest.mark.parametrize("backend", ["numpy_blas", "reference"])
@pytest.mark.parametrize("region", ["compute", "end_to_end"])
def test_a_right_answer_has_samples_outputs_and_evidence(tmp_path: Path, backend: str, region: str) -> None:
    reply = answer(tmp_path, backend=backend, region=region)
    assert (reply.status, reply.reason) == ("ok", "")
    assert reply.parameters == tiny_network()["parameters"]
    assert max(reply.errors.values()) < 1e-5
    assert len(reply.outputs["logits"]) == 20
    assert reply.first_s is not None
    assert reply.first_s > 0
    assert len(reply.warmup_s) >= 2
    assert len(reply.samples_s) >= 3
    assert reply.wall_s is not None
    assert reply.wall_s >= reply.loops * sum(reply.samples_s)
    assert reply.loops * min(reply.samples_s) > 5e-4
    assert {"import", "weights", "build", "first", "verify", "time", "evidence"} <= set(reply.phases_s)
    assert reply.evidence is not None
    assert reply.evidence.framework == {"numpy_blas": "numpy", "reference": "reference"}[backend]
    assert any(library.kind == "blas" for library in reply.evidence.libraries)
    assert reply.evidence.threads.busy == 1
    assert reply.evidence.onednn.state == "absent"
    assert set(reply.evidence.affinity) == os.sched_getaffinity(0)


@pytest.mark.parametrize("mode", ["single", "gradient", "train"])
def test_every_mode_computes_what_the_reference_does(tmp_path: Path, mode: str) -> None:
    network = learning_network()
    wanted = oracle.expected(network, 64, SEED, mode)
    backend = "numpy_blas" if mode == "single" else "reference"
    reply = answer(tmp_path, network=network, mode=mode, batch=64, expected=wanted, backend=backend, min_count=2)
    assert (reply.status, reply.reason) == ("ok", "")
    assert set(reply.errors) == set(reply.outputs) == set(wanted)
    assert max(error for name, error in reply.errors.items() if name != "accuracy") < 1e-2
    assert ("accuracy" in reply.outputs) == (mode == "train")
    if mode == "train":
        assert len(reply.outputs["loss"]) == 4
        assert reply.outputs["accuracy"][0] > 0.5
        assert "learn" in reply.phases_s


def test_a_training_that_moves_nothing_is_wrong(tmp_path: Path) -> None:
    network = learning_network()
    wanted = oracle.expected(network, 8, SEED, "train")
    still = {**network, "training": {**network["training"], "learning_rate": 1e-30}}
    reply = answer(tmp_path, network=still, mode="train", batch=8, expected=wanted, backend="reference")
    assert reply.status == "wrong"
    assert "is off by" in reply.reason
    network["training"] = {**network["training"], "learning_rate": 1e30}
    reply = answer(tmp_path, network=network, mode="train", batch=8, expected=wanted, backend="reference")
    assert reply.status == "wrong"


def test_a_wrong_output_stops_before_anything_is_timed(tmp_path: Path) -> None:
    network = tiny_network()
    wanted = oracle.expected(network, 2, SEED)
    network["nodes"] = [node for node in network["nodes"] if node["name"] != "r1"]
    network["nodes"][2]["inputs"] = ["n1"]
    reply = answer(tmp_path, network=network, expected=wanted)
    assert reply.status == "wrong"
    assert "output logits is off by" in reply.reason
    assert reply.errors["logits"] > 1e-3
    assert len(reply.outputs["logits"]) == 20
    assert reply.samples_s == ()
    assert reply.evidence is None


def test_a_wrong_parameter_count_is_wrong(tmp_path: Path) -> None:
    reply = answer(tmp_path, network={**tiny_network(), "parameters": 7})
    assert reply.status == "wrong"
    assert "7 were published" in reply.reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"execution": "jit"}, "mode 'jit'"),
        ({"mode": "train"}, "mode 'train': numpy does not train here"),
        ({"mode": "train", "backend": "reference"}, "mode 'train': tiny declares no optimizer"),
        ({"mode": "gradient"}, "mode 'gradient': numpy computes no gradients here"),
        ({"mode": "peak"}, "mode 'peak' is for matrix products alone"),
        ({"mode": "dream"}, "mode 'dream': this harness has gradient, infer, peak, single, train"),
        ({"dtype": "bfloat16"}, "dtype 'bfloat16': numpy has float32 here"),
        ({"dtype": "int8", "mode": "gradient"}, "dtype 'int8' in mode 'gradient': only inference has it"),
        ({"network": {**tiny_network(), "batched": False}}, "no batch dimension"),
    ],
)
def test_what_the_backend_lacks_is_unsupported_with_the_reason(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    reply = answer(tmp_path, **fields)
    assert reply.status == "unsupported"
    assert reason in reply.reason


def test_an_operator_that_the_backend_lacks_is_unsupported(tmp_path: Path) -> None:
    network = tiny_network()
    network["nodes"][2]["op"] = "Erf"
    reply = answer(tmp_path, network=network)
    assert reply.status == "unsupported"
    assert "operator Erf (r1)" in reply.reason


def test_an_exception_is_an_error_with_its_place(tmp_path: Path) -> None:
    reply = answer(tmp_path, backend="no_such_framework")
    assert reply.status == "error"
    assert "no_such_framework" in reply.reason


def test_a_job_that_is_no_json_gets_an_answer_too(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{")
    run(tmp_path)
    assert Reply.model_validate_json((tmp_path / "reply.json").read_text()).status == "error"


def test_everything_in_the_images_is_python_3_6_without_later_imports() -> None:
    later = {"dataclasses", "tomllib", "distutils", "imp", "graphlib", "zoneinfo"}
    for path in (ROOT / "workloads").rglob("*.py"):
        tree = ast.parse(path.read_text(), str(path), feature_version=(3, 6))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "__future__", path
                assert (node.module or "").split(".")[0] not in later, path
            if isinstance(node, ast.Import):
                assert not later & {alias.name.split(".")[0] for alias in node.names}, path
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"perf_counter_ns", "removeprefix", "removesuffix"}, path
            assert not isinstance(node, ast.NamedExpr), path
