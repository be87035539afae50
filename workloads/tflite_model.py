"""How is a TensorFlow Lite model put together, in memory, of tensors and operators?"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

VERSION = 3
"""Of TensorFlow Lite's schema."""

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "bool": schema.TensorType.BOOL,
}
"""numpy's name of a type -> TensorFlow Lite's number."""


class Tensor(object):
    """Index, shape and type of a tensor of a graph."""

    def __init__(self, index, shape, dtype):
        self.index = index
        self.shape = tuple(int(length) for length in shape)
        self.dtype = dtype


LEFT_OUT = Tensor(-1, (), np.float32)
"""An input that an operator can do without."""


class Model(object):
    """What is written so far, and what writes more of it: each takes the name of the tensor that it makes."""

    def _model(self, write):
        """The bytes of the model whose first graph `write` writes."""
        self.codes, self.size, self.graphs = [], 1 << 20, []
        self.buffers = [schema.BufferT()]  # the first one is empty by convention
        self.tensors, self.written = [], []
        self._graph("network", write)
        model = schema.ModelT()
        model.version, model.description = VERSION, "network"
        model.subgraphs, model.buffers = self.graphs, self.buffers
        model.operatorCodes = [operator_code(number) for number in self.codes]
        builder = flatbuffers.Builder(self.size)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _graph(self, name, write):
        """The number of a graph of the model; `write` writes its operators and returns its inputs and its outputs."""
        graph, outer = schema.SubGraphT(), (self.tensors, self.written)
        self.graphs.append(graph)
        number = len(self.graphs) - 1  # the first one is the network, whatever is written inside it
        self.tensors, self.written = [], []
        inputs, outputs = write()
        graph.tensors, graph.operators, graph.name = self.tensors, self.written, name
        graph.inputs, graph.outputs = [each.index for each in inputs], [each.index for each in outputs]
        self.tensors, self.written = outer
        return number

    def _tensor(self, name, shape, dtype=np.float32, array=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, [int(length) for length in shape], 0
        tensor.type = TYPES[np.dtype(dtype).name]
        if array is not None:
            array = np.ascontiguousarray(array, dtype).reshape(shape)
            buffer = schema.BufferT()
            buffer.data = array.reshape(-1).view(np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
            self.size += array.nbytes + 1024
        self.tensors.append(tensor)
        return Tensor(len(self.tensors) - 1, shape, dtype)

    def _constant(self, name, array):
        return self._tensor(name, array.shape, array.dtype, array)

    def _write(self, name, kind, inputs, shape, options=None, dtype=np.float32):  # noqa: PLR0917  (a row of a table)
        """Add the operator `kind` (BuiltinOperator's name) and its output."""
        return self._add(kind, inputs, [self._tensor(name, shape, dtype)], options)[0]

    def _add(self, kind, inputs, outputs, options=None):
        number = getattr(schema.BuiltinOperator, kind)
        if number not in self.codes:
            self.codes.append(number)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(number)
        operator.inputs, operator.outputs = [each.index for each in inputs], [each.index for each in outputs]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.written.append(operator)
        return outputs

    def _binary(self, name, kind, a, b):  # noqa: PLR0917  (a row of a table)
        """ADD, SUB, MUL or DIV."""
        options = getattr(schema, kind.capitalize() + "OptionsT")()
        return self._write(name, kind, [a, b], np.broadcast_shapes(a.shape, b.shape), options, a.dtype)

    def _reshaped(self, name, x, shape):
        """x with another shape; one of its lengths may be -1."""
        known = int(np.prod([length for length in shape if length != -1]))
        options = schema.ReshapeOptionsT()
        options.newShape = [int(np.prod(x.shape)) // known if length == -1 else int(length) for length in shape]
        inputs = [x, self._constant(name + ".shape", np.array(options.newShape, np.int32))]
        return self._write(name, "RESHAPE", inputs, options.newShape, options, x.dtype)

    def _turned(self, name, x, order):
        """x with its axes in another order."""
        inputs = [x, self._constant(name + ".order", np.array(order, np.int32))]
        return self._write(name, "TRANSPOSE", inputs, [x.shape[axis] for axis in order], schema.TransposeOptionsT())

    def _linear(self, name, x, w, bias=LEFT_OUT):  # noqa: PLR0917  (a row of a table)
        """x [..., I] and w [O, I] to [..., O]."""
        options = schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        return self._write(name, "FULLY_CONNECTED", [x, w, bias], x.shape[:-1] + w.shape[:1], options)


def operator_code(number):
    """The kind of an operator, as old readers and new ones look for it."""
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    return code
