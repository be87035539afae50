"""How does ONNX Runtime run a network? The same operators as an ONNX model, through its CPU provider."""

import contextlib
import os
import shutil
import tempfile
from collections import Counter

import numpy as np
import onnx
import onnxruntime

from workloads import onnx_dynamic, onnx_graph
from workloads.backends.base import Unsupported
from workloads.evidence import contents
from workloads.onnx_sequence import Sequence

LEVELS = {
    "default": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "unoptimised": "ORT_DISABLE_ALL",
}
"""Execution mode -> graph optimisation level."""


class Backend(onnx_dynamic.Dynamic, Sequence, onnx_graph.Writer):
    """One session over a model whose weights stay where they are.

    The modes are the levels of graph optimisation: `default` is all of it, `extended` leaves the layout of images
    alone, `basic` only folds and drops what is redundant, `unoptimised` runs the model node by node as it was written.
    """

    name = "onnxruntime"
    modes = tuple(LEVELS)
    newest = 23 if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) >= (1, 23) else 21
    devices = ("cpu", "cuda")
    dtypes = ("float32", "int8")
    lacking = {
        "float16": "ONNX Runtime's CPU provider casts such a model to float32 where it has no kernels, as on x86",
        "bfloat16": "ONNX Runtime's CPU provider has no kernel of Conv, Gemm or MatMul for it",
    }

    def configure(self):
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = self.threads
        self.options.inter_op_num_threads = 1
        level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[self.execution])
        self.options.graph_optimization_level = level
        self.providers = ["CPUExecutionProvider"]
        if self.device == "cuda":
            onnxruntime.preload_dlls(directory="")  # CUDA's libraries from the wheels that lie beside this one
            if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
                raise RuntimeError("no CUDAExecutionProvider: " + ", ".join(onnxruntime.get_available_providers()))
            self.options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            self.providers = [("CUDAExecutionProvider", {"device_id": "0", "use_tf32": "0"})]

    def build(self, nodes, weights, inputs, outputs):
        if self.computes_in == "int8":
            onnx_dynamic.check(nodes)
            if self.device != "cpu":
                raise Unsupported("dtype 'int8' on cuda: DynamicQuantizeLinear is an operator of the CPU's provider")
        model = self.graph(nodes, weights, inputs, outputs)
        # Handed over beside the model: VGG-16's 553 MB are not written into a protocol buffer and parsed again,
        # and the session copies what it repacks.
        names = list(self.values)
        arrays = [onnxruntime.OrtValue.ortvalue_from_numpy(self.values[name]) for name in names]
        self.options.add_external_initializers(names, arrays)
        self.executed = Counter()
        with self._written_down():
            data = model.SerializeToString()
            self.session = onnxruntime.InferenceSession(data, self.options, providers=self.providers)
        self._bind_outputs()

    @contextlib.contextmanager
    def _written_down(self):
        """Where it computes in int8: has the session write its optimised graph, and counts the operators in it."""
        if self.computes_in == "float32":
            yield
            return
        folder = tempfile.mkdtemp(dir=os.getcwd())
        try:
            path = os.path.join(folder, "optimised.onnx")
            self.options.optimized_model_filepath = path
            yield
            self.executed.update(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)
        finally:
            shutil.rmtree(folder)

    def _bind_outputs(self):
        """Results are written where `fetch` finds them; without a binding each `run` would copy them once more.

        Those of a GPU stay there until they are fetched.
        """
        self.binding = self.session.io_binding()
        if self.device == "cuda":
            for value in self.session.get_outputs():
                self.binding.bind_output(value.name, "cuda", 0)
            return
        self.results = {value.name: np.empty(value.shape, np.float32) for value in self.session.get_outputs()}
        for name, array in self.results.items():
            self.binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def load(self, arrays):
        if self.device == "cuda":
            for name, array in arrays.items():
                placed = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), "cuda", 0)
                self.binding.bind_ortvalue_input(name, placed)
            return
        self.arrays = {
            name: np.ascontiguousarray(array) for name, array in arrays.items()
        }  # the binding keeps no reference
        for name, array in self.arrays.items():
            self.binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def step(self):
        self.session.run_with_iobinding(self.binding)

    def fetch(self):
        if self.device == "cuda":
            self.binding.synchronize_outputs()
            names = [value.name for value in self.session.get_outputs()]
            return dict(zip(names, self.binding.copy_outputs_to_cpu()))  # noqa: B905  (3.10 has it)
        return self.results

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return onnxruntime.__version__

    def build_string(self):
        return onnxruntime.get_build_info()

    def pools(self):
        options = self.session.get_session_options()
        return {"intra_op": options.intra_op_num_threads, "inter_op": options.inter_op_num_threads}

    def execution_state(self):
        level = self.session.get_session_options().graph_optimization_level.name
        mode = next((mode for mode, name in LEVELS.items() if name == level), None)
        return (mode, "graph_optimization_level of the session: {0}".format(level))

    def precision(self):
        if self.computes_in == "int8":
            whole = sum(self.executed[op] for op in onnx_dynamic.INTEGER)
            others = self.executed["Gemm"] + self.executed["FusedGemm"]
            return "int8" if whole and not others else "int8 in {0} products, float32 in {1}".format(whole, others)
        types = {value.type for value in self.session.get_inputs() + self.session.get_outputs()}
        types.discard("tensor(int64)")  # rows that a Gather picks
        if types != {"tensor(float)"}:
            return ", ".join(sorted(types))
        return "float32" if self._tf32() == "off" else "float32, products tf32"

    def _tf32(self):
        options = self.session.get_provider_options().get("CUDAExecutionProvider", {"use_tf32": "0"})
        return "off" if options.get("use_tf32") == "0" else "allowed"

    def arithmetic(self):
        return {"tf32": self._tf32()} if self.device == "cuda" else {}

    def placement(self):
        if self.device == "cpu":
            return "cpu"
        names = {value.device_name() for value in self.binding.get_outputs()}
        options = self.session.get_provider_options().get("CUDAExecutionProvider", {})
        return ", ".join(sorted("{0}:{1}".format(name, options.get("device_id", "?")) for name in names))

    def static_libraries(self):
        from onnxruntime.capi import onnxruntime_pybind11_state as module  # noqa: PLC0415  (the file that holds the kernels)

        count = contents.occurrences(module.__file__, b"MLAS_THREADPOOL")
        how = "{0} mangled names in {1} speak of MLAS_THREADPOOL".format(count, os.path.basename(module.__file__))
        return [{"kind": "blas", "name": "mlas", "version": onnxruntime.__version__, "how": how}] if count else []

    def onednn_state(self):
        providers = self.session.get_providers()
        if "DnnlExecutionProvider" in onnxruntime.get_available_providers():
            return ("on" if "DnnlExecutionProvider" in providers else "off", None, "providers: " + ", ".join(providers))
        return ("absent", None, "no DnnlExecutionProvider among the available providers; used: " + ", ".join(providers))
