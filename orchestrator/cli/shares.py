"""How is a share of something written on a command line?"""

from __future__ import annotations

import math

from orchestrator.errors import UsageError


def read_share(option: str, text: str) -> float:
    """`3%`, `0.5 %` and `0.03` as a share. Raises UsageError for what is no number from 0 to below 10."""
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    if rest.strip() or not 0 <= share < 10:
        raise UsageError(f"{option} {text!r}: expected a share, as in 3%, 0.5% or 0.03")
    return share
