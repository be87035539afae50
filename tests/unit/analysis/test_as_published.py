"""Is the worth of a mistake the ratio of the mistaken cell to the right one, with what the checks say of it?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.as_published import Worth, first_calls, weigh
from orchestrator.analysis.pairing import draft_across
from orchestrator.analysis.trials import judge_trials
from orchestrator.nouns.job import Expected
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Variant
from orchestrator.published.cells import Recreated, list_recreated
from orchestrator.published.tables import read_published
from orchestrator.stats.verdicts import Word
from tests.makers import evidence, observed, record, reply, variant, workload
from tests.unit.published.makers import NETWORKS, RIGHT, cells, saying

ROW = variant()
WANTED = Expected(positions=(0, 7), values=(0.5, -0.25), spread=0.5, tolerance=1e-3)
EXPECTED = {"vgg16-infer-b1": {"output": WANTED}, "mobilenet_v1-infer-b1": {"output": WANTED}}


def list_made(row: Variant = ROW, pattern: str = "*") -> list[Recreated]:
    return list_recreated(read_published(), RIGHT, row, workload=pattern)[0]


def weighed(records: list[Record], row: Variant = ROW, pattern: str = "*") -> dict[tuple[str, str], Worth]:
    found = weigh(judge_trials(records), list_made(row, pattern), variant=row.id, networks=NETWORKS, expected=EXPECTED)
    return {(each.recreated.name, each.recreated.base): each for each in found}


def test_a_mistake_that_saves_time_is_called_faster_than_the_right_network() -> None:
    records = cells("vgg16", 0.1) + cells("vgg16.no_fc_relu", 0.09, values=(0.5, 1.75))
    found = weighed(records)["vgg16.no_fc_relu", "vgg16"]
    assert found.comparison is not None
    assert found.comparison.ratio is not None
    assert found.comparison.ratio.estimate == pytest.approx(0.9, rel=0.01)
    assert found.comparison.verdict.word == Word.FASTER
    assert found.comparison.workload == "vgg16.no_fc_relu-infer-b1"
    assert found.found == ("output output: error 4 of the spread, 0.001 may pass",)


def test_a_mistake_that_changes_no_output_is_not_said_to_be_found() -> None:
    found = weighed(cells("vgg16", 0.1) + cells("vgg16.scaled_input", 0.1))["vgg16.scaled_input", "vgg16"]
    assert found.found == ()
    assert found.comparison is not None
    assert found.comparison.verdict.word == Word.EQUIVALENT


def test_a_parameter_count_is_asked_before_the_output() -> None:
    found = weighed(cells("mobilenet_v1", 0.1) + cells("mobilenet_v1.no_classifier", 0.1))
    assert found["mobilenet_v1.no_classifier", "mobilenet_v1"].found == (
        "3,206,976 parameters, 4,231,976 were published",
    )


def test_what_was_not_measured_is_said_to_be_so_and_counts_in_no_family() -> None:
    found = weighed(cells("vgg16", 0.1) + cells("vgg16.no_fc_relu", 0.1))
    missing = found["vgg16.scaled_input", "vgg16"]
    assert (missing.comparison, missing.problem, missing.found) == (None, "not measured", ())
    measured = found["vgg16.no_fc_relu", "vgg16"].comparison
    assert measured is not None
    assert measured.family == 1


def test_a_backend_that_lacks_the_operator_has_no_ratio() -> None:
    work, why = workload(network="vgg16.scaled_input"), "operator Div (scaled): it has no such method"
    lacks = [
        record(variant=ROW, workload=work, block=block, status=Status.UNSUPPORTED, reason=why) for block in range(6)
    ]
    found = weighed(cells("vgg16", 0.1) + lacks)["vgg16.scaled_input", "vgg16"]
    assert found.comparison is None
    assert found.problem == f"not re-created: {why}"


def test_a_mistake_that_failed_for_another_reason_is_invalid_and_says_why() -> None:
    work = workload(network="vgg16.scaled_input")
    late = [
        record(variant=ROW, workload=work, block=block, status=Status.TIMEOUT, reason="600 s") for block in range(6)
    ]
    found = weighed(cells("vgg16", 0.1) + late)["vgg16.scaled_input", "vgg16"]
    assert found.comparison is not None
    assert str(found.comparison.verdict) == "invalid(timeout)"


def test_other_builds_of_the_store_do_not_enter() -> None:
    other = variant(tag="other")
    found = weighed(cells("vgg16", 0.1) + cells("vgg16.no_fc_relu", 0.05, row=other))
    assert found["vgg16.no_fc_relu", "vgg16"].problem == "not measured"


def gradients(state: str) -> Any:
    return evidence(framework="pytorch", framework_version="1.24.2", arithmetic={"gradients": state})


def test_recorded_gradients_are_found_and_excused_for_nothing_but_this_comparison() -> None:
    row = variant(framework="pytorch", backend="pytorch")
    made: list[Record] = []
    for mode, seconds, state in (("default", 0.1, "off"), ("autograd", 0.12, "on")):
        made += [saying(one, evidence=gradients(state)) for one in cells("vgg16", seconds, row=row, mode=mode)]
    found = weighed(made, row)["autograd", "vgg16"]
    assert found.comparison is not None
    assert found.comparison.ratio is not None
    assert found.comparison.ratio.estimate == pytest.approx(1.2, rel=0.01)
    assert [words.partition(":")[0] + ":" for words in found.found] == ["invalid(claim:"]
    lie = [each.model_copy(update={"variant": each.variant.model_copy(update={"version": "2.0"})}) for each in made]
    other = variant(framework="pytorch", backend="pytorch", version="2.0")
    refused = weighed(lie, other)["autograd", "vgg16"]
    assert refused.comparison is not None
    assert refused.comparison.ratio is None, "a wrong version is not excused"


def warm(first: float, calls: int = 20) -> list[Record]:
    """The right network, its first call slow and every other one of 0.1 s."""
    made = []
    for block in range(6):
        answer = reply(first_s=first, warmup_s=(0.1,), samples_s=(0.1,) * (calls - 2), cpu_s=None, wall_s=2.0)
        made.append(record(variant=ROW, block=block, reported=answer, observed=observed(wall_s=30.0, cpu_s=None)))
    return made


def test_without_warm_up_the_first_call_is_a_twentieth_of_the_mean() -> None:
    found = weighed(warm(2.1), pattern="vgg16*")["first-calls", "vgg16"]
    assert found.comparison is not None
    assert found.comparison.ratio is not None
    assert found.comparison.ratio.estimate == pytest.approx((2.1 + 19 * 0.1) / 20 / 0.1)
    assert found.comparison.verdict.word == Word.SLOWER


def test_a_first_call_as_fast_as_the_others_is_worth_nothing() -> None:
    found = weighed(warm(0.1), pattern="vgg16*")["first-calls", "vgg16"]
    assert found.comparison is not None
    assert found.comparison.verdict.word == Word.EQUIVALENT


def test_fewer_calls_than_were_published_give_no_number() -> None:
    found = weighed(warm(2.1, calls=19), pattern="vgg16*")["first-calls", "vgg16"]
    assert found.comparison is None
    assert found.problem == "no process has 20 calls that were timed one by one"


def test_calls_that_were_timed_together_are_no_calls() -> None:
    (trial,) = judge_trials(warm(2.1)[:1])
    assert len(first_calls(trial)) == 20
    assert first_calls(trial)[0] == 2.1
    assert first_calls(judge_trials([saying(trial.record, loops=2)])[0]) == ()


def test_two_workloads_of_one_build_are_paired_block_by_block() -> None:
    left, right = judge_trials(cells("vgg16", 0.1)), judge_trials(cells("vgg16.no_fc_relu", 0.2, count=4))
    (draft,) = draft_across(left, right)
    assert draft.ratio is not None
    assert (draft.ratio.n, draft.dropped) == (4, ())
    assert "2 blocks were run on one side only, and are not in the ratio" in draft.notes
    assert draft.ratio.estimate == pytest.approx(2.0, rel=0.01)
    slower = [each.model_copy(update={"threads": 2, "cpus": (0, 1)}) for each in cells("vgg16.no_fc_relu", 0.2)]
    assert draft_across(left, judge_trials(slower)) == [], "other threads are another question"
    elsewhere = [
        each.model_copy(update={"provenance": each.provenance.model_copy(update={"engine": "local"})})
        for each in cells("vgg16.no_fc_relu", 0.2)
    ]
    (refused,) = draft_across(left, judge_trials(elsewhere))
    assert refused.ratio is None
    assert "engine" in refused.problem
