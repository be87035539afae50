"""Which cells go on after a block of a run that stops when it is precise enough?

The rule is told which intervals are narrow enough and nothing else: neither a ratio nor a p-value comes in here, so it
cannot stop because something became significant, which would be wrong in a quarter of the comparisons of equals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from orchestrator.nouns.plan import Cell, Plan

Group = tuple["Cell", ...]
"""Cells that are compared with the first of them."""


def find_groups(plan: Plan, cells: Iterable[Cell]) -> tuple[Group, ...]:
    """`cells` by workload, threads and mode; the first of each in the plan's order is the reference of its group.

    A variant's first mode is the default one, whatever its backend calls it.
    """
    first = {variant.id: variant.modes[0] if variant.modes else "default" for variant in plan.variants}
    groups: dict[tuple[str, int, str], list[Cell]] = {}
    wanted = frozenset(cells)
    for cell in plan.cells:
        if cell in wanted:
            mode = "default" if cell.mode == first[cell.variant] else cell.mode
            groups.setdefault((cell.workload, cell.threads, mode), []).append(cell)
    return tuple(tuple(group) for group in groups.values())


def compared_cells(groups: Iterable[Group]) -> tuple[Cell, ...]:
    """The cells whose precision is asked for: all but the references, and a cell that is alone in its group."""
    return tuple(cell for group in groups for cell in (group[1:] or group))


def cells_that_go_on(groups: Iterable[Group], narrow: Collection[Cell]) -> tuple[Cell, ...]:
    """Who is in the next block, when the intervals of `narrow` are narrow enough.

    A cell that is narrow leaves; a reference stays as long as any of its group does.
    """
    kept: list[Cell] = []
    for group in groups:
        rest = [cell for cell in (group[1:] or group) if cell not in narrow]
        if rest:
            kept += rest if len(group) == 1 else [group[0], *rest]
    return tuple(kept)
