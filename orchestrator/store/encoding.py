"""How does a record become bytes, and what is wrong with bytes that are none?

A file is `{"sha256":"<64 hex>","record":<body>}` and a newline, where the body is JSON with sorted keys and no blanks,
and the hash is taken over the body's bytes as they are in the file: any byte that changes is noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.nouns.record import RECORD_SCHEMA, Record

RECORD_BYTES = 4 * 2**20
"""A reply has at most 1 MiB; with everything else a record stays far below this."""

_HEAD = b'{"sha256":"'
_MIDDLE = b'","record":'
_TAIL = b"}\n"
_BODY_AT = len(_HEAD) + 64 + len(_MIDDLE)
# Spellings of numbers that are not finite, or may overflow to infinity; also found in text, hence the second look.
_SUSPECT = re.compile(rb"NaN|Infinity|[eE]\+?[0-9]{3}|[0-9]{300}")


class BadRecordError(Exception):
    """These bytes are not a record that this version can read: `kind` is `damaged` or `newer`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def encode_record(record: Record) -> bytes:
    """The bytes of a record's file. Raises StoreError for a number that is not finite, and for one far too large."""
    try:
        text = json.dumps(
            record.model_dump(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        body = text.encode()
    except ValueError as error:  # UnicodeEncodeError is one: a lone surrogate
        raise StoreError(f"the record of {record.cell} cannot be written: {error}; report this as a bug") from error
    data = _HEAD + hashlib.sha256(body).hexdigest().encode() + _MIDDLE + body + _TAIL
    if len(data) > RECORD_BYTES:
        raise StoreError(
            f"the record of {record.cell} has {len(data)} bytes, more than {RECORD_BYTES}; report this as a bug"
        )
    return data


def decode_record(data: bytes) -> Record:
    """The record in a file's bytes. Raises BadRecordError with the reason; never anything else."""
    if not data:
        raise BadRecordError("damaged", "the file is empty")
    if not data.startswith(_HEAD) or data[_BODY_AT - len(_MIDDLE) : _BODY_AT] != _MIDDLE:
        raise BadRecordError("damaged", "it does not begin as a record does")
    if not data.endswith(_TAIL):
        raise BadRecordError("damaged", "it is truncated: the end is missing")
    body = data[_BODY_AT : -len(_TAIL)]
    if hashlib.sha256(body).hexdigest().encode() != data[len(_HEAD) : len(_HEAD) + 64]:
        raise BadRecordError("damaged", "its content does not match its sha256")
    return _validate(body)


def _validate(body: bytes) -> Record:
    problem = ""
    try:
        record = Record.model_validate_json(body, strict=True)
    except ValueError as error:
        problem = " ".join(str(error).split())[:300]
    else:
        if record.record_schema == RECORD_SCHEMA and not _not_finite(body):
            return record
        problem = "it holds a number that is not finite"
    schema = _schema(body)
    if schema is not None and schema > RECORD_SCHEMA:
        reason = f"it has record_schema {schema}, written by a newer bench; this one reads up to {RECORD_SCHEMA}"
        raise BadRecordError("newer", reason)
    if schema is not None and schema < RECORD_SCHEMA:
        raise BadRecordError("damaged", f"there never was a record_schema {schema}")
    raise BadRecordError("damaged", f"it does not follow the schema: {problem}")


def _schema(body: bytes) -> int | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    schema = content.get("record_schema") if isinstance(content, dict) else None
    return schema if isinstance(schema, int) and not isinstance(schema, bool) else None


def _not_finite(body: bytes) -> bool:
    # pydantic's parser takes NaN, Infinity and 1e999 (which becomes infinity) for floats.
    if not _SUSPECT.search(body):
        return False
    return not _finite(json.loads(body))


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(each) for each in value.values())
    return all(_finite(each) for each in value) if isinstance(value, list) else True
