"""Which block comes next, given what is there already?

One road for both kinds of run: with a number of blocks every cell is in each of them; with a precision, cells leave
once the pilot is over and they are precise enough.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from orchestrator.nouns.plan import Block, Departure, Why
from orchestrator.planner.blocks import block_trials
from orchestrator.planner.precision import cells_that_go_on, compared_cells, find_groups
from orchestrator.stats.stopping import PILOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.nouns.plan import Cell, Plan
    from orchestrator.runner.ledger import Ledger, Reached

    Done = Callable[[Cell, int], bool]


def next_blocks(plan: Plan, ledger: Ledger, done: Done) -> Iterator[Block]:
    """Block after block. What is in one is decided when it is asked for: the trials before it must have ended.

    Always the same blocks for the same results, whatever the run was interrupted by: `done` says which trials of a
    block need not run, and never who is in it.
    """
    cells = plan.cells
    for number in count():
        departed: tuple[Departure, ...] = ()
        if plan.method.precision is not None and number >= min(PILOT, plan.method.blocks):
            cells, departed = _dismiss(plan, cells, ledger, number)
        elif number == plan.method.blocks:
            cells = ()
        if cells or departed:
            yield _make_block(plan, number, cells, departed, done)
        if not cells:
            return


def certain_blocks(plan: Plan) -> int:
    """How many blocks every cell is in, whatever they give."""
    return plan.method.blocks if plan.method.precision is None else min(PILOT, plan.method.blocks)


def _dismiss(
    plan: Plan, cells: tuple[Cell, ...], ledger: Ledger, number: int
) -> tuple[tuple[Cell, ...], tuple[Departure, ...]]:
    """Who is left for block `number`, and who has gone."""
    precision = plan.method.precision or 0.0
    departed = []
    if number == certain_blocks(plan):
        broken = {cell: reason for cell in cells if (reason := ledger.why_broken(cell))}
        departed += [Departure(cell, number, float("inf"), Why.FAILED, reason) for cell, reason in broken.items()]
        cells = tuple(cell for cell in cells if cell not in broken)
    groups = find_groups(plan, cells)
    reached: dict[Cell, Reached] = {}
    for group in groups:
        reached |= ledger.reach(group, before=number, precision=precision)
    narrow = {cell for cell, each in reached.items() if each.enough}
    last = number >= plan.method.blocks
    for cell in compared_cells(groups):
        if last or cell in narrow:
            why = Why.PRECISE if cell in narrow else Why.CAP
            departed.append(Departure(cell, number, reached[cell].half_width, why))
    return () if last else cells_that_go_on(groups, narrow), tuple(departed)


def _make_block(plan: Plan, number: int, cells: tuple[Cell, ...], departed: tuple[Departure, ...], done: Done) -> Block:
    trials = tuple(trial for trial in block_trials(plan, number, cells) if not done(trial.cell, number))
    sure = max(number + 1, certain_blocks(plan))

    def missing(cell: Cell, end: int) -> int:
        return sum(not done(cell, block) for block in range(number, end))

    return Block(
        number=number,
        cells=cells,
        trials=trials,
        departed=departed,
        least={cell: missing(cell, sure) for cell in cells},
        most={cell: missing(cell, plan.method.blocks) for cell in cells},
    )
