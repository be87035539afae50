"""Does a record say what happened, by the host's own judgement?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.nouns.launch import End, Outcome, Rejected
from orchestrator.nouns.plan import Cell, Trial
from orchestrator.nouns.record import Status
from orchestrator.nouns.workload import Mode
from orchestrator.runner.record import Subject, judge, make_imageless_record, make_record
from tests.makers import expected, method, observed, provenance, reply, variant, workload

EXPECTED = {"output": expected()}
TRIAL = Trial(Cell(workload().id, variant().id, 2, "default"), block=3, position=1)
SUBJECT = Subject(
    trial=TRIAL,
    key="ab" * 32,
    attempt=2,
    variant=variant(),
    workload=workload(),
    method=method(),
    cpus=(2, 3),
)


def outcome(end: End = End.OK, data: bytes | None = None, **fields: Any) -> Outcome:
    files = {} if data is None else {"reply.json": data}
    return Outcome(end=end, files=files, observed=observed(), **fields)


def said(**fields: Any) -> bytes:
    return reply(**fields).model_dump_json().encode()


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        (outcome(data=said()), Status.OK, ""),
        (outcome(data=said(status="wrong", reason="off by 2")), Status.WRONG, "off by 2"),
        (outcome(data=said(status="unsupported", reason="no LSTM")), Status.UNSUPPORTED, "no LSTM"),
        (outcome(data=said(status="error", reason="boom")), Status.ERROR, "boom"),
        (outcome(), Status.INVALID_OUTPUT, "missing"),
        (outcome(rejected=(Rejected(path="reply.json", reason="a link"),)), Status.INVALID_OUTPUT, "a link"),
        (outcome(data=b"{"), Status.INVALID_OUTPUT, "not JSON"),
        (outcome(log_tail="one\nlast words\n"), Status.INVALID_OUTPUT, "last words"),
        (outcome(End.EXIT, detail="exit code 3", log_tail="why\n"), Status.EXIT, "exit code 3; it last printed: why"),
        (outcome(End.SIGNAL, detail="SIGSEGV"), Status.SIGNAL, "SIGSEGV"),
        (outcome(End.OOM, detail="memory"), Status.OOM, "memory"),
        (outcome(End.TIMEOUT), Status.TIMEOUT, ""),
        (outcome(End.INTERRUPTED), Status.INTERRUPTED, ""),
        (outcome(End.ENGINE_LOST, detail="gone"), Status.ENGINE_LOST, "gone"),
    ],
)
def test_the_status_follows_from_the_end_and_then_from_the_reply(given: Outcome, status: Status, reason: str) -> None:
    judged = judge(given, EXPECTED)
    assert judged.status is status
    assert reason in judged.reason


@pytest.mark.parametrize("end", [end for end in End if end is not End.OK])
def test_a_reply_does_not_excuse_how_the_process_ended(end: End) -> None:
    judged = judge(outcome(end, said()), EXPECTED)
    assert judged.status.value == end.value
    assert judged.reply is not None, "what it said is kept all the same"


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"output": (0.5,)},
        {"output": (0.5, -0.25, 0.0)},
        {"other": (0.5, -0.25)},
        {"output": (0.0, 0.0)},
        {"output": (0.5, -0.2506)},
    ],
)
def test_the_host_compares_the_output_itself(outputs: dict[str, tuple[float, ...]]) -> None:
    assert judge(outcome(data=said(outputs=outputs, errors={"output": 0.0})), EXPECTED).status is Status.WRONG


def test_an_error_within_the_tolerance_passes() -> None:
    assert judge(outcome(data=said(outputs={"output": (0.5, -0.2504)})), EXPECTED).status is Status.OK


def test_a_record_keeps_what_both_sides_saw_apart() -> None:
    record = make_record(SUBJECT, outcome(data=said()), provenance=provenance(), expected=EXPECTED)
    assert record.reported == reply()
    assert record.observed == observed()
    assert (record.block, record.position, record.attempt) == (3, 1, 2)
    assert (record.cell, record.threads, record.cpus) == (TRIAL.cell.id, 2, (2, 3))


def test_a_trial_without_an_image_is_a_record_too() -> None:
    record = make_imageless_record(SUBJECT, "pip failed", provenance=provenance())
    assert (record.status, record.reason, record.observed) == (Status.NO_IMAGE, "pip failed", None)


def test_a_long_reason_is_cut() -> None:
    long = outcome(End.ENGINE_LOST, detail="x" * 5000)
    assert len(make_record(SUBJECT, long, provenance=provenance()).reason) == 1000


def test_only_a_script_may_leave_its_evidence_out() -> None:
    judged = judge(outcome(data=said(evidence=None)), EXPECTED)
    assert (judged.status, "without evidence" in judged.reason) == (Status.INVALID_OUTPUT, True)
    assert judge(outcome(data=said(evidence=None)), EXPECTED, Mode.SCRIPT).status is Status.OK


def test_a_record_names_the_outputs_that_the_host_found_right_and_no_others() -> None:
    def agreed(data: bytes, wanted: Any) -> tuple[str, ...]:
        return make_record(SUBJECT, outcome(data=data), provenance=provenance(), expected=wanted).agreed

    assert agreed(said(), EXPECTED) == ("output",)
    assert agreed(said(), {}) == (), "whatever the workload says of its errors"
    assert agreed(said(outputs={"output": (1.0, 1.0)}), EXPECTED) == ()
