"""What does the self-test plant, and in which blocks does it run?

Networks whose work is exactly known, made here: chains of equal matrix products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engines.fake import answer, make_reply
from orchestrator.nouns.job import Job
from orchestrator.nouns.plan import Block
from orchestrator.nouns.workload import Method, Network, Node, Workload
from orchestrator.planner.blocks import block_trials
from orchestrator.planner.cells import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.nouns.launch import Launch, Outcome
    from orchestrator.nouns.plan import Cell, Plan, Trial
    from orchestrator.nouns.variant import Variant
    from orchestrator.runner.events import Event

NODES = 100
SIDE = 256
"""100 products of 256 x 256 x 256 are 3.4 GFLOP: some 50 ms on a core, in which everything else is lost."""
METHOD = Method(warmup=2, min_time_s=1.2, min_count=5, max_time_s=20.0, timeout_s=120.0, memory_bytes=2 * 2**30)
PRETENDED_NODE_S = 0.5e-3


class Check(NamedTuple):
    """A build against itself under another name, doing `nodes` products where the other does `NODES`."""

    name: str
    nodes: int
    blocks: int
    slack: float = 0.0
    """How far from the expected ratio the interval may end."""

    @property
    def expected(self) -> float:
        """time(candidate) / time(reference)."""
        return self.nodes / NODES


CHECKS = (
    Check("A/A", NODES, 10),
    Check("A/B 1.5x", NODES * 3 // 2, 10, slack=0.1),
    # An interval of 95 % misses the true ratio once in 20 self-tests on the quietest machine, and no step is products
    # alone: what lies half a percent beside 1.03 was found all the same, and is still far from 1.
    Check("A/B 1.03x", NODES + 3, 20, slack=0.005),
)


class Planned(NamedTuple):
    """Everything that the self-test runs."""

    plan: Plan
    blocks: Mapping[Cell, int]
    """How many blocks each cell is in, from the first."""
    networks: Mapping[str, Network]


def chain(nodes: int) -> Network:
    """`nodes` matrix products, one behind the other: twice the nodes are twice the work."""
    names = [f"product{number}" for number in range(nodes)]
    return Network(
        name=f"chain{nodes}",
        title=f"{nodes} matrix products in a row, {SIDE} x {SIDE} x {SIDE} each",
        source="made for the self-test: work that is exactly known",
        inputs={"x": (SIDE, SIDE)},
        outputs=(names[-1],),
        compared=names[-1],
        batched=False,
        parameters=nodes * SIDE * SIDE,
        nodes=tuple(
            Node(name=name, op="Gemm", inputs=(before,), weights={"B": (SIDE, SIDE)}, attrs={"transB": 1})
            for name, before in zip(names, ["x", *names], strict=False)
        ),
    )


def pretend(launch: Launch, variant: Variant | None) -> Outcome:
    """What a quiet machine would answer, on which every product takes the same time."""
    network = Job.model_validate_json(launch.files["job.json"]).network
    nodes = len(network.nodes) if network else 0
    return answer(launch, make_reply(launch, variant, step_s=nodes * PRETENDED_NODE_S))


def plan_checks(variant: Variant, twin: Variant, checks: Iterable[Check], seed: int | None) -> Planned:
    """The reference is in as many blocks as any other; everything else is done under the second name."""
    blocks = {check.nodes: check.blocks for check in checks}
    most = max(blocks.values())
    method = METHOD.model_copy(update={"blocks": most} | ({} if seed is None else {"seed": seed}))
    networks = [chain(nodes) for nodes in sorted({NODES, *blocks})]
    workloads = {nodes: chain_workload(nodes) for nodes in sorted({NODES, *blocks})}
    plan = make_plan([variant, twin], list(workloads.values()), method, threads=(1,))
    counts = {(twin.id, workloads[nodes].id): count for nodes, count in blocks.items()}
    counts[variant.id, workloads[NODES].id] = most
    wanted = {cell: counts[name] for cell in plan.cells if (name := (cell.variant, cell.workload)) in counts}
    plan = plan.model_copy(update={"cells": tuple(wanted)})
    return Planned(plan, wanted, {network.name: network for network in networks})


def check_trials(planned: Planned, tell: Callable[[Event], None]) -> Iterator[Trial]:
    """Lazy, as every run's: `tell` hears of a block before its trials."""
    for number in range(planned.plan.method.blocks):
        left = {cell: blocks - number for cell, blocks in planned.blocks.items() if number < blocks}
        trials = tuple(block_trials(planned.plan, number, left))
        tell(Block(number, tuple(left), trials, (), left, left))
        yield from trials


def chain_workload(nodes: int) -> Workload:
    """One step is one way through a chain of so many products."""
    return Workload(network=f"chain{nodes}")
