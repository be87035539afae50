"""A catalogue whose images are made in a second, and a workload that takes no time and goes wrong on demand.

Through the whole of the tool, on a real engine: only what runs in the container pretends to be a framework.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.catalog.rows import read_variants
from orchestrator.render.image import render_image
from tests.command import Bench

if TYPE_CHECKING:
    from docker import APIClient

    from orchestrator.nouns.image import Image

BASE = "python:3.11-slim-bookworm"
WORKLOAD = "mnist_softmax-infer-b1"
TIMEOUT_S = 20
"""One that is ready waits up to five seconds until its CPU is quiet, and a busy machine is slow to start it."""
MEMORY = "64M"
TIMED = "bench:timed"
"""What the workload calls itself in its timed region, where nothing has to be waited for."""
RUN = ("matrix", "--engine", "docker", "--suite", "faults", "--memory", MEMORY)

ROW = """
[[variant]]
framework = "numpy"
backend = "numpy_blas"
python = "3.11"
version = "{version}"
install = "distro"
blas = "openblas"
tag = "{tag}"
base = "debian:bookworm-slim"
blas_apt = ["libopenblas0-pthread"]
apt = ["python3-numpy"]
env = {{ STANDIN = "{fault}", STANDIN_S = "{seconds}" }}
"""

SUITE = f"""
name = "faults"
title = "one small network, very short"
workloads = ["{WORKLOAD}"]

[method]
warmup = 0
min_time_s = 0.01
min_count = 2
max_time_s = 1.0
blocks = 1
timeout_s = {TIMEOUT_S}.0
"""

# Python alone: the image is the bare interpreter's.
MAIN = """
import json, mmap, os, signal, subprocess, sys, time

def announce(word):
    with open("/proc/self/comm", "w") as file:
        file.write("bench:" + word)

def meet(word):
    announce(word)
    os.read(0, 1)

def fill():
    memory = mmap.mmap(-1, 2**30)
    for place in range(0, 2**30, 4096):
        memory[place] = 1

def fail(fault):
    if fault == "out-of-memory":
        fill()
    elif fault == "child-out-of-memory":
        subprocess.call([sys.executable, "-c", "from workloads.__main__ import fill; fill()"])
    elif fault == "crash":
        raise RuntimeError("it crashed")
    elif fault == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif fault == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    elif fault == "exit-code":
        os._exit(3)
    elif fault == "no-output":
        os._exit(0)
    elif fault == "flood":
        for _ in range(1600):
            os.write(1, b"x" * 65535 + b"\\n")

def main():
    job = json.load(open(sys.argv[1]))
    fail(os.environ["STANDIN"])
    meet("ready")
    announce("timed")
    begin, used = time.monotonic(), time.process_time()
    while time.monotonic() - begin < float(os.environ["STANDIN_S"]):
        pass
    wall, cpu = time.monotonic() - begin, time.process_time() - used
    meet("done")
    evidence = {
        "python": "%d.%d.%d" % sys.version_info[:3], "numpy": "0", "framework": "numpy", "framework_version": "0",
        "build": "a stand-in", "device": "cpu", "precision": "float32",
        "libraries": [{"kind": "blas", "name": "openblas", "path": "/usr/lib/libopenblas.so.0", "threads": 1}],
        "threads": {"asked": 1, "process": 1, "busy": 1}, "onednn": {"state": "absent"},
        "affinity": sorted(os.sched_getaffinity(0)), "cpu_count": os.cpu_count(), "cpu_model": "", "isa": [],
        "env": {}, "security": {},
    }
    reply = {
        "reply_schema": job.get("reply_schema", 1), "status": "ok", "parameters": job["network"]["parameters"],
        "errors": {name: 0.0 for name in job["expected"]},
        "outputs": {name: wanted["values"] for name, wanted in job["expected"].items()},
        "first_s": 0.001, "samples_s": [wall / 4] * 4, "cpu_s": cpu, "wall_s": wall, "evidence": evidence,
    }
    with open(sys.argv[2], "w") as file:
        json.dump(reply, file)

if __name__ == "__main__":
    main()
"""


INSIDE = {
    "out-of-memory": "oom",
    "child-out-of-memory": "oom",
    "crash": "exit",
    "segfault": "signal",
    "hang": "timeout",
    "exit-code": "exit",
    "no-output": "invalid-output",
    "flood": "ok",
}
"""What the workload does -> what becomes of its trial."""


class StandIn(Bench):
    """The command line over a catalogue of rows of which each has a fault of its own, or none."""

    def __init__(self, folder: Path, client: APIClient) -> None:
        super().__init__(folder)
        self.client = client
        self.store = folder / "s"
        # the folder's name is in it, so that no other run on this engine has such images and trials
        self.version = f"0.{os.getpid()}.{zlib.crc32(str(folder).encode())}"
        self.images = folder / "images"
        self.env |= {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        self.env |= {"BENCH_IMAGES": str(self.images), "BENCH_WORKLOADS": str(folder / "own" / "workloads")}
        self._rows: list[str] = []
        shutil.copytree(paths.images_dir() / "templates", self.images / "templates")
        (self.images / "variants").mkdir()
        (self.images / "locks").mkdir()
        lay_out_workloads(folder / "own" / "workloads")

    def add(self, fault: str = "", *, seconds: float = 0.05) -> str:
        """A row with an image of its own; returns its identifier."""
        version = f"{self.version}.{len(self._rows)}"
        self._rows.append(ROW.format(version=version, tag=fault, fault=fault, seconds=seconds))
        (self.images / "variants" / "numpy.toml").write_text("".join(self._rows))
        image = self.image(f"numpy-{version}-")
        make_image(self.client, image.name, {"bench.digest": image.digest})
        return next(row.id for row in read_variants(self.images / "variants").variants if row.version == version)

    def image(self, row: str) -> Image:
        """The image of the row whose identifier begins so."""
        rows = read_variants(self.images / "variants").variants
        return render_image(next(each for each in rows if each.id.startswith(row)), self.images)

    def records(self) -> dict[str, bytes]:
        """File name -> content of every record."""
        return {path.name: path.read_bytes() for path in self.store.glob("records/*/[!.]*.json")}

    def mount_store(self) -> bool:
        """The store on a file system of 20 MiB of its own; false where this user may mount none."""
        self.store.mkdir(mode=0o700)
        argv = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0700", "none", str(self.store)]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        """End what still runs, and remove every image that this catalogue names."""
        from docker.errors import ImageNotFound

        self.end_all()
        if self.store.is_mount():
            subprocess.run(["umount", str(self.store)], check=True)
        if not self._rows:
            return
        for row in read_variants(self.images / "variants").variants:
            try:
                self.client.remove_image(render_image(row, self.images).name, force=True)
            except ImageNotFound:
                continue


def lay_out_workloads(folder: Path) -> None:
    """The real ones, so that the reference computes what is expected; but what runs in a container is the stand-in."""
    shutil.copytree(paths.workloads_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "__main__.py").write_text(MAIN)
    (folder / "suites" / "faults.toml").write_text(SUITE)


def make_image(client: APIClient, name: str, labels: dict[str, str]) -> str:
    """The base with these labels under a name of ours; returns its id."""
    container = client.create_container_from_config({"Image": BASE})["Id"]  # type: ignore[no-untyped-call]
    try:
        repository, _, tag = name.partition(":")
        changes = "\n".join(f"LABEL {key}={value}" for key, value in {**labels, "bench.stand-in": name}.items())
        return str(client.commit(container, repository, tag, changes=changes)["Id"])
    finally:
        client.remove_container(container, v=True, force=True)
