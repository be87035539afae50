"""Is what is called a copy of memory one, of which size, on how many threads, from first start to last end?"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.nouns.job import Bandwidth, Job, Reply
from tests.unit.workloads.networks import ROOT, SEED, read_network, tiny_network
from workloads import bandwidth
from workloads import expected as oracle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KIB, MIB = 1 << 10, 1 << 20


def clock(step: float = 1.0) -> Callable[[], float]:
    """A clock that moves on by `step` whenever somebody looks."""
    lock, at = threading.Lock(), [0.0]

    def look() -> float:
        with lock:
            at[0] += step
            return at[0]

    return look


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_answer_is_a_noun_with_every_copy_in_it(threads: int) -> None:
    found = Bandwidth.model_validate(bandwidth.measure(threads, 300 * KIB, clock()))
    assert len(found.samples_s) == bandwidth.COPIES
    assert found.threads == threads
    assert found.array_bytes <= 300 * KIB
    assert found.array_bytes % (threads * bandwidth.PAGE) == 0
    assert (found.cache_bytes is None) == bool(found.reason)


def test_every_thread_copies_a_part_of_its_own_and_together_all(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[int, int, int]] = []
    real = ctypes.memmove

    def spy(to: int, start: int, size: int) -> int:
        moved.append((to, start, size))
        return real(to, start, size)

    monkeypatch.setattr(bandwidth.ctypes, "memmove", spy)
    found = bandwidth.measure(3, 300 * KIB, clock())
    parts = set(moved)
    assert len(parts) == 3
    assert len(moved) == 3 * (1 + bandwidth.COPIES)
    assert sum(size for _, _, size in parts) == found["array_bytes"]
    starts = sorted(start for _, start, _ in parts)
    assert [later - earlier for earlier, later in pairwise(starts)] == [100 * KIB] * 2


def test_a_copy_that_does_not_arrive_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth.ctypes, "memmove", lambda _to, _start, _size: 0)
    with pytest.raises(RuntimeError, match="did not arrive"):
        bandwidth.measure(1, 64 * KIB, clock())


def test_the_copy_lets_other_threads_run_meanwhile() -> None:
    holds_the_lock = ctypes.memmove._flags_ & ctypes._FUNCFLAG_PYTHONAPI  # type: ignore[attr-defined]
    assert not holds_the_lock
    assert ctypes.PyDLL(None).memmove._flags_ & ctypes._FUNCFLAG_PYTHONAPI  # type: ignore[attr-defined]


def test_the_time_is_from_the_first_start_to_the_last_end() -> None:
    # one thread looks twice; of two, the first start and the last end are at least three looks apart
    assert bandwidth.together(lambda: None, [()], clock()) == 1.0
    assert bandwidth.together(lambda: None, [(), ()], clock()) == 3.0


def test_a_thread_that_fails_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def work(number: int) -> None:
        if number:
            raise OSError("no")

    with pytest.raises(RuntimeError, match="1 of 2 threads"):
        bandwidth.together(work, [(0,), (1,)], clock())


@pytest.mark.parametrize(
    ("cache", "size"),
    [
        (8 * MIB, bandwidth.LEAST_BYTES),
        (32 * MIB, 128 * MIB),
        (500 * MIB, bandwidth.MOST_BYTES),
        (None, bandwidth.MOST_BYTES),
    ],
)
def test_an_array_is_four_times_the_cache_within_bounds(cache: int | None, size: int) -> None:
    assert bandwidth.choose_size(cache) == size


def caches(root: Path, cpu: int, *levels: tuple[str, str, str, str]) -> None:
    for number, (level, kind, shared, size) in enumerate(levels):
        place = root / f"cpu{cpu}" / "cache" / f"index{number}"
        place.mkdir(parents=True)
        for name, text in zip(("level", "type", "shared_cpu_list", "size"), (level, kind, shared, size), strict=True):
            (place / name).write_text(text + "\n")


def test_the_last_level_counts_once_for_the_cpus_that_share_it(tmp_path: Path) -> None:
    for cpu, shared in ((0, "0-1"), (1, "0-1"), (2, "2-3")):
        caches(tmp_path, cpu, ("1", "Data", str(cpu), "48K"), ("3", "Unified", shared, "32768K"))
    assert bandwidth.read_cache([0, 1], str(tmp_path)) == (32 * MIB, "")
    assert bandwidth.read_cache([0, 1, 2], str(tmp_path)) == (64 * MIB, "")


def test_sizes_have_units_and_instructions_are_no_data(tmp_path: Path) -> None:
    caches(tmp_path, 0, ("2", "Instruction", "0", "9M"), ("1", "Data", "0", "1M"))
    assert bandwidth.read_cache([0], str(tmp_path)) == (MIB, "")


def test_a_cache_that_is_not_shown_has_a_reason(tmp_path: Path) -> None:
    size, reason = bandwidth.read_cache([0], str(tmp_path))
    assert size is None
    assert "cpu0" in reason
    caches(tmp_path, 1, ("x", "Data", "1", "1M"))
    assert bandwidth.read_cache([1], str(tmp_path))[0] is None


# -- the whole process ------------------------------------------------------------------------------------------------

SMALL = """
import sys
from workloads import bandwidth, harness
bandwidth.MOST_BYTES = bandwidth.LEAST_BYTES = 1 << 22
harness.run(*sys.argv[1:])
"""


def answer(folder: Path, network: dict[str, Any], **fields: Any) -> Reply:
    """The reply of one job in a process of its own that copies no more than 4 MiB."""
    job = {
        "job_schema": 1,
        "backend": "numpy_blas",
        "network": network,
        "batch": 1,
        "mode": "peak",
        "region": "compute",
        "execution": "default",
        "dtype": "float32",
        "seed": SEED,
        "threads": 1,
        "onednn": "absent",
        "device": "cpu",
        "warmup": 1,
        "min_time_s": 0.02,
        "min_count": 2,
        "max_time_s": 5.0,
        "expected": oracle.expected(network, 1, SEED),
        **fields,
    }
    Job.model_validate(job)
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-c", SMALL, str(folder / "job.json"), str(folder / "reply.json")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    return Reply.model_validate_json((folder / "reply.json").read_text(), strict=True)


def small_product() -> dict[str, Any]:
    network = read_network("gemm")
    network["inputs"] = {"a": [128, 96], "b": [96, 64]}
    return network


def test_a_peak_is_a_proved_product_and_then_a_copy(tmp_path: Path) -> None:
    reply = answer(tmp_path, small_product())
    assert (reply.status, reply.reason) == ("ok", "")
    assert len(reply.samples_s) >= 2
    assert reply.evidence is not None
    assert any(library.kind == "blas" for library in reply.evidence.libraries)
    assert reply.errors["product"] < 1e-5
    assert reply.bandwidth is not None
    assert reply.bandwidth.array_bytes == 4 * MIB
    assert min(reply.bandwidth.samples_s) > 0
    assert reply.phases_s["bandwidth"] >= sum(reply.bandwidth.samples_s)


def test_inference_copies_nothing(tmp_path: Path) -> None:
    reply = answer(tmp_path, small_product(), mode="infer")
    assert reply.status == "ok"
    assert reply.bandwidth is None


def test_the_peak_of_a_network_with_other_operators_is_unsupported(tmp_path: Path) -> None:
    reply = answer(tmp_path, tiny_network())
    assert reply.status == "unsupported"
    assert "tiny has BatchNormalization, Conv" in reply.reason
    assert reply.samples_s == ()
