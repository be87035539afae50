"""How does ncnn run a network? Its own layers over float32 weights, batch-norm and ReLU in the convolutions.

What ncnnoptimize would have made: ncnn has no pass of its own when it loads. A tensor of ncnn is one sample's: those of
a batch lie behind each other in it, and a layer takes them in turn. Where all of them are rows, a tensor is a matrix.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os
import tempfile

import ncnn
import numpy as np

from workloads import folded
from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.ncnn_sequence import Sequence
from workloads.backends.ncnn_transformer import RAW, Transformer
from workloads.evidence import contents

MAGIC = 7767517
NARROW = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")
"""Options that keep or compute numbers in 16 bits; some are on when nobody asks."""

WINOGRAD = ("use_winograd_convolution", "use_winograd23_convolution", "use_winograd43_convolution")
WINOGRAD += ("use_winograd63_convolution",)


AXES = base.OF_AXES | {"Gather", "GRU", "LSTM", "ReduceMean", "ReduceSum", "Unsqueeze"}
"""Operators of sequences, which have an axis between that of the batch and that of the features."""


class Blob(object):
    """A tensor of the net: its names, one for each reader, and its shape in ONNX, where it is followed."""

    def __init__(self, names, shape):
        self.names = names
        self.shape = shape

    def name(self):
        return self.names.pop() if len(self.names) > 1 else self.names[0]


class Backend(Sequence, Transformer, base.Backend):
    """`default` lets ncnn choose; `no-winograd` keeps it from the transforms that need fewer multiplications."""

    name = "ncnn"
    modes = ("default", "no-winograd")

    def configure(self):
        self.net = ncnn.Net()
        for option in NARROW:
            setattr(self.net.opt, option, False)
        for option in WINOGRAD if self.execution == "no-winograd" else ():
            setattr(self.net.opt, option, False)
        self.net.opt.use_vulkan_compute = False
        self.net.opt.num_threads = self.threads

    def build(self, nodes, weights, inputs, outputs):
        images = self._lay_out(nodes, inputs)
        nodes, weights = folded.fold(nodes, weights, outputs)
        self.integers = {node.inputs[0] for node in nodes if node.op == "Gather"}
        self.outputs = list(outputs)
        self.lines, self.data, self.blobs = [], [], 0
        self.readers = [name for node in nodes for name in node.inputs] + self.outputs
        given = {}
        for name, shape in inputs.items():
            self._layer("Input", name, [], [name])
            given[name] = self._blob(name, None if images else shape)
        made = self.walk(self.operators(nodes, weights), given, outputs)
        self.found = [(made[name].shape, made[name].name()) for name in outputs]
        text = "{0}\n{1} {2}\n{3}\n".format(MAGIC, len(self.lines), self.blobs, "\n".join(self.lines))
        if self.net.load_param_mem(text) != 0:
            raise RuntimeError("ncnn does not read its own format: {0}".format(text[:400]))
        with tempfile.NamedTemporaryFile(dir=os.getcwd(), suffix=".bin") as file:
            for array in self.data:
                file.write(memoryview(np.ascontiguousarray(array)).cast("B"))
            file.flush()
            if self.net.load_model(file.name) != 0:
                raise RuntimeError("ncnn refused the weights")
        del self.data

    def _lay_out(self, nodes, inputs):
        """Whether there are images, whose shapes are not followed; sets `batch`, and `sampled` but for rows alone."""
        images = any(node.op in base.OF_IMAGES for node in nodes)
        axes = any(node.op in AXES for node in nodes) and not base.has_images(nodes)
        self.batch = max(shape[0] for shape in inputs.values())
        flattened = {node.inputs[0] for node in nodes if node.op == "Flatten"} if self.batch > 1 else ()
        self.sampled = images or axes or any(len(inputs[name]) > 2 for name in set(inputs) - set(flattened))
        return images

    def load(self, arrays):
        self.mats = {name: self._mat(name, array) for name, array in arrays.items()}

    def _mat(self, name, array):
        """A Mat of its own memory: one over an array does not keep that."""
        if array.dtype.kind == "i":  # ncnn computes with float32, and looks up by int32
            array = array.astype(np.int32 if name in self.integers else np.float32)
        if not self.sampled:
            rows = np.ascontiguousarray(array.reshape(len(array), -1))
            return ncnn.Mat(rows).clone()
        samples = np.ascontiguousarray(array.reshape((self.batch,) + (array.shape[1:] or (1,))))
        return ncnn.Mat(samples[0]).clone() if self.batch == 1 else ncnn.Mat(samples, 0).clone()

    def step(self):
        extractor = self.net.create_extractor()
        for name, mat in self.mats.items():
            extractor.input(name, mat)
        self.results = []
        for _, name in self.found:
            status, mat = extractor.extract(name)
            if status != 0:
                raise RuntimeError("ncnn could not compute {0}: {1}".format(name, status))
            self.results.append(mat)

    def fetch(self):
        arrays = [self._array(mat) for mat in self.results]
        shaped = [a if shape is None else a.reshape(shape) for a, (shape, _) in zip(arrays, self.found)]  # noqa: B905
        return dict(zip(self.outputs, shaped))  # noqa: B905  (3.10 has it)

    def _array(self, mat):
        if not self.sampled:
            return np.asarray(mat)
        if self.batch == 1:
            return np.asarray(mat)[np.newaxis]
        return np.stack([np.asarray(mat.batch(i)) for i in range(self.batch)])

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return ncnn.__version__

    def build_string(self):
        options = [name for name in dir(self.net.opt) if name.startswith("use_") and getattr(self.net.opt, name)]
        return "native kernels, compiled in; options on: {0}".format(", ".join(options))

    def pools(self):
        return {"num_threads": self.net.opt.num_threads}

    def execution_state(self):
        off = [option for option in WINOGRAD if not getattr(self.net.opt, option)]
        how = "of the net's options, off: {0}".format(", ".join(off) or "none of Winograd's")
        return ("no-winograd" if len(off) == len(WINOGRAD) else "default", how)

    def precision(self):
        narrow = [name for name in NARROW if getattr(self.net.opt, name)]
        return "float32" if not narrow else "float32 and less ({0})".format(", ".join(narrow))

    def arithmetic(self):
        winograd = any(getattr(self.net.opt, name) for name in WINOGRAD)
        return {"winograd": "allowed" if winograd else "off", "gradients": "off"}  # ncnn has none

    def onednn_state(self):
        path = ncnn.ncnn.__file__
        count = contents.occurrences(path, b"dnnl_")
        return ("unknown" if count else "absent", None, "{0} names in {1} begin with dnnl_".format(count, path))

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def _layer(self, kind, name, bottoms, tops, fields=(), arrays=()):  # noqa: PLR0917  (a row of its text)
        """Write a layer and its weights; fields are (ncnn's number of the parameter, value)."""
        parts = [kind, name, len(bottoms), len(tops)] + bottoms + tops
        self.lines.append(" ".join([str(part) for part in parts] + ["{0}={1}".format(*field) for field in fields]))
        self.blobs += len(tops)
        self.data.extend(arrays)

    def _blob(self, name, shape):
        """What its readers see of the layer of that name, and whoever takes it out of the net."""
        count = self.readers.count(name)
        if count < 2:
            return Blob([name], shape)
        names = ["{0}_{1}".format(name, i) for i in range(count)]
        self._layer("Split", name + "_split", [name], names)
        return Blob(names, shape)

    def _part(self, node, what, kind, inputs, fields=(), arrays=()):  # noqa: PLR0917  (a row of its text)
        """The name of the output of one of the layers that a node is written out as; inputs are names."""
        name = "{0}_{1}".format(node.name, what)
        self._layer(kind, name, list(inputs), [name], fields, arrays)
        return name

    def _write(self, kind, node, inputs, shape, fields=(), arrays=()):  # noqa: PLR0917
        """The Blob of the last layer, or the only one, of a node; inputs are names, `shape` its output's."""
        self._layer(kind, node.name, list(inputs), [node.name], fields, arrays)
        return self._blob(node.name, shape)

    def _single(self, kind, node, fields=(), arrays=(), shape=lambda *shapes: shapes[0]):  # noqa: PLR0917
        """A function from Blobs to the Blob of one layer; `shape` makes that of its output of those of its inputs."""

        def write(*inputs):
            shapes = [each.shape for each in inputs]
            made = None if None in shapes else tuple(shape(*shapes))
            return self._write(kind, node, [each.name() for each in inputs], made, fields, arrays)

        return write

    def Conv(self, node, weights):
        w, group = weights["W"], node.attrs.get("group", 1)
        (kh, kw), (sh, sw) = w.shape[2:], node.attrs.get("strides", [1, 1])
        (dh, dw), pads = node.attrs.get("dilations", [1, 1]), node.attrs.get("pads", [0, 0, 0, 0])
        top, left, bottom, right = pads
        fields = [(0, w.shape[0]), (1, kw), (11, kh), (2, dw), (12, dh), (3, sw), (13, sh), (4, left), (14, top)]
        fields += [(15, right), (16, bottom), (5, int("B" in weights)), (6, w.size), (9, activation(node))]
        arrays = [RAW, w] + ([weights["B"]] if "B" in weights else [])
        if group == 1:
            return self._single("Convolution", node, fields, arrays)
        return self._single("ConvolutionDepthWise", node, fields + [(7, group)], arrays)

    def BatchNormalization(self, node, weights):
        fields = [(0, weights["scale"].size), (1, node.attrs.get("epsilon", 1e-5))]
        arrays = [weights[key] for key in ("scale", "mean", "var", "B")]
        return self._single("BatchNorm", node, fields, arrays)

    def Relu(self, node, weights):
        return self._single("ReLU", node)

    def MaxPool(self, node, weights):
        return self._pool(node, 0)

    def AveragePool(self, node, weights):
        return self._pool(node, 1)

    def _pool(self, node, kind):
        if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
            raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
        (kh, kw), (sh, sw) = node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1])
        top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
        fields = [(0, kind), (1, kw), (11, kh), (2, sw), (12, sh), (3, left), (13, top), (14, right), (15, bottom)]
        fields += [(5, 1), (6, int(node.attrs.get("count_include_pad", 0)))]  # 5=1: sizes are rounded down
        return self._single("Pooling", node, fields)

    def GlobalAveragePool(self, node, weights):
        write = self._single("Pooling", node, [(0, 1), (4, 1)])

        def pool(x):
            pooled = write(x)
            if node.name in self.outputs:  # ncnn drops the axes
                pooled.shape = (self.batch, -1, 1, 1)
            return pooled

        return pool

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        return self._single("Flatten" if self.sampled else "Noop", node, shape=lambda x: (x[0], int(np.prod(x[1:]))))

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        w = weights["B"] if node.attrs.get("transB", 0) else weights["B"].T
        fields = [(0, w.shape[0]), (1, int("C" in weights)), (2, w.size), (9, activation(node))]
        arrays = [RAW, w] + ([weights["C"]] if "C" in weights else [])
        return self._single("InnerProduct", node, fields, arrays, lambda x: x[:-1] + w.shape[:1])

    def MatMul(self, node, weights):
        return self._single("MatMul", node, shape=lambda a, b: a[:-1] + b[-1:])

    def Add(self, node, weights):
        return self._single("BinaryOp", node, [(0, 0)], shape=np.broadcast_shapes)

    def Mul(self, node, weights):
        return self._single("BinaryOp", node, [(0, 2)], shape=np.broadcast_shapes)

    def Div(self, node, weights):
        return self._single("BinaryOp", node, [(0, 3)], shape=np.broadcast_shapes)

    def Concat(self, node, weights):
        def concat(*inputs):
            axis, made = node.attrs["axis"], inputs[0].shape
            own = self._axis(node, axis, made)
            if made is not None:
                axis %= len(made)
                made = made[:axis] + (sum(each.shape[axis] for each in inputs),) + made[axis + 1 :]
            return self._write("Concat", node, [each.name() for each in inputs], made, [(0, own)])

        return concat

    def Clip(self, node, weights):
        return self._single("Clip", node, [(0, float(node.attrs["min"])), (1, float(node.attrs["max"]))])

    def Sigmoid(self, node, weights):
        return self._single("Sigmoid", node)

    def LRN(self, node, weights):
        attrs = node.attrs
        if attrs["size"] % 2 == 0:
            raise Unsupported("{0}: ncnn's LRN has a window of odd size".format(node.name))
        fields = [(0, 0), (1, attrs["size"]), (2, attrs.get("alpha", 1e-4)), (3, attrs.get("beta", 0.75))]
        return self._single("LRN", node, fields + [(4, float(attrs.get("bias", 1.0)))])

    def Softmax(self, node, weights):
        def softmax(x):
            axis = self._axis(node, node.attrs.get("axis", -1), x.shape)
            return self._write("Softmax", node, [x.name()], x.shape, [(0, axis), (1, 1)])

        return softmax

    def _axis(self, node, axis, shape):
        """ONNX's axis of a tensor of `shape`, as ncnn counts it: a sample has none for the batch, but where its rows
        are the first axis."""
        axis = axis if shape is None else axis % len(shape)
        whole = shape is not None and shape[0] != self.batch
        if self.sampled and axis == 0 and (not whole or self.batch > 1):
            raise Unsupported("{0}: {1} along the batch".format(node.name, node.op))
        return axis if axis < 0 or whole or not self.sampled else axis - 1


def activation(node):
    """ncnn's number of what is computed behind the product: 1 is ReLU."""
    return int(node.attrs.get("activation") == "relu")
