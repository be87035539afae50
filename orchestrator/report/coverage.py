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
    "all runs, in spreads of the output, of which 1e-03 may pass. Of a gradient 1e-02 may pass, of the updates of "
    "training 5e-02, or five times what float32 numpy is off, where that is more; in a narrower "
    "type four times what rounding to it leaves in numpy. -: not run. A workload is "
    "never weakened to make a framework fit: what it has no operator for is unsupported, and the reason stands below."
)

COLUMNS = 7
"""Workloads side by side at most."""


def coverage_table(coverage: Coverage, form: str = "table") -> RenderableType | str:
    """Every row and mode by workload, then why an answer is none, as `table`, `markdown` or `json`."""
    if form == "json":
        return formats.write_json({"coverage": _document(coverage)})
    sheets = [_counts(coverage), *_by_network(coverage), *_worst(coverage), *_losses(coverage), *_reasons(coverage)]
    return write_sheets(sheets, [LEGEND]) if form == "markdown" else draw_sheets(sheets, [LEGEND])


def _workloads(coverage: Coverage) -> list[str]:
    return sorted({workload for answers in coverage.values() for workload in answers})


def _counts(coverage: Coverage) -> Sheet:
    """How many of each answer, by mode."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for answers in coverage.values():
        for workload, answer in answers.items():
            counted[workload.split("-")[1]][answer.verdict] += 1
    total = sum(counted.values(), Counter[str]())
    verdicts = [verdict for verdict, _ in total.most_common()]
    said = ", ".join(f"{total[verdict]:,} {verdict}" for verdict in verdicts)
    lines = tuple((mode, *(f"{counted[mode][verdict]:,}" for verdict in verdicts)) for mode in sorted(counted))
    title = f"{len(_workloads(coverage))} workloads in {len(coverage)} rows and modes: {said or 'nothing has run'}"
    return Sheet(title, ("workloads of mode", *verdicts), lines, names=1)


def _by_network(coverage: Coverage) -> list[Sheet]:
    """A table for each family of networks and mode: all of them side by side would be wider than any page."""
    families: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in _workloads(coverage):
        network, mode = name.split("-")[:2]
        families[mode, network.split("_")[0]].append(name)
    pages: list[list[str]] = []
    for key in sorted(families):
        mode = key[0]
        if pages and pages[-1][0].split("-")[1] == mode and len(pages[-1]) + len(families[key]) <= COLUMNS:
            pages[-1] += families[key]
        else:
            pages += [families[key][first : first + COLUMNS] for first in range(0, len(families[key]), COLUMNS)]
    return [_answers(coverage, page) for page in pages]


def _answers(coverage: Coverage, columns: list[str]) -> Sheet:
    lines = tuple(
        (variant, mode, *(_say(answers.get(name)) for name in columns))
        for (variant, mode), answers in sorted(coverage.items())
        if any(name in answers for name in columns)
    )
    return Sheet(", ".join(columns), ("variant", "mode", *columns), lines, names=2)


def _losses(coverage: Coverage) -> list[Sheet]:
    """Of each workload that trains: the first losses, framework by framework, and what it reached."""
    sheets = []
    for name in _workloads(coverage):
        lines = tuple(
            (variant, mode, *(f"{loss:.5f}" for loss in learning.losses), _share(learning.accuracy))
            for (variant, mode), answers in sorted(coverage.items())
            if (answer := answers.get(name)) is not None and (learning := answer.learning) is not None
        )
        if lines:
            steps = tuple(f"loss {step}" for step in range(1, max(map(len, lines)) - 2))
            sheets.append(Sheet(f"First losses of {name}", ("variant", "mode", *steps, "accuracy"), lines, names=2))
    return sheets


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


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
