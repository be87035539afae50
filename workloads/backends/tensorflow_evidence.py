"""What did TensorFlow execute, and in whose kernels? Read from the graph that ran, and from its own headers."""

import os
import re
from collections import Counter

import tensorflow as tf

from workloads.backends import tensorflow_graph, xla_evidence

DNNL = "DNNL_VERSION_(?:MAJOR|MINOR|PATCH)"
HEADERS = (
    ("blas", "eigen", "Eigen/Version", "EIGEN_(?:MAJOR|MINOR|PATCH)_VERSION"),
    ("blas", "eigen", "Eigen/src/Core/util/Macros.h", "EIGEN_(?:WORLD|MAJOR|MINOR)_VERSION"),  # until 2024
    ("onednn", "onednn", "external/onednn/include/oneapi/dnnl/dnnl_version.h", "DNNL_VERSION_(?:MAJOR|MINOR|PATCH)"),
    (
        "onednn",
        "onednn",
        "external/mkl_dnn_v1/include/oneapi/dnnl/dnnl_version.h",
        "DNNL_VERSION_(?:MAJOR|MINOR|PATCH)",
    ),
)
"""Kind and name of a library, the wheel's header with its version, and the names of the `#define`s."""


def static_libraries():
    """Eigen and oneDNN as `Backend.static_libraries` returns them: those whose version is in the wheel's headers."""
    made = []
    for kind, name, path, pattern in HEADERS:
        try:
            with open(os.path.join(tf.sysconfig.get_include(), path), encoding="utf-8") as file:
                numbers = re.findall(r"#define {0} (\d+)".format(pattern), file.read())
        except OSError:
            continue
        if numbers:
            how = "compiled into libtensorflow_cc: the wheel carries {0}, and no file of that library".format(path)
            made.append({"kind": kind, "name": name, "version": ".".join(numbers), "how": how})
    return made


def version(name):
    """`3.7.3` of the library that is compiled in, or None."""
    return next((entry["version"] for entry in static_libraries() if entry["name"] == name), None)


def placement(tensors):
    """`cuda:0` of `/job:localhost/replica:0/task:0/device:GPU:0`, `cpu` of `...:CPU:0`, for all of them."""
    names = {tensor.device.rpartition("/device:")[2].lower() for tensor in tensors}
    return ", ".join(sorted("cpu" if name.startswith("cpu") else name.replace("gpu", "cuda") for name in names))


def graph_mode(graph, function, weights):
    """(mode, how) of a graph: whether XLA must compile it, and whether it reads the `weights` from variables."""
    ops = Counter(operation.type for operation in graph.get_operations())
    how = "a graph of {0} operators, {1} of them read variables".format(sum(ops.values()), ops["ReadVariableOp"])
    definition = getattr(function, "function_def", None)
    if definition is not None and definition.attr["_XlaMustCompile"].b:
        return "xla", how + ", _XlaMustCompile"
    return "frozen" if weights and not ops["ReadVariableOp"] else "default", how


def onednn_state(execution, function, tensors):
    """(state, reason) of `tf.function` `function` called with `tensors`, by the way in which the mode can show it."""
    try:
        if execution == "eager":
            return switch_state()
        if execution == "xla":
            return xla_state(function, tensors)
        return graph_state(function, tensors)
    except (ImportError, AttributeError, ValueError) as problem:
        return "unknown", "TensorFlow does not show what it ran: {0}".format(problem)


def graph_state(function, tensors):
    """oneDNN's kernels have names of their own (`_MklNativeFusedConv2D`) in the graph that the executor was given.

    TF_ENABLE_ONEDNN_OPTS alone proves nothing: Intel's 2.14 ignores it.
    """
    return tensorflow_graph.onednn_state(Counter(node.op for node in executed_nodes(function, tensors)))


def graph_precision(function, tensors):
    """`bfloat16` where that is the type T of every product and convolution in the graph that the executor was given."""
    products = [node for node in executed_nodes(function, tensors) if re.search("Conv2D|Conv2d|MatMul", node.op)]
    types = {tf.dtypes.as_dtype(node.attr["T"].type).name for node in products if node.attr["T"].type}
    return ", ".join(sorted(types)) or "unknown: no product found"


def executed_nodes(function, tensors):
    """The nodes of the graphs that the executor was given. `function` must not have been called before: TensorFlow
    decides when it instantiates one whether its graph will be kept."""
    from tensorflow.python.eager import context  # noqa: PLC0415  (no public name has it)

    eager = context.context()
    eager.enable_graph_collection()
    try:
        function(*tensors)
        graphs = eager.export_run_metadata().partition_graphs
    finally:
        eager.disable_graph_collection()
    return [node for graph in graphs for node in graph.node]


def switch_state():
    """The switch that TF_ENABLE_ONEDNN_OPTS was read into; eager mode has no graph to look at."""
    from tensorflow.python.util import _pywrap_util_port  # noqa: PLC0415  (no public name has it)

    state = "on" if _pywrap_util_port.IsMklEnabled() else "off"
    return state, "IsMklEnabled() of the running process; eager mode has no graph to look at"


def xla_state(function, tensors):
    """XLA compiles the convolutions itself, whatever the switch says, unless its HLO calls oneDNN."""
    return xla_evidence.onednn_state(optimised_hlo(function, tensors))


def xla_libraries(function, tensors):
    """What `static_libraries` returns, with XLA in the place of Eigen's operators."""
    others = [entry for entry in static_libraries() if entry["name"] != "eigen"]
    return [xla_evidence.library(optimised_hlo(function, tensors), tf.__version__)] + others


def optimised_hlo(function, tensors):
    """What XLA made of `tf.function` `function` for `tensors`, as text."""
    return function.experimental_get_compiler_ir(*tensors)(stage="optimized_hlo")
