"""Which CPUs does a trial get, on machines that are not this one?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.host.topology import Core, choose_cpus, parse_cpus, pinned_off, read_topology


def write_sys(root: Path, cores: Tree, *, slow: str = "", capacity: dict[int, int] | None = None) -> Path:
    """A /sys of these cores: hardware threads -> NUMA node; slow ones by Intel's list, or by ARM's capacities."""
    nodes: dict[int, list[int]] = {}
    for cpus, node in cores.items():
        nodes.setdefault(node, []).extend(cpus)
        for cpu in cpus:
            folder = root / f"devices/system/cpu/cpu{cpu}/topology"
            folder.mkdir(parents=True)
            (folder / "core_cpus_list").write_text(",".join(map(str, cpus)) + "\n")
    for node, members in nodes.items():
        folder = root / f"devices/system/node/node{node}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(",".join(map(str, members)) + "\n")
    if slow:
        (root / "devices/cpu_atom").mkdir(parents=True)
        (root / "devices/cpu_atom/cpus").write_text(slow + "\n")
    for cpu, value in (capacity or {}).items():
        (root / f"devices/system/cpu/cpu{cpu}/cpu_capacity").write_text(f"{value}\n")
    return root


Tree = dict[tuple[int, ...], int]

PLAIN: Tree = {(0,): 0, (1,): 0}
SMT: Tree = {(0, 4): 0, (1, 5): 0, (2, 6): 0, (3, 7): 0}
ADJACENT = {(0, 1): 0, (2, 3): 0}
SOCKETS: Tree = {(0, 8): 0, (1, 9): 0, (2, 10): 0, (3, 11): 0, (4, 12): 1, (5, 13): 1, (6, 14): 1, (7, 15): 1}
INTERLEAVED = {(0,): 0, (1,): 1, (2,): 0, (3,): 1}
HOLES = {(0,): 0, (3,): 0, (7,): 0}  # 1, 2 and others are offline
HYBRID = {(0, 1): 0, (2, 3): 0, (4,): 0, (5,): 0, (6,): 0}
SMT4: Tree = {(0, 1, 2, 3): 0, (4, 5, 6, 7): 0}
SOCKET_PAIR: Tree = {(0,): 0, (1,): 0, (2,): 1, (3,): 1}
BIG_LITTLE: Tree = {(0,): 0, (1,): 0, (2,): 0, (3,): 0}


@pytest.mark.parametrize(
    ("cores", "threads", "cpus", "mems"),
    [
        pytest.param(PLAIN, 1, (1,), (0,), id="the last core, so that core 0 is left"),
        pytest.param(PLAIN, 2, (0, 1), (0,), id="all of them"),
        pytest.param(SMT, 2, (2, 3), (0,), id="one thread of each core"),
        pytest.param(SMT, 4, (0, 1, 2, 3), (0,), id="every core once"),
        pytest.param(SMT, 6, (0, 1, 2, 3, 6, 7), (0,), id="more threads than cores: siblings share"),
        pytest.param(SMT, 8, tuple(range(8)), (0,), id="every hardware thread"),
        pytest.param(ADJACENT, 1, (2,), (0,), id="siblings beside each other"),
        pytest.param(SOCKETS, 4, (4, 5, 6, 7), (1,), id="one node"),
        pytest.param(SOCKETS, 5, (3, 4, 5, 6, 7), (0, 1), id="more than a node has"),
        pytest.param(INTERLEAVED, 2, (1, 3), (1,), id="nodes that alternate"),
        pytest.param(HOLES, 2, (3, 7), (0,), id="numbers with holes"),
        pytest.param(HYBRID, 2, (0, 2), (0,), id="fast cores before slow ones"),
        pytest.param(HYBRID, 3, (4, 5, 6), (0,), id="slow ones alone where the fast do not suffice"),
        pytest.param(HYBRID, 4, (0, 2, 5, 6), (0,), id="both kinds only where neither suffices"),
        pytest.param({(0, 1): 0}, 1, (0,), (0,), id="a single core with two threads"),
        pytest.param({(0, 1): 0}, 2, (0, 1), (0,), id="both threads of the only core"),
        pytest.param({(0,): 0}, 1, (0,), (0,), id="a single CPU"),
        pytest.param(SMT4, 1, (4,), (0,), id="four threads a core: one of them"),
        pytest.param(SMT4, 2, (0, 4), (0,), id="four threads a core: one of each"),
        pytest.param(SMT4, 3, (0, 4, 5), (0,), id="four threads a core: siblings of the better core first"),
        pytest.param(SOCKET_PAIR, 2, (2, 3), (1,), id="two sockets without SMT"),
        pytest.param(SOCKET_PAIR, 3, (1, 2, 3), (0, 1), id="two sockets, more than one has"),
    ],
)
def test_whole_cores_of_one_node(
    tmp_path: Path, cores: Any, threads: int, cpus: tuple[int, ...], mems: tuple[int, ...]
) -> None:
    slow = "4-6" if cores is HYBRID else ""
    every = [cpu for group in cores for cpu in group]
    found = choose_cpus(threads, read_topology(write_sys(tmp_path, cores, slow=slow), every))
    assert (found.cpus, found.mems) == (cpus, mems)


def test_every_thread_of_a_chosen_core_is_blocked_for_others(tmp_path: Path) -> None:
    found = choose_cpus(1, read_topology(write_sys(tmp_path, SMT), range(8)))
    assert found.cpus == (3,)
    assert found.blocked == {3, 7}


@pytest.mark.parametrize(
    ("threads", "shape"),
    [
        (2, "2 cpus on 2 cores of 1 nodes"),
        (3, "3 cpus on 3 cores of 1 nodes (efficiency cores)"),
        (5, "5 cpus on 5 cores of 1 nodes (mixed kinds)"),
    ],
)
def test_the_shape_says_which_kind_of_cores_a_set_is_of(tmp_path: Path, threads: int, shape: str) -> None:
    assert choose_cpus(threads, read_topology(write_sys(tmp_path, HYBRID, slow="4-6"), range(7))).shape == shape


def test_where_no_driver_lists_the_efficiency_cores_their_capacity_tells(tmp_path: Path) -> None:
    root = write_sys(tmp_path, BIG_LITTLE, capacity={0: 446, 1: 446, 2: 1024, 3: 990})
    cores = read_topology(root, range(4))
    assert [core.slow for core in cores] == [True, True, False, False], "a few per cent are not another kind"
    assert choose_cpus(2, cores).cpus == (2, 3)
    assert choose_cpus(1, cores[:2]).shape.endswith("(efficiency cores)")


def test_a_node_without_cpus_is_never_where_the_memory_is_taken_from(tmp_path: Path) -> None:
    root = write_sys(tmp_path, {(0,): 0, (1,): 2})
    folder = root / "devices/system/node/node1"  # memory only, as CXL's
    folder.mkdir()
    (folder / "cpulist").write_text("\n")
    assert choose_cpus(2, read_topology(root, (0, 1))).mems == (0, 2)
    assert choose_cpus(1, read_topology(root, (0, 1))).mems == (2,)


def test_an_offline_cpu_is_nobodys_sibling(tmp_path: Path) -> None:
    root = write_sys(tmp_path, {(0, 2): 0, (1,): 0})  # 3, the sibling of 1, is offline: the kernel leaves it out
    cores = read_topology(root, (0, 1, 2))
    assert cores == (Core((0, 2), (0, 2), 0), Core((1,), (1,), 0))
    assert choose_cpus(2, cores).shape == "2 cpus on 2 cores of 1 nodes"


def test_where_only_a_part_of_the_machine_is_ours_the_set_stays_in_it(tmp_path: Path) -> None:
    """As in a cpuset or under taskset: the orchestrator cannot give away what it may not use."""
    root = write_sys(tmp_path, SOCKETS)
    cores = read_topology(root, (1, 2, 3, 9, 10, 11))
    assert choose_cpus(3, cores) == (
        (1, 2, 3),
        (0,),
        (Core((1, 9), (1, 9), 0), Core((2, 10), (2, 10), 0), Core((3, 11), (3, 11), 0)),
    )
    with pytest.raises(UsageError, match=r"7 threads.* 6 CPUs"):
        choose_cpus(7, cores)


def test_a_core_whose_siblings_belong_to_others_is_said_to_be(tmp_path: Path) -> None:
    cores = read_topology(write_sys(tmp_path, SMT), (0, 1, 5))
    assert choose_cpus(1, cores).cpus == (1,), "the whole core first"
    assert choose_cpus(2, cores).shape == "2 cpus on 2 cores of 1 nodes (siblings of others)"


def test_only_what_this_process_may_use_is_chosen(tmp_path: Path) -> None:
    root = write_sys(tmp_path, SMT)
    found = choose_cpus(2, read_topology(root, {0, 4, 1, 3}))
    assert found.cpus == (0, 3), "whole cores first: of cores 1 and 3 another process may use the sibling"


@pytest.mark.parametrize("threads", [3, 100])
def test_more_threads_than_cpus_are_refused_with_both_numbers(tmp_path: Path, threads: int) -> None:
    with pytest.raises(UsageError, match=f"{threads} threads.* 2 CPUs"):
        choose_cpus(threads, read_topology(write_sys(tmp_path, PLAIN), (0, 1)))


def test_a_machine_that_says_nothing_of_itself_has_single_cores(tmp_path: Path) -> None:
    assert read_topology(tmp_path, (0, 1)) == (Core((0,), (0,), 0), Core((1,), (1,), 0))


def test_the_shape_holds_what_may_change_a_number_and_no_ids(tmp_path: Path) -> None:
    cores = read_topology(write_sys(tmp_path, SOCKETS), range(16))
    left, right = choose_cpus(2, cores[:4]), choose_cpus(2, cores[4:])
    assert left.cpus != right.cpus
    assert left.shape == right.shape
    assert len({choose_cpus(threads, cores).shape for threads in (1, 2, 5, 16)}) == 4


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,8,10-11\n", {0, 1, 2, 3, 8, 10, 11}), ("", set()), ("5", {5}), ("\n", set())]
)
def test_the_kernels_lists_are_read(text: str, cpus: set[int]) -> None:
    assert parse_cpus(text) == cpus


def test_this_process_moves_away_and_comes_back() -> None:
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("one CPU: there is nowhere to go")
    with pinned_off(frozenset({max(before)})):
        assert os.sched_getaffinity(0) == before - {max(before)}
    assert os.sched_getaffinity(0) == before
    with pinned_off(frozenset(before)):
        assert os.sched_getaffinity(0) == before, "it must compute somewhere"
