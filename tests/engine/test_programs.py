"""Does each C++ program answer a job, from the job to the proof, in the image that it was compiled in?"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.analysis.claims import COMPILED_IN, HANDOVER
from orchestrator.builder.build import build_images
from orchestrator.catalog.rows import read_variants
from orchestrator.host.site import read_config
from orchestrator.nouns.job import Reply
from orchestrator.render.image import render_image
from tests.engine.conftest import give_up
from tests.unit.workloads.networks import (
    ROOT,
    SEED,
    branching_network,
    cell_network,
    lrn_network,
    tiny_network,
)
from workloads import expected as oracle

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.engines.docker import DockerEngine
    from orchestrator.nouns.variant import Variant

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

ROWS = [row for row in read_variants().variants if row.program]


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.id)
def row(request: pytest.FixtureRequest, engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """A row whose image is on this engine, or is built now: on the layers of the row beside it, some minutes."""
    variant: Variant = request.param
    logs = tmp_path_factory.mktemp("builds")
    (built,) = build_images([render_image(variant)], read_config().site, on_event=lambda _: None, logs=logs)
    if not built.ok:
        give_up(f"{variant.id} cannot be built: {built.reason}")
    return variant


def answer(row: Variant, folder: Path, network: dict[str, Any], **fields: Any) -> Reply:
    """The reply of one trial; nobody is there to send a byte, so it waits for none."""
    job = {
        "backend": row.backend,
        "network": network,
        "batch": 2,
        "mode": "infer",
        "region": "end_to_end",
        "execution": row.modes[0],
        "dtype": "float32",
        "seed": SEED,
        "threads": 1,
        "onednn": row.onednn,
        "device": "cpu",
        "warmup": 1,
        "min_time_s": 0.02,
        "min_count": 3,
        "max_time_s": 5.0,
    }
    job.update(fields)
    if "expected" not in job:
        job["expected"] = oracle.expected(network, job["batch"], job["seed"], job["mode"])
    folder.chmod(0o777)
    (folder / "job.json").write_text(json.dumps(job))
    command = ["docker", "run", "--rm", "--init", "--network", "none", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
    command += ["--volume", f"{ROOT / 'workloads'}:/w/workloads:ro", "--volume", f"{folder}:/io", "--workdir", "/io"]
    for name, value in {"PYTHONPATH": "/w", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **row.env}.items():
        command += ["--env", f"{name}={value}"]
    command += [render_image(row).name, "python3", "-m", "workloads", "job.json", "reply.json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return Reply.model_validate_json((folder / "reply.json").read_text(), strict=True)


@pytest.mark.parametrize("mode", ["infer", "single"])
@pytest.mark.parametrize("network", [tiny_network, branching_network, lrn_network], ids=lambda make: make.__name__)
def test_it_computes_what_the_reference_does(row: Variant, tmp_path: Path, network: Any, mode: str) -> None:
    reply = answer(row, tmp_path, network(), mode=mode)
    assert (reply.status, reply.reason) == ("ok", "")
    assert reply.parameters == network()["parameters"]
    assert max(reply.errors.values()) < 1e-4
    assert len(reply.samples_s) >= 3
    assert reply.first_s is not None
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_recurrent_layer_runs_where_the_framework_reads_the_graph(row: Variant, tmp_path: Path) -> None:
    """PyTorch's program writes the network itself, and has no such layer."""
    reply = answer(row, tmp_path, cell_network())
    if row.framework == "pytorch":
        assert (reply.status, "LSTM" in reply.reason) == ("unsupported", True)
        return
    assert (reply.status, reply.reason) == ("ok", "")
    assert max(reply.errors.values()) < 1e-4


def test_what_it_proves_is_of_the_process_that_computed(row: Variant, tmp_path: Path) -> None:
    evidence = answer(row, tmp_path, tiny_network(), min_time_s=1.0).evidence
    assert evidence is not None
    assert evidence.python.startswith("none: C++")
    assert evidence.numpy == "none"
    assert evidence.framework_version.startswith(row.version)
    assert [each.name for each in evidence.libraries if each.kind == "blas"] == [row.blas]
    assert (row.blas in COMPILED_IN) or any(each.linked == "static" for each in evidence.libraries)
    assert not any("python" in each.path and each.owner == "numpy" for each in evidence.libraries)
    assert evidence.onednn.state == row.onednn
    assert evidence.arithmetic["denormals"] == "kept"
    assert (evidence.device, evidence.precision) == ("cpu", "float32")
    assert 1 <= evidence.threads.busy <= 1 + HANDOVER


def test_another_answer_than_the_reference_is_wrong(row: Variant, tmp_path: Path) -> None:
    other = oracle.expected(tiny_network(), 2, SEED + 1)
    reply = answer(row, tmp_path, tiny_network(), expected=other)
    assert reply.status == "wrong"
    assert "off by" in reply.reason
    assert reply.samples_s == ()


def test_another_graph_is_wrong(row: Variant, tmp_path: Path) -> None:
    network = tiny_network()
    relu = next(node for node in network["nodes"] if node["op"] == "Relu")
    pool = next(node for node in network["nodes"] if node["inputs"] == [relu["name"]])
    pool["inputs"] = relu["inputs"]
    network["nodes"].remove(relu)
    assert answer(row, tmp_path, network, expected=oracle.expected(tiny_network(), 2, SEED)).status == "wrong"


def test_an_operator_that_it_lacks_is_unsupported(row: Variant, tmp_path: Path) -> None:
    network = tiny_network()
    relu = next(node for node in network["nodes"] if node["op"] == "Relu")
    relu["op"] = "ThresholdedRelu"
    reply = answer(row, tmp_path, network, expected=oracle.expected(tiny_network(), 2, SEED))
    assert reply.status == "unsupported"
    assert "ThresholdedRelu" in reply.reason


def test_no_compiler_is_in_the_image(row: Variant) -> None:
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        render_image(row).name,
        "sh",
        "-c",
        "command -v cc c++ g++ gcc ld",
    ]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout == ""
