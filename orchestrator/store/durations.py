"""How long did a trial of this kind take the last times?"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from orchestrator.store.files import list_entries
from orchestrator.store.index import read_index

if TYPE_CHECKING:
    from orchestrator.store.folder import Store


def trial_seconds(store: Store) -> dict[str, float]:
    """Key -> mean seconds of its attempts, from the start of the process to the end of what the engine does after it.

    Attempts that reached no process say nothing.
    """
    if not list_entries(store):
        return {}  # a new store: no need for the Parquet library
    columns = read_index(store).table.select(["key", "wall_s", "overhead_s"]).to_pydict()
    found: dict[str, list[float]] = {}
    for key, wall_s, overhead_s in zip(columns["key"], columns["wall_s"], columns["overhead_s"], strict=True):
        if wall_s:
            found.setdefault(key, []).append(wall_s + (overhead_s or 0.0))
    return {key: statistics.fmean(values) for key, values in found.items()}
