"""How is a ratio said, with no more digits than its interval allows?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.stats.verdicts import DELTA, Verdict, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.analysis.suspicion import Suspicion
    from orchestrator.stats.paired import Ratio
    from orchestrator.stats.welch import Unpaired

LARGE = 1e5
"""An interval of two blocks may end at 1e61, and no digit of that means anything."""
SCOPE = "Scope: these image builds on this machine; another build or machine may differ."
LEGEND = (
    "Words and intervals hold for all comparisons shown together (Holm: one false claim in 20 such tables). "
    "q is for exploring only and no word rests on it (Benjamini-Hochberg: of the rows with q <= 0.05, "
    "one in 20 is expected to be false)."
)


def say_number(count: int, noun: str) -> str:
    """`1 block`, `2 blocks`, `2 processes`."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun}es" if noun.endswith("s") else f"{count} {noun}s"


def say_verdict(
    said: Verdict, ratio: Ratio | None, *, family: int, blocks: int, level: float = 0.95, delta: float = DELTA
) -> str:
    """`1.083x faster (95 % CI 1.066-1.100, 10 blocks, paired t, Holm 3)`.

    `ratio` is time(candidate) / time(reference) with its interval adjusted for `family` comparisons at `level` for
    all of them together; `blocks` are those that were run, of which the ratio may hold fewer.
    """
    if ratio is None or said.word == Word.INVALID:
        return str(said)
    count = say_number(blocks, "block") if ratio.n == blocks else f"{ratio.n} of {say_number(blocks, 'block')}"
    if ratio.n < 2:
        return f"{said}: {ratio.estimate:.2f}x the time ({count}: no interval)"
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


def say_statement(text: str, *, failed: int, trials: int, seed: int, flags: Iterable[str]) -> str:
    """The sentence with what else it rests on: `...; 0 of 20 trials failed; seed 20260101; flags: steal, poor-core`."""
    # A flag is `steal: 0.3 s of 10 s`; a code may hold a colon itself, but no blank.
    codes = ", ".join(dict.fromkeys(flag.split(": ", 1)[0] for flag in flags))
    return f"{text}; {failed} of {say_number(trials, 'trial')} failed; seed {seed}; flags: {codes or 'none'}"


def say_unpaired(
    word: str,
    reason: str,
    ratio: Unpaired | None,
    *,
    family: int | None = None,
    level: float = 0.95,
    unit: str = "process",
) -> str:
    """`slower: 1.052x the time (95 % CI 1.041-1.063, 10 processes against 10, Welch t, Holm 3)`.

    Without a family, nothing is said of Holm: the interval is not adjusted.
    """
    said = f"{word}({reason})" if reason else word
    if ratio is None:
        return said
    now, before = ratio.counts
    number = f"{ratio.estimate:.{_digits(ratio.low, ratio.high)}f}x the time"
    counts = f"{say_number(now, unit)} against {before}"
    if min(ratio.counts) < 2:
        return f"{said}: {number} ({counts}: no interval)"
    interval = f"{100 * level:g} % CI {_range(ratio.low, ratio.high)}"
    holm = "" if family is None else f", Holm {family}"
    return f"{said}: {number} ({interval}, {counts}, Welch t{holm})"


def say_suspicion(suspicion: Suspicion, said: Verdict, level: float) -> str:
    """`suspect: steal in 2 of 10 blocks; without them 1.083x (1.066-1.100)`, as the sentence counts; or nothing."""
    if not suspicion.codes:
        return ""
    if suspicion.rest is None:
        return f"suspect: {suspicion}; without them too few blocks are left"
    rest = suspicion.rest.at(level)
    if rest.n < 2:
        return f"suspect: {suspicion}; without them {rest.estimate:.2f}x the time (1 block: no interval)"
    centre, low, high = rest.estimate, rest.low, rest.high
    if said.word == Word.FASTER:
        centre, low, high = 1 / centre, _inverse(high), _inverse(low)
    return f"suspect: {suspicion}; without them {centre:.{_digits(low, high)}f}x ({_range(low, high)})"


def _range(low: float, high: float) -> str:
    digits = _digits(low, high)
    if not math.isfinite(high):
        return f"{low:.{digits}f}-infinity"
    upper = f"{high:.{digits}f}" if high < LARGE else f"{high:.0e}"
    return f"{low:.{digits}f}-{upper}"


def _digits(low: float, high: float) -> int:
    """Decimals that show two figures of the half-width; from 0 to 5."""
    half = (high - low) / 2
    if not math.isfinite(half):
        return 2
    return 5 if half <= 0 else min(5, max(0, 1 - math.floor(math.log10(half))))


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else math.inf
