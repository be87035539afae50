"""What do results and comparisons look like in the format that was asked for?"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.analysis.roofline import NOWHERE
from orchestrator.report import formats, samples
from orchestrator.report.drawing import draw_comparisons, draw_results, say_nothing
from orchestrator.report.durations import show_chance, show_duration, show_interval
from orchestrator.report.rates import doubt_share, show_place
from orchestrator.report.roofs import LEGEND, make_roofs
from orchestrator.report.rows import (
    COMPARISON_COLUMNS,
    RESULT_COLUMNS,
    comparison_row,
    difference_lines,
    result_row,
    say_failures,
)
from orchestrator.report.sheets import draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.compare import Comparison, Comparisons
    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.summary import Summary

RESULT_HEADINGS = (
    *("workload", "variant", "thr", "mean", "95 % CI", "median", "first"),
    *("GFLOP/s (of SGEMM)", "blocks", "BLAS seen", "remarks"),
)
COMPARISON_HEADINGS = ("workload", "thr", "build", "against", "verdict", "q", "what differed", "remarks")


class Part(StrEnum):
    """A table that may follow the results on a terminal and in Markdown; the formats of data hold everything anyway."""

    LIMITS = "limits"
    """Shares of the peaks and the place under the roofline."""
    SAMPLES = "samples"
    """Percentiles, outliers, drift, and what to measure more of."""


def results_table(
    summaries: Sequence[Summary],
    form: str = "table",
    places: Sequence[Place] = (),
    *,
    parts: Collection[Part] = tuple(Part),
) -> RenderableType | str | bytes:
    """Results as `table` (something for rich to draw), `csv`, `json`, `markdown` (text) or `parquet` (bytes).

    `places` are those of the summaries, in their order; without them the columns of the roofline are empty.
    """
    placed = list(zip(summaries, places or [NOWHERE] * len(summaries), strict=True))
    rows = [result_row(summary, place) for summary, place in placed]
    if form == "csv":
        return formats.write_csv(rows, RESULT_COLUMNS)
    if form == "json":
        return formats.write_json({"results": rows})
    if form == "parquet":
        return formats.write_parquet(rows, RESULT_COLUMNS)
    lines = [_result_line(summary, place) for summary, place in placed]
    roofs = make_roofs(placed) if Part.LIMITS in parts else []
    behind = samples.make_samples(summaries) if Part.SAMPLES in parts else []
    added = [(roofs, [LEGEND]), (behind, [samples.LEGEND])]
    if form == "markdown":
        written = [write_sheets(sheets, legend) for sheets, legend in added if sheets]
        return "\n".join([formats.write_markdown(RESULT_HEADINGS, lines), *written])
    from rich.console import Group

    return Group(draw_results(placed), *(draw_sheets(sheets, legend) for sheets, legend in added if sheets))


def comparisons_table(comparisons: Comparisons, form: str = "table") -> RenderableType | str | bytes:
    """Comparisons in the same formats.

    What was left out, the rule for the reference and the scope come with every format but CSV and Parquet.
    """
    rows = [comparison_row(item) for item in comparisons.items]
    if form == "csv":
        return formats.write_csv(rows, COMPARISON_COLUMNS)
    if form == "parquet":
        return formats.write_parquet(rows, COMPARISON_COLUMNS)
    if form == "json":
        about = {"reference": comparisons.rule, "left_out": list(comparisons.left_out), "scope": comparisons.scope}
        about["legend"] = comparisons.legend
        return formats.write_json({"comparisons": rows, **about})
    lines = [_comparison_line(item) for item in comparisons.items]
    nothing = [] if comparisons.items else [f"{say_nothing(comparisons)}."]
    below = [*nothing, f"Reference: {comparisons.rule}.", *(f"Not compared: {each}." for each in comparisons.left_out)]
    below += [*([comparisons.legend] if comparisons.items else []), comparisons.scope]
    if form == "markdown":
        from orchestrator.report.escape import markdown_text

        words = "\n\n".join(markdown_text(line) for line in below)
        return f"{formats.write_markdown(COMPARISON_HEADINGS, lines)}\n{words}\n"
    return draw_comparisons(comparisons)


def _result_line(summary: Summary, place: Place) -> list[str]:
    half = (summary.high_s - summary.low_s) / 2 if summary.high_s is not None and summary.low_s is not None else None
    seen = " ".join(part for part in (summary.facts.get("BLAS"), summary.facts.get("BLAS core")) if part)
    failures = [say_failures(summary.failed, summary.blocks)] if summary.failed else []
    remarks = [*failures, *summary.reasons, *summary.flags, *summary.remarks]
    remarks += [doubt] if (doubt := doubt_share(place)) else []
    if summary.dtype != "float32" and summary.error is not None:
        remarks.insert(0, f"off by {summary.error:.1e} of the output's spread")
    if summary.mode != "default":
        remarks.insert(0, f"mode {summary.mode}")
    return [
        summary.workload,
        summary.variant,
        str(summary.threads),
        show_duration(summary.mean_s, half_width=half),
        show_interval(summary.low_s, summary.high_s),
        show_duration(summary.median_s),
        show_duration(summary.first_s),
        show_place(place),
        str(summary.valid) if summary.valid == summary.blocks else f"{summary.valid} of {summary.blocks}",
        seen or "-",
        "; ".join(remarks),
    ]


def _comparison_line(item: Comparison) -> list[str]:
    row = comparison_row(item)
    failed = (str(row["failed_reference"]), str(row["failed_candidate"])) if item.ratio is not None else ()
    remarks = (*item.notes, *failed, str(row["flags"]))
    return [
        item.workload,
        str(item.threads),
        item.candidate.variant,
        item.reference.variant,
        item.statement,
        show_chance(item.q_bh),
        " ".join(difference_lines(item)),
        "; ".join(part for part in remarks if part),
    ]
