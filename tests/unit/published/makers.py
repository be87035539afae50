"""Which networks and records do the tests of published mistakes start from?"""

from __future__ import annotations

import random
from typing import Any

from orchestrator.nouns.record import Record
from orchestrator.nouns.variant import Variant
from orchestrator.nouns.workload import Network
from orchestrator.published.mistaken import count_parameters, derive_networks
from tests.makers import timed, variant, workload
from tests.unit.workloads.networks import read_network, thin

SMALL = {"vgg16": (16, 64), "mobilenet_v1": (8, 128)}
"""Share of the channels and size of the image; depth, operators, strides and pads are the real ones."""


def network(name: str) -> Network:
    """As it is measured."""
    return Network.model_validate(read_network(name))


def small(name: str, share: int | None = None) -> Network:
    """At a size at which a test can compute it; `share` of the channels in place of SMALL's."""
    factor, size = SMALL[name]
    made = Network.model_validate(thin(read_network(name), share or factor, size))
    return made.model_copy(update={"parameters": count_parameters(made.nodes)})


RIGHT = {name: network(name) for name in SMALL}
NETWORKS = RIGHT | derive_networks(RIGHT)


def saying(one: Record, **changed: Any) -> Record:
    """The record with something else in what the workload says of itself."""
    assert one.reported is not None
    return one.model_copy(update={"reported": one.reported.model_copy(update=changed)})


def cells(
    name: str,
    seconds: float,
    row: Variant | None = None,
    values: tuple[float, ...] = (0.5, -0.25),
    count: int = 6,
    **fields: Any,
) -> list[Record]:
    """Valid records of one network, that all ran in turn; `values` are those of its output."""
    chance = random.Random(name)
    made = []
    for block in range(count):
        noisy = seconds * (1 + 0.005 * chance.uniform(-1, 1))
        one = timed(row or variant(), block, noisy, workload=workload(network=name), **fields)
        made.append(saying(one, outputs={"output": values}))
    return made
