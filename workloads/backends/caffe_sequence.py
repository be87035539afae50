"""How does Caffe run an LSTM? By its own layer, which unrolls into a net of all steps and restarts where `cont` is 0.

Its tensors have the steps in front; what only it and a sum along the steps read is so from the tokens on.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import caffe
import numpy as np

from workloads.backends.base import Unsupported
from workloads.backends.reference_transformer import with_one
from workloads.caffe_graph import Blob
from workloads.recurrent import Recurrent

ORDER = "ifoc"
"""Caffe's order of the gates."""


class Sequence(object):
    """Operators of the backend, which writes layers and says which arrays are their blobs."""

    def LSTM(self, node, weights):
        spec, name = Recurrent(node, weights), node.name
        if self.learning and (spec.wb is None or spec.rb is not None):
            raise Unsupported("{0}: no bias, or two, that learn: Caffe's LSTM has one".format(name))
        if self.learning and not spec.sequence:
            raise Unsupported("{0}: Y_h that learns: Caffe's last state passes no gradient back".format(name))
        bias = sum(spec.biases())
        arrays = {"W": spec.w, "B": bias, "R": spec.r}  # in the order of the layer's blobs
        self.parameters[name] = [spec.arranged(array, ORDER) for array in arrays.values()]
        for index, (key, array) in enumerate(arrays.items()):
            if key in weights:
                self.places["{0}.{1}".format(name, key)] = name, index, array.shape
        self.layers[name] = spec

        def lstm(x, lengths=None, *initial):
            if node.inputs[0] not in self.turned:
                x = self._swapped(name + "/x", x)
            steps, batch = x.shape[:2]
            given = any(state is not None for state in initial)
            going = np.ones((steps, batch), np.float32)
            going[0] = given
            bottoms = [x, self._constant(name + "/cont", going)]
            fields, last = {"num_output": spec.hidden}, []
            if given or not spec.sequence:
                fields["expose_hidden"] = True
                state = (1, batch, spec.hidden)
                for key, each in zip("hc", list(initial) + [None, None]):  # noqa: B905  (3.10 has it)
                    bottoms.append(self._start("{0}/{1}".format(name, key), each, state))
                    last.append(Blob("{0}/{1}_last".format(name, key), state))
            every = Blob(name + "/h_all", (steps, batch, spec.hidden))
            self.graph.layer(name, "LSTM", bottoms, every, beside=last, recurrent_param=fields)
            if not spec.sequence:
                if lengths is not None:
                    raise Unsupported(
                        "{0}: Y_h with lengths: Caffe's LSTM gives the state behind all steps".format(name)
                    )
                return self._reshaped(name + "/y", last[0], last[0].shape[1:])
            if lengths is not None:
                every = self._masked(name, every, lengths)
            return every if name in self.turned else self._swapped(name + "/y", every)

        return lstm

    def _start(self, name, state, shape):
        """[1,B,H] of a given state [B,H], or zeros."""
        if state is None:
            return self._constant(name, np.zeros(shape, np.float32))
        return self._reshaped(name, state, shape)

    def _masked(self, name, x, lengths):
        """x [T,B,H] with zeros from a sample's length on: those steps t stay where `length - t` is above 0."""
        before = np.repeat(-np.arange(x.shape[0], dtype=np.float32)[:, None], x.shape[1], axis=1)
        left = Blob(name + "/left", before.shape)
        self.graph.layer(
            left.name, "Bias", [self._constant(name + "/before", before), lengths], left, bias_param={"axis": 1}
        )
        mask = self.graph.layer(name + "/mask", "Threshold", [left], Blob(name + "/mask", before.shape))
        return self.graph.layer(
            name + "/own", "Scale", [x, mask], Blob(name + "/own", x.shape), scale_param={"axis": 0}
        )

    def in_onnx_layout(self, found):
        """Gradients or weights by name, those of such layers as ONNX has them."""
        for name, spec in self.layers.items():
            for key in ("W", "R", "B"):
                if "{0}.{1}".format(name, key) in found:
                    array = found["{0}.{1}".format(name, key)]
                    found["{0}.{1}".format(name, key)] = spec.restored(array, ORDER)[None]
        return found

    def _constant(self, name, array):
        """A blob that is filled once."""
        self.constants[name] = array
        self.graph.inputs[name] = array.shape
        return Blob(name, array.shape)

    def _reshaped(self, name, x, shape):
        """The same memory."""
        fields = {"shape": {"dim": list(shape)}}
        return self.graph.layer(name, "Reshape", [x], Blob(name, tuple(shape)), reshape_param=fields)

    def _swapped(self, name, x):
        """[B,T,...] as [T,B,...], or the other way."""
        shape = (x.shape[1], x.shape[0]) + x.shape[2:]
        if 1 in x.shape[:2]:
            return self._reshaped(name, x, shape)
        if "Permute" not in caffe.layer_type_list():
            raise Unsupported(
                "{0}: this Caffe has no Permute, which a batch with its steps in front takes".format(name)
            )
        order = [1, 0] + list(range(2, len(shape)))
        return self.graph.layer(name, "Permute", [x], Blob(name, shape), permute_param={"order": order})

    def Gather(self, node, weights):
        """Embed takes its rows as floats, which count to 2**24."""
        rows, width = weights["data"].shape
        if node.attrs.get("axis", 0) != 0 or rows > 1 << 24:
            raise Unsupported("{0}: Gather along another axis than 0, or of more than 2**24 rows".format(node.name))
        self._hold(node.name, node, weights, ("data",))
        fields = {"num_output": width, "input_dim": rows, "bias_term": False}

        def gather(x):
            if node.name in self.turned:
                x = self._swapped(node.name + "/rows", x)
            return self.graph.layer(node.name, "Embed", [x], Blob(node.name, x.shape + (width,)), embed_param=fields)

        return gather

    def ReduceSum(self, node, weights):
        return self._pooled(node, total=True)

    def ReduceMean(self, node, weights):
        return self._pooled(node, total=False)

    def _pooled(self, node, total):
        """Reduction takes the last axes: the mean of the first is that of a pool, over an image of T x B*H."""

        def pooled(x):
            if node.inputs[0] not in self.turned:
                raise Unsupported("{0}: {1} along other axes than a sequence's".format(node.name, node.op))
            steps, rest = x.shape[0], x.shape[1:]
            row = (1, 1, 1, rest[0] * rest[1])
            fields = {"pool": "AVE", "kernel_h": steps, "kernel_w": 1}
            y = self._reshaped(node.name + "/image", x, (1, 1, steps, row[3]))
            y = self.graph.layer(
                node.name + "/pool", "Pooling", [y], Blob(node.name + "/pool", row), pooling_param=fields
            )
            if total:  # in place its backward pass would write over what it is about to read
                product = {"scale": steps}
                y = self.graph.layer(
                    node.name + "/sum", "Power", [y], Blob(node.name + "/sum", row), power_param=product
                )
            return self._reshaped(node.name, y, rest)

        return pooled

    def Unsqueeze(self, node, weights):
        (axis,) = node.attrs["axes"]
        return lambda x: self._reshaped(node.name, x, with_one(x.shape, axis))

    def Cast(self, node, weights):
        if node.attrs["to"] != 1:  # FLOAT
            raise Unsupported("{0}: Cast to ONNX's type {1}".format(node.name, node.attrs["to"]))
        return lambda x: x  # every blob is float32, that of integers too

    def Div(self, node, weights):
        """By one number per sample: Power makes the factor that Scale multiplies by."""

        def div(a, b):
            if len(a.shape) != 2 or b.shape != (a.shape[0], 1):
                raise Unsupported("{0}: Div of {1} by {2}".format(node.name, a.shape, b.shape))
            flat = self._reshaped(node.name + "/flat", b, a.shape[:1])
            factor = Blob(node.name + "/factor", a.shape[:1])
            self.graph.layer(factor.name, "Power", [flat], factor, power_param={"power": -1})
            return self.graph.layer(node.name, "Scale", [a, factor], Blob(node.name, a.shape), scale_param={"axis": 0})

        return div
