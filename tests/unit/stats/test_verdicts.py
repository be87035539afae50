"""Is every word earned, one comparison at a time and in a family?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control, t

from orchestrator.stats.families import benjamini_hochberg, holm, holm_levels
from orchestrator.stats.paired import Ratio, paired_ratio, t_interval
from orchestrator.stats.verdicts import Word, verdict


def ratio(estimate: float, half_percent: float, n: int = 10) -> Ratio:
    """A ratio whose 95 % interval has this half-width, in per cent, on the log scale."""
    sd = half_percent / 100 * math.sqrt(n) / float(t.ppf(0.975, n - 1))
    low, high = t_interval(math.log(estimate), sd, n, 0.95)
    return Ratio(estimate, math.exp(low), math.exp(high), 0.95, n, 0.5, sd)


@pytest.mark.parametrize(
    ("estimate", "half_percent", "n", "word"),
    [
        (0.90, 2.0, 10, "faster"),
        (1.10, 2.0, 10, "slower"),
        (0.985, 0.5, 10, "faster"),  # within 2 % of 1, and yet a difference of more than 1 % that is sure
        (1.015, 0.5, 10, "slower"),
        (1.005, 0.2, 10, "equivalent"),  # sure, but too small to matter
        (0.995, 0.2, 10, "equivalent"),
        (1.00, 1.0, 10, "equivalent"),
        (1.00, 3.0, 10, "inconclusive(the interval is too wide)"),
        (1.015, 1.6, 10, "inconclusive(the interval is too wide)"),
        (1.30, 40.0, 10, "inconclusive(the interval is too wide)"),
        (1.0099, 0.95, 5, "inconclusive(a small effect)"),
        (0.50, 1.0, 4, "inconclusive(n<5)"),
        (0.50, 1.0, 5, "faster"),
    ],
)
def test_the_truth_table(estimate: float, half_percent: float, n: int, word: str) -> None:
    delta = 0.015 if word.endswith("small effect)") else 0.02
    assert str(verdict(ratio(estimate, half_percent, n), delta=delta)) == word


def test_the_word_turns_with_the_sides() -> None:
    for estimate, half in ((0.9, 2.0), (1.004, 0.9), (1.0, 3.0), (1.01, 0.1), (0.97, 2.9)):
        here, there = verdict(ratio(estimate, half)).word, verdict(ratio(1 / estimate, half)).word
        turned = {Word.FASTER: Word.SLOWER, Word.SLOWER: Word.FASTER}
        assert there == turned.get(here, here)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm_levels([0.01, 0.04, 0.03]) == pytest.approx([1 - 0.05 / 3, 1 - 0.05 / 2, 1 - 0.05 / 2])
    assert holm_levels([0.001], 0.9) == pytest.approx([0.9])


def test_an_adjusted_interval_excludes_one_exactly_where_holm_rejects() -> None:
    chance = np.random.default_rng(1)
    for _ in range(300):
        family = [_null(chance, shift) for shift in (0, 0, 0.01, 0.03)]
        pvalues = [each.p for each in family]
        for each, p, level in zip(family, holm(pvalues), holm_levels(pvalues), strict=True):
            adjusted = each.at(level)
            assert (p <= 0.05) == (not adjusted.low <= 1 <= adjusted.high)


def test_more_comparisons_on_show_widen_the_interval() -> None:
    assert holm_levels([0.001, 0.5])[0] < holm_levels([0.001, 0.5, 0.6])[0]


def test_q_values_by_hand_and_by_scipy() -> None:
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert benjamini_hochberg([]) == []
    pvalues = np.random.default_rng(3).uniform(size=40) ** 3
    assert benjamini_hochberg(pvalues.tolist()) == pytest.approx(false_discovery_control(pvalues).tolist())
    assert all(q <= p for q, p in zip(benjamini_hochberg(pvalues.tolist()), holm(pvalues.tolist()), strict=True))


def _null(chance: np.random.Generator, shift: float) -> Ratio:
    logs = (shift + 0.015 * chance.standard_normal(10)).tolist()
    times = {block: (math.exp(log),) for block, log in enumerate(logs)}
    return paired_ratio(times, dict.fromkeys(range(10), (1.0,)))
