"""Does a plan hold what was asked for, in blocks that are complete, random and reproducible?"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest

from orchestrator.errors import UnknownNameError
from orchestrator.nouns.plan import Plan, Skipped
from orchestrator.nouns.workload import Method, Mode, Workload
from orchestrator.planner.blocks import block_order, block_trials, plan_trials, trial_count
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


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_in_a_hundred_plans_every_block_is_complete_and_no_cell_is_favoured_with_a_position(rows: int) -> None:
    counts: Counter[tuple[int, int]] = Counter()
    seeds, blocks = 100, 10
    for seed in range(seeds):
        made = plan(rows=rows, seed=seed, blocks=blocks)
        order = [[made.cells.index(trial.cell) for trial in block_trials(made, block)] for block in range(blocks)]
        assert all(sorted(block) == list(range(len(made.cells))) for block in order)
        counts.update((cell, position) for block in order for position, cell in enumerate(block))
    size = len(plan(rows=rows).cells)
    share = 1 / size
    sigma = math.sqrt(seeds * blocks * share * (1 - share))
    assert len(counts) == size * size, "every cell has stood in every place"
    assert all(abs(times - seeds * blocks * share) <= 4 * sigma for times in counts.values())


def test_the_first_block_alone_favours_nobody_over_the_seeds() -> None:
    count, seeds = 10, 400
    first = Counter(block_order(seed, 0, count)[0] for seed in range(seeds))
    sigma = math.sqrt(seeds * (1 / count) * (1 - 1 / count))
    assert len(first) == count
    assert all(abs(times - seeds / count) <= 4 * sigma for times in first.values())


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 10, 26])
def test_a_drift_inside_the_blocks_cancels_in_every_two_of_them(count: int) -> None:
    for start in range(0, 4 * count, 2):
        one, two = (block_order(3, block, count) for block in (start, start + 1))
        assert {one.index(cell) + two.index(cell) for cell in range(count)} == {count - 1}


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 11])
def test_over_a_square_every_cell_stands_everywhere_and_behind_every_other_equally_often(count: int) -> None:
    size = count if count % 2 == 0 else 2 * count
    rows = [block_order(5, block, count) for block in range(size)]
    places = Counter((cell, position) for row in rows for position, cell in enumerate(row))
    followers = Counter(pair for row in rows for pair in pairwise(row))
    assert set(places.values()) == {size // count}
    assert set(followers.values()) == {size // count}
    assert len(followers) == count * (count - 1)


def test_which_square_is_dealt_depends_on_the_seed_and_on_nothing_else() -> None:
    assert len({tuple(tuple(block_order(seed, block, 7)) for block in range(14)) for seed in range(60)}) == 60
    assert [block_order(9, block, 5) for block in range(30)] == [block_order(9, block, 5) for block in range(30)]


def test_cells_that_have_left_change_nothing_in_the_order_of_the_others() -> None:
    made = plan()
    staying = made.cells[::2]
    for block in range(12):
        whole = [trial.cell for trial in block_trials(made, block) if trial.cell in staying]
        rest = list(block_trials(made, block, staying))
        assert [trial.cell for trial in rest] == whole
        assert [trial.position for trial in rest] == list(range(len(staying)))


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


def test_a_cuda_row_is_skipped_where_there_is_no_gpu_and_a_cpu_row_is_not() -> None:
    rows = [variant(), variant(device="cuda")]
    made = make_plan(rows, WORKLOADS, Method(), threads=(1,), no_gpu="no NVIDIA driver is loaded")
    assert [row.device for row in made.variants] == ["cpu"]
    assert made.skipped == (
        Skipped(
            "numpy-1.24.2-distro-openblas-cuda",
            "device cuda: expected an NVIDIA GPU on this host, found none: no NVIDIA driver is loaded",
        ),
    )
    assert make_plan(rows, WORKLOADS, Method(), threads=(1,)).variants == tuple(rows)


def test_the_first_mode_runs_when_nobody_asks_and_a_glob_asks_for_more() -> None:
    row = variant(modes=("default", "eager", "xla"))
    assert {cell.mode for cell in make_plan([row], WORKLOADS, Method(), threads=(1,)).cells} == {"default"}
    made = make_plan([row], WORKLOADS, Method(), threads=(1,), modes="[ex]*")
    assert {cell.mode for cell in made.cells} == {"eager", "xla"}
    assert {cell.id.rsplit(":", 1)[1] for cell in made.cells} == {"eager", "xla"}


def test_a_mode_that_no_backend_has_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'eager'"):
        make_plan([variant(modes=("default", "eager"))], WORKLOADS, Method(), threads=(1,), modes="eagr")


def test_a_script_runs_in_one_mode_on_every_row_and_is_left_out_with_the_reason_where_others_are_asked_for() -> None:
    rows = [variant(modes=("eigen",)), variant(version="2.0", modes=("default", "eager"))]
    works = [*WORKLOADS, Workload(network="mine", mode=Mode.SCRIPT)]

    def modes(asked: str) -> Counter[str]:
        made = make_plan(rows, works, Method(), threads=(1,), modes=asked)
        assert [name for name, _ in made.skipped] == ([] if any("mine" in each.id for each in made.cells) else [MINE])
        return Counter(cell.mode for cell in made.cells if cell.workload == MINE)

    assert modes("") == modes("*") == modes("default") == {"default": 2}
    assert modes("eager") == modes("eigen") == {}
    with pytest.raises(UnknownNameError, match="did you mean 'eager'"):
        modes("eagr")


MINE = "mine-script-b1"
