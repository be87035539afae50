"""What is a workload told?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.nouns.job import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.job import Expected
    from orchestrator.nouns.plan import Cell
    from orchestrator.nouns.script import Script
    from orchestrator.nouns.variant import Variant
    from orchestrator.nouns.workload import Method, Network, Workload


def make_job(
    cell: Cell,
    *,
    variant: Variant,
    workload: Workload,
    network: Network | None = None,
    script: Script | None = None,
    method: Method,
    expected: Mapping[str, Expected] | None = None,
) -> Job:
    """The job of every trial of a cell, of its network or its script: nothing in it depends on block or position.

    `expected` is the reference's word, which is not in the key; a script brings its own.
    """
    return Job(
        backend=variant.backend,
        network=network,
        script=script.told if script else None,
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
        expected=dict(script.expected if script else expected or {}),
    )
