"""Against which row of its own table is a published number held?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.nouns.published import Number, Source

RULE = (
    "within one published table, the OpenBLAS build of the same framework; else that framework's plain build; else the "
    "table's baseline, which is always the same row"
)


def find_reference(number: Number, numbers: Iterable[Number], source: Source) -> Number | None:
    """The first row of RULE that is another one than the number itself; None for the baseline, or where it is missing.

    It depends on the labels only, never on the times.
    """
    table = [other for other in numbers if other.table == number.table and other.label != number.label]
    own = [other for other in table if other.framework == number.framework]
    if number.blas != "openblas":  # its sisters are held against it, not it against one of them
        for other in own:
            if other.blas == "openblas":
                return other
        if number.label not in source.plain:
            for other in own:
                if other.label in source.plain:
                    return other
    if number.label == source.baseline:
        return None
    return next((other for other in table if other.label == source.baseline), None)
