"""Are peaks those of the same image on the same host, and is a result's place under the roof what the model says?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.peaks import Peak, find_peaks, make_rate, without_peaks
from orchestrator.analysis.roofline import COMPUTE_BOUND, MEMORY_BOUND, Place, place_rate, place_summaries
from orchestrator.analysis.summary import summarise_records
from orchestrator.catalog.cost import Cost, count_network
from orchestrator.host.theory import Theory
from orchestrator.nouns.conditions import Conditions
from orchestrator.nouns.job import Bandwidth
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Blas, Device
from tests.makers import provenance, record, reply, variant, workload
from tests.peak_makers import FLOPS, GEMM, HOST, MIB, NETWORKS, THEORY, copied, peak_record, vgg_record


def only(peaks: list[Peak]) -> Peak:
    assert len(peaks) == 1
    return peaks[0]


def place(records: list[Record], variant_id: str = "", workload_id: str = "vgg16-infer-b1") -> Place:
    summaries = summarise_records(records)
    places = place_summaries(summaries, records, NETWORKS)
    wanted = variant_id or variant().id
    found = [
        place
        for each, place in zip(summaries, places, strict=True)
        if (each.workload, each.variant) == (workload_id, wanted)
    ]
    assert len(found) == 1
    return found[0]


# -- peaks ------------------------------------------------------------------------------------------------------------


def test_a_peak_is_the_mean_over_processes_of_each_ones_best_sample() -> None:
    records = [peak_record(block) for block in range(3)]
    slow_too = [
        each.model_copy(update={"reported": reply_with(each, samples_s=(best, 9.0, best))})
        for each, best in zip(records, (0.10, 0.20, 0.25), strict=True)
    ]
    rate = only(find_peaks([longer(each) for each in slow_too], NETWORKS)).sgemm
    assert rate is not None
    assert rate.mean == pytest.approx(FLOPS * (10 + 5 + 4) / 3)
    assert rate.processes == 3
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low < rate.mean < rate.high


def test_the_copy_counts_what_is_read_and_what_is_written() -> None:
    rate = only(find_peaks([peak_record(0), peak_record(1)], NETWORKS)).copy
    assert rate is not None
    assert rate.mean == pytest.approx(2 * 512 * MIB / 0.05)


def test_one_process_has_no_interval() -> None:
    found = only(find_peaks([peak_record(0)], NETWORKS))
    assert found.sgemm is not None
    assert (found.sgemm.low, found.sgemm.high) == (None, None)


def test_no_rate_is_below_nothing() -> None:
    rate = make_rate([1.0, 9.0])
    assert rate.low == 0.0
    assert rate.high is not None
    assert rate.high > 9.0


def test_the_faster_of_two_workloads_of_products_is_the_peak() -> None:
    records = [peak_record(0, 0.2), vgg_record(0, 0.1, workload=workload(network="gemm"))]
    rate = only(find_peaks(records, NETWORKS)).sgemm
    assert rate is not None
    assert rate.mean == pytest.approx(FLOPS / 0.1)


def test_networks_of_other_operators_give_no_peak() -> None:
    assert find_peaks([vgg_record(0, 0.1)], NETWORKS) == []


@pytest.mark.parametrize(
    "change",
    [
        {"row": variant(blas=Blas.MKL)},
        {"image": "another build"},
        {"host": HOST | {"cpu_model": "another"}},
        {"threads": 2},
    ],
)
def test_another_image_host_or_number_of_threads_has_a_peak_of_its_own(change: dict[str, Any]) -> None:
    assert len(find_peaks([peak_record(0), peak_record(0, **change)], NETWORKS)) == 2


def test_a_clock_that_wanders_does_not_part_a_host() -> None:
    records = [peak_record(block, host=HOST | {"mhz_now": mhz}) for block, mhz in enumerate(("2500.0", "2500.1"))]
    assert only(find_peaks(records, NETWORKS)).sgemm is not None


def test_an_invalid_trial_gives_no_peak_but_a_reason() -> None:
    liar = peak_record(0, row=variant(blas=Blas.MKL))
    mapped = peak_record(0)
    assert mapped.reported is not None
    reported = liar.reported
    assert reported is not None
    liar = liar.model_copy(update={"reported": reported.model_copy(update={"evidence": mapped.reported.evidence})})
    found = only(find_peaks([liar], NETWORKS))
    assert (found.sgemm, found.copy) == (None, None)
    assert any("claim:blas" in reason for reason in found.reasons)


def test_a_peak_that_recorded_gradients_is_invalid_as_inference_is() -> None:
    made = peak_record(0)
    assert made.reported is not None
    assert made.reported.evidence is not None
    seen = made.reported.evidence.model_copy(update={"arithmetic": {"gradients": "on"}})
    found = only(find_peaks([made.model_copy(update={"reported": reply_with(made, evidence=seen)})], NETWORKS))
    assert found.sgemm is None
    assert "claim:gradients" in found.reasons[0]


def test_a_failed_trial_gives_no_peak_but_a_reason() -> None:
    failed = record(workload=GEMM, status=Status.UNSUPPORTED, reason="no MatMul here")
    found = only(find_peaks([failed], NETWORKS))
    assert found.sgemm is None
    assert any("no MatMul here" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("bandwidth", "reason"),
    [
        (copied(samples_s=()), "0 copies"),
        (copied(samples_s=(0.0, 0.1)), "the shortest took 0.0 s"),
        (copied(samples_s=(-0.1,)), "the shortest took -0.1 s"),
        (copied(samples_s=(1000.0,)), "the host saw it live for"),
        (copied(threads=4), "4 threads copied, 1 were asked for"),
    ],
)
def test_a_copy_that_cannot_be_true_is_left_out_with_the_reason(bandwidth: Bandwidth, reason: str) -> None:
    found = only(find_peaks([peak_record(0, bandwidth=bandwidth)], NETWORKS))
    assert found.copy is None
    assert found.sgemm is not None
    assert any(reason in each for each in found.reasons)


@pytest.mark.parametrize(
    ("bandwidth", "doubt"),
    [
        (copied(cache_bytes=128 * MIB), ""),
        (copied(cache_bytes=129 * MIB), "a part may have come from the cache"),
        (copied(cache_bytes=None, reason="no sysfs"), "no sysfs"),
    ],
)
def test_an_array_below_four_times_the_cache_is_remarked(bandwidth: Bandwidth, doubt: str) -> None:
    found = only(find_peaks([peak_record(0, bandwidth=bandwidth)], NETWORKS))
    assert found.copy is not None
    assert found.reasons == () if not doubt else doubt in found.reasons[0]


def test_a_peak_of_disturbed_trials_says_so() -> None:
    quiet, other = peak_record(0), peak_record(1)
    assert other.observed is not None
    conditions = Conditions(window_s=2.5, busy_s=2.5, own_s=2.0, foreign_s=0.5)
    seen = other.observed.model_copy(update={"conditions": conditions})
    disturbed = other.model_copy(update={"observed": seen})
    assert only(find_peaks([quiet], NETWORKS)).reasons == ()
    found = only(find_peaks([quiet, disturbed], NETWORKS))
    assert found.reasons == ("1 of 2 trials were disturbed (foreign-cpu): the peak may be higher",)


def test_inference_of_products_alone_has_an_sgemm_peak_and_no_copy() -> None:
    found = only(find_peaks([vgg_record(0, 0.1, workload=workload(network="gemm"))], NETWORKS))
    assert found.sgemm is not None
    assert found.copy is None
    assert "bench peak" in found.reasons[0]


def test_the_theoretical_peak_is_that_of_the_host_of_the_records() -> None:
    assert only(find_peaks([peak_record(0)], NETWORKS)).theory.flops_per_s == THEORY
    found = only(find_peaks([peak_record(0, host={"cpu_model": "odd"})], NETWORKS))
    assert found.theory.flops_per_s is None
    assert any("odd" in reason for reason in found.reasons)


def test_what_computes_elsewhere_has_no_limit_of_this_cpu() -> None:
    cuda = variant(framework="pytorch", device=Device.CUDA)
    records = [peak_record(0, 0.1, row=cuda), peak_record(0, 0.2), vgg_record(0, 1.0)]
    peaks = {peak.seat.variant: peak for peak in find_peaks(records, NETWORKS)}
    found = peaks[cuda.id]
    assert (found.copy, found.theory.flops_per_s) == (None, None)
    assert any("the copy is of the host's memory" in reason for reason in found.reasons), found.reasons
    assert found.sgemm is not None
    assert len({peak.seat.bench for peak in peaks.values()}) == 2
    here = place(records)
    assert here.best_share == here.sgemm_share  # the best of the CPUs, whatever a GPU can do


def test_peaks_are_not_compared() -> None:
    kept = vgg_record(0, 1.0)
    assert without_peaks([peak_record(0), kept]) == [kept]


# -- places under the roof --------------------------------------------------------------------------------------------


def cost(macs: int, weights: int, ends: int, between: int) -> Cost:
    return Cost(macs, weights, ends, between)


def roof(sgemm: float, copy: float) -> Peak:
    """A peak of so many FLOP/s and bytes/s."""
    seconds = FLOPS / sgemm
    found = only(find_peaks([peak_record(0, seconds, copied(samples_s=(2 * 512 * MIB / copy,)))], NETWORKS))
    assert found.sgemm is not None
    assert found.copy is not None
    assert found.sgemm.mean == pytest.approx(sgemm)
    assert found.copy.mean == pytest.approx(copy)
    return found


ROOF = roof(100e9, 10e9)  # ridge: 10 FLOP per byte
NO_THEORY = Theory(None, "not asked")


@pytest.mark.parametrize(
    ("macs", "bound", "unfused", "attainable"),
    [
        (100_000, COMPUTE_BOUND, COMPUTE_BOUND, 100e9),  # 2e5 FLOP on 1e3 and 1e4 bytes: 200 and 20 FLOP per byte
        (25_000, COMPUTE_BOUND, MEMORY_BOUND, 100e9),  # 50 and 5
        (2_500, MEMORY_BOUND, MEMORY_BOUND, 50e9),  # 5 and 0.5: 5 FLOP/B x 10 GB/s
    ],
)
def test_the_roof_is_the_lower_of_peak_and_intensity_times_bandwidth(
    macs: int, bound: str, unfused: str, attainable: float
) -> None:
    step_s = 2 * macs / 25e9  # 25 GFLOP/s
    found = place_rate(cost(macs, 600, 400, 9400), (step_s, None, None), peak=ROOF, best=200e9, theory=NO_THEORY)
    assert found.rate == pytest.approx(25e9)
    assert (found.bound, found.unfused_bound) == (bound, unfused)
    assert found.ridge == pytest.approx(10)
    assert found.attainable_share == pytest.approx(25e9 / attainable)
    assert found.sgemm_share == pytest.approx(0.25)
    assert found.best_share == pytest.approx(0.125)
    assert found.theory_share is None
    assert found.reasons == ("no theoretical peak: not asked",)


def test_the_interval_of_a_rate_is_that_of_the_time_turned_round() -> None:
    found = place_rate(cost(500, 1, 1, 1), (1.0, 0.8, 1.25), peak=None, best=None, theory=NO_THEORY)
    assert (found.low, found.rate, found.high) == (800.0, 1000.0, 1250.0)
    wide = place_rate(cost(500, 1, 1, 1), (1.0, -0.5, 2.5), peak=None, best=None, theory=NO_THEORY)
    assert (wide.low, wide.high) == (400.0, None)


def test_a_result_is_held_against_its_own_image_and_the_best_of_its_host() -> None:
    mkl = variant(blas=Blas.MKL)
    records = [peak_record(0, 0.2), peak_record(0, 0.1, row=mkl), vgg_record(0, 1.0), vgg_record(0, 1.0, mkl)]
    flops = count_network(NETWORKS["vgg16"]).flops
    slow, fast = place(records), place(records, mkl.id)
    assert slow.sgemm_share == pytest.approx(flops / (FLOPS / 0.2))
    assert fast.sgemm_share == pytest.approx(flops / (FLOPS / 0.1))
    assert slow.best_share == fast.best_share == fast.sgemm_share
    assert slow.theory_share == pytest.approx(flops / THEORY)


def test_a_peak_of_another_image_or_number_of_threads_stands_for_nobody_else() -> None:
    for change in ({"image": "another build"}, {"threads": 2}, {"host": HOST | {"kernel": "7"}}):
        found = place([vgg_record(0, 1.0), peak_record(0, **change)])
        assert (found.sgemm_share, found.bound, found.attainable_share) == (None, None, None)
        assert found.reasons == ("no SGEMM peak of this image with as many threads: bench peak",)
        assert found.rate is not None


def test_a_result_without_a_valid_trial_has_no_rate() -> None:
    failed = record(status=Status.OOM, reason="too large", provenance=provenance(host=HOST))
    found = place([failed, peak_record(0)])
    assert found.rate is None
    assert "no valid trial" in found.reasons


def test_a_network_that_changed_or_went_has_no_operations() -> None:
    changed = vgg_record(0, 1.0)
    changed = changed.model_copy(update={"reported": reply_with(changed, parameters=7)})
    assert "had 7 parameters then" in place([changed]).reasons[0]
    gone = vgg_record(0, 1.0, workload=workload(network="overfeat"))
    assert "no network is called overfeat any more" in place([gone], workload_id="overfeat-infer-b1").reasons[0]


def test_a_batch_is_counted_whole() -> None:
    batch = vgg_record(0, 1.0, workload=workload(batch=4))
    assert place([batch], workload_id="vgg16-infer-b4").rate == pytest.approx(
        4 * count_network(NETWORKS["vgg16"]).flops
    )


def reply_with(source: Record, **fields: Any) -> Any:
    return (source.reported or reply()).model_copy(update=fields)


def longer(source: Record) -> Record:
    """The same of a process that lived long enough for its samples."""
    assert source.observed is not None
    assert source.reported is not None
    observed = source.observed.model_copy(update={"wall_s": 60.0})
    return source.model_copy(
        update={
            "observed": observed,
            "reported": reply_with(source, wall_s=20.0, samples_s=source.reported.samples_s * 2),
        }
    )
