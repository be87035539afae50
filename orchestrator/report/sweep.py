"""How does a sweep over batches and image sizes look?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report import formats
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.analysis.sweep import Line, Point, Sweep

LEGEND = (
    "Milliseconds per step (geometric mean of the processes' medians) and, behind the slash, the most memory that a "
    "process held, in MiB, as the kernel counted it from outside. oom: the kernel ended it at the limit in the title."
)


def sweep_table(sweep: Sweep, form: str = "table") -> RenderableType | str:
    """A table for each network, mode and build: a row per image size, a column per batch."""
    if form == "json":
        return formats.write_json({"sweeps": _document(sweep)})
    sheets = [_sheet(line, points) for line, points in sorted(sweep.items())]
    below = [LEGEND] if sheets else ["No network was measured in more than one batch or size."]
    return write_sheets(sheets, below) if form == "markdown" else draw_sheets(sheets, below)


def _sheet(line: Line, points: dict[tuple[int, int], Point]) -> Sheet:
    sizes, batches = (sorted({key[axis] for key in points}) for axis in (0, 1))
    columns = tuple(f"batch {batch}" for batch in batches)
    limits = " or ".join(f"{size / 2**20:,.0f} MiB" for size in sorted({p.memory_bytes for p in points.values()}))
    threads = f"{line.threads} thread{'s' if line.threads > 1 else ''}"
    title = f"{line.network}, {line.mode}: {line.variant}, {line.execution}, {threads}, {limits}"
    lines = tuple(
        (f"{size} x {size}" if size else "-", *(_say(points.get((size, batch))) for batch in batches)) for size in sizes
    )
    return Sheet(title, ("image", *columns), lines, right=columns)


def _say(point: Point | None) -> str:
    if point is None:
        return "-"
    if point.verdict != "valid" or point.typical_s is None:
        return point.verdict
    memory = "-" if point.peak_bytes is None else f"{point.peak_bytes / 2**20:,.0f}"
    return f"{1000 * point.typical_s:,.4g} / {memory}"


def _document(sweep: Sweep) -> list[dict[str, object]]:
    return [
        {**line._asdict(), "size": size, "batch": batch, **point._asdict()}
        for line, points in sorted(sweep.items())
        for (size, batch), point in sorted(points.items())
    ]
