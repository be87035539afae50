"""Chainer, as a chain of links under no_backprop_mode, as its guide to inference has it."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


class Net(chainer.ChainList):
    """Links in their order, and what is called between them."""

    def __init__(self, layers):
        super(Net, self).__init__(*[layer for layer in layers if isinstance(layer, chainer.Link)])
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def pool(x):
    return F.max_pooling_2d(x, 2, 2)


def convolution(channels, width):
    return L.Convolution2D(channels, width, 3, pad=1)


def norm(channels):
    return [L.BatchNormalization(channels, eps=1e-3), F.relu]


def vgg16():
    """Configuration D."""
    layers, channels = [], 3
    for width, count in VGG16:
        for _ in range(count):
            layers += [convolution(channels, width), F.relu]
            channels = width
        layers.append(pool)
    return layers + [L.Linear(25088, 4096), F.relu, L.Linear(4096, 4096), F.relu, L.Linear(4096, 1000), F.softmax]


def mobilenet_v1():
    """Width 1."""
    layers, channels = [L.Convolution2D(3, 32, 3, stride=2, pad=1, nobias=True)] + norm(32), 32
    for width, stride in MOBILENET_V1:
        layers += [L.DepthwiseConvolution2D(channels, 1, 3, stride=stride, pad=1, nobias=True)] + norm(channels)
        layers += [L.Convolution2D(channels, width, 1, nobias=True)] + norm(width)
        channels = width
    return layers + [lambda x: F.average_pooling_2d(x, x.shape[2:]), L.Linear(1024, 1000), F.softmax]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers, channels = [], 3
    for width in CIFAR_CNN:
        layers += [convolution(channels, width), F.relu, convolution(width, width), pool, F.relu]
        channels = width
    return layers + [L.Linear(6400, 512), F.relu, L.Linear(512, 10), F.softmax]


def build(name, batch, size, threads):
    """The step; threads are the BLAS's, by its variables."""
    net = Net({"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]())
    x = np.random.rand(batch, 3, size, size).astype("float32")

    def step():
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            return net(chainer.Variable(x)).data

    return step
