"""Is the page complete and inert, whatever the records say?"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.analysis.overview import survey_records
from orchestrator.nouns.record import Status
from orchestrator.nouns.variant import Blas
from orchestrator.report.escape import xml_text
from orchestrator.report.html import _clean, render_page
from orchestrator.store.reading import Problem
from tests.hostile_records import spoil_numbers, spoil_records
from tests.makers import provenance, record, timed, variant
from tests.pages import read_inert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.nouns.image import Packages
    from orchestrator.nouns.record import Record

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</script><script>alert(1)</script>",
    "</style><style>@import url(http://x)</style>",
    "</title><base href=http://x>",
    "javascript:alert(1)",
    "<!-- <svg/onload=alert(1)> -->",
    "&lt;b&gt; &amp;amp; &#60;",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b]0;owned\x07\x00\x9b31m",
    "\u202egnp.exe\u2066\u200f\u061c",
    "line\nbreak\u2028\u2029",
]
ROOT = Path("/somebody/store")


def make(
    records: Sequence[Record],
    problems: Sequence[Problem] = (),
    sboms: Mapping[str, Packages] | None = None,
    **options: Any,
) -> str:
    return render_page(survey_records(records, {}, sboms=sboms), problems, root=ROOT, **options)


def store_of_three() -> list[Record]:
    """OpenBLAS and a faster MKL in five blocks, an ATLAS that failed, and one more whose label lies."""
    chance = random.Random(1)
    records = [timed(variant(), block, chance.uniform(0.099, 0.101)) for block in range(5)]
    records += [timed(variant(blas=Blas.MKL), block, chance.uniform(0.079, 0.081)) for block in range(5)]
    records += [record(variant=variant(blas=Blas.ATLAS), status=Status.TIMEOUT, reason="600 s")]
    return [*records, record(variant=variant(blas=Blas.BLIS, pip=("numpy==1.24.2",)), block=1)]


def test_a_page_says_what_was_measured_compared_proved_and_lost() -> None:
    damaged = Problem(ROOT / "records" / "ab" / "x.json", "damaged", f"{ROOT}/records/ab/x.json is torn")
    unseen = variant(framework="neon", unverified="no Python 2 image")
    page = read_inert(make(store_of_three(), [damaged], rows=[unseen, variant()], title="Monday's run"))
    text = page.text
    assert text.count("Monday's run") == 2
    assert "Scope: these image builds on this machine" in text
    assert "4 builds of 1 framework on 1 workload: 10 of 12 trials valid, 2026-01-01." in text
    assert "1 faster, 2 invalid" in text
    assert re.search(r"1\.25\d*x faster \(95 % CI [\d.]+-[\d.]+, 5 blocks, paired t, Holm 1\)", text)
    assert "timeout: 600 s" in text
    assert "invalid(claim:blas): label says blis, mapped: openblas" in text
    assert "BLAS mkl 2020.4" in text
    assert "mapped: /usr/lib/x86_64-linux-gnu/libmkl_rt.so" in text
    assert "bench/numpy:0123456789ab sha256:abab" in text
    assert "1 image, 1 pin bench/numpy" in text
    assert "numpy==1.24.2" in text
    assert "no Python 2 image no record" in text
    assert "records/ab/x.json damaged records/ab/x.json is torn" in text
    assert "/somebody" not in text
    assert "times the time of the reference: faster" in text
    assert "AMD EPYC" in text


def test_packages_are_listed_once_and_what_rows_do_not_declare_is_said_of_a_comparison() -> None:
    ids = ["sha256:" + letter * 64 for letter in "abc"]
    packages = {"deb:libgomp1": "12.2", "pip:numpy": "1.24.2", "pip:<b>": "1"}
    records = [timed(variant(), block, 0.1, provenance=provenance(image_id=ids[block == 4])) for block in range(5)]
    mkl = provenance(image_id=ids[2])
    records += [timed(variant(blas=Blas.MKL), block, 0.08, provenance=mkl) for block in range(5)]
    sboms = {ids[0]: packages, ids[1]: packages, ids[2]: packages | {"deb:libgomp1": "13.1"}}
    page = read_inert(make(records, sboms=sboms))
    assert page.text.count("deb:libgomp1 12.2, pip:<b> 1, pip:numpy 1.24.2") == 1
    assert f"{ids[1]}: the same packages" in page.text
    assert "beside what the rows declare, 1 package differs: deb:libgomp1 12.2 -> 13.1" in page.text


def test_what_was_imported_is_said_at_the_top_and_flagged_in_its_row() -> None:
    page = read_inert(make([record().with_origin("<b>mail</b>.tar"), record(block=1)]))
    assert "1 trial imported from <b>mail</b>.tar, not measured for this store" in page.text
    assert "foreign: imported from <b>mail</b>.tar" in page.text


def test_the_same_store_gives_the_same_page() -> None:
    assert make(store_of_three()) == make(store_of_three())


def test_an_empty_store_gives_a_page_too() -> None:
    assert "no records yet" in read_inert(make([])).text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_text_is_shown_as_it_is_and_does_nothing(hostile: str) -> None:
    host = {"cpu_model": hostile, hostile: hostile}
    failed = record(status=Status.ERROR, reason=hostile, provenance=provenance(host=host, engine=hostile))
    problem = Problem(ROOT / "records" / f"{hostile}.json".replace("/", ""), hostile, hostile)
    row = variant(framework="neon", unverified=hostile)
    page = read_inert(make([failed], [problem], rows=[row], title=hostile))
    shown = " ".join(xml_text(hostile).split())
    assert page.text.count(shown) >= 7, page.text


def test_no_text_of_a_record_gets_out_of_its_place() -> None:
    records, fields = spoil_records("".join(HOSTILE))
    assert len(fields) > 40, sorted(fields)
    assert {"reason", "key", "cell", "provenance.engine", "variant.why", "reported.evidence.libraries.core"} <= fields
    page = read_inert(make(records))
    assert page.text.count(" ".join(xml_text("<script>alert(1)</script>").split())) > 40


@pytest.mark.parametrize("number", [0, -1, 2**53, 5e-324, 1e200, 1e308, -1e308])
def test_no_number_of_a_record_keeps_the_page_from_being_made(number: float) -> None:
    records = spoil_numbers(number)
    assert len(records) > 20
    sound = [timed(variant(blas=blas), block, 0.1 + block / 1e6)
             for blas in (Blas.OPENBLAS, Blas.MKL) for block in range(1000, 1005)]  # fmt: skip
    page = read_inert(make([*records, *sound]))
    assert "nan" not in page.text.lower().split()
    assert not re.search(r"\binf\b", page.text)


def test_what_is_no_text_for_people_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="None"):
        _clean(None)
