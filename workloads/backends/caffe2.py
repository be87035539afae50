"""How does Caffe2 run a network, as the wheels of PyTorch 1.0 to 1.9 carry it?"""
# ruff: noqa: N802, ARG002  (methods are called after ONNX's operators, and all take a node and its weights)

import ctypes
import os
import re

import numpy as np
from caffe2.proto import caffe2_pb2
from caffe2.python import core, transformations, workspace

from workloads.backends import base
from workloads.backends.base import Unsupported
from workloads.backends.caffe2_sequence import Sequence
from workloads.backends.caffe2_transformer import Transformer
from workloads.backends.reference_transformer import new_shape, ranges
from workloads.evidence import maps, mkl, symbols
from workloads.im2col import overwritable
from workloads.recurrent import steps_first
from workloads.weights import LEARNT, SAME_SIZE

LIBRARIES = ("libtorch_cpu.so", "libcaffe2.so")
"""Where the CPU's operators are, and MKL with them."""

NEEDLESS = ("Add", "BatchNormalization", "Conv", "Gemm")
"""Whose gradient does not read what they wrote: a ReLU may write over it."""


class Backend(Transformer, Sequence, base.Backend):
    """A net of type `simple`: one operator after the other, each in its library's threads.

    Where the row has oneDNN, every operator and blob is IDEEP's, Caffe2's name for oneDNN; where not, the CPU's: im2col
    and SGEMM, a kernel of Caffe2's own for depthwise convolutions of 3 x 3. `eigen` has Eigen do the convolutions.
    `fused` lets Caffe2's own transformations rewrite the net: batch norms into convolutions, on IDEEP ReLUs too.
    """

    name = "caffe2"
    module = "caffe2"
    modes = ("default", "fused", "eigen")
    batch_statistics = True
    differentiates = True
    trains = True
    learning = False
    listens_at_start = True

    def configure(self):
        counts = ["--caffe2_{0}_num_threads={1}".format(each, self.threads) for each in ("omp", "mkl")]
        workspace.GlobalInit(["caffe2", "--caffe2_log_level=3"] + counts)  # pools() reads back what holds
        self.ideep = self.onednn == "on"
        if self.ideep and not workspace.C.use_mkldnn:
            raise Unsupported("IDEEP: this build of Caffe2 has none")
        if self.ideep and self.execution == "eigen":
            raise Unsupported("mode 'eigen': on IDEEP the convolutions are oneDNN's")
        self.option = core.DeviceOption(caffe2_pb2.IDEEP if self.ideep else caffe2_pb2.CPU)

    def build(self, nodes, weights, inputs, outputs):
        self._write(nodes, weights, inputs, outputs)
        if self.execution == "fused":
            self._fuse()
        self._create()

    def _write(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.kept = {}  # name of a weight, and of its blob -> whether it is there transposed
        self.reusable = overwritable(nodes, outputs)
        if self.learning:
            self.reusable &= {node.name for node in nodes if node.op in NEEDLESS}
        self.shapes = shapes(nodes, inputs)
        self.turned = steps_first(nodes, outputs)
        self.layers = {}  # name of an LSTM or GRU -> its operator and its Recurrent
        self.net = core.Net("net")
        with core.DeviceScope(self.option):
            for name, shape in inputs.items():
                self.net.AddExternalInput(self._feed(name, np.zeros(shape, np.float32)))
            self.blobs = self.walk(self.operators(nodes, weights), {name: name for name in inputs}, self.outputs)
        images = [name for name in outputs if len(self.shapes[name]) > 2]
        if self.ideep and images:
            raise Unsupported("output {0}: IDEEP may hand out an image as NHWC and call it NCHW".format(images[0]))
        self.net.Proto().external_output.extend(sorted(set(self.blobs.values())))
        self.written = len(self.net.Proto().op)

    def _create(self):
        self.net.Proto().name = "net"  # the transformations forget both
        self.net.Proto().type = "simple"
        workspace.CreateNet(self.net)

    def build_gradient(self, nodes, weights, inputs, loss):
        self._learn(nodes, weights, inputs, loss)
        self._create()

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        self._learn(nodes, weights, inputs, loss)
        self._update(optimizer)
        self._create()

    def _learn(self, nodes, weights, inputs, loss):
        if self.ideep or self.execution == "fused":
            raise Unsupported("gradients: here they are of the CPU's operators, not of IDEEP's, nor of a fused net")
        self.learning = True
        self._write(nodes, weights, inputs, [loss.output])
        output = self.blobs[loss.output]
        if loss.name == "cross_entropy":
            self._add("SoftmaxWithLoss", [output, self._feed("targets", np.zeros(1, np.int32))], ["prob", "loss"])
        else:  # half the squares, summed over a sample
            size = weights[nodes[-1].name]["C"].size
            self._add("SquaredL2Distance", [output, self._feed("targets", np.zeros(1))], ["distances"])
            self._add("AveragedLoss", ["distances"], ["half"])
            self._add("Scale", ["half"], ["loss"], scale=2.0 / size)
        self.net.AddExternalInput("targets")
        made = self.net.AddGradientOperators(["loss"])
        self.changes = {name: str(made[name]) for name in self.kept if learnt(name)}
        self.fetch = self._fetch_loss

    def _update(self, optimizer):
        """Caffe2's SGD remembers v = momentum * v + rate * g, which is the same where the rate is constant."""
        adam = optimizer.name == "adam"
        rate = -optimizer.learning_rate if adam else optimizer.learning_rate  # one adds what the other subtracts
        self.net.AddExternalInput(self._feed("rate", np.array([rate])))
        if adam:
            self.net.AddExternalInput(self._feed("steps", np.zeros(1, np.int64)))
        for name, change in self.changes.items():
            slots = [name + ".first", name + ".second"][: 1 + adam]
            for slot in slots:
                self.net.AddExternalInput(self._feed(slot, np.zeros_like(workspace.FetchBlob(name))))
            if adam:
                betas = {"beta1": optimizer.beta1, "beta2": optimizer.beta2, "epsilon": optimizer.epsilon}
                self._add("Adam", [name] + slots + [change, "rate", "steps"], [name] + slots, **betas)
            else:
                read = [change] + slots + ["rate", name]
                self._add("MomentumSGDUpdate", read, [change] + slots + [name], momentum=optimizer.momentum, nesterov=0)
        if adam:
            self._add("Iter", ["steps"], ["steps"])

    def _add(self, kind, inputs, outputs, **arguments):
        """Append one operator."""
        self.net.Proto().op.extend([core.CreateOperator(kind, inputs, outputs, device_option=self.option, **arguments)])

    def load_targets(self, targets):
        self._feed("targets", targets.astype(np.int32) if targets.dtype.kind == "i" else targets)

    def _fetch_loss(self):
        return {"loss": workspace.C.fetch_blob("loss").reshape(1)}

    def gradients(self):
        return self.in_onnx_layout({name: self._fetched(name, change) for name, change in self.changes.items()})

    def trained(self):
        return self.in_onnx_layout({name: self._fetched(name, name) for name in self.kept})

    def _fetched(self, name, blob):
        array = workspace.FetchBlob(blob)
        return np.ascontiguousarray(array.T) if self.kept[name] else array

    def load(self, arrays):
        for name, array in arrays.items():
            self._feed(name, array)

    def step(self):
        if not workspace.C.run_net("net", 1, False):  # noqa: FBT003  (it takes no names)
            raise RuntimeError("workspace.C.run_net: the net failed; the log says why")

    def fetch(self):
        return {name: workspace.C.fetch_blob(blob) for name, blob in self.blobs.items()}

    def _fuse(self):
        if self.ideep:
            name = "optimizeForMKLDNN" if hasattr(transformations, "optimizeForMKLDNN") else "optimizeForIDEEP"
            getattr(transformations, name)(self.net, training_mode=False)
        else:
            transformations.fuseConvBN(self.net)

    def _feed(self, blob, array):
        array = np.ascontiguousarray(array, array.dtype if array.dtype.kind == "i" else np.float32)
        if not workspace.FeedBlob(blob, array, self.option):
            raise RuntimeError("workspace.FeedBlob refused {0}".format(blob))
        return blob

    def _weights(self, node, weights, transposed=""):
        """ONNX's input name -> the blob that holds it; the one called `transposed` is another way round than ONNX's."""
        made = {}
        for key, array in weights.items():
            made[key] = self._feed("{0}.{1}".format(node.name, key), array)
            self.kept[made[key]] = key == transposed
            self.net.AddExternalInput(made[key])
        return made

    def _operator(self, kind, node, blobs, *, in_place=False, beside=(), **arguments):
        """Add one operator; returns its function from input blobs to its output blob; nobody reads what is `beside`."""

        def add(*inputs):
            output = inputs[0] if in_place and node.inputs[0] in self.reusable else node.name
            self._add(kind, list(inputs) + blobs, [output] + list(beside), **arguments)
            return output

        return add

    def _not_ideep(self, node, kind):
        """Raise Unsupported where the row's device has no such operator of Caffe2's."""
        if self.ideep:
            raise Unsupported("{0}: IDEEP has no {1}".format(node.name, kind))

    def _is_of_2018(self):
        """Whether this is the Caffe2 of PyTorch 1.0."""
        return self.version().startswith("1.0.")

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        """That of the PyTorch it came with: Caffe2 has had none of its own since."""
        path = os.path.join(os.path.dirname(os.path.dirname(workspace.__file__)), "..", "torch", "version.py")
        with open(path) as file:
            return re.search(r"__version__ = '([^']+)'", file.read()).group(1)

    def build_string(self):
        options = workspace.C.get_build_options()
        told = ", ".join("{0}={1}".format(key, options[key]) for key in sorted(options) if options[key])
        kinds = sorted({operator.type + "/" + operator.engine for operator in self.net.Proto().op})
        return "the net: {0}; the build: {1}".format(", ".join(kind.rstrip("/") for kind in kinds), told)

    def pools(self):
        found = {}
        for path in maps.read_maps():
            library = symbols.open_mapped(path) if re.match("lib(gomp|torch_cpu|caffe2)\\b", base_name(path)) else None
            if library is not None and base_name(path).startswith("libgomp"):
                found["openmp"] = symbols.call(library, ["omp_get_max_threads"], ctypes.c_int)
            elif library is not None:
                count = symbols.call(library, ["MKL_Get_Max_Threads"], ctypes.c_int)
                found.update({"mkl": count} if count else {})
        return found

    def arithmetic(self):
        gradients = any(operator.is_gradient_op for operator in self.net.Proto().op)
        return {"gradients": "on" if gradients else "off"}

    def execution_state(self):
        operators = self.net.Proto().op
        eigen = sum(1 for operator in operators if operator.engine == "EIGEN")
        how = "{0} operators of the net, {1} before it was rewritten; {2} of them ask for Eigen"
        how = how.format(len(operators), self.written, eigen)
        if eigen or len(operators) < self.written:
            return ("eigen" if eigen else "fused", how)
        return ("default" if self.execution == "default" else None, how)

    def onednn_state(self):
        if not workspace.C.has_mkldnn and not workspace.C.use_mkldnn:
            return ("absent", None, "workspace.C.use_mkldnn is False")
        kinds = [operator.device_option.device_type for operator in self.net.Proto().op]
        ideep = kinds.count(caffe2_pb2.IDEEP)
        return ("on" if ideep else "off", None, "{0} of the net's {1} operators are IDEEP's".format(ideep, len(kinds)))

    def static_libraries(self):
        paths = [path for path in maps.read_maps() if base_name(path) in LIBRARIES]
        found = [entry for entry in (mkl.static(path, self.said) for path in paths) if entry]
        state = self.onednn_state()
        if state[0] == "on" and not any(base_name(path).startswith("libmkldnn") for path in maps.read_maps()):
            how = "IDEEP is registered, and no file of oneDNN's own is mapped"
            found.extend({"kind": "onednn", "name": "onednn", "path": path, "how": how} for path in paths[:1])
        return found

    # -- ONNX's operators ------------------------------------------------------------------------------------------

    def Conv(self, node, weights):
        w = self._weights(node, weights)
        shape, group = weights["W"].shape, node.attrs.get("group", 1)
        arguments = {
            "kernels": list(shape[2:]),
            "strides": list(node.attrs.get("strides", (1, 1))),
            "pads": list(node.attrs.get("pads", (0, 0, 0, 0))),
            "dilations": list(node.attrs.get("dilations", (1, 1))),
            "group": group,
        }
        if self.ideep and arguments["pads"][:2] != arguments["pads"][2:]:
            raise Unsupported("{0}: IDEEP's convolutions take no uneven pads".format(node.name))
        engine = self._engine(group, shape, arguments)
        return self._operator("Conv", node, [w[key] for key in ("W", "B") if key in w], engine=engine, **arguments)

    def _engine(self, group, shape, arguments):
        """Which of the CPU's kernels for convolutions: by default im2col and SGEMM."""
        plain = arguments["dilations"] == [1, 1]
        if self.ideep:
            return ""
        if group > 1 and group == shape[0] and shape[1] == 1 and shape[2:] == (3, 3) and plain:
            return "DEPTHWISE_3x3"
        return "EIGEN" if self.execution == "eigen" and group == 1 and plain else ""

    def BatchNormalization(self, node, weights):
        epsilon, given = float(node.attrs.get("epsilon", 1e-5)), dict(weights)
        if self.execution == "fused":
            # The transformations take 1e-5 whatever the operator says: what is above it goes into the variance.
            given["var"] = given["var"] + np.float32(epsilon - 1e-5)
            epsilon = 1e-5
        w = self._weights(node, given)
        blobs = [w[key] for key in ("scale", "B", "mean", "var")]
        if node.attrs.get("training_mode", 0):
            return self._norm_of_the_batch(node, blobs, epsilon)
        return self._operator("SpatialBN", node, blobs, in_place=True, is_test=1, epsilon=epsilon, order="NCHW")

    def _norm_of_the_batch(self, node, blobs, epsilon):
        """It moves the running statistics in place."""
        if self.ideep or self.execution == "fused":
            raise Unsupported("{0}: training_mode: here it is the CPU's own operator's".format(node.name))
        arguments = {"is_test": 0, "epsilon": epsilon, "momentum": node.attrs.get("momentum", 0.9), "order": "NCHW"}

        def norm(x):
            outputs = [node.name] + blobs[2:] + [node.name + ".saved_mean", node.name + ".saved_inverse"]
            self._add("SpatialBN", [x] + blobs, outputs, **arguments)
            return node.name

        return norm

    def Relu(self, node, weights):
        return self._operator("Relu", node, [], in_place=True)

    def MaxPool(self, node, weights):
        return self._operator("MaxPool", node, [], **pooling(node))

    def AveragePool(self, node, weights):
        count = int(node.attrs.get("count_include_pad", 0))
        if count and any(node.attrs.get("pads", ())) and (self.ideep or self._is_of_2018()):
            raise Unsupported("{0}: pads that count: not on IDEEP, and not in 1.0".format(node.name))
        return self._operator("AveragePool", node, [], count_include_pad=count, **pooling(node))

    def GlobalAveragePool(self, node, weights):
        return self._operator("AveragePool", node, [], global_pooling=1, order="NCHW")

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return self._operator("Flatten", node, [], axis=1)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        given = dict(weights)
        if not node.attrs.get("transB", 0):
            given["B"] = given["B"].T
        if "C" not in given and self.learning:
            raise Unsupported("{0}: Caffe2's FC has a bias, which would learn".format(node.name))
        given.setdefault("C", np.zeros(len(given["B"]), np.float32))
        w = self._weights(node, given, transposed="" if node.attrs.get("transB", 0) else "B")
        return self._operator("FC", node, [w["B"], w["C"]])

    def MatMul(self, node, weights):
        kind = "MatMul" if len(self.shapes[node.inputs[0]]) == 2 else "BatchMatMul"
        if kind == "MatMul":
            self._not_ideep(node, kind)
        return self._operator(kind, node, [])

    def Add(self, node, weights):
        return self._operator("Sum", node, [])

    def Mul(self, node, weights):
        return self._operator("Mul", node, [], broadcast=1)

    def Concat(self, node, weights):
        """The output beside it says where the parts lie."""
        return self._operator("Concat", node, [], beside=[node.name + ".split"], axis=node.attrs["axis"])

    def Clip(self, node, weights):
        return self._operator("Clip", node, [], min=float(node.attrs["min"]), max=float(node.attrs["max"]))

    def Sigmoid(self, node, weights):
        return self._operator("Sigmoid", node, [])

    def LRN(self, node, weights):
        attrs = node.attrs
        if attrs["size"] % 2 == 0 and self._is_of_2018():
            raise Unsupported("{0}: the window of 1.0 has an odd size".format(node.name))
        alpha, beta, bias = attrs.get("alpha", 1e-4), attrs.get("beta", 0.75), attrs.get("bias", 1.0)
        return self._operator("LRN", node, [], size=attrs["size"], alpha=alpha, beta=beta, bias=bias, order="NCHW")

    def Softmax(self, node, weights):
        axis, rank = node.attrs.get("axis", -1), len(self.shapes[node.inputs[0]])
        if axis % rank != rank - 1:
            raise Unsupported("{0}: Caffe2's Softmax takes all that follows axis {1} together".format(node.name, axis))
        return self._operator("Softmax", node, [], axis=axis)


def shapes(nodes, inputs):
    """Name of each tensor -> its shape, with None for a length that nobody here asks for."""
    found = {name: tuple(shape) for name, shape in inputs.items()}
    for node in nodes:
        shape, attrs = found[node.inputs[0]] if node.inputs else (), node.attrs
        rank = len(shape)
        if node.op in ("Flatten", "Gemm") or (node.op in ("LSTM", "GRU") and attrs.get("output", "Y") == "Y_h"):
            rank = 2
        elif node.op in ("Gather", "Unsqueeze"):
            rank += 1
        elif node.op in ("ReduceMean", "ReduceSum") and not attrs.get("keepdims", 1):
            rank -= len(attrs["axes"])
        found[node.name] = (None,) * rank
        if node.op == "Reshape":
            made = new_shape(node, shape)
            rest = None if None in shape else int(np.prod(shape)) // -int(np.prod(made))
            found[node.name] = tuple(rest if length == -1 else length for length in made)
        elif node.op == "Slice":
            cuts = ranges(node) + (slice(None),) * rank
            found[node.name] = tuple(n and len(range(n)[cut]) for n, cut in zip(shape, cuts))  # noqa: B905
        elif node.op == "Transpose":
            found[node.name] = tuple(shape[axis] for axis in attrs["perm"])
        elif node.op in SAME_SIZE or node.op == "Softmax":
            found[node.name] = shape
    return found


def learnt(blob):
    """Whether a blob of `kept` is no statistic: `conv1.W`, or `lstm/i2h_w` as Caffe2's own layers call theirs."""
    return "/" in blob or blob.split(".")[1] in LEARNT


def pooling(node):
    """Arguments of a pool."""
    if node.attrs.get("ceil_mode", 0) or list(node.attrs.get("dilations", (1, 1))) != [1, 1]:
        raise Unsupported("{0}: pool with ceil_mode or dilations".format(node.name))
    return {
        "kernels": list(node.attrs["kernel_shape"]),
        "strides": list(node.attrs.get("strides", (1, 1))),
        "pads": list(node.attrs.get("pads", (0, 0, 0, 0))),
        "order": "NCHW",
    }


def base_name(path):
    """The file's name."""
    return os.path.basename(path)
