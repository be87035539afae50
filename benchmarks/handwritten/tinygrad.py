"""tinygrad under TinyJit, as its own examples are written."""

import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16
from tinygrad import Tensor, TinyJit, nn


class Depthwise(nn.Conv2d):
    """One filter per channel."""

    def __init__(self, channels, stride):
        super().__init__(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)


def norm(channels):
    return [nn.BatchNorm(channels, eps=1e-3), Tensor.relu]


def pool(x):
    return x.max_pool2d((2, 2))


def flatten(x):
    return x.flatten(1)


def vgg16():
    """Configuration D."""
    layers, channels = [], 3
    for width, count in VGG16:
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), Tensor.relu]
            channels = width
        layers.append(pool)
    layers += [flatten, nn.Linear(25088, 4096), Tensor.relu, nn.Linear(4096, 4096), Tensor.relu]
    return [*layers, nn.Linear(4096, 1000)]


def mobilenet_v1():
    """Width 1."""
    layers, channels = [nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False), *norm(32)], 32
    for width, stride in MOBILENET_V1:
        layers += [Depthwise(channels, stride), *norm(channels)]
        layers += [nn.Conv2d(channels, width, 1, bias=False), *norm(width)]
        channels = width
    return [*layers, lambda x: x.mean((2, 3)), nn.Linear(1024, 1000)]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers, channels = [], 3
    for width in CIFAR_CNN:
        layers += [nn.Conv2d(channels, width, 3, padding=1), Tensor.relu]
        layers += [nn.Conv2d(width, width, 3, padding=1), pool, Tensor.relu]
        channels = width
    return [*layers, flatten, nn.Linear(6400, 512), Tensor.relu, nn.Linear(512, 10)]


def build(name, batch, size, threads):
    """The step; on one thread, as its CPU device is."""
    layers = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]()
    x = Tensor(np.random.rand(batch, 3, size, size).astype("float32")).realize()

    @TinyJit
    def net(y):
        for layer in layers:
            y = layer(y)
        return y.softmax(1).realize()

    return lambda: net(x).numpy()
