"""How does numpy run a network? Every product in the BLAS that numpy is linked to, everything else in its own loops."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os

import numpy as np

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.numpy_sequence import Sequence
from workloads.backends.numpy_transformer import Transformer
from workloads.im2col import Buffers, Geometry, overwritable

COLUMNS = 1 << 20
"""Most elements of the matrix that a convolution is unrolled into at a time: 4 MiB stay in the cache, where VGG-16's
largest one as a whole, 115 MB, would be written to memory and read back."""


class Backend(Transformer, Sequence, base.Backend):
    """im2col and SGEMM for convolutions, slices for depthwise ones and pools; buffers made at the first step."""

    name = "numpy"
    batch_statistics = True

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.buffers = Buffers()
        self.reusable = overwritable(nodes, outputs)
        self.made = self.operators(nodes, weights)

    def load(self, arrays):
        self.arrays = base.converted(arrays, np.float32)
        self.arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}

    def step(self):
        self.result = self.walk(self.made, self.arrays, self.outputs)

    def fetch(self):
        return self.result

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return np.__version__

    def build_string(self):
        return describe_build()

    def pools(self):
        asked = os.environ.get("OMP_NUM_THREADS", "")
        return {"OMP_NUM_THREADS": int(asked)} if asked.isdigit() else {}

    def onednn_state(self):
        return ("absent", None, "numpy has no oneDNN")

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = weights["W"]
        bias = weights["B"][:, None] if "B" in weights else None
        group = node.attrs.get("group", 1)
        geometry = Geometry(node)
        if w.shape[1] == 1 and w.shape[0] == group:
            return self._depthwise(node, geometry, w[:, 0], bias)
        matrix = w.reshape(len(w), -1)
        if geometry.pointwise and group == 1:
            return self._pointwise(node, matrix, bias)
        return self._unrolled(node, geometry, matrix.reshape(group, len(w) // group, -1), bias)

    def _pointwise(self, node, matrix, bias):
        def pointwise(x):
            n, c, h, w = x.shape
            out = self.buffers.get(node.name, (n, len(matrix), h * w))
            for sample in range(n):
                np.dot(matrix, x[sample].reshape(c, h * w), out=out[sample])
            if bias is not None:
                out += bias
            return out.reshape(n, len(matrix), h, w)

        return pointwise

    def _unrolled(self, node, geometry, matrices, bias):
        """A product per group and strip of the image; matrices are [group, out / group, in / group * kh * kw]."""
        kh, kw = geometry.kernel
        count, rows_of_one, depth = matrices.shape
        channels_out = count * rows_of_one

        def unrolled(x):
            n, c = x.shape[:2]
            oh, ow = geometry.size(x)
            padded = self._padded(node, geometry, x, 0.0)
            rows = max(1, min(oh, COLUMNS // (c * kh * kw * ow)))
            out = self.buffers.get(node.name, (n, channels_out, oh, ow))
            for sample in range(n):
                for top in range(0, oh, rows):
                    strip = min(rows, oh - top)
                    columns = self.buffers.get("columns", (c, kh * kw, strip, ow))
                    product = self.buffers.get("product", (channels_out, strip * ow))
                    for tap, seen in enumerate(geometry.windows(padded[sample], top, strip, ow)):
                        columns[:, tap] = seen
                    seen_by = columns.reshape(count, depth, strip * ow)
                    for group, into in enumerate(product.reshape(count, rows_of_one, strip * ow)):
                        np.dot(matrices[group], seen_by[group], out=into)
                    if bias is not None:
                        product += bias
                    out[sample, :, top : top + strip] = product.reshape(channels_out, strip, ow)
            return out

        return unrolled

    def _depthwise(self, node, geometry, w, bias):
        kh, kw = geometry.kernel
        taps = [w[:, i, j][:, None, None] for i in range(kh) for j in range(kw)]

        def depthwise(x):
            n, c = x.shape[:2]
            oh, ow = geometry.size(x)
            padded = self._padded(node, geometry, x, 0.0)
            out = self.buffers.get(node.name, (n, c, oh, ow))
            term = self.buffers.get("term", (c, oh, ow))
            for sample in range(n):
                for tap, seen in enumerate(geometry.windows(padded[sample], 0, oh, ow)):
                    if tap == 0:
                        np.multiply(seen, taps[0], out=out[sample])
                    else:
                        np.multiply(seen, taps[tap], out=term)
                        np.add(out[sample], term, out=out[sample])
                if bias is not None:
                    out[sample] += bias[:, :, None]
            return out

        return depthwise

    def _padded(self, node, geometry, x, value):
        """x with its border; the buffer's border is written once, its inside at every step."""
        top, left, bottom, right = geometry.pads
        if not any(geometry.pads):
            return x
        n, c, h, w = x.shape
        shape = (n, c, h + top + bottom, w + left + right)
        fresh = (node.name + ".padded", shape) not in self.buffers.made
        padded = self.buffers.get(node.name + ".padded", shape)
        if fresh and value != 0.0:
            padded.fill(value)
        padded[:, :, top : top + h, left : left + w] = x
        return padded

    def BatchNormalization(self, node, weights):
        if node.attrs.get("training_mode", 0):
            return self._of_the_batch(node, weights)
        factor = weights["scale"] / np.sqrt(weights["var"] + np.float32(node.attrs.get("epsilon", 1e-5)))
        term = weights["B"] - weights["mean"] * factor
        factor, term = factor[:, None, None], term[:, None, None]

        def batch_normalization(x):
            out = self._target(node, x)
            np.multiply(x, factor, out=out)
            return np.add(out, term, out=out)

        return batch_normalization

    def _of_the_batch(self, node, weights):
        """BatchNormalization by the mean and the variance of its own input, found anew at every step."""
        scale, shift = weights["scale"], weights["B"]
        epsilon = np.float32(node.attrs.get("epsilon", 1e-5))

        def of_the_batch(x):
            mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
            factor = scale / np.sqrt(var + epsilon)
            out = self._target(node, x)
            np.multiply(x, factor[:, None, None], out=out)
            return np.add(out, (shift - mean * factor)[:, None, None], out=out)

        return of_the_batch

    def Constant(self, node, weights):
        value = np.float32(node.attrs["value_float"])
        return lambda: value

    def Div(self, node, weights):
        return lambda x, by: np.divide(x, by, out=self._target(node, x))

    def Add(self, node, weights):
        return lambda a, b: np.add(a, b, out=self._target(node, a) if a.shape == b.shape else None)

    def Relu(self, node, weights):
        zero = np.float32(0)
        return lambda x: np.maximum(x, zero, out=self._target(node, x))

    def _target(self, node, x):
        """Where an elementwise operator writes: over its input where nobody else reads that."""
        return x if node.inputs[0] in self.reusable else self.buffers.get(node.name, x.shape)

    def MaxPool(self, node, weights):
        geometry = Geometry(node)
        return self._pool(node, geometry, np.maximum, -np.inf, None)

    def AveragePool(self, node, weights):
        geometry = Geometry(node)
        if any(geometry.pads) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: pads that do not count".format(node.name))
        return self._pool(node, geometry, np.add, 0.0, np.float32(1.0 / (geometry.kernel[0] * geometry.kernel[1])))

    def _pool(self, node, geometry, combine, border, factor):
        def pool(x):
            oh, ow = geometry.size(x)
            padded = self._padded(node, geometry, x, border)
            out = self.buffers.get(node.name, x.shape[:2] + (oh, ow))
            for tap, seen in enumerate(geometry.windows(padded, 0, oh, ow)):
                if tap == 0:
                    np.copyto(out, seen)
                else:
                    combine(out, seen, out=out)
            return out if factor is None else np.multiply(out, factor, out=out)

        return pool

    def GlobalAveragePool(self, node, weights):
        return lambda x: x.mean(axis=(2, 3), keepdims=True)

    def Flatten(self, node, weights):
        axis = node.attrs.get("axis", 1)
        return lambda x: x.reshape(int(np.prod(x.shape[:axis])), -1)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = weights["B"].T if node.attrs.get("transB", 0) else weights["B"]  # a view: the BLAS takes it transposed
        c = weights.get("C")

        def gemm(x):
            out = np.dot(x, b, out=self.buffers.get(node.name, (len(x), b.shape[1])))
            return out if c is None else np.add(out, c, out=out)

        return gemm

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = weights["data"]

        def gather(rows):
            return np.take(data, rows, axis=0, out=self.buffers.get(node.name, rows.shape + data.shape[1:]))

        return gather

    def MatMul(self, node, weights):
        def matmul(a, b):
            if a.ndim == b.ndim == 2:
                return np.dot(a, b, out=self.buffers.get(node.name, (a.shape[0], b.shape[1])))
            outer = np.broadcast(np.empty(a.shape[:-2], bool), np.empty(b.shape[:-2], bool)).shape
            return np.matmul(a, b, out=self.buffers.get(node.name, outer + (a.shape[-2], b.shape[-1])))

        return matmul

    def Mul(self, node, weights):
        def mul(a, b):
            return np.multiply(a, b, out=self._target(node, a) if np.broadcast(a, b).shape == a.shape else None)

        return mul

    def Concat(self, node, weights):
        axis = node.attrs["axis"]

        def concat(*tensors):
            shape = list(tensors[0].shape)
            shape[axis] = sum(x.shape[axis] for x in tensors)
            return np.concatenate(tensors, axis=axis, out=self.buffers.get(node.name, tuple(shape)))

        return concat

    def Clip(self, node, weights):
        low, high = np.float32(node.attrs["min"]), np.float32(node.attrs["max"])

        def clip(x):
            out = np.maximum(x, low, out=self._target(node, x))
            return np.minimum(out, high, out=out)

        return clip

    def Sigmoid(self, node, weights):
        one = np.float32(1)

        def sigmoid(x):
            out = np.negative(x, out=self._target(node, x))
            with np.errstate(over="ignore"):  # an infinity, whose reciprocal is the right 0
                np.exp(out, out=out)
            np.add(out, one, out=out)
            return np.reciprocal(out, out=out)

        return sigmoid

    def LRN(self, node, weights):
        size, beta = node.attrs["size"], np.float32(node.attrs.get("beta", 0.75))
        bias, alpha = np.float32(node.attrs.get("bias", 1.0)), np.float32(node.attrs.get("alpha", 1e-4) / size)
        before = (size - 1) // 2

        def lrn(x):
            n, c, h, w = x.shape
            squares = self.buffers.get(node.name + ".padded", (n, c + size - 1, h, w))
            np.multiply(x, x, out=squares[:, before : before + c])
            out = self.buffers.get(node.name, x.shape)
            np.copyto(out, squares[:, :c])
            for first in range(1, size):
                np.add(out, squares[:, first : first + c], out=out)
            np.multiply(out, alpha, out=out)
            np.add(out, bias, out=out)
            np.power(out, beta, out=out)
            return np.divide(x, out, out=out)

        return lrn

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)

        def softmax(x):
            e = np.exp(x - x.max(axis=axis, keepdims=True))
            e /= e.sum(axis=axis, keepdims=True)
            return e

        return softmax


def describe_build():
    """What this numpy says of the libraries that it was built against; Chainer's are the same."""
    config = getattr(np, "__config__", None)
    if hasattr(config, "CONFIG"):
        return repr(config.CONFIG.get("Build Dependencies", config.CONFIG))
    names = [name for name in dir(config) if name.endswith("_info") and isinstance(getattr(config, name), dict)]
    return "; ".join("{0}: {1!r}".format(name, getattr(config, name)) for name in sorted(names))
