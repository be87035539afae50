"""What does one record look like as one row of a table? Facts and plain summaries of samples; no judgement."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.nouns.conditions import Conditions
    from orchestrator.nouns.job import Evidence, Library, Reply
    from orchestrator.nouns.record import Record
    from orchestrator.nouns.variant import Variant

MOST = 2**63
_MOMENTS = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""What nanoseconds in 64 bits reach."""
Value = str | int | float | bool | datetime | None

# Column -> pandas' dtype. The order is that of the frame. A change of meaning needs a new index.INDEX_SCHEMA.
COLUMNS: dict[str, str] = {
    "file": "string",
    "key": "string",
    "cell": "string",
    "workload": "string",
    "network": "string",
    "batch": "Int64",
    "variant": "string",
    "framework": "string",
    "version": "string",
    "install": "string",
    "blas": "string",
    "device": "string",
    "tag": "string",
    "python": "string",
    "onednn": "string",
    "core": "string",
    "mode": "string",
    "threads": "Int64",
    "cpus": "string",
    "block": "Int64",
    "position": "Int64",
    "attempt": "Int64",
    "run": "string",
    "sequence": "Int64",
    "status": "string",
    "reason": "string",
    "mean_s": "Float64",
    "median_s": "Float64",
    "min_s": "Float64",
    "p90_s": "Float64",
    "n_samples": "Int64",
    "loops": "Int64",
    "first_s": "Float64",
    "max_error": "Float64",
    "busy_threads": "Int64",
    "process_threads": "Int64",
    "mapped_blas": "string",
    "mapped_blas_version": "string",
    "mapped_blas_core": "string",
    "mapped_blas_kernel": "string",
    "mapped_blas_path": "string",
    "openmp": "string",
    "onednn_state": "string",
    "onednn_version": "string",
    "isa_used": "string",
    "reported_version": "string",
    "reported_python": "string",
    "reported_numpy": "string",
    "peak_bytes": "Int64",
    "peak_rss_bytes": "Int64",
    "cpu_s": "Float64",
    "reported_cpu_s": "Float64",
    "wall_s": "Float64",
    "overhead_s": "Float64",
    "window_s": "Float64",
    "foreign_s": "Float64",
    "steal_s": "Float64",
    "sibling_busy_s": "Float64",
    "canary_change": "Float64",
    "throttled_periods": "Int64",
    "involuntary_switches": "Int64",
    "migrations": "Int64",
    "major_faults": "Int64",
    "settled_s": "Float64",
    "partial_counters": "boolean",
    "container": "boolean",
    "engine": "string",
    "image": "string",
    "image_id": "string",
    "workloads_hash": "string",
    "bench": "string",
    "host_cpu": "string",
    "host_kernel": "string",
    "started_at": "datetime64[ns, UTC]",
}

# Frameworks whose products are numpy's: the BLAS inside a numpy wheel is theirs. For all others it is a bystander.
COMPUTES_IN_NUMPY = frozenset({"numpy", "chainer"})


def product_libraries(variant: Variant, evidence: Evidence) -> tuple[Library, ...]:
    """The BLAS libraries that this row's products can have run in: not what numpy or scipy carry for themselves."""
    owners = {"", "numpy"} if variant.framework in COMPUTES_IN_NUMPY else {""}
    return tuple(each for each in evidence.libraries if each.kind == "blas" and each.owner in owners)


def record_facts(record: Record, *, file: str) -> dict[str, Value]:
    """The row of a record: every column of COLUMNS, None where the record does not say.

    Raises OverflowError for a number that fits no column: it is not left out in silence, and not rounded.
    """
    row: dict[str, Value] = dict.fromkeys(COLUMNS)
    row |= _identity(record)
    row |= _provenance(record)
    row["file"] = file
    if record.reported is not None:
        row |= _reported(record.reported)
        if record.reported.evidence is not None:
            row |= _evidence(record.variant, record.reported.evidence)
    if record.observed is not None:
        seen = record.observed
        row |= {"peak_bytes": seen.peak_bytes, "cpu_s": seen.cpu_s, "wall_s": seen.wall_s}
        row |= {"overhead_s": seen.overhead_s, "container": seen.container, "image_id": seen.image_id}
        row["throttled_periods"] = seen.throttled_periods
        if seen.conditions is not None:
            row |= _conditions(seen.conditions)
    for name, value in row.items():
        if isinstance(value, int) and not -MOST <= value < MOST:
            raise OverflowError(f"{name} is beyond 64 bits")
    return row


def _identity(record: Record) -> dict[str, Value]:
    variant, workload = record.variant, record.workload
    return {
        "key": record.key,
        "cell": record.cell,
        "workload": workload.id,
        "network": workload.network,
        "batch": workload.batch,
        "variant": variant.id,
        "framework": variant.framework,
        "version": variant.version,
        "install": str(variant.install),
        "blas": str(variant.blas),
        "device": str(variant.device),
        "tag": variant.tag,
        "python": variant.python,
        "onednn": str(variant.onednn),
        "core": variant.core,
        "mode": record.mode,
        "threads": record.threads,
        "cpus": ",".join(str(cpu) for cpu in record.cpus),
        "block": record.block,
        "position": record.position,
        "attempt": record.attempt,
        "status": str(record.status),
        "reason": record.reason,
    }


def _provenance(record: Record) -> dict[str, Value]:
    source = record.provenance
    return {
        "run": source.run,
        "sequence": source.sequence,
        "engine": source.engine,
        "image": source.image,
        "image_id": source.image_id,
        "workloads_hash": source.workloads_hash,
        "bench": source.bench,
        "host_cpu": source.host.get("cpu_model"),
        "host_kernel": source.host.get("kernel"),
        "started_at": _instant(source.started_at),
    }


def _reported(reply: Reply) -> dict[str, Value]:
    samples = sorted(reply.samples_s)
    row: dict[str, Value] = {
        "n_samples": len(samples),
        "loops": reply.loops,
        "first_s": reply.first_s,
        "max_error": max(reply.errors.values(), default=None),
        "peak_rss_bytes": reply.peak_rss_bytes,
        "reported_cpu_s": reply.cpu_s,
    }
    if samples:
        row |= {
            "mean_s": statistics.fmean(samples),
            "median_s": statistics.median(samples),
            "min_s": samples[0],
            "p90_s": samples[math.ceil(0.9 * len(samples)) - 1],
        }
    return row


def _evidence(variant: Variant, evidence: Evidence) -> dict[str, Value]:
    blas = product_libraries(variant, evidence)
    return {
        "busy_threads": evidence.threads.busy,
        "process_threads": evidence.threads.process,
        "mapped_blas": _join(each.name for each in blas),
        "mapped_blas_version": _join(each.version for each in blas),
        "mapped_blas_core": _join(each.core for each in blas),
        "mapped_blas_kernel": _join(each.name for each in evidence.libraries if each.kind == "blas-kernel"),
        "mapped_blas_path": _join(each.path for each in blas),
        "openmp": _join(each.name for each in evidence.libraries if each.kind == "openmp"),
        "onednn_state": evidence.onednn.state,
        "onednn_version": evidence.onednn.version,
        "isa_used": evidence.isa_used,
        "reported_version": evidence.framework_version,
        "reported_python": evidence.python,
        "reported_numpy": evidence.numpy,
    }


def _conditions(seen: Conditions) -> dict[str, Value]:
    changes = [bird.after_s / bird.before_s for bird in seen.canaries if bird.after_s and bird.before_s]
    return {
        "window_s": seen.window_s,
        "foreign_s": seen.foreign_s,
        "steal_s": seen.steal_s,
        "sibling_busy_s": seen.sibling_busy_s,
        "canary_change": max(changes, key=lambda change: abs(change - 1), default=None),
        "involuntary_switches": seen.involuntary_switches,
        "migrations": seen.migrations,
        "major_faults": seen.major_faults,
        "settled_s": seen.settled_s,
        "partial_counters": seen.partial,
    }


def _join(parts: Iterable[str | None]) -> str | None:
    """Several of one kind in one cell, in a fixed order: `blis;openblas`; None where there is none."""
    return ";".join(sorted({part for part in parts if part})) or None


def _instant(text: str) -> datetime | None:
    """A label: None where it is no time, or one that no run of this tool began at."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _MOMENTS[0] <= moment < _MOMENTS[1] else None
