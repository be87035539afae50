"""OpenCV's DNN module over an ONNX file."""

import cv2
import numpy as np
from handwritten import onnx_model


def build(name, batch, size, threads):
    """The step; the input is set once, as the backend's is in its region `compute`."""
    shape = (batch, 3, size, size)
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(onnx_model.write(name, shape))
    net.setInput(np.random.rand(*shape).astype("float32"))
    return net.forward
