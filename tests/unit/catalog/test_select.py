"""Does a selection hold what was asked for, and nothing that nobody has?"""

from __future__ import annotations

import pytest

from orchestrator.catalog.rows import Catalogue
from orchestrator.catalog.select import leave_unverified, select
from orchestrator.errors import UnknownNameError
from orchestrator.nouns.variant import Absent
from tests.makers import variant

ROWS = (
    variant(blas="openblas"),
    variant(blas="atlas"),
    variant(blas="openblas", install="pip", version="2.4.6"),
    variant(framework="pytorch", blas="mkl", install="pip", version="2.13.0"),
)
CATALOGUE = Catalogue(
    variants=ROWS,
    absent=(
        Absent(framework="numpy", version="2.4.6", install="pip", blas="mkl", reason="no such wheel"),
        Absent(framework="numpy", device="cuda", reason="NumPy computes on the CPU only"),
    ),
)


def ids(**filters: str) -> list[str]:
    return [row.id for row in select(CATALOGUE, **filters).variants]


def test_all_is_every_row_in_the_catalogues_order() -> None:
    assert ids() == [row.id for row in ROWS] == ids(frameworks="all", blas="all", install="all", variants="*")


def test_filters_are_comma_lists_that_all_must_hold() -> None:
    assert ids(frameworks="numpy", blas="openblas,atlas", install="distro") == [ROWS[0].id, ROWS[1].id]
    assert ids(frameworks="numpy, pytorch", install="pip") == [ROWS[2].id, ROWS[3].id]


def test_globs_match_identifiers() -> None:
    assert ids(variants="*-distro-*") == [ROWS[0].id, ROWS[1].id]
    assert ids(variants=f"{ROWS[3].id},*atlas*") == [ROWS[1].id, ROWS[3].id]


@pytest.mark.parametrize(
    ("filters", "near"),
    [
        ({"frameworks": "numpi"}, "numpy"),
        ({"blas": "openblass"}, "openblas"),
        ({"install": "pipp"}, "pip"),
        ({"device": "cudda"}, "cuda"),
        ({"variants": "numpy-1.24.2-distro-atlas-cpuu"}, "numpy-1.24.2-distro-atlas-cpu"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(filters: dict[str, str], near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        ids(**filters)


def test_a_combination_that_does_not_exist_is_skipped_with_its_reason() -> None:
    skipped = select(CATALOGUE, frameworks="numpy", blas="mkl").skipped
    assert [(item.name, item.reason) for item in skipped] == [
        ("numpy-2.4.6-pip-mkl-*", "no such wheel"),
        ("numpy-*-*-*-cuda", "NumPy computes on the CPU only"),
    ]
    assert [item.name for item in select(CATALOGUE, blas="atlas", device="cpu").skipped] == []
    assert not select(CATALOGUE, variants="*atlas*").skipped


def test_a_row_that_nobody_has_seen_run_is_left_out_with_its_reason_unless_it_is_named_in_full() -> None:
    open_row = variant(framework="caffe", version="1.0", unverified="no source host answers")
    gpu = variant(framework="pytorch", device="cuda", unverified="no GPU was at hand")
    asked = select(Catalogue(variants=(ROWS[0], open_row, gpu)))
    left = leave_unverified(asked, "*")
    assert left.variants == (ROWS[0], gpu), "whether a GPU row can run is a question about the host"
    assert left.skipped == ((open_row.id, "not verified: no source host answers"),)
    assert leave_unverified(asked, "caffe-*").variants == (ROWS[0], gpu)
    assert leave_unverified(asked, f"x,{open_row.id}").variants == asked.variants
