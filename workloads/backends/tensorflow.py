"""How does TensorFlow run a network? One `tf.function` over variables, in NHWC, which its CPU kernels want."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
import tensorflow as tf

from workloads import folded
from workloads.backends import base, tensorflow_evidence, xla_evidence
from workloads.backends.base import Unsupported
from workloads.backends.tensorflow_operators import LOSSES, Operators, conv_padding, nhwc, pool_geometry, population
from workloads.backends.tensorflow_sequence import Sequence
from workloads.backends.tensorflow_training import make_optimizer
from workloads.backends.tensorflow_transformer import Transformer


def variable(array, **options):
    """A weight, as a layer would hold it."""
    return tf.Variable(array, **dict({"trainable": False}, **options))


def convolution(node, kernel):
    """The convolution with the kernel [kh, kw, in / group, out]; conv2d sees the groups in its shape."""
    padding = conv_padding(node)
    strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
    return lambda x: tf.nn.conv2d(x, kernel, strides, padding, dilations=dilations)


def split(node, kernels):
    """One convolution per group: without oneDNN, the graph that fuses a grouped one with its bias cannot run it
    ("Fused conv implementation does not support grouped convolutions for now")."""
    convolutions = [convolution(node, kernel) for kernel in kernels]

    def grouped(x):
        parts = tf.split(x, len(kernels), axis=3)
        return tf.concat([one(part) for one, part in zip(convolutions, parts)], axis=3)  # noqa: B905  (3.10 has it)

    return grouped


def depthwise(node, kernel, apart):
    """The depthwise convolution with the kernel [kh, kw, in, out / in]; its pads are a step of their own if `apart`."""
    padding = conv_padding(node)
    strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
    if strides[0] != strides[1]:
        raise Unsupported("{0}: depthwise_conv2d takes one stride for both axes".format(node.name))
    strides = [1, strides[0], strides[1], 1]
    if isinstance(padding, str) or not apart:
        return lambda x: tf.nn.depthwise_conv2d(x, kernel, strides, padding, dilations=dilations)
    return lambda x: tf.nn.depthwise_conv2d(tf.pad(x, padding), kernel, strides, "VALID", dilations=dilations)


class Backend(Transformer, Sequence, Operators):
    """`default` is the graph that `tf.function` makes, `frozen` the same with its variables made constants, `eager` one
    kernel after another, `xla` the whole compiled."""

    name = "tensorflow"
    modes = ("default", "frozen", "eager", "xla")
    devices = ("cpu", "cuda")
    batch_statistics = True
    dtypes = ("float32", "bfloat16", "float16")
    differentiates = True
    trains = True
    learnt = None  # name -> its variables, where gradients are asked for
    running = None  # name -> running mean or variance, where it is trained
    function = None

    def configure(self):
        if self.device == "cuda":
            found = tf.config.list_physical_devices("GPU")
            if not found:
                built = dict(tf.sysconfig.get_build_info())
                raise RuntimeError("TensorFlow finds no GPU; built with {0}".format(built))
            tf.config.set_visible_devices(found[:1], "GPU")
            tf.config.set_soft_device_placement(False)  # an operator without a kernel there is an error, not a detour
            tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
        else:
            tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def build(self, nodes, weights, inputs, outputs):
        if self.computes_in != "float32" and self.execution == "eager":
            text = "dtype {0!r} in mode 'eager': types are read back from the graph that ran"
            raise Unsupported(text.format(self.computes_in))
        self.images = base.has_images(nodes)
        nodes, weights = folded.flatten_last(nodes, weights, outputs)
        made = self.operators(nodes, weights)

        def network(*tensors):
            self.eagerly = tf.executing_eagerly()
            return self.walk(made, dict(zip(inputs, tensors)), outputs)  # noqa: B905  (3.10 has it)

        self.weighted = any(weights.values())
        if self.execution == "frozen" and not self.weighted:
            raise Unsupported("mode 'frozen': this network has no weights")
        self.network, self.outputs = network, list(outputs)
        self.signature = self._signature(nodes, inputs)
        self.function = network if self.execution == "eager" else self._concrete()

    def build_gradient(self, nodes, weights, inputs, loss):
        def keep(value, found, variables):  # noqa: ARG001
            return dict(zip(map(str, range(len(found))), found), loss=value)  # noqa: B905  (3.10 has it)

        self._learn(nodes, weights, inputs, loss, keep)

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self.running = {}

        def update(value, found, variables):
            # The gradient of a Gather comes as rows, one per index. Keras 3's Adam (3.15) squares rows of one index
            # before it adds them, which is another algorithm: they are added first.
            found = [tf.convert_to_tensor(each) for each in found]
            made.apply_gradients(zip(found, variables))  # noqa: B905  (3.10 has it)
            return {"loss": value}

        made = make_optimizer(optimizer, self._learn(nodes, weights, inputs, loss, update))

    def _learn(self, nodes, weights, inputs, loss, finish):
        """The variables; a step is `finish(loss, gradients, variables)`, traced when the targets are known."""
        if self.execution == "frozen":
            raise Unsupported("mode 'frozen': constants have no gradients")
        self.learnt, self.weighted = {}, True
        self.images = base.has_images(nodes)
        made, measure = self.operators(nodes, weights), LOSSES[loss.name]
        variables = [variable for parts in self.learnt.values() for variable, _ in parts]

        def network(*tensors):
            self.eagerly = tf.executing_eagerly()
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                found = self.walk(made, dict(zip(inputs, tensors)), [loss.output])[loss.output]  # noqa: B905
                value = measure(found, tensors[-1])
            return finish(value, tape.gradient(value, variables), variables)

        self.network = network
        self.signature = self._signature(nodes, inputs)
        self.fetch = self._fetch_loss
        return variables

    def load_targets(self, targets):
        self.tensors.append(tf.constant(targets))
        if self.function is None:
            self.signature.append(tf.TensorSpec(targets.shape, self.tensors[-1].dtype, "targets"))
            self.function = self.network if self.execution == "eager" else self._concrete()

    def _fetch_loss(self):
        return {"loss": self.result["loss"].numpy().reshape(1)}

    def _signature(self, nodes, inputs):
        """What the function takes, in the order of `inputs`."""
        integers = base.integer_inputs(nodes)
        shapes = {name: nhwc(shape) if self.images else list(shape) for name, shape in inputs.items()}
        types = {name: tf.int64 if name in integers else tf.as_dtype(self.computes_in) for name in inputs}
        return [tf.TensorSpec(shapes[name], types[name], name) for name in inputs]

    def gradients(self):
        found = (tf.convert_to_tensor(self.result[str(number)]).numpy() for number in range(len(self.result) - 1))
        return {name: np.concatenate([back(next(found)) for _, back in parts]) for name, parts in self.learnt.items()}

    def trained(self):
        arrays = {name: one.numpy() for name, one in self.running.items()}
        for name, parts in self.learnt.items():
            arrays[name] = np.concatenate([back(one.numpy()) for one, back in parts])
        return arrays

    def learnt_weight(self, node, key, array, axes=None, back=None):
        """A variable with its axes in TensorFlow's order; where gradients are asked for, with the way back."""
        made = variable(self._typed(array.transpose(axes) if axes else array), trainable=self.learnt is not None)
        if self.learnt is not None:
            one = (made, lambda found: found.transpose(back).reshape(array.shape) if back else found)
            self.learnt.setdefault("{0}.{1}".format(node.name, key), []).append(one)
        return made

    def adopt(self, network, weights):
        self.network = lambda *tensors: network(weights, tensors)
        self.signature = None  # the tensors of the first call

    def _again(self):
        """The function anew, not called before: only then does TensorFlow keep the graph that it executes."""
        return self._concrete() if self.execution == "frozen" else self._traced()

    def _traced(self):
        options = {"jit_compile": True} if self.execution == "xla" else {}
        return tf.function(self.network, input_signature=self.signature, **options)

    def _concrete(self):
        """One graph, ready to be called."""
        function = self._traced().get_concrete_function()
        if self.execution != "frozen":
            return function
        from tensorflow.python.framework import convert_to_constants  # noqa: PLC0415  (what guides import: no public name)

        frozen = convert_to_constants.convert_variables_to_constants_v2(function)
        definition, feeds = frozen.graph.as_graph_def(), [tensor.name for tensor in frozen.inputs]
        # What it gives is in the order of the sorted keys of what was a dictionary.
        names, fetches = sorted(self.outputs), [tensor.name for tensor in frozen.outputs]

        def constants(*tensors):
            given = dict(zip(feeds, tensors))  # noqa: B905  (3.10 has it)
            found = tf.graph_util.import_graph_def(definition, given, fetches, name="")
            return dict(zip(names, found))  # noqa: B905

        # Not `frozen` itself: called with a list, it prints its inputs into a message that nobody reads, at every call.
        return tf.function(constants, input_signature=self.signature).get_concrete_function()

    def _typed(self, array):
        if self.computes_in == "float32" or array.dtype.kind == "i":
            return array
        return array.astype(tf.as_dtype(self.computes_in).as_numpy_dtype)

    def load(self, arrays):
        given = [self._typed(arrays[spec.name]) for spec in self.signature if spec.name in arrays]
        self.tensors = [tf.constant(a.transpose(0, 2, 3, 1) if self.images and a.ndim == 4 else a) for a in given]

    def step(self):
        self.result = self.function(*self.tensors)

    def fetch(self):
        arrays = {name: tensor.numpy() for name, tensor in self.result.items()}
        if self.computes_in != "float32":
            arrays = base.converted(arrays, np.float32)
        return {name: a.transpose(0, 3, 1, 2) if self.images and a.ndim == 4 else a for name, a in arrays.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return tf.__version__

    def build_string(self):
        flags = " ".join(tf.sysconfig.get_compile_flags()[1:] + tf.sysconfig.get_link_flags()[1:])
        built = dict(tf.sysconfig.get_build_info())
        return "git {0}, compiler {1}, {2}, {3}".format(
            tf.version.GIT_VERSION, tf.version.COMPILER_VERSION, built, flags
        )

    def pools(self):
        return {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        }

    def static_libraries(self):
        if self.execution == "xla":
            return tensorflow_evidence.xla_libraries(self._traced(), self.tensors)
        return tensorflow_evidence.static_libraries()

    def execution_state(self):
        if self.eagerly:
            return ("eager", "tf.executing_eagerly() inside the network")
        return tensorflow_evidence.graph_mode(self.function.graph, self.function, self.weighted)

    def precision(self):
        if self.computes_in != "float32":
            if self.execution == "xla":
                hlo = tensorflow_evidence.optimised_hlo(self._traced(), self.tensors)
                return xla_evidence.precision_of_products(hlo)
            return tensorflow_evidence.graph_precision(self._again(), self.tensors)
        allowed = self.device == "cuda" and tf.config.experimental.tensor_float_32_execution_enabled()
        return "float32, products tf32" if allowed else "float32"

    def placement(self):
        return tensorflow_evidence.placement(self.result.values())

    def arithmetic(self):
        allowed = tf.config.experimental.tensor_float_32_execution_enabled()
        # where nothing is learnt, no tape is open while the function runs, and its variables are not trainable
        recorded = "off" if self.learnt is None else "on"
        return {"gradients": recorded, "tf32": "allowed" if allowed else "off"}

    def onednn_state(self):
        state, reason = tensorflow_evidence.onednn_state(self.execution, self._again(), self.tensors)
        return (state, tensorflow_evidence.version("onednn"), reason)

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        if group > 1 and w.shape[1] == 1:
            by_channel = w.reshape((group, -1) + w.shape[2:])
            # As Keras's MobileNet has it: with pairs, oneDNN's fused bias ends the process ("Check failed: index >= 0
            # && index < num_total_dims", 2.14 and 2.21). With gradients and XLA nobody has tried them.
            apart = "B" in weights or self.learnt is not None or self.execution == "xla"
            kernel = self.learnt_weight(node, "W", by_channel, (2, 3, 0, 1), (2, 3, 0, 1))
            convolved = depthwise(node, kernel, apart)
        elif group > 1 and self.execution in ("default", "frozen") and self.onednn != "on":
            parts = np.split(w, group)
            convolved = split(node, [self.learnt_weight(node, "W", part, (2, 3, 1, 0), (3, 2, 0, 1)) for part in parts])
        else:
            convolved = convolution(node, self.learnt_weight(node, "W", w, (2, 3, 1, 0), (3, 2, 0, 1)))
        if "B" not in weights:
            return convolved
        bias = self.learnt_weight(node, "B", weights["B"])
        return lambda x: tf.nn.bias_add(convolved(x), bias)

    def BatchNormalization(self, node, weights):
        if self.computes_in == "float32":
            scale, shift = [self.learnt_weight(node, key, weights[key]) for key in ("scale", "B")]
        else:  # the kernel takes its parameters in float32, whatever type its images have
            scale, shift = [variable(weights[key]) for key in ("scale", "B")]
        mean, var = variable(weights["mean"]), variable(weights["var"])
        epsilon = node.attrs.get("epsilon", 1e-5)
        fused = tf.compat.v1.nn.fused_batch_norm  # what Keras's layer calls; there is no fused one outside compat.v1
        if not node.attrs.get("training_mode", 0):
            return lambda x: fused(x, scale, shift, mean, var, epsilon=epsilon, is_training=False)[0]
        if self.running is None:
            return lambda x: fused(x, scale, shift, epsilon=epsilon, is_training=True)[0]
        self.running.update({node.name + ".mean": mean, node.name + ".var": var})
        rate = 1 - node.attrs.get("momentum", 0.9)

        def of_the_batch(x):
            y, found, unbiased = fused(x, scale, shift, epsilon=epsilon, is_training=True)
            mean.assign_sub(rate * (mean - found))
            var.assign_sub(rate * (var - population(unbiased, x)))
            return y

        return of_the_batch

    def MaxPool(self, node, weights):
        kernel, strides, padding = pool_geometry(node)
        if self.execution == "xla" and padding != "VALID":  # "XLA does not support pooling ops with explicit padding"
            return lambda x: tf.nn.max_pool2d(tf.pad(x, padding, constant_values=-np.inf), kernel, strides, "VALID")
        return lambda x: tf.nn.max_pool2d(x, kernel, strides, padding)

    def AveragePool(self, node, weights):
        kernel, strides, padding = pool_geometry(node)
        if padding == "VALID":
            return lambda x: tf.nn.avg_pool2d(x, kernel, strides, "VALID")
        if not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: avg_pool2d has no explicit pads that do not count".format(node.name))
        return lambda x: tf.nn.avg_pool2d(tf.pad(x, padding), kernel, strides, "VALID")
