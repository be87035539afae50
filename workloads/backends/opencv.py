"""How does OpenCV run a network? Its DNN module reads it as ONNX or, up to 4.x, as Caffe's prototxt and caffemodel.

4.x computes convolutions and products in kernels of its own; 5.x gives the products to MLAS, which is compiled in.
Both map an OpenBLAS for cv2.gemm and the decompositions of the core module; of the DNN module the GRU of 5.x calls it,
for the products with the inputs of all steps.
"""

import os
import re

import cv2
import numpy as np

from workloads import caffe_model
from workloads.backends import base, opencv_sequence
from workloads.backends.base import Unsupported
from workloads.evidence import contents

READERS = {"default": opencv_sequence.Writer, "caffe": caffe_model.Writer}
"""Execution mode -> what writes the network."""


class Backend(base.Backend):
    """`default` reads an ONNX model, `caffe` the same network as Caffe's two files; both from memory."""

    name = "opencv"
    module = "cv2"
    modes = ("default", "caffe")

    def configure(self):
        if self.execution == "caffe" and not hasattr(cv2.dnn, "readNetFromCaffe"):
            raise Unsupported("OpenCV {0} has no readNetFromCaffe".format(cv2.__version__))
        cv2.setNumThreads(self.threads)

    def build(self, nodes, weights, inputs, outputs):
        writer = READERS[self.execution](self.threads, "default", self.onednn)
        writer.name = "{0} as OpenCV reads it".format({"default": "ONNX", "caffe": "Caffe"}[self.execution])
        self._check(nodes)
        if self.execution == "caffe":
            files = writer.caffe(nodes, weights, inputs, outputs)
            self.net = cv2.dnn.readNetFromCaffe(*[np.frombuffer(data, np.uint8) for data in files])
        else:
            model = writer.model(nodes, weights, inputs, outputs)
            self.net = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
        self.net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self.net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
        self.outputs = list(outputs)

    def _check(self, nodes):
        """What the readers take no notice of, and say nothing, or end in an error of their own."""
        for node in nodes:
            counts = (
                node.op == "AveragePool" and node.attrs.get("count_include_pad", 0) and any(node.attrs.get("pads", ()))
            )
            if counts and self.execution == "default" and cv2.__version__.startswith("4."):
                raise Unsupported("{0}: pads that count, read from ONNX by OpenCV 4".format(node.name))
            if node.op == "LRN" and node.attrs["size"] % 2 == 0:
                raise Unsupported("{0}: OpenCV's LRN has a window of odd size".format(node.name))
            if node.op == "LRN" and self.execution == "caffe" and node.attrs.get("bias", 1.0) != 1:
                raise Unsupported("{0}: OpenCV takes the k of Caffe's LRN for 1".format(node.name))

    def load(self, arrays):
        for name, array in arrays.items():
            self.net.setInput(array, name)

    def step(self):
        self.results = self.net.forward(self.outputs)

    def fetch(self):
        return dict(zip(self.outputs, self.results))  # noqa: B905  (3.10 has it)

    # -- what it says of itself ------------------------------------------------------------------------------------

    def version(self):
        return cv2.version.opencv_version

    def build_string(self):
        text = cv2.getBuildInformation()
        kept = [match.group(0) for match in map(re.compile(FACTS).match, text.splitlines()) if match]
        kernels = "products in {0}, convolutions in native kernels".format("MLAS" if self._mlas() else "native kernels")
        return "; ".join([kernels] + [" ".join(line.split()) for line in kept])

    def pools(self):
        return {"cv2": cv2.getNumThreads()}

    def precision(self):
        types = {array.dtype.name for array in self.results}
        return ", ".join(sorted(types))

    def static_libraries(self):
        count = self._mlas()
        how = "{0} names in {1} speak of MlasGemmBatch".format(count, os.path.basename(kernels_file()))
        return [{"kind": "blas", "name": "mlas", "version": None, "how": how}] if count else []

    def onednn_state(self):
        path = kernels_file()
        count = contents.occurrences(path, b"dnnl_")
        if count:
            return ("unknown", None, "{0} names in {1} begin with dnnl_".format(count, path))
        return ("absent", None, "nothing in {0} is called dnnl_".format(os.path.basename(path)))

    @staticmethod
    def _mlas():
        return contents.occurrences(kernels_file(), b"MlasGemmBatch")


FACTS = r"\s+(Version control|Baseline|Dispatched code generation|Parallel framework|Lapack|DNN MLAS|Eigen): .*"
"""Lines of cv2.getBuildInformation() that are kept."""


def kernels_file():
    """The file of the module that holds the kernels."""
    folder = os.path.dirname(cv2.__file__)
    return next(os.path.join(folder, name) for name in sorted(os.listdir(folder)) if re.match(r"cv2\..*so$", name))
