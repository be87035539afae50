"""How does a C++ program run a network with TensorFlow? A Session over the frozen graph of what Python would run."""

import json
import os
import subprocess
import sys

from workloads import program, weights
from workloads.backends import cpp, tensorflow_graph
from workloads.backends.base import Node, Unsupported

GRAPH = "graph.pb"
ENDS = "ends.json"


class Backend(cpp.Backend):
    """`frozen`: the weights are constants of the graph. TensorFlow is imported in a third process, which ends before
    the program begins."""

    name = "tensorflow"
    modes = ("frozen",)

    def export(self, job, folder):
        path = os.path.join(folder, "export.json")
        with open(path, "w") as file:
            json.dump(dict(job, expected={}), file)
        done = subprocess.run([sys.executable, "-m", __name__, path, folder], stderr=subprocess.PIPE, check=False)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace")
            raise RuntimeError("the graph was not written: {0}".format(said[-600:]))
        with open(os.path.join(folder, ENDS)) as file:
            ends = json.load(file)
        if "unsupported" in ends:
            raise Unsupported(ends["unsupported"])
        return ends

    def static_libraries(self):
        """Eigen and oneDNN, whose headers the wheel carries: the program was compiled with them."""
        found = []
        for kind, name, key in (("blas", "eigen", "eigen"), ("onednn", "onednn", "dnnl")):
            version = self.program.described.get(key)
            if version:
                how = "compiled into libtensorflow_cc: the wheel carries its headers, and no file of that library"
                found.append({"kind": kind, "name": name, "version": version, "how": how})
        return found

    def execution_state(self):
        operators = self.told("operators")
        variables = sum(operators[op] for op in operators if op in ("VarHandleOp", "ReadVariableOp", "VariableV2"))
        how = "{0} constants and {1} variables in the executed graph".format(operators.get("Const", 0), variables)
        return ("default" if variables else "frozen", how)

    def onednn_state(self):
        state, reason = tensorflow_graph.onednn_state(self.told("operators"))
        return (state, self.program.described.get("dnnl"), reason)


def main(job_path, folder):
    """Write the graph of a job and the names of its ends, or why there is none."""
    with open(job_path) as file:
        job = json.load(file)
    try:
        ends = write(job, os.path.join(folder, GRAPH))
    except Unsupported as problem:
        ends = {"unsupported": str(problem)}
    with open(os.path.join(folder, ENDS), "w") as file:
        json.dump(ends, file)


def write(job, path):
    """The graph that backends/tensorflow.py makes, its variables as constants; {"graph", "feeds", "fetches"}."""
    from tensorflow.python.framework import convert_to_constants  # noqa: PLC0415  (no public name has it)

    from workloads.backends import tensorflow  # noqa: PLC0415  (not in the process that waits for the program)

    network = job["network"]
    backend = tensorflow.Backend(job["threads"], "default", job["onednn"])
    backend.configure()
    nodes = [Node(data) for data in network["nodes"]]
    shapes = program.step_shapes(job)
    backend.build(nodes, weights.make_weights(network, job["seed"]), shapes, list(network["outputs"]))
    frozen = convert_to_constants.convert_variables_to_constants_v2(backend.function)
    with open(path, "wb") as file:
        file.write(frozen.graph.as_graph_def().SerializeToString())
    fetches = zip(sorted(network["outputs"]), frozen.outputs)  # noqa: B905  (3.10 has it)
    feeds = zip(shapes, frozen.inputs)  # noqa: B905
    return {
        "graph": path,
        "images": backend.images,
        "feeds": {name: tensor.name for name, tensor in feeds},
        "fetches": {name: tensor.name for name, tensor in fetches},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
