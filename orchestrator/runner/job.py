"""What is a workload told?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.nouns.job import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.plan import Cell
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Method, Network, Workload


def make_job(
    cell: Cell,
    *,
    variant: Variant,
    workload: Workload,
    network: Network,
    method: Method,
    expected: Mapping[str, Expected] | None = None,
) -> Job:
    """The job of every trial of a cell: nothing in it depends on block or position. `expected` is not in the key."""
    return Job(
        backend=variant.backend,
        network=network,
        batch=workload.batch,
        mode=str(workload.mode),
        region=workload.region,
        execution=cell.mode,
        dtype=str(workload.dtype),
        seed=method.seed,
        threads=cell.threads,
        onednn=str(variant.onednn),
        device=str(variant.device),
        warmup=method.warmup,
        min_time_s=method.min_time_s,
        min_count=method.min_count,
        max_time_s=method.max_time_s,
        expected=dict(expected or {}),
    )
