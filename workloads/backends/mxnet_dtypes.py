"""How does MXNet compute in int8, and what shows that it did?"""

import json

import mxnet as mx
import numpy as np
from mxnet.contrib import quantization

from workloads.backends.base import Unsupported
from workloads.backends.mxnet_sequence import parameter

SUFFIX = {"B": "_weight", "C": "_bias"}
"""What the names of a linear layer's parameters must end with to be quantised before the first step."""


def check(execution, onednn, nodes):
    """Raise Unsupported for what this build, mode or network cannot have in int8."""
    if execution != "default":
        raise Unsupported("dtype 'int8' in mode {0!r}: what is quantised is the graph that is bound".format(execution))
    if onednn != "on":
        raise Unsupported("dtype 'int8': quantized_fully_connected is oneDNN's on a CPU")
    ops = {node.op for node in nodes}
    if "Conv" in ops:
        raise Unsupported("dtype 'int8': Conv: linear layers alone are quantised here")
    if "Gemm" not in ops:
        raise Unsupported("dtype 'int8': linear layers alone are quantised, and this network has none")


def quantisable(nodes):
    """Parameter of a linear layer -> what it has to be called."""
    names = [(parameter(node.name, key), end) for node in nodes if node.op == "Gemm" for key, end in SUFFIX.items()]
    return {name: name + end for name, end in names}


def quantised(symbol, arrays, names):
    """(symbol, NDArrays by name): FullyConnected in int8; the ranges of inputs and results are each step's own."""
    nodes = json.loads(symbol.tojson())["nodes"]
    others = [node["name"] for node in nodes if node["op"] not in ("null", "FullyConnected")]
    found, placed, _ = quantization.quantize_model(
        symbol,
        arrays,
        {},
        data_names=names,
        excluded_sym_names=others,
        ctx=mx.cpu(),
        calib_mode="none",
        quantized_dtype="auto",
    )
    return found, placed


def seen(executor, symbol):
    """The types of the weights of all linear layers in a bound graph: `int8`."""
    nodes = json.loads(symbol.tojson())["nodes"]
    layers = [node for node in nodes if "fully_connected" in node["op"] or node["op"] == "FullyConnected"]
    names = {nodes[node["inputs"][1][0]]["name"] for node in layers}
    return {np.dtype(executor.arg_dict[name].dtype).name for name in names}
