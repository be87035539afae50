"""What will be run, what was run, and what would spoil it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.planner.blocks import block_trials, trial_count
from orchestrator.screen.catalogue import show_skipped
from orchestrator.screen.plain import say, show, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.nouns.plan import Plan
    from orchestrator.runner.campaign import Todo
    from orchestrator.runner.examine import Finding


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """The order of the first block, the number of the others, and what is skipped."""
    if as_json:
        write_json(
            {
                "seed": plan.seed,
                "method": plan.method.model_dump(),
                "blocks": [
                    [trial.cell.id for trial in block_trials(plan, block)] for block in range(plan.method.blocks)
                ],
                "skipped": [{"name": name, "reason": reason} for name, reason in plan.skipped],
            }
        )
        return
    from rich.table import Table

    table = Table(title="The first block", title_justify="left")
    for column in ("#", "cell"):
        table.add_column(column, no_wrap=True)
    for trial in block_trials(plan, 0):
        table.add_row(str(trial.position), trial.cell.id)
    show(table)
    show_skipped(plan.skipped)
    method = plan.method
    say(
        f"{len(plan.cells)} cells x {method.blocks} blocks = {trial_count(plan)} trials, each in a fresh process; "
        f"at least {method.min_count} samples and {method.min_time_s:g} s of samples in each: "
        f"no less than {trial_count(plan) * method.min_time_s / 60:.0f} min in all"
    )


def show_todo(todo: Todo) -> None:
    """One line before a run, and what it leaves out."""
    plan = todo.setup.plan
    say(f"engine: {todo.chosen.answer}")
    say(
        f"{len(plan.cells)} cells, {plan.method.blocks} blocks: {len(todo.trials)} trials to run, "
        f"{todo.done} in the store already ({todo.store.root})"
    )
    if plan.skipped:
        say(f"skipped: {len(plan.skipped)} combinations; `bench variants` and --dry-run say why")


def show_done(todo: Todo, *, as_json: bool) -> None:
    """What to type next."""
    if as_json:
        write_json({"store": str(todo.store.root), "ran": len(todo.trials), "already_there": todo.done})
        return
    say(f"done. bench results --store {todo.store.root}; bench compare --by blas --store {todo.store.root}")


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """What was looked at, what was found, and what to type."""
    if as_json:
        write_json([finding._asdict() for finding in findings])
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title="This host", title_justify="left")
    table.add_column("")
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in findings:
        colour = {"ok": "green", "warn": "yellow", "bad": "red"}.get(finding.level, "")
        table.add_row(Text(finding.level, style=colour), finding.what, Text(finding.found), Text(finding.advice))
    show(table)
