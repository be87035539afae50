"""Does a mode do nothing before the clock that belongs to its first step?"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tests.unit.workloads.networks import SEED, tiny_network
from workloads import modes, weights
from workloads.backends.base import Node


def test_the_first_prediction_of_a_loop_is_part_of_its_first_step() -> None:
    backend: Any = importlib.import_module("workloads.backends.numpy_blas").Backend(1, "default", "absent")
    backend.configure()
    steps, step = [], backend.step
    backend.step = lambda: steps.append(step())
    job = {"network": tiny_network(), "batch": 5, "seed": SEED, "region": "compute", "mode": "single"}
    mode = modes.make(job, backend)
    mode.build([Node(data) for data in tiny_network()["nodes"]], weights.make_weights(tiny_network(), SEED))
    mode.load()
    assert not steps
    outputs = mode.step()
    assert len(steps) == 5
    assert outputs["logits"].shape == (5, 10)
    assert not np.array_equal(outputs["logits"][0], outputs["logits"][4])
