"""How does NNabla run a network? A static graph of its own functions, whose products are Eigen's, on one thread."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os
import re

import nnabla as nn
import nnabla.functions as F  # noqa: N812  (its usual name)
import nnabla.solvers as S  # noqa: N812  (its usual name)
import numpy as np
from nnabla.ext_utils import get_extension_context

from workloads import im2col
from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.nnabla_sequence import Sequence
from workloads.backends.nnabla_transformer import Transformer

LIBRARY = "libnnabla.so"
EIGEN = rb"_ZN5Eigen8internal29general_matrix_matrix_productIlfLi\d"
"""Eigen's product of float matrices, as the compiler named it: `general_matrix_matrix_product<long, float, ...>`."""
RIVALS = rb"cblas_sgemm|sgemm_"


class Backend(Transformer, Sequence, base.Backend):
    """`default` builds the graph once and runs it forward, `imperative` computes each function as it is called."""

    name = "nnabla"
    modes = ("default", "imperative")
    batch_statistics = True
    differentiates = True
    trains = True
    learning = False

    def configure(self):
        self.owners = {}
        self.learnt = {}  # name -> variable
        self.stored = {}  # name -> (shape in ONNX's layout, whether it is stored transposed)
        nn.set_default_context(get_extension_context("cpu", type_config="float"))

    def build(self, nodes, weights, inputs, outputs):
        self._make(nodes, weights, inputs, outputs)
        if self.execution == "default":
            self.result = self.walk(self.made, self.inputs, self.outputs)
            for variable in self.result.values():
                variable.persistent = True  # others are cleared as soon as nobody needs them

    def _make(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.owners = base.owners(weights)
        self.overwritable = im2col.overwritable(nodes, outputs)
        self.inputs = {name: nn.Variable(shape) for name, shape in inputs.items()}
        self.made = self.operators(nodes, weights)

    def build_gradient(self, nodes, weights, inputs, loss):
        self._learn(nodes, weights, inputs, loss)
        self.step = self._differentiate

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self._learn(nodes, weights, inputs, loss)
        if optimizer.name == "sgd":
            self.solver = S.Momentum(optimizer.learning_rate, optimizer.momentum)
        else:
            self.solver = S.Adam(optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
        self.solver.set_parameters(self.learnt)
        self.step = self._train

    def _learn(self, nodes, weights, inputs, loss):
        self.learning = True
        self._make(nodes, weights, inputs, [loss.output])
        self.loss, self.targets = loss, None
        self.fetch = self._fetch_loss

    def load_targets(self, targets):
        targets = targets.reshape(len(targets), -1)
        if self.targets is None:
            self.targets = nn.Variable(targets.shape)
            if self.execution == "default":
                self.result = {"loss": self._graph()}
                self.result["loss"].persistent = True
        self.targets.d = targets

    def _graph(self):
        output = self.walk(self.made, self.inputs, self.outputs)[self.loss.output]
        if self.loss.name == "cross_entropy":
            return F.mean(F.softmax_cross_entropy(output, self.targets))
        return F.mean(F.squared_error(output, self.targets))

    def _differentiate(self):
        for variable in self.learnt.values():
            variable.grad.zero()
        self._backward()

    def _train(self):
        self.solver.zero_grad()
        self._backward()
        self.solver.update()

    def _backward(self):
        if self.execution == "default":
            self.result["loss"].forward(clear_no_need_grad=True)
        else:
            with nn.auto_forward():
                self.result = {"loss": self._graph()}
        self.result["loss"].backward(clear_buffer=True)

    def _fetch_loss(self):
        return {"loss": np.array(self.result["loss"].d).reshape(1)}  # .d is the memory itself

    def gradients(self):
        return self.joined({name: self._restored(name, variable.g) for name, variable in self.learnt.items()})

    def trained(self):
        return self.joined({name: self._restored(name, variable.d) for name, variable in self.learnt.items()})

    def _restored(self, name, array):
        shape, transposed = self.stored[name]
        return (array.T if transposed else array).reshape(shape)

    def _weight(self, array, shape=None, *, transposed=False):
        """The variable of one weight, in the shape that a function here wants."""
        found = array if transposed else array.reshape(shape or array.shape)
        return self._variable(found, self.owners[id(array)], array.shape, transposed=transposed)

    def _variable(self, array, name, shape, *, transposed=False):
        """The variable of a weight called `name`, of `shape` in ONNX's layout: the array, or its transpose."""
        found = np.ascontiguousarray(array.T if transposed else array)
        made = nn.Variable.from_numpy_array(found, need_grad=self.learning)
        if self.learning:
            self.stored[name] = shape, transposed
            self.learnt[name] = made
        return made

    def load(self, arrays):
        for name, array in arrays.items():
            self.inputs[name].d = array

    def step(self):
        if self.execution == "default":
            nn.forward_all(list(self.result.values()), clear_buffer=True)
            return
        with nn.auto_forward(), nn.no_grad():
            self.result = self.walk(self.made, self.inputs, self.outputs)

    def fetch(self):
        return {name: variable.d for name, variable in self.result.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return nn.__version__

    def build_string(self):
        _, content = library()
        compilers = sorted(set(re.findall(rb"GCC: \([ -~]+", content)))
        found = ", ".join(text.decode("ascii") for text in compilers)
        return "{0}: {1}; {2}".format(LIBRARY, found or "names no compiler", nn.get_current_context())

    def precision(self):
        types = sorted({name.partition(":")[2] for name in nn.get_current_context().backend})
        return ", ".join("float32" if name == "float" else name for name in types)

    def arithmetic(self):
        recorded = any(variable.need_grad for variable in self.result.values())
        return {"gradients": "on" if recorded else "off"}

    def static_libraries(self):
        path, content = library()
        symbol = re.search(EIGEN, content)
        rival = re.search(RIVALS, content)
        if not symbol or rival:
            return []
        how = "{0} defines {1}... and names no function of a BLAS".format(LIBRARY, symbol.group(0).decode("ascii"))
        return [{"kind": "blas", "name": "eigen", "path": path, "version": None, "threads": 1, "how": how}]

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        bias = self._weight(weights["B"]) if "B" in weights else None
        strides, dilations = tuple(node.attrs.get("strides", (1, 1))), tuple(node.attrs.get("dilations", (1, 1)))
        before, pads = split_pads(node)
        if group > 1 and w.shape[1] == 1:  # a function of its own: with groups, each channel is a product of matrices
            kernel, multiplier = self._weight(w, (w.shape[0],) + w.shape[2:]), w.shape[0] // group

            def convolved(x):
                return F.depthwise_convolution(x, kernel, bias, 1, pads, strides, dilations, multiplier)
        else:
            kernel = self._weight(w)

            def convolved(x):
                return F.convolution(x, kernel, bias, 1, pads, strides, dilations, group)

        return (lambda x: convolved(F.pad(x, before))) if before else convolved

    def BatchNormalization(self, node, weights):
        if self.learning:
            text = "{0}: gradients: batch_normalization has a batch's variance as E[x*x] - E[x]*E[x] in float32, {1}"
            raise Unsupported(text.format(node.name, "which moves those of other layers by 1 to 9 % of their spread"))
        args = [self._weight(weights[key], (1, -1, 1, 1)) for key in ("B", "scale", "mean", "var")]
        own, epsilon = bool(node.attrs.get("training_mode", 0)), node.attrs.get("epsilon", 1e-5)
        return lambda x: F.batch_normalization(x, *args, eps=epsilon, batch_stat=own)

    def Relu(self, node, weights):
        inplace = node.inputs[0] in self.overwritable
        return lambda x: F.relu(x, inplace=inplace)

    def MaxPool(self, node, weights):
        kernel, strides = pool_geometry(node)
        before, pads = split_pads(node)
        lowest = float(np.finfo(np.float32).min)

        def pool(x):
            x = F.pad(x, before, constant_value=lowest) if before else x
            return F.max_pooling(x, kernel, strides, pad=pads)

        return pool

    def AveragePool(self, node, weights):
        kernel, strides = pool_geometry(node)
        before, pads = split_pads(node)
        count = bool(node.attrs.get("count_include_pad", 0))
        if before and not count:
            raise Unsupported("{0}: average_pooling has no uneven pads that do not count".format(node.name))

        def pool(x):
            x = F.pad(x, before) if before else x
            return F.average_pooling(x, kernel, strides, pad=pads, including_pad=count)

        return pool

    def GlobalAveragePool(self, node, weights):
        return lambda x: F.average_pooling(x, x.shape[2:])  # as its own models have it

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        inplace = node.inputs[0] in self.overwritable
        return lambda x: F.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))), inplace=inplace)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self._weight(weights["B"], transposed=bool(node.attrs.get("transB", 0)))  # affine wants [in, out]
        c = self._weight(weights["C"]) if "C" in weights else None
        return lambda x: F.affine(x, b, c)

    def MatMul(self, node, weights):
        return lambda a, b: F.affine(a, b) if len(a.shape) == 2 else F.batch_matmul(a, b)  # which refuses no batch

    def Add(self, node, weights):
        return F.add2

    def Mul(self, node, weights):
        return F.mul2

    def Concat(self, node, weights):
        return lambda *tensors: F.concatenate(*tensors, axis=node.attrs["axis"])

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        return F.relu6 if (low, high) == (0, 6) else lambda x: F.minimum_scalar(F.maximum_scalar(x, low), high)

    def Sigmoid(self, node, weights):
        return F.sigmoid

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: F.softmax(x, axis % len(x.shape))


def split_pads(node):
    """(what F.pad must add first or None, pads of the function): ONNX has [top, left, bottom, right]."""
    top, left, bottom, right = node.attrs.get("pads", (0, 0, 0, 0))
    if (top, left) == (bottom, right):
        return None, (top, left)
    return (top, bottom, left, right), (0, 0)


def pool_geometry(node):
    """(kernel, strides) of a pool."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    return tuple(node.attrs["kernel_shape"]), tuple(node.attrs.get("strides", (1, 1)))


def library():
    """(path, bytes) of the file that holds its functions."""
    path = os.path.join(os.path.dirname(nn.__file__), LIBRARY)
    with open(path, "rb") as file:
        return path, file.read()
