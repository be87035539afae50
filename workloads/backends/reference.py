"""What does each ONNX operator compute? Plain numpy, written to be read; the oracle of every other backend."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.reference_sequence import Sequence, sigmoid
from workloads.backends.reference_transformer import Transformer

ROWS = 512
"""Rows of a Gemm weight converted at once: VGG-16's first one in float64 as a whole would be 0.8 GB."""


def padded(x, pads, value):
    """x [N,C,H,W] with ONNX's pads [top, left, bottom, right] of `value` around the image."""
    top, left, bottom, right = pads
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), mode="constant", constant_values=value)


def windows(x, node, value):
    """For each position (i, j) of the kernel: (i, j, the [N,C,OH,OW] view of what that position sees)."""
    kh, kw = node.attrs["kernel_shape"]
    sh, sw = node.attrs.get("strides", [1, 1])
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    x = padded(x, node.attrs.get("pads", [0, 0, 0, 0]), value)
    oh = (x.shape[2] - kh) // sh + 1
    ow = (x.shape[3] - kw) // sw + 1
    for i in range(kh):
        for j in range(kw):
            yield i, j, x[:, :, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw]


class Backend(Transformer, Sequence, base.Backend):
    """One operator after the other, in `dtype` throughout: float32 as a variant, float64 as the oracle."""

    name = "reference"
    batch_statistics = True
    differentiates = True
    trains = True
    dtype = np.float32

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.made = self.operators(nodes, weights)

    def load(self, arrays):
        self.arrays = base.converted(arrays, self.dtype)

    def step(self):
        self.result = self.walk(self.made, self.arrays, self.outputs)

    def fetch(self):
        return {name: np.asarray(array, np.float32) for name, array in self.result.items()}

    def build_gradient(self, nodes, weights, inputs, loss):
        from workloads.gradient import sweep  # noqa: PLC0415  (it reads this file)

        def differentiate():
            value, self.found, _ = sweep(nodes, weights, self.arrays, self.targets, loss, definition=type(self))
            self.result = {"loss": value.reshape(1)}

        self.step, self.gradients = differentiate, lambda: self.found

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        from workloads.training import Trainer  # noqa: PLC0415  (it reads this file)

        trainer = Trainer(nodes, weights, loss, optimizer, type(self))

        def train():
            self.result = {"loss": trainer.step(self.arrays, self.targets).reshape(1)}

        self.step, self.trained = train, trainer.named

    def load_targets(self, targets):
        self.targets = targets

    def version(self):
        return np.__version__

    def pools(self):
        return {}

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = weights["W"].astype(self.dtype)
        b = weights["B"].astype(self.dtype) if "B" in weights else None
        group = node.attrs.get("group", 1)
        out = w.shape[0]
        taps = np.ascontiguousarray(w.transpose(2, 3, 0, 1))  # matmul leaves the BLAS where the inner stride is not 1

        def conv(x):
            total = 0
            for i, j, seen in windows(x, node, 0):
                n, c, oh, ow = seen.shape
                matrix = taps[i, j].reshape(group, out // group, c // group)
                total = total + np.matmul(matrix, seen.reshape(n, group, c // group, oh * ow))
            total = total.reshape(n, out, oh, ow)
            return total if b is None else total + b[:, None, None]

        return conv

    def BatchNormalization(self, node, weights):
        scale, shift, mean, var = [weights[k].astype(self.dtype)[:, None, None] for k in ("scale", "B", "mean", "var")]
        epsilon = self.dtype(node.attrs.get("epsilon", 1e-5))
        if not node.attrs.get("training_mode", 0):
            return lambda x: (x - mean) / np.sqrt(var + epsilon) * scale + shift

        def of_the_batch(x):
            """ONNX, opset 15, training_mode=1: mean and population variance of the input itself, over N, H and W."""
            own = x.mean(axis=(0, 2, 3), keepdims=True)
            return (x - own) / np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + epsilon) * scale + shift

        return of_the_batch

    def Constant(self, node, weights):
        value = self.dtype(node.attrs["value_float"])
        return lambda: value

    def Div(self, node, weights):
        return np.divide

    def Add(self, node, weights):
        return np.add

    def Relu(self, node, weights):
        return lambda x: np.maximum(x, 0)

    def MaxPool(self, node, weights):
        def max_pool(x):
            best = None
            for _, _, seen in windows(x, node, -np.inf):
                best = seen if best is None else np.maximum(best, seen)
            return best

        return max_pool

    def AveragePool(self, node, weights):
        if any(node.attrs.get("pads", [])) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: pads that do not count".format(node.name))
        kh, kw = node.attrs["kernel_shape"]
        return lambda x: sum(seen for _, _, seen in windows(x, node, 0)) / self.dtype(kh * kw)

    def GlobalAveragePool(self, node, weights):
        return lambda x: x.mean(axis=(2, 3), keepdims=True)

    def Flatten(self, node, weights):
        axis = node.attrs.get("axis", 1)
        return lambda x: x.reshape(int(np.prod(x.shape[:axis])), -1)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = weights["B"] if node.attrs.get("transB", 0) else weights["B"].T
        c = weights["C"].astype(self.dtype) if "C" in weights else self.dtype(0)

        def gemm(x):
            parts = [np.dot(x, b[i : i + ROWS].astype(self.dtype).T) for i in range(0, len(b), ROWS)]
            return np.concatenate(parts, axis=1) + c

        return gemm

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        data = weights["data"]
        return lambda rows: data[rows].astype(self.dtype)

    def MatMul(self, node, weights):
        return np.matmul

    def Mul(self, node, weights):
        return np.multiply

    def Concat(self, node, weights):
        return lambda *tensors: np.concatenate(tensors, axis=node.attrs["axis"])

    def Clip(self, node, weights):
        """With ONNX's attributes of opset 6: later ones take the bounds as inputs."""
        low, high = self.dtype(node.attrs["min"]), self.dtype(node.attrs["max"])
        return lambda x: np.minimum(np.maximum(x, low), high)

    def Sigmoid(self, node, weights):
        return sigmoid

    def LRN(self, node, weights):
        size, bias = node.attrs["size"], self.dtype(node.attrs.get("bias", 1.0))
        alpha, beta = self.dtype(node.attrs.get("alpha", 1e-4)), self.dtype(node.attrs.get("beta", 0.75))
        before = (size - 1) // 2

        def lrn(x):
            channels = x.shape[1]
            squares = np.pad(x * x, ((0, 0), (before, size - 1 - before), (0, 0), (0, 0)), mode="constant")
            total = sum(squares[:, i : i + channels] for i in range(size))
            return x / (bias + alpha / size * total) ** beta

        return lrn

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)

        def softmax(x):
            e = np.exp(x - x.max(axis=axis, keepdims=True))
            return e / e.sum(axis=axis, keepdims=True)

        return softmax


class Oracle(Backend):
    """The same in float64: what the outputs are compared with."""

    dtype = np.float64
