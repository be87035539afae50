"""What does the store have already, so that a run executes only the rest?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.nouns.record import RETRIED
from orchestrator.store.files import list_entries
from orchestrator.store.index import read_index

if TYPE_CHECKING:
    from orchestrator.store.folder import Store


def done_trials(store: Store) -> set[tuple[str, int]]:
    """(key, block) of every trial that has an attempt which counts: not one whose cause was the infrastructure.

    A damaged file does not count: its trial is run again under a new attempt number.
    """
    if not list_entries(store):
        return set()  # a new store: no need for the Parquet library
    columns = read_index(store).table.select(["key", "block", "status"]).to_pydict()
    rows = zip(columns["key"], columns["block"], columns["status"], strict=True)
    return {(key, block) for key, block, status in rows if status not in RETRIED}


def next_attempt(store: Store, key: str, block: int) -> int:
    """The number of the next attempt at a trial, from 1: above that of every file there is, damaged ones included."""
    prefix, suffix = f"{key}.b{block}.", ".json"
    numbers = [0]
    for path in (store.records / key[:2]).glob(f"{prefix}*{suffix}"):
        number = path.name.removeprefix(prefix).removesuffix(suffix)
        if number.isdigit():
            numbers.append(int(number))
    return max(numbers) + 1
