"""numpy, im2col and a product, as courses teach it."""

import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def weight(*shape):
    return np.random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype("float32")


def taps(x, kernel, stride, pad):
    """What each place of the kernel sees of x [N,C,H,W]."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant") if pad else x
    rows, columns = ((size - kernel) // stride + 1 for size in x.shape[2:])
    for i in range(kernel):
        for j in range(kernel):
            yield x[:, :, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]


def convolution(channels, width, kernel=3, stride=1):
    w = weight(width, channels * kernel * kernel)

    def convolve(x):
        columns = np.stack(list(taps(x, kernel, stride, kernel // 2)), axis=2)
        n, _, _, rows, length = columns.shape
        return np.matmul(w, columns.reshape(n, -1, rows * length)).reshape(n, width, rows, length)

    return convolve


def biased(channels, width):
    convolve, b = convolution(channels, width), np.zeros((width, 1, 1), "float32")
    return lambda x: convolve(x) + b


def depthwise(channels, stride):
    w = weight(9, channels, 1, 1)
    return lambda x: sum(tap * factor for tap, factor in zip(taps(x, 3, stride, 1), w))


def norm(channels):
    gamma, beta, mean, var = (np.ones((channels, 1, 1), "float32") for _ in range(4))
    return lambda x: (x - mean) / np.sqrt(var + np.float32(1e-3)) * gamma + beta


def relu(x):
    return np.maximum(x, 0)


def pool(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))


def flatten(x):
    return x.reshape(len(x), -1)


def dense(inputs, width):
    w, b = weight(width, inputs), np.zeros(width, "float32")
    return lambda x: x.dot(w.T) + b


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def vgg16():
    """Configuration D."""
    layers, channels = [], 3
    for width, count in VGG16:
        for _ in range(count):
            layers += [biased(channels, width), relu]
            channels = width
        layers.append(pool)
    return layers + [flatten, dense(25088, 4096), relu, dense(4096, 4096), relu, dense(4096, 1000)]


def mobilenet_v1():
    """Width 1."""
    layers, channels = [convolution(3, 32, stride=2), norm(32), relu], 32
    for width, stride in MOBILENET_V1:
        layers += [depthwise(channels, stride), norm(channels), relu]
        layers += [convolution(channels, width, kernel=1), norm(width), relu]
        channels = width
    return layers + [lambda x: x.mean((2, 3)), dense(1024, 1000)]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers, channels = [], 3
    for width in CIFAR_CNN:
        layers += [biased(channels, width), relu, biased(width, width), pool, relu]
        channels = width
    return layers + [flatten, dense(6400, 512), relu, dense(512, 10)]


def build(name, batch, size, threads):
    """The step; threads are the BLAS's, by its variables."""
    layers = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]() + [softmax]
    image = np.random.rand(batch, 3, size, size).astype("float32")

    def step():
        x = image
        for layer in layers:
            x = layer(x)
        return x

    return step
