"""Theano, as its deep-learning tutorials are written: shared variables, expressions, one function."""

import numpy as np
import theano
import theano.tensor as T
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16
from theano.tensor.signal import pool


def weight(*shape):
    scale = (2 / np.prod(shape[1:])) ** 0.5
    return theano.shared(np.random.normal(0, scale, shape).astype("float32"), borrow=True)


def vector(size, value):
    return theano.shared(np.full(size, value, "float32"), borrow=True)


def convolution(x, channels, width, kernel=3, stride=1, groups=1):
    w = weight(width, channels // groups, kernel, kernel)
    return T.nnet.conv2d(x, w, border_mode=kernel // 2, subsample=(stride, stride), num_groups=groups)


def biased(x, channels, width):
    return convolution(x, channels, width) + vector(width, 0).dimshuffle("x", 0, "x", "x")


def max_pool(x):
    return pool.pool_2d(x, (2, 2), ignore_border=True)


def dense(x, inputs, width):
    return T.dot(x, weight(width, inputs).T) + vector(width, 0)


def norm(x, channels):
    gamma, beta, mean, var = (vector(channels, value) for value in (1, 0, 0, 1))
    return T.nnet.relu(T.nnet.bn.batch_normalization_test(x, gamma, beta, mean, var, "spatial", 1e-3))


def vgg16(x):
    """Configuration D."""
    channels = 3
    for width, count in VGG16:
        for _ in range(count):
            x = T.nnet.relu(biased(x, channels, width))
            channels = width
        x = max_pool(x)
    x = T.nnet.relu(dense(x.flatten(2), 25088, 4096))
    return T.nnet.softmax(dense(T.nnet.relu(dense(x, 4096, 4096)), 4096, 1000))


def mobilenet_v1(x):
    """Width 1."""
    x, channels = norm(convolution(x, 3, 32, stride=2), 32), 32
    for width, stride in MOBILENET_V1:
        x = norm(convolution(x, channels, channels, stride=stride, groups=channels), channels)
        x = norm(convolution(x, channels, width, kernel=1), width)
        channels = width
    return T.nnet.softmax(dense(x.mean((2, 3)), 1024, 1000))


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    channels = 3
    for width in CIFAR_CNN:
        x = T.nnet.relu(biased(x, channels, width))
        x = T.nnet.relu(max_pool(biased(x, width, width)))
        channels = width
    x = T.nnet.relu(dense(x.flatten(2), 6400, 512))
    return T.nnet.softmax(dense(x, 512, 10))


def build(name, batch, size, threads):
    """The step; threads are the BLAS's, by its variables."""
    theano.config.floatX = "float32"
    x = T.tensor4("x")
    made = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](x)
    net = theano.function([x], made)
    image = np.random.rand(batch, 3, size, size).astype("float32")
    return lambda: net(image)
