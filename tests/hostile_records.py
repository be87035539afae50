"""A text or a number in every place of a record that can hold one: what may somebody else have written there?"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from orchestrator.nouns.conditions import Canary, Conditions
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas
from tests.makers import observed, timed, variant

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


def spoil_numbers(number: float) -> list[Record]:
    """Records with `number` in one of their places, or in all samples, each in a block of its own."""
    seen = Conditions(canaries=(Canary(cpu=0, before_s=0.1, after_s=0.1),))
    document = timed(variant(), 0, 0.1, observed=observed(wall_s=6.0, conditions=seen)).model_dump(mode="json")
    spoiled = [_put(document, place, number) for place in _find_numbers(document)]
    spoiled.append(_put(document, ("reported", "samples_s"), [number] * 10))
    # The host's own count as well, so that nothing gives the samples the lie.
    spoiled.append(_put(spoiled[-1], ("observed", "wall_s"), number))
    records: list[Record] = []
    for each in spoiled:
        with contextlib.suppress(ValidationError):
            found = Record.model_validate_json(json.dumps(each), strict=True)
            records.append(found.model_copy(update={"block": len(records)}))
    return records


def _find_numbers(value: Any, place: Place = ()) -> Iterator[Place]:
    """Also where nothing stands: some of these places are for numbers."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _find_numbers(inner, (*place, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:1]):
            yield from _find_numbers(inner, (*place, index))


def _find_texts(value: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _find_texts(inner, (*place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _find_texts(inner, (*place, number))


def _put(value: Any, place: Place, content: Any) -> Any:
    if not place:
        return content
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = _put(value[place[0]], place[1:], content)
    return copied
