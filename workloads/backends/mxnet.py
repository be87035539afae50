"""How does MXNet run a network? One symbolic executor, a hybridized block, or one operator after another."""
# ruff: noqa: N802, N803, ARG002, ARG005  (methods are called after ONNX's operators, all functions take the same
# arguments, and F is what MXNet calls its namespace of operators)

import os
import re
import subprocess
import sys

import mxnet as mx
import numpy as np
from mxnet import runtime  # 1.5 does not import it by itself

from workloads.backends import base, mxnet_dtypes
from workloads.backends.base import Unsupported
from workloads.backends.mxnet_sequence import Sequence, parameter
from workloads.backends.mxnet_transformer import Transformer
from workloads.evidence import identify, maps, onednn

SMALL = """
import mxnet as mx
x, w = mx.nd.ones((1, 16, 8, 8)), mx.nd.ones((16, 16, 3, 3))
mx.nd.Convolution(x, w, kernel=(3, 3), num_filter=16, no_bias=True).wait_to_read()
"""
STATISTICS = ("mean", "var")
"""Weights that a graph keeps apart from what is learnt: auxiliary states."""


class Block(mx.gluon.HybridBlock):
    """The network as a block whose parameters are the weights; `walk` applies the operators."""

    def __init__(self, arrays, walk):
        super(Block, self).__init__(prefix="")
        self.walk = walk
        with self.name_scope():
            for name, array in arrays.items():
                made = self.params.get(name, shape=array.shape, dtype="float32", init="zeros", grad_req="null")
                setattr(self, name, made)
        self.initialize(ctx=mx.cpu())
        for name, array in arrays.items():
            getattr(self, name).set_data(mx.nd.array(array))

    def hybrid_forward(self, F, *tensors, **parameters):
        return self.walk(F, tensors, parameters)


class Backend(Transformer, Sequence, base.Backend):
    """`default` is the executor that the whole graph is bound to, `module` the Module API above it; `hybrid` is a
    hybridized Gluon block with static memory and shapes, `gluon` the block as it is, `imperative` the operators
    themselves, one call each.
    """

    name = "mxnet"
    modes = ("default", "module", "hybrid", "gluon", "imperative")
    batch_statistics = True
    differentiates = True
    trains = True
    dtypes = ("float32", "int8")
    lacking = {
        "bfloat16": "AMP of 1.9 has FullyConnected and Convolution in it on a CPU; the backend converts no graph by it",
        "float16": "FullyConnected takes it over cuDNN alone",
    }
    training = False  # whether a batch norm takes the statistics of its batch
    called = {}  # parameter -> its name in the graph, where that is another
    executor = module = block = None  # whichever of them the mode makes

    def configure(self):
        self.pool = {"OMP_NUM_THREADS": int(os.environ.get("OMP_NUM_THREADS", "0"))}
        if self.pool["OMP_NUM_THREADS"] != self.threads:
            raise Unsupported("OMP_NUM_THREADS is {0}, and MXNet reads nothing else".format(self.pool))

    def build(self, nodes, weights, inputs, outputs):
        self.outputs = list(outputs)
        self.names = list(inputs)
        self.shapes = dict(inputs)
        if self.computes_in == "int8":
            mxnet_dtypes.check(self.execution, self.onednn, nodes)
            self.called = mxnet_dtypes.quantisable(nodes)
        weights = self.packed(nodes, weights)
        made = self.operators(nodes, weights)
        mx.autograd.set_training(self.training)  # for blocks and single calls; a graph is told at each step
        arrays = {
            parameter(node.name, key): array for node in nodes for key, array in weights.get(node.name, {}).items()
        }
        states = {
            parameter(node.name, key) for node in nodes for key in weights.get(node.name, {}) if key in STATISTICS
        }

        def walk(F, tensors, parameters):
            def bound(function):
                return lambda *args: function(F, parameters, *args)

            named = dict(zip(self.names, tensors))  # noqa: B905  (3.10 has it)
            found = self.walk([(node, bound(function)) for node, function in made], named, self.outputs)
            return [found[name] for name in self.outputs]

        ways = {
            "default": self._bind,
            "module": self._bind_module,
            "hybrid": self._hybridize,
            "gluon": self._block,
            "imperative": self._keep,
        }
        ways[self.execution](walk, arrays, states)

    def _symbol(self, walk, arrays):
        variables = {
            name: mx.sym.Variable(self.called.get(name, name), shape=array.shape) for name, array in arrays.items()
        }
        tensors = [mx.sym.Variable(name, shape=self.shapes[name]) for name in self.names]
        return mx.sym.Group(walk(mx.sym, tensors, variables))

    def _bind_module(self, walk, arrays, states):
        module = mx.mod.Module(self._symbol(walk, arrays), self.names, label_names=None, context=mx.cpu())
        module.bind([(name, self.shapes[name]) for name in self.names], for_training=self.training, grad_req="null")
        placed = {name: mx.nd.array(array) for name, array in arrays.items()}
        module.set_params(
            {name: array for name, array in placed.items() if name not in states},
            {name: array for name, array in placed.items() if name in states},
        )
        self.module = module
        self.place = self._hold

        def run():
            module.forward(mx.io.DataBatch(self.tensors), is_train=self.training)
            return module.get_outputs()

        self.run = run

    def _bind(self, walk, arrays, states):
        symbol, types = self._symbol(walk, arrays), None
        placed = {self.called.get(name, name): mx.nd.array(array) for name, array in arrays.items()}
        if self.computes_in == "int8":
            symbol, placed = mxnet_dtypes.quantised(symbol, placed, self.names)
            types = dict({name: array.dtype for name, array in placed.items()}, **dict.fromkeys(self.names, np.float32))
        self.symbol = symbol
        self.executor = symbol.simple_bind(mx.cpu(), grad_req="null", type_dict=types, **self.shapes)
        self.executor.copy_params_from(
            {name: array for name, array in placed.items() if name not in states},
            {name: array for name, array in placed.items() if name in states},
        )
        self.place = lambda tensors: [
            tensor.copyto(self.executor.arg_dict[name])
            for name, tensor in zip(self.names, tensors)  # noqa: B905
        ]
        self.run = lambda: self.executor.forward(is_train=self.training)

    def build_gradient(self, nodes, weights, inputs, loss):
        """As `Module.forward_backward` computes it: SoftmaxOutput is the loss, and its gradient is over the batch."""
        if self.execution != "default":
            raise Unsupported("mode {0!r}: gradients are those of the bound graph".format(self.execution))
        self.names, self.shapes = list(inputs), dict(inputs)
        weights = self.packed(nodes, weights, learning=True)
        made = self.operators(nodes, weights)
        tensors = {name: mx.sym.Variable(name, shape=shape) for name, shape in inputs.items()}
        arrays = {(node.name, key): array for node in nodes for key, array in weights.get(node.name, {}).items()}
        variables = {parameter(*name): mx.sym.Variable(parameter(*name), shape=a.shape) for name, a in arrays.items()}
        bound = [(node, lambda *args, function=function: function(mx.sym, variables, *args)) for node, function in made]
        found, targets = self.walk(bound, tensors, [loss.output])[loss.output], mx.sym.Variable("targets")
        self.loss = loss.name
        if loss.name == "cross_entropy":
            made = mx.sym.SoftmaxOutput(found, targets, normalization="batch")
        else:
            made = mx.sym.MakeLoss(mx.sym.mean(mx.sym.square(found - targets)))
        wanted = {name: "write" if name in variables else "null" for name in made.list_arguments()}
        self.executor = made.simple_bind(mx.cpu(), grad_req=wanted, **self._target(found, loss), **self.shapes)
        self.learnt = {"{0}.{1}".format(*name): parameter(*name) for name in arrays if name[1] not in STATISTICS}
        self.states = {"{0}.{1}".format(*name): parameter(*name) for name in arrays if name[1] in STATISTICS}
        placed = {"{0}.{1}".format(*name): mx.nd.array(array) for name, array in arrays.items()}
        self.executor.copy_params_from(
            {known: placed[name] for name, known in self.learnt.items()},
            {known: placed[name] for name, known in self.states.items()},
        )
        self.place = lambda tensors: [
            tensor.copyto(self.executor.arg_dict[name])
            for name, tensor in zip(self.names, tensors)  # noqa: B905
        ]
        self.step, self.fetch = self._differentiate, self._fetch_loss

    def build_training(self, nodes, weights, inputs, loss, optimizer):
        """As `Module.update` has it, on the host of its one device; SoftmaxOutput has taken the mean already."""
        self.build_gradient(nodes, weights, inputs, loss)
        options = {"learning_rate": optimizer.learning_rate, "rescale_grad": 1.0}
        if optimizer.name == "sgd":
            options["momentum"] = optimizer.momentum
        else:
            options.update(beta1=optimizer.beta1, beta2=optimizer.beta2, epsilon=optimizer.epsilon)
        self.update = mx.optimizer.get_updater(mx.optimizer.create(optimizer.name, **options))
        known = list(self.learnt.values())
        self.found = [self.executor.grad_dict[name] for name in known]
        self.updated = [self.executor.arg_dict[name] for name in known]
        self.step = self._train

    def _target(self, output, loss):
        """{"targets": its shape}, which follows from that of the output."""
        (shape,) = output.infer_shape(**self.shapes)[1]
        return {"targets": shape[:1] if loss.name == "cross_entropy" else shape}

    def load_targets(self, targets):
        self.targets = targets
        mx.nd.array(targets).copyto(self.executor.arg_dict["targets"])
        self.executor.arg_dict["targets"].wait_to_read()

    def _differentiate(self):
        self.result = self.executor.forward(is_train=True)
        self.executor.backward()

    def _train(self):
        self._differentiate()
        self.update(list(range(len(self.found))), self.found, self.updated)

    def trained(self):
        now = self.in_onnx_layout(
            {name: self.executor.arg_dict[known].asnumpy() for name, known in self.learnt.items()}
        )
        now.update((name, self.executor.aux_dict[known].asnumpy()) for name, known in self.states.items())
        return now

    def _fetch_loss(self):
        found = self.result[0].asnumpy()
        mx.nd.waitall()
        if self.loss == "cross_entropy":  # what SoftmaxOutput gives are the probabilities
            found = -np.log(found[np.arange(len(self.targets)), self.targets]).mean()
        return {"loss": np.asarray(found, np.float32).reshape(1)}

    def gradients(self):
        return self.in_onnx_layout(
            {name: self.executor.grad_dict[known].asnumpy() for name, known in self.learnt.items()}
        )

    def _hybridize(self, walk, arrays, states):
        self._block(walk, arrays, states)
        self.block.hybridize(static_alloc=True, static_shape=True)

    def _block(self, walk, arrays, states):
        self.block = Block(arrays, walk)
        self.place = self._hold
        self.run = lambda: self.block(*self.tensors)

    def _keep(self, walk, arrays, states):
        placed = {name: mx.nd.array(array) for name, array in arrays.items()}
        self.place = self._hold
        self.run = lambda: walk(mx.nd, self.tensors, placed)

    def _hold(self, tensors):
        self.tensors = tensors

    def load(self, arrays):
        self.place([mx.nd.array(arrays[name]) for name in self.names])
        mx.nd.waitall()

    def step(self):
        self.result = self.run()

    def fetch(self):
        return {name: array.asnumpy() for name, array in zip(self.outputs, self.result)}  # noqa: B905

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return mx.__version__

    def build_string(self):
        return "features: {0}".format(", ".join(sorted(self._features())))

    def _features(self):
        return [feature.name for feature in runtime.feature_list() if feature.enabled]

    def pools(self):
        found = dict(self.pool)
        found["engine workers"] = int(os.environ.get("MXNET_CPU_WORKER_NTHREADS", "1"))
        return found

    def isa_used(self):
        """The widest that it was compiled for: kernels of the libraries below it may be wider."""
        order = ("CPU_AVX2", "CPU_AVX", "CPU_SSE4_2", "CPU_SSE4_1", "CPU_SSE3", "CPU_SSE2", "CPU_SSE")
        found = [name for name in order if name in self._features()]
        return "compiled for {0}".format(found[0][len("CPU_") :]) if found else None

    def execution_state(self):
        if self.executor is not None:
            return (
                "default",
                "a bound {0} of {1} arrays".format(type(self.executor).__name__, len(self.executor.arg_arrays)),
            )
        if self.module is not None:
            training = "training" if self.module.for_training else "inference"
            return ("module" if self.module.binded else None, "Module.binded, for {0}".format(training))
        if self.block is None:
            return ("imperative", "neither an executor nor a block was made")
        cached = self.block._cached_op is not None  # noqa: SLF001  (no public name says it)
        return ("hybrid" if cached else "gluon", "the block has {0}".format("a CachedOp" if cached else "no CachedOp"))

    def precision(self):
        if self.computes_in == "float32":
            return "float32"
        return ", ".join(sorted(mxnet_dtypes.seen(self.executor, self.symbol)))

    def arithmetic(self):
        recording = mx.autograd.is_recording() or any(getattr(array, "grad", None) is not None for array in self.result)
        if self.execution == "default":
            recording = recording or any(array is not None for array in self.executor.grad_arrays)
        return {"gradients": "on" if recording else "off"}

    def static_libraries(self):
        """OpenBLAS inside libmxnet.so: the wheel of 1.5 is packed (UPX), so its text is there in memory alone."""
        path = mx.libinfo.find_lib_path()[0]
        if any(kind == "blas" and not identify.owner(path) for kind, _, path in identify.identify(maps.read_maps())):
            return []
        found = text_of(path, b"OPENBLAS_CORETYPE")
        if found is None:
            return []
        how = "{0} in the executable memory of libmxnet.so".format(found)
        return [{"kind": "blas", "name": "openblas", "path": path, "core": chosen_core(path), "how": how}]

    def onednn_state(self):
        if "MKLDNN" not in self._features():
            return ("absent", None, "runtime.feature_list() has MKLDNN disabled")
        state, version, reason = onednn.ask_child(SMALL)
        setting = os.environ.get("MXNET_MKLDNN_ENABLED", "not set")
        return (state, version, "{0}; MXNET_MKLDNN_ENABLED is {1}".format(reason, setting))

    # -- ONNX's operators: each takes F (mx.nd or mx.sym), the parameters by name, and its inputs ------------------

    def Conv(self, node, weights):
        weight, bias = parameter(node.name, "W"), parameter(node.name, "B")
        padded, pad = split_pads(node)
        options = {
            "kernel": tuple(node.attrs["kernel_shape"]),
            "stride": tuple(node.attrs.get("strides", (1, 1))),
            "dilate": tuple(node.attrs.get("dilations", (1, 1))),
            "pad": pad,
            "num_filter": len(weights["W"]),
            "num_group": node.attrs.get("group", 1),
            "no_bias": "B" not in weights,
        }

        def conv(F, p, x):
            x = F.pad(x, mode="constant", pad_width=padded, constant_value=0.0) if padded else x
            args = [x, p[weight]] if options["no_bias"] else [x, p[weight], p[bias]]
            return F.Convolution(*args, **options)

        return conv

    def BatchNormalization(self, node, weights):
        names = [parameter(node.name, key) for key in ("scale", "B", "mean", "var")]
        options = {"eps": node.attrs.get("epsilon", 1e-5), "momentum": node.attrs.get("momentum", 0.9)}
        training = bool(node.attrs.get("training_mode", 0))
        self.training = self.training or training
        # Left alone it takes the scale for 1 (`fix_gamma`).
        options.update(fix_gamma=False, use_global_stats=not training)
        return lambda F, p, x: F.BatchNorm(x, *[p[name] for name in names], **options)

    def Relu(self, node, weights):
        return lambda F, p, x: F.Activation(x, act_type="relu")

    def MaxPool(self, node, weights):
        options = pool(node)
        return lambda F, p, x: F.Pooling(x, pool_type="max", **options)

    def AveragePool(self, node, weights):
        options = pool(node)
        options["count_include_pad"] = bool(node.attrs.get("count_include_pad", 0))
        return lambda F, p, x: F.Pooling(x, pool_type="avg", **options)

    def GlobalAveragePool(self, node, weights):
        return lambda F, p, x: F.Pooling(x, pool_type="avg", kernel=(1, 1), global_pool=True)

    def Flatten(self, node, weights):
        if node.attrs.get("axis", 1) != 1:
            raise Unsupported("{0}: Flatten at axis {1}".format(node.name, node.attrs["axis"]))
        return lambda F, p, x: F.Flatten(x)

    def Gemm(self, node, weights):
        if node.attrs.get("transA", 0) or node.attrs.get("alpha", 1) != 1 or node.attrs.get("beta", 1) != 1:
            raise Unsupported("{0}: Gemm with transA, alpha or beta".format(node.name))
        if not node.attrs.get("transB", 0):  # FullyConnected takes [out, in]
            weights["B"] = np.ascontiguousarray(weights["B"].T)
        weight, bias = parameter(node.name, "B"), parameter(node.name, "C")
        options = {"num_hidden": len(weights["B"]), "no_bias": "C" not in weights, "flatten": False}

        def gemm(F, p, x):
            return F.FullyConnected(*([x, p[weight]] if options["no_bias"] else [x, p[weight], p[bias]]), **options)

        return gemm

    def MatMul(self, node, weights):
        return lambda F, p, a, b: F.linalg_gemm2(a, b)  # of any number of axes, unlike dot and batch_dot

    def Add(self, node, weights):
        return lambda F, p, a, b: F.elemwise_add(a, b)

    def Mul(self, node, weights):
        return lambda F, p, a, b: F.broadcast_mul(a, b)

    def Concat(self, node, weights):
        return lambda F, p, *tensors: F.concat(*tensors, dim=node.attrs["axis"])

    def Clip(self, node, weights):
        return lambda F, p, x: F.clip(x, node.attrs["min"], node.attrs["max"])

    def Sigmoid(self, node, weights):
        return lambda F, p, x: F.Activation(x, act_type="sigmoid")

    def LRN(self, node, weights):
        size, attrs = node.attrs["size"], node.attrs
        options = {"alpha": attrs.get("alpha", 1e-4), "beta": attrs.get("beta", 0.75), "knorm": attrs.get("bias", 1.0)}
        return lambda F, p, x: F.LRN(x, nsize=size, **options)

    def Softmax(self, node, weights):
        axis = node.attrs.get("axis", -1)
        return lambda F, p, x: F.softmax(x, axis=axis)


def split_pads(node):
    """(what F.pad must add first or None, `pad` of the operator): ONNX has [top, left, bottom, right]."""
    top, left, bottom, right = node.attrs.get("pads", (0, 0, 0, 0))
    if (top, left) == (bottom, right):
        return None, (top, left)
    return (0, 0, 0, 0, top, bottom, left, right), (0, 0)


def pool(node):
    """Options of F.Pooling."""
    before, pad = split_pads(node)
    if before is not None or list(node.attrs.get("dilations", (1, 1))) != [1, 1]:
        raise Unsupported("{0}: pool with uneven pads or dilations".format(node.name))
    return {
        "kernel": tuple(node.attrs["kernel_shape"]),
        "stride": tuple(node.attrs.get("strides", (1, 1))),
        "pad": pad,
        "pooling_convention": "full" if node.attrs.get("ceil_mode", 0) else "valid",
    }


def text_of(path, wanted):
    """`wanted` as text where the executable memory of the mapped file holds it, or None.

    A packed library unpacks itself into nameless memory that follows its own.
    """
    with open("/proc/self/maps") as file, open("/proc/self/mem", "rb", 0) as memory:
        inside = False
        for line in file.read().splitlines():
            columns = line.split(None, 5)
            inside = columns[5] == path if len(columns) == 6 else inside
            if not inside or "x" not in columns[1] or "r" not in columns[1]:
                continue
            start, end = [int(part, 16) for part in columns[0].split("-")]
            memory.seek(start)
            if wanted in memory.read(end - start):
                return wanted.decode("ascii")
    return None


def chosen_core(path):
    """The kernels that its OpenBLAS chooses, as it says itself where a process loads the library and nothing else."""
    try:
        said = subprocess.check_output(
            [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", path],
            stderr=subprocess.STDOUT,
            env=dict(os.environ, OPENBLAS_VERBOSE="2"),
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"^Core: (\w+)", said.decode("utf-8", "replace"), re.MULTILINE)
    return found.group(1) if found else None
