"""How does JAX run a network? One jitted function of its weights and inputs, or one operator after another, in NHWC."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import glob
import os
import tempfile

import numpy as np

from workloads import folded
from workloads.backends import base, xla_evidence
from workloads.backends.base import Unsupported
from workloads.backends.jax_sequence import Sequence
from workloads.backends.jax_transformer import Transformer
from workloads.weights import LEARNT

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""


class Backend(Transformer, Sequence, base.Backend):
    """Weights are arguments: closed over, 138 million constants would go through XLA's passes at every compilation.

    `default` is one jitted function, `eager` the same function called as it is: each operator is compiled by itself.
    """

    name = "jax"
    modes = ("default", "eager")
    devices = ("cpu", "cuda")
    batch_statistics = True
    differentiates = True
    trains = True
    moved = None  # name -> running mean or variance after the batch, while a step of training is traced
    dtypes = ("float32", "bfloat16", "float16")

    def configure(self):
        # XLA's CPU client reads the size of its pool from here, once, when it is made; otherwise it takes the affinity.
        os.environ["PJRT_NPROC"] = str(self.threads)
        if self.execution == "eager":  # XLA writes down what it compiles: there is no one function to ask for its HLO
            self.dumps = tempfile.mkdtemp(dir=os.getcwd())
            flags = "--xla_dump_to={0} --xla_dump_hlo_as_text".format(self.dumps)
            os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), flags]).strip()
        import jax  # noqa: PLC0415  (after the variable is set)

        jax.config.update("jax_platforms", self.device)
        jax.config.update("jax_default_matmul_precision", "highest")
        self.jax = jax
        self.type = getattr(jax.numpy, self.computes_in)
        self.turned = {}  # weight -> the order of axes that ONNX has it in

    def build(self, nodes, weights, inputs, outputs):
        self.images = base.has_images(nodes)
        self.weights = {}
        nodes, weights = folded.flatten_last(nodes, weights, outputs)
        made = self.operators(nodes, weights)

        def network(weights, tensors):
            self.traced = weights  # the operators look their weights up while the function is traced, and only then
            results = self.walk(made, tensors, outputs)
            self.traced = None
            return results

        self.hlo = None
        self.function = network if self.execution == "eager" else self.jax.jit(network)
        self.weights = self.jax.block_until_ready(self.jax.device_put(self._typed(self.weights)))

    def build_gradient(self, nodes, weights, inputs, loss):
        measured = self.jax.value_and_grad(self._measured(nodes, weights, loss), has_aux=True)

        def differentiated(learnt, statistics, tensors, targets):
            (value, _), found = measured(learnt, statistics, tensors, targets)
            return value, found

        self.function = self.jax.jit(differentiated)
        self.carried = self.jax.block_until_ready(self.jax.device_put(self._parted()))

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        """By the optimizers of JAX's own examples: JAX itself has none. What a step replaces is donated to it."""
        from jax.example_libraries import optimizers  # noqa: PLC0415  (after `configure`)

        if optimizer.name == "sgd":
            start, update, self.current = optimizers.momentum(optimizer.learning_rate, optimizer.momentum)
        else:
            betas = (optimizer.beta1, optimizer.beta2)
            start, update, self.current = optimizers.adam(optimizer.learning_rate, *betas, eps=optimizer.epsilon)
        measured = self.jax.value_and_grad(self._measured(nodes, weights, loss), has_aux=True)

        def train(number, state, statistics, tensors, targets):
            (value, moved), found = measured(self.current(state), statistics, tensors, targets)
            return value, update(number, found, state), moved

        self.function = self.jax.jit(train, donate_argnums=(1, 2))
        learnt, statistics = self._parted()
        state = start(self.jax.device_put(learnt))
        self.carried = (0,) + self.jax.block_until_ready((state, self.jax.device_put(statistics)))
        self.step = self._train

    def _measured(self, nodes, weights, loss):
        """(learnt, statistics, tensors, targets) -> (loss, running statistics after the batch), to differentiate."""
        if self.execution != "default":
            raise Unsupported("mode {0!r}: gradients are those of the jitted function".format(self.execution))
        self.images = base.has_images(nodes)
        self.weights, self.hlo = {}, None
        made, measure = self.operators(nodes, weights), getattr(self, "_" + loss.name)
        self.fetch = self._fetch_loss

        def measured(learnt, statistics, tensors, targets):
            self.traced, self.moved = dict(learnt, **statistics), {}
            found = self.walk(made, tensors, [loss.output])[loss.output]
            moved, self.traced, self.moved = self.moved, None, None
            return measure(found, targets), moved

        return measured

    def _parted(self):
        """The weights as (learnt, running statistics)."""
        learnt = {name: array for name, array in self.weights.items() if name.rsplit(".", 1)[1] in LEARNT}
        return learnt, {name: array for name, array in self.weights.items() if name not in learnt}

    def _cross_entropy(self, logits, labels):
        return -self.jax.numpy.take_along_axis(self.jax.nn.log_softmax(logits), labels[:, None], 1).mean()

    def _mean_squared_error(self, output, targets):
        return self.jax.numpy.square(output - targets).mean()

    def load_targets(self, targets):
        targets = targets.astype("int32") if targets.dtype.kind == "i" else targets
        self.arguments = self.carried + (self.tensors, self.jax.block_until_ready(self.jax.device_put(targets)))

    def _train(self):
        self.result = self.function(*self.arguments)
        self.carried = (self.carried[0] + 1,) + self.result[1:]
        self.arguments = self.carried + self.arguments[-2:]

    def _fetch_loss(self):
        loss = self.jax.block_until_ready(self.result)[0]
        return {"loss": np.asarray(loss).reshape(1)}

    def gradients(self):
        return self._in_onnx_layout(self.result[1])

    def trained(self):
        _, state, statistics = self.result
        return self._in_onnx_layout(dict(self.current(state), **statistics))

    def _in_onnx_layout(self, tensors):
        found = self.jax.device_get(tensors)
        return {name: array.transpose(self.turned.get(name, range(array.ndim))) for name, array in found.items()}

    def adopt(self, network, weights):
        self.hlo = self.arguments = None
        if self.execution == "eager":
            return
        self.function = self.jax.jit(network)
        # Only their shapes: the owner's own calls may donate the buffers.
        self.weights = [self.jax.ShapeDtypeStruct(each.shape, each.dtype) for each in weights]

    def load(self, arrays):
        tensors = {name: a.transpose(0, 2, 3, 1) if self._image(a) else a for name, a in arrays.items()}
        self.tensors = self.jax.block_until_ready(self.jax.device_put(self._typed(tensors)))
        self.arguments = (self.weights, self.tensors)

    def step(self):
        self.result = self.function(*self.arguments)

    def fetch(self):
        if self.device == "cpu":
            # A view of the result's own memory; `device_get` hands each of them to another thread to be copied.
            arrays = {name: np.asarray(array) for name, array in self.result.items()}
        else:
            arrays = self.jax.device_get(self.result)
        if self.computes_in != "float32":
            arrays = base.converted(arrays, np.float32)
        return {name: a.transpose(0, 3, 1, 2) if self._image(a) else a for name, a in arrays.items()}

    def _typed(self, arrays):
        return arrays if self.computes_in == "float32" else base.converted(arrays, self.type)

    def _image(self, x):
        """Whether a tensor is an image, whose channels are last here."""
        return self.images and x.ndim == 4

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return self.jax.__version__

    def build_string(self):
        import jaxlib  # noqa: PLC0415

        flags = os.environ.get("XLA_FLAGS", "")
        return "jaxlib {0}, platform {1}, XLA_FLAGS={2!r}".format(jaxlib.__version__, self.jax.default_backend(), flags)

    def pools(self):
        """Nothing in JAX says how large XLA's pool is; its threads have a name of their own.

        A step also runs on the thread that dispatched it, which waits while the pool works: of one, two take turns.
        """
        names = []
        for task in os.listdir("/proc/self/task"):
            with open("/proc/self/task/{0}/comm".format(task)) as file:
                names.append(file.read().strip())
        count = names.count("tf_XLAEigen")
        return {"tf_XLAEigen": count} if count else {}

    def execution_state(self):
        if not hasattr(self.function, "lower"):
            return (
                "eager",
                "a plain function: XLA compiled {0} modules for its operators".format(len(self._modules())),
            )
        known = self.function._cache_size()  # noqa: SLF001  (no public name says it)
        return ("default", "a jitted function with {0} compiled form".format(known))

    def precision(self):
        if self.computes_in != "float32":
            return xla_evidence.precision_of_products(self._compiled())
        return xla_evidence.precision(self._compiled())

    def placement(self):
        found = {device for tensor in self.jax.tree_util.tree_leaves(self.result) for device in tensor.devices()}
        names = {("cpu" if each.platform == "cpu" else "cuda:{0}".format(each.local_hardware_id)) for each in found}
        return ", ".join(sorted(names))

    def arithmetic(self):
        highest = self.jax.config.jax_default_matmul_precision == "highest"  # "Full float32 computation", not TF32
        recorded = "on" if isinstance(self.result, tuple) else "off"
        return {"gradients": recorded, "tf32": "off" if highest else "allowed"}

    def static_libraries(self):
        """XLA, and whose kernels it chose: YNNPACK where it fused products for it, Eigen for the others.

        On a GPU, where the products are calls of cuBLAS and cuDNN, it is named only if some were left to XLA itself.
        """
        import jaxlib  # noqa: PLC0415

        if self.device == "cuda":
            return xla_evidence.left_to_xla(self._compiled(), jaxlib.__version__)
        return [xla_evidence.library(self._compiled(), jaxlib.__version__)]

    def onednn_state(self):
        state, reason = xla_evidence.onednn_state(self._compiled())
        return (state, None, reason)

    def _compiled(self):
        """XLA's optimised HLO of the function, as text; lowered once more, as a jitted function does not show it."""
        if self.hlo is None and self.execution == "eager":
            self.hlo = "".join(self._modules())
        if self.hlo is None:
            self.hlo = self.function.lower(*(self.arguments or (self.weights, self.tensors))).compile().as_text()
        return self.hlo

    def _modules(self):
        """The optimised HLO of every module that this process has compiled, as texts."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.dumps, "*after_optimizations.txt"))):
            with open(path) as file:
                found.append(file.read())
        return found

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def _weight(self, node, key, array, back=None):
        """A function that gives the weight inside the traced function; `back`: ONNX's order of its axes."""
        name = "{0}.{1}".format(node.name, key)
        if back:
            self.turned[name] = back
        self.weights[name] = array
        return lambda: self.traced[name]

    def Conv(self, node, weights):
        lax = self.jax.lax
        kernel = self._weight(node, "W", weights["W"].transpose(2, 3, 1, 0), (3, 2, 0, 1))
        bias = self._weight(node, "B", weights["B"]) if "B" in weights else None
        top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])

        def conv(x):
            y = lax.conv_general_dilated(
                x,
                kernel(),
                window_strides=node.attrs.get("strides", [1, 1]),
                padding=[(top, bottom), (left, right)],
                rhs_dilation=node.attrs.get("dilations", [1, 1]),
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=node.attrs.get("group", 1),
                precision=lax.Precision.HIGHEST,
            )
            return y if bias is None else y + bias()

        return conv

    def BatchNormalization(self, node, weights):
        scale, shift, mean, var = [self._weight(node, key, weights[key]) for key in ("scale", "B", "mean", "var")]
        epsilon, keep = node.attrs.get("epsilon", 1e-5), node.attrs.get("momentum", 0.9)

        def normalised(x, mean, var):
            return (x - mean) * (self.jax.lax.rsqrt(var + epsilon) * scale()) + shift()

        def of_the_batch(x):
            own, power = x.mean((0, 1, 2)), x.var((0, 1, 2))
            if self.moved is not None:
                self.moved[node.name + ".mean"] = keep * mean() + (1 - keep) * own
                self.moved[node.name + ".var"] = keep * var() + (1 - keep) * power
            return normalised(x, own, power)

        return of_the_batch if node.attrs.get("training_mode", 0) else lambda x: normalised(x, mean(), var())

    def Relu(self, node, weights):
        return self.jax.nn.relu

    def MaxPool(self, node, weights):
        window = pool_window(node)
        return lambda x: self.jax.lax.reduce_window(x, -float("inf"), self.jax.lax.max, *window)

    def AveragePool(self, node, weights):
        window = pool_window(node)
        if any(node.attrs.get("pads", [])) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: pads that do not count".format(node.name))
        kh, kw = node.attrs["kernel_shape"]
        return lambda x: self.jax.lax.reduce_window(x, 0.0, self.jax.lax.add, *window) / (kh * kw)

    def GlobalAveragePool(self, node, weights):
        return lambda x: x.mean(axis=(1, 2), keepdims=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            if self._image(x) and not node.attrs.get("channels_last", 0):
                x = x.transpose(0, 3, 1, 2)  # ONNX's order is channels first
            return x.reshape(x.shape[0], -1)

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        turned = bool(node.attrs.get("transB", 0))
        b = self._weight(node, "B", weights["B"].T if turned else weights["B"], (1, 0) if turned else None)
        if "C" not in weights:
            return lambda x: self.jax.numpy.dot(x, b())
        c = self._weight(node, "C", weights["C"])
        return lambda x: self.jax.numpy.dot(x, b()) + c()

    def MatMul(self, node, weights):
        return self.jax.numpy.matmul

    def Add(self, node, weights):
        return self.jax.numpy.add

    def Mul(self, node, weights):
        return self.jax.numpy.multiply

    def Concat(self, node, weights):
        axis = node.attrs["axis"]
        concatenate = self.jax.numpy.concatenate
        return lambda *tensors: concatenate(tensors, FROM_NCHW[axis] if self._image(tensors[0]) else axis)

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        return self.jax.nn.relu6 if (low, high) == (0, 6) else lambda x: self.jax.numpy.clip(x, low, high)

    def Sigmoid(self, node, weights):
        return self.jax.nn.sigmoid

    def LRN(self, node, weights):
        """JAX has none of its own: a sum over a window of channels, in NHWC."""
        lax, size, attrs = self.jax.lax, node.attrs["size"], node.attrs
        alpha, beta, bias = attrs.get("alpha", 1e-4) / size, attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        pads = ((0, 0), (0, 0), (0, 0), ((size - 1) // 2, size // 2))
        return lambda x: (
            x * (bias + alpha * lax.reduce_window(x * x, 0.0, lax.add, (1, 1, 1, size), (1, 1, 1, 1), pads)) ** -beta
        )

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: self.jax.nn.softmax(x, FROM_NCHW[axis] if self._image(x) else axis)


def pool_window(node):
    """Window, strides and padding of a pool as `reduce_window` takes them, in NHWC."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    kernel, strides = node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1])
    top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
    return (1, *kernel, 1), (1, *strides, 1), ((0, 0), (top, bottom), (left, right), (0, 0))
