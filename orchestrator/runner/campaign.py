"""How does a request become a store that lacks nothing of its plan?

This file is the way of the data on one page: engine, plan, images, trials, records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from orchestrator.builder.build import build_images
from orchestrator.catalog.work import read_networks
from orchestrator.engines.choose import choose_engine
from orchestrator.engines.docker import DockerEngine
from orchestrator.errors import NoEngineError
from orchestrator.host.site import read_config
from orchestrator.render.image import render_image
from orchestrator.runner.folders import find_store
from orchestrator.runner.hosts import refuse_other_host
from orchestrator.runner.outlook import Outlook, look_ahead
from orchestrator.runner.own import find_scripts
from orchestrator.runner.request import Request, plan_dry, plan_request
from orchestrator.runner.run import run_plan
from orchestrator.runner.sboms import keep_sboms
from orchestrator.runner.sequence import next_blocks
from orchestrator.runner.setup import Prepared, cell_keys, make_setup, prepare_images, read_outputs
from orchestrator.runner.status import begin_run
from orchestrator.store.opening import hold_store, open_store
from orchestrator.store.publish import publish_record
from orchestrator.store.resume import next_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.builder.events import Event as BuildEvent
    from orchestrator.engines.choose import Chosen
    from orchestrator.host.site import Config
    from orchestrator.nouns.image import Image
    from orchestrator.nouns.plan import Departure, Skipped, Trial
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.site import Site
    from orchestrator.runner.events import Event
    from orchestrator.runner.setup import Setup
    from orchestrator.store.folder import Store

__all__ = ["Request", "Todo", "build_missing", "find_departed", "find_todo", "plan_dry", "plan_request", "run_todo"]

MOST_REASONS = 3
"""Where nothing can run: more would hide the first."""


@dataclass(frozen=True, kw_only=True)
class Todo:
    """What is left to run, and everything that a run needs."""

    setup: Setup
    chosen: Chosen
    site: Site
    store: Store
    outlook: Outlook
    held: IO[bytes]
    """The store's lock: nobody else writes to it while this is open."""
    run: str = ""
    """The run's name; empty before it has begun."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Those that are certain to run; with a precision more may follow, but none where there are none of these."""
        return self.outlook.trials

    @property
    def done(self) -> int:
        """Trials of the plan that the store has already."""
        return self.outlook.done


def find_todo(request: Request, store: Path | None, *, announce: Callable[[str], None]) -> Todo:
    """Choose the engine, plan, and take off what the store has. `announce` is told what was chosen for the user.

    Raises NoEngineError where nothing of the plan can run on what answers.
    """
    config = read_config()
    site = config.site
    chosen = choose_engine(request.engine, site)
    if chosen.message:
        announce(chosen.message)
    plan = plan_request(request, chosen.engine.refuse)
    if not plan.cells:
        reasons = _say_reasons(plan.skipped) or "nothing chosen"
        raise NoEngineError(f"{chosen.answer}: it can run nothing of what was asked for ({reasons})")
    images = {variant.id: render_image(variant) for variant in plan.variants}
    setup = make_setup(plan, engine=chosen.engine.name, images=images, networks=read_networks(), scripts=find_scripts())
    todo = make_todo(setup, find_store(store), chosen=chosen, config=config)
    if todo.trials and not request.allow_host_change:
        refuse_other_host(todo.store, cell_keys(setup).values(), setup.host)
    return begin(todo, request.words)


def make_todo(setup: Setup, store: Path, *, chosen: Chosen, config: Config) -> Todo:
    """Hold the store, and see what it lacks."""
    opened = open_store(store, create=True)
    held = hold_store(opened)
    outlook = look_ahead(setup.plan, cell_keys(setup), opened, limits=config.limits)
    return Todo(setup=setup, chosen=chosen, site=config.site, store=opened, outlook=outlook, held=held)


def begin(todo: Todo, command: Sequence[str]) -> Todo:
    """Where something is missing, this is a run of the store from now on; `command` is what was typed."""
    if not todo.trials:
        return todo
    return replace(todo, run=begin_run(todo.store, todo.setup.plan, cell_keys(todo.setup), command))


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
    if isinstance(todo.chosen.engine, DockerEngine) and (found := todo.chosen.engine.reap().removed):
        announce(f"removed {len(found)} containers that a dead run had left")
    prepared = _prepare(todo, failed, announce)
    if isinstance(todo.chosen.engine, DockerEngine):
        keep_sboms(todo.store, (each.reference for each in prepared.values() if each.reference), announce)
    announce(f"the reference's output of {len(todo.setup.plan.workloads)} workloads")

    def publish(record: Record) -> None:
        published = publish_record(todo.store, record)
        if published.problem:
            announce(f"not stored: {published.problem}")
        if todo.setup.plan.method.precision is not None:
            todo.outlook.ledger.add(record)

    def trials() -> Iterator[Trial]:
        for block in next_blocks(todo.setup.plan, todo.outlook.ledger, todo.outlook.has):
            on_event(block)
            yield from block.trials

    return run_plan(
        todo.setup,
        trials(),
        engine=todo.chosen.engine,
        engine_line=todo.chosen.answer,
        prepared=prepared,
        expected=read_outputs(todo.setup),
        publish=publish,
        on_event=on_event,
        next_attempt=lambda key, block: next_attempt(todo.store, key, block),
        run=todo.run or None,
    )


def find_departed(todo: Todo) -> tuple[Departure, ...]:
    """Every cell that has left by now, and how far it has come; none where the number of blocks is fixed."""
    blocks = next_blocks(todo.setup.plan, todo.outlook.ledger, todo.outlook.has)
    return tuple(departure for block in blocks for departure in block.departed)


def _say_reasons(skipped: Iterable[Skipped]) -> str:
    """Why nothing of it runs: a reason once, with every row that it holds for, and rows before combinations."""
    rows: dict[str, list[str]] = {}
    for name, reason in skipped:
        rows.setdefault(reason, []).append(name)
    ordered = sorted(rows.items(), key=lambda item: "*" in item[1][0])
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in ordered[:MOST_REASONS])


def _prepare(todo: Todo, failed: dict[str, str], announce: Callable[[str], None]) -> dict[str, Prepared]:
    images = _images(todo)
    buildable = [variant for variant in todo.setup.plan.variants if variant.id in images]
    ready = [variant for variant in buildable if images[variant.id].name not in failed]
    if todo.setup.engine == "local":
        announce("preparing virtual environments from the locks; the first time takes a while")
    prepared = prepare_images(todo.chosen.engine, ready, images, announce)
    for variant in buildable:
        if (name := images[variant.id].name) in failed:
            prepared[variant.id] = Prepared("", failed[name])
    return prepared


def _images(todo: Todo) -> dict[str, Image]:
    """Of the variants that may have something to run."""
    needed = {cell.variant for cell, count in todo.outlook.most.items() if count}
    return {name: image for name, image in todo.setup.images.items() if name in needed}
