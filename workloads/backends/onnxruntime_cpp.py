"""How does a C++ program run a network with ONNX Runtime? A session over a model whose weights lie in a second file."""

import os

import onnx
from onnx import numpy_helper

from workloads import onnx_graph, program, weights
from workloads.backends import cpp
from workloads.backends.base import Node
from workloads.evidence import contents, maps
from workloads.onnx_sequence import Sequence

ALIGNMENT = 4096
"""Of the weights in their file, so that the session can map it."""
INSIDE = 1024
"""Bytes: what is smaller stays in the model. A bound of Clip is no weight."""


class Writer(Sequence, onnx_graph.Writer):
    """Only writes."""

    name = "onnxruntime"
    newest = 23  # of 1.31, the only version with this program, as backends/onnxruntime.py has it


class Backend(cpp.Backend):
    """The program reads what onnx_graph writes, as backends/onnxruntime.py does (images/programs/onnxruntime.cpp)."""

    name = "onnxruntime"

    def export(self, job, folder):
        network = job["network"]
        nodes = [Node(data) for data in network["nodes"]]
        writer = Writer(self.threads, "default", self.onednn)
        made = weights.make_weights(network, job["seed"])
        model = writer.graph(nodes, made, program.step_shapes(job), network["outputs"])
        with open(os.path.join(folder, "weights"), "wb") as file:
            for tensor in model.graph.initializer:
                if tensor.name in writer.values:  # the others are shapes and axes, which lie in the model
                    place(tensor, writer.values[tensor.name], file)
        path = os.path.join(folder, "model.onnx")
        onnx.save_model(model, path)
        return {"model": path}

    def static_libraries(self):
        paths = maps.read_maps("/proc/{0}/maps".format(self.program.pid))
        library = next(path for path in paths if os.path.basename(path).startswith("libonnxruntime.so"))
        count = contents.occurrences(library, b"MLAS_THREADPOOL")
        how = "{0} mangled names in {1} speak of MLAS_THREADPOOL".format(count, os.path.basename(library))
        return [{"kind": "blas", "name": "mlas", "version": self.version(), "how": how}] if count else []

    def onednn_state(self):
        state, how = self.told("onednn")
        return (state, None, how)


def place(tensor, array, file):
    """Write the array where the file ends, and into the TensorProto where it lies."""
    del tensor.external_data[:]
    if array.nbytes < INSIDE:
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        return
    offset = -file.tell() % ALIGNMENT + file.tell()
    file.seek(offset)
    array.tofile(file)
    for key, value in (("location", "weights"), ("offset", offset), ("length", array.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
