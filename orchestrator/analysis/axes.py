"""Which builds differ in one thing only, so that their times answer a question about that thing?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import compare_pairs
from orchestrator.analysis.trials import judge_trials
from orchestrator.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.analysis.compare import Comparisons, Thresholds
    from orchestrator.nouns.image import Packages
    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.variant import Variant


@dataclass(frozen=True)
class Axis:
    """A property of variants: what else has to be equal, and which value is the reference."""

    name: str
    same: tuple[str, ...]
    """Fields of a variant that must agree. What follows by necessity from the axis is not among them."""
    order: Callable[[Variant], tuple[object, ...]]
    """The lowest is the reference; it depends on the labels only, never on the times."""
    rule: str


def _first(name: str, value: str) -> Callable[[Variant], tuple[object, ...]]:
    """`value` comes before everything else, then the alphabet."""
    return lambda variant: (str(getattr(variant, name)) != value, str(getattr(variant, name)), variant.id)


def version_order(variant: Variant) -> tuple[object, ...]:
    """Sorts rows by version as numbers (1.9 before 1.10), then by identifier."""
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in variant.version.split("."))
    return parts, variant.id


_ALL = ("framework", "version", "install", "blas", "device", "tag", "python", "onednn", "core")


def _but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in _ALL if name not in names)


# A tag says what tells a row from its neighbours: where the axis is that very thing, the tag cannot be equal.
AXES = {
    axis.name: axis
    for axis in (
        Axis("blas", _but("blas"), _first("blas", "openblas"), "openblas where it is present, else the first by name"),
        Axis("install", _but("install"), _first("install", "pip"), "pip where it is present, else the first by name"),
        Axis("onednn", _but("onednn", "tag"), _first("onednn", "off"), "oneDNN off where it is present, else absent"),
        Axis("core", _but("core", "tag"), _first("core", ""), "the row that lets its BLAS detect the CPU"),
        Axis("version", _but("version", "python"), version_order, "the oldest version"),
        # A framework comes with its own BLAS, Python and versions; the evidence says in what else two rows differ.
        Axis(
            "framework",
            ("install", "device"),
            lambda variant: (variant.framework, variant.id),
            "the first framework by name, and of it the first row",
        ),
    )
}


def compare_by(
    records: Iterable[Record],
    axis: str,
    *,
    thresholds: Thresholds | None = None,
    expected: Mapping[str, Mapping[str, Expected]] | None = None,
    sboms: Mapping[str, Packages] | None = None,
) -> Comparisons:
    """Every build against the reference of its group, whose members agree in everything except `axis`.

    All comparisons of the answer are one family. Raises UnknownNameError for an axis that there is not.
    """
    if axis not in AXES:
        raise UnknownNameError("axis", axis, AXES)
    chosen, trials = AXES[axis], judge_trials(records, expected, thresholds.limits if thresholds else None)
    groups: dict[tuple[str, ...], dict[str, Variant]] = {}
    for trial in trials:
        variant = trial.record.variant
        signature = tuple(str(getattr(variant, name)) for name in chosen.same)
        groups.setdefault(signature, {})[variant.id] = variant
    pairs: list[tuple[str, str]] = []
    left_out = []
    for _, members in sorted(groups.items()):
        rows = sorted(members.values(), key=chosen.order)
        if _single(rows, axis):
            left_out += [f"{row.id}: no other row differs from it in {axis} only" for row in rows]
            continue
        pairs += [(rows[0].id, row.id) for row in rows[1:] if getattr(row, axis) != getattr(rows[0], axis)]
    return compare_pairs(trials, pairs, thresholds=thresholds, rule=chosen.rule, left_out=left_out, sboms=sboms)


def _single(rows: Sequence[Variant], axis: str) -> bool:
    return len({str(getattr(row, axis)) for row in rows}) < 2
