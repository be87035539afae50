"""How does MNN run a network? Converted from ONNX by its own converter, as a module on its CPU backend in float32."""

import os
import struct
import tempfile

import _mnncengine
import _tools
import MNN
import numpy as np
from MNN import expr, nn

from workloads import onnx_graph
from workloads.backends.base import Unsupported
from workloads.evidence import contents
from workloads.onnx_sequence import Whole
from workloads.recurrent import Recurrent

THREADS = 4
"""SessionInfoCode THREAD_NUMBER: an int that Python's binding hands over as the float of the same bits."""


WINOGRAD_MEMORY_LEVEL = 3
"""Of MNN's HintMode. At 0 it takes small transforms alone; large ones, its default of 3, cost VGG-16 three digits."""


def as_mnn_has(array):
    """float32 as it is; MNN's integers have 32 bits."""
    return np.ascontiguousarray(array, np.int32 if array.dtype.kind == "i" else np.float32)


class Backend(Whole, onnx_graph.Writer):
    """A module; `precision` is `high`, or MNN may compute in 16 bits where the CPU can.

    Not a session, MNN's older interface: it computes in the memory of its inputs, so that the second run of a network
    gives another output than the first.
    """

    name = "mnn"
    module = "MNN"

    def configure(self):
        self.settings = {"backend": "CPU", "precision": "high", "numThread": self.threads}
        self.manager = nn.create_runtime_manager((self.settings,))
        self.manager.set_hint(WINOGRAD_MEMORY_LEVEL, 0)

    def build(self, nodes, weights, inputs, outputs):
        model = self.model(nodes, weights, inputs, outputs)
        self.inputs, self.outputs = list(inputs), list(outputs)
        with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
            path = convert(model, folder)
            self.net = nn.load_module_from_file(path, self.inputs, self.outputs, runtime_manager=self.manager)

    def load(self, arrays):
        placed = [as_mnn_has(arrays[name]) for name in self.inputs]
        types = [expr.int if array.dtype.kind == "i" else expr.float for array in placed]
        self.variables = [expr.placeholder(a.shape, expr.NCHW, t) for a, t in zip(placed, types)]  # noqa: B905  (3.10 has it)
        for array, variable in zip(placed, self.variables):  # noqa: B905
            variable.write(array)

    def step(self):
        self.results = self.net.onForward(self.variables)

    def fetch(self):
        return {name: variable.read() for name, variable in zip(self.outputs, self.results)}  # noqa: B905

    def AveragePool(self, node, weights):  # noqa: N802
        if node.attrs.get("count_include_pad", 0) and any(node.attrs.get("pads", ())):
            raise Unsupported("{0}: the converter takes pads that count for such that do not".format(node.name))
        return self._same(node, weights)

    def LRN(self, node, weights):  # noqa: N802
        if node.attrs["size"] % 2 == 0:
            raise Unsupported("{0}: MNN's LRN has a window of odd size".format(node.name))
        return self._same(node, weights)

    def GRU(self, node, weights):  # noqa: N802
        if not Recurrent(node, weights).after:
            reason = "{0}: GRU: MNN's with linear_before_reset 0 is wrong from its second step on"
            raise Unsupported(reason.format(node.name))
        return super(Backend, self).GRU(node, weights)

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return MNN.version()

    def build_string(self):
        return "native kernels, compiled in; module: {0}".format(
            ", ".join("{0}={1}".format(key, value) for key, value in sorted(self.settings.items()))
        )

    def pools(self):
        """What MNN makes of the settings: a module does not tell, a session of one addition with the same ones does."""
        with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
            path = os.path.join(folder, "probe.mnn")
            left, right = (expr.placeholder((1,), expr.NCHW) for _ in range(2))
            expr.save([expr.add(left, right)], path)
            interpreter = MNN.Interpreter(path)
            session = interpreter.createSession(self.settings)
        value = interpreter.getSessionInfo(session, THREADS)
        return {"numThread": struct.unpack("<i", struct.pack("<f", value))[0]}

    def precision(self):
        types = {variable.dtype for variable in self.results}
        return "float32" if types == {expr.float} else ", ".join(sorted(str(each) for each in types))

    def onednn_state(self):
        path = _mnncengine.__file__
        count = contents.occurrences(path, b"dnnl_")
        return ("unknown" if count else "absent", None, "{0} names in {1} begin with dnnl_".format(count, path))


def convert(model, folder):
    """The path of the model that mnnconvert made of ONNX's bytes: batch-norm and ReLU are merged there."""
    source, target = os.path.join(folder, "network.onnx"), os.path.join(folder, "network.mnn")
    with open(source, "wb") as file:
        file.write(model)
    arguments = ["-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "bench"]
    _tools.mnnconvert(["mnnconvert"] + arguments)
    os.remove(source)
    return target
