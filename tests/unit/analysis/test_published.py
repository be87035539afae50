"""Do ratios of ours stand beside the published ones that ask the same, and nothing beside the others?"""

from __future__ import annotations

import random

import pytest

from orchestrator.analysis.published import Beside, doubt_winner, find_rate, set_beside
from orchestrator.analysis.trials import judge_trials
from orchestrator.catalog.rows import read_variants
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas
from orchestrator.nouns.workload import Mode, Network
from orchestrator.published.tables import choose, read_published
from orchestrator.stats.verdicts import Word
from tests.makers import evidence, timed, workload
from tests.unit.workloads.networks import read_network

PUBLISHED = read_published()
NETWORKS = {name: Network.model_validate(read_network(name)) for name in ("vgg16", "mobilenet_v1")}
ROWS = {row.id: row for row in read_variants().variants}
OPENBLAS, ATLAS, MKL = (f"caffe-1.0.0-source-{name}-cpu" for name in ("openblas", "atlas", "mkl"))


def blocks(name: str, seconds: float, network: str = "vgg16", count: int = 6) -> list[Record]:
    """Valid records of a row of the catalogue, with a noise of 1 %."""
    chance = random.Random(f"{name}{network}")
    return [
        timed(ROWS[name], block, seconds * (1 + 0.01 * chance.uniform(-1, 1)), workload=workload(network=network))
        for block in range(count)
    ]


def rows(records: list[Record], **chosen: str) -> dict[tuple[str, str], Beside]:
    """(source, label) -> what is beside it."""
    answer = set_beside(PUBLISHED, choose(PUBLISHED, **chosen).numbers, judge_trials(records), NETWORKS)
    return {(each.number.source, each.number.label): each for each in answer.rows}


def test_the_published_ratio_stands_beside_ours_with_its_interval_and_word() -> None:
    found = rows(blocks(OPENBLAS, 0.1) + blocks(ATLAS, 0.27), workload="vgg16*")["peisuke-2018", "caffe 1.0 atlas"]
    assert found.ratio == pytest.approx(13.900894 / 3.308656)
    first, second = found.ours
    (item,) = first.comparisons
    assert item.ratio is not None
    assert item.ratio.estimate == pytest.approx(2.7, rel=0.01)
    assert item.ratio.low < 2.7 < item.ratio.high
    assert (item.verdict.word, item.reference.variant, item.candidate.variant) == (Word.SLOWER, OPENBLAS, ATLAS)
    assert second.comparisons == (), "nothing of numpy was measured"


def test_a_ratio_of_another_workload_is_not_borrowed() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(ATLAS, 0.27)
    assert not rows(records, workload="mobilenet*")["peisuke-2018", "caffe 1.0 atlas"].ours[0].comparisons


def test_the_mislabelled_ratio_has_both_answers_beside_it() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(ATLAS, 0.3) + blocks(MKL, 0.1)
    labelled, measured = rows(records, workload="vgg16*")["peisuke-2017", "caffe 1.0 mkl"].ours
    ratios = [each.comparisons[0].ratio for each in (labelled, measured)]
    assert ratios[0] is not None
    assert ratios[1] is not None
    assert ratios[0].estimate == pytest.approx(1.0, rel=0.02)
    assert ratios[1].estimate == pytest.approx(1 / 3, rel=0.02)


def test_only_valid_trials_count() -> None:
    lie = [
        each.model_copy(update={"reported": each.reported.model_copy(update={"evidence": evidence(libraries=())})})
        for each in blocks(ATLAS, 0.27)
        if each.reported is not None
    ]
    found = rows(blocks(OPENBLAS, 0.1) + lie, workload="vgg16*")["peisuke-2018", "caffe 1.0 atlas"]
    (item,) = found.ours[0].comparisons
    assert item.verdict.word == Word.INVALID
    assert item.ratio is None
    assert "claim:blas" in item.text


def test_a_pair_that_stands_beside_several_rows_is_one_comparison_of_the_family() -> None:
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.1)
    answer = set_beside(PUBLISHED, PUBLISHED.numbers, judge_trials(records), NETWORKS)
    shown = [item for row in answer.rows for ours in row.ours for item in ours.comparisons]
    assert len(shown) == 2
    assert answer.family == 1
    assert {item.family for item in shown} == {1}


def test_two_ways_to_call_stand_beside_each_other_under_our_own_workload() -> None:
    keras, session = "keras-2.2.4-pip-eigen-tensorflow-cpu", "tensorflow-1.15.0-pip-eigen-cpu"
    loop = workload(network="mnist_softmax", mode=Mode.SINGLE, batch=100)
    times = [(keras, "predict", 0.30), (keras, "function", 0.24), (keras, "default", 0.9), (session, "default", 0.20)]
    records = [
        timed(ROWS[name], block, seconds * (1 + 0.001 * block), workload=loop, mode=mode)
        for name, mode, seconds in times
        for block in range(6)
    ]
    found = rows(records, source="keras-execution", workload="mnist_softmax*")
    for label, ratio in (("keras python", 1.5), ("keras K.function python", 1.2)):
        first, *others = found["keras-execution", label].ours
        (item,) = first.comparisons
        assert item.ratio is not None
        assert item.ratio.estimate == pytest.approx(ratio), label
        assert not any(each.comparisons for each in others), "nothing of today's was measured"
    cnn = rows(records, source="keras-execution", workload="mnist_cnn*")
    assert not any(ours.comparisons for row in cnn.values() for ours in row.ours)


def test_a_row_without_a_counterpart_has_a_reason_and_no_number() -> None:
    found = rows(blocks(OPENBLAS, 0.1), framework="tensorflow", workload="vgg16*")[
        "peisuke-2018", "tensorflow source 1.10.1"
    ]
    assert found.ours == ()
    assert found.none == "the catalogue has no TensorFlow compiled for one machine"


def test_a_published_time_implies_a_rate_of_the_network_of_its_name() -> None:
    found = rows([], workload="vgg16*")
    rate = {name: row.rate for (source, name), row in found.items() if source == "peisuke-2018" and row.rate}
    assert rate["caffe 1.0 atlas"] / 1e9 == pytest.approx(2.2, abs=0.05)
    assert rate["chainer 4.4.0 ideep4py"] / 1e9 == pytest.approx(345, abs=1)
    others = [each for each in PUBLISHED.numbers if not each.workload.endswith("-infer-b1")]
    assert all(find_rate(each, NETWORKS) is None for each in others)


def test_a_winner_by_a_first_call_is_doubted_and_one_by_a_margin_is_not() -> None:
    found = rows([], source="peisuke-2018", workload="vgg16*")
    words = doubt_winner(list(found.values()))
    assert "chainer 4.4.0 ideep4py has the smallest mean, 0.0896 s" in words
    assert "mxnet 1.3.0 mkl's spread, its other calls took 0.0717 s" in words
    without = [row for row in found.values() if row.number.label != "mxnet 1.3.0 mkl"]
    assert doubt_winner(without) == ""
    assert doubt_winner(list(rows([], source="dl-benchmarks", workload="lenet-infer*").values())) == ""


def test_a_label_of_another_blas_changes_the_answer() -> None:
    """The check of the mapping can fail: with the pair turned round, the ratio is the inverse."""
    turned = PUBLISHED.model_copy(
        update={
            "counterparts": tuple(
                each.model_copy(update={"candidate": each.reference, "reference": each.candidate})
                for each in PUBLISHED.counterparts
            )
        }
    )
    numbers = choose(PUBLISHED, source="peisuke-2018", workload="vgg16*", framework="caffe").numbers
    trials = judge_trials(blocks(OPENBLAS, 0.1) + blocks(ATLAS, 0.27))
    (item,) = set_beside(turned, numbers, trials, NETWORKS).rows[0].ours[0].comparisons
    assert item.ratio is not None
    assert item.ratio.estimate == pytest.approx(1 / 2.7, rel=0.01)
    assert ROWS[ATLAS].blas is Blas.ATLAS
