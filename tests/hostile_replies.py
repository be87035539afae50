"""What could a hostile workload write as its reply? `python -m tests.hostile_replies` has it all read, and counts.

Named cases, and seeded mutations of a good reply: bytes flipped, cut, doubled, and pieces of the named cases put in.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.nouns.job import REPLY_BYTES
from orchestrator.runner.reply import parse_reply
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
    **{
        f"{key}, which is the host's to say": changed(**{key: value})
        for key, value in {
            "image_id": "sha256:00",
            "key": "0" * 64,
            "flags": [],
            "valid": True,
            "observed": {"wall_s": 1.0},
            "provenance": {},
            "variant": {},
            "block": 0,
        }.items()
    },
    "errors as text": changed(errors={"y": "0"}),
}

TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"true", b"-", b"0", b"1e999"),
    *(
        b"NaN",
        b"-Infinity",
        b"9" * 40,
        b"[" * 40,
        b'{"a":' * 40,
        b"\xff",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\x1b[31m",
        b'"x":1,',
    ),
)


def mutate(good: bytes, count: int, *, seed: int) -> Iterator[bytes]:
    """`count` texts, each with one to four changes of `good`."""
    draw = random.Random(seed)
    for _ in range(count):
        data = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(data) + 1)
            end = min(len(data), place + draw.choice((0, 1, 1, 2, 8, 64, 512)))
            kind = draw.choice(("flip", "cut", "token", "token", "double", "digit", "splice"))
            if kind == "flip" and place < len(data):
                data[place] ^= 1 << draw.randrange(8)
            elif kind == "cut":
                del data[place:end]
            elif kind == "double":
                data[place:place] = data[place:end]
            elif kind == "digit":
                digits = [index for index in range(place, min(len(data), place + 400)) if 48 <= data[index] < 58]
                if digits:
                    data[draw.choice(digits)] = draw.randrange(48, 58)
            elif kind == "splice":
                begin = draw.randrange(len(good))
                data[place:end] = good[begin : begin + draw.randrange(64)]
            else:
                data[place:end] = draw.choice(TOKENS)
        yield bytes(data)


def check_heard(data: bytes) -> bool:
    """Whether a reply was taken. Fails where neither a reply nor a sentence came back, or one that cannot be kept."""
    heard = parse_reply(data)
    if heard.reply is None:
        assert 0 < len(heard.problem) <= 400
        heard.problem.encode()
        return False
    heard.reply.model_dump_json().encode()
    assert all(math.isfinite(sample) for sample in heard.reply.samples_s)
    return True


def main() -> None:
    """Print how many were read, how many were taken, and what the slowest and the largest cost."""
    asked = argparse.ArgumentParser(prog="python -m tests.hostile_replies", description=__doc__)
    asked.add_argument("--mutations", type=int, default=10_000)
    options = asked.parse_args()
    named = {**NOT_STRICT, **NOT_A_REPLY}
    tracebacks, taken, times = 0, 0, []
    before = peak_mib()
    for data in (*named.values(), *mutate(GOOD, options.mutations, seed=20260101)):
        begin = time.perf_counter()
        try:
            taken += check_heard(data)
        except Exception:
            tracebacks += 1
        times.append(time.perf_counter() - begin)
    sys.stdout.write(
        f"{len(named)} cases and {options.mutations:,} mutations: {taken:,} taken, {len(times) - taken:,} refused, "
        f"{tracebacks} tracebacks; slowest {max(times) * 1e3:.0f} ms, peak memory {peak_mib()} MiB "
        f"({before} MiB before the first)\n"
    )


def peak_mib() -> int:
    """Most memory that this process had resident."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main()
