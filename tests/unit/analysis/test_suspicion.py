"""Is a claim withheld where something else was at work in most blocks, and is nothing thrown away?"""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from orchestrator.analysis.compare import Comparison, compare_pairs
from orchestrator.analysis.findings import Finding, Validity
from orchestrator.analysis.suspicion import gather_flags
from orchestrator.analysis.trials import Judged
from orchestrator.nouns.variant import Blas, Variant
from orchestrator.stats.verdicts import Word
from tests.makers import timed, variant

OPENBLAS, MKL = variant(), variant(blas=Blas.MKL)


def trials(row: Variant, seconds: float, flags: Mapping[int, tuple[str, ...]], count: int = 10) -> list[Judged]:
    """Valid trials of `count` blocks; `flags`: block -> codes."""
    chance = random.Random(row.id)
    return [
        Judged(
            timed(row, block, seconds * (1 + 0.01 * chance.uniform(-1, 1))),
            Validity(flags=tuple(Finding(code, "0.3 s of 10 s") for code in flags.get(block, ()))),
        )
        for block in range(count)
    ]


def compared(
    reference: Mapping[int, tuple[str, ...]], candidate: Mapping[int, tuple[str, ...]], seconds: float = 0.08
) -> Comparison:
    both = trials(OPENBLAS, 0.1, reference) + trials(MKL, seconds, candidate)
    (item,) = compare_pairs(both, [(OPENBLAS.id, MKL.id)], rule="a test").items
    return item


def test_a_quiet_pair_has_nothing_to_say() -> None:
    item = compared({}, {})
    assert (item.verdict.word, item.suspect, item.notes) == (Word.FASTER, "", ())


def test_suspicion_in_most_blocks_withholds_the_claim_and_keeps_the_number() -> None:
    item = compared(dict.fromkeys(range(5), ("steal",)), {4: ("steal",), 5: ("steal", "foreign-cpu"), 6: ("steal",)})
    assert str(item.verdict) == "inconclusive(suspect: steal in 7 of 10 blocks, foreign-cpu in 1)"
    assert item.ratio is not None
    assert item.ratio.n == 10
    assert item.ratio.estimate == pytest.approx(0.8, rel=0.01)
    assert item.text.startswith(f"{item.verdict}: 0.80")
    (note,) = item.notes
    assert note.startswith("suspect: steal in 7 of 10 blocks, foreign-cpu in 1; without them 0.")


def test_suspicion_in_half_of_the_blocks_or_fewer_is_noted_beside_the_claim() -> None:
    for count in (1, 5):
        item = compared(dict.fromkeys(range(count), ("steal",)), {})
        assert item.verdict.word == Word.FASTER
        assert item.suspect == f"steal in {count} of 10 blocks"
        assert item.ratio is not None
        assert item.ratio.n == 10
        (note,) = item.notes
        assert note.startswith(f"suspect: steal in {count} of 10 blocks; without them 1.2")


def test_what_is_left_without_the_suspect_blocks_is_computed_from_the_others_alone() -> None:
    spoiled = trials(OPENBLAS, 0.1, {}) + trials(MKL, 0.08, {})
    slow = [
        Judged(timed(MKL, each.record.block, 0.16), Validity(flags=(Finding("steal", ""),)))
        if each.record.block in {3, 8} and each.record.variant == MKL
        else each
        for each in spoiled
    ]
    (item,) = compare_pairs(slow, [(OPENBLAS.id, MKL.id)], rule="a test").items
    assert item.verdict.word == Word.INCONCLUSIVE
    note, _ = item.notes
    # Not a claim, and so said as a ratio of times.
    assert note.startswith("suspect: steal in 2 of 10 blocks; without them 0.8")


def test_equivalence_is_a_claim_too() -> None:
    assert compared({}, {}, seconds=0.1).verdict.word == Word.EQUIVALENT
    item = compared(dict.fromkeys(range(6), ("thermal",)), {3: ("thermal",)}, seconds=0.1)
    assert str(item.verdict) == "inconclusive(suspect: thermal in 6 of 10 blocks)"


def test_a_restless_machine_that_strikes_either_side_by_chance_is_noted_and_forbids_nothing() -> None:
    item = compared(dict.fromkeys(range(5), ("canary",)), dict.fromkeys(range(3, 9), ("canary",)))
    assert item.verdict.word == Word.FASTER, "its noise is in the interval"
    assert item.suspect == "canary in 9 of 10 blocks"


def test_what_strikes_one_side_alone_withholds_the_claim_whatever_it_is() -> None:
    item = compared({}, dict.fromkeys(range(6), ("steal",)))
    assert str(item.verdict) == (
        "inconclusive(suspect: steal in 6 of 10 blocks, "
        "0 times on the reference's side alone, 6 times on the candidate's)"
    )
    assert compared({}, dict.fromkeys(range(5), ("steal",))).verdict.word == Word.FASTER, "5 to 0 has a chance of 6 %"
    assert compared({}, dict.fromkeys(range(6), ("steal",)), seconds=0.01).verdict.word == Word.INCONCLUSIVE
    # how often it strikes may follow from the build itself: its heat, its spinning threads, its length
    assert compared({}, dict.fromkeys(range(10), ("canary",))).verdict.word == Word.FASTER


def test_a_difference_that_no_neighbour_could_make_stands() -> None:
    everywhere = dict.fromkeys(range(10), ("foreign-cpu",))
    assert compared(everywhere, everywhere, seconds=0.06).verdict.word == Word.INCONCLUSIVE
    item = compared(everywhere, everywhere, seconds=0.01)
    assert item.verdict.word == Word.FASTER
    assert item.notes == ("suspect: foreign-cpu in 10 of 10 blocks; without them too few blocks are left",)


def test_a_flag_about_the_build_is_no_suspicion() -> None:
    item = compared(dict.fromkeys(range(10), ("poor-core", "mkl-on-amd")), {})
    assert (item.verdict.word, item.suspect) == (Word.FASTER, "")


def test_where_all_blocks_are_suspect_nothing_is_left_to_show_without_them() -> None:
    everywhere = dict.fromkeys(range(10), ("steal",))
    item = compared(everywhere, everywhere)
    assert item.notes == ("suspect: steal in 10 of 10 blocks; without them too few blocks are left",)


def test_too_few_blocks_come_first() -> None:
    both = trials(OPENBLAS, 0.1, {0: ("steal",), 1: ("steal",), 2: ("steal",)}, 4) + trials(MKL, 0.08, {}, 4)
    (item,) = compare_pairs(both, [(OPENBLAS.id, MKL.id)], rule="a test").items
    assert str(item.verdict) == "inconclusive(n<5)"


def test_the_suspicion_of_an_unpaired_block_counts_for_nothing() -> None:
    both = trials(OPENBLAS, 0.1, {9: ("steal",)}) + trials(MKL, 0.08, {}, 9)
    (item,) = compare_pairs(both, [(OPENBLAS.id, MKL.id)], rule="a test").items
    assert (item.suspect, item.dropped) == ("", ())
    assert item.notes == ("1 block was run on one side only, and is not in the ratio",)


def test_a_disturbance_of_another_size_in_every_trial_is_one_count() -> None:
    row = trials(OPENBLAS, 0.1, {1: ("steal", "poor-core"), 4: ("steal", "canary"), 5: ("poor-core",)})
    assert gather_flags(row) == ("poor-core: 0.3 s of 10 s", "suspect: steal in 2, canary in 1 of 10 trials")
    assert gather_flags(trials(OPENBLAS, 0.1, {})) == ()
