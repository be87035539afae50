"""What do the peaks of images and machines look like in the format that was asked for?"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.wording import say_number
from orchestrator.report import formats
from orchestrator.report.rates import show_giga, show_range, show_share
from orchestrator.report.sheets import Sheet, draw_sheets, write_sheets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from orchestrator.analysis.peaks import Peak, Rate
    from orchestrator.report.rows import Row

# Column -> pandas' dtype; rates are 1e9 per second, a share is 1 for all of it.
PEAK_COLUMNS = {
    "variant": "string",
    "threads": "Int64",
    "engine": "string",
    "mapped_blas": "string",
    "mapped_core": "string",
    "processes": "Int64",
    "sgemm_gflops": "Float64",
    "sgemm_low": "Float64",
    "sgemm_high": "Float64",
    "share_of_best_sgemm": "Float64",
    "theoretical_gflops": "Float64",
    "theoretical_how": "string",
    "share_of_theoretical": "Float64",
    "copy_gb_per_s": "Float64",
    "copy_low": "Float64",
    "copy_high": "Float64",
    "ridge": "Float64",
    "reasons": "string",
    "host_cpu": "string",
    "image": "string",
}
HEADINGS = (
    *("build", "SGEMM GFLOP/s", "SGEMM 95 % CI", "of the best", "of theory"),
    *("copy GB/s", "copy 95 % CI", "ridge FLOP/byte", "computed in"),
)
LEGEND = (
    "SGEMM: the best sample of each process, over the processes. Copy: STREAM's Copy in the same process, bytes read "
    "and written. Ridge: from so many FLOP per byte on, memory is fast enough."
)
NOTHING = "The store holds no result of matrix products yet; bench peak measures them."


def peaks_table(peaks: Sequence[Peak], form: str = "table") -> RenderableType | str | bytes:
    """Peaks as `table` (something for rich to draw), `csv`, `json`, `markdown` (text) or `parquet` (bytes)."""
    best = find_best(peaks)
    rows = [peak_row(peak, best.get(peak.seat.bench)) for peak in peaks]
    if form == "csv":
        return formats.write_csv(rows, PEAK_COLUMNS)
    if form == "json":
        return formats.write_json({"peaks": rows})
    if form == "parquet":
        return formats.write_parquet(rows, PEAK_COLUMNS)
    sheets = [
        _make_sheet(list(group), best.get(bench)) for bench, group in groupby(peaks, key=lambda peak: peak.seat.bench)
    ]
    below = [LEGEND if peaks else NOTHING]
    return write_sheets(sheets, below) if form == "markdown" else draw_sheets(sheets, below)


def find_best(peaks: Iterable[Peak]) -> dict[object, float]:
    """Host, engine and threads -> the highest SGEMM rate of any image there."""
    best: dict[object, float] = {}
    for peak in peaks:
        if peak.sgemm is not None:
            best[peak.seat.bench] = max(peak.sgemm.mean, best.get(peak.seat.bench, 0.0))
    return best


def peak_row(peak: Peak, best: float | None) -> Row:
    """A peak under PEAK_COLUMNS; `best` is the highest SGEMM rate beside it."""
    sgemm, copy, theory = peak.sgemm, peak.copy, peak.theory
    return {
        "variant": peak.seat.variant,
        "threads": peak.seat.threads,
        "engine": peak.seat.engine,
        "mapped_blas": peak.facts.get("BLAS"),
        "mapped_core": peak.facts.get("BLAS core"),
        "processes": sgemm.processes if sgemm else 0,
        **_rate_values(sgemm, "sgemm_gflops", "sgemm"),
        "share_of_best_sgemm": _share(sgemm, best),
        "theoretical_gflops": theory.flops_per_s / 1e9 if theory.flops_per_s is not None else None,
        "theoretical_how": theory.how if theory.flops_per_s is not None else None,
        "share_of_theoretical": _share(sgemm, theory.flops_per_s),
        **_rate_values(copy, "copy_gb_per_s", "copy"),
        "ridge": sgemm.mean / copy.mean if sgemm and copy else None,
        "reasons": "; ".join(peak.reasons),
        "host_cpu": _host_cpu(peak),
        "image": peak.seat.image,
    }


def _rate_values(rate: Rate | None, name: str, prefix: str) -> Row:
    return {
        name: rate.mean / 1e9 if rate else None,
        f"{prefix}_low": rate.low / 1e9 if rate and rate.low is not None else None,
        f"{prefix}_high": rate.high / 1e9 if rate and rate.high is not None else None,
    }


def _make_sheet(peaks: Sequence[Peak], best: float | None) -> Sheet:
    """One host, engine and number of threads; below it the theory, and every reason with the builds it is about."""
    threads = peaks[0].seat.threads
    reasons: dict[str, list[str]] = {}
    for peak in peaks:
        for reason in peak.reasons:
            reasons.setdefault(reason, []).append(peak.seat.variant)
    theories = {
        f"Theory: {show_giga(peak.theory.flops_per_s)} GFLOP/s = {peak.theory.how}": None
        for peak in peaks
        if peak.theory.flops_per_s is not None
    }
    about = [text if len(builds) == len(peaks) else f"{text} ({', '.join(builds)})" for text, builds in reasons.items()]
    where = f"{_host_cpu(peaks[0]) or 'unnamed CPU'}, engine {peaks[0].seat.engine}"
    return Sheet(
        title=f"{where}, {say_number(threads, 'thread')}",
        headings=HEADINGS,
        lines=tuple(_line(peak, best) for peak in peaks),
        below=(*theories, *about),
        right=HEADINGS[1:-1],
    )


def _line(peak: Peak, best: float | None) -> tuple[str, ...]:
    seen = " ".join(part for part in (peak.facts.get("BLAS"), peak.facts.get("BLAS core")) if part)
    sgemm, copy = peak.sgemm, peak.copy
    return (
        peak.seat.variant,
        *_show(sgemm),
        show_share(_share(sgemm, best)),
        show_share(_share(sgemm, peak.theory.flops_per_s)),
        *_show(copy),
        f"{sgemm.mean / copy.mean:.1f}" if sgemm and copy else "-",
        seen or "-",
    )


def _show(rate: Rate | None) -> tuple[str, str]:
    if rate is None:
        return "-", "-"
    half = (rate.high - rate.low) / 2 if rate.high is not None and rate.low is not None else None
    return show_giga(rate.mean, half_width=half), show_range(rate.low, rate.high)


def _share(rate: Rate | None, limit: float | None) -> float | None:
    return rate.mean / limit if rate and limit else None


def _host_cpu(peak: Peak) -> str | None:
    return dict(peak.seat.host).get("host.cpu_model")
