"""Where does each row of the catalogue stand: was it seen to run, what was found in it, and how fast was it?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.summary import summarise_records
from orchestrator.nouns.workload import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.summary import Summary
    from orchestrator.nouns.limits import Limits
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.variant import Variant

ASKED = ("vgg16-infer-b1", "mobilenet_v1-infer-b1")
"""What a row must run, agreeing with the reference, before it is called verified."""


class Status(StrEnum):
    """What is known of a row."""

    VERIFIED = "verified"
    """Both networks ran, kept the label's promises and agreed with the reference."""
    PARTLY = "partly verified"
    """A part of them did; the framework has no operator for the other, or it has not been run."""
    FAILED = "failed"
    """It ran, and none of it may be believed."""
    NOT_RUN = "not run here"
    """The store holds nothing of it."""
    NOT_VERIFIED = "not verified"
    """The catalogue itself says why."""


class Time(NamedTuple):
    """Seconds per step: the geometric mean of the processes' medians, and its 95 % interval where there are two."""

    typical_s: float
    low_s: float | None
    high_s: float | None


@dataclass(frozen=True)
class Standing:
    """One row of the catalogue beside what a store holds of it, in its first execution mode."""

    variant: Variant
    status: Status
    why: str
    """Why it is not verified, or which part of it is not."""
    facts: Mapping[str, str]
    """What was seen at run time, of the last workload in ASKED that was valid."""
    times: Mapping[tuple[str, int], Time]
    """By workload and threads."""
    error: float | None
    """The worst difference from the reference over all valid cells, in spreads of the output."""


def find_standings(
    variants: Sequence[Variant], records: Iterable[Record], limits: Limits | None = None
) -> list[Standing]:
    """One per row, in the catalogue's order."""
    kept = [record for record in records if record.workload.mode is not Mode.SCRIPT]  # they prove nothing of a row
    summaries: dict[str, list[Summary]] = {}
    for summary in summarise_records(kept, limits=limits):
        summaries.setdefault(summary.variant, []).append(summary)
    errors: dict[str, float] = {}
    for record in kept:
        if record.reported is not None and record.status == "ok" and record.workload.id in ASKED:
            worst = max(record.reported.errors.values(), default=0.0)
            errors[record.variant.id] = max(worst, errors.get(record.variant.id, 0.0))
    return [_stand(row, _latest(row, summaries.get(row.id, ())), errors.get(row.id)) for row in variants]


def _latest(row: Variant, summaries: Iterable[Summary]) -> list[Summary]:
    """One per workload and threads, in the row's first mode: the one that the most valid trials stand behind."""
    best: dict[tuple[str, int], Summary] = {}
    for each in summaries:
        name = (each.workload, each.threads)
        if each.mode == row.modes[0] and (name not in best or each.valid > best[name].valid):
            best[name] = each
    return list(best.values())


def _stand(row: Variant, summaries: Sequence[Summary], error: float | None) -> Standing:
    valid = [each for each in summaries if each.typical_s]
    seen = {each.workload for each in valid}
    missing = [name for name in ASKED if name not in seen]
    failures = [
        f"{each.workload}: {_reason(each)}" for each in summaries if not each.valid and each.workload in missing
    ]
    if not missing:
        status, why = Status.VERIFIED, ""
    elif seen:
        silent = [name for name in missing if not any(text.startswith(name) for text in failures)]
        status, why = Status.PARTLY, "; ".join(dict.fromkeys([*failures, *(f"{name}: not run" for name in silent)]))
    elif row.unverified:
        status, why = Status.NOT_VERIFIED, row.unverified
    elif summaries:
        status, why = Status.FAILED, "; ".join(dict.fromkeys(failures))
    else:
        status, why = Status.NOT_RUN, ""
    last = next((each for name in reversed(ASKED) for each in valid if each.workload == name), None)
    facts = last.facts if last else valid[-1].facts if valid else {}
    times = {(each.workload, each.threads): Time(*each.typical_s) for each in valid if each.typical_s}
    return Standing(row, status, why, facts, times, error)


def _reason(summary: Summary) -> str:
    return summary.reasons[0] if summary.reasons else summary.verdict
