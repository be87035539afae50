"""Does batch normalisation in training mode, and a division by a constant, compute what ONNX says?

Over the backends whose framework this interpreter can import, as in test_operators.py.
"""

import importlib
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from workloads.backends import base
from workloads.backends.base import Node, Unsupported

MODULES = {"reference": "numpy", "numpy_blas": "numpy", "pytorch": "torch"}
PRESENT = [name for name, module in MODULES.items() if find_spec(module)]
NORM = {"scale": (8,), "B": (8,), "mean": (8,), "var": (8,)}


def node(op: str, inputs: tuple[str, ...] = ("x",), name: str = "y", shapes: Any = None, **attrs: Any) -> Node:
    return Node({"name": name, "op": op, "inputs": list(inputs), "weights": shapes or {}, "attrs": attrs})


def norm(**attrs: Any) -> Node:
    return node("BatchNormalization", shapes=NORM, epsilon=0.5, **attrs)


def weights() -> dict[str, Any]:
    random = np.random.RandomState(3)
    return {name: np.abs(random.standard_normal(shape)).astype(np.float32) for name, shape in NORM.items()}


def image() -> Any:
    return (2 * np.random.RandomState(4).standard_normal((2, 8, 5, 7)) + 1).astype(np.float32)


def computed(name: str, nodes: list[Node], made: dict[str, Any], x: Any, steps: int = 1) -> Any:
    backend = importlib.import_module("workloads.backends." + name).Backend(1, "default", "absent")
    backend.configure()
    backend.build(nodes, made, {"x": x.shape}, ["y"])
    backend.load({"x": x})
    for _ in range(steps):
        backend.step()
    return np.array(backend.fetch()["y"])


def definition(x: Any, made: dict[str, Any], epsilon: float) -> Any:
    """ONNX's BatchNormalization-15 with training_mode=1, one channel at a time, in float64."""
    y = np.empty(x.shape, np.float64)
    for channel in range(x.shape[1]):
        values = [float(value) for value in x[:, channel].ravel()]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        scaled = (x[:, channel].astype(np.float64) - mean) / (variance + epsilon) ** 0.5
        y[:, channel] = scaled * float(made["scale"][channel]) + float(made["B"][channel])
    return y


@pytest.mark.parametrize("name", PRESENT)
def test_training_mode_takes_mean_and_population_variance_of_its_own_input(name: str) -> None:
    x, made = image(), weights()
    found = computed(name, [norm(training_mode=1)], {"y": made}, x)
    assert found == pytest.approx(definition(x, made, 0.5), abs=1e-5)
    other = computed(name, [norm()], {"y": made}, x)
    assert np.abs(found - other).max() > 0.1, "which the statistics of the weights do not give"


@pytest.mark.parametrize("name", PRESENT)
def test_a_second_step_in_training_mode_gives_the_same_and_changes_no_weight(name: str) -> None:
    x, made = image(), weights()
    before = {key: array.copy() for key, array in made.items()}
    once = computed(name, [norm(training_mode=1)], {"y": made}, x)
    assert np.array_equal(computed(name, [norm(training_mode=1)], {"y": made}, x, steps=3), once)
    assert all(np.array_equal(made[key], before[key]) for key in made)


@pytest.mark.parametrize("name", PRESENT)
def test_a_training_mode_of_0_is_inference(name: str) -> None:
    x, made = image(), {"y": weights()}
    assert np.array_equal(computed(name, [norm(training_mode=0)], made, x), computed(name, [norm()], made, x))


@pytest.mark.parametrize("name", PRESENT)
def test_an_input_divided_by_a_constant_leaves_the_input_alone(name: str) -> None:
    x = image()
    kept = x.copy()
    nodes = [node("Constant", (), "by", value_float=255.0), node("Div", ("x", "by"))]
    assert computed(name, nodes, {}, x, steps=3) == pytest.approx(kept / np.float32(255), rel=1e-6)
    assert np.array_equal(x, kept)


def test_a_backend_that_does_not_say_that_it_has_training_mode_refuses_it() -> None:
    class Inference(base.Backend):  # type: ignore[misc]
        name = "inference"

        def BatchNormalization(self, _node: Node, _weights: Any) -> Any:  # noqa: N802  (ONNX's name)
            return lambda x: x

    backend = Inference(1, "default", "absent")
    with pytest.raises(Unsupported, match="y: training_mode: inference has the inference form only"):
        backend.operators([norm(training_mode=1)], {})
    assert len(backend.operators([norm(), norm(training_mode=0)], {})) == 2
