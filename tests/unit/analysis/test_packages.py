"""Is it said where two images differ in more than their rows do?"""

from __future__ import annotations

import pytest

from orchestrator.analysis.axes import compare_by
from orchestrator.analysis.compare import Comparison, compare
from orchestrator.analysis.packages import compare_packages, find_undeclared, read_pins, say_packages
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas, Install, Source, Variant
from orchestrator.report.rows import comparison_row
from tests.makers import provenance, timed, variant

ONE, TWO = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
OPENBLAS = variant(apt=("python3-numpy",), blas_apt=("libopenblas0-pthread",))
MKL = variant(apt=("python3-numpy",), blas_apt=("intel-mkl",), blas=Blas.MKL)
LEFT = {"deb:python3-numpy": "1.24.2-1", "deb:libopenblas0-pthread": "0.3.21", "deb:libc6": "2.36-9"}
RIGHT = {"deb:python3-numpy": "1.24.2-1", "deb:intel-mkl": "2020.4", "deb:libc6": "2.36-9"}


def records(row: Variant, image_id: str) -> list[Record]:
    return [timed(row, block, 0.1, provenance=provenance(image_id=image_id, sequence=block)) for block in range(5)]


def item(right: dict[str, str], **sboms: dict[str, str]) -> Comparison:
    both = [*records(OPENBLAS, ONE), *records(MKL, TWO)]
    (found,) = compare(both, OPENBLAS.id, MKL.id, sboms={ONE: LEFT, TWO: right} | sboms).items
    return found


def test_what_the_rows_declare_is_no_news() -> None:
    found = item(RIGHT)
    assert found.packages == ()
    assert not [note for note in found.notes if "package" in note]
    assert comparison_row(found)["packages"] == ""


def test_what_differs_beside_that_is_named_in_a_note_and_in_its_column() -> None:
    found = item(RIGHT | {"deb:libgomp1": "12.2.0", "deb:python3-numpy": "1.26.4-1"})
    said = "deb:python3-numpy 1.24.2-1 -> 1.26.4-1, deb:libgomp1 none -> 12.2.0"
    assert f"beside what the rows declare, 2 packages differ: {said}" in found.notes
    assert comparison_row(found)["packages"] == said.replace(",", ";")


def test_an_image_of_which_nothing_is_known_is_no_agreement() -> None:
    both = [*records(OPENBLAS, ONE), *records(MKL, TWO)]
    for sboms in (None, {}, {ONE: LEFT}):
        (found,) = compare_by(both, "blas", sboms=sboms).items
        assert found.packages is None
        assert comparison_row(found)["packages"] is None
    (found,) = compare_by(both, "blas", sboms={ONE: LEFT, TWO: RIGHT | {"deb:libc6": "2.37"}}).items
    assert found.packages is not None and str(found.packages[0]) == "deb:libc6 2.36-9 -> 2.37"


@pytest.mark.parametrize(
    ("left", "right", "declared"),
    [
        ({"pip": ("numpy==2.4.6",)}, {"pip": ("numpy==2.4.5",)}, True),
        ({"pip": ("numpy==2.4.6",)}, {"pip": ("NumPy==2.4.6",)}, False),
        ({"pip": ("numpy[x]==2.4.6",)}, {}, True),
        ({"source": Source(requirement="numpy==2.4.6")}, {"pip": ("numpy==2.4.6",)}, False),
        ({"source": Source(requirement="numpy==2.4.6")}, {}, True),
        ({}, {}, False),
    ],
)
def test_a_difference_is_declared_where_the_rows_ask_for_different_things(
    left: dict[str, object], right: dict[str, object], declared: bool
) -> None:
    rows = [variant(install=Install.PIP, **fields) for fields in (left, right)]
    found = find_undeclared(rows[0], rows[1], {"pip:numpy": "2.4.6"}, {"pip:numpy": "2.4.5"})
    assert (found == []) is declared


def test_many_are_counted_and_a_few_named() -> None:
    found = compare_packages({}, {f"pip:{name}": "1" for name in "abcde"})
    text = "beside what the rows declare, 5 packages differ: pip:a none -> 1, pip:b none -> 1, pip:c none -> 1 and 2"
    assert say_packages(found) == f"{text} more"
    assert say_packages([]) == ""
    assert say_packages(found[:1]) == "beside what the rows declare, 1 package differs: pip:a none -> 1"


def test_pins_are_the_names_that_the_package_managers_use() -> None:
    row = variant(pip=("Jinja_2==3.1", "numpy"), apt=("libc6",), blas_apt=("libatlas3-base",))
    assert read_pins(row) == {"pip:jinja-2": "==3.1", "pip:numpy": "", "deb:libc6": "", "deb:libatlas3-base": ""}
