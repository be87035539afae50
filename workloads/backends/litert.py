"""How does LiteRT (TensorFlow Lite) run a network? A model with channels last, by XNNPACK's delegate or without it."""

import os
import re
from collections import Counter

import ai_edge_litert
import numpy as np
from ai_edge_litert import interpreter as litert

from workloads import tflite_graph
from workloads.backends.base import Unsupported
from workloads.evidence import contents

RESOLVERS = {
    "default": litert.OpResolverType.AUTO,
    "no-delegate": litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}
"""Execution mode -> which kernels are taken."""


class Backend(tflite_graph.Writer):
    """`default` gives what it can to XNNPACK; `no-delegate` runs LiteRT's own kernels, whose products are Eigen's, but
    for those of an LSTM, which are plain loops."""

    name = "litert"
    module = "ai_edge_litert"
    modes = ("default", "no-delegate")

    def configure(self):
        self.batch_matmul = self.execution == "default"  # LiteRT's own is a plain loop: 30 s for 2048 x 2048 x 2048
        # XNNPACK has no LSTM of a sequence, and computes in a WHILE in half the time
        self.sequence_lstm = self.execution == "no-delegate"
        self.settings = {
            "num_threads": self.threads,
            "experimental_op_resolver_type": RESOLVERS[self.execution],
        }

    def build(self, nodes, weights, inputs, outputs):
        self.content = self.model(nodes, weights, inputs, outputs)  # the interpreter reads the weights from here
        self.stateful = any(each.isVariable for graph in self.graphs for each in graph.tensors)
        del self.buffers, self.graphs
        self.interpreter = litert.Interpreter(model_content=self.content, **self.settings)
        self.interpreter.allocate_tensors()
        self.inputs = dict(zip(inputs, self._indices(self.interpreter.get_input_details())))  # noqa: B905
        self.outputs = dict(zip(outputs, self._indices(self.interpreter.get_output_details())))  # noqa: B905
        if self.execution == "default" and not self._delegates():
            raise Unsupported("XNNPACK took no operator: {0}".format(self._operators()))

    @staticmethod
    def _indices(details):
        return [detail["index"] for detail in details]

    def load(self, arrays):
        for name, array in arrays.items():
            last = array.transpose(0, 2, 3, 1) if self.images and array.ndim == 4 else array
            self.interpreter.set_tensor(self.inputs[name], np.ascontiguousarray(last))

    def step(self):
        if self.stateful:  # an LSTM, which goes on from its last step
            self.interpreter.reset_all_variables()
        self.interpreter.invoke()

    def fetch(self):
        arrays = {name: self.interpreter.get_tensor(index) for name, index in self.outputs.items()}
        return {name: a.transpose(0, 3, 1, 2) if self.images and a.ndim == 4 else a for name, a in arrays.items()}

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        from importlib import metadata  # noqa: PLC0415

        return getattr(ai_edge_litert, "__version__", None) or metadata.version("ai-edge-litert")

    def build_string(self):
        operators = "operators, those that a DELEGATE replaced among them: {0}".format(self._operators())
        if self.execution == "no-delegate":
            count = sum(contents.occurrences(path, b"EigenForTFLite") for path in kernels_files())
            own = ", an LSTM's in plain loops" if "SEQUENCE_LSTM" in operators else ""
            name = "Eigen" if count else "?"
            return "products in {0}{1}; {2} names speak of it; {3}".format(name, own, count, operators)
        made = {index for each in self._delegates() for index in each["outputs"]}
        share = "{0} of {1} outputs".format(len(made & set(self.outputs.values())), len(self.outputs))
        return "XNNPACK's delegate computes {0}; {1}".format(share, operators)

    def _details(self):
        return self.interpreter._get_ops_details()  # noqa: SLF001

    def _operators(self):
        """`CONV_2D x14, DELEGATE x1, ...`."""
        counts = Counter(each["op_name"] for each in self._details())
        return ", ".join("{0} x{1}".format(*each) for each in sorted(counts.items()))

    def _delegates(self):
        return [each for each in self._details() if each["op_name"] == "DELEGATE"]

    def execution_state(self):
        count = len(self._delegates())
        return ("default" if count else "no-delegate", "{0} operators of the interpreter are delegates".format(count))

    def precision(self):
        details = self.interpreter.get_input_details() + self.interpreter.get_output_details()
        types = {np.dtype(each["dtype"]) for each in details}
        return ", ".join(sorted(each.name for each in types if each.kind != "i"))  # not rows that a GATHER picks

    def onednn_state(self):
        counts = {path: contents.occurrences(path, b"dnnl_") for path in kernels_files()}
        how = ", ".join("{0} in {1}".format(n, os.path.basename(path)) for path, n in sorted(counts.items()))
        return ("unknown" if any(counts.values()) else "absent", None, "names that begin with dnnl_: " + how)


def kernels_files():
    """The shared libraries of the wheel that are mapped."""
    from workloads.evidence import maps  # noqa: PLC0415

    return [path for path in maps.read_maps() if re.search(r"/ai_edge_litert/[^/]*\.so$", path)]
