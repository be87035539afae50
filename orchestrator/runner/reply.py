"""What did the workload say, if it said anything that can be taken?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from orchestrator.nouns.job import REPLY_BYTES, REPLY_SCHEMA, Reply
from orchestrator.nouns.workload import Mode
from orchestrator.strict import StrictError, read_strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.launch import Outcome

REPLY_FILE = "reply.json"
LONGEST_S = 1e9
"""No trial lasts thirty years; a sum of larger numbers could overflow wherever a record is read."""


class Heard(NamedTuple):
    """A reply, or why there is none."""

    reply: Reply | None
    problem: str = ""


def read_reply(outcome: Outcome, mode: Mode = Mode.INFER) -> Heard:
    """The reply among an outcome's files; whatever is wrong with it is a sentence, never an exception."""
    data = outcome.files.get(REPLY_FILE)
    if data is None:
        reason = next((each.reason for each in outcome.rejected if each.path == REPLY_FILE), "missing")
        return Heard(None, f"{REPLY_FILE}: {reason}")
    return parse_reply(data, mode)


def parse_reply(data: bytes, mode: Mode = Mode.INFER) -> Heard:
    """Strict JSON, then the schema without any conversion, then what an honest reply in this mode cannot lack."""
    try:
        value = read_strict(data, REPLY_BYTES)
        if not isinstance(value, dict):
            return Heard(None, f"{REPLY_FILE}: an object was expected")
        if value.get("reply_schema") != REPLY_SCHEMA:
            return Heard(None, f"{REPLY_FILE}: reply_schema is not {REPLY_SCHEMA}")
        reply = Reply.model_validate_json(data, strict=True)
    except StrictError as error:
        return Heard(None, f"{REPLY_FILE}: {error}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:60] for part in first["loc"])
        # the place may hold a key of the workload's own making
        return Heard(None, f"{REPLY_FILE}: {where}: {first['msg']}"[:400])
    if problem := _find_problem(reply, mode):
        return Heard(None, f"{REPLY_FILE}: {problem}")
    return Heard(reply)


def find_wrong_output(reply: Reply, expected: Mapping[str, Expected]) -> str:
    """The host's own comparison of an `ok` reply: why the output is wrong, or nothing.

    The image has checked it already; this one does not depend on what runs in the image telling the truth about it.
    """
    for name, wanted in expected.items():
        values = reply.outputs.get(name, ())
        if len(values) != len(wanted.values):
            return f"output {name}: {len(values)} values for {len(wanted.values)} positions"
        largest = max((abs(a - b) for a, b in zip(values, wanted.values, strict=True)), default=0.0)
        # both bounds scaled by the spread: an error is a share of it, and a spread of 0 allows none
        if not largest <= wanted.tolerance * wanted.spread:
            share = largest / wanted.spread if wanted.spread else math.inf
            return f"output {name}: error {share:.3g} of the spread, at most {wanted.tolerance:g}"
    return ""


def _find_problem(reply: Reply, mode: Mode) -> str:
    seconds = [*reply.samples_s, *reply.warmup_s, *reply.phases_s.values()]
    seconds += [value for value in (reply.first_s, reply.cpu_s, reply.wall_s) if value is not None]
    if any(abs(value) > LONGEST_S for value in seconds):
        return f"a time is longer than {LONGEST_S:g} s"
    if reply.status != "ok":
        return ""
    lacks = {
        "status ok without samples": not reply.samples_s,
        "a sample is not above 0": min(reply.samples_s, default=1.0) <= 0,
        "loops is below 1": reply.loops < 1,
        "status ok without evidence": reply.evidence is None and mode is not Mode.SCRIPT,
        "status ok without the wall time of its samples": reply.wall_s is None,
    }
    return next((problem for problem, true in lacks.items() if true), "")
