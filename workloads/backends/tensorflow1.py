"""How does TensorFlow 1 run a network? A Session over a graph, in NHWC, called through `make_callable` as a server
would."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os
import sys

import numpy as np
import tensorflow as tf

from workloads import folded
from workloads.backends import base, tensorflow1_evidence
from workloads.backends.base import Unsupported
from workloads.backends.tensorflow1_sequence import Sequence
from workloads.backends.tensorflow1_transformer import Transformer
from workloads.backends.tensorflow_operators import LOSSES, Operators, conv_padding, nhwc, pool_geometry, population
from workloads.evidence import capture

ALIGNMENT = 64
"""Bytes: a tensor that is fed is taken as it is where it begins at a multiple of this, and copied where not."""
XLA_FLAG = "--tf_xla_cpu_global_jit"
"""Without it a session that asks for the compiler on a CPU is silently not obeyed."""


def aligned(array):
    """A C-contiguous copy that begins where TensorFlow wants a tensor to begin."""
    room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    begin = -room.ctypes.data % ALIGNMENT
    made = room[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


class Backend(Sequence, Transformer, Operators):
    """`default` holds the weights in variables, `frozen` as constants, `xla` has clusters of the graph compiled."""

    name = "tensorflow"
    modes = ("default", "frozen", "xla")
    batch_statistics = True
    differentiates = True
    trains = True
    running = None  # name -> running mean or variance, where it is trained
    weighted = True

    def configure(self):
        if self.execution == "xla":  # read when the first session is made
            os.environ["TF_XLA_FLAGS"] = " ".join([os.environ.get("TF_XLA_FLAGS", ""), XLA_FLAG]).strip()
        tf.logging.set_verbosity(tf.logging.ERROR)
        self.config = tf.ConfigProto(
            intra_op_parallelism_threads=self.threads,
            inter_op_parallelism_threads=1,
            device_count={"GPU": 0},
        )
        if self.execution == "xla":
            from tensorflow.core.protobuf import rewriter_config_pb2  # noqa: PLC0415

            if not hasattr(rewriter_config_pb2.RewriterConfig, "OFF"):
                raise Unsupported("mode 'xla': TensorFlow {0} was built without the compiler".format(tf.__version__))
            options = self.config.graph_options
            options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
            # It would fuse what XLA then does not know: of VGG-16 nothing is left to compile.
            options.rewrite_options.remapping = rewriter_config_pb2.RewriterConfig.OFF

    def build(self, nodes, weights, inputs, outputs):
        if self.execution == "frozen" and not any(weights.values()):
            raise Unsupported("mode 'frozen': this network has no weights")
        self.weighted = any(weights.values())
        nodes, weights = folded.flatten_last(nodes, weights, outputs)
        with self._begin(nodes, inputs):
            tensors = self.walk(self.operators(nodes, weights), self.entries, outputs)
        self.outputs = list(outputs)
        self.fetches = [tensors[name] for name in outputs]
        self._finish()

    def build_gradient(self, nodes, weights, inputs, loss):
        """The gradients are computed before the loss may be fetched, and not fetched themselves."""
        with self._begin(nodes, inputs):
            value, variables = self._loss(nodes, weights, loss)
            self.found = tf.gradients(value, variables)
            self._fetch_after([each.op for each in self.found], value)  # 1.3 knows no IndexedSlices there

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self.running, self.moves = {}, []
        with self._begin(nodes, inputs):
            value, _ = self._loss(nodes, weights, loss)
            with tf.control_dependencies(self.moves):
                update = make_optimizer(optimizer).minimize(value)
            self._fetch_after([update], value)

    def _loss(self, nodes, weights, loss):
        """(the loss, the variables that it is to be made small by); its targets are fed after the inputs."""
        if self.execution != "default":
            raise Unsupported("mode {0!r}: gradients are those of the session's own graph".format(self.execution))
        found = self.walk(self.operators(nodes, weights), self.entries, [loss.output])[loss.output]
        batch = found.shape[:1] if loss.name == "cross_entropy" else found.shape
        target = tf.placeholder(tf.int64 if loss.name == "cross_entropy" else tf.float32, batch, "targets")
        self.feeds.append(target)
        return LOSSES[loss.name](found, target), [one for parts in self.learnt.values() for one, _ in parts]

    def _fetch_after(self, operations, value):
        """The loss, which may be fetched when the operations have run."""
        with tf.control_dependencies(operations):
            self.fetches = [tf.identity(value)]
        self.outputs = ["loss"]
        self._finish()
        self.fetch = lambda: {"loss": np.asarray(self.result[0]).reshape(1)}

    def load_targets(self, targets):
        self.fed.append(aligned(targets))

    def gradients(self):
        arrays = iter(self.session.run(self.found, dict(zip(self.feeds, self.fed))))  # noqa: B905  (3.10 has it)
        return {name: np.concatenate([back(next(arrays)) for _, back in parts]) for name, parts in self.learnt.items()}

    def trained(self):
        arrays = self.session.run(dict(self.running))
        for name, parts in self.learnt.items():
            found = self.session.run([variable for variable, _ in parts])
            arrays[name] = np.concatenate([back(array) for array, (_, back) in zip(found, parts)])  # noqa: B905
        return arrays

    def _begin(self, nodes, inputs):
        """A new graph to write in; `entries` are its inputs by name."""
        self.images, integers = base.has_images(nodes), base.integer_inputs(nodes)
        shapes = {name: nhwc(shape) if self.images else list(shape) for name, shape in inputs.items()}
        self.graph, self.values, self.learnt = tf.Graph(), [], {}
        with self.graph.as_default():
            self.feeds = [
                tf.placeholder(tf.int64 if name in integers else tf.float32, shapes[name], name) for name in inputs
            ]
        self.inputs = list(inputs)
        self.entries = dict(zip(inputs, self.feeds))  # noqa: B905  (3.10 has it)
        return self.graph.as_default()

    def _finish(self):
        self.log = capture.captured(self.open_session, 2)
        sys.stderr.write(self.log)
        for variable, value, array in self.values:
            self.session.run(variable.initializer, {value: array})
        self.variables = len(self.values)
        with self.graph.as_default():
            own = {variable.name for variable, _, _ in self.values}
            others = [variable for variable in tf.global_variables() if variable.name not in own]
            self.session.run(tf.variables_initializer(others))  # what an optimizer remembers
        del self.values
        self.graph.finalize()
        self.function = self.session.make_callable(self.fetches, self.feeds)
        self.counts = None

    def open_session(self):
        """The first session of a process logs what TensorFlow was not compiled for."""
        self.session = tf.Session(graph=self.graph, config=self.config)

    def learnt_weight(self, node, key, array, axes=None, back=None):
        turned = np.ascontiguousarray(array.transpose(axes)) if axes else array
        made = self.weight(turned, trainable=self.running is not None)
        one = (made, lambda found: found.transpose(back).reshape(array.shape) if back else found)
        self.learnt.setdefault("{0}.{1}".format(node.name, key), []).append(one)
        return made

    def weight(self, array, **options):
        """A weight, as a layer would hold it; its value is fed, because one inside the graph would be kept twice."""
        if self.execution == "frozen":
            return tf.constant(array)
        value = tf.placeholder(tf.float32, array.shape)
        # The older kind is the default of 1.x, and 1.3 copies the newer one, a resource, at every read; XLA clusters
        # nothing that reads the older.
        name = "weight{0}".format(len(self.values))
        options = dict({"trainable": False}, **options)
        variable = tf.get_variable(name, initializer=value, use_resource=self.execution == "xla", **options)
        self.values.append((variable, value, array))
        return variable

    def load(self, arrays):
        fed = [arrays[name] for name in self.inputs]
        self.fed = [aligned(a.transpose(0, 2, 3, 1) if self.images and a.ndim == 4 else a) for a in fed]

    def step(self):
        self.result = self.function(*self.fed)

    def fetch(self):
        arrays = dict(zip(self.outputs, self.result))  # noqa: B905  (3.10 has it)
        return {name: a.transpose(0, 3, 1, 2) if self.images and a.ndim == 4 else a for name, a in arrays.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return tf.__version__

    def build_string(self):
        return tensorflow1_evidence.build_string(self.log)

    def pools(self):
        return {
            "intra_op": self.config.intra_op_parallelism_threads,
            "inter_op": self.config.inter_op_parallelism_threads,
        }

    def execution_state(self):
        return tensorflow1_evidence.execution_state(self.executed(), self.variables, self.weighted)

    def isa_used(self):
        return tensorflow1_evidence.isa_used(self.executed(), self.log)

    def static_libraries(self):
        return tensorflow1_evidence.static_libraries(self.executed())

    def arithmetic(self):
        recorded = [op.type for op in self.graph.get_operations() if "Backprop" in op.type or op.type.endswith("Grad")]
        found = {"gradients": "on" if recorded else "off"}
        if self.execution == "xla":
            found["XLA clusters"] = tensorflow1_evidence.clusters(self.executed())
        return found

    def onednn_state(self):
        return tensorflow1_evidence.onednn_state(self.executed())

    def executed(self):
        """Operator -> how often it stands in the graph that the executor was given, after all rewriting."""
        if self.counts is None:
            feeds = dict(zip(self.feeds, self.fed))  # noqa: B905  (3.10 has it)
            self.counts = tensorflow1_evidence.executed(self.session, self.fetches, feeds)
        return self.counts

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        if group > 1 and w.shape[1] == 1:
            convolved = self.depthwise(node, w.reshape((group, -1) + w.shape[2:]))
        elif group > 1:
            convolved = self.split(node, w, group)
        else:
            convolved = self.convolution(node, w)
        if "B" not in weights:
            return convolved
        bias = self.learnt_weight(node, "B", weights["B"])
        return lambda x: tf.nn.bias_add(convolved(x), bias)

    def convolution(self, node, w):
        """The convolution with w [out, in, kh, kw]."""
        kernel, padding = self.learnt_weight(node, "W", w, (2, 3, 1, 0), (3, 2, 0, 1)), conv_padding(node)
        strides, dilations = node.attrs.get("strides", [1, 1]), list(node.attrs.get("dilations", [1, 1]))
        if dilations != [1, 1]:
            if list(strides) != [1, 1]:
                raise Unsupported("{0}: tf.nn.convolution has strides or dilations".format(node.name))
            return padded(padding, lambda x, word: tf.nn.convolution(x, kernel, word, dilation_rate=dilations))
        strides = [1, strides[0], strides[1], 1]
        return padded(padding, lambda x, word: tf.nn.conv2d(x, kernel, strides, word))

    def depthwise(self, node, w):
        """The depthwise convolution with w [in, out / in, kh, kw]."""
        kernel, padding = self.learnt_weight(node, "W", w, (2, 3, 0, 1), (2, 3, 0, 1)), conv_padding(node)
        strides, dilations = node.attrs.get("strides", [1, 1]), list(node.attrs.get("dilations", [1, 1]))
        if strides[0] != strides[1]:
            raise Unsupported("{0}: depthwise_conv2d takes one stride for both axes".format(node.name))
        strides = [1, strides[0], strides[1], 1]
        return padded(padding, lambda x, word: tf.nn.depthwise_conv2d(x, kernel, strides, word, rate=dilations))

    def split(self, node, w, group):
        """One convolution per group: conv2d has no grouped one on a CPU."""
        convolutions = [self.convolution(node, part) for part in np.split(w, group)]

        def grouped(x):
            parts = tf.split(x, group, axis=3)
            return tf.concat([one(part) for one, part in zip(convolutions, parts)], axis=3)  # noqa: B905

        return grouped

    def BatchNormalization(self, node, weights):
        scale, shift = [self.learnt_weight(node, key, weights[key]) for key in ("scale", "B")]
        mean, var = self.weight(weights["mean"]), self.weight(weights["var"])
        epsilon, fused = node.attrs.get("epsilon", 1e-5), tf.nn.fused_batch_norm
        if not node.attrs.get("training_mode", 0):
            return lambda x: fused(x, scale, shift, mean, var, epsilon=epsilon, is_training=False)[0]
        if self.running is None:
            return lambda x: fused(x, scale, shift, epsilon=epsilon, is_training=True)[0]
        self.running.update({node.name + ".mean": mean, node.name + ".var": var})
        rate = 1 - node.attrs.get("momentum", 0.9)

        def of_the_batch(x):
            y, found, unbiased = fused(x, scale, shift, epsilon=epsilon, is_training=True)
            self.moves.append(mean.assign_sub(rate * (mean - found)))
            self.moves.append(var.assign_sub(rate * (var - population(unbiased, x))))
            return y

        return of_the_batch

    def MaxPool(self, node, weights):
        kernel, strides, padding = pool_geometry(node)
        size, strides = [1, kernel[0], kernel[1], 1], [1, strides[0], strides[1], 1]
        if padding == "VALID":
            return lambda x: tf.nn.max_pool(x, size, strides, "VALID")
        return lambda x: tf.nn.max_pool(tf.pad(x, padding, constant_values=-np.inf), size, strides, "VALID")

    def AveragePool(self, node, weights):
        kernel, strides, padding = pool_geometry(node)
        size, strides = [1, kernel[0], kernel[1], 1], [1, strides[0], strides[1], 1]
        if padding != "VALID" and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: avg_pool has no explicit pads that do not count".format(node.name))
        return padded(padding, lambda x, word: tf.nn.avg_pool(x, size, strides, word))


def make_optimizer(chosen):
    """TensorFlow's own, of a base.Optimizer."""
    if chosen.name == "sgd":
        return tf.train.MomentumOptimizer(chosen.learning_rate, chosen.momentum)
    return tf.train.AdamOptimizer(chosen.learning_rate, chosen.beta1, chosen.beta2, chosen.epsilon)


def padded(padding, function):
    """function(x, "SAME" or "VALID"); pads that no word says are an operator of their own."""
    if isinstance(padding, str):
        return lambda x: function(x, padding)
    return lambda x: function(tf.pad(x, padding), "VALID")
