"""Does a plan hold what was asked for, in blocks that are complete, random and reproducible?"""

from __future__ import annotations

import math
from collections import Counter

import pytest

from orchestrator.errors import UnknownNameError
from orchestrator.nouns.plan import Plan, Skipped
from orchestrator.nouns.workload import Method, Workload
from orchestrator.planner.blocks import block_order, plan_trials, trial_count
from orchestrator.planner.cells import make_plan
from tests.makers import variant

WORKLOADS = (Workload(network="gemm"), Workload(network="vgg16"))


def plan(*, blocks: int = 4, seed: int = 1, rows: int = 3) -> Plan:
    rows_ = [variant(version=f"1.{index}") for index in range(rows)]
    return make_plan(rows_, WORKLOADS, Method(blocks=blocks, seed=seed), threads=(1, 2))


def test_every_block_holds_every_cell_exactly_once() -> None:
    made = plan()
    for block in range(4):
        cells = Counter(trial.cell for trial in plan_trials(made) if trial.block == block)
        assert cells == Counter(made.cells)
    assert trial_count(made) == len(list(plan_trials(made))) == 4 * 3 * 2 * 2


def test_one_seed_gives_one_plan_and_another_gives_another() -> None:
    assert list(plan_trials(plan(seed=7))) == list(plan_trials(plan(seed=7)))
    assert list(plan_trials(plan(seed=7))) != list(plan_trials(plan(seed=8)))


def test_no_cell_is_favoured_with_a_position() -> None:
    count, blocks = 10, 400
    first = Counter(block_order(seed, 0, count)[0] for seed in range(blocks))
    sigma = math.sqrt(blocks * (1 / count) * (1 - 1 / count))
    assert len(first) == count
    assert all(abs(times - blocks / count) <= 4 * sigma for times in first.values())


def test_blocks_of_one_plan_differ_from_each_other() -> None:
    assert len({tuple(block_order(1, block, 12)) for block in range(50)}) == 50


def test_a_row_that_this_cpu_or_engine_cannot_run_is_skipped_with_the_reason() -> None:
    rows = [
        variant(version="1.0"),
        variant(version="2.0", cpu_flags=("avx512f",)),
        variant(version="3.0"),
    ]
    made = make_plan(
        rows,
        WORKLOADS,
        Method(),
        threads=(1,),
        cpu_flags=frozenset({"avx2"}),
        refuse=lambda row: "no such interpreter" if row.version == "3.0" else "",
        skipped=[Skipped("x", "asked for, absent")],
    )
    assert [row.version for row in made.variants] == ["1.0"]
    assert {(name.split("-")[1] if "-" in name else name): reason for name, reason in made.skipped} == {
        "x": "asked for, absent",
        "2.0": "this CPU has no avx512f",
        "3.0": "no such interpreter",
    }
    assert {cell.variant for cell in made.cells} == {rows[0].id}


def test_the_first_mode_runs_when_nobody_asks_and_a_glob_asks_for_more() -> None:
    row = variant(modes=("default", "eager", "xla"))
    assert {cell.mode for cell in make_plan([row], WORKLOADS, Method(), threads=(1,)).cells} == {"default"}
    made = make_plan([row], WORKLOADS, Method(), threads=(1,), modes="[ex]*")
    assert {cell.mode for cell in made.cells} == {"eager", "xla"}
    assert {cell.id.rsplit(":", 1)[1] for cell in made.cells} == {"eager", "xla"}


def test_a_mode_that_no_backend_has_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'eager'"):
        make_plan([variant(modes=("default", "eager"))], WORKLOADS, Method(), threads=(1,), modes="eagr")
