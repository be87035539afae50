"""Is a row called verified when, and only when, both networks ran and kept its promises?"""

from __future__ import annotations

import json

import pytest

from orchestrator.analysis.coverage import find_coverage
from orchestrator.analysis.standing import ASKED, Standing, Status, find_standings
from orchestrator.nouns.record import Record
from orchestrator.nouns.record import Status as Ended
from orchestrator.nouns.workload import Mode
from orchestrator.report.catalogue import catalogue_table
from tests.makers import evidence, library, record, reply, timed, variant, workload

ROW = variant()
VGG, MOBILENET = (workload(network=name.partition("-")[0]) for name in ASKED)


def stand(*records: Record, row: object = ROW) -> Standing:
    (found,) = find_standings([row], records)  # type: ignore[list-item]
    return found


def test_a_row_of_which_both_networks_are_valid_is_verified() -> None:
    found = stand(*(timed(ROW, block, 0.1, workload=work) for work in (VGG, MOBILENET) for block in (0, 1)))
    assert (found.status, found.why) == (Status.VERIFIED, "")
    assert found.error == 1e-6
    assert found.times[ASKED[0], 1].typical_s == pytest.approx(0.1)
    assert found.facts["BLAS"] == "openblas 0.3.21"


def test_a_time_is_the_geometric_mean_of_processes_and_lies_in_its_interval() -> None:
    found = stand(*(timed(ROW, block, seconds, workload=VGG) for block, seconds in enumerate((0.1, 0.4))))
    time = found.times[ASKED[0], 1]
    assert time.typical_s == pytest.approx(0.2)
    assert time.low_s is not None and time.high_s is not None
    assert 0 < time.low_s < 0.1 and time.high_s > 0.4, "two processes say little, and no time is below 0"
    assert stand(timed(ROW, 0, 0.1, workload=VGG)).times[ASKED[0], 1][1:] == (None, None)


def test_a_row_of_which_one_is_missing_is_partly_verified_and_says_which() -> None:
    lacks = record(variant=ROW, workload=MOBILENET, status=Ended.UNSUPPORTED, reason="no grouped convolution")
    found = stand(timed(ROW, 0, 0.1, workload=VGG), lacks)
    assert found.status is Status.PARTLY
    assert found.why.startswith("mobilenet_v1-infer-b1: ") and "no grouped convolution" in found.why
    assert stand(timed(ROW, 0, 0.1, workload=VGG)).why == "mobilenet_v1-infer-b1: not run"


def test_a_label_that_lied_is_not_verified_by_its_times() -> None:
    lie = reply(evidence=evidence(libraries=(library(name="atlas", path="/usr/lib/atlas/libblas.so.3"),)))
    found = stand(*(record(variant=ROW, workload=work, reported=lie) for work in (VGG, MOBILENET)))
    assert found.status is Status.FAILED and "label says openblas" in found.why
    assert found.times == {}


def test_a_script_of_the_users_own_proves_nothing_of_a_row() -> None:
    script = workload(network="mine", mode=Mode.SCRIPT)
    assert stand(timed(ROW, 0, 0.1, workload=script)).status is Status.NOT_RUN
    assert find_coverage([timed(ROW, 0, 0.1, workload=script)]) == {}


def test_the_catalogues_own_reason_counts_where_nothing_ran() -> None:
    row = variant(unverified="no source host answers")
    assert (stand(row=row).status, stand(row=row).why) == (Status.NOT_VERIFIED, "no source host answers")
    assert stand().status is Status.NOT_RUN


def test_the_table_names_every_row_with_its_reason_and_its_times() -> None:
    rows = [ROW, variant(framework="caffe", unverified="no source | host answers")]
    records = [timed(ROW, block, 0.1, workload=work) for work in (VGG, MOBILENET) for block in (0, 1)]
    standings = find_standings(rows, records)
    text = str(catalogue_table(standings, {ROW.id: (500_000_000, 20_000_000)}, "markdown"))
    line = next(line for line in text.splitlines() if line.startswith(f"| {ROW.id}"))
    assert "| verified | 500 | 20 |" in line and "100.0 ms" in line and "openblas 0.3.21 Cooperlake" in line
    assert "2 variants: 1 verified, 1 not verified" in text
    assert "no source \\| host answers" in text
    assert "| numpy | 1 | 1 | 500 | 20 |" in text and "| all | 1 | 1 | 500 | 20 |" in text
    document = json.loads(str(catalogue_table(standings, {}, "json")))
    assert [row["status"] for row in document["variants"]] == ["verified", "not verified"]
