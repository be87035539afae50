"""Who goes on when some are precise enough, and can the rule see anything but widths?"""

from __future__ import annotations

import inspect
from typing import get_type_hints

from orchestrator.nouns.plan import Cell, Plan
from orchestrator.nouns.workload import Method, Workload
from orchestrator.planner import precision
from orchestrator.planner.cells import make_plan
from orchestrator.planner.estimate import estimate
from orchestrator.planner.precision import cells_that_go_on, compared_cells, find_groups
from tests.makers import variant

ROWS = tuple(variant(version=f"1.{number}") for number in range(3))


def plan(threads: tuple[int, ...] = (1,), modes: str = "") -> Plan:
    rows = [row.model_copy(update={"modes": ("eager", "compiled")}) for row in ROWS] if modes else ROWS
    return make_plan(
        rows, (Workload(network="gemm"), Workload(network="vgg16")), Method(), threads=threads, modes=modes
    )


def groups_of(made: Plan) -> tuple[tuple[Cell, ...], ...]:
    return find_groups(made, made.cells)


def test_a_group_is_one_workload_at_one_thread_count_in_one_mode_and_begins_with_the_plans_first_variant() -> None:
    groups = groups_of(plan(threads=(1, 2)))
    assert len(groups) == 4
    assert all([cell.variant for cell in group] == [row.id for row in ROWS] for group in groups)
    assert len({(cell.workload, cell.threads) for group in groups for cell in group}) == 4
    assert {len({(cell.workload, cell.threads) for cell in group}) for group in groups} == {1}


def test_the_first_mode_of_a_variant_is_the_default_whatever_it_is_called() -> None:
    other = variant(version="9", modes=("graph",))
    rows = [ROWS[0].model_copy(update={"modes": ("eager", "compiled")}), other]
    made = make_plan(rows, (Workload(network="gemm"),), Method(), threads=(1,), modes="*")
    assert [[cell.mode for cell in group] for group in groups_of(made)] == [["eager", "graph"], ["compiled"]]


def test_a_precise_cell_leaves_and_the_reference_stays_for_the_others() -> None:
    group = groups_of(plan())[0]
    assert compared_cells([group]) == group[1:]
    assert cells_that_go_on([group], set()) == group
    assert cells_that_go_on([group], {group[1]}) == (group[0], group[2])
    assert cells_that_go_on([group], {group[1], group[2]}) == ()


def test_the_reference_does_not_leave_for_being_precise_itself() -> None:
    group = groups_of(plan())[0]
    assert cells_that_go_on([group], {group[0]}) == group


def test_a_cell_that_is_alone_is_measured_by_itself() -> None:
    alone = (groups_of(plan())[0][0],)
    assert compared_cells([alone]) == alone
    assert cells_that_go_on([alone], set()) == alone
    assert cells_that_go_on([alone], set(alone)) == ()


def test_groups_are_done_one_by_one() -> None:
    first, second = groups_of(plan())
    assert cells_that_go_on([first, second], set(first)) == second


def test_the_rule_is_told_neither_a_ratio_nor_a_p_value() -> None:
    """It cannot stop on significance: nothing that would tell of it can come in, neither as argument nor by import."""
    arguments = set(inspect.signature(cells_that_go_on).parameters)
    assert arguments == {"groups", "narrow"}
    assert "Ratio" not in inspect.getsource(precision)
    assert "stats" not in inspect.getsource(precision)
    assert (
        get_type_hints(cells_that_go_on, vars(precision) | {"Cell": Cell} | _abstract())["return"] == tuple[Cell, ...]
    )


def _abstract() -> dict[str, object]:
    from collections.abc import Collection, Iterable

    return {"Collection": Collection, "Iterable": Iterable, "Plan": Plan}


def test_what_is_known_of_every_cell_makes_an_estimate() -> None:
    one, two, three = groups_of(plan())[0]
    guess = estimate({one: 2, two: 1}, {one: 4, two: 1}, {one: 10.0, two: 3.0, three: 99.0}, shortest_s=0.5)
    assert (guess.least_s, guess.most_s, guess.unknown) == (23.0, 43.0, 0)


def test_a_cell_that_nobody_has_seen_running_leaves_only_a_lower_bound() -> None:
    one, two, _ = groups_of(plan())[0]
    guess = estimate({one: 2, two: 4}, {one: 2, two: 4}, {one: 10.0}, shortest_s=0.5)
    assert (guess.least_s, guess.most_s, guess.unknown) == (22.0, None, 1)


def test_a_cell_with_nothing_left_need_not_be_known() -> None:
    one, two, _ = groups_of(plan())[0]
    assert estimate({one: 1, two: 0}, {one: 1, two: 0}, {one: 2.0}, shortest_s=0.5) == (2.0, 2.0, 0)
