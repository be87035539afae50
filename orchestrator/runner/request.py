"""What did the user ask for, and which plan is that?"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.select import leave_unverified, select
from orchestrator.catalog.work import read_suites, select_workloads
from orchestrator.engines.choose import make_engine
from orchestrator.errors import UnknownNameError, UsageError
from orchestrator.host.drivers import list_gpus
from orchestrator.host.fingerprint import read_cpu_flags
from orchestrator.host.site import read_config
from orchestrator.nouns.variant import Device
from orchestrator.nouns.workload import Method
from orchestrator.planner.cells import make_plan
from orchestrator.render.rows import find_lock_problem
from orchestrator.runner.own import find_scripts
from orchestrator.runner.shares import read_share
from orchestrator.stats.stopping import PILOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.nouns.plan import Plan
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Suite, Workload

DEFAULT_SUITE = "default"
MOST_BLOCKS = 100
"""Where --precision is given and --blocks is not: at a spread of 5 % from block to block this reaches 1 %."""


LEAST_MEMORY = 64 << 20
"""Bytes: less holds no Python with a framework in it."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for, as typed."""

    frameworks: str = "all"
    device: str = "cpu"
    blas: str = "all"
    install: str = "all"
    variants: str = "*"
    suite: str = ""
    workloads: str = ""
    threads: str = "1"
    modes: str = ""
    blocks: int | None = None
    precision: str = ""
    seed: int | None = None
    memory: str = ""
    engine: str = "auto"
    allow_host_change: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """`matrix --suite quick --blocks 5`: what has to be typed for the same."""
        return ("matrix", *options(self))


def options(request: Any) -> list[str]:
    """The options of a request whose values are not the defaults, each named as its field."""
    words = []
    for each in fields(request):
        value = getattr(request, each.name)
        if value != each.default:
            words += [f"--{each.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return words


def plan_request(request: Request, refuse: Callable[..., str] = lambda _: "") -> Plan:
    """The plan of a request. Needs no engine; `refuse` is one's reason against a variant."""
    asked = select(
        read_variants(),
        frameworks=request.frameworks,
        device=request.device,
        blas=request.blas,
        install=request.install,
        variants=request.variants,
    )
    chosen = leave_unverified(asked, request.variants)
    workloads, method = _read_work(request)

    def refuse_row(variant: Variant) -> str:
        return refuse(variant) or find_lock_problem(variant)

    return make_plan(
        chosen.variants,
        workloads,
        method,
        threads=read_threads(request.threads),
        modes=request.modes,
        cpu_flags=read_cpu_flags(),
        no_gpu=list_gpus()[1] if any(row.device is Device.CUDA for row in chosen.variants) else "",
        refuse=refuse_row,
        skipped=chosen.skipped,
    )


def plan_dry(request: Request) -> Plan:
    """The plan without asking whether an engine answers: refusals of one that was named are in it."""
    if request.engine in {"auto", "docker"}:
        return plan_request(request)
    return plan_request(request, make_engine(request.engine, read_config().site).refuse)


def read_threads(text: str) -> tuple[int, ...]:
    """`1,2` as (1, 2), each once. Raises UsageError for anything else, and for more than this machine has."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--threads {text!r}: expected numbers from 1, with commas between them, as in 1,2")
    counts = tuple(dict.fromkeys(int(part) for part in parts))
    here = len(os.sched_getaffinity(0))
    if max(counts) > here:
        raise UsageError(
            f"--threads {text}: {max(counts)} threads were asked for, and there are {here} CPUs here; "
            f"give at most {here}"
        )
    return counts


def read_precision(text: str) -> float:
    """`1%`, `0.5 %` and `0.01` as a share. Raises UsageError for what is no number, and for what is not below 1."""
    return read_share("--precision", text, example="1%, 0.5% or 0.01", fits=lambda share: 0 < share < 1)


def read_memory(text: str) -> int:
    """`512M`, `8G` and plain bytes, in powers of 1024. Raises UsageError for anything else and for less than 64 MiB."""
    match = re.fullmatch(r"(\d+)([KMG]?)(i?B)?", text.strip(), re.IGNORECASE)
    size = int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2].upper()] if match else 0
    if size < LEAST_MEMORY:
        raise UsageError(f"--memory {text!r}: expected a size of 64M or more, as in 512M or 8G")
    return size


def _read_work(request: Request) -> tuple[tuple[Workload, ...], Method]:
    """A suite says how and what; where workloads are named as well, they take the place of its own."""
    suites = read_suites()
    name = request.suite or DEFAULT_SUITE
    if name not in suites:
        raise UnknownNameError("suite", name, suites)
    suite: Suite = suites[name]
    workloads = select_workloads(request.workloads or ",".join(suite.workloads), scripts=find_scripts())
    changed: dict[str, int | float | None] = {"blocks": request.blocks, "seed": request.seed}
    if request.precision:
        changed["precision"] = read_precision(request.precision)
        changed["blocks"] = MOST_BLOCKS if request.blocks is None else request.blocks
    if request.memory:
        changed["memory_bytes"] = read_memory(request.memory)
    changed = {key: value for key, value in changed.items() if value is not None}
    method = Method.model_validate({**suite.method.model_dump(), **changed})
    if method.precision is not None and method.blocks < PILOT:
        raise UsageError(
            f"--blocks {method.blocks}: with --precision it is the most that a cell may take, and nothing stops before "
            f"a pilot of {PILOT} blocks is complete; give {PILOT} or more, or leave it out"
        )
    return workloads, method
