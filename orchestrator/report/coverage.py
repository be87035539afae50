"""How does the table of workloads by framework and mode look?"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from orchestrator.report import formats
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from orchestrator.analysis.coverage import Answer, Coverage

LEGEND = (
    "A number: it ran, kept the promises of its label and agreed with the reference; it is the worst difference over "
    "all runs, in spreads of the output, of which 1e-03 may pass, and 1e-02 of a gradient. -: not run. A workload is "
    "never weakened to make a framework fit: what it has no operator for is unsupported, and the reason stands below."
)


def coverage_table(coverage: Coverage, form: str = "table") -> RenderableType | str:
    """Every row and mode by workload, then why an answer is none, as `table`, `markdown` or `json`."""
    if form == "json":
        return formats.write_json({"coverage": _document(coverage)})
    sheets = [_answers(coverage), *_worst(coverage), *_reasons(coverage)]
    return write_sheets(sheets, [LEGEND]) if form == "markdown" else draw_sheets(sheets, [LEGEND])


def _workloads(coverage: Coverage) -> list[str]:
    return sorted({workload for answers in coverage.values() for workload in answers})


def _answers(coverage: Coverage) -> Sheet:
    columns = _workloads(coverage)
    counts = Counter(answer.verdict for answers in coverage.values() for answer in answers.values())
    said = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.most_common())
    lines = tuple(
        (variant, mode, *(_say(answers.get(name)) for name in columns))
        for (variant, mode), answers in sorted(coverage.items())
    )
    title = f"{len(columns)} workloads in {len(lines)} rows and modes: {said or 'nothing has run'}"
    return Sheet(title, ("variant", "mode", *columns), lines, names=2)


def _say(answer: Answer | None) -> str:
    if answer is None:
        return "-"
    if answer.verdict != "valid":
        return answer.verdict
    return "ok" if answer.error is None else f"{answer.error:.0e}"


def _worst(coverage: Coverage) -> list[Sheet]:
    """By network, who was farthest from the reference: a backend that computes something else shows here first."""
    worst: dict[str, tuple[float, str]] = {}
    for (variant, mode), answers in coverage.items():
        for workload, answer in answers.items():
            if answer.error is not None and answer.error >= worst.get(workload, (-1.0, ""))[0]:
                worst[workload] = (answer.error, f"{variant}, {mode}")
    if not worst:
        return []
    lines = tuple((name, f"{error:.1e}", where) for name, (error, where) in sorted(worst.items()))
    return [Sheet("The worst difference from the reference", ("workload", "error", "where"), lines, right=("error",))]


def _reasons(coverage: Coverage) -> list[Sheet]:
    """One line per reason, with everything that it kept from running."""
    gathered: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (variant, mode), answers in sorted(coverage.items()):
        for workload, answer in sorted(answers.items()):
            if answer.verdict != "valid":
                gathered[answer.verdict, answer.reason].append(f"{workload}@{variant} ({mode})")
    if not gathered:
        return []
    lines = tuple((verdict, reason or "-", "; ".join(where)) for (verdict, reason), where in sorted(gathered.items()))
    return [Sheet("What did not run", ("answer", "why", "where"), lines)]


def _document(coverage: Mapping[tuple[str, str], Mapping[str, Answer]]) -> list[dict[str, object]]:
    return [
        {"variant": variant, "mode": mode, "workload": workload, **answer._asdict()}
        for (variant, mode), answers in sorted(coverage.items())
        for workload, answer in sorted(answers.items())
    ]
