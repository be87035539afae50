"""Is a hostile reply refused with a reason, and never with a traceback?"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.nouns.job import REPLY_BYTES
from orchestrator.runner.reply import parse_reply
from orchestrator.runner.strict import StrictError, read_strict
from tests.makers import reply

GOOD = reply().model_dump_json().encode()


def changed(**fields: Any) -> bytes:
    """The default reply with other JSON in some places."""
    return json.dumps(json.loads(GOOD) | fields).encode()


def with_text(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


NOT_STRICT = {
    "empty": b"",
    "blank": b" \n",
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "NUL": b"\x00",
    "half an object": GOOD[:-1],
    "two objects": GOOD + GOOD,
    "something after it": GOOD + b"x",
    "a comment": b'{"a": 1} // x',
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "no quotes": b"{a: 1}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b"[-Infinity]",
    "1e999": b'{"a": 1e999}',
    "-1e999": b"[-1e999]",
    "an integer beyond 2^53": b"[9007199254740993]",
    "a negative one": b"[-9007199254740993]",
    "5000 digits": b"[" + b"9" * 5000 + b"]",
    "100000 digits": b"[" + b"9" * 100_000 + b"]",
    "leading zero": b"[01]",
    "plus sign": b"[+1]",
    "hexadecimal": b"[0x10]",
    "no digit before the point": b"[.5]",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, deep": b'[{"b": {"a": 1, "a": 1}}]',
    "a key twice by escape": b'{"a": 1, "\\u0061": 2}',
    "depth 33": b"[" * 33 + b"]" * 33,
    "depth 100000": b"[" * 100_000,
    "objects of depth 50000": b'{"a":' * 50_000,
    "depth behind a string": b'["[", ' + b"[" * 33 + b"]" * 33 + b"]",
    "depth behind a quote": b'["\\"", ' + b"[" * 33 + b"]" * 33 + b"]",
    "a long string": b'["' + b"x" * 4097 + b'"]',
    "a long key": b'{"' + b"x" * 4097 + b'": 1}',
    "a lone high surrogate": b'["\\ud800"]',
    "a lone low surrogate": b'["x\\udfff"]',
    "a lone surrogate as key": b'{"\\ud800": 1}',
    "a raw control character": b'["\x01"]',
    "a raw newline in a string": b'["\n"]',
    "an escaped NUL": b'["\\u0000"]',
    "an escaped escape sequence": b'["\\u001b[31m"]',
    "a control character as key": b'{"\\u0007": 1}',
    "DEL": b'["\\u007f"]',
    "a C1 control character": b'["\\u009b"]',
    "100001 items": b"[" + b"1," * 100_000 + b"1]",
    "too large": b'"' + b" " * REPLY_BYTES + b'"',
}


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


NOT_A_REPLY = {
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "nothing in it": b"{}",
    "another schema": changed(reply_schema=2),
    "no schema": with_text(b'"reply_schema":1,', b""),
    "a schema that equals 1": changed(reply_schema=True),
    "a schema as text": changed(reply_schema="1"),
    "an unknown key": changed(extra=1),
    "an unknown key, deep": changed(evidence=json.loads(GOOD)["evidence"] | {"extra": 1}),
    "an unknown status": changed(status="great"),
    "a status of the host": changed(status="oom"),
    "a status with a newline": changed(status="ok\n"),
    "true among the samples": changed(samples_s=[0.1, True]),
    "text among the samples": changed(samples_s=[0.1, "0.1"]),
    "null among the samples": changed(samples_s=[0.1, None]),
    "samples as text": changed(samples_s="0.1"),
    "samples as an object": changed(samples_s={"0": 0.1}),
    "no samples": changed(samples_s=[]),
    "a negative sample": changed(samples_s=[0.1, -0.1]),
    "a sample of nothing": changed(samples_s=[0.0]),
    "no evidence": changed(evidence=None),
    "loops as a fraction": changed(loops=1.5),
    "loops of nothing": changed(loops=0),
    "true as a count": changed(parameters=True),
    "text as a count": changed(parameters="12"),
    "image_id": changed(image_id="sha256:00"),
    "errors as text": changed(errors={"y": "0"}),
}


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
CHANGES = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=4), st.integers(0, 8)), max_size=6)


@settings(max_examples=1000, deadline=None)
@given(CHANGES)
def test_no_mutation_of_a_reply_gives_a_traceback(changes: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(GOOD)
    for place, inserted, removed in changes:
        data[place : place + removed] = inserted
    _check_heard(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(json.loads(GOOD))), JSON)
def test_no_value_in_any_place_gives_a_traceback(key: str, value: Any) -> None:
    _check_heard(changed(**{key: value}))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_give_a_traceback(data: bytes) -> None:
    _check_heard(data)


def _check_heard(data: bytes) -> None:
    heard = parse_reply(data)
    if heard.reply is None:
        assert heard.problem
        heard.problem.encode()
    else:
        heard.reply.model_dump_json().encode()
        assert all(math.isfinite(sample) for sample in heard.reply.samples_s)
