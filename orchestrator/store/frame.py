"""How does a store open as a pandas frame? Always with the same columns and types, empty or full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.store.facts import COLUMNS
from orchestrator.store.index import read_index

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.store.folder import Store
    from orchestrator.store.reading import Problem


def load_frame(store: Store) -> tuple[pd.DataFrame, list[Problem]]:
    """One row per readable record, ordered by run and sequence, and the files that gave none.

    Columns and dtypes are those of `facts.COLUMNS`; what a record does not say is NA, never 0.
    """
    import pandas as pd

    table, problems = read_index(store)
    arrow = {str(table.schema.field(name).type): _dtype(dtype) for name, dtype in COLUMNS.items()}
    made = table.select(list(COLUMNS)).to_pandas(types_mapper=lambda kind: arrow.get(str(kind)), ignore_metadata=True)
    return pd.DataFrame(made), problems


def inspect_frame(frame: pd.DataFrame) -> list[str]:
    """In what a frame differs from the contract of `load_frame`; empty where it keeps it."""
    import pandas as pd

    wanted = {name: pd.Series([], dtype=dtype).dtype for name, dtype in COLUMNS.items()}
    found = [f"column {name} is missing" for name in wanted if name not in frame.columns]
    for name, dtype in frame.dtypes.items():
        if name not in wanted:
            found.append(f"column {name} is not in the contract")
        elif dtype != wanted[str(name)]:
            found.append(f"column {name} is {dtype}, not {wanted[str(name)]}")
    return found


def _dtype(name: str) -> Any:
    import pandas as pd

    # Arrow's own conversion to datetime64 keeps the unit and the zone; None leaves it to that.
    return None if name.startswith("datetime64") else pd.api.types.pandas_dtype(name)
