"""What does the store have already, so that a run executes only the rest, and how long did such trials take?"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.nouns.record import RETRIED
from orchestrator.store.files import list_files
from orchestrator.store.foreign import read_origins
from orchestrator.store.index import read_index
from orchestrator.store.reading import Problem, foreign_problems

if TYPE_CHECKING:
    from orchestrator.store.folder import Store

_COLUMNS = ("file", "key", "block", "status", "wall_s", "overhead_s")


class Progress(NamedTuple):
    """How far the runs that a store holds have come."""

    done: frozenset[tuple[str, int]]
    """(key, block) of every trial that has an attempt which counts: not one whose cause was the infrastructure.

    A damaged file does not count: its trial is run again under a new attempt number. Nor does a record that was
    measured elsewhere."""
    seconds: dict[str, float]
    """Key -> mean seconds of its attempts, from the start of the process to the end of what the engine does after it.

    Attempts that reached no process say nothing."""
    problems: tuple[Problem, ...]
    """The files that give no record."""


NOTHING = Progress(frozenset(), {}, ())


def read_progress(store: Store) -> Progress:
    """What there is, by the index."""
    listing = list_files(store)
    if not listing.entries:
        # a new store: no need for the Parquet library
        return NOTHING._replace(problems=tuple(foreign_problems(listing.strays)))
    table, problems = read_index(store)
    done = set()
    seconds: dict[str, list[float]] = {}
    columns = (table.column(name).to_pylist() for name in _COLUMNS)
    origins = read_origins(store)
    for file, key, block, status, wall_s, overhead_s in zip(*columns, strict=True):
        if file in origins:
            continue
        if status not in RETRIED:
            done.add((key, block))
        if wall_s:
            seconds.setdefault(key, []).append(wall_s + (overhead_s or 0.0))
    means = {key: statistics.fmean(values) for key, values in seconds.items()}
    return Progress(frozenset(done), means, tuple(problems))


def next_attempt(store: Store, key: str, block: int) -> int:
    """The number of the next attempt at a trial, from 1: above that of every file there is, damaged ones included.

    And above those of an import that was interrupted: what is called so may still come.
    """
    prefix, suffix = f"{key}.b{block}.", ".json"
    numbers = [0]
    present = [path.name for path in (store.records / key[:2]).glob(f"{prefix}*{suffix}")]
    announced = [name.partition("/")[2] for name in read_origins(store) if name.startswith(f"{key[:2]}/{prefix}")]
    for name in (*present, *announced):
        number = name.removeprefix(prefix).removesuffix(suffix)
        if number.isdigit():
            numbers.append(int(number))
    return max(numbers) + 1
