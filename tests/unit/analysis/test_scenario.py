"""Are latency and throughput told apart, and is no percentile given that the samples do not hold?"""

from __future__ import annotations

import random
from typing import Any

import pytest

from orchestrator.analysis.scenario import (
    Scenario,
    independent_samples,
    name_scenario,
    remark_latency,
    summarise_latency,
)
from orchestrator.analysis.summary import Summary, summarise_records
from orchestrator.nouns.record import Record
from orchestrator.report.rows import result_row
from tests.makers import observed, record, reply, workload


def trials(size: int, *, processes: int = 6, shift: float = 0.0, overhead: float = 0.4, **fields: Any) -> list[Record]:
    """Processes of `size` samples around 0.1 s; `shift`: how much the processes themselves differ."""
    chance = random.Random(size)
    made = []
    for block in range(processes):
        base = 0.1 * (1 + shift * chance.gauss(0, 1))
        times = tuple(base * (1 + 0.01 * chance.gauss(0, 1)) for _ in range(size))
        answer = reply(samples_s=times, wall_s=sum(times), cpu_s=None, loops=fields.get("loops", 1))
        life = observed(wall_s=sum(times) * fields.get("loops", 1) + 2, overhead_s=overhead, cpu_s=None)
        work = workload(batch=fields.get("batch", 1))
        made.append(record(block=block, reported=answer, observed=life, workload=work))
    return made


def only(records: list[Record]) -> Summary:
    (found,) = summarise_records(records)
    return found


def test_a_batch_of_one_is_latency_and_a_larger_one_throughput() -> None:
    assert name_scenario(workload()) is Scenario.LATENCY
    assert name_scenario(workload(batch=64)) is Scenario.THROUGHPUT


def test_latency_has_percentiles_with_intervals_and_no_samples_per_second() -> None:
    found = only(trials(60))
    row = result_row(found)
    assert (row["scenario"], row["samples_per_s"], row["samples_per_s_low"]) == ("latency", None, None)
    for name in ("p50", "p90", "p99"):
        low, middle, high = (row[f"{name}{part}_s"] for part in ("_low", "", "_high"))
        assert isinstance(low, float)
        assert isinstance(middle, float)
        assert isinstance(high, float)
        assert low <= middle <= high
    assert not any("not estimable" in remark for remark in found.remarks)


def test_the_99th_percentile_of_120_samples_is_not_estimable_and_says_so() -> None:
    found = only(trials(20))
    row = result_row(found)
    assert (row["p99_s"], row["p99_low_s"], row["p99_high_s"]) == (None, None, None)
    assert row["p90_s"] is not None
    assert "p99: not estimable from 120 samples" in found.remarks
    assert "p99: not estimable from 120 samples" in str(row["remarks"])


def test_throughput_is_the_batch_over_the_time_with_its_interval_turned_round() -> None:
    found = only(trials(20, batch=64))
    row = result_row(found)
    assert (found.mean_s, found.low_s, found.high_s) != (None, None, None)
    assert row["scenario"] == "throughput"
    assert row["samples_per_s"] == pytest.approx(64 / (found.mean_s or 0))
    assert row["samples_per_s_low"] == pytest.approx(64 / (found.high_s or 0))
    assert row["samples_per_s_high"] == pytest.approx(64 / (found.low_s or 0))
    assert not any("p99" in remark for remark in found.remarks)


def test_a_rate_of_one_process_has_no_interval_and_a_wide_one_no_upper_end() -> None:
    one = result_row(only(trials(20, processes=1, batch=8)))
    assert one["samples_per_s"] is not None
    assert (one["samples_per_s_low"], one["samples_per_s_high"]) == (None, None)
    wide = [
        record(block=block, workload=workload(batch=8), reported=reply(samples_s=(time,) * 10, cpu_s=None, wall_s=time))
        for block, time in enumerate((0.1, 0.9))
    ]
    row = result_row(only(wide))
    assert row["samples_per_s_low"] is not None
    assert row["samples_per_s_high"] is None


def test_processes_that_differ_make_their_samples_worth_less_and_a_remark_says_how_much() -> None:
    alike, apart = only(trials(60)), only(trials(60, shift=0.05))
    assert alike.latency is not None
    assert apart.latency is not None
    assert alike.latency.independent > 180
    assert apart.latency.independent == pytest.approx(6, abs=1)
    assert (
        "percentiles: intervals take samples for independent; these 360 say as much as about 7 would" in apart.remarks
    )
    assert not any("independent" in remark for remark in alike.remarks)


def test_equal_samples_are_as_many_as_they_are() -> None:
    assert independent_samples([(0.1,) * 10] * 3) == 30


def test_a_percentile_of_means_is_none_of_requests_and_says_so() -> None:
    found = remark_latency(summarise_latency([[0.001 + 1e-6 * number for number in range(300)]], 7))
    assert any("the mean of up to 7 requests" in remark for remark in found)


def test_an_outlier_is_shown_with_and_without() -> None:
    quiet = tuple(0.1 + 0.0001 * (number % 3) for number in range(29))
    found = only([record(reported=reply(samples_s=(*quiet, 1.0), wall_s=4.0))])
    row = result_row(found)
    assert row["mean_s"] == pytest.approx((sum(quiet) + 1.0) / 30)
    assert row["mean_without_outliers_s"] == pytest.approx(sum(quiet) / 29)
    assert any(
        text.startswith("1 of 30 samples are outliers; the mean holds them, without them it would be 0.1001")
        for text in found.remarks
    )


def test_where_to_spend_the_next_second_is_said_where_it_is_worth_saying() -> None:
    apart = only(trials(60, shift=0.05))
    row = result_row(apart)
    assert (row["advice"], row["samples_per_process"]) == ("more processes", 60.0)
    assert any(
        remark.startswith("more processes: with 2 samples per process instead of 60") for remark in apart.remarks
    )
    dear = only(trials(6, overhead=600.0))
    assert result_row(dear)["advice"] == "more iterations"
    assert any(remark.startswith("more iterations: ") for remark in dear.remarks)
    assert result_row(only(trials(60, processes=4)))["advice"] is None
