"""What is kept of an attempt?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.nouns.launch import End
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.workload import Mode
from orchestrator.runner.reply import find_wrong_output, read_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.job import Expected, Reply
    from orchestrator.nouns.launch import Outcome
    from orchestrator.nouns.plan import Trial
    from orchestrator.nouns.record import Provenance
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Method, Workload

REASON_CHARACTERS = 1000


class Subject(NamedTuple):
    """What an attempt is an attempt at."""

    trial: Trial
    key: str
    attempt: int
    variant: Variant
    workload: Workload
    method: Method
    cpus: tuple[int, ...]


class Judged(NamedTuple):
    """A status, and why."""

    status: Status
    reason: str
    reply: Reply | None


def make_record(
    subject: Subject, outcome: Outcome, *, provenance: Provenance, expected: Mapping[str, Expected] | None = None
) -> Record:
    """The record of an attempt that reached an engine. What the workload says of itself goes into `reported` only."""
    wanted = expected or {}
    judged = judge(outcome, wanted, subject.workload.mode)
    agreed = tuple(wanted) if judged.status is Status.OK else ()
    return _record(subject, judged, provenance).model_copy(update={"observed": outcome.observed, "agreed": agreed})


def make_imageless_record(subject: Subject, reason: str, *, provenance: Provenance) -> Record:
    """The record of a trial whose variant has no image to run."""
    return _record(subject, Judged(Status.NO_IMAGE, reason, None), provenance)


def judge(outcome: Outcome, expected: Mapping[str, Expected], mode: Mode = Mode.INFER) -> Judged:
    """The first status of `Status` that applies: how the process ended comes before what it wrote."""
    heard = read_reply(outcome, mode)
    if outcome.end is not End.OK:
        return Judged(Status(outcome.end.value), _explain(outcome), heard.reply)
    if heard.reply is None:
        return Judged(Status.INVALID_OUTPUT, f"{heard.problem}{_last_words(outcome)}", None)
    if heard.reply.status != "ok":
        return Judged(Status(heard.reply.status), heard.reply.reason, heard.reply)
    if wrong := find_wrong_output(heard.reply, expected):
        return Judged(Status.WRONG, f"{wrong} (found by the host, not in the image)", heard.reply)
    return Judged(Status.OK, "", heard.reply)


def _record(subject: Subject, judged: Judged, provenance: Provenance) -> Record:
    trial = subject.trial
    return Record(
        key=subject.key,
        cell=trial.cell.id,
        workload=subject.workload,
        variant=subject.variant,
        mode=trial.cell.mode,
        threads=trial.cell.threads,
        cpus=subject.cpus,
        block=trial.block,
        position=trial.position,
        attempt=subject.attempt,
        method=subject.method,
        status=judged.status,
        reason=judged.reason[:REASON_CHARACTERS],
        reported=judged.reply,
        observed=None,
        provenance=provenance,
    )


def _explain(outcome: Outcome) -> str:
    words = _last_words(outcome) if outcome.end in {End.EXIT, End.SIGNAL} else ""
    return f"{outcome.detail}{words}"


def _last_words(outcome: Outcome) -> str:
    lines = [line.strip() for line in outcome.log_tail.splitlines() if line.strip()]
    return f"; it last printed: {lines[-1][:300]}" if lines else ""
