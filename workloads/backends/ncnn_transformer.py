"""How does ncnn attend? In its SDPA, over heads as channels; a table of rows is its Embed."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import approximate, last_axis, new_shape, ranges, visible

RAW = np.zeros(1, np.uint32)
"""What stands before the main weight of a layer: 0 for float32 as it is."""

ORDERS = {
    (0, 1): 0,
    (1, 0): 1,
    (0, 1, 2): 0,
    (0, 2, 1): 1,
    (1, 0, 2): 2,
    (1, 2, 0): 3,
    (2, 0, 1): 4,
    (2, 1, 0): 5,
}
"""Permutation of rows and columns, or of channels, rows and columns -> ncnn's number of it."""


class Transformer(object):
    """Operators of the backend, each a function from Blobs to a Blob."""

    def Gather(self, node, weights):
        data = weights["data"]
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))

        def gather(rows):
            if len(rows.shape) != 2:
                raise Unsupported("{0}: ncnn's Embed takes one sequence of rows a sample".format(node.name))
            fields = [(0, data.shape[1]), (1, data.shape[0]), (2, 0), (3, data.size)]
            return self._write("Embed", node, [rows.name()], rows.shape + data.shape[1:], fields, [RAW, data])

        return gather

    def LayerNormalization(self, node, weights):
        last_axis(node)
        fields = [(0, weights["scale"].size), (1, float(node.attrs.get("epsilon", 1e-5)))]
        return self._single("LayerNorm", node, fields, [weights["scale"], weights["B"]])

    def Gelu(self, node, weights):
        return self._single("GELU", node, [(0, int(approximate(node) == "tanh"))])

    def Tanh(self, node, weights):
        return self._single("TanH", node)

    def Reshape(self, node, weights):
        def reshape(x):
            shape = new_shape(node, x.shape)
            if -1 in shape:
                known = -int(np.prod(shape))
                shape = tuple(int(np.prod(x.shape)) // known if length == -1 else length for length in shape)
            return self._reshaped(node, x, shape)

        return reshape

    def _reshaped(self, node, x, shape):
        lengths = self._own(node, shape) or (1,)
        numbers = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 11, 1, 0)}  # of the parameters, channels first
        if len(lengths) not in numbers:
            raise Unsupported("{0}: {1} axes a sample; ncnn has four".format(node.name, len(lengths)))
        return self._write("Reshape", node, [x.name()], shape, list(zip(numbers[len(lengths)], lengths)))  # noqa: B905

    def Transpose(self, node, weights):
        perm = node.attrs["perm"]

        def transpose(x):
            axes = tuple(axis - 1 for axis in perm[1:]) if x.shape[0] == self.batch else tuple(perm)  # of one sample
            if axes not in ORDERS or (x.shape[0] != self.batch and self.batch > 1):
                raise Unsupported("{0}: Transpose by {1} of {2}".format(node.name, perm, x.shape))
            shape = [x.shape[axis] for axis in perm]
            return self._write("Permute", node, [x.name()], tuple(shape), [(0, ORDERS[axes])])

        return transpose

    def Slice(self, node, weights):
        def cut(x):
            seen = [each.indices(length) for each, length in zip(ranges(node), x.shape)]  # noqa: B905  (3.10 has it)
            shape = tuple(stop - start for start, stop, _ in seen) + x.shape[len(seen) :]
            if shape[0] != x.shape[0] or x.shape[0] != self.batch:
                raise Unsupported("{0}: Slice of the batch".format(node.name))
            bounds = [[start for start, _, _ in seen[1:]], [stop for _, stop, _ in seen[1:]], range(len(seen) - 1)]
            fields = [(key, array(values)) for key, values in zip((-23309, -23310, -23311), bounds)]  # noqa: B905
            return self._write("Crop", node, [x.name()], shape, fields)

        return cut

    def Attention(self, node, weights):
        causal = node.attrs.get("is_causal", 0)
        fields = [(5, int(causal)), (6, float(node.attrs.get("scale", 0)))]  # 0 is the usual scale

        def attention(q, k, v):
            inputs = [q.name(), k.name(), v.name()]
            if causal:
                queries, keys = q.shape[2], k.shape[2]
                mask = np.where(visible(queries, keys), 0, -np.inf).astype(np.float32)
                inputs.append(self._part(node, "mask", "MemoryData", [], [(0, keys), (1, queries)], [mask]))
            return self._write("SDPA", node, inputs, q.shape[:-1] + v.shape[-1:], fields)

        return attention

    def _own(self, node, shape):
        """The shape of one sample of what has `shape` in ONNX."""
        if shape[0] % self.batch:
            raise Unsupported("{0}: {1} is no batch of {2}".format(node.name, shape, self.batch))
        return tuple(shape[1:]) if shape[0] == self.batch else (shape[0] // self.batch,) + tuple(shape[1:])


def array(values):
    """Several numbers, as ncnn's text has them: how many, and each."""
    return ",".join(str(each) for each in [len(values), *values])
