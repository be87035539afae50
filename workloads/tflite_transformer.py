"""How are a transformer's operators written as a TensorFlow Lite model? As TensorFlow's converter has them."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import approximate, last_axis, new_shape, ranges, scale_of, visible


class Transformer(object):
    """Operators of the Writer, each a function from tensors to a tensor."""

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = self._constant(node.name + ".data", weights["data"])
        return lambda rows: self._write(
            node.name, "GATHER", [data, rows], rows.shape + data.shape[1:], schema.GatherOptionsT()
        )

    def LayerNormalization(self, node, weights):
        """TensorFlow Lite has no such operator: means, and what is done to every number."""
        last_axis(node)
        axis = self._constant(node.name + ".axis", np.array([-1], np.int32))
        epsilon = self._number(node.name + ".epsilon", node.attrs.get("epsilon", 1e-5))
        scale, shift = [self._constant("{0}.{1}".format(node.name, key), weights[key]) for key in ("scale", "B")]
        options = schema.ReducerOptionsT()
        options.keepDims = True

        def layer_normalization(x):
            name, row = node.name, x.shape[:-1] + (1,)
            centred = self._binary(
                name + "_centred", "SUB", x, self._write(name + "_mean", "MEAN", [x, axis], row, options)
            )
            squares = self._write(name + "_squares", "SQUARE", [centred], x.shape, schema.SquareOptionsT())
            var = self._write(name + "_var", "MEAN", [squares, axis], row, options)
            root = self._write(name + "_root", "RSQRT", [self._binary(name + "_above", "ADD", var, epsilon)], row)
            normal = self._binary(name + "_normal", "MUL", centred, root)
            return self._binary(name, "ADD", self._binary(name + "_scaled", "MUL", normal, scale), shift)

        return layer_normalization

    def Gelu(self, node, weights):
        options = schema.GeluOptionsT()
        options.approximate = approximate(node) == "tanh"
        return lambda x: self._write(node.name, "GELU", [x], x.shape, options)

    def Tanh(self, node, weights):
        return lambda x: self._write(node.name, "TANH", [x], x.shape)

    def Reshape(self, node, weights):
        return lambda x: self._reshaped(node.name, x, new_shape(node, x.shape))

    def Transpose(self, node, weights):
        return lambda x: self._turned(node.name, x, node.attrs["perm"])

    def Slice(self, node, weights):
        def cut(x):
            seen = [each.indices(length) for each, length in zip(ranges(node), x.shape)]  # noqa: B905  (3.10 has it)
            begin = [start for start, _, _ in seen] + [0] * (len(x.shape) - len(seen))
            shape = [stop - start for start, stop, _ in seen] + list(x.shape[len(seen) :])
            inputs = [x] + [
                self._constant(node.name + what, np.array(each, np.int32))
                for what, each in ((".begin", begin), (".size", shape))
            ]
            return self._write(node.name, "SLICE", inputs, shape, schema.SliceOptionsT())

        return cut

    def Attention(self, node, weights):
        def attention(q, k, v):
            queries, depth = q.shape[2:]
            scale = self._number(node.name + ".scale", scale_of(node, depth))
            scaled = self._binary(node.name + "_scaled", "MUL", q, scale)
            scores = self._product(node.name + "_scores", scaled, k, turned=True)
            if node.attrs.get("is_causal", 0):
                seen = np.where(visible(queries, k.shape[2]), 0, -np.inf).astype(np.float32)
                scores = self._binary(node.name + "_masked", "ADD", scores, self._constant(node.name + ".mask", seen))
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
            share = self._write(node.name + "_share", "SOFTMAX", [scores], scores.shape, options)
            return self._product(node.name, share, v)

        return attention

    # -- products --------------------------------------------------------------------------------------------------

    def _number(self, name, value):
        return self._constant(name, np.array(value, np.float32))

    def _product(self, name, a, b, *, turned=False):
        """a [..., M, K] and b [..., K, N], or [..., N, K] where it is `turned`, to [..., M, N]: a BATCH_MATMUL, or a
        fully connected layer for each pair of matrices, as the converter has it where it unfolds them."""
        width = b.shape[-2] if turned else b.shape[-1]
        if self.batch_matmul:
            options = schema.BatchMatMulOptionsT()
            options.adjY = turned
            return self._write(name, "BATCH_MATMUL", [a, b], a.shape[:-1] + (width,), options)
        if len(a.shape) == 2:
            return self._linear(name, a, b if turned else self._turned(name + "_turned", b, [1, 0]))
        if a.shape[:-2] != b.shape[:-2]:
            raise Unsupported("{0}: products of other numbers of matrices are not unfolded here".format(name))
        rank = len(b.shape)
        b = b if turned else self._turned(name + "_turned", b, [*range(rank - 2), rank - 1, rank - 2])
        pairs = zip(self._matrices(name + "_left", a), self._matrices(name + "_right", b))  # noqa: B905  (3.10 has it)
        made = [self._linear("{0}_{1}".format(name, i), *pair) for i, pair in enumerate(pairs)]
        options = schema.PackOptionsT()
        options.valuesCount = len(made)
        joined = self._write(name + "_joined", "PACK", made, (len(made),) + made[0].shape, options)
        return self._reshaped(name, joined, a.shape[:-1] + (width,))

    def _matrices(self, name, x):
        """Those that x [..., M, K] holds."""
        rows = self._reshaped(name + "_rows", x, (-1,) + x.shape[-2:])
        options = schema.UnpackOptionsT()
        options.num = rows.shape[0]
        outputs = [self._tensor("{0}_{1}".format(name, i), x.shape[-2:]) for i in range(options.num)]
        return self._add("UNPACK", [rows], outputs, options)
