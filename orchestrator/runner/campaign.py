"""How does a request become a plan, and a plan a store that lacks nothing?

This file is the way of the data on one page: catalogue, plan, images, trials, records.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NamedTuple

from orchestrator import paths
from orchestrator.builder.build import build_images
from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.select import select
from orchestrator.catalog.work import read_networks, read_suites, select_workloads
from orchestrator.engines.choose import choose_engine, make_engine
from orchestrator.engines.docker import DockerEngine, reap
from orchestrator.errors import NoEngineError, UnknownNameError, UsageError
from orchestrator.host.fingerprint import read_cpu_flags
from orchestrator.host.site import read_config
from orchestrator.nouns.workload import Method
from orchestrator.planner.blocks import plan_trials
from orchestrator.planner.cells import make_plan
from orchestrator.render.image import render_image
from orchestrator.runner.folders import find_store
from orchestrator.runner.reference import read_expected
from orchestrator.runner.run import run_plan
from orchestrator.runner.setup import Prepared, cell_keys, make_setup, prepare_images
from orchestrator.store.opening import hold_store, open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.resume import done_trials, next_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.builder.events import Event as BuildEvent
    from orchestrator.engines.choose import Chosen
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.plan import Plan, Trial
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.site import Site
    from orchestrator.nouns.workload import Suite, Workload
    from orchestrator.runner.events import Event
    from orchestrator.runner.setup import Setup
    from orchestrator.store.folder import Store

DEFAULT_SUITE = "default"


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
    seed: int | None = None
    engine: str = "auto"


class Todo(NamedTuple):
    """What is left to run, and everything that a run needs."""

    setup: Setup
    chosen: Chosen
    site: Site
    store: Store
    trials: tuple[Trial, ...]
    done: int
    """Trials of the plan that the store has already."""
    held: IO[bytes]
    """The store's lock: nobody else writes to it while this is open."""


def plan_request(request: Request, refuse: Callable[..., str] = lambda _: "") -> Plan:
    """The plan of a request. Needs no engine; `refuse` is one's reason against a variant."""
    chosen = select(
        read_variants(),
        frameworks=request.frameworks,
        device=request.device,
        blas=request.blas,
        install=request.install,
        variants=request.variants,
    )
    workloads, method = _read_work(request)
    return make_plan(
        chosen.variants,
        workloads,
        method,
        threads=read_threads(request.threads),
        modes=request.modes,
        cpu_flags=read_cpu_flags(),
        refuse=refuse,
        skipped=chosen.skipped,
    )


def plan_dry(request: Request) -> Plan:
    """The plan without asking whether an engine answers: refusals of one that was named are in it."""
    if request.engine in {"auto", "docker"}:
        return plan_request(request)
    return plan_request(request, make_engine(request.engine, read_config().site).refuse)


def find_todo(request: Request, store: Path | None, *, announce: Callable[[str], None]) -> Todo:
    """Choose the engine, plan, and take off what the store has. `announce` is told what was chosen for the user.

    Raises NoEngineError where nothing of the plan can run on what answers.
    """
    site = read_config().site
    chosen = choose_engine(request.engine, site)
    if chosen.message:
        announce(chosen.message)
    plan = plan_request(request, chosen.engine.refuse)
    if not plan.cells:
        reasons = "; ".join(dict.fromkeys(f"{name}: {reason}" for name, reason in plan.skipped[:3]))
        raise NoEngineError(
            f"{chosen.answer}: it can run nothing of what was asked for ({reasons or 'nothing chosen'})"
        )
    images = {variant.id: render_image(variant) for variant in plan.variants}
    setup = make_setup(plan, engine=chosen.engine.name, images=images, networks=read_networks())
    opened = open_store(find_store(store), create=True)
    held = hold_store(opened)
    done, keys = done_trials(opened), cell_keys(setup)
    trials = tuple(trial for trial in plan_trials(plan) if (keys[trial.cell], trial.block) not in done)
    total = len(plan.cells) * plan.method.blocks
    return Todo(setup, chosen, site, opened, trials, total - len(trials), held)


def build_missing(todo: Todo, *, jobs: int | None, on_event: Callable[[BuildEvent], None]) -> dict[str, str]:
    """Build the images that the trials need; image name -> why there is none, for those that could not be.

    The log's own words may name a site's indexes and folders: they go to the screen and to the log, not to a record.
    """
    if todo.setup.engine != "docker":
        return {}
    built = build_images(_images(todo).values(), todo.site, jobs=jobs, on_event=on_event)
    return {each.image: "its image could not be built" for each in built if not each.ok}


def run_todo(
    todo: Todo, *, failed: dict[str, str], on_event: Callable[[Event], None], announce: Callable[[str], None]
) -> int:
    """Run what is left; returns the number of records. `failed`: image name -> why it is not there."""
    if isinstance(todo.chosen.engine, DockerEngine) and (found := reap(todo.chosen.engine.client).removed):
        announce(f"removed {len(found)} containers that a dead run had left")
    images = _images(todo)
    buildable = [variant for variant in todo.setup.plan.variants if variant.id in images]
    ready = [variant for variant in buildable if images[variant.id].name not in failed]
    if todo.setup.engine == "local":
        announce("preparing virtual environments from the locks; the first time takes a while")
    prepared = prepare_images(todo.chosen.engine, ready, images)
    for variant in buildable:
        if (name := images[variant.id].name) in failed:
            prepared[variant.id] = Prepared("", failed[name])

    def publish(record: Record) -> None:
        published = publish_record(todo.store, record)
        if published.problem:
            announce(f"not stored: {published.problem}")

    return run_plan(
        todo.setup,
        todo.trials,
        engine=todo.chosen.engine,
        engine_line=todo.chosen.answer,
        prepared=prepared,
        expected=_read_expected(todo, announce),
        publish=publish,
        on_event=on_event,
        next_attempt=lambda key, block: next_attempt(todo.store, key, block),
    )


def read_threads(text: str) -> tuple[int, ...]:
    """`1,2` as (1, 2), each once. Raises UsageError for anything else, and for more than this machine has."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--threads {text!r}: expected numbers from 1, with commas between them, as in 1,2")
    counts = tuple(dict.fromkeys(int(part) for part in parts))
    here = len(os.sched_getaffinity(0))
    if max(counts) > here:
        raise UsageError(f"--threads {text}: {max(counts)} threads were asked for, and there are {here} CPUs here")
    return counts


def _read_work(request: Request) -> tuple[tuple[Workload, ...], Method]:
    """A suite says how and what; where workloads are named as well, they take the place of its own."""
    suites = read_suites()
    name = request.suite or DEFAULT_SUITE
    if name not in suites:
        raise UnknownNameError("suite", name, suites)
    suite: Suite = suites[name]
    workloads = select_workloads(request.workloads or ",".join(suite.workloads))
    changed = {"blocks": request.blocks, "seed": request.seed}
    changed = {key: value for key, value in changed.items() if value is not None}
    return workloads, Method.model_validate({**suite.method.model_dump(), **changed})


def _images(todo: Todo) -> dict[str, Image]:
    """Of the variants that still have something to run."""
    needed = {trial.cell.variant for trial in todo.trials}
    return {name: image for name, image in todo.setup.images.items() if name in needed}


def _read_expected(todo: Todo, announce: Callable[[str], None]) -> dict[str, dict[str, Expected]]:
    workloads: Sequence[Workload] = todo.setup.plan.workloads
    announce(f"the reference's output of {len(workloads)} workloads")
    return {
        workload.id: read_expected(
            todo.setup.networks[workload.network],
            workload,
            seed=todo.setup.plan.method.seed,
            workloads=paths.workloads_dir(),
            workloads_hash=todo.setup.code.digest,
            cache=paths.cache_dir(),
        )
        for workload in workloads
    }
