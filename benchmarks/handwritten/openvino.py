"""OpenVINO, an ONNX file read, compiled for the CPU and called; float32, where its own default may be less."""

import numpy as np
import openvino
from handwritten import onnx_model


def build(name, batch, size, threads):
    """The step."""
    shape = (batch, 3, size, size)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.compile_model(onnx_model.write(name, shape), "CPU", settings)
    x = np.random.rand(*shape).astype("float32")
    return lambda: compiled(x)[0]
