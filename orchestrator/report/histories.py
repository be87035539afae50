"""What does a history look like on a terminal, in Markdown and as data?"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from orchestrator.analysis.history import METHOD, mean_s
from orchestrator.analysis.wording import say_unpaired
from orchestrator.report import formats
from orchestrator.report.durations import show_duration
from orchestrator.report.escape import markdown_text
from orchestrator.report.sheets import Sheet, draw_sheets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.history import Change, Trace

HEADINGS = ("workload", "thr", "build", "runs", "from", "mean", "against before", "what differed")


def history_table(traces: Sequence[Trace], form: str = "table") -> RenderableType | str:
    """Histories as `table` (something for rich to draw), `markdown` or `json`."""
    if form == "json":
        return formats.write_json({"histories": [_document(trace) for trace in traces], "method": METHOD})
    lines = [line for trace in traces for line in _lines(trace)]
    if form == "markdown":
        return f"{formats.write_markdown(HEADINGS, lines)}\n{markdown_text(METHOD)}\n"
    sheet = Sheet("History, a line per level", HEADINGS, tuple(map(tuple, lines)), right=("thr", "runs"), names=3)
    return draw_sheets([sheet], [METHOD])


def _lines(trace: Trace) -> list[list[str]]:
    """A line per level: the first says how many there are, the others what they are against the one before."""
    series = trace.series
    mode = "" if series.mode == "default" else f" ({series.mode})"
    edges = [0, *(change.place for change in trace.changes), len(trace.points)]
    lines = []
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        points = trace.points[start:end]
        change = trace.changes[number - 1] if number else None
        lines.append(
            [
                series.workload,
                str(series.threads),
                f"{series.row}{mode}",
                str(len(points)),
                f"{points[0].started_at} ({points[0].variant})" if points else "-",
                show_duration(mean_s(points)) if points else "-",
                _say(change) if change is not None else trace.verdict,
                "; ".join(change.differences) if change is not None else "",
            ]
        )
    return lines


def _say(change: Change) -> str:
    word = "slower" if change.ratio.estimate > 1 else "faster"
    return say_unpaired(word, "", change.ratio, unit="run")


def _document(trace: Trace) -> dict[str, object]:
    return {
        **trace.series._asdict(),
        "verdict": trace.verdict,
        "points": [
            {
                "run": point.run,
                "started_at": point.started_at,
                "variant": point.variant,
                "processes": len(point.trials),
                "mean_s": mean_s([point]),
            }
            for point in trace.points
        ],
        "changes": [
            {
                "point": change.place,
                "run": trace.points[change.place].run,
                "started_at": trace.points[change.place].started_at,
                "variant": trace.points[change.place].variant,
                "time_ratio": change.ratio.estimate,
                "ratio_low": change.ratio.low,
                "ratio_high": change.ratio.high,
                "runs_before": change.ratio.counts[1],
                "runs_after": change.ratio.counts[0],
                "differences": list(change.differences),
            }
            for change in trace.changes
        ],
    }
