"""Which promises of speed does the tool keep on this machine? `make perf` prints them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.store import measure_store
from benchmarks.timing import Report, alone, call, command, paired
from orchestrator import paths
from orchestrator.engines.docker import DockerEngine
from orchestrator.errors import BenchError
from orchestrator.nouns.launch import Launch
from orchestrator.nouns.variant import Blas, Install, Variant
from orchestrator.nouns.workload import Method, Workload
from orchestrator.planner.blocks import plan_trials
from orchestrator.planner.cells import make_plan

BASE = "python:3.11-slim-bookworm"
CPU = max(os.sched_getaffinity(0))
WEIGHTS = (
    "import json; from workloads.weights import make_weights;"
    "make_weights(json.load(open('workloads/networks/vgg16.json')), 1)"
)
MEMORY = 2**30
TMPFS = "/tmp:size={},nosuid,nodev"  # noqa: S108  (inside the container)


def main() -> int:
    """Every figure, with its target; ratios are of pairs taken in turn. The exit code, which is 1 only if asked for."""
    parts: dict[str, Callable[[Report, int], None]] = {
        "start": lambda report, _: measure_start(report),
        "plan": lambda report, _: measure_plan(report),
        "weights": lambda report, _: measure_weights(report),
        "store": measure_store,
        "engine": lambda report, _: measure_engine(report),
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=parts, nargs="+", default=[*parts], help="what to measure")
    parser.add_argument("--records", type=int, default=10_000, help="how many the store holds")
    parser.add_argument("--fail", action="store_true", help="leave with 1 where a target is missed")
    chosen = parser.parse_args()
    report = Report()
    for part in chosen.only:
        try:
            parts[part](report, chosen.records)
        except BenchError as error:
            print(f"not measured: {error}")
    return int(chosen.fail and bool(report.missed))


def measure_start(report: Report) -> None:
    """`bench --help` beside an interpreter that imports what it cannot do without."""
    bench = Path(sys.executable).with_name("bench")
    ours, bare = paired(command([bench, "--help"]), command([sys.executable, "-c", "import typer, rich"]), 15)
    report.show("bench --help", ours, 0.15)
    report.show_ratio("bench --help / python -c 'import typer, rich'", ours, bare, 1.5)


def measure_plan(report: Report) -> None:
    """100,000 cells, and every trial of one block in its order."""
    rows = [
        Variant(
            framework="numpy",
            version=f"1.{number}",
            install=Install.PIP,
            blas=Blas.OPENBLAS,
            python="3.11",
            base=BASE,
            backend="numpy_blas",
        )
        for number in range(1000)
    ]
    work = [Workload(network=f"n{number}") for number in range(100)]

    def plan() -> None:
        made = make_plan(rows, work, Method(blocks=1), threads=(1,))
        assert sum(1 for _ in plan_trials(made)) == 100_000

    report.show("a plan of 100,000 cells, ordered", alone(call(plan), 5), 1)


def measure_weights(report: Report) -> None:
    """VGG-16's 138 million float32, from the start of the process."""
    root = paths.workloads_dir().parent
    report.show(
        "weights of VGG-16, from the start of the process",
        alone(command([sys.executable, "-c", WEIGHTS], cwd=root), 5),
        2.5,
    )


def measure_engine(report: Report) -> None:
    """A trial's launch beside a bare `docker run` with the same flags, and a build with nothing to do."""
    engine = DockerEngine()
    engine.check()
    image = str(engine.client.inspect_image(BASE)["Id"])  # type: ignore[no-untyped-call]
    launch = Launch(
        name="perf",
        image=image,
        argv=("python3", "-c", "open('reply.json', 'w').write('{}')"),
        env={"HOME": "/tmp"},  # noqa: S108  (inside the container)
        files={"job.json": b"{}"},
        results={"reply.json": 1000},
        cpus=(CPU,),
        mems=(0,),
        memory_bytes=MEMORY,
        pids=64,
        timeout_s=60,
        labels={"bench.run": "perf"},
    )

    def ours() -> None:
        assert engine.run(launch).files

    # fmt: off
    bare = [
        "docker", "run", "--rm", "--init", "--network", "none", "--read-only", "--cpuset-cpus", str(CPU),
        "--cpuset-mems", "0", "--memory", str(MEMORY), "--memory-swap", str(MEMORY), "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--user", "65534:65534", "--pids-limit", "64", "--ulimit", "core=0",
        "--shm-size", str(launch.shm_bytes), "--tmpfs", TMPFS.format(launch.tmp_bytes),
        "--log-opt", "max-size=1m", "--log-opt", "max-file=1", "--pull", "never", "--volume", "/bench",
        "--env", "HOME=/tmp", image, "python3", "-c", "open('/tmp/reply.json', 'w').write('{}')",
    ]
    # fmt: on
    a, b = paired(call(ours), command(bare), 20)
    report.show("a launch of the docker engine, files in and out", a)
    report.show_ratio("that / a bare `docker run` with the same flags", a, b, 1.3)
    bench = Path(sys.executable).with_name("bench")
    if subprocess.run([bench, "build"], capture_output=True, check=False).returncode == 0:
        report.show("bench build, nothing to do", alone(command([bench, "build"], stderr=subprocess.DEVNULL), 5), 3)
    engine.close()


if __name__ == "__main__":
    sys.exit(main())
