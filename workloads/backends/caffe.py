"""How does Caffe run a network? As a prototxt and blobs, with every product in the BLAS that it was built on."""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import contextlib
import ctypes
import glob
import os
import re
import tempfile

os.environ.setdefault("GLOG_minloglevel", "2")  # read when the module is loaded; it would print every layer

import caffe

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.caffe_sequence import Sequence
from workloads.caffe_graph import Blob, Graph, conv_size, pool_size, solver, window
from workloads.evidence import identify, maps, symbols
from workloads.im2col import overwritable
from workloads.recurrent import steps_first
from workloads.weights import LEARNT

SETTERS = ("openblas_set_num_threads", "MKL_Set_Num_Threads")
NEEDLESS = ("AveragePool", "Add", "BatchNormalization", "Conv", "Gemm", "MaxPool")
"""Whose backward pass does not read what its forward pass wrote: others may write over it."""

TARGETS, LOSS = "loss/targets", "loss/value"
"""Blobs."""

LACKING = {
    "Attention": "no layer of Caffe's multiplies two matrices that the net computes: one of InnerProduct's is a weight",
    "GRU": "Caffe's recurrent layers are RNN and LSTM",
}
"""Operator -> why there is none: asked first, as what stands before it in a network may well be missing, too."""

GETTERS = (("openblas", "openblas_get_num_threads"), ("mkl", "MKL_Get_Max_Threads"))


class Backend(Sequence, base.Backend):
    """Phase TEST, or TRAIN for gradients. Convolutions are Caffe's im2col and one product per group; all but the
    products is serial."""

    name = "caffe"
    batch_statistics = True
    differentiates = True
    trains = True
    learning = False

    def configure(self):
        caffe.set_mode_cpu()
        for library in libraries():
            for setter in SETTERS:
                if hasattr(library, setter):
                    getattr(library, setter)(ctypes.c_int(self.threads))

    def build(self, nodes, weights, inputs, outputs):
        with written(self.write(nodes, weights, inputs, outputs)) as file:
            self.net = caffe.Net(file.name, caffe.TEST)
        self._fill(inputs)

    def _fill(self, inputs):
        for layer, arrays in self.parameters.items():
            for index, array in enumerate(arrays):
                self.net.params[layer][index].data[...] = array
        self.feeds = {name: [self.net.params[layer][0] for layer in layers] for name, layers in self.operands.items()}
        for name in inputs:
            if name in self.net.blobs:
                self.feeds.setdefault(name, []).append(self.net.blobs[name])
        for name, array in self.constants.items():
            self.net.blobs[name].data[...] = array
        self.results = {name: self.net.blobs[blob.name] for name, blob in self.placed.items()}

    def build_gradient(self, nodes, weights, inputs, loss):
        with written(self._write_loss(nodes, weights, inputs, loss)) as file:
            self.net = caffe.Net(file.name, caffe.TRAIN)
        self._fill(inputs)
        self.step = self._differentiate

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        with written(self._write_loss(nodes, weights, inputs, loss)) as file:
            self.solver = make_solver(solver(optimizer, file.name))
        self.net = self.solver.net
        self._fill(inputs)
        self.step = self._train

    def _write_loss(self, nodes, weights, inputs, loss):
        self.learning, self.fetch = True, self._fetch_loss
        self.write(nodes, weights, inputs, [loss.output])
        output = self.placed[loss.output]
        if loss.name == "cross_entropy":
            kind, shape, self.share = "SoftmaxWithLoss", output.shape[:1], 1.0
        else:  # half the sum of squares over the samples
            kind, shape, self.share = "EuclideanLoss", output.shape, 2.0 / output.shape[1]
        self.graph.inputs[TARGETS] = shape
        self.graph.layer("loss", kind, [output, Blob(TARGETS, shape)], Blob(LOSS, ()), loss_weight=self.share)
        return self.graph.text()

    def load_targets(self, targets):
        self.net.blobs[TARGETS].data[...] = targets

    def _differentiate(self):
        self.net.clear_param_diffs()
        self.net.forward()
        self.net.backward()

    def _train(self):
        self.solver.step(1)

    def _fetch_loss(self):
        return {"loss": self.net.blobs[LOSS].data.reshape(1) * self.share}

    def gradients(self):
        found = {
            name: self.net.params[layer][index].diff.reshape(shape)
            for name, (layer, index, shape) in self.places.items()
            if name.split(".")[1] in LEARNT
        }
        return self.in_onnx_layout(found)

    def trained(self):
        found = {}
        for name, (layer, index, shape) in self.places.items():
            blobs = self.net.params[layer]
            array = blobs[index].data.reshape(shape)
            found[name] = array if name.split(".")[1] in LEARNT else array / blobs[2].data
        return self.in_onnx_layout(found)

    def _hold(self, layer, node, weights, keys):
        """The node's weights `keys` are the blobs of the layer, in this order."""
        keys = [key for key in keys if key in weights]
        self.parameters[layer] = [weights[key] for key in keys]
        for index, key in enumerate(keys):
            self.places["{0}.{1}".format(node.name, key)] = layer, index, weights[key].shape

    def write(self, nodes, weights, inputs, outputs):
        """The network as text; `parameters` (layer -> arrays), `operands` and `placed` tell what goes where."""
        for node in nodes:
            if node.op in LACKING:
                raise Unsupported("operator {0} ({1}): {2}".format(node.op, node.name, LACKING[node.op]))
        self.graph = Graph(inputs)
        self.parameters = {}
        self.places = {}  # name of a weight -> layer, index of its blob there, ONNX's shape
        self.constants = {}  # blob -> what it is filled with, once
        self.layers = {}  # name of an LSTM -> its Recurrent
        self.turned = steps_first(nodes, outputs)
        self.operands = {}  # an input that a product takes as its weight -> the layers
        self.reusable = overwritable(nodes, outputs)
        if self.learning:
            self.reusable &= {node.name for node in nodes if node.op in NEEDLESS}
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

    def arithmetic(self):
        return {"gradients": "on" if self.learning else "off"}

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
        self._hold(node.name, node, weights, ("W", "B"))

        def conv(x):
            top = Blob(node.name, (x.shape[0], len(w)) + conv_size(x, kernel, strides, pads, dilations))
            return self.graph.layer(node.name, "Convolution", [x], top, convolution_param=fields)

        return conv

    def BatchNormalization(self, node, weights):
        """Two layers: BatchNorm in place; not Scale, which copies what it is about to overwrite for a backward pass.

        BatchNorm keeps sums and the weight of what they sum, its third blob w, which a step makes m * w + 1: it stays
        what it is, and the sums over it move by ONNX's momentum m, where w is 1 / (1 - m) from the start.
        """
        own = bool(node.attrs.get("training_mode", 0))
        if own and not reads_batches():
            text = "{0}: training_mode: this build's BatchNorm takes running statistics, whatever use_global_stats is"
            raise Unsupported(text.format(node.name))
        norm = {"use_global_stats": not own, "eps": node.attrs.get("epsilon", 1e-5)}
        self._hold(node.name + "/norm", node, weights, ("mean", "var"))
        total = 1.0
        if self.learning:
            norm["moving_average_fraction"] = node.attrs.get("momentum", 0.9)
            total = 1 / (1 - norm["moving_average_fraction"])
        self.parameters[node.name + "/norm"] = [weights["mean"] * total, weights["var"] * total, total]
        self._hold(node.name, node, weights, ("scale", "B"))

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
        self._hold(node.name, node, weights, ("B", "C"))
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


@contextlib.contextmanager
def written(text):
    """A file that holds the text as long as the context does."""
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(text)
        file.flush()
        yield file


def make_solver(text):
    """A solver, and the net that it trains, of a SolverParameter."""
    with written(text) as file:
        return caffe.get_solver(file.name)


def reads_batches():
    """Whether BatchNorm takes the statistics of its batch where it is told to: not in every build."""
    graph, x = Graph({"x": (2, 1, 1, 1)}), Blob("x", (2, 1, 1, 1))
    graph.layer("norm", "BatchNorm", [x], Blob("norm", x.shape), batch_norm_param={"use_global_stats": False})
    with written(graph.text()) as file:
        net = caffe.Net(file.name, caffe.TEST)
    net.forward()
    return bool(net.params["norm"][2].data[0] > 0)  # it counts the batches that it has seen


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
