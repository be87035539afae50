"""How does Keras 2 run a network? A Model of its own layers, over the framework that KERAS_BACKEND names."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import keras
import numpy as np
from keras import backend as K  # noqa: N812  (its usual name)
from keras import layers

from workloads import folded
from workloads.backends import base, keras2_below, keras2_training
from workloads.backends.base import Unsupported
from workloads.backends.keras2_sequence import Sequence, numbers
from workloads.backends.keras2_training import same_array
from workloads.backends.keras2_transformer import Transformer
from workloads.backends.padding import is_same


class Backend(Sequence, Transformer, base.Backend):
    """`default` is `predict_on_batch`, `predict` what most scripts call, `function` a `K.function` of the model."""

    name = "keras"
    modes = ("default", "predict", "function")
    batch_statistics = True  # where it trains
    trains = True
    learning = False

    def configure(self):
        self.below = keras2_below.BELOW[K.backend()](self.threads)
        self.below.configure()
        K.set_image_data_format("channels_last" if self.below.channels_last else "channels_first")

    def build(self, nodes, weights, inputs, outputs):
        K.set_learning_phase(0)
        alike = self.execution != "function" or not self.below.lengths_differ
        if alike and len({shape[0] for shape in inputs.values()}) > 1:
            text = "{0} over {1} takes inputs of one length: {2}"
            raise Unsupported(text.format(self.execution, K.backend(), inputs))
        if self.below.channels_last:
            nodes, weights = folded.flatten_last(nodes, weights, outputs)
        self._model(nodes, weights, inputs, outputs)
        rows = next(iter(inputs.values()))[0]

        def predict(fed):
            return self.model.predict(fed, batch_size=rows)  # left to itself it takes 32 at a time

        call = {"default": self.model.predict_on_batch, "predict": predict}
        self.function = call.get(self.execution) or K.function(self.model.inputs, self.model.outputs)

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        if self.execution != "default":
            raise Unsupported("mode {0!r}: it trains by train_on_batch".format(self.execution))
        self.learning = True
        self.below.learn(optimizer)
        self._model(nodes, weights, inputs, [loss.output])
        self.model.compile(keras2_training.make_optimizer(optimizer), keras2_training.LOSSES[loss.name])
        self.function = self.model.train_on_batch
        self.step, self.fetch = self._train, self._fetch_loss

    def load_targets(self, targets):
        self.targets = targets[:, None].astype(np.float32) if targets.dtype.kind == "i" else targets

    def _train(self):
        self.result = self.model.train_on_batch(self.fed, self.targets)

    def _fetch_loss(self):
        return {"loss": np.asarray(self.result, np.float32).reshape(1)}

    def trained(self):
        variables = [variable for variable, _ in self.held.values()]
        arrays = zip(self.held, K.batch_get_value(variables))  # noqa: B905  (3.10 has it)
        return {name: self.held[name][1](np.asarray(array)) for name, array in arrays}

    def _model(self, nodes, weights, inputs, outputs):
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.turned = self.below.channels_last and base.has_images(nodes)
        integers = base.integer_inputs(nodes)
        made = [
            layers.Input(batch_shape=self.layout(shape), name=name, dtype="int64" if name in integers else K.floatx())
            for name, shape in inputs.items()
        ]
        given = [tensor if len(inputs[name]) > 1 else numbers(tensor) for name, tensor in zip(inputs, made)]  # noqa: B905
        self.axis, self.values = 3 if self.turned else 1, []
        self.rectified = {node.name for node in nodes if node.op == "Relu"}
        operators = self.operators(nodes, weights)
        tensors = self.walk(operators, dict(zip(inputs, given)), outputs)  # noqa: B905  (3.10 has it)
        self.model = keras.models.Model(made, [tensors[name] for name in outputs])
        # At once: over TensorFlow each set_weights() would run the session again.
        K.batch_set_value([(variable, array) for variable, array, _, _ in self.values])
        self.held = {name: (variable, back) for variable, _, name, back in self.values}
        del self.values

    def layout(self, shape):
        """The shape of an image batch in the layout of the framework below; any other shape as it is, but one number
        per sample has an axis of its own, which Keras would give it."""
        if len(shape) == 4 and self.turned:
            return (shape[0], shape[2], shape[3], shape[1])
        return tuple(shape) if len(shape) > 1 else (shape[0], 1)

    def load(self, arrays):
        turn = (0, 2, 3, 1) if self.turned else (0, 1, 2, 3)
        fed = [arrays[name] for name in self.inputs]
        fed = [a.transpose(turn) if a.ndim == 4 else a for a in fed]
        self.fed = [np.ascontiguousarray(a if a.ndim > 1 else a.reshape(-1, 1)) for a in fed]

    def step(self):
        self.result = self.function(self.fed)

    def fetch(self):
        found = self.result if isinstance(self.result, list) else [self.result]
        turn = (0, 3, 1, 2) if self.turned else (0, 1, 2, 3)
        arrays = dict(zip(self.outputs, found))  # noqa: B905  (3.10 has it)
        return {name: a.transpose(turn) if a.ndim == 4 else a for name, a in arrays.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return keras.__version__

    def build_string(self):
        return "over {0}, {1}: {2}".format(K.backend(), K.image_data_format(), self.below.build_string())

    def pools(self):
        return self.below.pools()

    def isa_used(self):
        return self.below.isa_used(self.model, self.fed)

    def execution_state(self):
        """Keras makes `predict_function` where a batch is predicted, `train_function` where it is learnt from, and none
        for a `K.function` of the model."""
        if self.learning:
            made = "made" if self.model.train_function is not None else "never made"
            return ("default", "train_function {0}, entered by train_on_batch".format(made))
        made = getattr(self.model, "predict_function", None) is not None
        name = getattr(self.function, "__name__", type(self.function).__name__)
        how = "predict_function {0}, entered by {1}".format("made" if made else "never made", name)
        return ({"predict_on_batch": "default", "predict": "predict"}.get(name) if made else "function", how)

    def precision(self):
        return K.floatx()

    def arithmetic(self):
        optimizer = getattr(self.model, "optimizer", None)
        return {"gradients": "on" if optimizer else "off"}  # it was never compiled for training

    def static_libraries(self):
        return self.below.static_libraries(self.model, self.fed)

    def onednn_state(self):
        return self.below.onednn_state(self.model, self.fed)

    def weighted(self, node, layer, values):
        """The layer, whose weights are kept until the model is there; its first call makes room for them: (ONNX's name,
        array in Keras's layout, the way back) of each, in Keras's order."""

        def call(x):
            y = layer(x)
            for variable, (key, array, back) in zip(layer.weights, values):  # noqa: B905  (3.10 has it)
                self.values.append((variable, array, "{0}.{1}".format(node.name, key), back))
            return y

        return call

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        strides, dilations = node.attrs.get("strides", [1, 1]), node.attrs.get("dilations", [1, 1])
        geometry = {
            "kernel_size": tuple(node.attrs["kernel_shape"]),
            "strides": tuple(strides),
            "padding": "same" if is_same(node) else "valid",
            "dilation_rate": tuple(dilations),
            "use_bias": "B" in weights,
            "bias_initializer": self.below.empty,
        }
        if group == 1:
            layer = layers.Conv2D(w.shape[0], kernel_initializer=self.below.empty, **geometry)
            # Theano turns a kernel round before it multiplies, and Keras leaves that to who brings the weights.
            turn = -1 if K.backend() == "theano" else 1
            kernel = w.transpose(2, 3, 1, 0)[::turn, ::turn]

            def back(found):
                return found[::turn, ::turn].transpose(3, 2, 0, 1)

        elif w.shape[1] == 1:
            if strides[0] != strides[1]:
                raise Unsupported("{0}: DepthwiseConv2D takes one stride for both axes".format(node.name))
            geometry.update(depth_multiplier=w.shape[0] // group, depthwise_initializer=self.below.empty)
            layer = layers.DepthwiseConv2D(**geometry)
            kernel = w.reshape((group, -1) + w.shape[2:]).transpose(2, 3, 0, 1)

            def back(found):
                return found.transpose(2, 3, 0, 1).reshape(w.shape)

        else:
            raise Unsupported("{0}: Conv2D has no groups".format(node.name))
        bias = [("B", weights["B"], same_array)] if "B" in weights else []
        convolved = self.weighted(node, layer, [("W", kernel, back)] + bias)
        return convolved if geometry["padding"] == "same" else padded(node, convolved)

    def BatchNormalization(self, node, weights):
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        initial = {name + "_initializer": self.below.empty for name in names}
        epsilon = node.attrs.get("epsilon", 1e-5)
        if K.backend() == "theano":  # which refuses less than 1e-5, and Keras hands it the float32 just below
            epsilon = max(epsilon, float(np.nextafter(np.float32(1e-5), np.float32(1))))
        if node.attrs.get("training_mode", 0) and not self.learning:
            raise Unsupported("{0}: training_mode: a model that predicts has the inference form only".format(node.name))
        if node.attrs.get("training_mode", 0) and K.backend() == "tensorflow":
            text = "{0}: over TensorFlow Keras 2 moves running statistics with zero_debias, as if they began at 0"
            raise Unsupported(text.format(node.name))
        if node.attrs.get("training_mode", 0) and K.backend() == "cntk":
            text = "{0}: over CNTK Keras 2's batch norm is off in the fifth digit of a first loss (7.50045 for 7.50067)"
            raise Unsupported(text.format(node.name))
        initial.update(axis=self.axis, epsilon=epsilon, momentum=node.attrs.get("momentum", 0.9))
        values = [(key, weights[key], same_array) for key in ("scale", "B", "mean", "var")]
        return self.weighted(node, layers.BatchNormalization(**initial), values)

    def Relu(self, node, weights):
        return layers.Activation("relu")

    def MaxPool(self, node, weights):
        if not any(node.attrs.get("pads", [])) or is_same(node):
            return layers.MaxPooling2D(**pool_geometry(node))
        if node.inputs[0] not in self.rectified:
            raise Unsupported("{0}: MaxPooling2D has no pads of its own".format(node.name))
        # As Keras's ResNet-50 has it: nothing behind a ReLU is below the zeros of the border.
        return padded(node, layers.MaxPooling2D(**pool_geometry(node)))

    def AveragePool(self, node, weights):
        if any(node.attrs.get("pads", [])) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: AveragePooling2D has no pads that do not count".format(node.name))
        return padded(node, layers.AveragePooling2D(**dict(pool_geometry(node), padding="valid")))

    def GlobalAveragePool(self, node, weights):
        def pool(x):
            y = layers.GlobalAveragePooling2D()(x)
            channels = K.int_shape(y)[1]
            return layers.Reshape((1, 1, channels) if self.turned else (channels, 1, 1))(y)

        return pool

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            shape = K.int_shape(x)
            turned = self.turned and not node.attrs.get("channels_last", 0)
            if len(shape) == 4 and turned and shape[1] * shape[2] > 1:
                x = layers.Permute((3, 1, 2))(x)  # ONNX's order is channels first
            # Left to itself it would turn an image that is channels first.
            return layers.Flatten(data_format="channels_last")(x)

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        turned = np.transpose if node.attrs.get("transB", 0) else same_array
        b = turned(weights["B"])
        bias = [("C", weights["C"], same_array)] if "C" in weights else []
        initial = {"kernel_initializer": self.below.empty, "bias_initializer": self.below.empty}
        layer = layers.Dense(b.shape[1], use_bias=bool(bias), **initial)
        return self.weighted(node, layer, [("B", b, turned)] + bias)

    def Add(self, node, weights):
        return lambda a, b: layers.Add()([a, b])

    def Mul(self, node, weights):
        def mul(a, b):
            if K.backend() == "theano" and K.int_shape(a) != K.int_shape(b):
                raise Unsupported("{0}: over Theano nothing is broadcast: {1}".format(node.name, K.int_shape(b)))
            return layers.Multiply()([a, b])

        return mul

    def Concat(self, node, weights):
        axis = node.attrs["axis"]

        def concat(*tensors):
            last = len(K.int_shape(tensors[0])) == 4 and self.turned
            return layers.Concatenate((0, 3, 1, 2)[axis] if last else axis)(list(tensors))

        return concat

    def Clip(self, node, weights):
        low, high = node.attrs["min"], node.attrs["max"]
        if low != 0:
            raise Unsupported("{0}: Clip from {1}: a ReLU layer begins at 0".format(node.name, low))
        return layers.ReLU(max_value=float(high))

    def Sigmoid(self, node, weights):
        return layers.Activation("sigmoid")

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)

        def softmax(x):
            rank = len(K.int_shape(x))
            if rank == 4 and self.turned:
                return layers.Softmax((0, 3, 1, 2)[axis])(x)
            return layers.Softmax(-1 if axis % rank == rank - 1 else axis)(x)

        return softmax


def padded(node, function):
    """The function over an input with the operator's pads: a layer of their own, as Keras's MobileNet has it."""
    top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
    if not any((top, left, bottom, right)):
        return function
    return lambda x: function(layers.ZeroPadding2D(((top, bottom), (left, right)))(x))


def pool_geometry(node):
    """What a pooling layer takes."""
    if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
        raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
    return {
        "pool_size": tuple(node.attrs["kernel_shape"]),
        "strides": tuple(node.attrs.get("strides", [1, 1])),
        "padding": "same" if any(node.attrs.get("pads", [])) and is_same(node) else "valid",
    }
