"""Is a series that warms up or slows down called what it is, from the engine's answer to the results?"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.compare import compare
from orchestrator.analysis.summary import summarise_records
from orchestrator.engines.fake import FakeEngine, answer, make_reply
from tests.flow.test_runner import ROWS, plan, run, setup

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.nouns.launch import Launch, Outcome
    from orchestrator.nouns.variant import Variant

STEPS = 60
SHAPES: dict[str, Callable[[int], float]] = {
    "flat": lambda _step: 1.0,
    "decaying by a tenth": lambda step: 1 + 0.1 * math.exp(-step / 5),
    "ramping by a twentieth": lambda step: 1 + 0.05 * step / STEPS,
}


def shaped(shape: Callable[[int], float]) -> FakeEngine:
    """An engine whose workloads take times of this shape, with a noise of half a per cent."""

    def script(launch: Launch, row: Variant | None) -> Outcome:
        chance = random.Random(launch.name)
        times = tuple(0.1 * shape(step) * (1 + 0.005 * chance.gauss(0, 1)) for step in range(STEPS))
        spent = {"samples_s": times, "wall_s": sum(times), "cpu_s": sum(times)}
        return answer(launch, make_reply(launch, row).model_copy(update=spent))

    return FakeEngine(script)


@pytest.mark.parametrize(
    ("name", "word"), [("flat", "steady"), ("decaying by a tenth", "drift"), ("ramping by a twentieth", "drift")]
)
def test_a_series_gets_its_word(name: str, word: str) -> None:
    records = run(shaped(SHAPES[name]), setup=setup(plan(blocks=6)))
    found = summarise_records(records)
    assert {each.diagnostics.steadiness for each in found if each.diagnostics is not None} == {word}
    said = [any(remark.startswith("no steady state") for remark in each.remarks) for each in found]
    assert said == [word == "drift"] * len(found)
    for item in compare(records, ROWS[0].id, ROWS[1].id).items:
        assert [note for note in item.notes if "is no steady state" in note] == [
            f"{row.id} is no steady state: its samples drift inside the processes"
            for row in ROWS[:2]
            if word == "drift"
        ]
