"""How does ncnn run a network? Its own layers over float32 weights, batch-norm and ReLU in the convolutions.

What ncnnoptimize would have made: ncnn has no pass of its own when it loads.
"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import os
import tempfile

import ncnn
import numpy as np

from workloads import folded
from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.evidence import contents

MAGIC = 7767517
RAW = np.zeros(1, np.uint32)
"""What stands before the main weight of a layer: 0 for float32 as it is."""

NARROW = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")
"""Options that keep or compute numbers in 16 bits; some are on when nobody asks."""

WINOGRAD = ("use_winograd_convolution", "use_winograd23_convolution", "use_winograd43_convolution")
WINOGRAD += ("use_winograd63_convolution",)


class Backend(base.Backend):
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
        if any(len(shape) == 4 and shape[0] != 1 for shape in inputs.values()):
            raise Unsupported("batch {0}: ncnn computes one image at a time".format(max(inputs.values())[0]))
        nodes, weights = folded.fold(nodes, weights, outputs)
        self.shapes, self.outputs = {}, list(outputs)
        self.lines, self.data, self.blobs = [], [], 0
        self.readers = [name for node in nodes for name in node.inputs]
        for name in inputs:
            self._layer("Input", name, [], [name])
        self.walk(self.operators(nodes, weights), {name: [name] for name in inputs}, outputs)
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

    def load(self, arrays):
        self.mats = {name: ncnn.Mat(array[0] if array.ndim == 4 else array).clone() for name, array in arrays.items()}

    def step(self):
        extractor = self.net.create_extractor()
        for name, mat in self.mats.items():
            extractor.input(name, mat)
        self.results = []
        for name in self.outputs:
            status, mat = extractor.extract(name)
            if status != 0:
                raise RuntimeError("ncnn could not compute {0}: {1}".format(name, status))
            self.results.append(mat)

    def fetch(self):
        arrays = [np.asarray(mat) for mat in self.results]
        arrays = [array if array.ndim == 2 else array[np.newaxis] for array in arrays]  # ncnn drops the batch
        return dict(zip(self.outputs, arrays))  # noqa: B905  (3.10 has it)

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

    def _single(self, kind, node, fields=(), arrays=()):
        """A function from the names that each input offers to those that the output does: one for every reader."""

        def write(*inputs):
            bottoms = [names.pop() if len(names) > 1 else names[0] for names in inputs]
            self._layer(kind, node.name, bottoms, [node.name], fields, arrays)
            count = self.readers.count(node.name)
            if count < 2:
                return [node.name]
            names = ["{0}_{1}".format(node.name, i) for i in range(count)]
            self._layer("Split", node.name + "_split", [node.name], names)
            return names

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
        return self._single("Pooling", node, [(0, 1), (4, 1)])

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten with axis {1}".format(node.name, node.attrs["axis"]))
        return self._single("Flatten", node)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        w = weights["B"] if node.attrs.get("transB", 0) else weights["B"].T
        fields = [(0, w.shape[0]), (1, int("C" in weights)), (2, w.size), (9, activation(node))]
        return self._single("InnerProduct", node, fields, [RAW, w] + ([weights["C"]] if "C" in weights else []))

    def MatMul(self, node, weights):
        return self._single("MatMul", node)

    def Add(self, node, weights):
        return self._single("BinaryOp", node, [(0, 0)])

    def Mul(self, node, weights):
        return self._single("BinaryOp", node, [(0, 2)])

    def Concat(self, node, weights):
        return self._single("Concat", node, [(0, node.attrs["axis"] - 1)])  # ncnn counts without the batch

    def Clip(self, node, weights):
        return self._single("Clip", node, [(0, float(node.attrs["min"])), (1, float(node.attrs["max"]))])

    def Sigmoid(self, node, weights):
        return self._single("Sigmoid", node)

    def LRN(self, node, weights):
        attrs = node.attrs
        fields = [(0, 0), (1, attrs["size"]), (2, attrs.get("alpha", 1e-4)), (3, attrs.get("beta", 0.75))]
        return self._single("LRN", node, fields + [(4, float(attrs.get("bias", 1.0)))])

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)  # ncnn counts without the batch
        return self._single("Softmax", node, [(0, axis - 1 if axis > 0 else axis), (1, 1)])


def activation(node):
    """ncnn's number of what is computed behind the product: 1 is ReLU."""
    return int(node.attrs.get("activation") == "relu")
