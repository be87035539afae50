"""Which columns has a table of published numbers beside ours, and one of what mistakes were worth?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.as_published import Worth
    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.published import Answer, Beside, Ours
    from orchestrator.nouns.published import Counterpart, Mistake
    from orchestrator.report.rows import Row

# Column -> pandas' dtype; a time is in seconds. `our_*` are empty where the store has no such trials.
PUBLISHED_COLUMNS = {
    "source": "string",
    "workload": "string",
    "hardware": "string",
    "framework": "string",
    "variant": "string",
    "metric": "string",
    "published_s": "Float64",
    "published_sd_s": "Float64",
    "published_reference": "string",
    "published_ratio": "Float64",
    "implied_gflops": "Float64",
    "first_call_at_most_s": "Float64",
    "other_calls_at_least_s": "Float64",
    "mistakes": "string",
    "counterpart": "string",
    "why": "string",
    "our_candidate": "string",
    "our_reference": "string",
    "threads": "Int64",
    "mode": "string",
    "verdict": "string",
    "our_ratio": "Float64",
    "ratio_low": "Float64",
    "ratio_high": "Float64",
    "ratio_level": "Float64",
    "blocks": "Int64",
    "text": "string",
}

WORTH_COLUMNS = {
    "mistake": "string",
    "title": "string",
    "recreated": "string",
    "what": "string",
    "right": "string",
    "mistaken": "string",
    "mode": "string",
    "verdict": "string",
    "time_ratio": "Float64",
    "ratio_low": "Float64",
    "ratio_high": "Float64",
    "ratio_level": "Float64",
    "blocks": "Int64",
    "text": "string",
    "found": "string",
    "problem": "string",
}


def published_rows(answer: Answer) -> list[Row]:
    """A row per number and pair of ours, and per thread count and mode of that pair."""
    return [{**_number(beside), **ours} for beside in answer.rows for ours in _ours(beside)]


def worth_row(worth: Worth) -> Row:
    """A re-creation under WORTH_COLUMNS."""
    made = worth.recreated
    return {
        "mistake": made.mistake.code,
        "title": made.mistake.title,
        "recreated": made.name,
        "what": made.what,
        "right": made.right,
        "mistaken": made.workload,
        "mode": made.mode,
        **_comparison(worth.comparison),
        "found": say_found(worth),
        "problem": worth.problem,
    }


def say_found(worth: Worth) -> str:
    """What the checks say of the mistake; for a calling habit, what makes it impossible."""
    if worth.recreated.calls:
        return "cannot happen: the first call and the warm-up are kept apart from the samples"
    if worth.comparison is None and not worth.found:
        return "not asked"
    invalid = [each for each in worth.found if each.startswith("invalid(")]
    wrong = [each for each in worth.found if each not in invalid]
    said = [f"wrong: {'; '.join(wrong)}"] if wrong else []
    return f"yes, {'; '.join([*said, *invalid])}" if worth.found else "no: the output is the same"


def mistake_row(mistake: Mistake) -> dict[str, str | bool]:
    """Everything that is known of a mistake, for people who read JSON."""
    names = ("code", "title", "kind", "where", "what", "inferred", "here")
    return {name: getattr(mistake, name) for name in names}


def list_mistakes(answer: Answer) -> list[Mistake]:
    """Those that concern a row that is shown, each once, in the order of the file."""
    found = {each.code: each for row in answer.rows for each in row.mistakes}
    return sorted(found.values(), key=lambda each: (each.code[0], int(each.code[1:])))


def _number(beside: Beside) -> Row:
    number, bounds = beside.number, beside.bounds
    return {
        "source": number.source,
        "workload": number.workload,
        "hardware": number.hardware,
        "framework": number.framework,
        "variant": number.variant,
        "metric": number.metric,
        "published_s": number.seconds,
        "published_sd_s": number.sd * number.seconds / number.value if number.sd is not None else None,
        "published_reference": beside.reference.label if beside.reference else "",
        "published_ratio": beside.ratio,
        "implied_gflops": beside.rate / 1e9 if beside.rate is not None else None,
        "first_call_at_most_s": bounds.first_s if bounds else None,
        "other_calls_at_least_s": bounds.others_s if bounds else None,
        "mistakes": " ".join(each.code for each in beside.mistakes),
    }


def _ours(beside: Beside) -> Iterator[Row]:
    if not beside.ours:
        none: Row = {"counterpart": "none", "why": beside.none, "our_candidate": "", "our_reference": ""}
        yield {**none, "threads": None, "mode": "", "reference_mode": "", **_renamed(_comparison(None))}
    for ours in beside.ours:
        for comparison in _each(ours):
            yield {
                "counterpart": str(ours.pair.kind),
                "why": ours.pair.why,
                "our_candidate": ours.pair.candidate,
                "our_reference": ours.pair.reference,
                "threads": comparison.threads if comparison else None,
                "mode": comparison.mode if comparison else "",
                "reference_mode": _reference_mode(ours.pair, comparison),
                **_renamed(_comparison(comparison)),
            }


def _each(ours: Ours) -> Iterable[Comparison | None]:
    return ours.comparisons or (None,)


def _reference_mode(pair: Counterpart, comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    return pair.modes[1] if pair.modes is not None else comparison.mode


def _renamed(row: Row) -> Row:
    return {("our_ratio" if name == "time_ratio" else name): value for name, value in row.items()}


def _comparison(item: Comparison | None) -> Row:
    ratio = item.ratio if item else None
    return {
        "verdict": str(item.verdict.word) if item else "",
        "time_ratio": ratio.estimate if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        # JSON has no infinity: a single block has no upper end.
        "ratio_high": ratio.high if ratio and math.isfinite(ratio.high) else None,
        "ratio_level": ratio.level if ratio else None,
        "blocks": ratio.n if ratio else None,
        "text": item.text if item else "",
    }
