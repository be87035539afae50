"""How does Keras 2 run a recurrent operator? In its layers LSTM and GRU, which have both forms of the reset gate.

With `implementation` as it comes, and a sigmoid for the gates where its own default is a hard one. Lengths become a
mask, behind which Keras 2 repeats a state: what has to be 0 there is masked again. One bias per gate, so that ONNX's
two are added up; a GRU with the reset gate behind its product has both.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np
from keras import backend as K  # noqa: N812  (its usual name)
from keras import layers

from workloads.backends.base import Unsupported
from workloads.backends.keras2_training import same_array
from workloads.recurrent import Recurrent


class Sequence(object):
    """Operators of the backend, each a function from symbolic tensors to one."""

    def LSTM(self, node, weights):
        if K.backend() == "cntk":  # rnn() in 2.2.4's cntk_backend.py: new_output = n_s[-1]
            raise Unsupported("{0}: over CNTK Keras's LSTM gives its cell's state for its output".format(node.name))
        spec = Recurrent(node, weights)
        return self._recurrent(node, layers.LSTM, spec, "ifco", sum(spec.biases()), unit_forget_bias=False)

    def GRU(self, node, weights):
        spec = Recurrent(node, weights)
        bias = np.stack(spec.biases()) if spec.after else sum(spec.biases())
        return self._recurrent(node, layers.GRU, spec, spec.order, bias, reset_after=spec.after)

    def _recurrent(self, node, make, spec, order, bias, **options):
        """`order` is Keras's, of the gates; `bias` has ONNX's."""
        own = len(spec.w) * sum(array is not None for array in (spec.wb, spec.rb))
        if self.learning and own and bias.size != own:
            raise Unsupported("{0}: one bias here is two in ONNX, and moves half as far".format(node.name))
        names = ("kernel_initializer", "recurrent_initializer", "bias_initializer")
        options.update(dict.fromkeys(names, self.below.empty))
        options.update(recurrent_activation="sigmoid", use_bias=spec.wb is not None, return_sequences=spec.sequence)
        layer = make(spec.hidden, **options)

        def back(found):
            return spec.restored(np.ascontiguousarray(found.T), order)[None]

        values = [
            (key, np.ascontiguousarray(spec.arranged(array, order).T), back)
            for key, array in (("W", spec.w), ("R", spec.r))
        ]
        if bias.ndim > 1:  # a GRU's two, in ONNX's order
            values.append(("B", bias, lambda found: found.reshape(1, -1)))
        else:
            values.append(("B", spec.arranged(bias, order), lambda found: spec.restored(found, order)[None]))

        def recurrent(x, lengths=None, *initial):
            mask = None if lengths is None else own_steps(lengths, K.int_shape(x)[1])
            if initial and (None in initial or len(initial) < (2 if node.op == "LSTM" else 1)):
                raise Unsupported("{0}: Keras takes the whole of a state or none".format(node.name))
            y = layer(x, initial_state=list(initial) or None, mask=mask)
            for variable, (key, array, way) in zip(layer.weights, values):  # noqa: B905  (3.10 has it)
                self.values.append((variable, array, "{0}.{1}".format(node.name, key), way))
            if mask is None or not spec.sequence:
                return y
            return layers.Lambda(zeroed, output_shape=K.int_shape(y)[1:])([y, mask])

        return recurrent

    def Gather(self, node, weights):
        if node.attrs.get("axis", 0) != 0:
            raise Unsupported("{0}: Gather along axis {1}".format(node.name, node.attrs["axis"]))
        rows, width = weights["data"].shape
        layer = layers.Embedding(rows, width, embeddings_initializer=self.below.empty)
        return self.weighted(node, layer, [("data", weights["data"], same_array)])

    def ReduceSum(self, node, weights):
        return reduced(node, K.sum)

    def ReduceMean(self, node, weights):
        return reduced(node, K.mean)

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]

        def unsqueeze(x):
            shape = list(K.int_shape(x))
            shape.insert(axis, 1)
            return layers.Lambda(lambda one: K.expand_dims(one, axis), output_shape=tuple(shape[1:]))(x)

        return unsqueeze

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return layers.Lambda(lambda x: K.cast(x, "float32"), output_shape=lambda shape: shape)

    def Div(self, node, weights):
        return lambda a, b: layers.Lambda(lambda pair: pair[0] / pair[1], output_shape=K.int_shape(a)[1:])([a, b])


def reduced(node, function):
    """K.sum or K.mean along a node's axes, none of which is the batch."""
    axes, keep = sorted(node.attrs["axes"]), bool(node.attrs.get("keepdims", 1))

    def reduce(x):
        shape = [1 if axis in axes else size for axis, size in enumerate(K.int_shape(x)) if keep or axis not in axes]
        return layers.Lambda(lambda one: function(one, axis=axes, keepdims=keep), output_shape=tuple(shape[1:]))(x)

    return reduce


def numbers(x):
    """[B] of [B,1]."""
    return layers.Lambda(lambda one: K.squeeze(one, 1), output_shape=())(x)


def own_steps(lengths, steps):
    """[B,T]: whether a step is one of the sample's own."""

    def compared(given):
        return K.less(K.constant(np.arange(steps)), K.expand_dims(K.cast(given, "float32"), 1))

    return layers.Lambda(compared, output_shape=(steps,))(lengths)


def zeroed(pair):
    """The states [B,T,H] of the steps that are a sample's own, else 0."""
    states, own = pair
    return states * K.expand_dims(K.cast(own, "float32"), 2)
