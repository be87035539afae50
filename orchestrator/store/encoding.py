"""How does a record become bytes, and what is wrong with bytes that are none?

A file is `{"sha256":"<64 hex>","record":<body>}` and a newline, where the body is JSON with sorted keys and no blanks,
and the hash is taken over the body's bytes as they are in the file: any byte that changes is noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from orchestrator.errors import StoreError
from orchestrator.nouns.record import RECORD_SCHEMA, Record
from orchestrator.store.upgrade import upgrade_content

RECORD_BYTES = 4 * 2**20
"""A reply has at most 1 MiB; with everything else a record stays far below this."""

_HEAD = b'{"sha256":"'
_MIDDLE = b'","record":'
_TAIL = b"}\n"
_BODY_AT = len(_HEAD) + 64 + len(_MIDDLE)


class BadRecordError(Exception):
    """These bytes are not a record that this version can read: `kind` is `damaged` or `newer`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def encode_record(record: Record) -> bytes:
    """The bytes of a record's file. Raises StoreError for a number that is not finite, and for one far too large."""
    content = record.model_dump()
    for place, value in record.unknown:
        _put_back(content, place, value)
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
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
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadRecordError("damaged", f"it is not JSON: {error}") from error
    schema = content.get("record_schema") if isinstance(content, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise BadRecordError("damaged", "it does not follow the schema: it has no record_schema")
    if schema > RECORD_SCHEMA:
        reason = f"it has record_schema {schema}, written by a newer bench; this one reads up to {RECORD_SCHEMA}"
        raise BadRecordError("newer", reason)
    if schema < 1:
        raise BadRecordError("damaged", f"there never was a record_schema {schema}")
    # 1e999 is a number to every parser. Written out again it is a word, which a text may hold as well: look twice.
    if b"Infinity" in to_json(content, inf_nan_mode="constants") and not _finite(content):
        raise BadRecordError("damaged", "it holds a number that is not finite")
    if schema < RECORD_SCHEMA:
        content = upgrade_content(content, schema)
        body = to_json(content)
    try:
        return _read_content(content, body)
    except ValueError as error:
        problem = " ".join(str(error).split())[:300]
        raise BadRecordError("damaged", f"it does not follow the schema: {problem}") from error


def _read_content(content: dict[str, Any], body: bytes) -> Record:
    """The record in both forms of its JSON; fields without a name here are set aside, whatever noun they stand in."""
    try:
        return Record.model_validate_json(body, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if any(each["type"] != "extra_forbidden" for each in found):
            raise
        unknown = tuple((each["loc"], _take(content, each["loc"])) for each in found)
    return Record.model_validate_json(to_json(content), strict=True).with_unknown(unknown)


def _take(content: Any, place: tuple[str | int, ...]) -> Any:
    for step in place[:-1]:
        content = content[step]
    return content.pop(place[-1])


def _put_back(content: Any, place: tuple[str | int, ...], value: Any) -> None:
    for step in place[:-1]:
        content = content[step]
    content[place[-1]] = value


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
