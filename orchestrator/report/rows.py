"""Which columns has a table of results, and one of comparisons? Numbers stay numbers; only text is for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.summary import Summary
    from orchestrator.stats.paired import Ratio

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
    "p90_s": "Float64",
    "first_s": "Float64",
    "mapped_blas": "string",
    "mapped_core": "string",
    "onednn": "string",
    "busy_threads": "string",
    "outliers": "Int64",
    "autocorrelation": "Float64",
    "steadiness": "string",
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
    "family": "Int64",
    "blocks": "Int64",
    "dropped": "string",
    "failed_reference": "string",
    "failed_candidate": "string",
    "text": "string",
    "differences": "string",
    "notes": "string",
    "flags": "string",
    "seed": "Int64",
}


def result_row(summary: Summary) -> Row:
    """A summary under RESULT_COLUMNS."""
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
        "p90_s": summary.p90_s.estimate if summary.p90_s is not None else None,
        "first_s": summary.first_s,
        "mapped_blas": facts.get("BLAS"),
        "mapped_core": facts.get("BLAS core"),
        "onednn": facts.get("oneDNN"),
        "busy_threads": facts.get("busy threads"),
        "outliers": found.outliers if found else None,
        "autocorrelation": found.autocorrelation if found else None,
        "steadiness": found.steadiness if found else None,
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
        "family": item.family,
        "blocks": ratio.n if ratio else None,
        "dropped": ",".join(str(block) for block in item.dropped),
        "failed_reference": _failures(item.reference.failed, item.reference.blocks),
        "failed_candidate": _failures(item.candidate.failed, item.candidate.blocks),
        "text": item.text,
        "differences": "; ".join(item.differences),
        "notes": "; ".join(item.notes),
        "flags": "; ".join(dict.fromkeys((*item.reference.flags, *item.candidate.flags))),
        "seed": item.seed,
    }


def rows_frame(rows: Sequence[Row], columns: dict[str, str]) -> pd.DataFrame:
    """A frame with exactly these columns and dtypes, also of no rows at all."""
    import pandas as pd

    made = {name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in columns.items()}
    return pd.DataFrame(made)


def _counts(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in pairs)


def _failures(pairs: Sequence[tuple[str, int]], blocks: int) -> str:
    """`3/10 failed: timeout 3`; empty where nothing failed."""
    return f"{sum(count for _, count in pairs)}/{blocks} failed: {_counts(pairs)}" if pairs else ""
