"""Which columns has a table of results, and one of comparisons? Numbers stay numbers; only text is for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.roofline import NOWHERE
from orchestrator.report.rates import PLACE_COLUMNS, place_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.roofline import Place
    from orchestrator.analysis.scenario import Latency
    from orchestrator.analysis.summary import Summary
    from orchestrator.stats.paired import Ratio
    from orchestrator.stats.replication import Replication

Value = str | int | float | None
Row = dict[str, Value]

# Column -> pandas' dtype; a time is in seconds.
RESULT_COLUMNS = {
    "cell": "string",
    "workload": "string",
    "variant": "string",
    "threads": "Int64",
    "mode": "string",
    "verdict": "string",
    "blocks": "Int64",
    "valid": "Int64",
    "failed": "string",
    "invalid": "string",
    "mean_s": "Float64",
    "low_s": "Float64",
    "high_s": "Float64",
    "median_s": "Float64",
    "min_s": "Float64",
    "scenario": "string",
    "p50_s": "Float64",
    "p50_low_s": "Float64",
    "p50_high_s": "Float64",
    "p90_s": "Float64",
    "p90_low_s": "Float64",
    "p90_high_s": "Float64",
    "p99_s": "Float64",
    "p99_low_s": "Float64",
    "p99_high_s": "Float64",
    "independent_samples": "Float64",
    "samples_per_s": "Float64",
    "samples_per_s_low": "Float64",
    "samples_per_s_high": "Float64",
    "first_s": "Float64",
    "dtype": "string",
    "error": "Float64",
    **PLACE_COLUMNS,
    "mapped_blas": "string",
    "mapped_core": "string",
    "onednn": "string",
    "busy_threads": "string",
    "outliers": "Int64",
    "mean_without_outliers_s": "Float64",
    "autocorrelation": "Float64",
    "between_sd": "Float64",
    "within_sd": "Float64",
    "steadiness": "string",
    "advice": "string",
    "samples_per_process": "Float64",
    "optimal_samples_per_process": "Float64",
    "remarks": "string",
    "flags": "string",
    "reasons": "string",
    "host_cpu": "string",
    "key": "string",
}

COMPARISON_COLUMNS = {
    "workload": "string",
    "threads": "Int64",
    "mode": "string",
    "reference": "string",
    "candidate": "string",
    "verdict": "string",
    "reason": "string",
    "time_ratio": "Float64",
    "ratio_low": "Float64",
    "ratio_high": "Float64",
    "ratio_level": "Float64",
    "p_holm": "Float64",
    "q_bh": "Float64",
    "family": "Int64",
    "blocks": "Int64",
    "dropped": "string",
    "failed_reference": "string",
    "failed_candidate": "string",
    "text": "string",
    "statement": "string",
    "differences": "string",
    "explained": "string",
    "suspect": "string",
    "packages": "string",
    "notes": "string",
    "flags": "string",
    "seed": "Int64",
}


def result_row(summary: Summary, place: Place = NOWHERE) -> Row:
    """A summary and its place under RESULT_COLUMNS."""
    facts, context, found = summary.facts, dict(summary.context), summary.diagnostics
    return {
        "cell": summary.cell,
        "workload": summary.workload,
        "variant": summary.variant,
        "threads": summary.threads,
        "mode": summary.mode,
        "verdict": summary.verdict,
        "blocks": summary.blocks,
        "valid": summary.valid,
        "failed": _counts(summary.failed),
        "invalid": _counts(summary.invalid),
        "mean_s": summary.mean_s,
        "low_s": summary.low_s,
        "high_s": summary.high_s,
        "median_s": summary.median_s,
        "min_s": summary.min_s,
        "scenario": str(summary.scenario),
        **_percentiles(summary.latency),
        **_rates(summary),
        "first_s": summary.first_s,
        "dtype": summary.dtype,
        "error": summary.error,
        **place_values(place),
        "mapped_blas": facts.get("BLAS"),
        "mapped_core": facts.get("BLAS core"),
        "onednn": facts.get("oneDNN"),
        "busy_threads": facts.get("busy threads"),
        "outliers": found.outliers if found else None,
        "mean_without_outliers_s": found.mean_without_s if found else None,
        "autocorrelation": found.autocorrelation if found else None,
        "between_sd": found.between_sd if found else None,
        "within_sd": found.within_sd if found else None,
        "steadiness": found.steadiness if found else None,
        **_advice(found.replication if found else None),
        "remarks": "; ".join(summary.remarks),
        "flags": "; ".join(summary.flags),
        "reasons": "; ".join(summary.reasons),
        "host_cpu": context.get("host.cpu_model"),
        "key": summary.key,
    }


def comparison_row(item: Comparison) -> Row:
    """A comparison under COMPARISON_COLUMNS."""
    ratio: Ratio | None = item.ratio
    return {
        "workload": item.workload,
        "threads": item.threads,
        "mode": item.mode,
        "reference": item.reference.variant,
        "candidate": item.candidate.variant,
        "verdict": str(item.verdict.word),
        "reason": item.verdict.reason,
        "time_ratio": ratio.estimate if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        # JSON has no infinity: a single block has no upper end.
        "ratio_high": ratio.high if ratio and ratio.high != float("inf") else None,
        "ratio_level": ratio.level if ratio else None,
        "p_holm": item.p_holm,
        "q_bh": item.q_bh,
        "family": item.family,
        "blocks": ratio.n if ratio else None,
        "dropped": ",".join(str(block) for block in item.dropped),
        "failed_reference": say_failures(item.reference.failed, item.reference.blocks),
        "failed_candidate": say_failures(item.candidate.failed, item.candidate.blocks),
        "text": item.text,
        "statement": item.statement,
        "differences": "; ".join(item.differences),
        "explained": "; ".join(item.explained),
        "suspect": item.suspect,
        "packages": "; ".join(str(each) for each in item.packages) if item.packages is not None else None,
        "notes": "; ".join(item.notes),
        "flags": "; ".join(dict.fromkeys((*item.reference.flags, *item.candidate.flags))),
        "seed": item.seed,
    }


def difference_lines(item: Comparison) -> tuple[str, ...]:
    """What differed on one line, and what that means on a line each."""
    seen = item.reference.facts and item.candidate.facts
    nothing = "nothing that was looked at" if seen else "one side left no evidence"
    return ("; ".join(item.differences) or nothing, *(f"→ {sentence}" for sentence in item.explained))


def rows_frame(rows: Sequence[Row], columns: dict[str, str]) -> pd.DataFrame:
    """A frame with exactly these columns and dtypes, also of no rows at all."""
    import pandas as pd

    made = {name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in columns.items()}
    return pd.DataFrame(made)


def _percentiles(latency: Latency | None) -> Row:
    """A percentile that cannot be estimated from so few samples has neither a number nor an interval."""
    row: Row = {}
    for name in ("p50", "p90", "p99"):
        found = getattr(latency, name) if latency is not None else None
        row[f"{name}_s"] = found.estimate if found else None
        row[f"{name}_low_s"] = found.low if found else None
        row[f"{name}_high_s"] = found.high if found else None
    return row | {"independent_samples": latency.independent if latency is not None else None}


def _rates(summary: Summary) -> Row:
    rate, low, high = summary.samples_per_s or (None, None, None)
    return {"samples_per_s": rate, "samples_per_s_low": low, "samples_per_s_high": high}


def _advice(found: Replication | None) -> Row:
    """JSON has no infinity: no number of samples is best where processes do not differ at all."""
    return {
        "advice": found.advice if found else None,
        "samples_per_process": found.samples if found else None,
        "optimal_samples_per_process": found.optimal if found and found.optimal != float("inf") else None,
    }


def _counts(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in pairs)


def say_failures(pairs: Sequence[tuple[str, int]], blocks: int) -> str:
    """`3/10 failed: timeout 3`; empty where nothing failed."""
    return f"{sum(count for _, count in pairs)}/{blocks} failed: {_counts(pairs)}" if pairs else ""
