"""Does a sweep show time, memory and what did not fit?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.sweep import find_sweeps
from orchestrator.catalog.work import read_networks
from orchestrator.nouns.record import Status
from orchestrator.report.sweep import sweep_table
from tests.makers import record, timed, variant, workload

if TYPE_CHECKING:
    from orchestrator.nouns.record import Record

ROW = variant()


def ran(network: str, batch: int, seconds: float, peak: int) -> Record:
    made = timed(ROW, 0, seconds, workload=workload(network=network, mode="train", batch=batch))
    assert made.observed is not None
    return made.model_copy(update={"observed": made.observed.model_copy(update={"peak_bytes": peak})})


def test_time_and_memory_stand_by_size_and_batch_and_what_did_not_fit_is_said() -> None:
    killed = record(
        variant=ROW, workload=workload(network="resnet50", mode="train", batch=8), status=Status.OOM, reported=None
    )
    records = [ran("resnet50", 1, 0.1, 300 << 20), ran("resnet50.160", 1, 0.05, 200 << 20), killed]
    (line, points), *rest = find_sweeps(records, read_networks()).items()
    assert not rest
    assert (line.network, line.mode, line.variant) == ("resnet50", "train", ROW.id)
    assert points[224, 1].peak_bytes == 300 << 20
    assert points[160, 1].typical_s == pytest.approx(0.05)
    assert (points[224, 8].verdict, points[224, 8].peak_bytes) == ("oom", None)
    text = str(sweep_table(find_sweeps(records, read_networks()), "markdown"))
    assert "| 224 x 224 | 100 / 300 | oom |" in text
    assert "| 160 x 160 | 50 / 200 | - |" in text
    assert len(json.loads(str(sweep_table(find_sweeps(records, read_networks()), "json")))["sweeps"]) == 3


def test_one_batch_and_size_is_no_sweep() -> None:
    assert not find_sweeps([ran("resnet50", 1, 0.1, 1)], read_networks())
    assert "No network was measured" in str(sweep_table({}, "markdown"))
