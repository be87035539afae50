"""How does Chainer run a network? Eagerly, in numpy and its BLAS; with iDeep, in Intel's MKL-DNN where that can."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os

import chainer
import chainer.functions as F  # noqa: N812  (its usual name)
import numpy as np

from workloads.backends import base, numpy_blas
from workloads.backends.base import Unsupported
from workloads.backends.chainer_sequence import Sequence
from workloads.backends.chainer_transformer import Transformer
from workloads.evidence import onednn
from workloads.weights import LEARNT

try:
    from chainer.backends import intel64
except ImportError:  # before version 4
    intel64 = None


SMALL = """
import chainer
import numpy as np
chainer.global_config.use_ideep = {0!r}
w = chainer.backends.intel64.ideep.array(np.ones((16, 16, 3, 3), np.float32))
chainer.functions.convolution_2d(np.ones((1, 16, 8, 8), np.float32), w)
"""


class Backend(Sequence, Transformer, base.Backend):
    """`default` is test mode, no graph for gradients, no checks of types at every call, as its documentation advises.

    `autograd` is test mode and nothing else: Chainer as it comes, which records the graph and checks the types.
    """

    name = "chainer"
    modes = ("default", "autograd")
    batch_statistics = True
    differentiates = True
    trains = True
    learnt = None  # name -> Parameter, where gradients are asked for
    running = None  # name -> running mean or variance, where it is trained
    owners = {}  # id of a weight's array -> name, then

    def configure(self):
        chainer.global_config.train = False
        chainer.global_config.enable_backprop = self.execution == "autograd"
        chainer.global_config.type_check = self.execution == "autograd"
        self.ideep = intel64 is not None and intel64.is_ideep_available()
        if self.onednn == "on" and not self.ideep:
            raise Unsupported("chainer.backends.intel64.is_ideep_available() is False")
        if self.ideep:
            chainer.global_config.use_ideep = "auto" if self.onednn == "on" else "never"

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.made = self.operators(nodes, weights)

    def build_gradient(self, nodes, weights, inputs, loss):
        if self.execution != "default":
            raise Unsupported("mode {0!r}: inference alone can forget what gradients need".format(self.execution))
        self.learnt = {}
        self.owners = base.owners(weights)
        chainer.global_config.train = True
        chainer.global_config.enable_backprop = True
        self.build(nodes, weights, inputs, [loss.output])
        self.measure = {"cross_entropy": F.softmax_cross_entropy, "mean_squared_error": F.mean_squared_error}[loss.name]
        self.step, self.fetch = self._differentiate, self._fetch_loss

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self.running = {}
        self.build_gradient(nodes, weights, inputs, loss)
        link = chainer.Link()
        with link.init_scope():  # names of ours are no identifiers
            for number, parameter in enumerate(self.learnt.values()):
                setattr(link, "parameter{0}".format(number), parameter)
        if optimizer.name == "sgd":
            self.optimizer = chainer.optimizers.MomentumSGD(optimizer.learning_rate, optimizer.momentum)
        else:
            betas = (optimizer.beta1, optimizer.beta2)
            self.optimizer = chainer.optimizers.Adam(optimizer.learning_rate, *betas, eps=optimizer.epsilon)
        self.optimizer.setup(link)
        self.step = self._train

    def _train(self):
        self._differentiate()
        self.optimizer.update()

    def trained(self):
        now = {name: np.asarray(parameter.data) for name, parameter in self.learnt.items()}
        now.update((name, np.asarray(array)) for name, array in self.running.items())
        return now

    def load_targets(self, targets):
        self.targets = targets.astype(np.int32) if targets.dtype.kind == "i" else targets

    def _differentiate(self):
        for variable in self.learnt.values():
            variable.cleargrad()
        found = self.walk(self.made, self.tensors, self.outputs)[self.outputs[0]]
        self.loss = self.measure(found, self.targets)
        self.loss.backward()
        self.result = {"loss": self.loss}

    def _fetch_loss(self):
        return {"loss": np.asarray(self.loss.data, np.float32).reshape(1)}

    def gradients(self):
        return {name: np.asarray(variable.grad) for name, variable in self.learnt.items()}

    def load(self, arrays):
        self.tensors = {
            name: chainer.Variable(np.ascontiguousarray(array), requires_grad=False) for name, array in arrays.items()
        }

    def step(self):
        self.result = self.walk(self.made, self.tensors, self.outputs)

    def fetch(self):
        return {name: np.asarray(variable.data) for name, variable in self.result.items()}

    def _placed(self, weights, *, plain=False):
        """The weights where a link would have them: in iDeep's arrays after `to_intel64`; `plain` for those of three
        axes, which end the process there."""
        placed = weights
        if self.ideep and self.onednn == "on" and not plain:
            placed = {key: intel64.ideep.array(array) for key, array in weights.items()}
        if self.execution == "autograd":
            return {key: chainer.Variable(array) for key, array in placed.items()}
        if self.learnt is None:
            return placed
        made = {key: chainer.Parameter(array) if key in LEARNT else array for key, array in placed.items()}
        self.learnt.update((self.owners[id(array)], made[key]) for key, array in weights.items() if key in LEARNT)
        return made

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return chainer.__version__

    def build_string(self):
        return "numpy {0}: {1}".format(np.__version__, numpy_blas.describe_build())

    def pools(self):
        asked = os.environ.get("OMP_NUM_THREADS", "")
        return {"OMP_NUM_THREADS": int(asked)} if asked.isdigit() else {}

    def execution_state(self):
        recorded = any(variable.creator is not None for variable in self.result.values())
        names = ("train", "enable_backprop", "type_check")
        how = ", ".join("{0}={1}".format(name, getattr(chainer.config, name)) for name in names)
        how += "; the output has {0} creator".format("a" if recorded else "no")
        return ("autograd" if recorded and self.learnt is None else "default", how)

    def arithmetic(self):
        recorded = any(variable.creator is not None for variable in self.result.values())
        return {"gradients": "on" if recorded or chainer.config.enable_backprop else "off"}

    def onednn_state(self):
        if not self.ideep:
            return ("absent", None, "iDeep is not installed")
        state, version, reason = onednn.ask_child(SMALL.format(chainer.config.use_ideep))
        return (state, version, "{0}; chainer.config.use_ideep is {1!r}".format(reason, chainer.config.use_ideep))

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        stride, pad = tuple(node.attrs.get("strides", (1, 1))), even_pads(node)
        dilation, group = tuple(node.attrs.get("dilations", (1, 1))), node.attrs.get("group", 1)
        if group > 1 and weights["W"].shape[:2] == (group, 1) and dilation == (1, 1):
            placed = self._placed(weights)
            w, b = placed["W"], placed.get("B")
            if self.learnt is not None:
                return lambda x: F.depthwise_convolution_2d(x, F.transpose(w, (1, 0, 2, 3)), b, stride, pad)
            w = self._placed({"W": np.ascontiguousarray(weights["W"].transpose(1, 0, 2, 3))})["W"]
            return lambda x: F.depthwise_convolution_2d(x, w, b, stride, pad)
        options = {}
        if group > 1:
            options["groups"] = group
        if dilation != (1, 1):
            options["dilate"] = dilation
        placed = self._placed(weights)
        w, b = placed["W"], placed.get("B")
        if options and intel64 is None:
            raise Unsupported("{0}: groups and dilations: Chainer has them from 4.0 on".format(node.name))
        return lambda x: F.convolution_2d(x, w, b, stride, pad, **options)

    def BatchNormalization(self, node, weights):
        w = self._placed(weights)
        scale, shift, mean, var = w["scale"], w["B"], w["mean"], w["var"]
        epsilon = node.attrs.get("epsilon", 1e-5)
        if node.attrs.get("training_mode", 0) and self.running is None:
            return lambda x: F.batch_normalization(x, scale, shift, eps=epsilon)
        if node.attrs.get("training_mode", 0):  # it moves them in place
            mean, var = [np.array(weights[key]) for key in ("mean", "var")]
            self.running.update({node.name + ".mean": mean, node.name + ".var": var})
            options = {"eps": epsilon, "decay": node.attrs.get("momentum", 0.9)}
            options.update(running_mean=mean, running_var=var)
            return lambda x: F.batch_normalization(x, scale, shift, **options)
        return lambda x: F.fixed_batch_normalization(x, scale, shift, mean, var, eps=epsilon)

    def Relu(self, node, weights):
        return F.relu

    def MaxPool(self, node, weights):
        kernel, stride, pad = pool(node)
        ceil = bool(node.attrs.get("ceil_mode", 0))
        return lambda x: F.max_pooling_2d(x, kernel, stride, pad, cover_all=ceil)

    def AveragePool(self, node, weights):
        kernel, stride, pad = pool(node)
        if node.attrs.get("ceil_mode", 0) or (any(pad) and not node.attrs.get("count_include_pad", 0)):
            raise Unsupported("{0}: average_pooling_2d has no ceil_mode, and pads count".format(node.name))
        return lambda x: F.average_pooling_2d(x, kernel, stride, pad)

    def GlobalAveragePool(self, node, weights):
        return lambda x: F.average_pooling_2d(x, x.shape[2:])

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: F.reshape(x, (x.shape[0], -1))

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        if not node.attrs.get("transB", 0):  # F.linear takes [out, in]
            weights = dict(weights, B=np.ascontiguousarray(weights["B"].T))
        placed = self._placed(weights)
        w, b = placed["B"], placed.get("C")
        return lambda x: F.linear(x, w, b)

    def MatMul(self, node, weights):
        return F.matmul

    def Add(self, node, weights):
        return lambda a, b: a + b

    def Mul(self, node, weights):
        return lambda a, b: a * (b if a.shape == b.shape else F.broadcast_to(b, a.shape))

    def Concat(self, node, weights):
        return lambda *tensors: F.concat(tensors, node.attrs["axis"])

    def Clip(self, node, weights):
        low, high = float(node.attrs["min"]), float(node.attrs["max"])
        return (lambda x: F.clipped_relu(x, high)) if low == 0 else lambda x: F.clip(x, low, high)

    def Sigmoid(self, node, weights):
        return F.sigmoid

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        alpha, beta, bias = attrs.get("alpha", 1e-4) / size, attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: F.local_response_normalization(x, size, bias, alpha, beta)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: F.softmax(x, axis=axis)


def even_pads(node):
    """(vertical, horizontal); ONNX has [top, left, bottom, right]."""
    top, left, bottom, right = node.attrs.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise Unsupported("{0}: uneven pads".format(node.name))
    return (top, left)


def pool(node):
    """(kernel, strides, pads) of a pool."""
    if list(node.attrs.get("dilations", (1, 1))) != [1, 1]:
        raise Unsupported("{0}: dilations".format(node.name))
    return tuple(node.attrs["kernel_shape"]), tuple(node.attrs.get("strides", (1, 1))), even_pads(node)
