"""Is the advice the one that makes the interval narrowest for the time, and does it turn with the costs?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.stats.replication import suggest_replication
from orchestrator.stats.samples import variance_parts

Processes = list[list[float]]


def processes(between: float, within: float, *, count: int = 30, size: int = 20, seed: int = 1) -> Processes:
    chance = np.random.default_rng(seed)
    effect = between * chance.standard_normal((count, 1))
    drawn: Processes = (1 + effect + within * chance.standard_normal((count, size))).tolist()
    return drawn


def test_the_advice_turns_when_the_costs_are_swapped() -> None:
    times = processes(0.02, 0.02)
    dear_process = suggest_replication(times, process_s=1000.0, sample_s=0.1)
    dear_sample = suggest_replication(times, process_s=0.1, sample_s=1000.0)
    assert dear_process is not None
    assert dear_sample is not None
    assert (dear_process.advice, dear_sample.advice) == ("more iterations", "more processes")
    assert dear_process.optimal > 20 > dear_sample.optimal == 1.0


def test_the_advice_turns_with_the_place_of_the_noise() -> None:
    noisy_process = suggest_replication(processes(0.05, 0.005), process_s=2.0, sample_s=0.1)
    noisy_sample = suggest_replication(processes(0.005, 0.1), process_s=2.0, sample_s=0.1)
    assert noisy_process is not None
    assert noisy_sample is not None
    assert (noisy_process.advice, noisy_sample.advice) == ("more processes", "more iterations")


def test_no_other_number_of_samples_buys_a_narrower_interval_for_the_time() -> None:
    times = processes(0.01, 0.04)
    parts = variance_parts(times)
    found = suggest_replication(times, process_s=3.0, sample_s=0.2)
    assert parts is not None
    assert found is not None

    def price(samples: float) -> float:
        return (parts[0] + parts[1] / samples) * (3.0 + samples * 0.2)

    assert price(found.optimal) == min(price(found.optimal), *map(price, np.linspace(1, 200, 400)))
    assert found.share == pytest.approx(price(found.optimal) / price(20))
    assert found.share < 1


def test_known_variances_are_recovered_from_thirty_processes() -> None:
    found = [variance_parts(processes(0.03, 0.05, seed=seed)) for seed in range(200)]
    deviations = np.sqrt([parts for parts in found if parts is not None])
    assert len(deviations) == 200
    assert np.mean(deviations, axis=0) == pytest.approx([0.03, 0.05], rel=0.05)
    close = np.abs(deviations / [0.03, 0.05] - 1) <= 0.15
    # In theory the error of the first is (between + within / 20) / between / sqrt(2 * 29) = 15 %: two draws in three.
    assert close[:, 0].mean() >= 0.60
    assert close[:, 1].all()


def test_processes_that_do_not_differ_are_not_worth_a_start() -> None:
    alike = [[1.0, 1.1, 0.9] for _ in range(6)]
    found = suggest_replication(alike, process_s=5.0, sample_s=1.0)
    assert found is not None
    assert (found.advice, found.optimal) == ("more iterations", math.inf)
    assert found.share == pytest.approx(3.0 / 8.0)


def test_nothing_is_advised_from_too_little() -> None:
    assert suggest_replication(processes(0.01, 0.01, count=4), process_s=1.0, sample_s=1.0) is None
    assert suggest_replication([[1.0, 1.0]] * 6, process_s=1.0, sample_s=1.0) is None
    assert suggest_replication([[1.0], [1.1]] * 6, process_s=1.0, sample_s=1.0) is None
    assert suggest_replication(processes(0.01, 0.01), process_s=0.0, sample_s=1.0) is None
