"""How does Keras 3 train a network? `compile` with its own loss and optimizer, then `train_on_batch`."""

import importlib

import numpy as np

from workloads.backends import base
from workloads.backends.base import Unsupported


def same_array(array):
    """The way back of a weight that Keras keeps as ONNX has it."""
    return array


def make_optimizer(optimizers, chosen):
    """Keras's own, of a base.Optimizer."""
    if chosen.name == "sgd":
        return optimizers.SGD(chosen.learning_rate, chosen.momentum)
    return optimizers.Adam(chosen.learning_rate, chosen.beta1, chosen.beta2, chosen.epsilon)


class Training(base.Backend):
    """What trains a model of Keras, and the layers that hold what it learns."""

    batch_statistics = True  # where it trains
    trains = True
    learnt = None  # name -> (variable, the way back to ONNX's layout), where it is trained

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        if self.execution not in ("default", "xla"):
            raise Unsupported("mode {0!r}: it trains by train_on_batch".format(self.execution))
        keras, self.learnt = self.keras, {}
        if keras.backend.backend() == "torch":
            importlib.import_module("torch").set_grad_enabled(True)  # as Keras finds it, where nobody has asked
        self._model(nodes, weights, inputs, [loss.output])
        losses, over = keras.losses, keras.backend.backend()
        crossed = losses.SparseCategoricalCrossentropy(from_logits=True)
        measure = crossed if loss.name == "cross_entropy" else losses.MeanSquaredError()
        compiled = self.execution == "xla" if over == "tensorflow" else "auto"
        self.model.compile(make_optimizer(keras.optimizers, optimizer), measure, jit_compile=compiled)
        self._lend()
        self.step, self.fetch = self._train, self._fetch_loss

    def load_targets(self, targets):
        targets = targets.astype("int32") if targets.dtype.kind == "i" else targets  # JAX has no wider ones
        self.targets = self.keras.ops.convert_to_tensor(targets)

    def _train(self):
        self.model.reset_metrics()  # what it gives is the mean of the losses since
        self.result = self.model.train_on_batch(self.tensors, self.targets)

    def _fetch_loss(self):
        return {"loss": np.asarray(self.result, np.float32).reshape(1)}

    def trained(self):
        convert = self.keras.ops.convert_to_numpy
        return {name: back(convert(variable)) for name, (variable, back) in self.learnt.items()}

    def _weighted(self, node, make, values, **options):
        """The layer as a function, that has its weights when it has been applied: (ONNX's name, array in Keras's
        layout, the way back) of each, in Keras's order."""
        layer = make(dtype="float32", **options)

        def apply(x):
            y = layer(x)
            layer.set_weights([array for _, array, _ in values])
            if self.learnt is not None:
                for variable, (key, _, back) in zip(layer.weights, values):  # noqa: B905  (3.10 has it)
                    self.learnt["{0}.{1}".format(node.name, key)] = (variable, back)
            return y

        return apply
