"""Are trials of one text that ran in two images taken for two builds, and is that said?"""

from __future__ import annotations

from orchestrator.analysis.alike import split_builds
from orchestrator.analysis.compare import compare
from orchestrator.analysis.summary import summarise_records
from orchestrator.analysis.trials import judge_trials
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Blas, Variant
from tests.makers import provenance, record, timed, variant

ONE, TWO = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
OPENBLAS, MKL = variant(), variant(blas=Blas.MKL)


def ran(row: Variant, image: str | None, blocks: range, seconds: float) -> list[Record]:
    return [timed(row, block, seconds, provenance=provenance(image_id=image, sequence=block)) for block in blocks]


def test_a_side_that_ran_in_two_images_is_compared_by_one_and_that_is_said() -> None:
    """The second image is twice as slow: pooled, it would have moved the ratio."""
    mkl = ran(MKL, ONE, range(7), 0.1) + ran(MKL, TWO, range(7, 10), 0.2)
    (item,) = compare(ran(OPENBLAS, ONE, range(10), 0.1) + mkl, OPENBLAS.id, MKL.id).items
    assert item.ratio is not None and item.ratio.n == 7 and abs(item.ratio.estimate - 1) < 1e-9
    assert f"{MKL.id} was built or set up in 2 ways; the one with the most blocks is shown" in item.notes


def test_a_summary_that_pools_two_images_says_so() -> None:
    (summary,) = summarise_records(ran(MKL, ONE, range(7), 0.1) + ran(MKL, TWO, range(7, 10), 0.1))
    (remark,) = [each for each in summary.remarks if "image" in each]
    assert remark.startswith("it ran in 2 images of one text (abababababab, cdcdcdcdcdcd)")
    (summary,) = summarise_records(ran(MKL, ONE, range(10), 0.1))
    assert not [each for each in summary.remarks if "image" in each]


def test_what_had_no_image_fails_in_every_build_and_an_engine_without_images_has_one() -> None:
    lost = record(variant=MKL, block=9, status=Status.NO_IMAGE, provenance=provenance(image_id=None))
    made = split_builds(judge_trials([*ran(MKL, ONE, range(3), 0.1), *ran(MKL, TWO, range(3, 5), 0.1), lost]))
    assert sorted(len(side) for side in made.values()) == [3, 4]
    assert [len(side) for side in split_builds(judge_trials(ran(MKL, None, range(3), 0.1))).values()] == [3]
