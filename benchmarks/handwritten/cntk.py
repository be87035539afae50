"""CNTK, with its layers library, evaluated as its tutorials do."""

import cntk as C
import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def convolution(width, activation=C.relu):
    return C.layers.Convolution2D((3, 3), width, pad=True, activation=activation)


def pool():
    return C.layers.MaxPooling((2, 2), strides=(2, 2))


def depthwise(channels, stride):
    """By the operator itself: the layers library refuses groups."""
    w = C.parameter((channels, 1, 3, 3), init=C.he_normal())
    return lambda x: C.convolution(w, x, (stride, stride), auto_padding=[False, True, True], groups=channels)


def norm():
    return [C.layers.BatchNormalization(map_rank=1, epsilon=1e-3), C.relu]


def vgg16():
    """Configuration D."""
    layers = []
    for width, count in VGG16:
        layers += [convolution(width) for _ in range(count)] + [pool()]
    return layers + [C.layers.Dense(4096, activation=C.relu) for _ in range(2)] + [C.layers.Dense(1000)]


def mobilenet_v1():
    """Width 1."""
    layers, channels = [C.layers.Convolution2D((3, 3), 32, strides=2, pad=True, bias=False)] + norm(), 32
    for width, stride in MOBILENET_V1:
        layers.append(depthwise(channels, stride))
        layers += norm() + [C.layers.Convolution2D((1, 1), width, bias=False)] + norm()
        channels = width
    return layers + [C.layers.GlobalAveragePooling(), C.layers.Dense(1000)]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers = []
    for width in CIFAR_CNN:
        layers += [convolution(width), convolution(width, None), pool(), C.relu]
    return layers + [C.layers.Dense(512, activation=C.relu), C.layers.Dense(10)]


def build(name, batch, size, threads):
    """The step."""
    C.device.try_set_default_device(C.device.cpu())
    C.cntk_py.set_max_num_cputhreads(threads)
    x = C.input_variable((3, size, size))
    layers = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]()
    y = x
    for layer in layers:
        y = layer(y)
    net = C.softmax(y)
    image = np.random.rand(batch, 3, size, size).astype("float32")
    return lambda: net.eval({x: image})
