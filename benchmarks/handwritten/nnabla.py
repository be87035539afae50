"""NNabla's static graph with its parametric functions."""

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def convolution(x, width, name, kernel=3, stride=1, bias=True):
    pads = (kernel // 2, kernel // 2)
    return PF.convolution(x, width, (kernel, kernel), pads, (stride, stride), with_bias=bias, name=name)


def pool(x):
    return F.max_pooling(x, (2, 2), (2, 2))


def norm(x, name):
    return F.relu(PF.batch_normalization(x, eps=1e-3, batch_stat=False, name=name))


def vgg16(x):
    """Configuration D."""
    for block, (width, count) in enumerate(VGG16):
        for layer in range(count):
            x = F.relu(convolution(x, width, "conv{0}_{1}".format(block, layer)))
        x = pool(x)
    for layer in ("fc6", "fc7"):
        x = F.relu(PF.affine(x, 4096, name=layer))
    return F.softmax(PF.affine(x, 1000, name="fc8"))


def mobilenet_v1(x):
    """Width 1."""
    x = norm(convolution(x, 32, "conv0", stride=2, bias=False), "norm0")
    for block, (width, stride) in enumerate(MOBILENET_V1):
        name = "depthwise{0}".format(block)
        x = PF.depthwise_convolution(x, (3, 3), (1, 1), (stride, stride), with_bias=False, name=name)
        x = norm(x, name + "_norm")
        name = "pointwise{0}".format(block)
        x = norm(convolution(x, width, name, kernel=1, bias=False), name + "_norm")
    x = F.average_pooling(x, x.shape[2:])
    return F.softmax(PF.affine(x, 1000, name="fc"))


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    for block, width in enumerate(CIFAR_CNN):
        x = F.relu(convolution(x, width, "conv{0}_1".format(block)))
        x = F.relu(pool(convolution(x, width, "conv{0}_2".format(block))))
    x = F.relu(PF.affine(x, 512, name="fc1"))
    return F.softmax(PF.affine(x, 10, name="fc2"))


def build(name, batch, size, threads):
    """The step; threads are OMP_NUM_THREADS alone."""
    x = nn.Variable((batch, 3, size, size))
    x.d = np.random.rand(batch, 3, size, size)
    y = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](x)

    def step():
        y.forward(clear_buffer=True)
        return y.d

    return step
