"""A text in every place of a record that can hold one: what may a container, or another's store, have written there?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas
from tests.makers import timed, variant

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = tuple[str | int, ...]


def spoil_records(text: str) -> tuple[list[Record], set[str]]:
    """Valid records, each with `text` in one of its places and in a block of its own; and the names of the places."""
    records: list[Record] = []
    places = set()
    for row in (variant(pip=("numpy==1",), apt=("a",), why="w", blas_alternative="/x"), variant(blas=Blas.MKL)):
        document = timed(row, 0, 0.1, reason="r").model_dump(mode="json")
        for place in _find_texts(document):
            try:
                spoiled = Record.model_validate_json(json.dumps(_put(document, place, text)), strict=True)
            except ValidationError:
                continue  # a name, a version, a status: no text of that kind is one
            records.append(spoiled.model_copy(update={"block": len(records)}))
            places.add(".".join(str(step) for step in place if not isinstance(step, int)))
    return records, places


def _find_texts(value: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _find_texts(inner, (*place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _find_texts(inner, (*place, number))


def _put(value: Any, place: Place, text: str) -> Any:
    if not place:
        return text
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = _put(value[place[0]], place[1:], text)
    return copied
