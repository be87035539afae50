"""Does a check fail where something got slower, and never because it could not tell?"""

from __future__ import annotations

import random
from typing import Any

import pytest

from orchestrator.analysis.check import LACKING, Check, Checked, CheckWord, check_records, count_words
from orchestrator.analysis.matching import Match
from orchestrator.nouns.conditions import Conditions
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Blas, Variant
from tests.makers import key, method, observed, provenance, record, timed, variant, workload

ROW, OTHER = variant(), variant(blas=Blas.MKL)


def blocks(row: Variant, seconds: float, count: int = 10, noise: float = 0.01, **fields: Any) -> list[Record]:
    chance = random.Random(f"{row.id}{seconds}{fields.get('threads')}")
    return [timed(row, block, seconds * (1 + noise * chance.uniform(-1, 1)), **fields) for block in range(count)]


def only(check: Check) -> Checked:
    assert len(check.items) == 1
    return check.items[0]


@pytest.mark.parametrize(
    ("seconds", "noise", "word"),
    [
        (0.110, 0.01, "slower"),
        (0.102, 0.01, "ok"),  # slower for sure, and within what is allowed
        (0.100, 0.01, "ok"),
        (0.090, 0.01, "faster"),
        (0.0995, 0.001, "ok"),  # faster for sure, and by too little to say
        (0.103, 0.02, "maybe(the interval is too wide)"),
        (0.100, 0.30, "maybe(the interval is too wide)"),
    ],
)
def test_the_word_depends_on_where_the_interval_lies(seconds: float, noise: float, word: str) -> None:
    item = only(check_records(blocks(ROW, 0.1, noise=noise), blocks(ROW, seconds, noise=noise)))
    assert item.text.startswith(f"{word}: ")
    assert item.ratio is not None
    assert item.ratio.counts == (10, 10)
    assert item.text.endswith(", 10 processes against 10, Welch t, Holm 1)")


def test_what_is_allowed_is_what_the_user_says() -> None:
    before, after = blocks(ROW, 0.1), blocks(ROW, 0.11)
    assert only(check_records(before, after, max_slowdown=0.2)).word == CheckWord.OK
    assert only(check_records(before, after, max_slowdown=0.05)).word == CheckWord.SLOWER
    assert check_records(before, after, max_slowdown=0.2).failures() == ()
    assert len(check_records(before, after, max_slowdown=0.05).failures()) == 1


def test_more_cells_on_show_widen_each_interval() -> None:
    works = [workload(network=f"net{number}") for number in range(20)]
    before = [each for work in works for each in blocks(ROW, 0.1, workload=work)]
    after = [each for work in works for each in blocks(ROW, 0.1001, workload=work)]
    found = check_records(before, after).items[0].ratio
    alone = only(check_records(blocks(ROW, 0.1, workload=works[0]), blocks(ROW, 0.1001, workload=works[0]))).ratio
    assert found is not None
    assert alone is not None
    assert found.high - found.low > 1.2 * (alone.high - alone.low)


@pytest.mark.parametrize("seconds", [0.1, 0.05])
def test_four_processes_are_too_few_to_say_that_all_is_well(seconds: float) -> None:
    item = only(check_records(blocks(ROW, 0.1), blocks(ROW, seconds, 4)))
    assert (item.word, item.reason) == (CheckWord.MAYBE, "n<5")


def test_four_processes_that_are_far_too_slow_fail_and_the_doubt_is_said() -> None:
    found = check_records(blocks(ROW, 0.1), blocks(ROW, 0.2, 4))
    assert only(found).text.startswith("slower(n<5): ")
    assert len(found.failures(LACKING)) == 1


def test_a_cell_that_is_gone_fails_unless_that_is_tolerated() -> None:
    found = check_records(blocks(ROW, 0.1) + blocks(OTHER, 0.1), blocks(ROW, 0.1))
    assert [(item.baseline, str(item.word)) for item in found.items] == [(OTHER.id, "missing"), (ROW.id, "ok")]
    assert [item.text for item in found.failures()] == ["missing"]
    assert found.failures(LACKING) == ()


def test_a_slow_cell_is_never_tolerated() -> None:
    assert len(check_records(blocks(ROW, 0.1), blocks(ROW, 0.2)).failures(LACKING)) == 1


def test_a_cell_that_is_new_is_told_and_does_not_fail() -> None:
    found = check_records(blocks(ROW, 0.1), blocks(ROW, 0.1) + blocks(OTHER, 0.1))
    assert found.failures() == ()
    assert found.left_out == (f"vgg16-infer-b1@{OTHER.id}:t1: the baseline has no such cell",)


def test_a_cell_without_a_valid_trial_fails_with_the_reason() -> None:
    broken = [record(block=block, status=Status.OOM, reason="8 GiB") for block in range(5)]
    assert only(check_records(blocks(ROW, 0.1), broken)).text == "invalid(now has oom)"
    assert only(check_records(broken, blocks(ROW, 0.1))).text == "invalid(baseline has oom)"
    assert len(check_records(blocks(ROW, 0.1), broken).failures()) == 1


def test_what_was_and_is_unsupported_has_nothing_to_lose() -> None:
    lacking = [record(status=Status.UNSUPPORTED, reason="LSTM")]
    found = check_records(lacking, lacking)
    assert found.items == ()
    assert found.left_out == (f"vgg16-infer-b1@{ROW.id}:t1: unsupported, then and now",)
    assert only(check_records(blocks(ROW, 0.1), lacking)).text == "invalid(now has unsupported)"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"provenance": provenance(host={"cpu_model": "AMD EPYC", "kernel": "5.10", "governor": None})},
            "confounded(host.kernel)",
        ),
        ({"provenance": provenance(workloads_hash="ef" * 32)}, "confounded(workloads_hash)"),
        ({"method": method(warmup=0)}, "confounded(not comparable: warm-up of 1 against 0 steps)"),
    ],
)
def test_another_machine_or_method_is_confounded_by_name_and_fails(fields: dict[str, Any], text: str) -> None:
    found = check_records(blocks(ROW, 0.1), blocks(ROW, 0.1, **fields))
    assert only(found).text == text
    assert len(found.failures()) == 1


def test_another_image_of_the_same_row_is_what_a_check_is_for() -> None:
    item = only(check_records(blocks(ROW, 0.1), blocks(ROW, 0.12, key=key("rebuilt"))))
    assert item.word == CheckWord.SLOWER


def test_of_two_builds_in_one_store_the_one_with_more_blocks_is_checked() -> None:
    now = blocks(ROW, 0.1) + blocks(ROW, 0.2, 6, key=key("built again"))
    item = only(check_records(blocks(ROW, 0.1), now))
    assert item.word == CheckWord.OK
    assert any("in 2 ways" in note for note in item.notes)


def test_versions_are_crossed_only_where_that_was_asked_for() -> None:
    old, older, new = variant(version="1.10.0"), variant(version="1.9.0"), variant(version="1.11.0", python="3.13")
    before, after = blocks(old, 0.1) + blocks(older, 0.3), blocks(new, 0.12)
    assert {item.word for item in check_records(before, after).items} == {CheckWord.MISSING}
    item = only(check_records(before, after, matching=Match.ANY_VERSION))
    assert (item.baseline, item.variant, item.word) == (old.id, new.id, CheckWord.SLOWER)
    assert "framework: numpy 1.10.0 -> numpy 1.11.0" in item.differences
    mkl = blocks(variant(version="1.11.0", blas=Blas.MKL), 0.05)
    assert only(check_records(before, mkl, matching=Match.ANY_VERSION)).word == CheckWord.MISSING


def test_threads_and_modes_are_cells_of_their_own() -> None:
    before = blocks(ROW, 0.1) + blocks(ROW, 0.06, threads=2)
    assert {item.word for item in check_records(before, blocks(ROW, 0.1)).items} == {CheckWord.OK, CheckWord.MISSING}


def disturbed(records: list[Record], **seen: Any) -> list[Record]:
    life = observed(wall_s=60, cpu_s=None, conditions=Conditions(window_s=2.0, own_s=1.6, busy_s=1.6, **seen))
    return [each.model_copy(update={"observed": life}) for each in records]


def test_a_slowdown_under_suspicion_fails_and_the_suspicion_is_said() -> None:
    slow = blocks(ROW, 0.15)
    found = check_records(blocks(ROW, 0.1), disturbed(slow[:6], foreign_s=0.5) + slow[6:])
    item = only(found)
    assert (item.word, item.reason) == (CheckWord.SLOWER, "suspect: foreign-cpu in 6 of 10 processes")
    assert item.text.startswith("slower(suspect: foreign-cpu in 6 of 10 processes): 1.5")
    assert len(found.failures(LACKING)) == 1


@pytest.mark.parametrize("seconds", [0.1, 0.08])
def test_most_processes_being_suspect_takes_back_that_all_is_well(seconds: float) -> None:
    now = blocks(ROW, seconds)
    item = only(check_records(blocks(ROW, 0.1), disturbed(now, steal_s=0.05)))
    assert (item.word, item.reason) == (CheckWord.MAYBE, "suspect: steal in 10 of 10 processes")
    some = only(check_records(blocks(ROW, 0.1), disturbed(now[:5], steal_s=0.05) + now[5:]))
    assert some.word in {CheckWord.OK, CheckWord.FASTER}
    assert some.notes == ("suspect now: steal in 5 of 10 processes",)


def test_the_words_are_counted_the_worst_first() -> None:
    lenet = workload(network="lenet")
    before = blocks(ROW, 0.1) + blocks(OTHER, 0.1) + blocks(ROW, 0.1, workload=lenet)
    found = check_records(before, blocks(ROW, 0.1) + blocks(ROW, 0.2, workload=lenet))
    assert count_words(found.items) == [("slower", 1), ("missing", 1), ("ok", 1)]


def test_a_store_against_itself_has_no_failure() -> None:
    records = blocks(ROW, 0.1) + blocks(OTHER, 0.05)
    assert check_records(records, records).failures() == ()
