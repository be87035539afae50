"""What does the catalogue look like beside what was seen of each row?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.analysis.standing import ASKED, Status
from orchestrator.report import formats
from orchestrator.report.durations import show_duration, show_interval
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.standing import Standing, Time

HEADINGS = (
    *("variant", "status", "MB", "adds MB", "versions found", "BLAS proved", "error"),
    *("vgg16 @1", "vgg16 @2", "mobilenet_v1 @1", "mobilenet_v1 @2"),
)
LEGEND = (
    "Times: batch 1, by threads; the geometric mean of the medians of the processes, with its 95 % interval (t on the "
    "logarithms) where more than one ran, in blocks of one process each. The error is the worst difference from the "
    "reference in spreads of the output. MB: the image, `adds` the layers that no image above it has; rows that share "
    "an image add nothing."
)
VERSIONS = ("framework", "numpy", "python")
Size = tuple[int | None, int | None]
"""Bytes of an image, and bytes that it adds."""


def catalogue_table(
    standings: Sequence[Standing], sizes: Mapping[str, Size], form: str = "table"
) -> RenderableType | str:
    """Every row with status, image, versions, BLAS and times, as `table`, `markdown` or `json`.

    `sizes` is by the row's identifier; rows without an image on this engine are not in it.
    """
    if form == "json":
        return formats.write_json({"variants": [_document(each, sizes) for each in standings]})
    sheets = [_sheet(standings, sizes), *_families(standings, sizes), *_reasons(standings)]
    return write_sheets(sheets, [LEGEND]) if form == "markdown" else draw_sheets(sheets, [LEGEND])


def _sheet(standings: Sequence[Standing], sizes: Mapping[str, Size]) -> Sheet:
    counts = Counter(each.status for each in standings)
    said = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    lines = tuple(_line(each, sizes.get(each.variant.id, (None, None))) for each in standings)
    return Sheet(f"{len(standings)} variants: {said}", HEADINGS, lines, right=("MB", "adds MB", "error"))


def _line(standing: Standing, size: Size) -> tuple[str, ...]:
    facts = standing.facts
    onednn, blas = facts.get("oneDNN", "absent"), _proved_blas(standing)
    return (
        standing.variant.id,
        str(standing.status),
        *("-" if value is None else f"{value / 1e6:,.0f}" for value in size),
        ", ".join(dict.fromkeys(_version(name, facts[name]) for name in VERSIONS if facts.get(name))) or "-",
        (f"{blas}; oneDNN {onednn}" if onednn != "absent" else blas) or "-",
        "-" if standing.error is None else f"{standing.error:.1g}",
        *(_time(standing.times.get((name, threads))) for name in ASKED for threads in (1, 2)),
    )


def _proved_blas(standing: Standing) -> str:
    """What the label's library was seen to be, then what else was mapped."""
    facts, label = standing.facts, str(standing.variant.blas)
    if not facts:
        return ""
    found = " ".join(part for part in (facts.get("BLAS"), facts.get("BLAS core")) if part)
    if label in (facts.get("BLAS") or "").split():
        return found
    # Its kernels are a part of the framework: that no rival computes is the proof, and a bystander may be mapped.
    return f"{label}, compiled in" + (f"; mapped: {found}" if found else "")


def _version(name: str, text: str) -> str:
    return text if name == "framework" else f"{name} {text}"


def _time(time: Time | None) -> str:
    if time is None:
        return "-"
    interval = show_interval(time.low_s, time.high_s)
    return show_duration(time.typical_s) + (f" ({interval})" if interval != "-" else "")


def _families(standings: Sequence[Standing], sizes: Mapping[str, Size]) -> list[Sheet]:
    """What the images of each framework take: all of each, and what they add with every layer counted once."""
    held: dict[str, list[Size]] = {}
    for each in standings:
        if (size := sizes.get(each.variant.id)) is not None:
            held.setdefault(each.variant.framework, []).append(size)
    if not held:
        return []
    held["all"] = [size for sizes_of_one in held.values() for size in sizes_of_one]
    lines = []
    for name, found in held.items():
        # Rows that share an image add nothing; the image is counted with the first of them.
        images = [size for size in found if size[1] != 0]
        lines.append((name, str(len(found)), str(len(images)), _total(images, 0), _total(images, 1)))
    headings = ("framework", "rows", "images", "MB", "adds MB")
    below = "`adds` counts a layer once, as `docker system df` does; a base that several frameworks use is the first's."
    return [Sheet("What the images take", headings, tuple(lines), (below,), right=headings[1:])]


def _total(sizes: Sequence[Size], which: int) -> str:
    return f"{sum(size[which] or 0 for size in sizes) / 1e6:,.0f}"


def _reasons(standings: Sequence[Standing]) -> list[Sheet]:
    """What is not verified, and why, in full."""
    lines = tuple((each.variant.id, str(each.status), each.why) for each in standings if each.why)
    if not lines:
        return []
    return [Sheet("Not verified, or not all of it", ("variant", "status", "why"), lines)]


def _document(standing: Standing, sizes: Mapping[str, Size]) -> dict[str, object]:
    size, added = sizes.get(standing.variant.id, (None, None))
    return {
        "id": standing.variant.id,
        "status": str(standing.status),
        "why": standing.why,
        "size_bytes": size,
        "added_bytes": added,
        "facts": dict(standing.facts),
        "error": standing.error,
        "times": [
            {"workload": workload, "threads": threads, **time._asdict()}
            for (workload, threads), time in sorted(standing.times.items())
        ],
        "variant": standing.variant.model_dump(mode="json"),
    }
