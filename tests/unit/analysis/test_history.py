"""Is the run found in which a cell changed, with what differed from then on?"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

import pytest

from orchestrator.analysis.history import Trace, trace_history
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.variant import Blas, Variant
from tests.makers import key, provenance, record, timed, variant, workload

OLD, NEW = variant(version="1.9.0"), variant(version="1.10.0")


def run(number: int, seconds: float, row: Variant = OLD, count: int = 5, **fields: Any) -> list[Record]:
    """One run of `count` blocks on a day of its own: the processes of a run share the day, and its noise of 1 %."""
    chance = random.Random(f"{number}{row.id}{fields.get('workload')}")
    day = seconds * math.exp(chance.gauss(0, 0.01))
    about = {"run": f"run-{number}", "started_at": f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T00:00:00Z"}
    host = fields.pop("host", {"cpu_model": "AMD EPYC", "kernel": "6.1", "governor": None})
    source = provenance(**about, host=host, **fields.pop("source", {}))
    return [
        timed(row, block, day * math.exp(chance.gauss(0, 0.002)), provenance=source, **fields) for block in range(count)
    ]


def only(records: Iterable[Record]) -> Trace:
    (trace,) = trace_history(records)
    return trace


def test_a_new_version_that_is_five_per_cent_slower_is_found_where_it_came() -> None:
    records = [each for number in range(20) for each in run(number, 0.1)]
    records += [each for number in range(20, 40) for each in run(number, 0.105, NEW)]
    trace = only(records)
    assert trace.verdict == "1 change in 40 runs"
    (change,) = trace.changes
    assert abs(change.place - 20) <= 2
    assert change.ratio.low < 1.05 < change.ratio.high
    assert change.ratio.low > 1.03
    assert "version: 1.9.0 -> 1.10.0" in change.differences
    assert "framework: numpy 1.9.0 -> numpy 1.10.0" in change.differences
    assert not any(text.startswith(("host.", "engine", "bench")) for text in change.differences)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"host": {"cpu_model": "AMD EPYC", "kernel": "6.8", "governor": None}}, "host.kernel: 6.1 -> 6.8"),
        ({"source": {"image_digest": "fedcba987654"}, "key": key("rebuilt")}, "image: 0123456789ab -> fedcba987654"),
        ({"source": {"workloads_hash": "ef" * 32}}, f"workloads_hash: {'cd' * 6} -> {'ef' * 6}"),
        ({"source": {"bench": "0.2.0"}}, "bench: 0.1.0 -> 0.2.0"),
    ],
)
def test_whatever_else_was_different_from_then_on_is_named(fields: dict[str, Any], text: str) -> None:
    records = [each for number in range(10) for each in run(number, 0.1)]
    records += [each for number in range(10, 20) for each in run(number, 0.15, **fields)]
    (change,) = only(records).changes
    assert change.place == 10
    assert change.differences == (text,)


def test_nothing_happens_in_a_history_without_a_change() -> None:
    trace = only(each for number in range(30) for each in run(number, 0.1))
    assert (trace.verdict, trace.changes, len(trace.points)) == ("no change in 30 runs", (), 30)


def test_the_same_key_and_block_in_another_run_is_another_trial() -> None:
    records = [each for number in range(8) for each in run(number, 0.1)]
    assert len({(each.key, each.block) for each in records}) == 5
    assert [len(point.trials) for point in only(records).points] == [5] * 8


def test_a_record_that_is_in_two_stores_counts_once() -> None:
    records = [each for number in range(8) for each in run(number, 0.1)]
    assert only(records + records) == only(records)


def test_the_order_of_stores_and_records_changes_nothing() -> None:
    records = [each for number in range(30) for each in run(number, 0.1 if number < 15 else 0.12)]
    shuffled = random.Random(1).sample(records, len(records))
    assert [point.run for point in only(shuffled).points] == [f"run-{number}" for number in range(30)]
    assert only(shuffled).changes[0].place == only(records).changes[0].place == 15


def test_seven_runs_are_too_few() -> None:
    trace = only(each for number in range(7) for each in run(number, 0.1 if number < 4 else 0.5))
    assert (trace.verdict, trace.changes) == ("too few runs (7, at least 8)", ())


def test_of_two_versions_in_one_run_the_newest_by_number_stands_for_it() -> None:
    records = [each for number in range(8) for row in (OLD, NEW) for each in run(number, 0.1, row)]
    assert {point.variant for point in only(records).points} == {NEW.id}
    (old,) = trace_history(records, variant="*-1.9.0-*")
    assert {point.variant for point in old.points} == {OLD.id}


def test_another_machine_workload_or_build_is_another_history() -> None:
    there = {"cpu_model": "Intel Xeon", "kernel": "6.1", "governor": None}
    records = run(1, 0.1) + run(2, 0.1, workload=workload(network="lenet"))
    records += run(3, 0.1, variant(version="1.9.0", blas=Blas.MKL))
    elsewhere = run(4, 0.1, host=there)
    records += [
        each.model_copy(
            update={
                "reported": each.reported.model_copy(
                    update={"evidence": each.reported.evidence.model_copy(update={"cpu_model": "Intel Xeon"})}
                )
            }
        )
        for each in elsewhere
        if each.reported is not None and each.reported.evidence is not None
    ]
    assert len(trace_history(records)) == 4
    assert len(trace_history(records, workload="lenet*")) == 1
    assert len(trace_history(records, variant="*mkl*")) == 1


def test_a_run_without_a_valid_trial_is_no_point() -> None:
    failed = provenance(run="run-99", started_at="2026-09-09T00:00:00Z")
    records = [*run(1, 0.1), record(variant=OLD, status=Status.OOM, reason="8 GiB", provenance=failed)]
    assert [point.run for point in only(records).points] == ["run-1"]
    assert trace_history([record(status=Status.OOM, reason="8 GiB")]) == []
