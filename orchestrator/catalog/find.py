"""Which one row does an identifier name?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import UnknownNameError

if TYPE_CHECKING:
    from orchestrator.catalog.rows import Catalogue
    from orchestrator.nouns.variant import Variant


def find_variant(catalogue: Catalogue, name: str) -> Variant:
    """The row called `name`; raises UnknownNameError with the nearest name."""
    known = {row.id: row for row in catalogue.variants}
    if name not in known:
        raise UnknownNameError("variant", name, known)
    return known[name]
