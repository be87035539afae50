"""Is a hostile reply refused with a reason, and never with a traceback?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.nouns.job import REPLY_BYTES
from orchestrator.runner.reply import parse_reply
from orchestrator.strict import StrictError, read_strict
from tests.hostile_replies import GOOD, NOT_A_REPLY, NOT_STRICT, changed, check_heard, mutate
from tests.makers import reply


@pytest.mark.parametrize("data", NOT_STRICT.values(), ids=NOT_STRICT)
def test_what_a_reader_may_take_for_something_else_is_refused_in_a_sentence(data: bytes) -> None:
    begin = time.monotonic()
    with pytest.raises(StrictError) as caught:
        read_strict(data, REPLY_BYTES)
    assert time.monotonic() - begin < 1.0
    message = str(caught.value)
    assert 0 < len(message) < 400
    assert message.isprintable()
    message.encode()
    assert parse_reply(data).reply is None


STRICT = {
    "an escaped character": (b'["\\u00e9"]', ["\u00e9"]),
    "a pair of surrogates": (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
    "brackets in a string": (b'["' + b"[" * 100 + b'"]', ["[" * 100]),
    "depth 32": (b"[" * 32 + b"]" * 32, None),
    "2^53": (b"[9007199254740992]", [2**53]),
    "a small number": (b"[1e-400]", [0.0]),
    "a string of 4096": (b'["' + b"x" * 4096 + b'"]', ["x" * 4096]),
}


@pytest.mark.parametrize(("data", "value"), STRICT.values(), ids=STRICT)
def test_what_is_strict_json_is_read(data: bytes, value: Any) -> None:
    read = read_strict(data, REPLY_BYTES)
    assert value is None or read == value


@pytest.mark.parametrize("data", NOT_A_REPLY.values(), ids=NOT_A_REPLY)
def test_what_does_not_follow_the_schema_is_no_reply(data: bytes) -> None:
    heard = parse_reply(data)
    assert heard.reply is None
    assert heard.problem.startswith("reply.json: ")
    assert len(heard.problem) <= 400


def test_the_default_reply_is_one() -> None:
    assert parse_reply(GOOD).reply == reply()


def test_numbers_that_a_json_writer_shortens_are_still_numbers() -> None:
    heard = parse_reply(changed(samples_s=[1, 2], first_s=3))
    assert heard.reply is not None, heard.problem
    assert heard.reply.samples_s == (1.0, 2.0)


@pytest.mark.parametrize(
    ("extra", "taken"),
    [
        ({"a": "b", "n": 1, "x": 0.5, "yes": True}, True),
        ({str(number): number for number in range(64)}, True),
        ({str(number): number for number in range(65)}, False),
        ({"list": [1]}, False),
        ({"table": {}}, False),
        ({"null": None}, False),
        ([], False),
    ],
)
def test_what_a_workload_wants_kept_besides_is_flat_and_short(extra: Any, taken: bool) -> None:
    heard = parse_reply(changed(extra=extra))
    assert (heard.reply is not None) is taken, heard.problem
    if heard.reply is not None:
        assert json.dumps(heard.reply.extra) == json.dumps(extra), "true is no 1, and 1 no 1.0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def test_ten_thousand_mutations_give_a_reply_or_a_sentence_within_a_second() -> None:
    slowest = 0.0
    kinds = {True: 0, False: 0}
    for data in mutate(GOOD, 10_000, seed=20260101):
        begin = time.monotonic()
        taken = check_heard(data)
        slowest = max(slowest, time.monotonic() - begin)
        kinds[taken] += 1
    assert slowest < 1.0
    assert min(kinds.values()) > 500, "mutations that all end in the same way reach little"


def test_no_case_takes_memory_that_a_host_would_miss() -> None:
    """In a process of its own: what the corpus adds to the interpreter's peak."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.hostile_replies", "--mutations", "200"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"peak memory (\d+) MiB", child.stdout)
    assert found, child.stdout
    assert int(found[1]) < 200


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(json.loads(GOOD))), JSON)
def test_no_value_in_any_place_gives_a_traceback(key: str, value: Any) -> None:
    check_heard(changed(**{key: value}))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_give_a_traceback(data: bytes) -> None:
    check_heard(data)
