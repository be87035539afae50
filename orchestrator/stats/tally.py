"""How many false claims may an honest procedure make?"""

from __future__ import annotations

FALSE_CLAIMS = 0.05
"""What a 95 % interval allows itself."""


def chance_above(count: int, repeats: int, rate: float = FALSE_CLAIMS) -> float:
    """P(more than `count` claims in `repeats` independent comparisons of equals), binomial."""
    from scipy.special import bdtrc

    return float(bdtrc(count, repeats, rate))


def most_claims(repeats: int, rate: float = FALSE_CLAIMS, chance: float = 0.05) -> int:
    """The smallest number of claims that an honest procedure exceeds with no more than `chance`: 0 of 1, 3 of 20."""
    # the tail of a single one is the rate itself: rounding must not tip it
    return next(count for count in range(repeats + 1) if chance_above(count, repeats, rate) <= chance * (1 + 1e-9))
