"""Is a record whose label is not proved by what ran refused, and is everything else let through?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.findings import Validity
from orchestrator.analysis.validity import judge_record
from orchestrator.nouns.job import ExecutionEvidence, Library, OneDnnEvidence, Threads
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Blas, Device, OneDnn
from orchestrator.nouns.workload import Dtype, Mode
from tests.makers import WALLS, evidence, expected, library, method, mkl, observed, record, reply, variant, workload

REFERENCE = library(
    name="reference", path="/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0", version="3.11.0", core=None
)
CARRIED = library(owner="numpy", path="/x/numpy.libs/libscipy_openblas64_-fdde5778.so", version="0.3.31")
TORCH = variant(
    framework="pytorch", version="2.13.0", install="pip", blas=Blas.MKL, backend="pytorch", onednn=OneDnn.OFF
)


def seen(row: Any = None, **fields: Any) -> Record:
    """A record whose evidence differs from the default in these fields."""
    made = evidence(**fields)
    return record(variant=row or variant(), reported=reply(evidence=made))


def codes(judged: Validity) -> list[str]:
    return [each.code for each in judged.reasons]


def flags(judged: Validity) -> list[str]:
    return [each.code for each in judged.flags]


def test_the_default_record_is_valid_and_quiet() -> None:
    judged = judge_record(record(), {"output": expected()})
    assert judged == Validity()
    assert judged.invalid_reason == ""


def test_a_label_that_says_mkl_while_openblas_ran_is_invalid_and_names_the_file() -> None:
    judged = judge_record(record(variant=variant(blas=Blas.MKL)))
    assert judged.invalid_reason == (
        "invalid(claim:blas): label says mkl, mapped: openblas 0.3.21 "
        "(/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so)"
    )


@pytest.mark.parametrize(
    ("row", "libraries", "codes_expected"),
    [
        (variant(blas=Blas.MKL), (mkl(),), []),
        (variant(blas=Blas.MKL), (mkl(), REFERENCE), ["claim:blas"]),
        (variant(blas=Blas.REFERENCE), (REFERENCE,), []),
        (variant(blas=Blas.ATLAS), (REFERENCE,), ["claim:blas"]),
        (variant(blas=Blas.OPENBLAS), (), ["claim:blas"]),
        (variant(blas=Blas.OPENBLAS), (CARRIED,), []),
        (variant(blas=Blas.OPENBLAS), (library(), library(owner="scipy", name="mkl")), []),
        (variant(blas=Blas.MKL), (mkl(), CARRIED), ["claim:blas"]),  # numpy's own library is numpy's BLAS
        (TORCH, (mkl(linked="static"), CARRIED), []),  # and torch's bystander
        (TORCH, (CARRIED,), ["claim:blas"]),
        (variant(framework="tensorflow", blas=Blas.EIGEN), (CARRIED,), []),
        (variant(framework="tensorflow", blas=Blas.EIGEN), (library(),), ["claim:blas"]),
    ],
)
def test_the_mapped_blas_is_the_claimed_one_and_no_other(
    row: Any, libraries: tuple[Library, ...], codes_expected: list[str]
) -> None:
    state = OneDnnEvidence(state=str(row.onednn))
    made = seen(row, libraries=libraries, framework_version=row.version, onednn=state, build="eigen")
    assert codes(judge_record(made)) == codes_expected


def test_a_blas_that_is_compiled_in_is_proved_by_exclusion_and_by_the_build() -> None:
    row = variant(framework="onnxruntime", blas=Blas.MLAS)
    assert codes(judge_record(seen(row, libraries=(), build="no word"))) == ["claim:blas"]
    static = library(name="mlas", linked="static", core=None)
    assert judge_record(seen(row, libraries=(static,), build="")) == Validity()


def test_two_libraries_compiled_into_one_plug_in_are_flagged_and_not_refused() -> None:
    row = variant(framework="openvino", blas=Blas.ONEDNN, onednn=OneDnn.ON)
    inside = tuple(library(name=name, linked="static", core=None) for name in ("onednn", "mlas"))
    judged = judge_record(seen(row, libraries=inside, onednn=OneDnnEvidence(state="on")))
    assert judged.valid
    assert flags(judged) == ["mixed-blas"]
    shared = (*inside, library())
    assert codes(judge_record(seen(row, libraries=shared, onednn=OneDnnEvidence(state="on")))) == ["claim:blas"]


@pytest.mark.parametrize(
    ("claimed", "found", "valid"),
    [
        ("SkylakeX", "skylakex", True),
        ("skx", "SkylakeX", True),
        ("skx", "skx", True),
        ("Haswell", "SkylakeX", False),
        ("skx", "generic", False),
        ("Haswell", None, False),
    ],
)
def test_a_forced_core_is_the_one_that_was_chosen(claimed: str, found: str | None, valid: bool) -> None:
    judged = judge_record(seen(variant(core=claimed), libraries=(library(core=found),)))
    assert judged.valid == valid
    assert valid or codes(judged) == ["claim:core"]


@pytest.mark.parametrize(
    ("claimed", "state", "reasons", "flagged"),
    [
        ("on", "on", [], []),
        ("on", "off", ["claim:onednn"], []),
        ("on", "absent", ["claim:onednn"], []),
        ("off", "on", ["claim:onednn"], []),
        ("absent", "on", ["claim:onednn"], []),
        ("off", "off", [], []),
        ("off", "absent", [], []),
        ("on", "unknown", [], ["unproved:onednn"]),
        ("off", "unknown", [], ["unproved:onednn"]),
    ],
)
def test_onednn_is_what_the_label_says(claimed: str, state: str, reasons: list[str], flagged: list[str]) -> None:
    judged = judge_record(seen(variant(onednn=claimed), onednn=OneDnnEvidence(state=state)))
    assert (codes(judged), flags(judged)) == (reasons, flagged)


def test_primitives_that_ran_although_onednn_is_off_are_flagged() -> None:
    left = OneDnnEvidence(state="off", primitives={"gemm_api,undef": 5580})
    judged = judge_record(seen(variant(onednn=OneDnn.OFF), onednn=left))
    assert flags(judged) == ["onednn-remains"]
    assert "5580" in judged.flags[0].text


def test_more_busy_threads_than_asked_for_are_invalid_and_fewer_are_flagged() -> None:
    many = judge_record(seen(threads=Threads(asked=1, process=9, busy=8)))
    assert codes(many) == ["claim:threads"]
    assert "oversubscribed: 1 asked for, 8 were busy" in many.invalid_reason
    beside = judge_record(seen(threads=Threads(asked=1, process=3, busy=2)))
    assert beside.valid
    assert "extra-thread" in str(beside.flags)
    few = evidence(threads=Threads(asked=2, process=2, busy=1), affinity=(1, 0))
    judged = judge_record(record(threads=2, reported=reply(evidence=few)))
    assert judged.valid
    assert flags(judged) == ["idle-threads"]
    told = judge_record(seen(threads=Threads(asked=2, process=2, busy=1)))
    assert codes(told) == ["claim:threads"]


def test_another_affinity_than_the_cpus_asked_for_is_invalid() -> None:
    assert codes(judge_record(seen(affinity=(0, 1)))) == ["claim:cpus"]
    assert codes(judge_record(seen(affinity=(1,)))) == ["claim:cpus"]


@pytest.mark.parametrize(
    ("claimed", "found", "valid"),
    [
        ("2.13.0", "2.13.0+cpu", True),
        ("2.13", "2.13.0", True),
        ("2.13.0", "2.13", True),
        ("1.24.2", "1:1.24.2-1+deb12u1", True),
        ("1.13.1", "1.13.1+dfsg-4", True),
        ("2.7.post2", "2.7", True),
        ("2.7.post2", "2.6", False),
        ("2.1", "2.13.0", False),
        ("2.13.0", "2.13.1", False),
        ("2.13.0", "2.12.0+cpu", False),
        ("1.24.2", "", False),
    ],
)
def test_the_version_that_ran_is_the_label_s(claimed: str, found: str, valid: bool) -> None:
    judged = judge_record(seen(variant(version=claimed), framework_version=found))
    assert judged.valid == valid
    assert valid or codes(judged) == ["claim:version"]


def test_device_and_precision_are_the_ones_asked_for() -> None:
    assert codes(judge_record(seen(variant(device=Device.CUDA)))) == ["claim:device"]
    assert judge_record(seen(variant(device=Device.CUDA), device="cuda:0")).valid
    assert codes(judge_record(seen(precision="bfloat16"))) == ["claim:precision"]


def ran_as(mode: str, execution: ExecutionEvidence | None, **fields: Any) -> Record:
    """Asked for `mode`, and this is what was read back."""
    return record(mode=mode, reported=reply(evidence=evidence(execution=execution, **fields)))


def in_bfloat16(precision: str, *isa: str) -> Validity:
    """Bfloat16 was asked for, and this is what was read back."""
    made = evidence(precision=precision, isa=isa)
    return judge_record(record(workload=workload(dtype=Dtype.BFLOAT16), reported=reply(evidence=made)))


def test_a_narrow_type_is_proved_as_float32_is() -> None:
    assert in_bfloat16("bfloat16", "avx512_bf16") == Validity()
    for precision in ("float32", "bfloat16, float32", "float16", "nothing shows it"):
        assert codes(in_bfloat16(precision, "avx512_bf16")) == ["claim:precision"]


def test_a_cpu_without_instructions_for_the_type_is_flagged() -> None:
    found = in_bfloat16("bfloat16", "avx2", "avx512f")
    assert found.valid
    assert flags(found) == ["emulated"]


def test_the_mode_of_the_cell_is_the_one_that_was_read_back() -> None:
    frozen = ExecutionEvidence(mode="frozen", how="no operator reads a variable")
    assert judge_record(ran_as("frozen", frozen)) == Validity()
    lie = judge_record(ran_as("xla", frozen))
    assert lie.invalid_reason == (
        "invalid(claim:mode): 'xla' asked for, read back: 'frozen' (no operator reads a variable)"
    )
    assert codes(judge_record(ran_as("default", frozen))) == ["claim:mode"]


def test_a_mode_that_nothing_shows_is_flagged() -> None:
    silent = judge_record(ran_as("eager", ExecutionEvidence(mode=None, how="it does not say")))
    assert (codes(silent), flags(silent)) == ([], ["unproved:mode"])
    assert flags(judge_record(ran_as("eager", None))) == ["unproved:mode"]
    assert flags(judge_record(ran_as("default", None))) == []


def test_the_mode_that_records_gradients_claims_them_and_no_other_may() -> None:
    recorded = ExecutionEvidence(mode="autograd", how="the output has a grad_fn")
    assert judge_record(ran_as("autograd", recorded, arithmetic={"gradients": "on"})).valid
    assert codes(judge_record(ran_as("autograd", recorded, arithmetic={"gradients": "off"}))) == ["claim:gradients"]
    assert codes(judge_record(ran_as("default", None, arithmetic={"gradients": "on"}))) == ["claim:gradients"]


@pytest.mark.parametrize(
    "changes",
    [
        *({"Seccomp": "0"}, {"NoNewPrivs": "0"}, {"CapEff": "00000000a80425fb"}, {"Seccomp": "20"}),
        *({"Uid": "0"}, {"root": "writable"}),
    ],
)
def test_a_container_without_its_walls_is_invalid(changes: dict[str, str]) -> None:
    assert codes(judge_record(seen(security=WALLS))) == []
    assert codes(judge_record(seen(security=WALLS | changes))) == ["claim:isolation"]


def test_a_container_that_the_engine_says_was_open_is_invalid_whatever_it_says_of_itself() -> None:
    judged = judge_record(record(observed=observed(weakened=("ReadonlyRootfs is false, not true",))))
    assert judged.invalid_reason == "invalid(claim:isolation): ReadonlyRootfs is false, not true"


def test_walls_that_cannot_be_seen_and_runs_without_any_are_flagged() -> None:
    assert flags(judge_record(seen(security={}))) == ["unproved:isolation"]
    bare = record(observed=observed(container=False), reported=reply(evidence=evidence(security={"Seccomp": "0"})))
    assert judge_record(bare).valid
    assert flags(judge_record(bare)) == ["no-container"]


@pytest.mark.parametrize(
    "fields",
    [
        {"samples_s": (1e-9,) * 10},  # a hundred million times faster than anything could be
        {"samples_s": (1.0,) * 10, "wall_s": None},  # ten times what it lived for, with the rest
        {"samples_s": (0.1,) * 10, "loops": 100},
        {"samples_s": (0.0,) * 100},
        {"samples_s": ()},
        {"samples_s": (0.1,) * 9 + (-0.1,)},
        {"samples_s": (0.1,) * 4, "wall_s": 0.4},  # five were asked for, and there was time
        {"first_s": 100.0},
        {"warmup_s": ()},
        {"cpu_s": 20.0},
        {"wall_s": 11.0},
    ],
)
def test_a_workload_that_reports_impossible_times_is_invalid(fields: dict[str, Any]) -> None:
    life = observed(wall_s=10.0, cpu_s=9.0)
    judged = judge_record(record(reported=reply(**fields), observed=life))
    assert set(codes(judged)) == {"envelope"}


def test_few_samples_are_accepted_from_one_that_ran_into_its_time_limit() -> None:
    slow = reply(samples_s=(60.0, 61.0), wall_s=121.0, cpu_s=121.0)
    made = record(reported=slow, observed=observed(wall_s=130, cpu_s=130), method=method(max_time_s=120))
    assert judge_record(made).valid


def test_a_quota_that_stopped_the_process_makes_it_invalid() -> None:
    assert codes(judge_record(record(observed=observed(throttled_periods=2)))) == ["throttled"]


def test_numbers_are_checked_again_on_the_host() -> None:
    zeros = record(reported=reply(outputs={"output": (0.0, 0.0)}, errors={"output": 0.0}))
    assert judge_record(zeros).valid  # the workload says that all is well
    assert codes(judge_record(zeros, {"output": expected()})) == ["numerics"]
    for values in ((), (0.5,), (0.5, float("nan"))):
        made = record(reported=reply(outputs={"output": values}))
        assert codes(judge_record(made, {"output": expected()})) == ["numerics"]
    assert codes(judge_record(record(), {"another": expected()})) == ["numerics"]
    edge = record(reported=reply(outputs={"output": (0.5 + 0.0004, -0.25)}))
    assert judge_record(edge, {"output": expected()}).valid
    assert flags(judge_record(record(reported=reply(errors={})))) == ["unproved:numerics"]


@pytest.mark.parametrize("status", [each for each in Status if each != Status.OK])
def test_a_trial_that_failed_is_not_valid_and_says_so_in_its_own_words(status: Status) -> None:
    judged = judge_record(record(status=status, reason="because"))
    assert not judged.valid
    assert judged.invalid_reason == f"{status}: because"


def test_success_without_evidence_is_invalid() -> None:
    assert codes(judge_record(record(reported=reply(evidence=None)))) == ["claim:evidence"]
    assert codes(judge_record(record(reported=None))) == ["claim:evidence"]


def test_mkl_on_amd_is_labelled_with_its_code_path() -> None:
    kernel = Library(kind="blas-kernel", name="mkl_def", path="/usr/lib/libmkl_def.so")
    row = variant(blas=Blas.MKL)
    judged = judge_record(seen(row, libraries=(mkl(), kernel)))
    assert judged.valid
    assert judged.flags[0].text == "MKL on this AMD CPU runs libmkl_def"
    assert flags(judge_record(seen(row, libraries=(mkl(), kernel), cpu_model="Intel Xeon"))) == []


@pytest.mark.parametrize("core", ["generic", "Barcelona"])
def test_a_blas_that_does_not_know_the_cpu_is_flagged(core: str) -> None:
    assert flags(judge_record(seen(libraries=(library(core=core),)))) == ["poor-core"]
    assert flags(judge_record(seen(variant(core=core), libraries=(library(core=core),)))) == []


def test_two_openmp_runtimes_are_flagged() -> None:
    runtimes = [Library(kind="openmp", name=name, path=f"/usr/lib/{name}.so") for name in ("libgomp", "libiomp5")]
    assert flags(judge_record(seen(libraries=(library(), runtimes[0])))) == []
    judged = judge_record(seen(libraries=(library(), *runtimes)))
    assert flags(judged) == ["two-openmp"]


def test_nothing_that_a_workload_says_of_itself_makes_its_record_valid() -> None:
    liar = reply(evidence=evidence(build="valid, mkl, all claims proved", unavailable={"valid": "true"}))
    assert codes(judge_record(record(variant=variant(blas=Blas.MKL), reported=liar))) == ["claim:blas"]


def test_the_package_manager_s_word_proves_a_version_that_the_framework_gets_wrong() -> None:
    row = variant(version="1.13.1")
    judged = judge_record(seen(row, framework_version="1.13.0a0", package="python3-torch 1.13.1+dfsg-4"))
    assert judged.valid
    assert flags(judged) == ["version-by-package"]
    other = judge_record(seen(row, framework_version="1.13.0a0", package="python3-torch 1.12.0-1"))
    assert codes(other) == ["claim:version"]


@pytest.mark.parametrize(
    ("claimed", "ran"), [(Blas.ONEDNN, "mlas"), (Blas.EIGEN, "mlas"), (Blas.MLAS, "xla"), (Blas.XLA, "eigen")]
)
def test_a_label_that_names_another_compiled_in_blas_is_a_lie(claimed: Blas, ran: str) -> None:
    row = variant(framework="onnxruntime", blas=claimed)
    static = library(name=ran, linked="static", core=None)
    assert codes(judge_record(seen(row, libraries=(static,), build="no word"))) == ["claim:blas"]


def test_openvinos_two_libraries_are_what_its_label_means() -> None:
    row = variant(framework="openvino", blas=Blas.ONEDNN)
    both = tuple(library(name=name, linked="static", core=None) for name in ("onednn", "mlas"))
    judged = judge_record(seen(row, libraries=both, build=""))
    assert (codes(judged), flags(judged)) == ([], ["mixed-blas"])


def test_a_record_of_one_machine_that_ran_on_another_is_invalid() -> None:
    made = seen(variant(), cpu_model="Another CPU")
    assert codes(judge_record(made)) == ["claim:host"]


def by_script(**fields: Any) -> Record:
    """A record of a script that brings no evidence, and whose output nobody has described."""
    defaults = {"workload": workload(network="mine", mode=Mode.SCRIPT), "reported": reply(evidence=None)}
    return record(**(defaults | fields))


def test_what_is_not_proved_of_a_script_is_flagged_whatever_it_says_of_itself() -> None:
    judged = judge_record(by_script())
    assert (judged.reasons, flags(judged)) == ((), ["unproved:label", "unproved:isolation", "unproved:numerics"])
    assert flags(judge_record(by_script(agreed=("output",)))) == ["unproved:label", "unproved:isolation"]
    outside = judge_record(by_script(observed=observed(container=False)))
    assert flags(outside) == ["unproved:label", "no-container", "unproved:numerics"]


def test_a_script_that_brings_evidence_is_held_to_the_label_like_a_network() -> None:
    assert judge_record(by_script(reported=reply(), agreed=("output",))) == Validity()
    lie = by_script(reported=reply(), variant=variant(blas=Blas.MKL))
    assert codes(judge_record(lie)) == ["claim:blas"]


def test_a_script_without_evidence_is_still_held_to_what_the_host_saw() -> None:
    slow = judge_record(by_script(reported=reply(evidence=None, samples_s=(10.0,) * 10)))
    assert set(codes(slow)) == {"envelope"}
    assert codes(judge_record(by_script(observed=observed(throttled_periods=3)))) == ["throttled"]


def test_a_network_without_evidence_is_never_valid() -> None:
    assert codes(judge_record(record(reported=reply(evidence=None), agreed=("output",)))) == ["claim:evidence"]
