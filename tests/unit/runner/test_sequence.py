"""Which block comes next, and does that depend on anything but the results of the blocks before?"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.nouns.plan import Block, Cell, Plan, Why
from orchestrator.nouns.record import Record, Status
from orchestrator.nouns.workload import Workload
from orchestrator.planner.cells import make_plan
from orchestrator.runner.ledger import Ledger
from orchestrator.runner.request import MOST_BLOCKS, Request, plan_request, read_precision
from orchestrator.runner.sequence import next_blocks
from tests.makers import key, method, provenance, record, timed, variant

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = tuple(variant(version=f"1.24.{number}") for number in range(3))
GEMM = Workload(network="gemm")


def plan(*, rows: int = 3, **fields: Any) -> Plan:
    return make_plan(ROWS[:rows], (GEMM,), method(**fields), threads=(1,))


def keys(made: Plan) -> dict[Cell, str]:
    return {cell: key(cell.id) for cell in made.cells}


def noisy(spread: float, seed: int = 1) -> Callable[[Cell, int], Record]:
    """A machine whose processes differ by `spread`: the same answer for the same trial, whoever asks and when."""

    def measure(cell: Cell, block: int) -> Record:
        row = next(row for row in ROWS if row.id == cell.variant)
        draw = random.Random(f"{seed}:{cell.id}:{block}")
        return timed(row, block, 0.1 * math.exp(draw.gauss(0.0, spread)), workload=GEMM)

    return measure


def play(made: Plan, measure: Callable[[Cell, int], Record], stored: list[Record] | None = None) -> list[Block]:
    """A whole run, trial after trial, on what a store holds."""
    stored = stored or []
    ledger = Ledger(keys(made), stored)
    cells = {name: cell for cell, name in keys(made).items()}
    there = {(cells[each.key], each.block) for each in stored}
    blocks = []
    for block in next_blocks(made, ledger, lambda cell, number: (cell, number) in there):
        blocks.append(block)
        for trial in block.trials:
            ledger.add(measure(trial.cell, trial.block))
    return blocks


def departures(blocks: list[Block]) -> dict[str, tuple[int, Why]]:
    return {each.cell.variant: (each.blocks, each.why) for block in blocks for each in block.departed}


def test_a_number_of_blocks_is_that_many_complete_blocks() -> None:
    made = plan(blocks=3)
    blocks = play(made, noisy(0.5))
    assert [block.number for block in blocks] == [0, 1, 2]
    assert all({trial.cell for trial in block.trials} == set(made.cells) for block in blocks)
    assert not departures(blocks)
    assert dict(blocks[0].least) == dict(blocks[0].most) == dict.fromkeys(made.cells, 3)


def test_quiet_cells_leave_when_the_pilot_is_over() -> None:
    blocks = play(plan(precision=0.01, blocks=100), noisy(0.002))
    assert departures(blocks) == {row.id: (10, Why.PRECISE) for row in ROWS[1:]}
    assert sum(len(block.trials) for block in blocks) == 30
    assert blocks[-1].cells == ()


def test_nothing_leaves_before_the_pilot_is_over_however_quiet_it_is() -> None:
    blocks = play(plan(precision=0.01, blocks=100), noisy(0.0))
    assert [len(block.trials) for block in blocks] == [3] * 10 + [0]


def test_restless_cells_go_on_until_their_interval_is_narrow() -> None:
    made = plan(precision=0.01, blocks=100)
    blocks = play(made, noisy(0.015))
    left = departures(blocks)
    assert all(why is Why.PRECISE for _, why in left.values())
    assert all(10 < number < 100 for number, _ in left.values())
    widths = [each.half_width for block in blocks for each in block.departed]
    assert all(0.005 < width <= 0.01 for width in widths)
    first, last = sorted(number for number, _ in left.values())
    if first != last:  # the reference stays with the one that is left
        assert {cell.variant for cell in blocks[last - 1].cells} >= {ROWS[0].id}
        assert len(blocks[last - 1].cells) == 2


def test_the_most_blocks_end_it_and_what_was_reached_is_said() -> None:
    blocks = play(plan(precision=0.001, blocks=14), noisy(0.02))
    assert departures(blocks) == {row.id: (14, Why.CAP) for row in ROWS[1:]}
    assert blocks[-1].number == 14
    assert not blocks[-1].trials
    assert all(0.005 < each.half_width < 0.05 for each in blocks[-1].departed)


def test_a_cell_that_is_alone_is_measured_by_its_own_mean() -> None:
    assert departures(play(plan(rows=1, precision=0.01, blocks=50), noisy(0.002))) == {ROWS[0].id: (10, Why.PRECISE)}
    number, why = departures(play(plan(rows=1, precision=0.01, blocks=50), noisy(0.02)))[ROWS[0].id]
    assert why is Why.PRECISE
    assert 10 < number < 50


def test_a_difference_stops_nothing_only_a_width_does() -> None:
    """One build takes twice the time, which is significant from the third block on: it runs as long as an equal one."""

    def slower(cell: Cell, block: int) -> Record:
        found = noisy(0.015)(cell, block)
        assert found.reported is not None
        factor = 2.0 if cell.variant == ROWS[1].id else 1.0
        samples = tuple(factor * value for value in found.reported.samples_s)
        reply = found.reported.model_copy(update={"samples_s": samples, "wall_s": sum(samples)})
        return found.model_copy(update={"reported": reply})

    made = plan(precision=0.01, blocks=100)
    assert departures(play(made, slower)) == departures(play(made, noisy(0.015)))


def test_a_broken_cell_leaves_after_the_pilot_with_its_reason_and_the_next_one_is_the_reference() -> None:
    def broken(cell: Cell, block: int) -> Record:
        if cell.variant == ROWS[0].id:
            return record(variant=ROWS[0], workload=GEMM, block=block, status=Status.OOM, reason="killed for memory")
        return noisy(0.002)(cell, block)

    blocks = play(plan(precision=0.01, blocks=100), broken)
    left = [each for block in blocks for each in block.departed]
    assert {each.cell.variant: each.why for each in left} == {ROWS[0].id: Why.FAILED, ROWS[2].id: Why.PRECISE}
    assert "10 of 10 trials are not valid" in left[0].reason
    assert "killed for memory" in left[0].reason


def test_a_trial_that_is_not_valid_does_not_count() -> None:
    """Three of the pilot's trials failed: the interval is narrow, and yet seven blocks are no pilot."""

    def flaky(cell: Cell, block: int) -> Record:
        if cell.variant == ROWS[1].id and block in {2, 4, 6}:
            return record(variant=ROWS[1], workload=GEMM, block=block, status=Status.TIMEOUT)
        return noisy(0.002)(cell, block)

    left = departures(play(plan(precision=0.01, blocks=100), flaky))
    assert left == {ROWS[2].id: (10, Why.PRECISE), ROWS[1].id: (13, Why.PRECISE)}


@pytest.mark.parametrize("spread", [0.002, 0.012, 0.03])
def test_wherever_it_is_interrupted_the_rest_is_what_an_uninterrupted_run_would_have_done(spread: float) -> None:
    made, measure = plan(precision=0.01, blocks=40), noisy(spread)
    whole = [trial for block in play(made, measure) for trial in block.trials]
    for cut in {0, 1, 7, 29, 30, 31, 40, len(whole) - 1} & set(range(len(whole))):
        stored = [measure(trial.cell, trial.block) for trial in whole[:cut]]
        assert [trial for block in play(made, measure, stored) for trial in block.trials] == whole[cut:]


def test_a_finished_run_has_nothing_to_do_and_says_the_same_of_every_cell() -> None:
    made, measure = plan(precision=0.01, blocks=40), noisy(0.012)
    first = play(made, measure)
    stored = [measure(trial.cell, trial.block) for block in first for trial in block.trials]
    again = play(made, measure, stored)
    assert not [trial for block in again for trial in block.trials]
    assert departures(again) == departures(first)


def test_results_of_later_blocks_do_not_change_who_was_in_an_earlier_one() -> None:
    made, measure = plan(precision=0.01, blocks=40), noisy(0.002)
    wild = [timed(row, block, 0.1 * (block + 1), workload=GEMM) for row in ROWS for block in range(10, 20)]
    assert departures(play(made, measure, wild)) == departures(play(made, measure))


def test_what_was_measured_on_another_host_is_not_pooled() -> None:
    """The store has ten quiet blocks of one build, of before the kernel changed: they say nothing of the other's."""
    made, measure = plan(rows=2, precision=0.01, blocks=40), noisy(0.002)
    old = provenance(host={"cpu_model": "AMD EPYC", "kernel": "5.10", "governor": None})
    stored = [measure(made.cells[0], block).model_copy(update={"provenance": old}) for block in range(10)]
    number, why = departures(play(made, measure, stored))[ROWS[1].id]
    assert (number, why) == (20, Why.PRECISE)


def test_a_build_that_is_added_to_a_finished_store_runs_beside_the_reference_again() -> None:
    made, measure = plan(rows=2, precision=0.01, blocks=40), noisy(0.002)
    earlier = provenance(run="earlier")
    stored = [measure(made.cells[0], block).model_copy(update={"provenance": earlier}) for block in range(10)]
    blocks = play(made, measure, stored)
    assert all(len(block.trials) == 2 for block in blocks if 10 <= block.number < 20)
    assert departures(blocks) == {ROWS[1].id: (20, Why.PRECISE)}


def test_least_and_most_frame_what_comes() -> None:
    made = plan(precision=0.01, blocks=100)
    blocks = play(made, noisy(0.015))
    total = sum(len(block.trials) for block in blocks)
    for block in blocks[:-1]:
        gone = sum(len(each.trials) for each in blocks if each.number < block.number)
        assert sum(block.least.values()) <= total - gone <= sum(block.most.values())
    assert sum(blocks[0].least.values()) == 30
    assert sum(blocks[0].most.values()) == 300


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.5%", 0.005), ("0.01", 0.01), (" 2 % ", 0.02)])
def test_a_precision_is_a_percentage_or_a_share(text: str, share: float) -> None:
    assert read_precision(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "one", "0", "-1%", "100%", "1", "1.5", "nan", "inf", "1%%", "1% x", "%"])
def test_a_precision_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"as in 1%, 0\.5% or 0\.01"):
        read_precision(text)


def test_with_a_precision_the_blocks_are_the_most_that_a_cell_may_take() -> None:
    asked = Request(frameworks="numpy", workloads="gemm-infer-b1", precision="1%")
    assert plan_request(asked).method.blocks == MOST_BLOCKS
    made = plan_request(replace(asked, blocks=12)).method
    assert (made.blocks, made.precision) == (12, 0.01)
    assert plan_request(replace(asked, precision="")).method.precision is None
    with pytest.raises(UsageError, match="pilot of 10 blocks"):
        plan_request(replace(asked, blocks=5))
