"""Do frameworks in real containers run LSTM and GRU as ONNX defines them, with lengths, and find their gradients?"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator import paths
from tests.command import Bench
from tests.engine.test_main_job import measure, read_rows, undisturbed
from tests.unit.workloads.networks import Dict, cell_network, recurrent_network, sentences_network

if TYPE_CHECKING:
    from orchestrator.engines.docker import DockerEngine

pytestmark = pytest.mark.engine

OPENVINO = "openvino-2026.4.1-pip-onednn-cpu"
FRAMEWORKS = [
    "caffe2-1.9.0-pip-mkl-cpu",
    "cntk-2.7.post2-pip-mkl-cpu",
    "jax-0.10.2-pip-xla-cpu",
    "keras-3.15.1-pip-eigen-tensorflow-cpu",
    "keras-3.15.1-pip-mkl-pytorch-cpu",
    "litert-2.3.0-pip-eigen-no-delegate-cpu",
    "litert-2.3.0-pip-xnnpack-cpu",
    "nnabla-1.39.0-pip-eigen-cpu",
    "numpy-2.4.6-pip-openblas-cpu",
    "onnxruntime-1.31.1-pip-mlas-cpu",
    "opencv-5.0.0.93-pip-mlas-cpu",
    OPENVINO,
    "pytensor-3.0.7-pip-openblas-cpu",
    "pytorch-1.0.0-pip-mkl-cpu",
    "pytorch-2.13.0-pip-mkl-cpu",
    "tensorflow-2.21.0-pip-eigen-cpu",
]
DIFFERENTIATE = [
    name
    for name in FRAMEWORKS
    if name.startswith(("caffe2", "cntk", "jax", "nnabla", "pytensor", "pytorch", "tensorflow"))
]
NONE = "opencv-4.14.0.94-pip-native-caffe-prototxt-cpu"
"""A reader whose backend writes no LSTM: it says so."""


def networks() -> dict[str, Dict]:
    """Both forms of reset, sentences of different lengths and padded ones, and a state that is given."""
    found = {"recurrent": recurrent_network(), "padded": recurrent_network(lengths=False), "cell": cell_network()}
    return {name: {**network, "name": name} for name, network in found.items()}


LSTM_ALONE = "caffe-1.0.0.20210829-pip-openblas-cpu"
"""A framework that has no GRU."""


@pytest.fixture
def bench(engine: DockerEngine, tmp_path: Path) -> Bench:
    """The command line over workloads that have these networks too."""
    assert engine.check()
    folder = tmp_path / "own" / "workloads"
    shutil.copytree(paths.workloads_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, network in {**networks(), "sentences": sentences_network()}.items():
        (folder / "networks" / f"{name}.json").write_text(json.dumps(network))
    made = Bench(tmp_path)
    made.env |= {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}
    made.env["BENCH_WORKLOADS"] = str(folder)
    return made


@pytest.mark.timeout(2400)
def test_recurrent_networks_are_the_reference_s_in_every_framework_that_has_them(bench: Bench) -> None:
    asked = [f"{name}-infer-b3" for name in networks()]
    measure(
        bench,
        *("--variants", ",".join([*FRAMEWORKS, NONE]), "--suite", "demo"),
        *("--workloads", ",".join(asked), "--blocks", "1"),
    )
    for workload in asked:
        rows = read_rows(bench, workload=workload)
        assert "unsupported" in rows.pop(NONE)["verdict"]
        assert set(rows) == set(FRAMEWORKS)
        if workload.startswith("recurrent"):  # with lengths all of it runs inside a loop, where nothing shows oneDNN
            assert "claim:blas" in rows.pop(OPENVINO)["verdict"]
        found = undisturbed(rows)
        assert found == dict.fromkeys(found, (1, "")) and len(found) > len(FRAMEWORKS) // 2


@pytest.mark.timeout(2400)
def test_gradients_through_time_are_the_reference_s(bench: Bench) -> None:
    rows = measure(
        bench,
        *("--variants", ",".join(DIFFERENTIATE), "--suite", "demo"),
        *("--workloads", "recurrent-gradient-b3", "--blocks", "1"),
    )
    assert set(rows) == set(DIFFERENTIATE)
    found = undisturbed(rows)
    assert found == dict.fromkeys(found, (1, "")) and len(found) > len(DIFFERENTIATE) // 2


@pytest.mark.timeout(2400)
def test_a_framework_without_a_gru_computes_an_lstm_and_its_gradient(bench: Bench) -> None:
    asked = ["sentences-infer-b3", "sentences-gradient-b3", "padded-infer-b3"]
    measure(
        bench,
        *("--variants", LSTM_ALONE, "--suite", "demo"),
        *("--workloads", ",".join(asked), "--blocks", "1"),
    )
    verdicts = {workload: read_rows(bench, workload=workload)[LSTM_ALONE] for workload in asked}
    assert "unsupported" in verdicts.pop("padded-infer-b3")["verdict"]
    found = undisturbed(verdicts)
    assert found == dict.fromkeys(found, (1, "")) and found
