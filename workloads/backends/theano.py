"""How does Theano run a network? One compiled function over shared variables, its products in the BLAS of its flags."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

from collections import Counter

import numpy as np
import theano
import theano.tensor as T  # noqa: N812  (its usual name)
from theano.gof.cmodule import GCC_compiler, gcc_version
from theano.tensor.signal import pool

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.theano_sequence import Sequence
from workloads.backends.theano_transformer import Transformer
from workloads.backends.updates import updates
from workloads.weights import LEARNT


def cross_entropy(logits, labels):
    """Its mean over the batch."""
    return T.nnet.categorical_crossentropy(T.nnet.softmax(logits), labels).mean()


def softmax(x):
    """Along the last axis; Theano's own takes matrices."""
    if x.ndim == 2:
        return T.nnet.softmax(x)
    return T.nnet.softmax(x.reshape((-1, x.shape[-1]), ndim=2)).reshape(x.shape, ndim=x.ndim)


def matmul(a, b):
    """[...,M,K] times [...,K,N]; Theano's own products take matrices, or one axis of them."""
    if a.ndim == 2:
        return T.dot(a, b)
    rows = [one.reshape((-1, one.shape[-2], one.shape[-1]), ndim=3) for one in (a, b)]
    shape = [a.shape[axis] for axis in range(a.ndim - 1)] + [b.shape[-1]]
    return T.batched_dot(*rows).reshape(shape, ndim=a.ndim)


LOSSES = {"cross_entropy": cross_entropy, "mean_squared_error": lambda output, targets: T.sqr(output - targets).mean()}


class Compiled(base.Backend):
    """A function that Theano compiled to C++. The row's THEANO_FLAGS name the BLAS, as its documentation asks.

    `openmp` stays off, as it is by default: it would share the elements of large elementwise operators among threads,
    and the samples of a batch among those of a convolution, each of whose products then has one thread alone, so that
    a batch of one would be computed by one.
    """

    differentiates = True
    trains = True
    tensor = T
    softmax = staticmethod(softmax)
    matmul = staticmethod(matmul)
    losses = LOSSES  # name -> (output, targets) -> expression
    learnt = None  # name -> shared variable, where gradients are asked for
    running = None  # name -> running mean or variance, where it is trained

    def configure(self):
        theano.config.floatX = "float32"
        theano.config.openmp = False
        theano.config.allow_gc = False  # what lies between the layers is allocated once

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.order = list(inputs)
        made, variables = self.symbolic(nodes, weights, inputs)
        wanted = [theano.Out(made[name], borrow=True) for name in self.outputs]
        self.function = theano.function([variables[name] for name in self.order], wanted)
        self.function.trust_input = True  # they are arrays of the right type and rank: nothing to check at every call

    def symbolic(self, nodes, weights, inputs):
        """(output name -> variable, input name -> variable) of the network."""
        raise NotImplementedError

    def build_gradient(self, nodes, weights, inputs, loss):
        value, arguments = self._measured(nodes, weights, inputs, loss)
        found = T.grad(value, list(self.learnt.values()))
        # They stay where Theano has them: an output would be copied.
        self.kept = {name: theano.shared(np.zeros_like(self.learnt[name].get_value())) for name in self.learnt}
        self._compile_step(value, arguments, list(zip(self.kept.values(), found)))  # noqa: B905  (3.10 has it)

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self.running, self.moved = {}, []
        value, arguments = self._measured(nodes, weights, inputs, loss)
        self._compile_step(value, arguments, self.moved + self.updates(value, optimizer))

    def updates(self, value, optimizer):
        """[(shared variable, what becomes of it)] of every learnt weight; Theano itself has no optimizer."""
        learnt = list(self.learnt.values())
        return updates(optimizer, learnt, T.grad(value, learnt), theano.shared, T.sqrt)

    def _measured(self, nodes, weights, inputs, loss):
        """(the loss as an expression, the inputs and targets that it is a function of)."""
        self.owners, self.learnt, self.turned = base.owners(weights), {}, {}
        self.outputs, self.order = [loss.output], list(inputs)
        made, variables = self.symbolic(nodes, weights, inputs)
        targets = T.lvector("targets") if loss.name == "cross_entropy" else T.fmatrix("targets")
        value = self.losses[loss.name](made[loss.output], targets)
        return value, [variables[name] for name in self.order] + [targets]

    def _compile_step(self, value, arguments, moved):
        self.function = theano.function(arguments, [theano.Out(value, borrow=True)], updates=moved)
        self.function.trust_input = True
        self.fetch = lambda: {"loss": np.asarray(self.result[0], np.float32).reshape(1)}

    def load_targets(self, targets):
        self.arrays.append(targets)

    def gradients(self):
        return self._in_onnx_layout(self.kept)

    def trained(self):
        return self._in_onnx_layout(dict(self.learnt, **self.running))

    def _in_onnx_layout(self, variables):
        arrays = {name: np.asarray(variable.get_value(borrow=True)) for name, variable in variables.items()}
        return {name: self.turned[name](array) if name in self.turned else array for name, array in arrays.items()}

    def load(self, arrays):
        arrays = base.converted(arrays, np.float32)
        self.arrays = [np.ascontiguousarray(arrays[name]) for name in self.order]

    def step(self):
        self.result = self.function(*self.arrays)

    def fetch(self):
        return {name: self.result[i] for i, name in enumerate(self.outputs)}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def build_string(self):
        names = ("device", "mode", "linker", "optimizer", "cxx", "allow_gc", "openmp", "floatX")
        settings = ", ".join("{0}={1}".format(name, getattr(theano.config, name)) for name in names)
        compiler = "g++ {0} {1}".format(gcc_version(), " ".join(march_flags()))
        operators = Counter(operator_name(node) for node in self.compiled())
        graph = ", ".join("{0} x{1}".format(name, count) for name, count in sorted(operators.items()))
        text = "blas.ldflags={0}; {1}; graph: {2}; {3}"
        return text.format(theano.config.blas.ldflags, settings, graph, compiler)[:4000]

    def pools(self):
        return {"elementwise": self.threads if theano.config.openmp else 1}

    def isa_used(self):
        """The processor that its C++ was compiled for; the BLAS chooses by itself."""
        named = [flag for flag in march_flags() if flag.startswith("-march=")]
        return " ".join(named) or None

    def precision(self):
        types = {variable.dtype for node in self.compiled() for variable in node.outputs if hasattr(variable, "dtype")}
        return ", ".join(sorted(name for name in types if name.startswith(("float", "complex"))))

    def onednn_state(self):
        return ("absent", None, "Theano's convolutions are im2col and one product of the BLAS")

    def compiled(self):
        """The operators of the compiled function, in the order in which they run."""
        return self.function.maker.fgraph.toposort()

    def held(self, node, weights, key):  # noqa: ARG002  (PyTensor's remembers the node)
        """A weight of the node as a shared variable."""
        return self.shared(weights[key])

    def shared(self, array, turned=None, back=None):
        """A shared variable over the array's own memory, or over `turned`, which `back` makes the array of again."""
        made = theano.shared(array if turned is None else turned, borrow=True)
        name = None if self.learnt is None else self.owners[id(array)]
        if name is not None and name.rsplit(".", 1)[1] in LEARNT:
            self.learnt[name] = made
            self.turned.update({name: back} if back else {})
        elif name is not None and self.running is not None:
            self.running[name] = made
        return made


class Backend(Sequence, Transformer, Compiled):
    """Theano's own operators, as its documentation of convolutional networks has them."""

    name = "theano"
    batch_statistics = True
    scan = staticmethod(theano.scan)
    sigmoid = staticmethod(T.nnet.sigmoid)

    def symbolic(self, nodes, weights, inputs):
        integers = base.integer_inputs(nodes)
        variables = {
            name: tensor_type(shape, "int64" if name in integers else "float32")(name) for name, shape in inputs.items()
        }
        return self.walk(self.operators(nodes, weights), variables, self.outputs), variables

    def version(self):
        return theano.__version__

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = self.shared(weights["W"])
        b = self.shared(weights["B"]).dimshuffle("x", 0, "x", "x") if "B" in weights else None
        shape = weights["W"].shape
        top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
        border = ((top, bottom), (left, right))
        strides = tuple(node.attrs.get("strides", [1, 1]))
        dilations = tuple(node.attrs.get("dilations", [1, 1]))
        group = node.attrs.get("group", 1)

        def conv(x):
            y = T.nnet.conv2d(
                x,
                w,
                filter_shape=shape,
                border_mode=border,
                subsample=strides,
                filter_flip=False,
                filter_dilation=dilations,
                num_groups=group,
            )
            if shape[2:] == (1, 1) and x.broadcastable[2:] == (True, True):
                y = T.addbroadcast(y, 2, 3)  # one pixel stays one, which conv2d forgets and a product by channel asks
            return y if b is None else y + b

        return conv

    def BatchNormalization(self, node, weights):
        gamma, beta, mean, var = [self.shared(weights[key]) for key in ("scale", "B", "mean", "var")]
        # bn.py refuses less than 1e-5, and takes the float32 just below for it.
        epsilon = max(node.attrs.get("epsilon", 1e-5), float(np.nextafter(np.float32(1e-5), np.float32(1))))
        if node.attrs.get("training_mode", 0):
            rate = 1 - node.attrs.get("momentum", 0.9)

            def of_the_batch(x):
                if self.running is None:
                    return T.nnet.bn.batch_normalization_train(x, gamma, beta, "spatial", epsilon)[0]
                found = T.nnet.bn.batch_normalization_train(x, gamma, beta, "spatial", epsilon, rate, mean, var)
                self.moved.extend([(mean, found[3]), (var, found[4])])
                return found[0]

            return of_the_batch
        return lambda x: T.nnet.bn.batch_normalization_test(x, gamma, beta, mean, var, "spatial", epsilon)

    def Constant(self, node, weights):
        value = np.float32(node.attrs["value_float"])
        return lambda: T.constant(value)

    def Div(self, node, weights):
        return T.true_div

    def Relu(self, node, weights):
        return T.nnet.relu

    def MaxPool(self, node, weights):
        kernel, strides, pads = pool_geometry(node)
        return lambda x: pool.pool_2d(x, kernel, ignore_border=True, stride=strides, pad=pads, mode="max")

    def AveragePool(self, node, weights):
        kernel, strides, pads = pool_geometry(node)
        mode = "average_inc_pad" if node.attrs.get("count_include_pad", 0) else "average_exc_pad"
        return lambda x: pool.pool_2d(x, kernel, ignore_border=True, stride=strides, pad=pads, mode=mode)

    def GlobalAveragePool(self, node, weights):
        return lambda x: x.mean(axis=(2, 3), keepdims=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: x.flatten(2)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self.shared(weights["B"])
        b = b.T if node.attrs.get("transB", 0) else b  # the BLAS takes it transposed
        if "C" not in weights:
            return lambda x: T.dot(x, b)
        c = self.shared(weights["C"])
        return lambda x: T.dot(x, b) + c

    def Add(self, node, weights):
        return T.add

    def Mul(self, node, weights):
        return T.mul

    def Concat(self, node, weights):
        return lambda *tensors: T.concatenate(tensors, axis=node.attrs["axis"])

    def Clip(self, node, weights):
        low, high = np.float32(node.attrs["min"]), np.float32(node.attrs["max"])
        return lambda x: T.clip(x, low, high)

    def Sigmoid(self, node, weights):
        return T.nnet.sigmoid

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)

        def along(x):
            if axis not in (-1, x.ndim - 1):
                raise Unsupported("{0}: Softmax along axis {1}".format(node.name, axis))
            return softmax(x)

        return along


def tensor_type(shape, dtype="float32"):
    """The type of a tensor of as many axes, none of which is broadcast."""
    return T.TensorType(dtype, (False,) * len(shape))


def pool_geometry(node):
    """(kernel, strides, pads) of a pool as `pool_2d` takes them."""
    top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right) or list(node.attrs.get("dilations", [1, 1])) != [1, 1]:
        raise Unsupported("{0}: pool with uneven pads or dilations".format(node.name))
    if node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: ceil_mode".format(node.name))
    return tuple(node.attrs["kernel_shape"]), tuple(node.attrs.get("strides", [1, 1])), (top, left)


def operator_name(node):
    """`CorrMM`, `Dot22`, `Elemwise`, ... of an applied operator."""
    return type(node.op).__name__


def march_flags():
    """What Theano found g++ to compile for on this machine."""
    return list(GCC_compiler.march_flags or [])
