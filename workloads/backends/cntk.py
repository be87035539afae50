"""How does CNTK run a network? Its graph of functions, evaluated for inference; its matrices are MKL's."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import math

import cntk as C  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.cntk_sequence import Sequence
from workloads.backends.cntk_transformer import Transformer, product


class Backend(Transformer, Sequence, base.Backend):
    """Images and sequences have CNTK's batch axis, which is no axis of a shape; two inputs of a product have none, and
    neither has what a network with operators that name axes computes: there the samples are on the first of a shape."""

    name = "cntk"
    differentiates = True
    trains = True
    learning = False

    def configure(self):
        self.owners = {}
        self.steps = {}  # name of a sequence -> how many it has, with those behind a sample's length
        self.running = {}  # name -> constant of one axis
        self.learnt = {}  # name -> parameter, its shape in ONNX's layout, whether it is there transposed
        C.device.try_set_default_device(C.device.cpu())
        C.cntk_py.set_max_num_cputhreads(self.threads)

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        found = self._graph(nodes, weights, inputs)
        self.function = C.combine([found[name] for name in self.outputs])
        self.results = self.function.outputs

    def _graph(self, nodes, weights, inputs):
        sequences = any(node.op in ("LSTM", "GRU") for node in nodes)
        static = any(node.op in base.OF_AXES or node.op == "MatMul" for node in nodes) and not base.has_images(nodes)
        self.variables = {
            name: C.input_variable(shape[1:], np.float32, name=name)
            if (len(shape) == 4 or sequences) and not static
            else C.input_variable(shape, np.float32, dynamic_axes=[], name=name)
            for name, shape in inputs.items()
        }
        return self.walk(self.operators(nodes, weights), self.variables, self.outputs)

    def build_gradient(self, nodes, weights, inputs, loss):
        self._learn(nodes, weights, inputs, loss)
        self.step = self._differentiate

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        """By the mean over the batch: CNTK's own gradients are sums over it. Without `unit_gain` what SGD remembers is
        v = momentum * v + g; Adam divides the rate by the batch, whatever its gradients are."""
        self._learn(nodes, weights, inputs, loss)
        size = {"minibatch_size": self.batch}
        if optimizer.name == "sgd":
            rate = C.learning_parameter_schedule(optimizer.learning_rate, **size)
            momentum = C.momentum_schedule(optimizer.momentum, **size)
            learner = C.momentum_sgd(self.parameters, rate, momentum, unit_gain=False, **size)
        else:
            rate = C.learning_parameter_schedule(optimizer.learning_rate * self.batch, **size)
            first, second = (C.momentum_schedule(beta, **size) for beta in (optimizer.beta1, optimizer.beta2))
            more = dict(size, variance_momentum=second, epsilon=optimizer.epsilon)
            learner = C.adam(self.parameters, rate, first, unit_gain=True, **more)
        self.trainer = C.Trainer(None, (self.loss, None), [learner])
        self.step = self._train

    def _learn(self, nodes, weights, inputs, loss):
        self.learning = self.batch_statistics = True  # a step that keeps nothing for a backward pass has none
        (self.batch,) = {shape[0] for shape in inputs.values()}
        self.owners = base.owners(weights)
        self.outputs = [loss.output]
        output = self._graph(nodes, weights, inputs)[loss.output]
        if not output.dynamic_axes:
            raise Unsupported("gradients: CNTK's losses are of samples, and here those are on an axis of the shape")
        if loss.name == "cross_entropy":
            self.targets = C.input_variable(output.shape, np.float32, is_sparse=True, name="targets")
            self.classes = output.shape[0]
            self.loss = C.cross_entropy_with_softmax(output, self.targets)
        else:
            self.targets = C.input_variable(output.shape, np.float32, name="targets")
            self.classes = None
            self.loss = C.reduce_mean(C.square(output - self.targets))
        self.parameters = [parameter for parameter, _, _ in self.learnt.values()]
        self.results = self.loss.outputs
        self.fetch = self._fetch_loss

    def load_targets(self, targets):
        if self.classes is None:
            value = C.Value(np.ascontiguousarray(targets, np.float32))
        else:
            value = C.Value.one_hot([int(label) for label in targets], self.classes)
        self.values[self.targets] = value

    def _differentiate(self):
        state, found = self.loss.forward(self.values, self.loss.outputs, set(self.loss.outputs), as_numpy=False)
        losses = found[self.loss.output].asarray()
        self.value = losses.mean()
        share = np.full_like(losses, 1.0 / len(losses))
        self.found = self.loss.backward(state, {self.loss.output: share}, set(self.parameters), as_numpy=False)

    def _train(self):
        self.trainer.train_minibatch(self.values)
        self.value = self.trainer.previous_minibatch_loss_average

    def _fetch_loss(self):
        return {"loss": np.array([self.value], np.float32)}

    def gradients(self):
        return {
            name: restored(self.found[parameter].asarray(), shape, transposed)
            for name, (parameter, shape, transposed) in self.learnt.items()
        }

    def trained(self):
        found = {
            name: restored(parameter.value, shape, transposed)
            for name, (parameter, shape, transposed) in self.learnt.items()
        }
        return dict(found, **{name: constant.value for name, constant in self.running.items()})

    def _weight(self, array, shape=None, *, transposed=False):
        """The parameter of one weight, in the shape that a function here wants."""
        made = C.parameter(init=np.ascontiguousarray(array.T if transposed else array.reshape(shape or array.shape)))
        if self.learning:
            self.learnt[self.owners[id(array)]] = made, array.shape, transposed
        return made

    def load(self, arrays):
        # A value over a batch has an axis for the samples, and its memory is CNTK's own.
        self.values = {
            self.variables[name]: C.Value(np.ascontiguousarray(array, np.float32)) for name, array in arrays.items()
        }

    def step(self):
        _, self.found = self.function.forward(self.values, self.results, keep_for_backward=set(), as_numpy=False)

    def fetch(self):
        return {name: self.found[self.results[i]].asarray() for i, name in enumerate(self.outputs)}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return C.__version__

    def build_string(self):
        devices = ", ".join(str(device) for device in C.device.all_devices())
        return "CNTK {0}, devices: {1}".format(C.__version__, devices)

    def pools(self):
        return {"cpu": C.cntk_py.get_max_num_cputhreads()}

    def precision(self):
        return ", ".join(sorted({np.dtype(result.dtype).name for result in self.results}))

    def arithmetic(self):
        # Without them step() names no output in `keep_for_backward`, and nothing else is kept.
        return {"gradients": "on" if self.learning else "off"}

    def onednn_state(self):
        return (
            "absent",
            None,
            "libCntk.Math calls dnnConvolution* of libmklml: MKL's own primitives, of before oneDNN",
        )

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = self._weight(weights["W"])
        b = self._weight(weights["B"], (-1, 1, 1)) if "B" in weights else None
        kernel, strides = weights["W"].shape[2:], tuple(node.attrs.get("strides", [1, 1]))
        dilations, group = tuple(node.attrs.get("dilations", [1, 1])), node.attrs.get("group", 1)

        def conv(x):
            x, padding = padded(x, node, kernel, strides, 0.0)
            y = C.convolution(w, x, strides=strides, auto_padding=padding, dilation=dilations, groups=group)
            return y if b is None else y + b

        return conv

    def BatchNormalization(self, node, weights):
        """Over its batch it moves the running statistics by 1 - exp(-samples / time constant), unless the count of
        samples that it has seen is 0: then they become the batch's."""
        scale, shift = self._weight(weights["scale"]), self._weight(weights["B"])
        mean, var = C.constant(weights["mean"]), C.constant(weights["var"])  # `running_inv_std` is the variance
        epsilon, more = node.attrs.get("epsilon", 1e-5), {"running_count": C.constant(0)}
        if node.attrs.get("training_mode", 0):
            time_constant = -self.batch / math.log(node.attrs.get("momentum", 0.9))
            more = {"running_count": C.constant(1), "normalization_time_constant": time_constant}
            self.running.update({node.name + ".mean": mean, node.name + ".var": var})

        def batch_normalization(x):
            return C.batch_normalization(x, scale, shift, mean, var, spatial=True, epsilon=epsilon, **more)

        return batch_normalization

    def Constant(self, node, weights):
        return lambda: C.constant(np.float32(node.attrs["value_float"]))

    def Div(self, node, weights):
        return C.element_divide

    def Relu(self, node, weights):
        return C.relu

    def MaxPool(self, node, weights):
        return self._pool(node, C.MAX_POOLING, -np.inf, include=False)

    def AveragePool(self, node, weights):
        include = bool(node.attrs.get("count_include_pad", 0))
        return self._pool(node, C.AVG_POOLING, 0.0 if include else None, include=include)

    def _pool(self, node, kind, border, include):
        kernel, strides = tuple(node.attrs["kernel_shape"]), tuple(node.attrs.get("strides", [1, 1]))
        ceil = bool(node.attrs.get("ceil_mode", 0))
        if list(node.attrs.get("dilations", [1, 1])) != [1, 1]:
            raise Unsupported("{0}: pool with dilations".format(node.name))

        def pool(x):
            x, padding = padded(x, node, kernel, strides, border)
            return C.pooling(x, kind, kernel, strides, padding, ceil_out_dim=ceil, include_pad=include)

        return pool

    def GlobalAveragePool(self, node, weights):
        return C.layers.GlobalAveragePooling()

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            first = own_axis(x, 1)
            return C.reshape(x, x.shape[:first] + (int(np.prod(x.shape[first:])),))

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self._weight(weights["B"], transposed=bool(node.attrs.get("transB", 0)))  # inputs x outputs
        if "C" not in weights:
            return lambda x: C.times(x, b)
        c = self._weight(weights["C"])
        return lambda x: C.times(x, b) + c

    def MatMul(self, node, weights):
        return product

    def Add(self, node, weights):
        return C.plus

    def Mul(self, node, weights):
        return C.element_times

    def Concat(self, node, weights):
        axis = node.attrs["axis"]
        if axis < 1:
            raise Unsupported("{0}: Concat along axis {1}".format(node.name, axis))
        return lambda *tensors: C.splice(*tensors, axis=own_axis(tensors[0], axis))

    def Clip(self, node, weights):
        return lambda x: C.clip(x, node.attrs["min"], node.attrs["max"])

    def Sigmoid(self, node, weights):
        return C.sigmoid

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        if size % 2 == 0:
            raise Unsupported("{0}: CNTK's window has a radius, not an even size".format(node.name))
        alpha, beta, bias = attrs.get("alpha", 1e-4), attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: C.local_response_normalization(x, size // 2, bias, alpha, beta)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: C.softmax(x, axis=axis if axis < 0 else own_axis(x, axis))


def own_axis(x, axis):
    """ONNX's axis, as CNTK counts without that of the samples."""
    return axis - 1 if x.dynamic_axes else axis


def restored(array, shape, transposed):
    """In ONNX's layout."""
    return np.ascontiguousarray(array.T if transposed else array).reshape(shape)


def padded(x, node, kernel, strides, border):
    """(x, `auto_padding`) for x [C,H,W]: CNTK pads where its rule gives ONNX's pads, else x has its border already."""
    pads = tuple(node.attrs.get("pads", [0, 0, 0, 0]))
    if not any(pads):
        return x, [False, False, False]
    dilations = tuple(node.attrs.get("dilations", [1, 1]))
    if automatic(x.shape[1:], kernel, strides, dilations, pads):
        return x, [False, True, True]
    if border is None:
        raise Unsupported("{0}: pads {1} that do not count".format(node.name, list(pads)))
    top, left, bottom, right = pads
    pattern = [(0, 0), (top, bottom), (left, right)]
    return C.pad(x, pattern, C.ops.CONSTANT_PAD, border), [False, False, False]


def automatic(size, kernel, strides, dilations, pads):
    """Whether CNTK's automatic padding puts the kernels where ONNX's pads put them.

    Its kernels are centred on every stride-th pixel, in the middle of what is left over: with an odd kernel and less
    than two pixels over, the first one is centred on the first pixel.
    """
    for axis in (0, 1):
        reach = dilations[axis] * (kernel[axis] - 1)
        same = pads[axis] == pads[axis + 2] == reach // 2
        if not same or kernel[axis] % 2 == 0 or (size[axis] - 1) % strides[axis] > 1:
            return False
    return True
