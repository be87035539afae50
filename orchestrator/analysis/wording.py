"""How is a ratio said, with no more digits than its interval allows?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.stats.verdicts import DELTA, Verdict, Word

if TYPE_CHECKING:
    from orchestrator.stats.paired import Ratio

SCOPE = "Scope: these image builds on this machine; another build or machine may differ."


def say_verdict(
    said: Verdict, ratio: Ratio | None, *, family: int, blocks: int, level: float = 0.95, delta: float = DELTA
) -> str:
    """`1.083x faster (95 % CI 1.066-1.100, 10 blocks, paired t, Holm 3)`.

    `ratio` is time(candidate) / time(reference) with its interval adjusted for `family` comparisons at `level` for
    all of them together; `blocks` are those that were run, of which the ratio may hold fewer.
    """
    if ratio is None or said.word == Word.INVALID:
        return str(said)
    count = f"{ratio.n} blocks" if ratio.n == blocks else f"{ratio.n} of {blocks} blocks"
    if said.word == Word.EQUIVALENT:
        ninety = ratio.at(0.90)
        digits = _digits(ninety.low, ninety.high)
        middle = f"{ratio.estimate:.{digits}f}x the time (90 % CI {ninety.low:.{digits}f}-{ninety.high:.{digits}f}"
        return f"equivalent within {100 * delta:g} %: {middle}, {count}, TOST)"
    centre, low, high = ratio.estimate, ratio.low, ratio.high
    if said.word == Word.FASTER:  # a speed-up is the inverse of a ratio of times
        centre, low, high = 1 / ratio.estimate, _inverse(ratio.high), _inverse(ratio.low)
    tail = f"{100 * level:g} % CI {_range(low, high)}, {count}, paired t, Holm {family})"
    number = f"{centre:.{_digits(low, high)}f}x"
    if said.word == Word.INCONCLUSIVE:
        return f"{said}: {number} the time ({tail}"
    return f"{number} {said.word} ({tail}"


def _range(low: float, high: float) -> str:
    digits = _digits(low, high)
    upper = f"{high:.{digits}f}" if math.isfinite(high) else "infinity"
    return f"{low:.{digits}f}-{upper}"


def _digits(low: float, high: float) -> int:
    """Decimals that show two figures of the half-width; from 0 to 5."""
    half = (high - low) / 2
    if not math.isfinite(half):
        return 2
    return 5 if half <= 0 else min(5, max(0, 1 - math.floor(math.log10(half))))


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else math.inf
