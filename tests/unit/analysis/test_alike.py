"""Is whatever was not equal on both sides found and named?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.compare import Comparison, compare
from orchestrator.host.fingerprint import read_fingerprint
from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Blas, Variant
from orchestrator.stats.verdicts import Word
from tests.makers import method, provenance, reply, timed, variant

OPENBLAS, MKL = variant(), variant(blas=Blas.MKL)
FIELDS = sorted(read_fingerprint(Path("/nowhere")).values)
MOVING = {"memory_kib", "mhz_now"}
"""By a boot, by the moment: no two records would ever be comparable."""
HOST: dict[str, str | None] = dict.fromkeys(FIELDS, "same")


def blocks(row: Variant, seconds: float, **fields: Any) -> list[Record]:
    return [timed(row, block, seconds * (1 + 0.001 * block), **fields) for block in range(6)]


def on(host: dict[str, str | None], row: Variant, seconds: float) -> list[Record]:
    """What ran there saw the CPU that the host names."""
    made = []
    for each in blocks(row, seconds, provenance=provenance(host=host)):
        assert each.reported is not None
        assert each.reported.evidence is not None
        seen = each.reported.evidence.model_copy(update={"cpu_model": host["cpu_model"] or ""})
        made.append(each.model_copy(update={"reported": each.reported.model_copy(update={"evidence": seen})}))
    return made


def compared(records: list[Record]) -> Comparison:
    (item,) = compare(records, OPENBLAS.id, MKL.id).items
    return item


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in MOVING])
def test_every_field_of_the_host_is_named_where_it_differs(field: str) -> None:
    assert compared(on(HOST, OPENBLAS, 0.1) + on(HOST, MKL, 0.08)).verdict.word == Word.FASTER
    for value in ("other", None):
        item = compared(on(HOST, OPENBLAS, 0.1) + on(HOST | {field: value}, MKL, 0.08))
        assert item.text == f"invalid(confounded: host.{field})"


@pytest.mark.parametrize("field", sorted(MOVING))
def test_what_moves_by_itself_does_not_confound(field: str) -> None:
    item = compared(on(HOST, OPENBLAS, 0.1) + on(HOST | {field: "other"}, MKL, 0.08))
    assert item.verdict.word == Word.FASTER


def test_one_other_block_among_equal_ones_is_no_mixture() -> None:
    other = provenance(host={"cpu_model": "AMD EPYC", "kernel": "5.10", "governor": None})
    records = blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08)[:-1] + [timed(MKL, 5, 0.9, provenance=other)]
    item = compared(records)
    assert item.ratio is not None
    assert item.ratio.n == 5


def test_another_number_of_warm_up_steps_is_not_comparable() -> None:
    item = compared(blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08, method=method(warmup=0)))
    assert item.text == "invalid(not comparable: warm-up of 1 against 0 steps)"
    item = compared(blocks(OPENBLAS, 0.1) + blocks(MKL, 0.08, method=method(warmup=0, seed=7)))
    assert item.text == "invalid(not comparable: warm-up of 1 against 0 steps; confounded: method.seed)"


def warmed(row: Variant, seconds: float, warmup: int, loops: int = 1) -> list[Record]:
    made = []
    for block in range(6):
        base = timed(row, block, seconds * (1 + 0.001 * block)).reported
        assert base is not None
        answer = reply(
            samples_s=base.samples_s, warmup_s=(0.1,) * warmup, loops=loops, cpu_s=None, evidence=base.evidence
        )
        made.append(timed(row, block, seconds, reported=answer))
    return made


def test_warm_up_steps_that_were_run_beyond_what_was_asked_for_are_not_comparable() -> None:
    item = compared(warmed(OPENBLAS, 0.1, 1) + warmed(MKL, 0.08, 40))
    assert item.text == "invalid(not comparable: warm-up of 1 against 40 steps)"
    assert compared(warmed(OPENBLAS, 0.1, 3) + warmed(MKL, 0.08, 3)).verdict.word == Word.FASTER


def test_batches_that_found_the_size_of_a_sample_are_no_other_warm_up() -> None:
    item = compared(warmed(OPENBLAS, 0.1, 1) + warmed(MKL, 0.08, 4, loops=5))
    assert item.verdict.word == Word.FASTER
    assert item.notes == ("a sample is the mean of 1 steps of the reference and of 5 of the candidate",)


def test_a_drift_inside_the_processes_is_said_beside_the_claim() -> None:
    def ramp(row: Variant, seconds: float, slope: float) -> list[Record]:
        made = []
        for block in range(6):
            base = timed(row, block, seconds).reported
            assert base is not None
            times = tuple(seconds * (1 + slope * step + 0.0001 * ((step + block) % 2)) for step in range(12))
            made.append(timed(row, block, seconds, reported=reply(samples_s=times, cpu_s=None, evidence=base.evidence)))
        return made

    item = compared(ramp(OPENBLAS, 0.1, 0.0) + ramp(MKL, 0.08, 0.01))
    assert (item.reference.steadiness, item.candidate.steadiness) == ("steady", "drift")
    assert item.notes == (f"{MKL.id} is no steady state: its samples drift inside the processes",)
    assert compared(ramp(OPENBLAS, 0.1, 0.0) + ramp(MKL, 0.08, 0.0)).notes == ()


def test_a_build_that_takes_subnormal_numbers_for_zero_is_confounded_with_one_that_does_not() -> None:
    def flushing(records: list[Record], word: str) -> list[Record]:
        made = []
        for each in records:
            assert each.reported is not None
            assert each.reported.evidence is not None
            seen = each.reported.evidence.model_copy(update={"arithmetic": {"denormals": word}})
            made.append(each.model_copy(update={"reported": each.reported.model_copy(update={"evidence": seen})}))
        return made

    kept, fast = flushing(blocks(OPENBLAS, 0.1), "kept"), blocks(MKL, 0.08)
    assert compared(kept + flushing(fast, "kept")).verdict.word == Word.FASTER
    assert compared(kept + fast).verdict.word == Word.FASTER, "what a workload does not tell confounds nothing"
    item = compared(kept + flushing(fast, "flushed: results"))
    assert item.text == "invalid(confounded: denormals (flushed: results, kept))"
