"""Does every operator of every backend compute what the reference, in float64, says?

Runs over the frameworks that this interpreter can import: in the project's environment numpy's backends, in a
framework's own environment that framework's too: `python -m pytest tests/unit/workloads/test_operators.py`.
"""

import importlib
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from workloads.backends.base import Node, Unsupported
from workloads.backends.reference import Oracle

TOLERANCE = 2e-5
"""Of the output's spread. One operator in float32: sums of a few hundred products, or a Winograd transform of 3 x 3."""

Shape = tuple[int, ...]
Arrays = dict[str, Any]

BACKENDS = {
    "reference": ("numpy", ["default"]),
    "numpy_blas": ("numpy", ["default"]),
    "pytorch": ("torch", ["default", "jit", "channels_last", "autograd"]),
    "caffe2": ("caffe2", ["default", "fused"]),
    "tensorflow": ("tensorflow", ["default", "frozen", "eager", "xla"]),
    "onnxruntime": ("onnxruntime", ["default", "extended", "basic", "unoptimised"]),
    "jax": ("jax", ["default"]),  # `eager` shows what it compiled in a process of its own only
    "openvino": ("openvino", ["default", "throughput"]),
    "keras": ("keras", ["default", "predict", "call"]),  # over what KERAS_BACKEND names
    "caffe": ("caffe", ["default"]),
    "paddle": ("paddle", ["default", "static", "eager"]),
    "nnabla": ("nnabla", ["default", "imperative"]),
    "tinygrad": ("tinygrad", ["default"]),
    "opencv": ("cv2", ["default", "caffe"]),
    "mnn": ("MNN", ["default"]),
    "litert": ("ai_edge_litert", ["default", "no-delegate"]),
    "ncnn": ("ncnn", ["default", "no-winograd"]),
}
"""Backend -> (the module that must be importable, the execution modes tried)."""

RESET_BEFORE = ("gru-before", *(f"gru-before-{what}" for what in ("lengths", "lengths-last", "one-bias", "state")))
"""Cases of a GRU whose reset gate multiplies the state before the product: cuDNN's form is the other one."""

WITHOUT = {
    "tinygrad": {"flatten", "flatten-one-pixel"},  # a view alone computes nothing that TinyJit could capture
    "caffe2": {"softmax-of-channels"},  # it takes all that follows an axis together
    "tensorflow": {"depthwise-uneven-strides"},  # depthwise_conv2d takes one stride for both axes
    "keras": {"depthwise-uneven-strides"},  # and so does DepthwiseConv2D
    "keras-predict": {"matmul"},  # predict() cuts all inputs along one axis
    "caffe": {  # pads both sides alike
        "conv-asymmetric-pads",
        "conv-groups-uneven",
        "depthwise-asymmetric",
        "max-pool-asymmetric",
        "average-pool-with-pads",
        "lrn-even-size",
        "matmul-of-heads",  # no layer multiplies two matrices that the net computes
        "lstm-lengths-last",
        *("reduce-sum", "reduce-mean", "reduce-mean-keeping"),  # of other tensors than a layer's sequence
    },
    "opencv": {"lrn-even-size"},
    "opencv-default": {  # of 4.x, which is the one that has both modes
        "average-pool-with-pads",
        *RESET_BEFORE,
        "gru-state",
        "lstm-hidden-alone",
    },
    "ncnn": {
        *RESET_BEFORE,
        "lrn-even-size",
        "lstm-hidden-alone",  # it takes no notice of one state without the other
        "reshape-to-heads",  # from rows of nothing that says how many samples they are
        "transpose-to-the-left",
    },
    "mnn": {
        "average-pool-with-pads",
        *RESET_BEFORE,
        "lrn-even-size",
    },
    "litert": {"clip", "lrn-even-size"},  # RELU6 and a radius
    "litert-default": {"gather", "lrn", "lrn-bias-and-size"},  # nothing that XNNPACK takes
    "paddle": {"layer-norm-large-epsilon"},  # 0.001 at most
    "opencv-caffe": {
        "average-pool-with-pads",
        "lrn-bias-and-size",
        "matmul",
        "matmul-of-heads",
        "conv-asymmetric-pads",
        "conv-groups-uneven",
        "depthwise-asymmetric",
        "max-pool-asymmetric",
    },
}
"""Cases that a backend, or one of its modes, answers with `unsupported`; that it does so is tested as well."""


def conv(weights: list[Shape], **attrs: Any) -> Node:
    return node("Conv", {"W": weights[0]} if len(weights) == 1 else {"W": weights[0], "B": weights[1]}, **attrs)


def node(op: str, weights: dict[str, Shape] | None = None, inputs: tuple[str, ...] = ("x",), **attrs: Any) -> Node:
    return Node({"name": "y", "op": op, "inputs": list(inputs), "weights": weights or {}, "attrs": attrs})


def heads(queries: int, keys: int) -> dict[str, Shape]:
    """What an Attention of three heads of eight reads."""
    return {"q": (2, 3, queries, 8), "k": (2, 3, keys, 8), "v": (2, 3, keys, 8)}


def recurrent(op: str, inputs: tuple[str, ...] = ("x",), *, biases: int = 2, **attrs: Any) -> Node:
    """Six units on five inputs; with states of six."""
    width = {"LSTM": 4, "GRU": 3}[op] * 6
    weights = {"W": (1, width, 5), "R": (1, width, 6), **({"B": (1, biases * width)} if biases else {})}
    return node(op, weights, inputs, hidden_size=6, layout=1, **attrs)


WORDS: dict[str, Shape] = {"x": (3, 7, 5)}
SENTENCES: dict[str, Shape] = {**WORDS, "lengths": (3,)}
STATE: dict[str, Shape] = {**WORDS, "h": (3, 6)}
CELL: dict[str, Shape] = {**STATE, "c": (3, 6)}
AFTER: dict[str, Any] = {"linear_before_reset": 1}
BEFORE: dict[str, Any] = {"linear_before_reset": 0}
IMAGE: dict[str, Shape] = {"x": (2, 8, 9, 11)}
NORM: dict[str, Shape] = {"scale": (8,), "B": (8,), "mean": (8,), "var": (8,)}
LAYER: dict[str, Shape] = {"scale": (12,), "B": (12,)}
K3: dict[str, Any] = {"kernel_shape": [3, 3]}
K2: dict[str, Any] = {"kernel_shape": [2, 2]}

CASES: dict[str, tuple[Node, dict[str, Shape]]] = {
    "conv-3x3": (conv([(6, 8, 3, 3), (6,)], **K3, strides=[1, 1], pads=[1, 1, 1, 1], group=1), IMAGE),
    "conv-no-bias": (conv([(6, 8, 3, 3)], **K3, strides=[1, 1], pads=[1, 1, 1, 1]), IMAGE),
    "conv-no-pads": (conv([(6, 8, 3, 3), (6,)], **K3), IMAGE),
    "conv-1x1": (conv([(5, 8, 1, 1), (5,)], kernel_shape=[1, 1], strides=[1, 1], pads=[0, 0, 0, 0]), IMAGE),
    "conv-stride-2": (conv([(6, 8, 3, 3), (6,)], **K3, strides=[2, 2], pads=[1, 1, 1, 1]), IMAGE),
    "conv-asymmetric-pads": (conv([(6, 8, 3, 3), (6,)], **K3, strides=[2, 2], pads=[0, 1, 2, 0]), IMAGE),
    "conv-uneven-strides": (conv([(6, 8, 3, 3)], **K3, strides=[1, 2], pads=[1, 1, 1, 1]), IMAGE),
    "conv-uneven-kernel": (conv([(6, 8, 1, 5)], kernel_shape=[1, 5], strides=[1, 1], pads=[0, 2, 0, 2]), IMAGE),
    "conv-groups": (conv([(6, 4, 3, 3), (6,)], **K3, pads=[1, 1, 1, 1], group=2), IMAGE),
    "conv-groups-uneven": (conv([(6, 4, 3, 3)], **K3, strides=[2, 2], pads=[0, 0, 1, 1], group=2), IMAGE),
    "depthwise": (conv([(8, 1, 3, 3), (8,)], **K3, pads=[1, 1, 1, 1], group=8), IMAGE),
    "depthwise-stride-2": (conv([(8, 1, 3, 3)], **K3, strides=[2, 2], pads=[1, 1, 1, 1], group=8), IMAGE),
    "depthwise-asymmetric": (conv([(8, 1, 3, 3)], **K3, strides=[2, 2], pads=[0, 0, 1, 1], group=8), IMAGE),
    "depthwise-uneven-strides": (conv([(8, 1, 3, 3)], **K3, strides=[1, 2], pads=[1, 1, 1, 1], group=8), IMAGE),
    "batch-norm": (node("BatchNormalization", NORM, epsilon=0.001), IMAGE),
    "batch-norm-large-epsilon": (node("BatchNormalization", NORM, epsilon=0.5), IMAGE),
    "relu": (node("Relu"), IMAGE),
    "max-pool": (node("MaxPool", **K2, strides=[2, 2], pads=[0, 0, 0, 0]), IMAGE),
    "max-pool-overlapping": (node("MaxPool", **K3, strides=[2, 2], pads=[1, 1, 1, 1]), IMAGE),
    "max-pool-asymmetric": (node("MaxPool", **K3, strides=[2, 1], pads=[0, 1, 2, 0]), IMAGE),
    "average-pool": (node("AveragePool", **K2, strides=[2, 2], pads=[0, 0, 0, 0]), IMAGE),
    "average-pool-with-pads": (
        node("AveragePool", **K3, strides=[2, 2], pads=[1, 0, 1, 2], count_include_pad=1),
        IMAGE,
    ),
    "global-average-pool": (node("GlobalAveragePool"), IMAGE),
    "flatten": (node("Flatten", axis=1), IMAGE),
    "flatten-one-pixel": (node("Flatten", axis=1), {"x": (3, 7, 1, 1)}),
    "gemm": (node("Gemm", {"B": (5, 30), "C": (5,)}, transB=1), {"x": (4, 30)}),
    "gemm-no-bias": (node("Gemm", {"B": (5, 30)}, transB=1), {"x": (4, 30)}),
    "gemm-not-transposed": (node("Gemm", {"B": (30, 5), "C": (5,)}), {"x": (4, 30)}),
    "gather": (node("Gather", {"data": (50, 12)}, inputs=("tokens",)), {"tokens": (3, 7)}),
    "softmax": (node("Softmax", axis=1), {"x": (4, 30)}),
    "softmax-of-channels": (node("Softmax", axis=1), IMAGE),
    "matmul": (node("MatMul", inputs=("a", "b")), {"a": (7, 30), "b": (30, 5)}),
    "add": (node("Add", inputs=("a", "b")), {"a": (4, 30), "b": (4, 30)}),
    "add-images": (node("Add", inputs=("a", "b")), {"a": (2, 8, 9, 11), "b": (2, 8, 9, 11)}),
    "mul": (node("Mul", inputs=("a", "b")), {"a": (2, 8, 9, 11), "b": (2, 8, 9, 11)}),
    "mul-by-channel": (node("Mul", inputs=("a", "b")), {"a": (2, 8, 9, 11), "b": (2, 8, 1, 1)}),
    "concat": (node("Concat", inputs=("a", "b", "c"), axis=1), {"a": IMAGE["x"], "b": (2, 3, 9, 11), "c": IMAGE["x"]}),
    "concat-of-rows": (node("Concat", inputs=("a", "b"), axis=1), {"a": (4, 30), "b": (4, 5)}),
    "lstm": (recurrent("LSTM", output="Y"), WORDS),
    "lstm-last": (recurrent("LSTM", output="Y_h"), WORDS),
    "lstm-one-bias": (recurrent("LSTM", biases=1, output="Y"), WORDS),
    "lstm-no-bias": (recurrent("LSTM", biases=0, output="Y_h"), WORDS),
    "lstm-lengths": (recurrent("LSTM", ("x", "lengths"), output="Y"), SENTENCES),
    "lstm-lengths-last": (recurrent("LSTM", ("x", "lengths"), output="Y_h"), SENTENCES),
    "lstm-hidden-alone": (recurrent("LSTM", ("x", "", "h"), output="Y"), STATE),
    "lstm-state": (recurrent("LSTM", ("x", "", "h", "c"), output="Y"), CELL),
    "lstm-state-last": (recurrent("LSTM", ("x", "", "h", "c"), output="Y_h"), CELL),
    "gru": (recurrent("GRU", output="Y", **AFTER), WORDS),
    "gru-last": (recurrent("GRU", output="Y_h", **AFTER), WORDS),
    "gru-one-bias": (recurrent("GRU", biases=1, output="Y", **AFTER), WORDS),
    "gru-lengths": (recurrent("GRU", ("x", "lengths"), output="Y", **AFTER), SENTENCES),
    "gru-lengths-last": (recurrent("GRU", ("x", "lengths"), output="Y_h", **AFTER), SENTENCES),
    "gru-state": (recurrent("GRU", ("x", "", "h"), output="Y", **AFTER), STATE),
    "gru-before": (recurrent("GRU", output="Y", **BEFORE), WORDS),
    "gru-before-one-bias": (recurrent("GRU", biases=1, output="Y_h", **BEFORE), WORDS),
    "gru-before-lengths": (recurrent("GRU", ("x", "lengths"), output="Y", **BEFORE), SENTENCES),
    "gru-before-lengths-last": (recurrent("GRU", ("x", "lengths"), output="Y_h", **BEFORE), SENTENCES),
    "gru-before-state": (recurrent("GRU", ("x", "", "h"), output="Y_h", **BEFORE), STATE),
    "reduce-sum": (node("ReduceSum", axes=[1], keepdims=0), WORDS),
    "reduce-mean": (node("ReduceMean", axes=[1], keepdims=0), WORDS),
    "reduce-mean-keeping": (node("ReduceMean", axes=[2], keepdims=1), WORDS),
    "div-by-sample": (node("Div", inputs=("a", "b")), {"a": (3, 6), "b": (3, 1)}),
    "relu6": (node("Clip", min=0, max=6), IMAGE),
    "clip": (node("Clip", min=-0.5, max=0.75), IMAGE),
    "sigmoid": (node("Sigmoid"), IMAGE),
    "lrn": (node("LRN", size=5, alpha=0.1, beta=0.75, bias=1.0), IMAGE),
    "lrn-bias-and-size": (node("LRN", size=3, alpha=0.5, beta=0.5, bias=2.0), IMAGE),
    "lrn-even-size": (node("LRN", size=4, alpha=0.5, beta=0.5, bias=2.0), IMAGE),
    "layer-norm": (node("LayerNormalization", LAYER, axis=-1, epsilon=1e-12), {"x": (6, 12)}),
    "layer-norm-large-epsilon": (node("LayerNormalization", LAYER, axis=-1, epsilon=0.5), {"x": (2, 5, 12)}),
    "gelu": (node("Gelu"), {"x": (40, 300)}),
    "gelu-by-tanh": (node("Gelu", approximate="tanh"), {"x": (40, 300)}),
    "tanh": (node("Tanh"), {"x": (4, 30)}),
    "reshape-to-heads": (node("Reshape", shape=[-1, 5, 3, 4]), {"x": (10, 12)}),
    "reshape-keeps-the-first": (node("Reshape", shape=[0, -1]), {"x": (2, 5, 12)}),
    "transpose": (node("Transpose", perm=[0, 2, 1, 3]), {"x": (2, 5, 3, 4)}),
    "transpose-to-the-left": (node("Transpose", perm=[1, 2, 0]), {"x": (2, 5, 3)}),
    "slice": (node("Slice", axes=[1], starts=[0], ends=[1]), {"x": (2, 5, 12)}),
    "slice-from-the-end": (node("Slice", axes=[2, 1], starts=[-7, 1], ends=[2**31 - 1, -1]), {"x": (2, 5, 12)}),
    "attention": (node("Attention", inputs=("q", "k", "v")), heads(5, 7)),
    "attention-scale": (node("Attention", inputs=("q", "k", "v"), scale=0.7), heads(5, 5)),
    "attention-of-one": (node("Attention", inputs=("q", "k", "v"), is_causal=0), heads(1, 7)),
    "attention-causal": (node("Attention", inputs=("q", "k", "v"), is_causal=1), heads(6, 6)),
    "attention-causal-more-keys": (node("Attention", inputs=("q", "k", "v"), is_causal=1), heads(4, 7)),
    "matmul-of-heads": (node("MatMul", inputs=("a", "b")), {"a": (2, 3, 5, 4), "b": (2, 3, 4, 6)}),
    "concat-in-time": (node("Concat", inputs=("a", "b"), axis=2), {"a": (2, 3, 5, 4), "b": (2, 3, 1, 4)}),
    "softmax-of-keys": (node("Softmax", axis=-1), {"x": (2, 3, 5, 7)}),
    "add-sequences": (node("Add", inputs=("a", "b")), {"a": (2, 5, 12), "b": (2, 5, 12)}),
}
CASES = {
    name: case for name, case in CASES.items() if hasattr(Oracle, case[0].op)
}  # what has no definition has no test


PRESENT = [(name, mode) for name, (module, modes) in BACKENDS.items() if find_spec(module) for mode in modes]
"""The others are met in their images: tests/engine/test_main_job.py runs a network of every operator in each."""


@pytest.fixture(params=PRESENT, ids="-".join)
def backend(request: pytest.FixtureRequest) -> Any:
    name, mode = request.param
    made = importlib.import_module("workloads.backends." + name).Backend(1, mode, "absent")
    made.configure()
    made.key = name
    return made


def without(backend: Any) -> set[str]:
    return WITHOUT.get(backend.key, set()) | WITHOUT.get(f"{backend.key}-{backend.execution}", set())


def writer(backend: Any) -> Any:
    """What has a method per operator: the backend, but for OpenCV's, which are those of what writes its network."""
    readers = getattr(sys.modules[type(backend).__module__], "READERS", None)
    return readers[backend.execution] if readers else backend


ROWS = 50
"""Of the table that an integer input picks from."""


def seeded(shapes: dict[str, Shape]) -> Arrays:
    """Name -> float32 array; a variance must be positive, `tokens` are int64 below ROWS, `lengths` such of WORDS."""
    random = np.random.RandomState(7)
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    if "tokens" in shapes:
        arrays["tokens"] = random.randint(0, ROWS, shapes["tokens"]).astype(np.int64)
    if "lengths" in shapes:
        arrays["lengths"] = np.array([4, 7, 1], np.int64)
    return {name: np.abs(array) + np.float32(0.5) if name == "var" else array for name, array in arrays.items()}


def computed(
    backend: Any, nodes: list[Node], weights: dict[str, Arrays], arrays: Arrays, outputs: tuple[str, ...] = ("y",)
) -> Arrays:
    backend.build(nodes, weights, {name: array.shape for name, array in arrays.items()}, list(outputs))
    backend.load(arrays)
    backend.step()
    return {name: np.array(array) for name, array in backend.fetch().items()}


def distance(found: Any, expected: Any) -> float:
    """Largest difference, as a share of the expected values' spread."""
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    return float(np.abs(found - expected).max() / expected.std())


@pytest.mark.parametrize("case", CASES)
def test_an_operator_computes_what_the_reference_says(backend: Any, case: str) -> None:
    made, inputs = CASES[case]
    weights, arrays = {"y": seeded(made.shapes)}, seeded(inputs)
    if case in without(backend) or not hasattr(writer(backend), made.op):
        with pytest.raises(Unsupported):
            computed(backend, [made], weights, arrays)
        return
    expected = computed(Oracle(1, "default", "absent"), [made], weights, arrays)["y"]
    assert distance(computed(backend, [made], weights, arrays)["y"], expected) < TOLERANCE


@pytest.mark.parametrize("case", [name for name in CASES if "asymmetric" in name or name.startswith("average-pool-w")])
def test_asymmetric_pads_are_told_from_the_same_pads_turned_round(case: str) -> None:
    made, inputs = CASES[case]
    top, left, bottom, right = made.attrs["pads"]
    turned = node(made.op, made.shapes, **dict(made.attrs, pads=[bottom, right, top, left]))
    weights, arrays = {"y": seeded(made.shapes)}, seeded(inputs)
    outputs = [computed(Oracle(1, "default", "absent"), [one], weights, arrays)["y"] for one in (made, turned)]
    assert distance(*outputs) > 1000 * TOLERANCE


CHAIN = [
    Node({"name": "conv", "op": "Conv", "inputs": ["image"], "weights": {"W": [4, 3, 3, 3]}, "attrs": {
        "kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 0]}}),
    Node({"name": "norm", "op": "BatchNormalization", "inputs": ["conv"], "weights": {
        "scale": [4], "B": [4], "mean": [4], "var": [4]}, "attrs": {"epsilon": 0.001}}),
    Node({"name": "relu", "op": "Relu", "inputs": ["norm"]}),
    Node({"name": "pool", "op": "MaxPool", "inputs": ["relu"], "attrs": {"kernel_shape": [2, 2], "strides": [2, 2]}}),
    Node({"name": "flat", "op": "Flatten", "inputs": ["pool"], "attrs": {"axis": 1}}),
    Node({"name": "logits", "op": "Gemm", "inputs": ["flat"], "weights": {"B": [5, 36], "C": [5]},
          "attrs": {"transB": 1}}),
    Node({"name": "prob", "op": "Softmax", "inputs": ["logits"], "attrs": {"axis": 1}}),
]  # fmt: skip


def test_a_network_keeps_the_order_of_elements_from_the_image_to_the_last_layer(backend: Any) -> None:
    if "conv-asymmetric-pads" in without(backend):
        pytest.skip("the chain begins with pads that this mode has not")
    weights = {one.name: seeded(one.shapes) for one in CHAIN}
    arrays = seeded({"image": (2, 3, 12, 12)})
    outputs = ("conv", "pool", "logits", "prob")
    expected = computed(Oracle(1, "default", "absent"), CHAIN, weights, arrays, outputs)
    found = computed(backend, CHAIN, weights, arrays, outputs)
    assert set(found) == set(outputs)
    assert {name: distance(found[name], expected[name]) for name in outputs} == pytest.approx(
        dict.fromkeys(outputs, 0.0), abs=TOLERANCE
    )


def test_a_new_input_gives_a_new_output_without_building_again(backend: Any) -> None:
    made, inputs = CASES["conv-3x3"]
    weights, arrays = {"y": seeded(made.shapes)}, seeded(inputs)
    first = computed(backend, [made], weights, arrays)["y"]
    backend.load({"x": arrays["x"][::-1]})
    backend.step()
    assert distance(backend.fetch()["y"][::-1], first) < TOLERANCE


def test_what_a_backend_says_of_itself_has_the_shape_of_evidence(backend: Any) -> None:
    made, inputs = CASES["conv-3x3"]
    computed(backend, [made], {"y": seeded(made.shapes)}, seeded(inputs))
    assert backend.version()[0].isdigit()
    assert isinstance(backend.build_string(), str)
    assert backend.precision() == "float32"
    assert all(isinstance(count, int) and count > 0 for count in backend.pools().values())
    state, version, reason = backend.onednn_state()
    assert state in {"on", "off", "absent", "unknown"}
    assert version is None or version[0].isdigit()
    assert reason
    assert all(entry["how"] for entry in backend.static_libraries())
    execution = backend.execution_state()
    assert execution is None or (execution[0] == backend.execution and execution[1])


def test_integers_that_pick_rows_are_no_type_that_is_computed_in(backend: Any) -> None:
    if not all(hasattr(writer(backend), op) for op in ("Gather", "Flatten", "Gemm")):
        pytest.skip("the backend has no rows to pick")
    rows, inputs = CASES["gather"]
    nodes = [
        Node({"name": "rows", "op": "Gather", "inputs": rows.inputs, "weights": rows.shapes, "attrs": rows.attrs}),
        Node({"name": "flat", "op": "Flatten", "inputs": ["rows"], "attrs": {"axis": 1}}),
        Node({"name": "y", "op": "Gemm", "inputs": ["flat"], "weights": {"B": [5, 84], "C": [5]},
              "attrs": {"transB": 1}}),
    ]  # fmt: skip
    weights, arrays = {each.name: seeded(each.shapes) for each in nodes if each.shapes}, seeded(inputs)
    expected = computed(Oracle(1, "default", "absent"), nodes, weights, arrays)["y"]
    assert distance(computed(backend, nodes, weights, arrays)["y"], expected) < TOLERANCE
    assert backend.precision() == "float32"
