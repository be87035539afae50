"""How do published mistakes become a plan on one build, and the plan what each mistake was worth?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.as_published import weigh
from orchestrator.analysis.trials import judge_trials
from orchestrator.catalog.find import find_variant
from orchestrator.catalog.rows import read_variants
from orchestrator.catalog.work import read_networks, read_suites
from orchestrator.engines.choose import choose_engine
from orchestrator.errors import NoEngineError, SpecError
from orchestrator.host.fingerprint import read_cpu_flags
from orchestrator.host.site import read_config
from orchestrator.nouns.variant import Blas, Install
from orchestrator.nouns.workload import Method
from orchestrator.planner.cells import make_plan
from orchestrator.published.cells import list_recreated, plan_cells
from orchestrator.published.first_calls import CALLS
from orchestrator.published.mistaken import derive_networks
from orchestrator.published.tables import read_published
from orchestrator.render.image import render_image
from orchestrator.runner.campaign import begin, make_todo
from orchestrator.runner.folders import find_store
from orchestrator.runner.request import DEFAULT_SUITE, options
from orchestrator.runner.setup import cell_keys, make_setup, read_outputs
from orchestrator.store.reading import read_some

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.analysis.as_published import Worth
    from orchestrator.catalog.rows import Catalogue
    from orchestrator.engines.choose import Chosen
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.plan import Plan
    from orchestrator.nouns.variant import Variant
    from orchestrator.published.cells import Recreated
    from orchestrator.runner.campaign import Todo


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for, as typed."""

    variant: str = ""
    """Empty: numpy's own wheel, whose only BLAS is OpenBLAS."""
    workload: str = "*"
    blocks: int | None = None
    engine: str = "auto"

    @property
    def words(self) -> tuple[str, ...]:
        """What has to be typed for the same."""
        return ("published", "--as-published", *options(self))


class Recreation(NamedTuple):
    """What is to be run, and what it is for."""

    todo: Todo
    variant: Variant
    recreated: tuple[Recreated, ...]
    left_out: dict[str, str]
    """Code of a mistake -> why it is not made again."""


def find_recreation(request: Request, store: Path | None, *, announce: Callable[[str], None]) -> Recreation:
    """Choose the engine, plan every mistake beside its right network, and take off what the store has.

    Raises NoEngineError where the build cannot run on what answers.
    """
    variant = choose_variant(read_variants(), request.variant)
    networks = read_networks()
    recreated, left_out = list_recreated(read_published(), networks, variant, workload=request.workload)
    config = read_config()
    site = config.site
    chosen = choose_engine(request.engine, site)
    if chosen.message:
        announce(chosen.message)
    plan = _plan(recreated, variant, request, chosen)
    setup = make_setup(
        plan,
        engine=chosen.engine.name,
        images={variant.id: render_image(variant)},
        networks={**networks, **derive_networks(networks)},
    )
    todo = begin(make_todo(setup, find_store(store), chosen=chosen, config=config), request.words)
    return Recreation(todo, variant, tuple(recreated), left_out)


def weigh_recreation(recreation: Recreation, *, limits: Limits | None = None) -> list[Worth]:
    """What the store says of every mistake by now; trials of older code or of another method do not enter."""
    todo = recreation.todo
    expected = read_outputs(todo.setup)
    keys = set(cell_keys(todo.setup).values())
    return weigh(
        judge_trials(read_some(todo.store, keys), expected, limits),
        recreation.recreated,
        variant=recreation.variant.id,
        networks=todo.setup.networks,
        expected=expected,
    )


def choose_variant(catalogue: Catalogue, name: str) -> Variant:
    """The row of this name; without one, numpy's wheel. Raises UnknownNameError, or SpecError where there is none."""
    if name:
        return find_variant(catalogue, name)
    for row in catalogue.variants:
        if (row.framework, row.install, row.blas) == ("numpy", Install.PIP, Blas.OPENBLAS):
            return row
    raise SpecError("the catalogue has no wheel of numpy to make the mistakes on; name a row with --variant")


def _plan(recreated: list[Recreated], variant: Variant, request: Request, chosen: Chosen) -> Plan:
    """The default suite's method, with samples enough for the first calls to be told from the others."""
    method = read_suites()[DEFAULT_SUITE].method
    changed = {"min_count": max(method.min_count, CALLS - 1 - method.warmup), "blocks": request.blocks or method.blocks}
    workloads, cells = plan_cells(recreated, variant)
    modes = tuple(dict.fromkeys((*variant.modes, *(cell.mode for cell in cells))))
    plan = make_plan(
        [variant.model_copy(update={"modes": modes})],
        workloads,
        Method.model_validate({**method.model_dump(), **changed}),
        threads=(1,),
        cpu_flags=read_cpu_flags(),
        refuse=chosen.engine.refuse,
    )
    if not plan.cells:
        raise NoEngineError(f"{chosen.answer}: it cannot run {variant.id}: {plan.skipped[0].reason}")
    return plan.model_copy(update={"cells": tuple(cells)})
