"""How does tinygrad run a network? Captured by TinyJit, in kernels that clang compiled for this CPU."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import platform
import re
import subprocess

from tinygrad import Device, Tensor, TinyJit, nn
from tinygrad.engine.jit import JitError
from tinygrad.helpers import ALLOW_TF32, BEAM, DEV, JIT, NUM_CPU_THREADS, PARALLEL, TRAINING, WINO

from workloads.backends import base
from workloads.backends.base import Unsupported

DEVICE = "CPU"
SETTINGS = (BEAM, JIT, NUM_CPU_THREADS, WINO)


class Backend(base.Backend):
    """`default` replays the kernels that TinyJit captured; their code is what the heuristics choose, without search."""

    name = "tinygrad"
    batch_statistics = True
    differentiates = True
    trains = True

    def configure(self):
        self.owners = {}
        self.learnt, self.running = {}, {}  # name -> tensor
        DEV.value = DEVICE  # otherwise whatever accelerator it finds first
        NUM_CPU_THREADS.value = self.threads
        PARALLEL.value = 0  # no pool of compiling processes: it would share the CPUs of the trial
        TRAINING.value = 0

    def build(self, nodes, weights, inputs, outputs):
        made = self.operators(nodes, weights)

        def network(**tensors):
            return self.walk(made, tensors, outputs)

        self.network = TinyJit(network)
        zeros = {name: Tensor.zeros(*shape, device=DEVICE).contiguous().realize() for name, shape in inputs.items()}
        try:
            for _ in range(2):  # the first call runs as it comes, the second is captured, all others replay it
                for tensor in self.network(**zeros).values():
                    tensor.numpy()
        except JitError as problem:
            raise Unsupported("TinyJit: {0}".format(problem)) from problem

    def build_gradient(self, nodes, weights, inputs, loss):
        compared = self._learn(nodes, weights, loss)

        def network(targets, **tensors):
            value = compared(targets, tensors)
            found = value.gradient(*self.learnt.values())
            return dict(zip(self.learnt, found), loss=value)  # noqa: B905  (3.10 has it)

        self.network = TinyJit(network)

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        """Nothing is captured here, as it would train: the first step runs as it comes, the second is captured."""
        TRAINING.value = 1  # the optimizer asks
        compared = self._learn(nodes, weights, loss)
        learnt, rate = list(self.learnt.values()), optimizer.learning_rate
        if optimizer.name == "sgd":
            made = nn.optim.SGD(learnt, rate, optimizer.momentum)
        else:
            made = nn.optim.Adam(learnt, rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)

        def network(targets, **tensors):
            made.zero_grad()
            value = compared(targets, tensors)
            value.backward()
            Tensor.realize(value, *made.schedule_step(), *self.running.values())
            return {"loss": value}

        self.network = TinyJit(network)

    def _learn(self, nodes, weights, loss):
        self.owners = base.owners(weights)
        made = self.operators(nodes, weights)
        self.step, self.fetch = self._replay, self._fetch_loss

        def compared(targets, tensors):
            output = self.walk(made, tensors, [loss.output])[loss.output]
            if loss.name == "cross_entropy":
                return output.sparse_categorical_crossentropy(targets)
            return (output - targets).square().mean()

        return compared

    def load_targets(self, targets):
        self.targets = placed(targets)

    def _replay(self):
        try:
            self.result = self.network(self.targets, **self.tensors)
        except JitError as problem:
            raise Unsupported("TinyJit: {0}".format(problem)) from problem

    def _fetch_loss(self):
        return {"loss": self.result["loss"].numpy().reshape(1)}

    def gradients(self):
        return {name: self.result[name].numpy() for name in self.learnt}

    def trained(self):
        return {name: tensor.numpy() for name, tensor in dict(self.learnt, **self.running).items()}

    def _weight(self, array, *, learnt=True):
        made = placed(array)
        if id(array) in self.owners:
            (self.learnt if learnt else self.running)[self.owners[id(array)]] = made
        return made

    def load(self, arrays):
        self.tensors = {name: placed(array) for name, array in arrays.items()}

    def step(self):
        self.result = self.network(**self.tensors)

    def fetch(self):
        return {name: tensor.numpy() for name, tensor in self.result.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        from importlib.metadata import version  # noqa: PLC0415  (the module does not say)

        return version("tinygrad")

    def build_string(self):
        renderer = type(Device[DEVICE].renderer).__name__
        settings = ", ".join("{0}={1}".format(each.key, each.value) for each in SETTINGS)
        text = "native kernels: {0} for {1}, {2}, -march={3}; {4}"
        return text.format(renderer, Device[DEVICE].renderer.target.arch, compiler(), target_cpu(), settings)

    def pools(self):
        return {"NUM_CPU_THREADS": NUM_CPU_THREADS.value}

    def arithmetic(self):
        found = {"tf32": "allowed" if ALLOW_TF32.value else "off"}
        if self.learnt:  # elsewhere nothing to say: it derives them when they are asked for, and records nothing before
            found["gradients"] = "on"
        return found

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = self._weight(weights["W"]), node.attrs.get("group", 1)
        b = self._weight(weights["B"]) if "B" in weights else None
        strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
        pads = padding(node)
        return lambda x: x.conv2d(w, b, group, tuple(strides), tuple(dilations), pads)

    def BatchNormalization(self, node, weights):
        if node.attrs.get("training_mode", 0):
            return self._norm_of_the_batch(node, weights)
        scale, shift, mean, var = (placed(weights[key]) for key in ("scale", "B", "mean", "var"))
        deviation = (var + node.attrs.get("epsilon", 1e-5)).rsqrt().realize()
        return lambda x: x.batchnorm(scale, shift, mean, deviation)

    def _norm_of_the_batch(self, node, weights):
        """Its own module; where TRAINING is set it moves the running statistics, the variance by the unbiased one."""
        norm = nn.BatchNorm(
            len(weights["scale"]), node.attrs.get("epsilon", 1e-5), momentum=1 - node.attrs.get("momentum", 0.9)
        )
        norm.weight, norm.bias = (self._weight(weights[key]) for key in ("scale", "B"))
        norm.running_mean, norm.running_var = (self._weight(weights[key], learnt=False) for key in ("mean", "var"))
        norm.track_running_stats = bool(TRAINING.value)  # else the statistics of the batch are asked for alone
        return norm

    def Relu(self, node, weights):
        return Tensor.relu

    def MaxPool(self, node, weights):
        kernel, strides, dilations, ceil = pool_geometry(node)
        pads = padding(node)
        return lambda x: x.max_pool2d(kernel, strides, dilations, pads, ceil)

    def AveragePool(self, node, weights):
        kernel, strides, dilations, ceil = pool_geometry(node)
        pads, count = padding(node), bool(node.attrs.get("count_include_pad", 0))
        return lambda x: x.avg_pool2d(kernel, strides, dilations, pads, ceil, count)

    def GlobalAveragePool(self, node, weights):
        return lambda x: x.mean((2, 3), keepdim=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: x.flatten(1)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self._weight(weights["B"])
        if node.attrs.get("transB", 0):
            b = b.transpose()  # a view, as nn.Linear has it
        c = self._weight(weights["C"]) if "C" in weights else None
        return lambda x: x.linear(b, c)

    def MatMul(self, node, weights):
        return Tensor.matmul

    def Add(self, node, weights):
        return Tensor.add

    def Mul(self, node, weights):
        return Tensor.mul

    def Concat(self, node, weights):
        return lambda x, *more: x.cat(*more, dim=node.attrs["axis"])

    def Clip(self, node, weights):
        return lambda x: x.clip(node.attrs["min"], node.attrs["max"])

    def Sigmoid(self, node, weights):
        return Tensor.sigmoid

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: x.softmax(axis)


def placed(array):
    """The array in memory of tinygrad's own, computed: TinyJit replays kernels on buffers, not on expressions."""
    return Tensor(array, device=DEVICE).contiguous().realize()


def padding(node):
    """ONNX's [top, left, bottom, right] as (left, right, top, bottom)."""
    top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
    return (left, right, top, bottom)


def pool_geometry(node):
    """(kernel, strides, dilations, ceil_mode) of a pool."""
    strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
    return tuple(node.attrs["kernel_shape"]), tuple(strides), tuple(dilations), bool(node.attrs.get("ceil_mode", 0))


def compiler():
    """`Debian clang version 14.0.6`: it is no part of tinygrad and decides how fast tinygrad is."""
    return run_clang("--version").splitlines()[0]


def target_cpu():
    """`sapphirerapids`: what `-march=native` means to this clang on this CPU."""
    found = re.search(r'"-target-cpu" "([^"]+)"', run_clang("-march=native", "-x", "c", "-###", "-c", "/dev/null"))
    return found.group(1) if found else "native on {0}".format(platform.machine())


def run_clang(*arguments):
    """What clang prints."""
    done = subprocess.run(("clang",) + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return done.stdout.decode("utf-8", "replace")
