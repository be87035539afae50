"""How is a job launched: with which files, variables and limits?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from orchestrator.nouns.job import REPLY_BYTES
from orchestrator.nouns.launch import Launch
from orchestrator.nouns.variant import Device
from orchestrator.runner.reply import REPLY_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.host.topology import CpuSet
    from orchestrator.nouns.job import Job
    from orchestrator.nouns.plan import Trial
    from orchestrator.nouns.script import Script
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Method

JOB_FILE = "job.json"
ARGV = ("python3", "-m", "workloads", JOB_FILE, REPLY_FILE)
PAD = "BENCH_PAD"
PAD_BYTES = 4096
SPARE_PIDS = 1024
"""Frameworks size some pools by the host's CPUs, whatever they are told: room for those, and an end to a fork bomb."""
SHM_BYTES = 256 * 2**20
TMP_BYTES = 512 * 2**20
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "VECLIB_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
FIXED = {
    "MKL_DYNAMIC": "FALSE",
    "OMP_DYNAMIC": "FALSE",
    "TF_NUM_INTEROP_THREADS": "1",  # the networks are chains: a second pool would only compete with the first
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "LC_ALL": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108  (inside the container; the local engine puts a folder of its own there)
    "TMPDIR": "/tmp",  # noqa: S108
}


def make_env(variant: Variant, threads: int) -> dict[str, str]:
    """Everything that a process of this cell sees, but for the pad. The variant's own variables win."""
    return {**dict.fromkeys(THREAD_VARIABLES, str(threads)), **FIXED, **variant.env}


def make_limits(method: Method, threads: int) -> dict[str, int | float]:
    """What a launch may use at most; part of the key."""
    return {
        "memory_bytes": method.memory_bytes,
        "pids": 4 * threads + SPARE_PIDS,
        "shm_bytes": SHM_BYTES,
        "tmp_bytes": TMP_BYTES,
        "timeout_s": method.timeout_s,
    }


def make_pad(seed: int, trial: Trial, attempt: int) -> str:
    """A text of 0 to 4095 bytes that moves the stack: one layout of it would favour some build in every trial.

    Mytkowicz et al., Producing Wrong Data Without Doing Anything Obviously Wrong, ASPLOS 2009.
    """
    draw = random.Random(f"pad:{seed}:{trial.cell.id}:{trial.block}:{attempt}")
    return "x" * draw.randrange(PAD_BYTES)


def make_launch(
    trial: Trial,
    job: Job,
    *,
    variant: Variant,
    method: Method,
    reference: str,
    code: Mapping[str, bytes],
    cpuset: CpuSet,
    run: str,
    attempt: int,
    script: Script | None = None,
    gpus: tuple[str, ...] = (),
) -> Launch:
    """One process: the code and the job as files, the reply as the one result, the cell's CPUs and limits.

    A script is started by its own command line in place of the harness's; nothing else is another for it.
    `gpus` are those of this host, by UUID: a CUDA row gets the first of them, and any other row none.
    """
    return Launch(
        name=f"{trial.cell.id}#{trial.block}.{attempt}",
        image=reference,
        argv=script.argv if script else ARGV,
        env={**make_env(variant, trial.cell.threads), PAD: make_pad(method.seed, trial, attempt)},
        files={**code, JOB_FILE: job.model_dump_json().encode()},
        executables=script.executables if script else frozenset(),
        results={REPLY_FILE: REPLY_BYTES},
        cpus=cpuset.cpus,
        siblings=tuple(sorted(cpuset.blocked - set(cpuset.cpus))),
        gpus=gpus[:1] if variant.device is Device.CUDA else (),
        mems=cpuset.mems,
        labels={"bench.run": run},
        **make_limits(method, trial.cell.threads),  # type: ignore[arg-type]
    )
