"""Which tables and charts of results does a page have, and what stands in each of their rows?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.overview import read_setting
from orchestrator.analysis.wording import say_number
from orchestrator.report.durations import show_duration, show_interval
from orchestrator.report.html_scale import scale_times
from orchestrator.report.rates import doubt_share, show_giga, show_own_share, show_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.overview import Overview
    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.summary import Summary
    from orchestrator.analysis.trials import Context
    from orchestrator.report.html_scale import Mark, Scale

    Placed = tuple[Summary, Place]

SUSPECT = "suspect: "


@dataclass(frozen=True)
class ResultRow:
    """A cell of the store as one line; all texts ready to be shown, `-` where there is none."""

    build: str
    mode: str
    """Empty for the one that runs when nobody asks."""
    setting: str
    """In which of several settings it was measured; empty where all rows of its table share one."""
    status: str
    mark: Mark | None
    suspect: bool
    """Something else than the build may have moved its times."""
    said: str
    """Of the mark, for those who do not see it."""
    time: str
    interval: str
    rate: str
    of_sgemm: str
    of_theory: str
    processes: str
    computed_in: str
    codes: tuple[str, ...]
    """What is flagged, in a word or a few."""
    numbers: tuple[tuple[str, str], ...]
    """What else is known of the time: name and value."""
    words: tuple[str, ...]
    """Reasons, flags and remarks in full."""


@dataclass(frozen=True)
class ResultTable:
    """The results of one workload on so many threads, fastest first, and the axis that they share."""

    anchor: str
    title: str
    scale: Scale | None
    rows: tuple[ResultRow, ...]
    setting: str
    """In which of several settings all rows were measured; empty where there is one only, or where rows differ."""
    optional: frozenset[str]
    """Columns in which anything stands."""
    timed: int
    fastest: ResultRow | None


@dataclass(frozen=True)
class Failure:
    """A reason why trials gave no result that may be compared, and the cells that it struck."""

    reason: str
    cells: tuple[tuple[str, tuple[str, ...]], ...]
    """Workload and threads -> builds, with how many of their trials are valid all the same."""
    count: int


def make_result_tables(overview: Overview) -> list[ResultTable]:
    """A table per workload and thread count."""
    numbers = {setting.context: number for number, setting in enumerate(overview.settings, 1)}
    grouped = groupby(overview.results, key=lambda pair: (pair[0].workload, pair[0].threads))
    return [
        _make_table(f"results-{number}", f"{workload}, {say_number(threads, 'thread')}", list(group), numbers)
        for number, ((workload, threads), group) in enumerate(grouped, 1)
    ]


def find_failures(overview: Overview) -> list[Failure]:
    """Every reason once: what broke a promise or was wrong first, what is unsupported last."""
    gathered: dict[str, dict[str, list[str]]] = {}
    for summary, _ in overview.results:
        where = f"{summary.workload}, {say_number(summary.threads, 'thread')}"
        for reason in summary.reasons:
            builds = gathered.setdefault(reason, {}).setdefault(where, [])
            valid = f" ({summary.valid} of {summary.blocks} valid)" if summary.valid else ""
            builds.append(f"{_name(summary)}{valid}")
    made = [
        Failure(reason, tuple((where, tuple(builds)) for where, builds in cells.items()), sum(map(len, cells.values())))
        for reason, cells in gathered.items()
    ]
    return sorted(made, key=lambda each: (*_gravity(each.reason), -each.count, each.reason))


def shorten_flag(flag: str) -> str:
    """`poor-core` of `poor-core: openblas takes ...`; `canary 1 of 3` of `suspect: canary in 1 of 3 trials`."""
    if flag.startswith(SUSPECT):
        return flag.removeprefix(SUSPECT).removesuffix(" trials").replace(" in ", " ")
    return flag.partition(": ")[0]


def _gravity(reason: str) -> tuple[bool, bool]:
    return reason.startswith("unsupported"), not reason.startswith("invalid(")


def _make_table(anchor: str, title: str, group: Sequence[Placed], settings: Mapping[Context, int]) -> ResultTable:
    scale = scale_times([summary.typical_s for summary, _ in group if summary.typical_s])
    ordered = sorted(group, key=lambda pair: (_typical(pair[0]), pair[0].variant, pair[0].mode))
    seen = {settings[read_setting(summary.context)] for summary, _ in group}
    rows = tuple(_make_row(summary, place, scale, settings if len(seen) > 1 else {}) for summary, place in ordered)
    wanted = ("rate", "of_sgemm", "of_theory", "interval", "computed_in")
    timed = sum(row.mark is not None for row in rows)
    return ResultTable(
        anchor=anchor,
        title=title,
        scale=scale,
        rows=rows,
        setting=str(min(seen)) if len(seen) == 1 < len(settings) else "",
        optional=frozenset(name for name in wanted if any(getattr(row, name) != "-" for row in rows)),
        timed=timed,
        fastest=rows[0] if timed else None,
    )


def _make_row(summary: Summary, place: Place, scale: Scale | None, settings: Mapping[Context, int]) -> ResultRow:
    typical, low, high = summary.typical_s or (None, None, None)
    mark = scale.mark((typical, low, high)) if scale and typical is not None else None
    half = (high - low) / 2 if high is not None and low is not None else None
    time, interval = show_duration(typical, half_width=half), show_interval(low, high)
    spread = (place.high - place.low) / 2 if place.high is not None and place.low is not None else None
    doubt = doubt_share(place)
    return ResultRow(
        build=summary.variant,
        mode="" if summary.mode == "default" else summary.mode,
        setting=str(settings[read_setting(summary.context)]) if settings else "",
        status=summary.verdict,
        mark=mark,
        suspect=any(flag.startswith(SUSPECT) for flag in summary.flags),
        said=f"{time}, 95 % interval {interval}" if interval != "-" else f"{time}, one process, no interval",
        time=time,
        interval=interval,
        rate=show_giga(place.rate, half_width=spread),
        of_sgemm=show_own_share(place, place.sgemm_share),
        of_theory=show_share(place.theory_share),
        processes=str(summary.valid) if summary.valid == summary.blocks else f"{summary.valid} of {summary.blocks}",
        computed_in=" ".join(part for part in (summary.facts.get("BLAS"), summary.facts.get("BLAS core")) if part)
        or "-",
        codes=tuple(dict.fromkeys(shorten_flag(flag) for flag in summary.flags)),
        numbers=_numbers(summary) if typical is not None else (),
        words=(*summary.reasons, *summary.flags, *summary.remarks, *([doubt] if doubt else [])),
    )


def _numbers(summary: Summary) -> tuple[tuple[str, str], ...]:
    half = (summary.high_s - summary.low_s) / 2 if summary.high_s is not None and summary.low_s is not None else None
    mean = show_duration(summary.mean_s, half_width=half)
    latency = summary.latency
    points = [(name, getattr(latency, name)) for name in ("p50", "p90", "p99")] if latency else []
    rate = summary.samples_per_s
    pairs = [
        ("mean", f"{mean} ({show_interval(summary.low_s, summary.high_s)})" if half is not None else mean),
        ("median of all samples", show_duration(summary.median_s)),
        ("fastest sample", show_duration(summary.min_s)),
        *((name, show_duration(found.estimate)) for name, found in points),
        ("samples per second", f"{rate[0]:.4g}" if rate else "-"),
        ("first call", show_duration(summary.first_s)),
        ("off by", f"{summary.error:.1e} of the output's spread" if summary.error is not None else "-"),
        ("computed in", summary.dtype if summary.dtype != "float32" else "-"),
    ]
    return tuple((name, value) for name, value in pairs if value != "-")


def _typical(summary: Summary) -> float:
    return summary.typical_s[0] if summary.typical_s else math.inf


def _name(summary: Summary) -> str:
    return summary.variant if summary.mode == "default" else f"{summary.variant} ({summary.mode})"
