"""In which state are the runs of a store, by what there is to see now?"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.host.owner import Life, check_life, read_owner, this_process
from orchestrator.nouns.run import Run
from orchestrator.runner.outlook import look_ahead
from orchestrator.store.runs import is_held, publish_run, read_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.plan import Cell, Plan
    from orchestrator.store.folder import Store


class State(StrEnum):
    """What a run is now. None of them is stored: a run that is killed has no time to write."""

    RUNNING = "running"
    """It is the newest, its process lives, and it holds the store's lock."""
    FINISHED = "finished"
    """The store lacks nothing of its plan, whoever measured it."""
    INTERRUPTED = "interrupted"
    """Trials are missing, and nobody measures them."""


class RunStatus(NamedTuple):
    """A run, and how far it has come."""

    run: Run
    state: State
    done: int
    """Trials of its plan that the store has."""
    left: int
    """That are certain to be missing; with a precision more may follow."""
    most: int
    """That may be missing at most."""
    pid: int | None
    """Of the process that measures; None where none does."""


def begin_run(store: Store, plan: Plan, keys: Mapping[Cell, str], command: Sequence[str]) -> str:
    """Write down what is about to be measured; returns the run's name."""
    owner = this_process().label

    def make(name: str) -> Run:
        named = {cell.id: key for cell, key in keys.items()}
        return Run(name=name, owner=owner, command=tuple(command), plan=plan, keys=named)

    return publish_run(store, make).name


def read_status(store: Store, *, limits: Limits | None = None) -> list[RunStatus]:
    """Of every command that was given, its latest run; in the order in which they came."""
    runs = read_runs(store)
    latest = {run.command: run for run in runs}
    chosen = [run for run in runs if run is latest[run.command]]
    return [_describe(store, run, newest=run is runs[-1], limits=limits) for run in chosen]


def _describe(store: Store, run: Run, *, newest: bool, limits: Limits | None) -> RunStatus:
    owner = read_owner(run.owner)
    # the lock last: whoever looks whether it is free has it for that moment
    alive = newest and check_life(owner) is not Life.DEAD and is_held(store)
    keys = {cell: run.keys[cell.id] for cell in run.plan.cells}
    outlook = look_ahead(run.plan, keys, store, limits=limits)
    most = sum(outlook.most.values())
    state = State.RUNNING if alive else State.INTERRUPTED if outlook.trials else State.FINISHED
    return RunStatus(run, state, outlook.done, len(outlook.trials), most, owner.pid if alive and owner else None)
