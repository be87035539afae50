"""Is what lies behind a mean shown in the words of its scenario, and nothing of cells that have none?"""

from __future__ import annotations

import math
import random

import pytest

from orchestrator.analysis.summary import Summary, summarise_records
from orchestrator.nouns.record import Status
from orchestrator.report.samples import LATENCY_HEADINGS, LEGEND, THROUGHPUT_HEADINGS, sample_cells, show_advice
from orchestrator.stats.replication import Replication
from orchestrator.stats.samples import quantile_interval
from tests.makers import observed, record, reply, workload


def summary(size: int, batch: int = 1, processes: int = 6, odd: float = 0.0) -> Summary:
    chance = random.Random(size)
    made = []
    for block in range(processes):
        times = [0.1 * (1 + 0.01 * chance.gauss(0, 1)) for _ in range(size)]
        times[0] += odd
        answer = reply(samples_s=tuple(times), wall_s=sum(times), cpu_s=None)
        life = observed(wall_s=sum(times) + 2, cpu_s=None)
        made.append(record(block=block, reported=answer, observed=life, workload=workload(batch=batch)))
    (found,) = summarise_records(made)
    return found


def test_latency_is_shown_as_percentiles_and_those_that_cannot_be_had_as_a_dash() -> None:
    row = dict(zip(LATENCY_HEADINGS, sample_cells(summary(10)), strict=True))
    assert row["p50"].endswith(" ms")
    assert row["p90"].endswith(" ms")
    assert row["p99"] == "-"
    assert row["outliers"] == "0 of 60"
    assert dict(zip(LATENCY_HEADINGS, sample_cells(summary(60)), strict=True))["p99"].endswith(" ms")


def test_throughput_is_shown_as_samples_per_second_with_its_interval() -> None:
    row = dict(zip(THROUGHPUT_HEADINGS, sample_cells(summary(10, batch=64)), strict=True))
    low, high = map(float, row["95 % CI"].split("-"))
    assert low < float(row["samples/s"]) < high
    assert float(row["samples/s"]) == pytest.approx(640, rel=0.02)
    one = dict(zip(THROUGHPUT_HEADINGS, sample_cells(summary(10, batch=64, processes=1)), strict=True))
    assert one["95 % CI"] == "-"


def test_outliers_come_with_what_the_mean_would_be_without_them() -> None:
    row = dict(zip(LATENCY_HEADINGS, sample_cells(summary(30, odd=1.0)), strict=True))
    assert row["outliers"] == "6 of 180 (-25 %)"


def test_a_cell_without_a_valid_trial_has_no_row() -> None:
    (failed,) = summarise_records([record(status=Status.OOM, reason="8 GiB")])
    assert sample_cells(failed) == ()


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "-"),
        (Replication("more iterations", 3.0, 19.2, 0.48), "more iterations (3 -> 19, 0.48)"),
        (Replication("more iterations", 3.0, math.inf, 0.3), "more iterations (3 -> many, 0.30)"),
        (Replication("more processes", 60.0, 2.0, 0.33), "more processes (60 -> 2, 0.33)"),
        (Replication("more processes", 6.0, 5.0, 0.99), "as it is"),
    ],
)
def test_advice_is_given_where_it_is_worth_something(found: Replication | None, text: str) -> None:
    assert show_advice(found) == text


def test_the_counts_that_the_legend_names_are_those_of_the_intervals() -> None:
    assert "p90 needs 29 samples and p99 299" in LEGEND
    for q, least in ((0.9, 29), (0.99, 299)):
        values = [float(number) for number in range(least)]
        assert quantile_interval(values, q).estimable
        assert not quantile_interval(values[1:], q).estimable
