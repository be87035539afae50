"""JAX, one jitted function of its parameters, NHWC."""

import os

import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16

FORMAT = ("NHWC", "HWIO", "NHWC")


def vgg16():
    """Configuration D, as (kind, channels out)."""
    plan = []
    for width, count in VGG16:
        plan += [("conv", width), ("relu",)] * count + [("pool",)]
    plan += [("flatten",), ("dense", 4096), ("relu",), ("dense", 4096), ("relu",), ("dense", 1000)]
    return plan


def mobilenet_v1():
    """Width 1."""
    plan = [("first", 32), ("norm",), ("relu",)]
    for width, stride in MOBILENET_V1:
        plan += [("depthwise", stride), ("norm",), ("relu",), ("pointwise", width), ("norm",), ("relu",)]
    return [*plan, ("mean",), ("dense", 1000)]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    plan = []
    for width in CIFAR_CNN:
        plan += [("conv", width), ("relu",), ("conv", width), ("pool",), ("relu",)]
    return [*plan, ("flatten",), ("dense", 512), ("relu",), ("dense", 10)]


def make_weights(plan, size):
    """The parameters of each layer, in the plan's order."""
    channels, features, made = 3, 0, []

    def normal(*shape):
        return np.random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype("float32")

    for kind, *rest in plan:
        if kind in {"conv", "first", "pointwise"}:
            kernel = 1 if kind == "pointwise" else 3
            w = normal(kernel, kernel, channels, rest[0])
            channels = rest[0]
            size = size // 2 if kind == "first" else size
            made.append((w, np.zeros(channels, "float32")) if kind == "conv" else (w,))
        elif kind == "depthwise":
            made.append((normal(3, 3, 1, channels),))
            size //= rest[0]
        elif kind == "norm":
            made.append(tuple(np.ones(channels, "float32") for _ in range(4)))
        elif kind == "dense":
            made.append((normal(features or channels, rest[0]), np.zeros(rest[0], "float32")))
            features = rest[0]
        else:
            size = size // 2 if kind == "pool" else size
            features = channels * size * size if kind == "flatten" else features
            made.append(())
    return made


def build(name, batch, size, threads):
    """The step."""
    os.environ["PJRT_NPROC"] = str(threads)
    import jax
    from jax import lax

    plan = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]()
    pads = [(1, 1), (1, 1)]

    def convolution(x, w, stride, padding, groups=1):
        return lax.conv_general_dilated(
            x, w, (stride, stride), padding, dimension_numbers=FORMAT, feature_group_count=groups
        )

    def layer(kind, rest, x, p):
        if kind == "conv":
            return convolution(x, p[0], 1, pads) + p[1]
        if kind == "first":
            return convolution(x, p[0], 2, pads)
        if kind == "pointwise":
            return convolution(x, p[0], 1, "VALID")
        if kind == "depthwise":
            return convolution(x, p[0], rest[0], pads, groups=x.shape[-1])
        if kind == "norm":
            return (x - p[2]) * lax.rsqrt(p[3] + 1e-3) * p[0] + p[1]
        if kind == "relu":
            return jax.nn.relu(x)
        if kind == "pool":
            return lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        if kind == "flatten":
            return x.reshape(x.shape[0], -1)
        return x.mean((1, 2)) if kind == "mean" else x @ p[0] + p[1]

    @jax.jit
    def net(parameters, x):
        for (kind, *rest), p in zip(plan, parameters):
            x = layer(kind, rest, x, p)
        return jax.nn.softmax(x)

    parameters = jax.device_put(make_weights(plan, size))
    x = jax.device_put(np.random.rand(batch, size, size, 3).astype("float32"))
    return lambda: np.asarray(net(parameters, x))
