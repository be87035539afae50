"""Does a summary show everything that was measured, and nothing that was not?"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from orchestrator.analysis.frame import JUDGEMENT, judge_frame
from orchestrator.analysis.summary import summarise_records
from orchestrator.nouns.record import Status
from orchestrator.nouns.variant import Blas
from orchestrator.store.frame import load_frame
from orchestrator.store.opening import open_store
from orchestrator.store.publish import publish_record
from tests.makers import provenance, record, reply, timed, variant


def test_a_cell_is_summed_up_over_its_processes() -> None:
    records = [timed(variant(), block, seconds) for block, seconds in enumerate((0.1, 0.2, 0.3))]
    found = summarise_records(records)
    assert len(found) == 1
    assert found[0].mean_s == pytest.approx(0.2)
    assert found[0].median_s == pytest.approx(0.2)
    assert found[0].min_s == 0.1
    assert (found[0].blocks, found[0].valid, found[0].verdict) == (3, 3, "valid")
    # Student's t with 2 degrees of freedom, sd 0.1: 4.3027 * 0.1 / sqrt(3)
    assert found[0].high_s == pytest.approx(0.2 + 0.2484, abs=1e-4)
    assert found[0].facts["BLAS"] == "openblas 0.3.21"
    assert found[0].facts["BLAS core"] == "Cooperlake"


def test_an_outlier_is_counted_and_kept() -> None:
    quiet = tuple(0.1 + 0.0001 * (number % 3) for number in range(29))
    found = summarise_records([record(reported=reply(samples_s=(*quiet, 1.0), wall_s=4.0))])[0]
    assert found.diagnostics is not None
    assert (found.diagnostics.outliers, found.diagnostics.samples) == (1, 30)
    assert found.mean_s == pytest.approx((sum(quiet) + 1.0) / 30)


def test_failures_are_counted_by_status_and_enter_no_mean() -> None:
    records = [timed(variant(), block, 0.1) for block in range(7)]
    records += [record(block=7 + n, status=Status.TIMEOUT, reason="600 s") for n in range(2)]
    records.append(record(block=9, variant=variant(), reported=reply(cpu_s=100.0)))
    found = summarise_records(records)[0]
    assert (found.blocks, found.valid) == (10, 7)
    assert found.failed == (("timeout", 2),)
    assert found.invalid == (("envelope", 1),)
    assert found.mean_s == pytest.approx(0.1)
    assert "timeout: 600 s" in found.reasons


def test_a_cell_without_a_valid_trial_has_reasons_and_no_numbers() -> None:
    wrong = summarise_records([record(variant=variant(blas=Blas.MKL))])[0]
    assert (wrong.mean_s, wrong.low_s, wrong.latency, wrong.diagnostics) == (None, None, None, None)
    assert wrong.verdict == "invalid(claim:blas)"
    assert summarise_records([record(status=Status.UNSUPPORTED, reason="LSTM")])[0].verdict == "unsupported"


def test_one_block_has_a_mean_and_no_interval() -> None:
    found = summarise_records([record()])[0]
    assert found.mean_s == pytest.approx(0.1)
    assert (found.low_s, found.high_s) == (None, None)


def test_hosts_are_never_pooled() -> None:
    there = provenance(host={"cpu_model": "AMD EPYC", "kernel": "5.10", "governor": None})
    records = [timed(variant(), block, 0.1) for block in range(3)]
    records += [timed(variant(), block, 0.2, provenance=there) for block in range(3)]
    assert sorted((each.blocks, round(each.mean_s or 0, 3)) for each in summarise_records(records)) == [
        (3, 0.1),
        (3, 0.2),
    ]


def test_the_frame_gets_its_judgement_without_losing_its_types(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", create=True)
    records = [record(block=0), record(block=1, variant=variant(blas=Blas.MKL)), record(block=2, status=Status.OOM)]
    for each in records:
        publish_record(store, each)
    frame, _ = load_frame(store)
    judged = judge_frame(frame, records)
    assert list(judged["valid"]) == [True, False, False]
    assert judged["invalid_reason"][1].startswith("invalid(claim:blas): label says mkl")
    assert judge_frame(frame, records[:1])["valid"].isna().tolist() == [False, True, True]
    empty = judge_frame(frame.iloc[:0], [])
    assert (empty.dtypes == judged.dtypes).all()
    assert {name: str(judged[name].dtype) for name in JUDGEMENT} == JUDGEMENT
    assert isinstance(judged, pd.DataFrame)
