"""Does the tool do its main job on real frameworks in real containers, and does it see through a label that lies?"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import paths
from orchestrator.catalog.rows import read_variants
from tests.command import Bench
from tests.unit.workloads.networks import (
    branching_network,
    lrn_network,
    pieces_network,
    tiny_bert,
    tiny_gpt,
    tiny_network,
)

if TYPE_CHECKING:
    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

PIP = [
    "numpy-2.4.6-pip-openblas-cpu",
    "pytorch-2.13.0-pip-mkl-cpu",
    "pytorch-2.13.0-pip-mkl-onednn-off-cpu",
    "tensorflow-2.21.0-pip-eigen-cpu",
    "tensorflow-2.21.0-pip-eigen-onednn-off-cpu",
    "onnxruntime-1.31.1-pip-mlas-cpu",
    "jax-0.10.2-pip-xla-cpu",
    "openvino-2026.4.1-pip-onednn-cpu",
]
OTHERS = [
    "caffe-1.0.0.20210829-pip-openblas-cpu",
    "chainer-3.5.0-pip-openblas-cpu",
    "mnn-3.6.1-pip-native-cpu",
    "mxnet-1.9.1-pip-openblas-cpu",
    "ncnn-1.0.20261020-pip-native-cpu",
    "nnabla-1.39.0-pip-eigen-cpu",
    "opencv-4.14.0.94-pip-native-cpu",
    "tensorflow-1.3.0-pip-eigen-cpu",
]
"""Of every kind of image that is new: Python 3.6 to 3.10, wheels made of source, Debian's packages beside wheels."""
NUMPY = [f"numpy-1.24.2-distro-{blas}-cpu" for blas in ("reference", "atlas", "openblas", "blis", "mkl")]
TORCH = ["pytorch-1.13.1-distro-mkl-onednn-off-cpu"]


TINY = (tiny_network(), branching_network(), lrn_network())
ATTENTIVE = (tiny_bert(), pieces_network(), tiny_gpt(past=0), tiny_gpt(past=7))
ATTENDING = [
    *("numpy-2.4.6-pip-openblas-cpu", "pytorch-1.0.0-pip-mkl-cpu", "pytorch-2.13.0-pip-mkl-cpu"),
    *("tensorflow-1.3.0-pip-eigen-cpu", "tensorflow-1.15.0-pip-eigen-cpu", "tensorflow-2.21.0-pip-eigen-cpu"),
    *("jax-0.10.2-pip-xla-cpu", "mnn-3.6.1-pip-native-cpu", "ncnn-1.0.20261020-pip-native-cpu"),
    *("onnxruntime-1.20.1-pip-mlas-cpu", "onnxruntime-1.31.1-pip-mlas-cpu", "opencv-4.14.0.94-pip-native-cpu"),
    *("litert-2.3.0-pip-xnnpack-cpu", "litert-2.3.0-pip-eigen-no-delegate-cpu", "nnabla-1.39.0-pip-eigen-cpu"),
    *("mxnet-1.9.1-pip-openblas-cpu", "paddle-3.3.1-pip-mkl-cpu", "paddle-3.3.1-pip-mkl-onednn-off-cpu"),
    *("caffe2-1.9.0-pip-mkl-cpu", "chainer-7.8.1-pip-openblas-cpu", "keras-2.2.4-pip-eigen-tensorflow-cpu"),
    "theano-1.0.5-pip-openblas-cpu",
]
"""What computes transformers: with an attention of its own, and by products; opsets that have the operator or not.
OpenVINO ends in a segmentation fault where a layer of so few rows is compiled, and does not with the real networks."""
WITHOUT_ERF = "cntk-2.7.post2-pip-mkl-cpu"
"""It computes GPT's Gelu, by tanh, and says that it lacks BERT's."""


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Bench:
    """The command line, with an engine that answers."""
    assert engine.check()
    made = Bench(tmp_path)
    made.env |= {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
    return made


@pytest.fixture
def workloads(tmp_path: Path) -> Path:
    """The workloads, with networks of every operator that take no time."""
    folder = tmp_path / "own" / "workloads"
    shutil.copytree(paths.workloads_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for network in (*TINY, *ATTENTIVE):
        (folder / "networks" / f"{network['name']}.json").write_text(json.dumps(network))
    return folder


def measure(bench: Bench, *arguments: object, env: dict[str, str] | None = None) -> dict[str, Any]:
    """Variant -> row of the results, after a run."""
    store = bench.folder / "s"
    said = bench("matrix", "--engine", "docker", "--store", store, *arguments, timeout=2000, env=env)
    assert said.code == 0, said.err
    return read_rows(bench, env)


def read_rows(bench: Bench, env: dict[str, str] | None = None, workload: str = "") -> dict[str, Any]:
    """Variant -> row of the results, of one workload where there are several."""
    rows = bench("results", "--store", bench.folder / "s", "--format", "json", env=env).json()["results"]
    return {row["variant"]: row for row in rows if workload in ("", row["workload"])}


@pytest.mark.timeout(2400)  # on a new machine it builds fourteen images
def test_every_framework_agrees_with_the_reference_and_keeps_its_label(bench: Bench, workloads: Path) -> None:
    env = {"BENCH_WORKLOADS": str(workloads)}
    asked = ("tiny-infer-b1", "branching-infer-b1", "lrn-infer-b1")
    measure(
        bench,
        *("--variants", ",".join([*PIP, *NUMPY, *TORCH]), "--suite", "demo"),
        *("--workloads", ",".join(asked), "--blocks", "1"),
        env=env,
    )
    for workload in asked:
        rows = read_rows(bench, env, workload)
        assert set(rows) == {*PIP, *NUMPY, *TORCH}
        found = undisturbed(rows)
        assert found == dict.fromkeys(found, (1, "")) and len(found) > len(rows) // 2
    seen = {name: row["mapped_blas"].split()[0].strip(",") for name, row in rows.items() if name in {*NUMPY, *TORCH}}
    assert seen == {name: name.split("-")[3] for name in [*NUMPY, *TORCH]}


@pytest.mark.timeout(2400)
def test_transformers_are_those_of_the_reference(bench: Bench, workloads: Path) -> None:
    env = {"BENCH_WORKLOADS": str(workloads)}
    asked = [f"{network['name']}-infer-b1" for network in ATTENTIVE]
    measure(
        bench,
        *("--variants", ",".join([*ATTENDING, WITHOUT_ERF]), "--suite", "demo"),
        *("--workloads", ",".join(asked), "--blocks", "1"),
        env=env,
    )
    for workload in asked:
        rows = read_rows(bench, env, workload)
        assert set(rows) == {*ATTENDING, WITHOUT_ERF}
        if workload.startswith("tiny_bert"):
            assert "unsupported" in rows.pop(WITHOUT_ERF)["verdict"]
        found = undisturbed(rows)
        assert found == dict.fromkeys(found, (1, "")) and len(found) > len(rows) // 2


@pytest.mark.timeout(2400)
def test_gradients_of_a_transformer_are_those_of_the_reference(bench: Bench, workloads: Path) -> None:
    variants = [name for name in GRADIENT if name in ATTENDING]
    rows = measure(
        bench,
        *("--variants", ",".join(variants), "--suite", "demo", "--workloads", "tiny_bert-gradient-b2", "--blocks", "1"),
        env={"BENCH_WORKLOADS": str(workloads)},
    )
    assert set(rows) == set(variants) and len(rows) == 6
    found = undisturbed(rows)
    assert found == dict.fromkeys(found, (1, "")) and len(found) > len(rows) // 2


@pytest.mark.timeout(2400)  # on a new machine it builds eight images
def test_old_and_small_frameworks_compute_mobilenet_as_the_reference_does(bench: Bench) -> None:
    """Old interpreters run the harness; what each row claims of its BLAS is proved or the row would be invalid."""
    rows = measure(
        bench,
        *("--variants", ",".join(OTHERS), "--suite", "demo"),
        *("--workloads", "mobilenet_v1-infer-b1", "--blocks", "1"),
    )
    assert set(rows) == set(OTHERS)
    found = undisturbed(rows)
    assert found == dict.fromkeys(found, (1, "")) and len(found) > len(OTHERS) // 2


GRADIENT = [
    "chainer-3.5.0-pip-openblas-cpu",
    "jax-0.10.2-pip-xla-cpu",
    "mxnet-1.9.1-pip-openblas-cpu",
    "nnabla-1.39.0-pip-eigen-cpu",
    "pytorch-2.13.0-pip-mkl-cpu",
    "tensorflow-1.3.0-pip-eigen-cpu",
    "tensorflow-2.21.0-pip-eigen-cpu",
]


@pytest.mark.timeout(2400)
def test_gradients_of_every_weight_are_those_of_the_reference(bench: Bench) -> None:
    """And a framework that has none here says so."""
    none = "onnxruntime-1.31.1-pip-mlas-cpu"
    rows = measure(
        bench,
        *("--variants", ",".join([*GRADIENT, none]), "--suite", "demo"),
        *("--workloads", "lenet-gradient-b4", "--blocks", "1"),
    )
    assert "unsupported" in rows.pop(none)["verdict"]
    found = undisturbed(rows)
    assert found == dict.fromkeys(found, (1, "")) and len(found) > len(GRADIENT) // 2


MODES = [
    "chainer-7.8.1-pip-openblas-cpu",
    "jax-0.10.2-pip-xla-cpu",
    "keras-2.2.4-pip-eigen-tensorflow-cpu",
    "keras-3.15.1-pip-eigen-tensorflow-cpu",
    "litert-2.3.0-pip-xnnpack-cpu",
    "mxnet-1.9.1-pip-openblas-cpu",
    "ncnn-1.0.20261020-pip-native-cpu",
    "onnxruntime-1.31.1-pip-mlas-cpu",
    "openvino-2026.4.1-pip-onednn-cpu",
    "paddle-3.3.1-pip-mkl-onednn-off-cpu",
    "pytorch-2.13.0-pip-mkl-compile-cpu",
    "pytorch-2.13.0-pip-mkl-cpu",
    "tensorflow-1.15.0-pip-eigen-cpu",
    "tensorflow-2.21.0-pip-eigen-cpu",
    "tensorflow-2.21.0-pip-xla-cpu",
]


@pytest.mark.timeout(3600)
def test_every_execution_mode_is_what_the_framework_says_of_itself(bench: Bench) -> None:
    """A cell per mode; one whose mode was not read back would be invalid, or flagged."""
    measure(
        bench,
        *("--variants", ",".join(MODES), "--modes", "*", "--suite", "demo"),
        *("--workloads", "cifar_cnn-infer-b1", "--blocks", "1"),
    )
    rows = bench("results", "--store", bench.folder / "s", "--format", "json").json()["results"]
    cells = {f"{row['variant']}:{row['mode']}": row for row in rows}
    wanted = {f"{row.id}:{mode}" for row in read_variants().variants if row.id in MODES for mode in row.modes}
    assert set(cells) == wanted
    assert not [name for name, row in cells.items() if "unproved:mode" in row["flags"]]
    found = undisturbed(cells)
    assert found == dict.fromkeys(found, (1, "")) and len(found) > len(cells) // 2


TRAINING = ["keras-3.15.1-pip-xla-jax-cpu", "tensorflow-1.15.0-pip-eigen-cpu", "tensorflow-2.21.0-pip-eigen-cpu"]


@pytest.mark.timeout(2400)
def test_first_updates_are_those_of_the_reference_and_lenet_learns(bench: Bench) -> None:
    """In each framework's own optimizer; and one that does not train here says so."""
    none = "onnxruntime-1.31.1-pip-mlas-cpu"
    rows = measure(
        bench,
        *("--variants", ",".join([*TRAINING, none]), "--suite", "demo"),
        *("--workloads", "lenet-train-b64", "--blocks", "1"),
    )
    assert "unsupported" in rows.pop(none)["verdict"]
    found = undisturbed(rows)
    assert found == dict.fromkeys(found, (1, "")) and len(found) > len(TRAINING) // 2


def undisturbed(rows: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Variant -> (valid trials, reasons); without those that the hypervisor disturbed, whose outputs were compared.

    Every one of them ran as closed as was asked for, by the engine's word and from inside, and shows it.
    """
    assert not [name for name, row in rows.items() if "isolation" in f"{row['flags']} {row['reasons']}"]
    found = {name: (row["valid"], row["reasons"]) for name, row in rows.items()}
    return {name: each for name, each in found.items() if not each[1].startswith("invalid(steal)")}


def test_a_row_that_says_mkl_and_installs_openblas_is_invalid(bench: Bench, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(paths.images_dir(), images)
    (images / "variants" / "numpy.toml").write_text(LIE)
    rows = measure(
        bench,
        *("--frameworks", "numpy", "--suite", "demo", "--workloads", "gemm-infer-b1"),
        env={"BENCH_IMAGES": str(images)},
    )
    lie, honest = rows["numpy-2.4.6-pip-mkl-cpu"], rows[PIP[0]]
    assert (lie["valid"], honest["valid"]) == (0, 5)
    assert "claim:blas" in json.dumps(lie)
    assert "label says mkl, mapped: openblas" in json.dumps(lie)
    compared = bench("compare", "--by", "blas", "--store", tmp_path / "s", "--format", "json").json()["comparisons"]
    assert [item["verdict"] for item in compared] == ["invalid"]


# The catalogue refuses a row whose Debian packages are another provider than its label says; what a wheel carries
# inside it cannot know, and only the run tells.
ROW = """
[[variant]]
framework = "numpy"
backend = "numpy_blas"
python = "3.11"
version = "2.4.6"
install = "pip"
blas = "{blas}"
base = "python:3.11-slim-bookworm"
pip = ["numpy==2.4.6", "threadpoolctl==3.8.0"]
"""
LIE = ROW.format(blas="openblas") + ROW.format(blas="mkl")


def test_a_backend_that_leaves_out_one_relu_is_wrong(bench: Bench, workloads: Path) -> None:
    path = workloads / "backends" / "numpy_blas.py"
    path.write_text(path.read_text() + WITHOUT_ONE_RELU)
    rows = measure(
        bench,
        *("--variants", PIP[0], "--suite", "demo", "--workloads", "mobilenet_v1-infer-b1", "--blocks", "1"),
        env={"BENCH_WORKLOADS": str(workloads)},
    )
    row = rows[PIP[0]]
    assert row["valid"] == 0
    assert row["mean_s"] is None
    assert "wrong" in json.dumps(row)


WITHOUT_ONE_RELU = '''

_relu = Backend.Relu


def Relu(self, node, weights):
    """Every one but the seventh."""
    self.seen = getattr(self, "seen", 0) + 1
    return (lambda tensor: tensor) if self.seen == 7 else _relu(self, node, weights)


Backend.Relu = Relu
'''


def test_two_runs_at_once_never_overlap_on_a_core(bench: Bench, engine: DockerEngine) -> None:
    """Both want the same core: one of them waits, trial by trial, and both come to their end."""
    command = ("matrix", "--engine", "docker", "--variants", PIP[0], "--suite", "demo", "--workloads", "gemm-infer-b1")
    first = bench.start(*command, "--blocks", "3", "--store", bench.folder / "one")
    second = bench.start(*command, "--blocks", "3", "--store", bench.folder / "two")
    most, seen = 0, set()
    while first.poll() is None or second.poll() is None:
        running = engine.client.containers(filters={"label": "bench=1", "status": "running"})
        busy = [each for each in running if each["Labels"]["bench.trial"].startswith("gemm-infer-b1@")]
        seen |= {each["Labels"]["bench.run"] for each in busy}
        most = max(most, len(busy))
        time.sleep(0.03)
    assert [process.communicate()[1] and process.returncode for process in (first, second)] == [0, 0]
    assert most == 1
    assert len(seen) == 2, "containers of both were seen, one at a time"
    for name in ("one", "two"):
        answer = bench("results", "--store", bench.folder / name, "--format", "json").json()["results"]
        assert [(row["blocks"], row["valid"]) for row in answer] == [(3, 3)]
        assert "neighbours" not in answer[0]["flags"]


def test_a_killed_run_leaves_nothing_running_and_is_finished_by_the_same_command(
    bench: Bench, engine: DockerEngine
) -> None:
    store = bench.folder / "s"
    command = (
        *("matrix", "--engine", "docker", "--variants", PIP[0], "--suite", "demo"),
        *("--workloads", "gemm-infer-b1", "--blocks", "6", "--store", store),
    )
    process = bench.start(*command)
    deadline = time.monotonic() + 900
    while len(list(store.glob("records/*/[!.]*.json"))) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path.name: path.read_bytes() for path in store.glob("records/*/[!.]*.json")}
    said = bench(*command)
    assert said.code == 0, said.err
    after = {path.name: path.read_bytes() for path in store.glob("records/*/[!.]*.json")}
    assert len(after) == 6
    assert all(after[name] == content for name, content in kept.items())
    assert bench("reap").code == 0
    assert not engine.client.containers(all=True, filters={"label": "bench=1", "status": "running"})
