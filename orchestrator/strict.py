"""Is this JSON what it pretends to be? Python's own parser accepts much that JSON, or a reader of it, does not."""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEPTH = 32
STRING_CHARACTERS = 4096
ITEMS = 100_000
LARGEST_INT = 2**53
"""Above it, a reader that knows only doubles sees another number."""
INT_DIGITS = 20
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and surrogates: one alone parses, and then cannot be written as UTF-8."""

# A string as a whole, also one that never ends, so that its brackets are not seen; or a bracket.
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class StrictError(ValueError):
    """What is wrong, in a sentence that names the place."""


def read_strict(data: bytes, limit: int) -> Any:
    """The value of a JSON text that is UTF-8 without a mark, of at most `limit` bytes. Raises StrictError.

    Refused: nesting beyond 32, keys twice in one object, NaN and infinities (also as `1e999`), integers beyond 2^53,
    strings over 4096 characters, with lone surrogates or with control characters, arrays over 100,000 items.
    """
    if len(data) > limit:
        raise StrictError(f"{len(data)} bytes, at most {limit} are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictError(f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise StrictError("it begins with a byte order mark")
    _check_depth(text)  # before the parser, which recurses
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise StrictError(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    _check(value, "")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > DEPTH:
                raise StrictError(f"nested deeper than {DEPTH}")
        elif found[0] in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise StrictError(f"key {_shown(key)} is there twice")
        found[key] = value
    return found


def _int(text: str) -> int:
    # a text of thousands of digits would make `int` raise, or take long
    if len(text) > INT_DIGITS or abs(number := int(text)) > LARGEST_INT:
        raise StrictError(f"the integer {text[:24]} is beyond 2^53")
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise StrictError(f"the number {text[:24]} is not finite")
    return number


def _constant(text: str) -> float:
    raise StrictError(f"{text} is not JSON")


def _check(value: Any, where: str) -> None:
    if isinstance(value, str):
        _check_string(value, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_string(key, f"{where}, a key")
            _check(item, f"{where}.{key[:60]}")
    elif isinstance(value, list):
        if len(value) > ITEMS:
            raise StrictError(f"{where or 'the top'}: {len(value)} items, at most {ITEMS}")
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")


def _check_string(text: str, where: str) -> None:
    if len(text) > STRING_CHARACTERS:
        raise StrictError(f"{where}: a string of {len(text)} characters, at most {STRING_CHARACTERS}")
    if found := FORBIDDEN.search(text):
        raise StrictError(f"{where}: a string holds the character U+{ord(found[0]):04X}")


def _shown(text: str) -> str:
    return ascii(text[:60])
