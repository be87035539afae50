"""Which rows does a user mean by `--frameworks`, `--device`, `--blas`, `--install` and `--variants`?"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import UnknownNameError
from orchestrator.nouns.plan import Skipped
from orchestrator.nouns.variant import Blas, Device, Install

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.catalog.rows import Catalogue
    from orchestrator.nouns.variant import Absent, Variant

ALL = "all"
GLOB = "*?["


class Selection(NamedTuple):
    """The rows that were asked for, and the combinations that were asked for and do not exist."""

    variants: tuple[Variant, ...]
    skipped: tuple[Skipped, ...]


def select(
    catalogue: Catalogue,
    *,
    frameworks: str = ALL,
    device: str = ALL,
    blas: str = ALL,
    install: str = ALL,
    variants: str = "*",
) -> Selection:
    """Rows that satisfy every filter, in the catalogue's order; names are comma lists, `variants` a list of globs.

    Raises UnknownNameError, with the nearest name, for a name that no row could have.
    """
    rows = catalogue.variants
    names = {row.framework for row in rows} | {row.framework for row in catalogue.absent}
    wanted = {
        "framework": split_names("framework", frameworks, names),
        "device": split_names("device", device, Device),
        "blas": split_names("BLAS", blas, Blas),
        "install": split_names("way of installing", install, Install),
    }
    globs = _globs(variants, [row.id for row in rows])
    chosen = tuple(
        row for row in rows if _matches(row, wanted) and any(fnmatchcase(row.id, pattern) for pattern in globs)
    )
    # A glob names rows that exist; only the filters can ask for a combination that does not.
    missing = [row for row in catalogue.absent if _matches(row, wanted)] if globs == ["*"] else []
    return Selection(chosen, tuple(Skipped(row.label, row.reason) for row in missing))


def leave_unverified(selection: Selection, variants: str = "*") -> Selection:
    """The selection without CPU rows that nobody has seen run, each with its reason; one that is named in full stays.

    Rows of a GPU stay as well: whether they can run is a question about the host, and asked of it.
    """
    named = set(variants.split(","))
    gone = [row for row in selection.variants if row.unverified and row.device == Device.CPU and row.id not in named]
    reasons = tuple(Skipped(row.id, f"not verified: {row.unverified}") for row in gone)
    kept = tuple(row for row in selection.variants if row not in gone)
    return Selection(kept, (*selection.skipped, *reasons))


def split_names(kind: str, text: str, known: Iterable[str]) -> frozenset[str]:
    """`a,b` as a set of known names; every known name for `all`."""
    known = frozenset(str(name) for name in known)
    asked = [part.strip() for part in text.split(",") if part.strip()]
    if ALL in asked or not asked:
        return known
    for name in asked:
        if name not in known:
            raise UnknownNameError(kind, name, known)
    return frozenset(asked)


def _globs(text: str, ids: list[str]) -> list[str]:
    patterns = [part.strip() for part in text.split(",") if part.strip()] or ["*"]
    for pattern in patterns:
        if pattern != "*" and not any(fnmatchcase(name, pattern) for name in ids):
            raise UnknownNameError("variant", pattern, ids)
    return patterns


def _matches(row: Variant | Absent, wanted: dict[str, frozenset[str]]) -> bool:
    # An empty field of an absent row says that the reason does not depend on it.
    return all(str(getattr(row, field)) in {"", *names} for field, names in wanted.items())
