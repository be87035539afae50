"""What will be run, what was run, and what would spoil it?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.wording import say_number
from orchestrator.nouns.plan import Why
from orchestrator.planner.blocks import block_trials, trial_count
from orchestrator.planner.estimate import estimate
from orchestrator.runner.sequence import certain_blocks
from orchestrator.screen.answers import show_problems
from orchestrator.screen.catalogue import show_skipped
from orchestrator.screen.plain import say, show, write_json
from orchestrator.screen.remaining import say_count, say_departure, say_estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.nouns.plan import Departure, Plan
    from orchestrator.planner.estimate import Estimate
    from orchestrator.runner.campaign import Todo
    from orchestrator.runner.outlook import Outlook


def show_plan(plan: Plan, outlook: Outlook | None, *, as_json: bool) -> None:
    """The order of the first block, the number of the others, how long they take, and what is skipped.

    `outlook` says what a store holds of it already; None where there is no store.
    """
    if outlook is not None:
        show_problems(outlook.problems)
    if as_json:
        write_json(_plan_document(plan, outlook))
        return
    from orchestrator.report.grid import Grid

    lines = [(str(trial.position), trial.cell.id) for trial in block_trials(plan, 0)]
    show(Grid("The first block", ("#", "cell"), lines, right=("#",)))
    show_skipped(plan.skipped)
    method = plan.method
    say(
        f"{say_blocks(plan)}, each trial in a fresh process; "
        f"at least {method.min_count} samples and {method.min_time_s:g} s of samples in each"
    )
    if outlook is not None and outlook.done:
        say(f"{say_number(outlook.done, 'trial')} already in the store")
    if outlook is not None and not outlook.trials:
        say("nothing is left to run")
    else:
        say(f"time: {say_estimate(_estimate(plan, outlook))}")


def say_blocks(plan: Plan) -> str:
    """`26 cells x 10 blocks = 260 trials`, or what a precision makes of that."""
    method, cells = plan.method, len(plan.cells)
    if method.precision is None:
        blocks = say_number(method.blocks, "block")
        return f"{say_number(cells, 'cell')} x {blocks} = {say_number(trial_count(plan), 'trial')}"
    least = certain_blocks(plan)
    return (
        f"{say_number(cells, 'cell')}, {say_number(least, 'block')}, then as many as it takes until the interval of "
        f"each is within {100 * method.precision:g} % of its ratio, at most {method.blocks} in all: "
        f"{cells * least} to {say_number(trial_count(plan), 'trial')}"
    )


def show_todo(todo: Todo) -> None:
    """Some lines before a run: what it does, what it leaves out, and how long it takes."""
    plan, outlook = todo.setup.plan, todo.outlook
    show_problems(outlook.problems)
    say(f"engine: {todo.chosen.answer}")
    say(say_blocks(plan))
    say(f"{say_count(outlook.least, outlook.most)} to run, {todo.done} in the store already ({todo.store.root})")
    if todo.trials:
        say(f"time: {say_estimate(_estimate(plan, outlook))}; without what images have to be built")
    if plan.skipped:
        say(f"skipped: {len(plan.skipped)} combinations; `bench variants` and --dry-run say why")


def show_short(departed: Sequence[Departure]) -> None:
    """Which cells are not as precise as was asked for, and how far they have come."""
    for each in departed:
        if each.why is not Why.PRECISE:
            say(say_departure(each))


def show_done(todo: Todo, departed: Sequence[Departure], *, ran: int, failed: Mapping[str, str], as_json: bool) -> None:
    """What to type next; as JSON also how far every cell has come. `failed`: image name -> why it is not there."""
    if as_json:
        document: dict[str, Any] = {"store": str(todo.store.root), "ran": ran, "already_there": todo.done}
        document["failed"] = dict(failed)
        if todo.setup.plan.method.precision is not None:
            document["precision"] = [_departure_document(each) for each in departed]
        write_json(document)
        return
    if failed:
        return  # what could not be built is the last word
    say(f"done. bench results --store {todo.store.root}; bench compare --by blas --store {todo.store.root}")


def _plan_document(plan: Plan, outlook: Outlook | None) -> dict[str, Any]:
    guess = _estimate(plan, outlook)
    blocks = [[trial.cell.id for trial in block_trials(plan, block)] for block in range(certain_blocks(plan))]
    return {
        "seed": plan.seed,
        "method": plan.method.model_dump(),
        "blocks": blocks,
        "most_blocks": plan.method.blocks,
        "already_there": outlook.done if outlook is not None else 0,
        "time": {"least_s": guess.least_s, "most_s": guess.most_s, "unknown_cells": guess.unknown},
        "skipped": [{"name": name, "reason": reason} for name, reason in plan.skipped],
    }


def _departure_document(departure: Departure) -> dict[str, Any]:
    width = departure.half_width if math.isfinite(departure.half_width) else None
    return {
        "cell": departure.cell.id,
        "blocks": departure.blocks,
        "half_width": width,
        "why": str(departure.why),
        "reason": departure.reason,
    }


def _estimate(plan: Plan, outlook: Outlook | None) -> Estimate:
    """A trial that nobody has seen takes no less than its samples."""
    if outlook is not None:
        return outlook.estimate(plan.method.min_time_s)
    least, most = certain_blocks(plan), plan.method.blocks
    return estimate(
        dict.fromkeys(plan.cells, least), dict.fromkeys(plan.cells, most), {}, shortest_s=plan.method.min_time_s
    )
