"""Which framework computes which workload, in which execution mode, and how exactly?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.summary import summarise_records
from orchestrator.analysis.trials import order_of
from orchestrator.nouns.workload import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record

ACCURACY = "accuracy"


class Learning(NamedTuple):
    """What training did."""

    losses: tuple[float, ...]
    """Of the first steps, each before its update."""
    accuracy: float | None
    """After as many examples as the network declares; None where it declares none."""


class Answer(NamedTuple):
    """What became of one workload in one row and mode, over all threads and runs: the worst of it."""

    verdict: str
    """`valid`, `unsupported`, `wrong`, `invalid(claim:blas)`, ..."""
    reason: str
    error: float | None
    """Worst difference from the reference, in spreads of the output; an accuracy is none of them."""
    learning: Learning | None = None


Coverage = dict[tuple[str, str], dict[str, Answer]]
"""(variant, mode) -> workload -> answer."""
Key = tuple[str, str, str]


def find_coverage(records: Iterable[Record], limits: Limits | None = None) -> Coverage:
    """Every row and mode that the records hold, in their order; an answer that is not `valid` outweighs one that is.

    Of each answer only the newest code of the workloads counts: what older code could not do says nothing of it.
    """
    # a script may bring no evidence, and never is a framework's own way to compute a network
    kept = _newest([record for record in records if record.workload.mode is not Mode.SCRIPT])
    errors: dict[Key, float] = {}
    learning: dict[Key, Learning] = {}
    for record in kept:
        if record.reported is None:
            continue
        found = {name: error for name, error in record.reported.errors.items() if name != ACCURACY}
        if found:
            errors[_key(record)] = max(errors.get(_key(record), 0.0), *found.values())
        if record.workload.mode is Mode.TRAIN and "loss" in record.reported.outputs:
            accuracy = next(iter(record.reported.outputs.get(ACCURACY, ())), None)
            learning[_key(record)] = Learning(record.reported.outputs["loss"], accuracy)
    coverage: Coverage = {}
    for summary in summarise_records(kept, limits=limits):
        answers = coverage.setdefault((summary.variant, summary.mode), {})
        earlier = answers.get(summary.workload)
        if earlier is None or earlier.verdict == "valid":
            key = (summary.variant, summary.mode, summary.workload)
            reason = "" if summary.verdict == "valid" else next(iter(summary.reasons), "")
            answers[summary.workload] = Answer(summary.verdict, reason, errors.get(key), learning.get(key))
    return coverage


def _key(record: Record) -> Key:
    return (record.variant.id, record.mode, record.workload.id)


def _newest(records: list[Record]) -> list[Record]:
    """Of each answer the records that ran the code which ran last."""
    last: dict[Key, tuple[tuple[str, int], str]] = {}
    for record in records:
        stamp = (order_of(record), record.provenance.workloads_hash)
        last[_key(record)] = max(last.get(_key(record), stamp), stamp)
    return [record for record in records if record.provenance.workloads_hash == last[_key(record)][1]]
