"""Which framework computes which workload, in which execution mode, and how exactly?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.summary import summarise_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record


class Answer(NamedTuple):
    """What became of one workload in one row and mode, over all threads and runs: the worst of it."""

    verdict: str
    """`valid`, `unsupported`, `wrong`, `invalid(claim:blas)`, ..."""
    reason: str
    error: float | None
    """Worst difference from the reference, in spreads of the output."""


Coverage = dict[tuple[str, str], dict[str, Answer]]
"""(variant, mode) -> workload -> answer."""


def find_coverage(records: Iterable[Record], limits: Limits | None = None) -> Coverage:
    """Every row and mode that the records hold, in their order; an answer that is not `valid` outweighs one that is."""
    kept = list(records)
    errors: dict[tuple[str, str, str], float] = {}
    for record in kept:
        if record.reported is not None and record.reported.errors:
            name = (record.variant.id, record.mode, record.workload.id)
            errors[name] = max(errors.get(name, 0.0), *record.reported.errors.values())
    found: Coverage = {}
    for summary in summarise_records(kept, limits=limits):
        answers = found.setdefault((summary.variant, summary.mode), {})
        earlier = answers.get(summary.workload)
        if earlier is None or earlier.verdict == "valid":
            error = errors.get((summary.variant, summary.mode, summary.workload))
            reason = "" if summary.verdict == "valid" else next(iter(summary.reasons), "")
            answers[summary.workload] = Answer(summary.verdict, reason, error)
    return found
