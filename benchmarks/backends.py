"""Is a backend slower than a script that a user would write by hand? `make perf-backends` prints it.

Both run in the same image, pinned to the same CPU, with the same clock, in turn: one process of each is a pair, and
which of them goes first alternates. The table of docs/backends.md is printed last. `python -m benchmarks.backends
--help` says what can be chosen.
"""

from __future__ import annotations

import argparse
import json
import statistics
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.timing import ratio
from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.work import parse_workload, read_networks
from orchestrator.engines.docker import DockerEngine
from orchestrator.errors import BenchError
from orchestrator.host.locks import find_lock_folder, hold_cores
from orchestrator.host.topology import choose_cpus, read_topology
from orchestrator.nouns.plan import Cell, Trial
from orchestrator.nouns.workload import Method
from orchestrator.render.image import render_image
from orchestrator.runner.code import read_code
from orchestrator.runner.job import make_job
from orchestrator.runner.launch import JOB_FILE, make_launch
from orchestrator.runner.provenance import make_run_id
from orchestrator.runner.reply import REPLY_FILE

if TYPE_CHECKING:
    from orchestrator.host.topology import Core
    from orchestrator.nouns.launch import Launch
    from orchestrator.nouns.variant import Variant

HANDWRITTEN = Path(__file__).parent / "handwritten"
ROWS = (
    "caffe-1.0.0-source-openblas-cpu",
    "caffe2-1.9.0-pip-mkl-cpu",
    "chainer-7.8.1-pip-openblas-cpu",
    "cntk-2.7.post2-pip-mkl-cpu",
    "jax-0.10.2-pip-xla-cpu",
    "keras-2.2.4-pip-eigen-tensorflow-cpu",
    "keras-2.2.4-pip-openblas-theano-cpu",
    "keras-3.15.1-pip-eigen-tensorflow-cpu",
    "lasagne-0.1-pip-openblas-cpu",
    "mnn-3.6.1-pip-native-cpu",
    "mxnet-1.9.1-pip-openblas-cpu",
    "nnabla-1.39.0-pip-eigen-cpu",
    "numpy-2.4.6-pip-openblas-cpu",
    "onnxruntime-1.31.1-pip-mlas-cpu",
    "opencv-5.0.0.93-pip-mlas-cpu",
    "openvino-2026.4.1-pip-onednn-cpu",
    "paddle-3.3.1-pip-mkl-cpu",
    "pytensor-3.0.7-pip-openblas-cpu",
    "pytorch-2.13.0-pip-mkl-cpu",
    "tensorflow-1.15.0-pip-eigen-cpu",
    "tensorflow-1.3.0-pip-eigen-cpu",
    "tensorflow-2.21.0-pip-eigen-cpu",
    "theano-1.0.5-pip-openblas-cpu",
    "tinygrad-0.14.0-pip-native-cpu",
)
WITHOUT = {
    "onnxruntime_cpp": "it times a program that is written as a user would write it",
    "pytorch_cpp": "it times a program that is written as a user would write it",
    "tensorflow_cpp": "it times a program that is written as a user would write it",
    "litert": "its models come from TensorFlow's converter: nothing in the image but the backend writes one",
    "ncnn": "its models come from pnnx or onnx2ncnn: nothing in the image but the backend writes one",
}
"""Backends that no script stands beside, and why; a row that was never built says itself why."""
WORKLOADS = "vgg16-infer-b1,mobilenet_v1-infer-b1,cifar_cnn-infer-b1"
TARGET = 1.03
METHOD = Method(warmup=3, min_time_s=1.0, min_count=5, max_time_s=30.0, timeout_s=300.0)


class Pair(NamedTuple):
    """The two processes."""

    ours: Launch
    theirs: Launch
    cores: tuple[Core, ...]


def main() -> None:
    """One line per row and workload: the ratio of the medians, ours to the script's."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.backends", description=__doc__)
    asked.add_argument("--variants", default=",".join(ROWS), help="comma-separated globs over the catalogue")
    asked.add_argument("--workloads", default=WORKLOADS)
    asked.add_argument("--pairs", type=int, default=7)
    asked.add_argument("--threads", type=int, default=1)
    options = asked.parse_args()
    engine = DockerEngine()
    print(engine.check())
    print(f"{'row':<40} {'workload':<24} {'ours / by hand':>15}   95 % CI, target {TARGET}", flush=True)
    globs = options.variants.split(",")
    table: dict[str, list[str]] = {}
    for variant in read_variants().variants:
        if not any(fnmatchcase(variant.id, glob) for glob in globs):
            continue
        if variant.unverified or variant.backend in WITHOUT:
            print(f"{variant.id:<40} no script: {variant.unverified or WITHOUT[variant.backend]}")
            continue
        for workload in options.workloads.split(","):
            try:
                reference = engine.prepare(variant, render_image(variant))
                pair = make_pair(variant, workload, reference, options.threads)
                said = measure(engine, pair, options.pairs)
            except BenchError as error:
                said = f"not measured: {error}"
            print(f"{variant.id:<40} {workload:<24} {said}", flush=True)
            table.setdefault(variant.id, []).append(" ".join(said.split()))
    engine.close()
    columns = options.workloads.split(",")
    print("", f"| row | {' | '.join(columns)} |", "| --- " * (1 + len(columns)) + "|", sep="\n")
    for row, cells in table.items():
        print(f"| {row} | {' | '.join(cells)} |")


def make_pair(variant: Variant, workload_id: str, reference: str, threads: int) -> Pair:
    """Our process, and the script's: another module to run, and a few files more."""
    networks = read_networks()
    workload = parse_workload(workload_id, networks)
    cpuset = choose_cpus(threads, read_topology())
    cell = Cell(workload.id, variant.id, threads, variant.modes[0])
    job = make_job(cell, variant=variant, workload=workload, network=networks[workload.network], method=METHOD)
    ours = make_launch(
        Trial(cell, 0, 0),
        job,
        variant=variant,
        method=METHOD,
        reference=reference,
        code=read_code().files,
        cpuset=cpuset,
        run=make_run_id(),
        attempt=1,
    )
    files = {f"handwritten/{path.name}": path.read_bytes() for path in sorted(HANDWRITTEN.glob("*.py"))}
    argv = ("python3", "-m", "handwritten", variant.backend, JOB_FILE, REPLY_FILE)
    theirs = ours.model_copy(update={"argv": argv, "files": ours.files | files, "name": f"{ours.name} by hand"})
    return Pair(ours, theirs, cpuset.cores)


def measure(engine: DockerEngine, pair: Pair, count: int) -> str:
    """`1.004 (0.996-1.013, 7 pairs)` over `count` pairs, or what went wrong."""
    ours: list[float] = []
    theirs: list[float] = []
    for index in range(count):
        for launch, into in ((pair.ours, ours), (pair.theirs, theirs))[:: -1 if index % 2 else 1]:
            with hold_cores(pair.cores, folder=find_lock_folder()):
                outcome = engine.run(launch)
            reply = json.loads(outcome.files.get(REPLY_FILE, b"{}"))
            if not reply.get("samples_s"):
                return f"{launch.name}: {reply.get('reason') or outcome.log_tail.strip().splitlines()[-1:]}"
            into.append(statistics.median(reply["samples_s"]))
    middle, low, high = ratio(ours, theirs)
    return f"{middle:14.3f}x   ({low:.3f}-{high:.3f}, {count} pairs)"


if __name__ == "__main__":
    main()
