"""What does a test start from? Makers with sensible defaults, so that a test shows only what matters to it.

Every maker takes the fields of its noun as keywords. The default record is a valid, quiet run of numpy on OpenBLAS.
"""

from __future__ import annotations

import hashlib
from typing import Any

from orchestrator.nouns.job import Evidence, Expected, Library, OneDnnEvidence, Reply, Threads
from orchestrator.nouns.launch import Observed
from orchestrator.nouns.plan import Cell
from orchestrator.nouns.record import Provenance, Record, Status
from orchestrator.nouns.variant import Blas, Install, Variant
from orchestrator.nouns.workload import Method, Workload

OPENBLAS = "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so"
MKL = "/usr/lib/x86_64-linux-gnu/libmkl_rt.so"
WALLS = {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0000000000000000", "Uid": "65534", "root": "read-only"}
"""What a process in one of our containers finds itself behind."""


def variant(**fields: Any) -> Variant:
    """`numpy-1.24.2-distro-openblas-cpu`, unless told otherwise."""
    defaults: dict[str, Any] = {
        "framework": "numpy",
        "version": "1.24.2",
        "install": Install.DISTRO,
        "blas": Blas.OPENBLAS,
        "python": "3.11",
        "base": "debian:bookworm-slim",
        "backend": "numpy",
    }
    return Variant(**(defaults | fields))


def workload(**fields: Any) -> Workload:
    """`vgg16-infer-b1`."""
    return Workload(**({"network": "vgg16"} | fields))


def method(**fields: Any) -> Method:
    """Short enough that the default reply satisfies it."""
    return Method(**({"warmup": 1, "min_time_s": 0.5, "min_count": 5} | fields))


def library(**fields: Any) -> Library:
    """A mapped OpenBLAS 0.3.21 that chose its Cooperlake kernels."""
    defaults: dict[str, Any] = {
        "kind": "blas",
        "name": "openblas",
        "path": OPENBLAS,
        "version": "0.3.21",
        "core": "Cooperlake",
        "threads": 1,
        "threading": "pthreads",
    }
    return Library(**(defaults | fields))


def mkl(**fields: Any) -> Library:
    """A mapped MKL 2020.4."""
    return library(**({"name": "mkl", "path": MKL, "version": "2020.4", "core": None, "threading": "gnu"} | fields))


def evidence(**fields: Any) -> Evidence:
    """What the default variant leaves behind: one OpenBLAS, one busy thread on CPU 0, an isolated container."""
    defaults: dict[str, Any] = {
        "python": "3.11.2",
        "numpy": "1.24.2",
        "framework": "numpy",
        "framework_version": "1.24.2",
        "build": "blas: generic",
        "device": "cpu",
        "precision": "float32",
        "libraries": (library(),),
        "threads": Threads(asked=1, process=1, busy=1),
        "onednn": OneDnnEvidence(state="absent"),
        "affinity": (0,),
        "cpu_count": 2,
        "cpu_model": "AMD EPYC",
        "isa": ("avx2", "avx512f"),
        "env": {"OMP_NUM_THREADS": "1"},
        "security": WALLS,
    }
    return Evidence(**(defaults | fields))


def reply(**fields: Any) -> Reply:
    """Ten samples of 0.1 s after a first call of 0.3 s."""
    defaults: dict[str, Any] = {
        "status": "ok",
        "parameters": 138357544,
        "errors": {"output": 1e-6},
        "outputs": {"output": (0.5, -0.25)},
        "first_s": 0.3,
        "warmup_s": (0.11,),
        "samples_s": (0.1,) * 10,
        "cpu_s": 0.99,
        "wall_s": 1.0,
        "peak_rss_bytes": 500 * 2**20,
        "evidence": evidence(),
    }
    return Reply(**(defaults | fields))


def observed(**fields: Any) -> Observed:
    """A container that lived for ten seconds."""
    defaults: dict[str, Any] = {
        "wall_s": 10.0,
        "overhead_s": 0.4,
        "cpu_s": 9.0,
        "peak_bytes": 600 * 2**20,
        "throttled_periods": 0,
        "oom_killed": False,
        "exit_code": 0,
        "image_id": "sha256:" + "ab" * 32,
        "container": True,
    }
    return Observed(**(defaults | fields))


def expected(**fields: Any) -> Expected:
    """What the default reply's output agrees with."""
    defaults: dict[str, Any] = {"positions": (0, 7), "values": (0.5, -0.25), "spread": 0.5, "tolerance": 1e-3}
    return Expected(**(defaults | fields))


def provenance(**fields: Any) -> Provenance:
    """A run on one machine; `host` and `sequence` are what tests change."""
    defaults: dict[str, Any] = {
        "run": "run-1",
        "bench": "0.1.0",
        "engine": "docker 26.1.5",
        "image": "bench/numpy:0123456789ab",
        "image_digest": "0123456789ab",
        "image_id": "sha256:" + "ab" * 32,
        "workloads_hash": "cd" * 32,
        "started_at": "2026-01-01T00:00:00Z",
        "sequence": 0,
        "host": {"cpu_model": "AMD EPYC", "kernel": "6.18", "governor": None},
    }
    return Provenance(**(defaults | fields))


def key(*parts: object) -> str:
    """A key as the planner's: 64 hex digits that depend on every part."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def record(**fields: Any) -> Record:
    """One attempt. `cell` and `key` follow from the variant, workload, threads and mode unless they are given."""
    row: Variant = fields.get("variant") or variant()
    work: Workload = fields.get("workload") or workload()
    threads, mode = fields.get("threads", 1), fields.get("mode", "default")
    cell = Cell(work.id, row.id, threads, mode).id
    status = fields.get("status", Status.OK)
    defaults: dict[str, Any] = {
        "key": key(cell),
        "cell": cell,
        "workload": work,
        "variant": row,
        "mode": mode,
        "threads": threads,
        "cpus": tuple(range(threads)),
        "block": 0,
        "position": 0,
        "attempt": 1,
        "method": method(),
        "status": status,
        "reason": "",
        "reported": reply() if status == Status.OK else None,
        "observed": observed(),
        "provenance": provenance(sequence=fields.get("block", 0)),
    }
    return Record(**(defaults | fields))


def timed(row: Variant, block: int, seconds: float, **fields: Any) -> Record:
    """A valid record of `row` whose ten samples are `seconds` each, with the evidence that its label asks for."""
    libraries = {
        Blas.OPENBLAS: (library(core=row.core or "Cooperlake"),),
        Blas.MKL: (mkl(),),
        Blas.EIGEN: (),
        Blas.XLA: (),
        Blas.MLAS: (),
        Blas.ONEDNN: (),
        Blas.XNNPACK: (),
        Blas.RUY: (),
        Blas.NATIVE: (),
    }.get(row.blas, (library(name=str(row.blas), path=f"/usr/lib/{row.blas}.so", version=None, core=row.core or None),))
    seen = evidence(
        framework=row.framework,
        framework_version=row.version,
        build=f"BLAS: {row.blas}",
        libraries=libraries,
        onednn=OneDnnEvidence(state=str(row.onednn)),
    )
    answer = reply(samples_s=(seconds,) * 10, cpu_s=None, wall_s=seconds * 10, evidence=seen)
    life = observed(wall_s=seconds * 10 + 5, cpu_s=None)
    return record(**({"variant": row, "block": block, "reported": answer, "observed": life} | fields))
