"""In which order do the cells of a plan run?

Randomised complete blocks: a block holds every cell once, in an order of its own, so that whatever drifts
(temperature, neighbours, clocks) is shared by all cells of a block and cancels in their ratios.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from orchestrator.nouns.plan import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.nouns.plan import Plan


def block_order(seed: int, block: int, count: int) -> list[int]:
    """A permutation of range(count) that depends on nothing but the seed and the block's number."""
    order = list(range(count))
    # A string seed is hashed with SHA-512, so neighbouring blocks share nothing; stable since Python 3.2.
    random.Random(f"bench:{seed}:{block}").shuffle(order)
    return order


def block_trials(plan: Plan, block: int) -> Iterator[Trial]:
    """One block's trials in their order."""
    for position, index in enumerate(block_order(plan.seed, block, len(plan.cells))):
        yield Trial(plan.cells[index], block, position)


def plan_trials(plan: Plan) -> Iterator[Trial]:
    """Every trial of the plan, block after block. Lazy: a plan of a million trials costs what is read of it."""
    for block in range(plan.method.blocks):
        yield from block_trials(plan, block)


def trial_count(plan: Plan) -> int:
    """How many trials a full run of the plan makes."""
    return len(plan.cells) * plan.method.blocks
