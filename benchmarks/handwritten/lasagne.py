"""Lasagne 0.1, as its mnist.py is written. MobileNet is not: it has no convolution in groups."""

import sys
import types

import numpy as np
import theano
import theano.tensor as T
from handwritten.plans import CIFAR_CNN, VGG16
from theano.tensor.signal import pool as theano_pool

# It imports `downsample`, as Theano called its pools before 1.0.
downsample = types.ModuleType("theano.tensor.signal.downsample")
downsample.max_pool_2d = theano_pool.pool_2d
sys.modules[downsample.__name__] = sys.modules["theano.tensor.signal"].downsample = downsample

from lasagne import layers, nonlinearities  # noqa: E402


def convolution(x, width, nonlinearity=nonlinearities.rectify):
    return layers.Conv2DLayer(x, width, 3, pad=1, nonlinearity=nonlinearity)


def softmax(x, width):
    return layers.DenseLayer(x, width, nonlinearity=nonlinearities.softmax)


def vgg16(x):
    """Configuration D."""
    for width, count in VGG16:
        for _ in range(count):
            x = convolution(x, width)
        x = layers.Pool2DLayer(x, 2)
    return softmax(layers.DenseLayer(layers.DenseLayer(x, 4096), 4096), 1000)


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    for width in CIFAR_CNN:
        x = layers.Pool2DLayer(convolution(convolution(x, width), width, nonlinearity=None), 2)
        x = layers.NonlinearityLayer(x, nonlinearities.rectify)
    return softmax(layers.DenseLayer(x, 512), 10)


def build(name, batch, size, threads):
    """The step; threads are the BLAS's, by its variables."""
    theano.config.floatX = "float32"
    x = T.tensor4("x")
    made = {"vgg16": vgg16, "cifar_cnn": cifar_cnn}[name](layers.InputLayer((batch, 3, size, size), x))
    net = theano.function([x], layers.get_output(made, deterministic=True))
    image = np.random.rand(batch, 3, size, size).astype("float32")
    return lambda: net(image)
