"""How does Keras 3 run a network? As a functional model of its layers, over the framework that KERAS_BACKEND names."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import importlib
import os

import numpy as np

from workloads import folded
from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.keras_sequence import Sequence
from workloads.backends.keras_training import Training, same_array
from workloads.backends.keras_transformer import Transformer
from workloads.backends.padding import is_same

BELOW = {"tensorflow": "tensorflow", "torch": "pytorch", "jax": "jax"}
"""What KERAS_BACKEND says -> the backend here that knows the framework: its threads, its libraries, its oneDNN."""

BELOW_MODES = {"call": {"tensorflow": "eager", "jax": "eager"}, "xla": {"tensorflow": "xla"}}
"""The mode of the framework below that computes as a mode here does, where it is not that framework's default."""

FROM_NCHW = (0, 3, 1, 2)
"""Where an axis of NCHW lies in NHWC."""

EMPTY = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}
"""The weights come from the harness: 138 million random numbers would only be thrown away."""


class Backend(Transformer, Sequence, Training):
    """`default` is `predict_on_batch`, `predict` the loop over a data set, `call` the model as a function.

    Over TensorFlow, Keras compiles what it can with XLA unless it is told not to, which on a CPU takes oneDNN's place:
    `xla` is Keras as it comes, every other mode switches that off. Over PyTorch images are NCHW, which is what its
    kernels take without a transposition at every layer; over the others they are NHWC.
    """

    name = "keras"
    modes = ("default", "predict", "call", "xla")

    def configure(self):
        chosen = os.environ.get("KERAS_BACKEND", "")
        if chosen not in BELOW:
            raise Unsupported("KERAS_BACKEND={0!r}: here are {1}".format(chosen, ", ".join(sorted(BELOW))))
        if self.execution == "xla" and chosen != "tensorflow":
            raise Unsupported("mode 'xla': over {0} there is nothing to switch".format(chosen))
        module = importlib.import_module("workloads.backends." + BELOW[chosen])
        execution = BELOW_MODES.get(self.execution, {}).get(chosen, "default")
        self.below = module.Backend(self.threads, execution, self.onednn)
        self.below.configure()  # before Keras: what it touches first, it makes with the threads it finds

        import keras  # noqa: PLC0415

        self.keras = keras
        self.channels_last = chosen != "torch"
        keras.config.set_image_data_format("channels_last" if self.channels_last else "channels_first")
        keras.config.disable_interactive_logging()

    def build(self, nodes, weights, inputs, outputs):
        if self.execution == "predict" and len({shape[0] for shape in inputs.values()}) > 1:
            raise Unsupported("mode 'predict': it cuts all inputs along their first axis, and these differ in it")
        if self.channels_last:
            nodes, weights = folded.flatten_last(nodes, weights, outputs)
        self._model(nodes, weights, inputs, outputs)
        self.model.trainable = False
        if self.keras.backend.backend() == "tensorflow":
            self.model.jit_compile = self.execution == "xla"
        self._lend()

    def _model(self, nodes, weights, inputs, outputs):
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.turned = self.channels_last and base.has_images(nodes)
        integers = base.integer_inputs(nodes)
        types = {name: "int64" if name in integers else "float32" for name in inputs}
        entries = {
            name: self.keras.Input(batch_shape=self._shape(shape), dtype=types[name]) for name, shape in inputs.items()
        }
        results = self.walk(self.operators(nodes, weights), entries, outputs)
        self.model = self.keras.Model([entries[name] for name in inputs], [results[name] for name in outputs])

    def _lend(self):
        """The model's forward pass, to the backend that knows the framework below and says in what it computes."""
        held = None
        if self.keras.backend.backend() == "jax":
            held = [each.value for each in self.model.trainable_variables + self.model.non_trainable_variables]
        self.below.adopt(self._network, held)

    def _network(self, weights, tensors):
        """The model as a function of its weights, or of those that it holds, and of tensors; gives name -> tensor."""
        if weights is None:
            return self._named(self.model(list(tensors), training=False))
        count = len(self.model.trainable_variables)
        weights = weights[:count], weights[count:]
        return self._named(self.model.stateless_call(*weights, list(tensors), training=False)[0])

    def _shape(self, shape):
        return [shape[0], shape[2], shape[3], shape[1]] if self._image(shape) else list(shape)

    def _image(self, shape):
        """Whether a tensor of that shape is an image whose channels are last here."""
        return self.turned and len(shape) == 4

    def load(self, arrays):
        placed = [arrays[name] for name in self.inputs]
        placed = [np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if self._image(a.shape) else a for a in placed]
        if self.execution != "predict":  # which cuts its batches from arrays
            placed = [self.keras.ops.convert_to_tensor(array) for array in placed]
        self.tensors = placed
        self.below.tensors = [self.keras.ops.convert_to_tensor(array) for array in placed]

    def step(self):
        if self.execution == "predict":
            self.result = self.model.predict(self.tensors, batch_size=len(self.tensors[0]), verbose=0)
        elif self.execution == "call":
            self.result = self.model(self.tensors, training=False)
        else:
            self.result = self.model.predict_on_batch(self.tensors)

    def fetch(self):
        arrays = {name: self.keras.ops.convert_to_numpy(each) for name, each in self._named(self.result).items()}
        return {name: a.transpose(0, 3, 1, 2) if self._image(a.shape) else a for name, a in arrays.items()}

    def _named(self, results):
        results = results if isinstance(results, (list, tuple)) else [results]
        return dict(zip(self.outputs, results))  # noqa: B905  (3.10 has it)

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return self.keras.__version__

    def build_string(self):
        return "over {0} {1}, {2}; {3}".format(
            self.keras.backend.backend(),
            self.below.version(),
            self.keras.config.image_data_format(),
            self.below.build_string(),
        )

    def pools(self):
        return self.below.pools()

    def isa_used(self):
        return self.below.isa_used()

    def execution_state(self):
        """Keras makes `predict_function` where a batch is predicted, `train_function` where it is learnt from, and
        neither where the model itself is called."""
        name = "predict_function" if self.learnt is None else "train_function"
        made = getattr(self.model, name, None) is not None
        how = "{0} {1}, jit_compile {2}".format(name, "made" if made else "never made", self.model.jit_compile)
        if not made:
            return ("call", how)
        if self.model.jit_compile is True and self.keras.backend.backend() == "tensorflow":
            return ("xla", how)
        # What `predict` was given are arrays, which it cut into batches.
        cut = all(isinstance(tensor, np.ndarray) for tensor in self.tensors)
        return ("predict" if cut else "default", how + ", entered by predict" * cut)

    def precision(self):
        held = {str(self.keras.backend.standardize_dtype(each.dtype)) for each in self.model.variables}
        counted = {name for name in held if "float" not in name}  # steps of an optimizer, seeds of a layer
        found = {self.below.precision()} | (held - counted)
        return found.pop() if len(found) == 1 else ", ".join(sorted(found))

    def arithmetic(self):
        self.below.result = self._network(None, self.below.tensors)
        found = self.below.arithmetic()
        return found if self.learnt is None else dict(found, gradients="on")

    def static_libraries(self):
        return self.below.static_libraries()

    def onednn_state(self):
        return self.below.onednn_state()

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def _layer(self, make, **options):
        """A layer without weights."""
        return make(dtype="float32", **options)

    def _pad(self, node, value=0.0):
        """A function that pads an image by the operator's pads."""
        top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
        sides = [(top, bottom), (left, right)]
        if not any((top, left, bottom, right)):
            return lambda x: x
        if value == 0.0:
            return self._layer(self.keras.layers.ZeroPadding2D, padding=sides)
        image = [(0, 0)] + sides + [(0, 0)] if self.channels_last else [(0, 0), (0, 0)] + sides
        return lambda x: self.keras.ops.pad(x, image, constant_values=value)

    def Conv(self, node, weights):
        layers, w, group = self.keras.layers, weights["W"], node.attrs.get("group", 1)
        same = is_same(node)
        options = {
            "kernel_size": tuple(node.attrs["kernel_shape"]),
            "strides": tuple(node.attrs.get("strides", (1, 1))),
            "dilation_rate": tuple(node.attrs.get("dilations", (1, 1))),
            "padding": "same" if same else "valid",
            "use_bias": "B" in weights,
            "bias_initializer": "zeros",
        }
        bias = [("B", weights["B"], same_array)] if "B" in weights else []
        if group > 1 and w.shape[1] == 1:
            if options["strides"][0] != options["strides"][1]:
                raise Unsupported("{0}: DepthwiseConv2D takes one stride for both axes".format(node.name))
            multiplier = w.shape[0] // group
            kernel = w.reshape((group, multiplier) + w.shape[2:]).transpose(2, 3, 0, 1)
            values = [("W", kernel, lambda found: found.transpose(2, 3, 0, 1).reshape(w.shape))] + bias
            options.update(depth_multiplier=multiplier, depthwise_initializer="zeros")
            convolved = self._weighted(node, layers.DepthwiseConv2D, values, **options)
        else:
            options.update(filters=w.shape[0], groups=group, kernel_initializer="zeros")
            values = [("W", w.transpose(2, 3, 1, 0), lambda found: found.transpose(3, 2, 0, 1))] + bias
            convolved = self._weighted(node, layers.Conv2D, values, **options)
        if same:
            return convolved
        padded = self._pad(node)
        return lambda x: convolved(padded(x))

    def BatchNormalization(self, node, weights):
        if node.attrs.get("training_mode", 0) and self.learnt is None:
            raise Unsupported("{0}: training_mode: a model that predicts has the inference form only".format(node.name))
        values = [(key, weights[key], same_array) for key in ("scale", "B", "mean", "var")]
        options = {"axis": -1 if self.channels_last else 1, "epsilon": node.attrs.get("epsilon", 1e-5)}
        options["momentum"] = node.attrs.get("momentum", 0.9)
        return self._weighted(node, self.keras.layers.BatchNormalization, values, **options)

    def Relu(self, node, weights):
        return self._layer(self.keras.layers.ReLU)

    def MaxPool(self, node, weights):
        padded = self._pad(node, -np.inf)
        pooled = self._layer(self.keras.layers.MaxPooling2D, **pool(node))
        return lambda x: pooled(padded(x))

    def AveragePool(self, node, weights):
        if any(node.attrs.get("pads", [])) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: AveragePooling2D has no explicit pads that do not count".format(node.name))
        padded = self._pad(node)
        pooled = self._layer(self.keras.layers.AveragePooling2D, **pool(node))
        return lambda x: pooled(padded(x))

    def GlobalAveragePool(self, node, weights):
        return self._layer(self.keras.layers.GlobalAveragePooling2D, keepdims=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        # Its `channels_first` would put the channels last; ONNX's order is channels first.
        flat = self._layer(self.keras.layers.Flatten, data_format="channels_last")
        turned = self._layer(self.keras.layers.Permute, dims=(3, 1, 2))

        def flatten(x):
            if self._image(x.shape) and x.shape[1] * x.shape[2] > 1 and not node.attrs.get("channels_last", 0):
                x = turned(x)
            return flat(x)

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        turned = np.transpose if node.attrs.get("transB", 0) else same_array
        kernel = turned(weights["B"])
        values = [("B", kernel, turned)] + ([("C", weights["C"], same_array)] if "C" in weights else [])
        options = dict(EMPTY, units=kernel.shape[1], use_bias=len(values) == 2)
        return self._weighted(node, self.keras.layers.Dense, values, **options)

    def MatMul(self, node, weights):
        return self.keras.ops.matmul

    def Add(self, node, weights):
        added = self._layer(self.keras.layers.Add)
        return lambda a, b: added([a, b])

    def Mul(self, node, weights):
        multiplied = self._layer(self.keras.layers.Multiply)
        return lambda a, b: multiplied([a, b])

    def Concat(self, node, weights):
        axis = node.attrs["axis"]

        def concat(*tensors):
            return self.keras.ops.concatenate(tensors, FROM_NCHW[axis] if self._image(tensors[0].shape) else axis)

        return concat

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        if low == 0:
            return self._layer(self.keras.layers.ReLU, max_value=float(high))
        return lambda x: self.keras.ops.clip(x, low, high)

    def Sigmoid(self, node, weights):
        return self._layer(self.keras.layers.Activation, activation="sigmoid")

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        softmax = self.keras.ops.softmax
        return lambda x: softmax(x, FROM_NCHW[axis] if self._image(x.shape) else axis)


def pool(node):
    """A pool's options."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    kernel, strides = node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1])
    return {"pool_size": tuple(kernel), "strides": tuple(strides), "padding": "valid"}
