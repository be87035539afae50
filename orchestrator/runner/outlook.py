"""What is left of a plan, and how long will that take, by what a store holds already?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.catalog.work import read_networks
from orchestrator.host.site import read_config
from orchestrator.planner.estimate import estimate
from orchestrator.render.image import render_image
from orchestrator.runner.folders import find_store
from orchestrator.runner.ledger import Ledger
from orchestrator.runner.own import find_scripts
from orchestrator.runner.sequence import certain_blocks, next_blocks
from orchestrator.runner.setup import cell_keys, make_setup
from orchestrator.store.opening import open_store
from orchestrator.store.reading import read_some
from orchestrator.store.resume import NOTHING, read_progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.plan import Cell, Plan, Trial
    from orchestrator.planner.estimate import Estimate
    from orchestrator.store.folder import Store
    from orchestrator.store.reading import Problem


class Outlook(NamedTuple):
    """A plan on what a store holds of it."""

    trials: tuple[Trial, ...]
    """Those that are certain to run."""
    least: Mapping[Cell, int]
    """How many of them by cell."""
    most: Mapping[Cell, int]
    """How many trials a cell may have before it is over."""
    done: int
    """Trials of the plan that the store has already."""
    stored: frozenset[tuple[Cell, int]]
    """Which."""
    seconds: Mapping[Cell, float]
    """What a trial of the cell took, where the store has one."""
    ledger: Ledger
    """The store's records of these cells, where their precision decides what comes next; a run adds to it."""
    problems: tuple[Problem, ...]
    """The store's files that give no record."""

    def has(self, cell: Cell, block: int) -> bool:
        """Whether the store had this trial when the run began."""
        return (cell, block) in self.stored

    def estimate(self, shortest_s: float) -> Estimate:
        """How long the rest takes; a cell that nobody has seen running counts with `shortest_s` a trial."""
        return estimate(self.least, self.most, self.seconds, shortest_s=shortest_s)


def look_ahead(plan: Plan, keys: Mapping[Cell, str], store: Store | None, *, limits: Limits | None = None) -> Outlook:
    """What is left. `store` is None where there is none yet; `limits` say which trials a precision may rest on."""
    cells = {key: cell for cell, key in keys.items()}
    found = read_progress(store) if store else NOTHING
    stored = frozenset((cells[key], block) for key, block in found.done if key in cells)
    records = read_some(store, cells) if store and plan.method.precision is not None else ()
    ledger = Ledger(keys, records, limits=limits)
    trials: list[Trial] = []
    least: dict[Cell, int] = {}
    most: dict[Cell, int] = {}
    for block in next_blocks(plan, ledger, lambda cell, number: (cell, number) in stored):
        if trials and block.number >= certain_blocks(plan):
            break  # who is in this block depends on trials that have not run
        if block.trials and not trials:
            least, most = dict(block.least), dict(block.most)
        trials += block.trials
    return Outlook(
        trials=tuple(trials),
        least=least,
        most=most,
        done=sum(block < plan.method.blocks for _, block in stored),
        stored=stored,
        seconds={cell: found.seconds[key] for cell, key in keys.items() if key in found.seconds},
        ledger=ledger,
        problems=found.problems,
    )


def look_ahead_dry(plan: Plan, engine: str, store: Path | None) -> Outlook | None:
    """The same before anything was asked of an engine (`auto`: as if it were docker); None where no store is yet."""
    path = find_store(store)
    if not path.exists():
        return None
    images = {variant.id: render_image(variant) for variant in plan.variants}
    name = "docker" if engine == "auto" else engine
    setup = make_setup(plan, engine=name, images=images, networks=read_networks(), scripts=find_scripts())
    return look_ahead(plan, cell_keys(setup), open_store(path), limits=read_config(pip={}).limits)
