"""Do the diagnostics of samples find what was put there?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.stats.samples import (
    effective_count,
    lag1_autocorrelation,
    modified_z_outliers,
    quantile_interval,
    steadiness,
    variance_parts,
)


def ar1(rho: float, count: int, seed: int) -> list[float]:
    chance = np.random.default_rng(seed)
    values = [float(chance.standard_normal())]
    for _ in range(count - 1):
        values.append(rho * values[-1] + math.sqrt(1 - rho**2) * float(chance.standard_normal()))
    return values


def test_the_99th_percentile_needs_299_samples() -> None:
    values = [float(number) for number in range(300)]
    assert str(quantile_interval(values[:298], 0.99)) == "not estimable from 298 samples"
    found = quantile_interval(values[:299], 0.99)
    assert found.estimable
    assert found.high == 298.0
    assert str(quantile_interval([], 0.5)) == "not estimable from 0 samples"
    assert not quantile_interval(values[:5], 0.5).estimable
    assert quantile_interval(values[:6], 0.5).estimable


@pytest.mark.parametrize(("q", "n"), [(0.5, 30), (0.9, 100), (0.99, 400)])
def test_an_interval_of_a_quantile_covers_it_at_least_as_often_as_it_says(q: float, n: int) -> None:
    chance = np.random.default_rng(1)
    found = [quantile_interval(row, q) for row in chance.uniform(size=(500, n)).tolist()]
    covered = sum(each.low <= q <= each.high for each in found if each.low is not None and each.high is not None)
    assert covered / 500 >= 0.93


def test_one_outlier_among_thirty_is_flagged_and_nothing_else() -> None:
    values = [1 + 0.001 * math.sin(number) for number in range(29)] + [1.1]
    assert modified_z_outliers(values) == [False] * 29 + [True]
    assert modified_z_outliers([1.0] * 5) == [False] * 5
    assert modified_z_outliers([]) == []


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_autocorrelation_is_found_within_a_tenth(rho: float) -> None:
    values = ar1(rho, 2000, seed=3)
    found = lag1_autocorrelation(values)
    assert found == pytest.approx(rho, abs=0.1)
    assert effective_count(values) == pytest.approx(2000 * (1 - rho) / (1 + rho), rel=0.25)


def test_autocorrelation_of_too_little_is_not_made_up() -> None:
    assert lag1_autocorrelation([1.0, 2.0]) is None
    assert lag1_autocorrelation([0.1] * 10) is None
    assert effective_count([0.1] * 10) == 10


def test_variances_between_and_within_processes_are_recovered() -> None:
    chance = np.random.default_rng(4)
    processes = (10 + 0.3 * chance.standard_normal((200, 1)) + 0.5 * chance.standard_normal((200, 15))).tolist()
    parts = variance_parts(processes)
    assert parts is not None
    assert parts[0] ** 0.5 == pytest.approx(0.3, rel=0.15)
    assert parts[1] ** 0.5 == pytest.approx(0.5, rel=0.15)
    assert variance_parts([[1.0, 2.0]]) is None
    assert variance_parts([[1.0], [2.0]]) is None
    flat = variance_parts([[1.0, 2.0], [1.0, 2.0]])
    assert flat is not None
    assert flat[0] == 0.0


def test_a_warm_up_or_a_ramp_is_never_called_steady() -> None:
    chance = np.random.default_rng(5)
    steps = np.arange(30)
    shapes = {
        "decay": 1 + 0.1 * np.exp(-steps / 5),
        "ramp": 1 + 0.02 * steps / 29,
        "flat": np.ones(30),
    }
    words: dict[str, list[str]] = {name: [] for name in shapes}
    for name, shape in shapes.items():
        for _ in range(200):
            noise = 1 + 0.01 * chance.standard_normal((10, 30))
            words[name].append(steadiness((shape * noise).tolist()))
    assert words["decay"].count("steady") == 0
    assert words["decay"].count("drift") > 190
    assert words["ramp"].count("steady") <= 4
    assert words["flat"].count("drift") <= 20
    assert words["flat"].count("steady") > 100
    assert steadiness([[1.0, 1.0, 1.0]]) == "inconclusive"
    assert steadiness([]) == "inconclusive"
