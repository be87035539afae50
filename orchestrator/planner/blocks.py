"""In which order do the cells of a plan run?

Randomised complete blocks: a block holds every cell once, in an order of its own, so that whatever drifts
(temperature, neighbours, clocks) is shared by all cells of a block and cancels in their ratios.

The orders are the rows of a Williams square, whose columns and labels are dealt by the seed: over a square every cell
stands in every place, and behind every other cell, equally often (Williams, "Experimental Designs Balanced for the
Estimation of Residual Effects of Treatments", Australian Journal of Scientific Research A 2, 1949). Rows come in pairs
that mirror each other, so that after any two blocks a cell that was early was late as often: a steady drift inside the
blocks cancels long before the square is complete. Which cell gets which label and which row comes when is random, so
every order of two cells is as likely as its opposite, as with shuffled blocks; an interval that takes the blocks for
independent is at most a little wider than it need be.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from orchestrator.nouns.plan import Trial

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from orchestrator.nouns.plan import Cell, Plan


def block_order(seed: int, block: int, count: int) -> list[int]:
    """A permutation of range(count) that depends on nothing but the seed and the block's number."""
    pairs = max(1, count if count % 2 else count // 2)  # of an even square, every row's mirror image is a row as well
    square, row = divmod(block, 2 * pairs)
    # A string seed is hashed with SHA-512, so neighbouring squares share nothing; stable since Python 3.2.
    draw = random.Random(f"bench:{seed}:{square}")
    labels, starts = list(range(count)), list(range(pairs))
    draw.shuffle(labels)
    draw.shuffle(starts)
    mirrored = [draw.random() < 0.5 for _ in starts]
    pair, second = divmod(row, 2)
    order = [labels[(starts[pair] + step) % count] for step in _zigzag(count)]
    return order[::-1] if mirrored[pair] != bool(second) else order


def block_trials(plan: Plan, block: int, cells: Collection[Cell] | None = None) -> Iterator[Trial]:
    """One block's trials in their order; `cells` are those that still run, and keep the order among each other."""
    running = plan.cells if cells is None else frozenset(cells)
    order = (plan.cells[index] for index in block_order(plan.seed, block, len(plan.cells)))
    for position, cell in enumerate(cell for cell in order if cell in running):
        yield Trial(cell, block, position)


def plan_trials(plan: Plan) -> Iterator[Trial]:
    """Every trial of the plan, block after block. Lazy: a plan of a million trials costs what is read of it."""
    for block in range(plan.method.blocks):
        yield from block_trials(plan, block)


def trial_count(plan: Plan) -> int:
    """How many trials a run of the plan makes if no cell leaves it early."""
    return len(plan.cells) * plan.method.blocks


def _zigzag(count: int) -> Iterator[int]:
    """0, 1, n-1, 2, n-2, ...: the steps between neighbours are all different, which balances who follows whom."""
    return ((place + 1) // 2 if place % 2 else (count - place // 2) % count for place in range(count))
