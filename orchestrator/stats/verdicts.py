"""Which of five words may be said of a ratio?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.stats.paired import Ratio

MIN_BLOCKS = 5
MIN_EFFECT = 0.01
DELTA = 0.02


class Word(StrEnum):
    """What a comparison says."""

    FASTER = "faster"
    """The interval, adjusted for the family, lies below 1, and the effect is not below `MIN_EFFECT`."""
    SLOWER = "slower"
    """The same above 1."""
    EQUIVALENT = "equivalent"
    """The 90 % interval lies within `DELTA` of 1: two one-sided tests at 5 % (Schuirmann 1987)."""
    INCONCLUSIVE = "inconclusive"
    """None of these can be said: too few blocks, or too much noise. Not a sign of equality."""
    INVALID = "invalid"
    """A side has no valid measurement, or the two were not measured alike."""


@dataclass(frozen=True)
class Verdict:
    """The word, and the reason where it needs one."""

    word: Word
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}({self.reason})" if self.reason else str(self.word)


def verdict(
    ratio: Ratio, *, delta: float = DELTA, min_effect: float = MIN_EFFECT, min_blocks: int = MIN_BLOCKS
) -> Verdict:
    """The word for time(a) / time(b). The ratio's interval is at the level that the family asks for."""
    if ratio.n < min_blocks:
        return Verdict(Word.INCONCLUSIVE, f"n<{min_blocks}")
    effect = math.log(ratio.estimate)
    if abs(effect) >= math.log1p(min_effect) and not ratio.low <= 1 <= ratio.high:
        return Verdict(Word.FASTER if effect < 0 else Word.SLOWER)
    ninety = ratio.at(0.90)
    # Symmetric on the log scale, so that the answer does not depend on which of the two is called a.
    if 1 / (1 + delta) < ninety.low and ninety.high < 1 + delta:
        return Verdict(Word.EQUIVALENT)
    return Verdict(Word.INCONCLUSIVE, "the interval is too wide" if ratio.low <= 1 <= ratio.high else "a small effect")
