"""How does the store's frame of facts get its two columns of judgement?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.validity import judge_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record

JUDGEMENT = {"valid": "boolean", "invalid_reason": "string", "flags": "string"}
"""Column -> dtype, after the store's own columns."""


def judge_frame(
    frame: pd.DataFrame,
    records: Iterable[Record],
    expected: Mapping[str, Mapping[str, Expected]] | None = None,
    *,
    limits: Limits | None = None,
) -> pd.DataFrame:
    """`frame` (of `load_frame`) with `valid`, `invalid_reason` and `flags`; NA in a row whose record is not given."""
    import pandas as pd

    wanted = expected or {}
    judged = {
        (record.key, record.block, record.attempt): judge_record(record, wanted.get(record.workload.id), limits)
        for record in records
    }
    names = zip(frame["key"], frame["block"], frame["attempt"], strict=True)
    found = [judged.get((str(key), int(block), int(attempt))) for key, block, attempt in names]
    columns = {
        "valid": [each.valid if each else None for each in found],
        "invalid_reason": [each.invalid_reason if each else None for each in found],
        "flags": ["; ".join(str(flag) for flag in each.flags) if each else None for each in found],
    }
    made = {name: pd.Series(columns[name], dtype=dtype, index=frame.index) for name, dtype in JUDGEMENT.items()}
    return frame.assign(**made)
