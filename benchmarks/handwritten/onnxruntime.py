"""ONNX Runtime, a session over an ONNX file, called by `run`."""

import numpy as np
import onnxruntime
from handwritten import onnx_model


def build(name, batch, size, threads):
    """The step."""
    shape = (batch, 3, size, size)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    path = onnx_model.write(name, shape)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {"image": np.random.rand(*shape).astype("float32")}
    return lambda: session.run(None, feed)[0]
