"""How is a network written as Caffe's two files: the layers as a prototxt, their weights as a caffemodel?

The prototxt is text. The caffemodel is a NetParameter of caffe.proto, of which four messages are needed; their fields
are written byte by byte (protobuf's wire format), so that no schema has to be compiled and no library has to be there.
"""
# ruff: noqa: N802  (methods are called after ONNX's operators, and all take a node and its weights)

import numpy as np

from workloads.backends import base
from workloads.backends.base import Unsupported

NET_NAME, NET_LAYER = 1, 100
LAYER_NAME, LAYER_TYPE, LAYER_BLOBS = 1, 2, 7
BLOB_DATA, BLOB_SHAPE = 5, 7
SHAPE_DIM = 1
"""Field numbers of caffe.proto: NetParameter, LayerParameter, BlobProto, BlobShape."""


def varint(number):
    """Seven bits a byte, the lowest first; the highest bit says that more follows."""
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def prefix(field, length):
    """What stands before a field of `length` bytes: text, message or packed numbers (wire type 2)."""
    return varint(field << 3 | 2) + varint(length)


def text_field(field, text):
    """A text."""
    data = text.encode("utf-8")
    return prefix(field, len(data)) + data


def blob(array):
    """[bytes-like] of a BlobProto: its shape, and its numbers as packed little-endian floats."""
    dims = b"".join(varint(length) for length in array.shape)
    shape = prefix(SHAPE_DIM, len(dims)) + dims
    data = np.ascontiguousarray(array, dtype="<f4")
    return [prefix(BLOB_SHAPE, len(shape)), shape, prefix(BLOB_DATA, data.nbytes), memoryview(data).cast("B")]


def nested(field, parts):
    """The parts as one message inside another."""
    return [prefix(field, sum(len(part) for part in parts))] + parts


def caffemodel(name, layers):
    """The bytes of a NetParameter; layers are (name, type, [array])."""
    parts = [text_field(NET_NAME, name)]
    for layer, kind, arrays in layers:
        inside = [text_field(LAYER_NAME, layer), text_field(LAYER_TYPE, kind)]
        for array in arrays:
            inside += nested(LAYER_BLOBS, blob(array))
        parts += nested(NET_LAYER, inside)
    return b"".join(parts)


def message(name, fields):
    """`name { key: value key: value }`; a list repeats its key, a text is quoted, an (enum,) is not."""
    return "{0} {{ {1} }}".format(name, " ".join(_field(key, value) for key, value in fields))


def _field(key, value):
    if isinstance(value, list):
        return " ".join(_field(key, each) for each in value)
    if isinstance(value, tuple):
        return "{0}: {1}".format(key, value[0])
    if isinstance(value, bool):
        return "{0}: {1}".format(key, str(value).lower())
    if isinstance(value, float):
        return "{0}: {1!r}".format(key, value)
    return '{0}: "{1}"'.format(key, value) if isinstance(value, str) else "{0}: {1}".format(key, value)


class Writer(base.Backend):
    """A backend that reads Caffe's files: every method writes the layers that one operator is."""

    def caffe(self, nodes, weights, inputs, outputs):
        """(prototxt as bytes, caffemodel as bytes)."""
        self.text = ['name: "network"']
        self.layers = []
        for name, shape in inputs.items():
            self._layer(name, "Input", [], [], [("input_param", "shape", list(shape))])
        self.walk(self.operators(nodes, weights), {name: name for name in inputs}, outputs)
        return "\n".join(self.text).encode("utf-8"), caffemodel("network", self.layers)

    def _layer(self, name, kind, bottoms, blobs, parameters=()):
        """Write a layer; parameters are (message's name, fields) or, for a shape, (message's name, key, dims)."""
        fields = [("name", name), ("type", kind), ("bottom", list(bottoms)), ("top", name)]
        inside = []
        for parameter in parameters:
            if len(parameter) == 3:
                inside.append("{0} {{ {1} }}".format(parameter[0], message(parameter[1], [("dim", parameter[2])])))
            else:
                inside.append(message(*parameter))
        text = message("layer", fields)
        self.text.append(" ".join([text[:-2]] + inside + ["}"]) if inside else text)
        if blobs:
            self.layers.append((name, kind, blobs))
        return name

    def _single(self, node, kind, blobs=(), parameters=()):
        return lambda *bottoms: self._layer(node.name, kind, bottoms, list(blobs), parameters)

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = weights["W"]
        fields = [("num_output", w.shape[0]), ("bias_term", "B" in weights), ("group", node.attrs.get("group", 1))]
        fields += window(node)
        dilations = node.attrs.get("dilations", [1, 1])
        if list(dilations) != [1, 1]:
            fields.append(("dilation", list(dilations)))
        blobs = [w, weights["B"]] if "B" in weights else [w]
        return self._single(node, "Convolution", blobs, [("convolution_param", fields)])

    def BatchNormalization(self, node, weights):
        """Two layers: BatchNorm normalises, Scale scales and shifts; the third blob divides the statistics."""
        fields = [("use_global_stats", True), ("eps", float(node.attrs.get("epsilon", 1e-5)))]
        statistics = [weights["mean"], weights["var"], np.ones(1, np.float32)]

        def both(x):
            normal = node.name + "_normalised"
            self._layer(normal, "BatchNorm", [x], statistics, [("batch_norm_param", fields)])
            scaled = [weights["scale"], weights["B"]]
            return self._layer(node.name, "Scale", [normal], scaled, [("scale_param", [("bias_term", True)])])

        return both

    def Relu(self, node, weights):  # noqa: ARG002
        return self._single(node, "ReLU")

    def MaxPool(self, node, weights):  # noqa: ARG002
        return self._pool(node, "MAX")

    def AveragePool(self, node, weights):  # noqa: ARG002
        pads = node.attrs.get("pads", [0, 0, 0, 0])
        if any(pads) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: Caffe's average counts the pads".format(node.name))
        return self._pool(node, "AVE")

    def _pool(self, node, kind):
        if list(node.attrs.get("dilations", [1, 1])) != [1, 1] or node.attrs.get("ceil_mode", 0):
            raise Unsupported("{0}: dilations and ceil_mode".format(node.name))
        fields = [("pool", (kind,))] + window(node) + [("ceil_mode", False)]  # Caffe's own default rounds up
        return self._single(node, "Pooling", (), [("pooling_param", fields)])

    def GlobalAveragePool(self, node, weights):  # noqa: ARG002
        fields = [("pool", ("AVE",)), ("global_pooling", True)]
        return self._single(node, "Pooling", (), [("pooling_param", fields)])

    def Flatten(self, node, weights):  # noqa: ARG002
        return self._single(node, "Flatten", (), [("flatten_param", [("axis", node.attrs.get("axis", 1))])])

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        w = weights["B"] if node.attrs.get("transB", 0) else np.ascontiguousarray(weights["B"].T)
        fields = [("num_output", w.shape[0]), ("bias_term", "C" in weights)]
        blobs = [w, weights["C"]] if "C" in weights else [w]
        return self._single(node, "InnerProduct", blobs, [("inner_product_param", fields)])

    def MatMul(self, node, weights):  # noqa: ARG002
        raise Unsupported("{0}: Caffe has no layer for a product of two inputs".format(node.name))

    def Add(self, node, weights):  # noqa: ARG002
        return self._single(node, "Eltwise", (), [("eltwise_param", [("operation", ("SUM",))])])

    def Mul(self, node, weights):  # noqa: ARG002
        return self._single(node, "Eltwise", (), [("eltwise_param", [("operation", ("PROD",))])])

    def Concat(self, node, weights):  # noqa: ARG002
        return self._single(node, "Concat", (), [("concat_param", [("axis", node.attrs["axis"])])])

    def Sigmoid(self, node, weights):  # noqa: ARG002
        return self._single(node, "Sigmoid", (), [])

    def LRN(self, node, weights):  # noqa: ARG002
        attrs = node.attrs
        fields = [("local_size", attrs["size"]), ("alpha", attrs.get("alpha", 1e-4)), ("beta", attrs.get("beta", 0.75))]
        return self._single(node, "LRN", (), [("lrn_param", [*fields, ("k", attrs.get("bias", 1.0))])])

    def Softmax(self, node, weights):  # noqa: ARG002
        return self._single(node, "Softmax", (), [("softmax_param", [("axis", node.attrs.get("axis", -1))])])


def window(node):
    """Fields of kernel, stride and pad; Caffe pads both sides alike."""
    (kh, kw), (sh, sw) = node.attrs["kernel_shape"], node.attrs.get("strides", [1, 1])
    top, left, bottom, right = node.attrs.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        raise Unsupported("{0}: Caffe pads both sides alike, not {1}".format(node.name, node.attrs["pads"]))
    made = [("kernel_h", kh), ("kernel_w", kw), ("stride_h", sh), ("stride_w", sw)]
    return made + [("pad_h", top), ("pad_w", left)]
