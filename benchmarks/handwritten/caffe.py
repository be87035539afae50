"""Caffe, a NetSpec as its notebooks have it, in phase TEST."""

import os

os.environ.setdefault("GLOG_minloglevel", "2")

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16

FILLER = {"type": "msra"}


def relu(x):
    return L.ReLU(x, in_place=True)


def convolution(x, width, kernel=3, stride=1, group=1, bias=True):
    return L.Convolution(
        x,
        num_output=width,
        kernel_size=kernel,
        stride=stride,
        pad=kernel // 2,
        group=group,
        bias_term=bias,
        weight_filler=FILLER,
    )


def pool(x):
    return L.Pooling(x, pool=P.Pooling.MAX, kernel_size=2, stride=2)


def dense(x, width):
    return L.InnerProduct(x, num_output=width, weight_filler=FILLER)


def norm(x):
    x = L.BatchNorm(x, use_global_stats=True, eps=1e-3, in_place=True)
    return relu(L.Scale(x, bias_term=True, in_place=True))


def vgg16(x):
    """Configuration D."""
    for width, count in VGG16:
        for _ in range(count):
            x = relu(convolution(x, width))
        x = pool(x)
    return dense(relu(dense(relu(dense(x, 4096)), 4096)), 1000)


def mobilenet_v1(x):
    """Width 1."""
    x, channels = norm(convolution(x, 32, stride=2, bias=False)), 32
    for width, stride in MOBILENET_V1:
        x = norm(convolution(x, channels, stride=stride, group=channels, bias=False))
        x = norm(convolution(x, width, kernel=1, bias=False))
        channels = width
    return dense(L.Pooling(x, pool=P.Pooling.AVE, global_pooling=True), 1000)


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    for width in CIFAR_CNN:
        x = relu(pool(convolution(relu(convolution(x, width)), width)))
    return dense(relu(dense(x, 512)), 10)


def build(name, batch, size, threads):
    """The step; threads are the BLAS's, by its variables."""
    net = caffe.NetSpec()
    shape = (batch, 3, size, size)
    net.data = L.Input(input_param={"shape": {"dim": list(shape)}})
    net.prob = L.Softmax({"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](net.data))
    with open("net.prototxt", "w") as file:
        file.write(str(net.to_proto()))
    caffe.set_mode_cpu()
    net = caffe.Net("net.prototxt", caffe.TEST)
    for layer, kind in zip(net._layer_names, [layer.type for layer in net.layers]):  # noqa: SLF001
        if kind == "BatchNorm":
            net.params[layer][1].data[...] = 1  # the variance
            net.params[layer][2].data[...] = 1  # what it and the mean are divided by
    net.blobs["data"].data[...] = np.random.rand(*shape)
    return lambda: net.forward()["prob"]
