"""How does PaddlePaddle run a network? Saved as a program and loaded by its inference engine, or layer by layer."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os
import re
import shutil
import tempfile

import numpy as np
import paddle
import paddle.nn.functional as F  # noqa: N812  (its usual name)
from paddle import inference

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.paddle_sequence import Sequence
from workloads.backends.paddle_transformer import Transformer
from workloads.evidence import maps, onednn

SERIAL = "FLAGS_new_executor_serial_run"
THREADS = "FLAGS_paddle_num_threads"

NO_BFLOAT16 = ("matmul_add_act_fuse_pass", "matmul_reshape_add_fuse_pass", "operator_reshape_onednn_fuse_pass")
"""Passes that are left out in bfloat16. Behind the first two a product with a bias is oneDNN's inner_product, for which
it has only its reference kernel on a CPU without AVX512_BF16; behind the third, shapes are inferred once more without
the reshapes that it fused."""


class Network(paddle.nn.Layer):
    """What is saved: the operators over parameters of this layer."""

    def __init__(self):
        super().__init__()
        self.function = None

    def parameter(self, array, *, learnt=False):
        """The array as a parameter; Assign refuses arrays of this size."""
        made = self.create_parameter(list(array.shape), default_initializer=paddle.nn.initializer.Constant(0.0))
        made.set_value(np.ascontiguousarray(array))
        made.stop_gradient = not learnt
        self.add_parameter("weight_{0}".format(len(self.parameters())), made)
        return made

    def forward(self, tensors):
        """The network's outputs, in order; one argument, as forward() is translated by the names of its arguments."""
        return self.function(tensors)


class Backend(Sequence, Transformer, base.Backend):
    """`default` is paddle.inference with its passes, as one deploys it; `static` is the layer made a program by
    `to_static`, `eager` calls one kernel after another.

    Only the inference engine hands work to oneDNN: FLAGS_use_onednn changes nothing of what dygraph calls.
    """

    name = "paddle"
    modes = ("default", "static", "eager")
    batch_statistics = True
    differentiates = True
    trains = True
    learning = False
    dtypes = ("float32", "bfloat16")
    lacking = {
        "float16": "PaddlePaddle has no kernel of matmul or conv2d for it on a CPU, and gives oneDNN bfloat16 alone",
        "int8": "oneDNN gets it of calibrated models alone, and llm_int8_linear has no kernel for a CPU",
    }

    def configure(self):
        if self.execution != "default" and self.onednn == "on":
            raise Unsupported("mode {0!r}: oneDNN is for the inference engine alone".format(self.execution))
        if self.computes_in != "float32" and (self.execution != "default" or self.onednn != "on"):
            text = "dtype {0!r}: the inference engine has it where oneDNN computes"
            raise Unsupported(text.format(self.computes_in))
        paddle.set_device("cpu")
        paddle.set_flags({THREADS: self.threads})
        if self.threads == 1:  # else its executor runs operators that do not wait for each other on threads of its own
            paddle.set_flags({SERIAL: True})
        paddle.base.core.set_num_threads(self.threads)  # dygraph reads the flag once, when it is imported
        self.network = Network()
        self.owners = {}
        self.learnt, self.running = {}, {}  # name -> (parameter, whether it is stored transposed)

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.names = list(inputs)
        integers = base.integer_inputs(nodes)
        specs = [
            paddle.static.InputSpec(list(shape), "int64" if name in integers else "float32", name)
            for name, shape in inputs.items()
        ]
        made = self.operators(nodes, weights)
        walk = paddle.jit.not_to_static(self.walk)  # plain Python over plain Python: nothing to translate

        def function(tensors):
            found = walk(made, dict(zip(self.names, tensors)), self.outputs)  # noqa: B905  (3.10 has it)
            return [found[name] for name in self.outputs]

        self.network.function = function
        self.network.eval()
        if self.execution == "default":
            self._deploy(specs)
            self.network = None  # the predictor has weights of its own
        elif self.execution == "static":
            self.network = paddle.jit.to_static(self.network, input_spec=[specs], full_graph=True)

    def build_gradient(self, nodes, weights, inputs, loss):
        self._learn(nodes, weights, inputs, loss)
        self.step = self._differentiate

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self._learn(nodes, weights, inputs, loss)
        rate, learnt = optimizer.learning_rate, [parameter for parameter, _ in self.learnt.values()]
        if optimizer.name == "sgd":
            self.optimizer = paddle.optimizer.Momentum(rate, optimizer.momentum, learnt)
        else:
            betas = (optimizer.beta1, optimizer.beta2)
            self.optimizer = paddle.optimizer.Adam(rate, *betas, epsilon=optimizer.epsilon, parameters=learnt)
        self.step = self._train

    def _learn(self, nodes, weights, inputs, loss):
        if self.execution == "default":
            raise Unsupported("mode 'default': the inference engine has no gradients; 'static' and 'eager' have")
        self.learning = True
        self.owners = base.owners(weights)
        self.names = list(inputs)
        made = self.operators(nodes, weights)
        walk = paddle.jit.not_to_static(self.walk)
        compared = {"cross_entropy": F.cross_entropy, "mean_squared_error": F.mse_loss}[loss.name]

        def function(tensors):
            found = walk(made, dict(zip(self.names, tensors)), [loss.output])  # noqa: B905  (3.10 has it)
            return [compared(found[loss.output], tensors[-1])]

        self.network.function = function
        self.network.train()
        if self.execution == "static":
            self.network = paddle.jit.to_static(self.network, full_graph=True)
        self.fetch = self._fetch_loss

    def load_targets(self, targets):
        self.targets = paddle.to_tensor(targets)

    def _differentiate(self):
        for parameter, _ in self.learnt.values():
            parameter.clear_gradient(set_to_zero=False)
        self.result = self.network(self.tensors + [self.targets])
        self.result[0].backward()

    def _train(self):
        self.optimizer.clear_grad(set_to_zero=False)
        self.result = self.network(self.tensors + [self.targets])
        self.result[0].backward()
        self.optimizer.step()

    def _fetch_loss(self):
        return {"loss": self.result[0].numpy().reshape(1)}

    def gradients(self):
        return self.joined(
            {name: restored(parameter.grad, turned) for name, (parameter, turned) in self.learnt.items()}
        )

    def trained(self):
        now = dict(self.learnt, **self.running)
        return self.joined({name: restored(parameter, turned) for name, (parameter, turned) in now.items()})

    def _weight(self, array, *, transposed=False, learnt=True):
        made = self.network.parameter(array.T if transposed else array, learnt=self.learning and learnt)
        if self.learning:
            (self.learnt if learnt else self.running)[self.owners[id(array)]] = made, transposed
        return made

    def _deploy(self, specs):
        folder = tempfile.mkdtemp(dir=os.getcwd())  # /tmp may be a memory file system too small for the weights
        try:
            path = os.path.join(folder, "network")
            paddle.jit.save(self.network, path, input_spec=[specs])
            self.config = inference.Config(path + ".json", path + ".pdiparams")
            self._set_up(self.config)
            self.predictor = inference.create_predictor(self.config)
        finally:
            shutil.rmtree(folder)
        self.handles = {name: self.predictor.get_input_handle(name) for name in self.predictor.get_input_names()}
        self.fetched = [self.predictor.get_output_handle(name) for name in self.predictor.get_output_names()]

    def _set_up(self, config):
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(self.threads)
        if self.onednn == "on":
            config.enable_onednn()
        else:
            config.disable_onednn()  # it is on where nobody says so
        if self.computes_in == "bfloat16":
            config.enable_onednn_bfloat16()
            for name in NO_BFLOAT16:
                config.delete_pass(name)
        config.switch_ir_optim()
        config.enable_new_ir()
        config.enable_new_executor()
        config.enable_memory_optim()
        config.disable_glog_info()

    def load(self, arrays):
        if self.execution == "default":
            for name, array in arrays.items():
                self.handles[name].copy_from_cpu(np.ascontiguousarray(array))
        else:
            self.tensors = [paddle.to_tensor(arrays[name]) for name in self.names]

    def step(self):
        if self.execution == "default":
            self.predictor.run()
            return
        with paddle.no_grad():
            self.result = self.network(self.tensors)

    def fetch(self):
        if self.execution == "default":
            arrays = [handle.copy_to_cpu() for handle in self.fetched]
        else:
            arrays = [tensor.numpy() for tensor in self.result]
        return dict(zip(self.outputs, arrays))  # noqa: B905  (3.10 has it)

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return paddle.version.full_version

    def build_string(self):
        text = "commit {0}, with_mkl {1}, cinn {2}".format(
            paddle.version.commit, paddle.version.with_mkl, paddle.version.cinn()
        )
        if self.execution == "default":
            shown = re.findall(r"\|\s*(\w+)\s*\|\s*(\w+)\s*\|", self.config.summary())
            text += "; " + ", ".join("{0}={1}".format(name, value) for name, value in shown if name != "Option")
        return text

    def pools(self):
        if self.execution == "default":
            return {"cpu_math_library": self.config.cpu_math_library_num_threads()}
        return {"dygraph": int(paddle.get_flags([THREADS])[THREADS])}

    def execution_state(self):
        if self.network is None:
            return ("default", "a predictor of paddle.inference, ir_optim {0}".format(self.config.ir_optim()))
        program = getattr(self.network.forward, "concrete_program", None)
        if program is None:
            return ("eager", "in_dynamic_mode() {0}, and the layer is no program".format(paddle.in_dynamic_mode()))
        return ("static", "a program of {0} operators".format(len(program.main_program.global_block().ops)))

    def precision(self):
        """The types of oneDNN's products in one step; where it has none, the type that the program returns."""
        if self.execution != "default":
            return paddle.get_default_dtype()
        types = {handle.type().name.lower() for handle in self.fetched}
        if self.onednn == "on":
            narrow = self.computes_in != "float32"  # then a product may still write what is returned, in float32
            tensors = ("src", "wei") if narrow else ("src", "wei", "dst")
            shown = onednn.product_types(onednn.verbose_step(self.step, maps.read_maps()), tensors)
            names = {"f32": "float32", "bf16": "bfloat16"}
            products = {names.get(name, name) for name in shown}
            types = (products or {"unknown"}) if narrow else types | products
        return ", ".join(sorted(types))

    def arithmetic(self):
        if self.execution == "default":
            return {}  # a program for inference has no gradients
        recorded = any(not tensor.stop_gradient for tensor in self.result)
        return {"gradients": "on" if recorded else "off"}

    def onednn_state(self):
        if self.execution != "default":
            return ("off", None, "neither dygraph nor its programs call a kernel of oneDNN")
        on = self.config.onednn_enabled()
        return ("on" if on else "off", None, "Config.onednn_enabled() of the predictor")

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = self._weight(weights["W"])
        b = self._weight(weights["B"]) if "B" in weights else None
        strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
        pads, group = padding(node), node.attrs.get("group", 1)
        return lambda x: F.conv2d(x, w, b, strides, pads, dilations, group)

    def BatchNormalization(self, node, weights):
        scale, shift = (self._weight(weights[key]) for key in ("scale", "B"))
        mean, var = (self._weight(weights[key], learnt=False) for key in ("mean", "var"))
        epsilon, keep = node.attrs.get("epsilon", 1e-5), node.attrs.get("momentum", 0.9)
        if node.attrs.get("training_mode", 0):
            return lambda x: F.batch_norm(x, mean, var, scale, shift, training=True, momentum=keep, epsilon=epsilon)
        return lambda x: F.batch_norm(x, mean, var, scale, shift, training=False, epsilon=epsilon)

    def Relu(self, node, weights):
        return F.relu

    def MaxPool(self, node, weights):
        kernel, strides, pads, ceil = pool_geometry(node)
        return lambda x: F.max_pool2d(x, kernel, strides, pads, ceil_mode=ceil)

    def AveragePool(self, node, weights):
        kernel, strides, pads, ceil = pool_geometry(node)
        if not node.attrs.get("count_include_pad", 0) or not any(pads):
            return lambda x: F.avg_pool2d(x, kernel, strides, pads, ceil_mode=ceil, exclusive=True)
        # exclusive=False counts only those pads that lie inside the image's own extent and one pad more
        top, left, bottom, right = node.attrs["pads"]
        before = [left, right, top, bottom]
        return lambda x: F.avg_pool2d(F.pad(x, before), kernel, strides, 0, ceil_mode=ceil)

    def GlobalAveragePool(self, node, weights):
        return lambda x: F.adaptive_avg_pool2d(x, 1)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        return lambda x: paddle.flatten(x, 1)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b = self._weight(weights["B"], transposed=bool(node.attrs.get("transB", 0)))  # [in, out]
        c = self._weight(weights["C"]) if "C" in weights else None
        return lambda x: F.linear(x, b, c)

    def MatMul(self, node, weights):
        return paddle.matmul

    def Add(self, node, weights):
        return paddle.add

    def Mul(self, node, weights):
        return paddle.multiply

    def Concat(self, node, weights):
        return lambda *tensors: paddle.concat(list(tensors), node.attrs["axis"])

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        return F.relu6 if (low, high) == (0, 6) else lambda x: paddle.clip(x, low, high)

    def Sigmoid(self, node, weights):
        return F.sigmoid

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        alpha, beta, bias = attrs.get("alpha", 1e-4), attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return lambda x: F.local_response_norm(x, size, alpha, beta, bias)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda x: F.softmax(x, axis)


def restored(tensor, transposed):
    """A float32 array in ONNX's layout; `transposed` may be the function that makes it."""
    array = tensor.numpy()
    if callable(transposed):
        return transposed(array)
    return np.ascontiguousarray(array.T) if transposed else array


def padding(node):
    """ONNX's [top, left, bottom, right] as [top, bottom, left, right], or as two numbers where they say the same."""
    top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
    return [top, left] if (top, left) == (bottom, right) else [top, bottom, left, right]


def pool_geometry(node):
    """(kernel, strides, padding, ceil_mode) of a pool."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1]:
        raise Unsupported("{0}: pool with dilations".format(node.name))
    strides = node.attrs.get("strides", [1, 1])
    return node.attrs["kernel_shape"], strides, padding(node), bool(node.attrs.get("ceil_mode", 0))
