"""How is a share of something written on a command line?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def read_share(option: str, text: str, *, example: str, fits: Callable[[float], bool]) -> float:
    """`3%`, `0.5 %` and `0.03` as a share. Raises UsageError for what is no number, and for one that does not fit."""
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    if rest.strip() or not fits(share):
        raise UsageError(f"{option} {text!r}: expected a share, as in {example}")
    return share
