"""Are only things compared that were measured alike, and is every claim worded with what it rests on?"""

from __future__ import annotations

import random
from typing import Any

import pytest

from orchestrator.analysis.axes import compare_by
from orchestrator.analysis.compare import Comparison, compare
from orchestrator.analysis.wording import say_verdict
from orchestrator.errors import UnknownNameError
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Blas, Install, OneDnn, Variant
from orchestrator.stats.paired import Ratio
from orchestrator.stats.stopping import blocks_needed
from orchestrator.stats.verdicts import Verdict, Word
from tests.makers import WALLS, evidence, key, method, observed, provenance, record, reply, timed, variant, workload

OPENBLAS, MKL, ATLAS = variant(), variant(blas=Blas.MKL), variant(blas=Blas.ATLAS)


def blocks(row: Variant, seconds: float, count: int = 10, seed: int = 1, **fields: Any) -> list[Record]:
    """Valid records with a noise of 1 % that is a row's own."""
    chance = random.Random(f"{row.id}{seed}")
    return [timed(row, block, seconds * (1 + 0.01 * chance.uniform(-1, 1)), **fields) for block in range(count)]


def only(found: tuple[Comparison, ...]) -> Comparison:
    assert len(found) == 1
    return found[0]


def test_a_faster_build_is_called_faster_with_everything_that_the_claim_rests_on() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08)
    found = compare(records, OPENBLAS.id, MKL.id)
    item = only(found.items)
    assert item.verdict.word == Word.FASTER
    assert item.ratio is not None
    assert item.ratio.estimate == pytest.approx(0.8, rel=0.01)
    assert item.text.startswith("1.2")
    assert item.text.endswith(", 10 blocks, paired t, Holm 1)")
    assert "BLAS: openblas 0.3.21 -> mkl 2020.4" in item.differences
    assert "these image builds on this machine" in found.scope
    turned = only(compare(records, MKL.id, OPENBLAS.id).items)
    assert turned.verdict.word == Word.SLOWER
    assert turned.ratio is not None
    assert turned.ratio.estimate == pytest.approx(1 / item.ratio.estimate)


def test_the_order_of_records_changes_nothing() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08)
    shuffled = random.Random(2).sample(records, len(records))
    assert compare(records, OPENBLAS.id, MKL.id) == compare(shuffled, OPENBLAS.id, MKL.id)


def test_a_build_against_itself_under_another_name_is_not_told_apart() -> None:
    twin = variant(tag="twin")
    found = only(compare(blocks(OPENBLAS, 0.1) + blocks(twin, 0.1), OPENBLAS.id, twin.id).items)
    assert found.verdict.word == Word.EQUIVALENT
    assert found.differences == ()


def test_four_blocks_are_too_few_for_a_word() -> None:
    found = only(compare(blocks(OPENBLAS, 0.1, 4) + blocks(MKL, 0.05, 4), OPENBLAS.id, MKL.id).items)
    assert found.text.startswith("inconclusive(n<5): ")


def test_a_block_that_one_side_lacks_is_left_out_on_both_and_said() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08)
    records = [each for each in records if not (each.variant == MKL and each.block in {2, 5, 7})]
    records.append(record(variant=MKL, block=2, status=Status.TIMEOUT, reason="600 s"))
    item = only(compare(records, OPENBLAS.id, MKL.id).items)
    assert item.dropped == (2,)
    assert "7 of 8 blocks" in item.text
    assert item.candidate.failed == (("timeout", 1),)
    assert any(note.endswith("valid trial on both sides: block 2") for note in item.notes)
    assert "2 blocks were run on one side only, and are not in the ratio" in item.notes
    assert "failures differ: 0/10 of the reference's trials against 1/8" in item.notes


def test_a_side_whose_label_is_not_proved_is_named_with_the_reason_and_not_ranked() -> None:
    wrong = [record(variant=MKL, block=block) for block in range(10)]
    item = only(compare(blocks(OPENBLAS, 0.1) + wrong, OPENBLAS.id, MKL.id).items)
    assert str(item.verdict) == "invalid(claim:blas)"
    assert item.ratio is None
    assert item.text == (
        f"invalid(claim:blas): {MKL.id}: invalid(claim:blas): label says mkl, mapped: openblas 0.3.21 "
        "(/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so)"
    )


@pytest.mark.parametrize("status", [Status.UNSUPPORTED, Status.WRONG, Status.OOM])
def test_a_side_that_failed_is_shown_and_not_ranked(status: Status) -> None:
    failed = [record(variant=MKL, block=block, status=status, reason="LSTM") for block in range(3)]
    item = only(compare(blocks(OPENBLAS, 0.1) + failed, OPENBLAS.id, MKL.id).items)
    assert str(item.verdict) == f"invalid({status})"
    assert f"{MKL.id}: {status}: LSTM" in item.text
    assert item.p_holm is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"provenance": provenance(host={"cpu_model": "AMD EPYC", "kernel": "5.10", "governor": None})}, "host.kernel"),
        ({"provenance": provenance(workloads_hash="ef" * 32)}, "workloads_hash"),
        ({"provenance": provenance(engine="local")}, "engine"),
        ({"method": method(seed=7)}, "method.seed"),
        ({"method": method(min_time_s=9)}, "method.min_time_s"),
    ],
)
def test_what_was_not_measured_alike_is_confounded_by_name(fields: dict[str, Any], name: str) -> None:
    item = only(compare(blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08, **fields), OPENBLAS.id, MKL.id).items)
    assert str(item.verdict) == f"invalid(confounded: {name})"


def test_limits_that_say_when_to_give_up_do_not_confound() -> None:
    other = method(blocks=20, timeout_s=1000, memory_bytes=2**31)
    item = only(compare(blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08, method=other), OPENBLAS.id, MKL.id).items)
    assert item.verdict.word == Word.FASTER


def test_another_security_profile_is_confounded() -> None:
    walls = WALLS | {"Speculation_Store_Bypass": "thread force mitigated"}
    slow = [timed(OPENBLAS, block, 0.1) for block in range(10)]
    twin = variant(tag="twin")
    fast = [record(variant=twin, block=block, reported=reply(evidence=evidence(security=walls))) for block in range(10)]
    item = only(compare(slow + fast, OPENBLAS.id, twin.id).items)
    assert str(item.verdict) == "invalid(confounded: Speculation_Store_Bypass)"


def test_two_hosts_in_one_store_give_two_comparisons_and_no_mixture() -> None:
    there: dict[str, Any] = {
        "provenance": provenance(host={"cpu_model": "AMD EPYC", "kernel": "5.10", "governor": None})
    }
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08) + blocks(OPENBLAS, 0.1, **there) + blocks(MKL, 0.12, **there)
    words = {each.verdict.word for each in compare(records, OPENBLAS.id, MKL.id).items}
    assert words == {Word.FASTER, Word.SLOWER}


def test_two_builds_of_one_variant_are_not_pooled() -> None:
    again = blocks(MKL, 0.2, 6, key=key("built again"))
    item = only(compare(blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08) + again, OPENBLAS.id, MKL.id).items)
    assert item.ratio is not None
    assert (item.ratio.n, item.verdict.word) == (10, Word.FASTER)
    assert any("in 2 ways" in note for note in item.notes)


def test_a_repeated_trial_counts_once_and_with_its_last_attempt() -> None:
    spoiled = [record(variant=MKL, block=block, attempt=0, status=Status.ENGINE_LOST) for block in range(10)]
    item = only(compare(blocks(OPENBLAS, 0.1) + spoiled + blocks(MKL, 0.08), OPENBLAS.id, MKL.id).items)
    assert item.candidate.blocks == 10
    assert item.candidate.failed == ()
    late = [record(variant=MKL, block=block, attempt=2, status=Status.INTERRUPTED) for block in range(10)]
    item = only(compare(blocks(OPENBLAS, 0.1) + late + blocks(MKL, 0.08), OPENBLAS.id, MKL.id).items)
    assert item.verdict.word == Word.FASTER


def test_workloads_and_thread_counts_are_compared_each_by_itself() -> None:
    records = []
    for work in (workload(), workload(network="lenet")):
        records += blocks(OPENBLAS, 0.1, workload=work) + blocks(MKL, 0.09, workload=work)
    records += blocks(MKL, 0.05, threads=2)
    items = compare(records, OPENBLAS.id, MKL.id).items
    assert [(each.workload, each.threads) for each in items] == [("lenet-infer-b1", 1), ("vgg16-infer-b1", 1)]
    assert all(each.family == 2 for each in items)


def test_a_name_that_no_record_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        compare(blocks(OPENBLAS, 0.1), OPENBLAS.id, "numpy-1.24.2-distro-openblass-cpu")


def test_a_glob_names_several_builds_and_never_compares_one_with_itself() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08) + blocks(ATLAS, 0.3)
    items = compare(records, OPENBLAS.id, "numpy-*").items
    assert [each.candidate.variant for each in items] == sorted([ATLAS.id, MKL.id])


def test_showing_more_comparisons_widens_each_interval() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08) + blocks(ATLAS, 0.1)
    alone = only(compare(records, OPENBLAS.id, MKL.id).items).ratio
    family = compare(records, OPENBLAS.id, "*").items
    together = next(each.ratio for each in family if each.candidate.variant == MKL.id)
    assert alone is not None
    assert together is not None
    assert together.high - together.low > 1.05 * (alone.high - alone.low)
    assert all(each.family == 2 for each in family)


def test_by_blas_the_reference_is_openblas_and_everything_else_agrees() -> None:
    skx = variant(blas=Blas.BLIS, core="skx", tag="skx")
    other = variant(version="2.4.6", install=Install.PIP)
    records = [each for row in (OPENBLAS, MKL, ATLAS, skx, other) for each in blocks(row, 0.1)]
    found = compare_by(records, "blas")
    assert {each.reference.variant for each in found.items} == {OPENBLAS.id}
    assert {each.candidate.variant for each in found.items} == {MKL.id, ATLAS.id}
    assert len(found.left_out) == 2
    assert "openblas" in found.rule


def test_without_openblas_the_first_by_name_is_the_reference_whatever_its_speed() -> None:
    items = compare_by(blocks(MKL, 0.1) + blocks(ATLAS, 0.3), "blas").items
    assert only(items).reference.variant == ATLAS.id


def test_a_forced_core_is_compared_with_its_own_unforced_row() -> None:
    haswell = variant(core="Haswell", tag="coretype-haswell")
    found = compare_by(blocks(OPENBLAS, 0.1) + blocks(haswell, 0.12) + blocks(MKL, 0.1), "core")
    item = only(found.items)
    assert (item.reference.variant, item.candidate.variant) == (OPENBLAS.id, haswell.id)
    assert "BLAS core: Cooperlake -> Haswell" in item.differences


def test_by_onednn_off_is_the_reference() -> None:
    torch = {
        "framework": "pytorch",
        "version": "2.13.0",
        "install": Install.PIP,
        "blas": Blas.MKL,
        "backend": "pytorch",
    }
    on, off = variant(**torch, onednn=OneDnn.ON), variant(**torch, onednn=OneDnn.OFF, tag="onednn-off")
    item = only(compare_by(blocks(on, 0.05) + blocks(off, 0.1), "onednn").items)
    assert item.reference.variant == off.id
    assert item.verdict.word == Word.FASTER


def test_by_version_the_oldest_is_the_reference_by_number_not_by_letter() -> None:
    rows = [variant(version=version, python="3.12") for version in ("1.10.0", "1.9.2", "2.0")]
    items = compare_by([each for row in rows for each in blocks(row, 0.1)], "version").items
    assert {each.reference.variant for each in items} == {rows[1].id}


def test_an_axis_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'blas'"):
        compare_by([], "blass")


def test_no_records_give_no_comparison() -> None:
    assert compare_by([], "blas").items == ()


@pytest.mark.parametrize(
    ("said", "ratio", "text"),
    [
        (
            Verdict(Word.FASTER),
            Ratio(1 / 1.083, 1 / 1.1, 1 / 1.066, 0.98, 10, 0.001, 0.02),
            "1.083x faster (95 % CI 1.066-1.100, 10 blocks, paired t, Holm 3)",
        ),
        (
            Verdict(Word.SLOWER),
            Ratio(2.04, 1.1, 3.7, 0.98, 10, 0.001, 0.02),
            "2.0x slower (95 % CI 1.1-3.7, 10 blocks, paired t, Holm 3)",
        ),
        (
            Verdict(Word.INCONCLUSIVE, "n<5"),
            Ratio(1.5, 0.0, float("inf"), 0.95, 1, 1.0, 0.0),
            "inconclusive(n<5): 1.50x the time (1 of 10 blocks: no interval)",
        ),
        (
            Verdict(Word.EQUIVALENT),
            Ratio(1.001, 0.99, 1.01, 0.95, 10, 0.5, 0.01),
            "equivalent within 2 %: 1.0010x the time (90 % CI 0.9952-1.0068, 10 blocks, TOST)",
        ),
        (Verdict(Word.INVALID, "numerics"), None, "invalid(numerics)"),
    ],
)
def test_the_sentence_has_no_more_digits_than_its_interval(said: Verdict, ratio: Ratio | None, text: str) -> None:
    assert say_verdict(said, ratio, family=3, blocks=10) == text


def test_the_statement_holds_everything_that_a_claim_rests_on() -> None:
    times = [0.0801, 0.0799, 0.0802, 0.0798, 0.0800]
    records = [timed(OPENBLAS, block, 0.1) for block in range(6)] + [timed(MKL, *each) for each in enumerate(times)]
    records.append(record(variant=MKL, block=5, status=Status.TIMEOUT, reason="600 s"))
    item = only(compare(records, OPENBLAS.id, MKL.id).items)
    assert item.statement == (
        "1.2500x faster (95 % CI 1.2469-1.2531, 5 of 6 blocks, paired t, Holm 1); 1 of 12 trials failed; "
        "seed 20260101; flags: mkl-on-amd"
    )
    wrong = [record(variant=MKL, block=block) for block in range(6)]
    item = only(compare(records[:6] + wrong, OPENBLAS.id, MKL.id).items)
    assert item.statement.startswith("invalid(claim:blas): ")
    assert item.statement.endswith("; 6 of 12 trials failed; seed 20260101; flags: none")


def test_a_comparison_that_says_nothing_says_how_many_blocks_it_would_take() -> None:
    chance = random.Random(3)
    noisy = [timed(MKL, block, 0.1 * (1 + 0.05 * chance.uniform(-1, 1))) for block in range(10)]
    item = only(compare(blocks(OPENBLAS, 0.1) + noisy, OPENBLAS.id, MKL.id).items)
    assert item.verdict.word == Word.INCONCLUSIVE
    assert item.ratio is not None
    needed = blocks_needed(item.ratio, 0.01)
    assert needed > 20
    assert item.notes == (f"about {needed} blocks of this spread would narrow the interval to +-1 %",)
    assert only(compare(blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08), OPENBLAS.id, MKL.id).items).notes == ()


def test_q_values_stand_beside_the_words_and_decide_nothing() -> None:
    rows = [variant(tag=f"t{number}") for number in range(12)]
    records = blocks(OPENBLAS, 0.1) + [each for row in rows for each in blocks(row, 0.1 if row.tag > "t1" else 0.08)]
    found = compare(records, OPENBLAS.id, "*-t*")
    pairs = [(item.p_holm, item.q_bh, item.verdict.word) for item in found.items]
    assert all(p is not None and q is not None and q <= p for p, q, _ in pairs)
    assert any(q < p for p, q, _ in pairs if p is not None and q is not None)
    assert "no word rests on it" in found.legend
    assert "Holm" in found.legend
    failed = [record(variant=MKL, block=block, status=Status.OOM) for block in range(3)]
    assert only(compare(blocks(OPENBLAS, 0.1) + failed, OPENBLAS.id, MKL.id).items).q_bh is None


def test_an_observation_without_numbers_does_not_break_a_comparison() -> None:
    bare = [timed(MKL, block, 0.1, observed=observed(wall_s=60, cpu_s=None, peak_bytes=None)) for block in range(10)]
    assert only(compare(blocks(OPENBLAS, 0.1) + bare, OPENBLAS.id, MKL.id).items).ratio is not None


def test_builds_that_ran_on_different_days_are_not_compared() -> None:
    monday: dict[str, Any] = {"provenance": provenance(run="20260101-120000-aaaaaa")}
    friday: dict[str, Any] = {"provenance": provenance(run="20260105-120000-bbbbbb")}
    (found,) = compare(blocks(OPENBLAS, 0.1, **monday) + blocks(MKL, 0.08, **friday), OPENBLAS.id, MKL.id).items
    assert found.verdict.word is Word.INVALID
    assert "not interleaved" in found.text


def test_by_framework_never_sets_a_framework_against_itself() -> None:
    rows = [
        variant(framework="numpy", version="1.0"),
        variant(framework="numpy", version="2.0"),
        variant(framework="zoo"),
    ]
    found = compare_by([each for row in rows for each in blocks(row, 0.1)], "framework")
    assert all(item.reference.variant.split("-")[0] != item.candidate.variant.split("-")[0] for item in found.items)
    assert found.items
