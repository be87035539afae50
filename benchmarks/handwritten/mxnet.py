"""MXNet's Module API, as its own examples of 2018 are written."""

from collections import namedtuple

import mxnet as mx
import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16

Batch = namedtuple("Batch", ["data"])


def convolution(x, width, kernel=3, stride=1, groups=1, bias=True):
    return mx.sym.Convolution(
        x,
        num_filter=width,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        pad=(kernel // 2, kernel // 2),
        num_group=groups,
        no_bias=not bias,
    )


def relu(x):
    return mx.sym.Activation(x, act_type="relu")


def pool(x):
    return mx.sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max")


def norm(x):
    return relu(mx.sym.BatchNorm(x, eps=1e-3, fix_gamma=False))


def vgg16(x):
    """Configuration D."""
    for width, count in VGG16:
        for _ in range(count):
            x = relu(convolution(x, width))
        x = pool(x)
    for _ in range(2):
        x = relu(mx.sym.FullyConnected(x, num_hidden=4096))
    return mx.sym.softmax(mx.sym.FullyConnected(x, num_hidden=1000))


def mobilenet_v1(x):
    """Width 1."""
    x, channels = norm(convolution(x, 32, stride=2, bias=False)), 32
    for width, stride in MOBILENET_V1:
        x = norm(convolution(x, channels, stride=stride, groups=channels, bias=False))
        x = norm(convolution(x, width, kernel=1, bias=False))
        channels = width
    x = mx.sym.Pooling(x, kernel=(7, 7), global_pool=True, pool_type="avg")
    return mx.sym.softmax(mx.sym.FullyConnected(x, num_hidden=1000))


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    for width in CIFAR_CNN:
        x = relu(convolution(x, width))
        x = relu(pool(convolution(x, width)))
    x = relu(mx.sym.FullyConnected(x, num_hidden=512))
    return mx.sym.softmax(mx.sym.FullyConnected(x, num_hidden=10))


def build(name, batch, size, threads):
    """The step; threads are OMP_NUM_THREADS alone."""
    made = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](mx.sym.Variable("data"))
    shape = (batch, 3, size, size)
    module = mx.mod.Module(made, label_names=None, context=mx.cpu())
    module.bind(data_shapes=[("data", shape)], for_training=False)
    module.init_params(mx.init.Xavier())
    data = Batch([mx.nd.array(np.random.rand(*shape))])

    def step():
        module.forward(data, is_train=False)
        return module.get_outputs()[0].asnumpy()

    return step
