"""How many false claims are still honest?"""

from __future__ import annotations

import pytest

from orchestrator.stats.tally import chance_above, most_claims


@pytest.mark.parametrize(("repeats", "most"), [(1, 0), (2, 1), (10, 2), (20, 3), (100, 9)])
def test_an_honest_tool_exceeds_the_most_claims_in_at_most_a_twentieth_of_all_tallies(repeats: int, most: int) -> None:
    assert most_claims(repeats) == most
    assert chance_above(most, repeats) <= 0.05 + 1e-12
    assert most == 0 or chance_above(most - 1, repeats) > 0.05


def test_more_than_three_of_twenty_is_what_the_binomial_says() -> None:
    assert chance_above(3, 20) == pytest.approx(0.0159, abs=1e-4)
    assert chance_above(20, 20) == 0.0
