"""How is a network written as an ONNX model, in memory?"""

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from workloads.backends import base
from workloads.onnx_transformer import SINCE, Transformer

OPSET = 13
"""What every network is written in but those with an operator that came later, where the reader has it."""
IR_VERSION = 8

WEIGHTS = {
    "Conv": ("W", "B"),
    "BatchNormalization": ("scale", "B", "mean", "var"),
    "Gemm": ("B", "C"),
    "LayerNormalization": ("scale", "B"),
}
"""ONNX's order of an operator's weights among its inputs."""


def outside(name, array, location="session"):
    """An initialiser whose data the reader gets on another way; the location is only a word that must be there."""
    kind = onnx.TensorProto.INT8 if array.dtype == np.int8 else onnx.TensorProto.FLOAT
    tensor = onnx.TensorProto(name=name, data_type=kind, dims=array.shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


class Writer(Transformer, base.Backend):
    """A backend that reads ONNX: every method only writes a node; operators, attributes and layout are ONNX's own."""

    newest = OPSET
    """The newest opset that the reader has."""

    def graph(self, nodes, weights, inputs, outputs):
        """The network as a ModelProto without its weights' data: that is in `self.values`, initialiser -> array."""
        self.nodes = []
        self.values = {}
        self.small = {}  # initialiser -> array that stays inside: shapes, and numbers of what is written out
        wanted = [OPSET] + [SINCE.get(node.op, OPSET) for node in nodes]
        self.opset = max(each for each in wanted if each <= self.newest)
        integers = base.integer_inputs(nodes)
        types = {name: onnx.TensorProto.INT64 if name in integers else onnx.TensorProto.FLOAT for name in inputs}
        self.given = [helper.make_tensor_value_info(name, types[name], shape) for name, shape in inputs.items()]
        self.walk(self.operators(nodes, weights), {name: name for name in inputs}, outputs)
        return self._model(outputs)

    def _model(self, outputs):
        """What has been written so far."""
        graph = helper.make_graph(
            self.nodes,
            "network",
            self.given,
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
            [outside(name, array) for name, array in self.values.items()]
            + [numpy_helper.from_array(array, name) for name, array in self.small.items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        version = IR_VERSION if self.opset <= 18 else helper.find_min_ir_version_for(opsets)
        return helper.make_model(graph, opset_imports=opsets, ir_version=version)

    def model(self, nodes, weights, inputs, outputs):
        """The same with the data inside and with the shapes of the outputs: bytes that any reader of ONNX takes."""
        model = shape_inference.infer_shapes(self.graph(nodes, weights, inputs, outputs), strict_mode=True)
        del model.graph.initializer[:]
        for held in (self.values, self.small):
            model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in held.items())
        return model.SerializeToString()

    def _same(self, node, weights):
        """A function from names of tensors to the name of a tensor, that writes the node into the graph."""
        names = []
        for key in WEIGHTS.get(node.op, ()):
            if key in weights:
                names.append("{0}.{1}".format(node.name, key))
                self.values[names[-1]] = weights[key]

        def write(*tensors):
            made = helper.make_node(node.op, list(tensors) + names, [node.name], name=node.name, **node.attrs)
            self.nodes.append(made)
            return node.name

        return write

    Conv = BatchNormalization = Relu = MaxPool = AveragePool = GlobalAveragePool = LRN = _same
    Flatten = Gemm = MatMul = Add = Mul = Div = Cast = Concat = Sigmoid = Softmax = Tanh = Transpose = _same

    def Clip(self, node, weights):  # noqa: ARG002, N802
        """The bounds are inputs since opset 11."""
        bounds = []
        for key in ("min", "max"):
            bounds.append("{0}.{1}".format(node.name, key))
            self.values[bounds[-1]] = np.array(node.attrs[key], np.float32)

        def write(x):
            self.nodes.append(helper.make_node("Clip", [x] + bounds, [node.name], name=node.name))
            return node.name

        return write
