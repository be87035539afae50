"""How are rates and shares shown to a person, and which columns tell of a result's place under the roof?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orchestrator.analysis.wording import say_number

if TYPE_CHECKING:
    from orchestrator.analysis.roofline import Place

DOUBTFUL = 1.1
"""Nothing computes a tenth faster than the SGEMM of its own image does: a larger share is of a peak too low."""
# Column -> pandas' dtype. A share is 1 for all of it; intensities are FLOP per byte.
PLACE_COLUMNS = {
    "gmac": "Float64",
    "gflops": "Float64",
    "gflops_low": "Float64",
    "gflops_high": "Float64",
    "share_of_sgemm": "Float64",
    "share_of_best_sgemm": "Float64",
    "share_of_theoretical": "Float64",
    "intensity": "Float64",
    "unfused_intensity": "Float64",
    "ridge": "Float64",
    "bound": "string",
    "unfused_bound": "string",
    "share_of_attainable": "Float64",
    "roofline_reason": "string",
}


def place_values(place: Place) -> dict[str, str | float | None]:
    """A place under PLACE_COLUMNS."""
    cost = place.cost
    return {
        "gmac": cost.macs / 1e9 if cost else None,
        "gflops": _giga(place.rate),
        "gflops_low": _giga(place.low),
        "gflops_high": _giga(place.high),
        "share_of_sgemm": place.sgemm_share,
        "share_of_best_sgemm": place.best_share,
        "share_of_theoretical": place.theory_share,
        "intensity": cost.intensity if cost else None,
        "unfused_intensity": cost.unfused_intensity if cost else None,
        "ridge": place.ridge,
        "bound": place.bound,
        "unfused_bound": place.unfused_bound,
        "share_of_attainable": place.attainable_share,
        "roofline_reason": "; ".join(place.reasons),
    }


def show_place(place: Place) -> str:
    """`71.3 (58 %)`: GFLOP/s, and in brackets the share of the SGEMM peak of the same image, where one was measured."""
    if place.rate is None:
        return "-"
    share = f" ({show_own_share(place, place.sgemm_share)})" if place.sgemm_share is not None else ""
    return f"{show_giga(place.rate)}{share}"


def show_own_share(place: Place, share: float | None) -> str:
    """A share of something that rests on the SGEMM of the same image; `-` where that cannot be true."""
    return "-" if doubt_share(place) else show_share(share)


def doubt_share(place: Place) -> str:
    """Why a share of the SGEMM peak of the same image is not shown; empty where it is."""
    if place.sgemm_share is None or place.sgemm_share <= DOUBTFUL:
        return ""
    basis = say_number(place.sgemm_processes, "process")
    return f"faster than this image's own SGEMM, which rests on {basis}: bench peak measures it"


def show_giga(per_s: float | None, *, half_width: float | None = None) -> str:
    """`160.3` of 160.3e9: two figures of `half_width` where one is known, else three of the number."""
    if per_s is None or not math.isfinite(per_s):
        return "-"
    value, known = per_s / 1e9, half_width or 0.0
    if known > 0:
        digits = 1 - math.floor(math.log10(known / 1e9))
    else:
        digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(3, max(0, digits))}f}"


def show_range(low: float | None, high: float | None) -> str:
    """`158.2-162.4` of 1e9 per second; `-` where an end is not known."""
    if low is None or high is None:
        return "-"
    half = (high - low) / 2
    return f"{show_giga(low, half_width=half)}-{show_giga(high, half_width=half)}"


def show_share(share: float | None) -> str:
    """`58 %`; below a tenth with a figure more."""
    if share is None:
        return "-"
    return f"{share:.0%}".replace("%", " %") if share >= 0.1 else f"{share:.1%}".replace("%", " %")


def _giga(per_s: float | None) -> float | None:
    return per_s / 1e9 if per_s is not None else None
