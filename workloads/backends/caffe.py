"""How does Caffe run a network? As a prototxt and blobs, with every product in the BLAS that it was built on."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import ctypes
import glob
import os
import re
import tempfile

os.environ.setdefault("GLOG_minloglevel", "2")  # read when the module is loaded; it would print every layer

import caffe

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.caffe_graph import Blob, Graph, conv_size, pool_size, window
from workloads.evidence import identify, maps, symbols
from workloads.im2col import overwritable

SETTERS = ("openblas_set_num_threads", "MKL_Set_Num_Threads")
GETTERS = (("openblas", "openblas_get_num_threads"), ("mkl", "MKL_Get_Max_Threads"))


class Backend(base.Backend):
    """Phase TEST. Convolutions are Caffe's im2col and one product per group; all but the products is serial."""

    name = "caffe"
    batch_statistics = True

    def configure(self):
        caffe.set_mode_cpu()
        for library in libraries():
            for setter in SETTERS:
                if hasattr(library, setter):
                    getattr(library, setter)(ctypes.c_int(self.threads))

    def build(self, nodes, weights, inputs, outputs):
        text = self.write(nodes, weights, inputs, outputs)
        with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
            file.write(text)
            file.flush()
            self.net = caffe.Net(file.name, caffe.TEST)
        for layer, arrays in self.parameters.items():
            for index, array in enumerate(arrays):
                self.net.params[layer][index].data[...] = array
        self.feeds = {name: [self.net.params[layer][0] for layer in layers] for name, layers in self.operands.items()}
        for name in inputs:
            if name in self.net.blobs:
                self.feeds.setdefault(name, []).append(self.net.blobs[name])
        self.results = {name: self.net.blobs[blob.name] for name, blob in self.placed.items()}

    def write(self, nodes, weights, inputs, outputs):
        """The network as text; `parameters` (layer -> arrays), `operands` and `placed` tell what goes where."""
        self.graph = Graph(inputs)
        self.parameters = {}
        self.operands = {}  # an input that a product takes as its weight -> the layers
        self.reusable = overwritable(nodes, outputs)
        blobs = {name: Blob(name, tuple(shape)) for name, shape in inputs.items()}
        self.placed = self.walk(self.operators(nodes, weights), blobs, outputs)
        return self.graph.text()

    def load(self, arrays):
        for name, array in arrays.items():
            for blob in self.feeds[name]:
                blob.data[...] = array

    def step(self):
        self.net.forward()

    def fetch(self):
        return {name: blob.data for name, blob in self.results.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        """Of the wheel that brought it, where one did: it names the build; `caffe.__version__` is the release."""
        folder = os.path.dirname(os.path.dirname(caffe.__file__))
        found = glob.glob(os.path.join(folder, "*caffe-{0}*.dist-info".format(caffe.__version__)))
        return os.path.basename(found[0])[: -len(".dist-info")].split("-")[1] if found else caffe.__version__

    def build_string(self):
        layers = caffe.layer_type_list()
        return "caffe {0}, CPU; {1} types of layers; {2}".format(
            caffe.__version__, len(layers), ", ".join(os.path.basename(path) for path in files())
        )

    def pools(self):
        found = {}
        for library in libraries():
            for name, getter in GETTERS:
                threads = symbols.call(library, [getter], ctypes.c_int)
                if threads is not None:
                    found[name] = threads
        return found

    def static_libraries(self):
        """OpenBLAS inside `_caffe.so`, which then exports OpenBLAS's own functions beside Caffe's."""
        path = caffe._caffe.__file__  # noqa: SLF001
        library = symbols.open_mapped(path)
        # A symbol is found in what a file is linked to as well: a static one has no libopenblas beside it.
        if not hasattr(library, "openblas_get_num_threads") or any("libopenblas" in name for name in files()):
            return []
        threads = symbols.call(library, ["openblas_get_num_threads"], ctypes.c_int)
        core = symbols.call(library, ["openblas_get_corename"], ctypes.c_char_p)
        how = "{0} exports openblas_get_num_threads, and is linked to no libopenblas".format(os.path.basename(path))
        return [{"kind": "blas", "name": "openblas", "path": path, "core": core, "threads": threads, "how": how}]

    def onednn_state(self):
        return ("absent", None, "Caffe 1.0 has no oneDNN")

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        fields, kernel, strides, pads = window(node, dilated=True)
        dilations = tuple(node.attrs.get("dilations", (1, 1)))
        w, group = weights["W"], node.attrs.get("group", 1)
        fields.update(num_output=len(w), group=group, bias_term="B" in weights)
        if dilations != (1, 1):
            fields["dilation"] = dilations
        self.parameters[node.name] = [w] + ([weights["B"]] if "B" in weights else [])

        def conv(x):
            top = Blob(node.name, (x.shape[0], len(w)) + conv_size(x, kernel, strides, pads, dilations))
            return self.graph.layer(node.name, "Convolution", [x], top, convolution_param=fields)

        return conv

    def BatchNormalization(self, node, weights):
        """Two layers: BatchNorm in place; not Scale, which copies what it is about to overwrite for a backward pass."""
        own = bool(node.attrs.get("training_mode", 0))
        norm = {"use_global_stats": not own, "eps": node.attrs.get("epsilon", 1e-5)}
        self.parameters[node.name + "/norm"] = [weights["mean"], weights["var"], 1.0]
        self.parameters[node.name] = [weights["scale"], weights["B"]]

        def batch_normalization(x):
            between = x if node.inputs[0] in self.reusable else Blob(node.name + "/norm", x.shape)
            self.graph.layer(node.name + "/norm", "BatchNorm", [x], between, batch_norm_param=norm)
            top = Blob(node.name, x.shape)
            return self.graph.layer(node.name, "Scale", [between], top, scale_param={"bias_term": True})

        return batch_normalization

    def Relu(self, node, weights):
        def relu(x):
            top = x if node.inputs[0] in self.reusable else Blob(node.name, x.shape)
            return self.graph.layer(node.name, "ReLU", [x], top)

        return relu

    def MaxPool(self, node, weights):
        return self._pool(node, "MAX")

    def AveragePool(self, node, weights):
        if any(node.attrs.get("pads", ())) and not node.attrs.get("count_include_pad", 0):
            raise Unsupported("{0}: pads that do not count".format(node.name))
        return self._pool(node, "AVE")

    def _pool(self, node, kind):
        fields, kernel, strides, pads = window(node, dilated=False)
        ceil = bool(node.attrs.get("ceil_mode", 0))

        def pool(x):
            size = pool_size(x, kernel, strides, pads, ceil)
            if not ceil and size != pool_size(x, kernel, strides, pads, ceil=True):
                fields.update(rounding_down(node))
            top = Blob(node.name, x.shape[:2] + size)
            return self.graph.layer(node.name, "Pooling", [x], top, pooling_param=dict(fields, pool=kind))

        return pool

    def GlobalAveragePool(self, node, weights):
        fields = {"pool": "AVE", "global_pooling": True}
        return lambda x: self.graph.layer(
            node.name, "Pooling", [x], Blob(node.name, x.shape[:2] + (1, 1)), pooling_param=fields
        )

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))

        def flatten(x):
            size = 1
            for length in x.shape[1:]:
                size *= length
            return self.graph.layer(node.name, "Flatten", [x], Blob(node.name, (x.shape[0], size)))

        return flatten

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        b, transposed = weights["B"], bool(node.attrs.get("transB", 0))
        self.parameters[node.name] = [b] + ([weights["C"].reshape(-1)] if "C" in weights else [])
        width = b.shape[0] if transposed else b.shape[1]
        return lambda x: self._product(node, x, width, transposed, "C" in weights)

    def MatMul(self, node, weights):
        """A layer's weight is the right operand: it has to be an input, which `load` puts there."""

        def matmul(a, b):
            if b.name not in self.graph.inputs or len(a.shape) != 2:
                raise Unsupported("{0}: MatMul of what the network computes: no layer takes that".format(node.name))
            self.operands.setdefault(b.name, []).append(node.name)
            return self._product(node, a, b.shape[1], transposed=False, bias=False)

        return matmul

    def _product(self, node, x, width, transposed, bias):
        # Caffe's own order is ONNX's transB=1: [out, in].
        fields = {"num_output": width, "bias_term": bias, "transpose": not transposed}
        top = Blob(node.name, (x.shape[0], width))
        return self.graph.layer(node.name, "InnerProduct", [x], top, inner_product_param=fields)

    def Add(self, node, weights):
        def add(a, b):
            if a.shape != b.shape:
                raise Unsupported("{0}: Add of {1} and {2}".format(node.name, a.shape, b.shape))
            top = Blob(node.name, a.shape)
            return self.graph.layer(node.name, "Eltwise", [a, b], top, eltwise_param={"operation": "SUM"})

        return add

    def Mul(self, node, weights):
        """Element by element, or an image by one factor per channel, which Caffe wants without the 1 x 1."""

        def mul(a, b):
            top = Blob(node.name, a.shape)
            if a.shape == b.shape:
                return self.graph.layer(node.name, "Eltwise", [a, b], top, eltwise_param={"operation": "PROD"})
            if len(a.shape) != 4 or b.shape != a.shape[:2] + (1, 1):
                raise Unsupported("{0}: Mul of {1} and {2}".format(node.name, a.shape, b.shape))
            flat = self.graph.layer(node.name + "/flat", "Flatten", [b], Blob(node.name + "/flat", a.shape[:2]))
            return self.graph.layer(node.name, "Scale", [a, flat], top, scale_param={"axis": 0})

        return mul

    def Concat(self, node, weights):
        axis = node.attrs["axis"]

        def concat(*tensors):
            shape = list(tensors[0].shape)
            shape[axis] = sum(x.shape[axis] for x in tensors)
            top = Blob(node.name, tuple(shape))
            return self.graph.layer(node.name, "Concat", list(tensors), top, concat_param={"axis": axis})

        return concat

    def Sigmoid(self, node, weights):
        return lambda x: self.graph.layer(node.name, "Sigmoid", [x], Blob(node.name, x.shape))

    def LRN(self, node, weights):
        attrs = node.attrs
        if attrs["size"] % 2 == 0:
            raise Unsupported("{0}: Caffe's window has an odd size".format(node.name))
        fields = {"local_size": attrs["size"], "alpha": attrs.get("alpha", 1e-4), "beta": attrs.get("beta", 0.75)}
        fields["k"] = attrs.get("bias", 1.0)
        return lambda x: self.graph.layer(node.name, "LRN", [x], Blob(node.name, x.shape), lrn_param=fields)

    def Softmax(self, node, weights):
        fields = {"axis": node.attrs.get("axis", -1)}
        return lambda x: self.graph.layer(node.name, "Softmax", [x], Blob(node.name, x.shape), softmax_param=fields)


def rounding_down(node):
    """Caffe 1.0 rounds the size of a pool up; what came after it can be told not to, by one of two names."""
    known = caffe.proto.caffe_pb2.PoolingParameter.DESCRIPTOR.fields_by_name
    for key, value in (("round_mode", "FLOOR"), ("ceil_mode", False)):
        if key in known:
            return {key: value}
    raise Unsupported("{0}: this Caffe rounds the size of a pool up".format(node.name))


def files():
    """What is mapped of Caffe and of its BLAS; numpy's and scipy's wheels carry others, for themselves."""
    stems = re.compile(r"^(_caffe|lib(caffe|openblas|mkl_rt|atlas|[cf]?blas))")
    found = [path for path in maps.read_maps() if stems.match(os.path.basename(path))]
    return [path for path in found if not identify.owner(path)]


def libraries():
    """The same, opened."""
    found = [symbols.open_mapped(path) for path in files()]
    return [library for library in found if library is not None]
