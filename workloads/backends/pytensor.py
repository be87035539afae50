"""How does PyTensor run a network? Theano's successor: array expressions, compiled as one function by its linker."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

from collections import Counter
from functools import partial, reduce

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.link.c.cmodule import GCC_compiler

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.theano_sequence import Sequence
from workloads.backends.theano_transformer import Transformer
from workloads.backends.updates import updates
from workloads.im2col import Geometry
from workloads.weights import LEARNT


def cross_entropy(logits, labels):
    """Its mean over the batch."""
    return -pt.special.log_softmax(logits, axis=1)[pt.arange(logits.type.shape[0]), labels].mean()


LOSSES = {"cross_entropy": cross_entropy, "mean_squared_error": lambda output, targets: pt.sqr(output - targets).mean()}


class Backend(Sequence, Transformer, base.Backend):
    """It left Theano's neural networks behind, so a convolution is what it is in numpy: slices, and one product.

    The row's PYTENSOR_FLAGS name the linker and the BLAS that C++ is linked to.
    """

    name = "pytensor"
    batch_statistics = True
    differentiates = True
    trains = True
    tensor = pt
    scan = staticmethod(pytensor.scan)
    sigmoid = staticmethod(pt.sigmoid)
    softmax = staticmethod(partial(pt.special.softmax, axis=-1))  # left to itself it is over all axes
    matmul = staticmethod(pt.matmul)
    learnt = None  # name -> shared variable, where gradients are asked for
    running = None  # name -> running mean or variance, where it is trained

    def configure(self):
        pytensor.config.floatX = "float32"
        pytensor.config.openmp = False

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.order = list(inputs)
        variables = entries(nodes, inputs)
        found = self.walk(self.operators(nodes, weights), variables, self.outputs)
        wanted = [pytensor.Out(found[name], borrow=True) for name in self.outputs]
        self.function = pytensor.function([variables[name] for name in self.order], wanted)
        self.function.trust_input = True  # they are arrays of the right type and shape: nothing to check at every call

    def build_gradient(self, nodes, weights, inputs, loss):
        value, arguments = self._measured(nodes, weights, inputs, loss)
        found = pytensor.grad(value, list(self.learnt.values()))
        # They stay where PyTensor has them: an output would be copied.
        self.kept = {name: shared(np.zeros_like(self.learnt[name].get_value())) for name in self.learnt}
        self._compile_step(value, arguments, list(zip(self.kept.values(), found, strict=True)))

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self.running, self.moved = {}, []
        value, arguments = self._measured(nodes, weights, inputs, loss)
        learnt = list(self.learnt.values())
        moved = updates(optimizer, learnt, pytensor.grad(value, learnt), shared, pt.sqrt)
        self._compile_step(value, arguments, self.moved + moved)

    def _measured(self, nodes, weights, inputs, loss):
        """(the loss as an expression, the inputs and targets that it is a function of)."""
        self.learnt, self.shapes = {}, {}
        self.outputs, self.order = [loss.output], list(inputs)
        variables = entries(nodes, inputs)
        output = self.walk(self.operators(nodes, weights), variables, self.outputs)[loss.output]
        targets = pt.lvector("targets") if loss.name == "cross_entropy" else pt.fmatrix("targets")
        return LOSSES[loss.name](output, targets), [variables[name] for name in self.order] + [targets]

    def _compile_step(self, value, arguments, moved):
        self.function = pytensor.function(arguments, [pytensor.Out(value, borrow=True)], updates=moved)
        self.function.trust_input = True
        self.fetch = lambda: {"loss": np.asarray(self.result[0], np.float32).reshape(1)}

    def load_targets(self, targets):
        self.arrays.append(targets)

    def gradients(self):
        return self._in_onnx_layout(self.kept)

    def trained(self):
        return self._in_onnx_layout(dict(self.learnt, **self.running))

    def _in_onnx_layout(self, variables):
        return {name: kept.get_value(borrow=True).reshape(self.shapes[name]) for name, kept in variables.items()}

    def load(self, arrays):
        arrays = base.converted(arrays, np.float32)
        self.arrays = [np.ascontiguousarray(arrays[name]) for name in self.order]

    def step(self):
        self.result = self.function(*self.arrays)

    def fetch(self):
        return {name: self.result[i] for i, name in enumerate(self.outputs)}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return pytensor.__version__

    def build_string(self):
        config = pytensor.config
        operators = Counter(type(node.op).__name__ for node in self._compiled())
        graph = ", ".join("{0} x{1}".format(name, count) for name, count in sorted(operators.items()))
        linker = type(self.function.maker.linker).__name__
        text = "blas__ldflags={0}; linker {1}, cxx={2}, openmp={3}; graph: {4}; g++ {5}"
        return text.format(config.blas__ldflags, linker, config.cxx, config.openmp, graph, " ".join(march_flags()))

    def pools(self):
        return {"elementwise": self.threads if pytensor.config.openmp else 1}

    def isa_used(self):
        """The processor that its C++ was compiled for; the BLAS chooses by itself."""
        named = [flag for flag in march_flags() if flag.startswith("-march=")]
        return " ".join(named) or None

    def precision(self):
        types = {variable.dtype for node in self._compiled() for variable in node.outputs if hasattr(variable, "dtype")}
        return ", ".join(sorted(name for name in types if name.startswith(("float", "complex"))))

    def onednn_state(self):
        return ("absent", None, "its convolutions are slices and one product of the BLAS")

    def _compiled(self):
        return self.function.maker.fgraph.toposort()

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def held(self, node, weights, key, shape=None):
        """The weight as a shared variable, in the shape that its operator has it in."""
        array = weights[key]
        made = shared(array if shape is None else array.reshape(shape))
        if self.learnt is not None:
            name = "{0}.{1}".format(node.name, key)
            self.shapes[name] = array.shape
            kept = self.learnt if key in LEARNT else self.running
            if kept is not None:
                kept[name] = made
        return made

    def Conv(self, node, weights):
        w = weights["W"]
        group = node.attrs.get("group", 1)
        geometry = Geometry(node)
        bias = self.held(node, weights, "B", (1, -1, 1, 1)) if "B" in weights else None
        if w.shape[1] == 1 and w.shape[0] == group:
            convolve = self._depthwise(geometry, node, weights)
        elif group == 1:
            matrix = self.held(node, weights, "W", (len(w), -1))
            # A product for each sample would be a graph that takes minutes to differentiate and to compile.
            form = self._unrolled if self.learnt is None else self._unrolled_at_once
            convolve = form(geometry, matrix)
        else:
            raise Unsupported("{0}: group {1} of {2} channels".format(node.name, group, w.shape[0]))
        return convolve if bias is None else lambda x: convolve(x) + bias

    def _unrolled(self, geometry, matrix):
        def unrolled(x):
            n, c = x.type.shape[:2]
            h, wide = size(geometry, x)
            samples = []
            for sample in range(n):
                if geometry.pointwise:
                    columns = x[sample].reshape((c, h * wide))
                else:
                    taps = windows(geometry, padded(geometry, x[sample], 0.0), h, wide)
                    columns = pt.stack(taps, axis=1).reshape((matrix.type.shape[1], h * wide))
                samples.append(pt.dot(matrix, columns).reshape((1, matrix.type.shape[0], h, wide)))
            return samples[0] if n == 1 else pt.concatenate(samples, axis=0)

        return unrolled

    def _unrolled_at_once(self, geometry, matrix):
        """One product of the whole batch: its columns are the positions of every sample."""

        def unrolled(x):
            n, c = x.type.shape[:2]
            h, wide = size(geometry, x)
            taps = windows(geometry, padded(geometry, x, 0.0), h, wide)
            columns = pt.stack(taps, axis=0).transpose(2, 0, 1, 3, 4).reshape((matrix.type.shape[1], n * h * wide))
            found = pt.dot(matrix, columns).reshape((matrix.type.shape[0], n, h, wide))
            return found.transpose(1, 0, 2, 3)

        return unrolled

    def _depthwise(self, geometry, node, weights):
        w, (kh, kw) = weights["W"], geometry.kernel
        if self.learnt is not None:
            kernel = self.held(node, weights, "W")
            factors = [kernel[:, 0, i, j].dimshuffle(0, "x", "x") for i in range(kh) for j in range(kw)]
        else:
            factors = [shared(np.ascontiguousarray(w[:, 0, i, j])[:, None, None]) for i in range(kh) for j in range(kw)]

        def depthwise(x):
            taps = windows(geometry, padded(geometry, x, 0.0), *size(geometry, x))
            return pt.add(*[tap * factors[i] for i, tap in enumerate(taps)])

        return depthwise

    def BatchNormalization(self, node, weights):
        epsilon = np.float32(node.attrs.get("epsilon", 1e-5))
        keep = np.float32(node.attrs.get("momentum", 0.9))
        parts = {key: self.held(node, weights, key, (1, -1, 1, 1)) for key in ("scale", "B", "mean", "var")}

        def batch_normalization(x):
            mean, var = parts["mean"], parts["var"]
            if node.attrs.get("training_mode", 0):
                mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
                if self.running is not None:
                    rest = np.float32(1) - keep
                    self.moved.append((parts["mean"], keep * parts["mean"] + rest * mean))
                    self.moved.append((parts["var"], keep * parts["var"] + rest * var))
            factor = parts["scale"] / pt.sqrt(var + epsilon)  # one multiplication and one addition per element
            return x * factor + (parts["B"] - mean * factor)

        return batch_normalization

    def Constant(self, node, weights):
        return lambda: pt.constant(np.float32(node.attrs["value_float"]))

    def Div(self, node, weights):
        return pt.true_div

    def Relu(self, node, weights):
        return lambda x: pt.maximum(x, np.float32(0))

    def MaxPool(self, node, weights):
        geometry = Geometry(node)

        def max_pool(x):
            return reduce(pt.maximum, windows(geometry, padded(geometry, x, -np.inf), *size(geometry, x)))

        return max_pool

    def AveragePool(self, node, weights):
        geometry = Geometry(node)
        if any(geometry.pads) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: pads that do not count".format(node.name))
        factor = np.float32(1.0 / (geometry.kernel[0] * geometry.kernel[1]))
        return lambda x: pt.add(*windows(geometry, padded(geometry, x, 0.0), *size(geometry, x))) * factor

    def GlobalAveragePool(self, node, weights):
        return lambda x: x.mean(axis=(2, 3), keepdims=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: x.reshape((x.type.shape[0], int(np.prod(x.type.shape[1:]))))

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self.held(node, weights, "B")
        b = b.T if node.attrs.get("transB", 0) else b  # the BLAS takes it transposed
        if "C" not in weights:
            return lambda x: pt.dot(x, b)
        c = self.held(node, weights, "C")
        return lambda x: pt.dot(x, b) + c

    def Add(self, node, weights):
        return pt.add

    def Mul(self, node, weights):
        return pt.mul

    def Concat(self, node, weights):
        return lambda *tensors: pt.concatenate(tensors, axis=node.attrs["axis"])

    def Clip(self, node, weights):
        low, high = np.float32(node.attrs["min"]), np.float32(node.attrs["max"])
        return lambda x: pt.clip(x, low, high)

    def Sigmoid(self, node, weights):
        return pt.sigmoid

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: pt.special.softmax(x, axis=axis)


def entries(nodes, inputs):
    """Input name -> variable."""
    integers = base.integer_inputs(nodes)
    types = {name: "int64" if name in integers else "float32" for name in inputs}
    return {name: pt.tensor(name, dtype=types[name], shape=shape) for name, shape in inputs.items()}


def shared(array):
    """A shared variable over the array's own memory, of a shape that the compiler knows."""
    return pytensor.shared(array, borrow=True, shape=array.shape)


def size(geometry, x):
    """(height, width) of the output for x [N,C,H,W] of known shape."""
    top, left, bottom, right = geometry.pads
    h, w = x.type.shape[2:]
    return (
        (h + top + bottom - geometry.kernel[0]) // geometry.strides[0] + 1,
        (w + left + right - geometry.kernel[1]) // geometry.strides[1] + 1,
    )


def padded(geometry, x, value):
    """x [...,H,W] with its border."""
    top, left, bottom, right = geometry.pads
    if not any(geometry.pads):
        return x
    shape = x.type.shape
    h, w = shape[-2:]
    whole = pt.full(shape[:-2] + (h + top + bottom, w + left + right), np.float32(value))
    return whole[..., top : top + h, left : left + w].set(x)


def windows(geometry, x, rows, width):
    """For each tap of the kernel, row by row: what it sees of the padded x [...,H,W]."""
    return list(geometry.windows(x, 0, rows, width))


def march_flags():
    """What PyTensor found g++ to compile for on this machine."""
    return list(GCC_compiler.march_flags or [])
