"""What did the self-test find, and what follows from it?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.runner.planted import NODES
from orchestrator.screen.plain import say, show, write_json
from orchestrator.screen.remaining import clock
from orchestrator.stats.tally import chance_above
from orchestrator.stats.verdicts import Word

if TYPE_CHECKING:
    from orchestrator.runner.selftest import Answer, Selftest


def show_selftest(found: Selftest, *, as_json: bool) -> None:
    """A line per comparison, the tally of the A/A's where there are several, the scope, and how long it took."""
    if as_json:
        write_json(_document(found))
        return
    from orchestrator.report.grid import Grid

    headings = ("check", "answer", "expected", "found", "verdict")
    lines = [
        (each.check.name, "ok" if each.ok else "FAILED", _expected(each), _interval(each), each.comparison.text)
        for each in found.answers
    ]
    show(Grid(f"Self-test of {found.engine} with {found.variant}", headings, lines))
    if found.repeats > 1:
        say(_tally(found))
    say(found.scope)
    say(f"{clock(found.wall_s)} in all")


def say_failure(found: Selftest) -> str:
    """What failed, and what to try."""
    parts = []
    if found.claims > found.allowed:
        claims = [each.comparison.text for each in found.answers if each.check.nodes == NODES and not each.ok]
        advice = (
            "A single time that happens in up to 5 % of honest runs: run it again, or --repeat-aa 20"
            if found.repeats == 1
            else _tally(found)
        )
        parts.append(f"A/A: one build under two names was told apart ({'; '.join(claims[:3])}). {advice}.")
    parts += [f"{each.check.name}: expected {_expected(each)}, found {each.comparison.text}." for each in found.failed]
    words = {each.comparison.verdict.word for each in found.failed}
    if Word.INCONCLUSIVE in words:
        parts.append("Inconclusive says that this machine was too restless for a difference of that size, for now.")
    if words & {Word.FASTER, Word.SLOWER}:
        parts.append("Up to 5 % of honest intervals miss; where it fails again, something is wrong.")
    return f"the self-test failed. {' '.join(parts)} `bench doctor` says what disturbs; other work on the CPUs does"


def _document(found: Selftest) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "engine": found.engine,
        "variant": found.variant,
        "checks": [
            {
                "check": each.check.name,
                "ok": each.ok,
                "expected_ratio": each.check.expected,
                "verdict": str(each.comparison.verdict.word),
                "reason": each.comparison.verdict.reason,
                "time_ratio": each.comparison.ratio.estimate if each.comparison.ratio else None,
                "ratio_low": each.comparison.ratio.low if each.comparison.ratio else None,
                "ratio_high": _finite(each.comparison.ratio.high) if each.comparison.ratio else None,
                "blocks": each.comparison.ratio.n if each.comparison.ratio else 0,
                "text": each.comparison.text,
            }
            for each in found.answers
        ],
        "aa": {"repeats": found.repeats, "claims": found.claims, "allowed": found.allowed},
        "scope": found.scope,
        "wall_s": round(found.wall_s, 3),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _expected(each: Answer) -> str:
    if each.check.nodes == NODES:
        return "neither faster nor slower"
    slack = f" +- {each.check.slack:g}" if each.check.slack else ""
    return f"slower, {each.check.expected:g}{slack} in the interval"


def _interval(each: Answer) -> str:
    ratio = each.comparison.ratio
    return f"{ratio.estimate:.4f} ({ratio.low:.4f}-{ratio.high:.4f})" if ratio else "-"


def _tally(found: Selftest) -> str:
    chance = 100 * chance_above(found.allowed, found.repeats)
    return (
        f"A/A: {found.claims} of {found.repeats} comparisons of equals claimed a difference; "
        f"an honest tool claims more than {found.allowed} with a chance of {chance:.1f} %"
    )
