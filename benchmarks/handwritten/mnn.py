"""MNN, a module of what its converter made of an ONNX file; float32 and small Winograd transforms alone, as for us."""

import subprocess

import numpy as np
from handwritten import onnx_model
from MNN import expr, nn


def build(name, batch, size, threads):
    """The step."""
    shape = (batch, 3, size, size)
    files = ["--modelFile", onnx_model.write(name, shape), "--MNNModel", "net.mnn"]
    subprocess.check_call(["mnnconvert", "-f", "ONNX", *files, "--bizCode", "net"], stdout=subprocess.DEVNULL)
    manager = nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": threads},))
    manager.set_hint(3, 0)  # WINOGRAD_MEMORY_LEVEL, whose default is less exact
    net = nn.load_module_from_file("net.mnn", ["image"], ["prob"], runtime_manager=manager)
    x = expr.const(np.random.rand(*shape).astype("float32"), shape, expr.NCHW)
    return lambda: net.forward(x).read()
