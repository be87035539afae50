"""PyTensor, which has no layers: a convolution is slices side by side and one product, as in numpy."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def weight(*shape):
    return pytensor.shared(np.random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype("float32"), shape=shape)


def vector(size, value):
    return pytensor.shared(np.full((size, 1, 1), value, "float32"), shape=(size, 1, 1))


def relu(x):
    return pt.maximum(x, np.float32(0))


def taps(x, kernel, stride, pad):
    """What each place of the kernel sees of x [N,C,H,W]."""
    n, c, h, w = x.type.shape
    if pad:
        x = pt.zeros((n, c, h + 2 * pad, w + 2 * pad), "float32")[:, :, pad : pad + h, pad : pad + w].set(x)
    rows, columns = ((size + 2 * pad - kernel) // stride + 1 for size in (h, w))
    ends = (
        [(i, i + stride * (rows - 1) + 1) for i in range(kernel)],
        [(j, j + stride * (columns - 1) + 1) for j in range(kernel)],
    )
    return [x[:, :, top:bottom:stride, left:right:stride] for top, bottom in ends[0] for left, right in ends[1]]


def convolution(x, width, kernel=3, stride=1):
    """A product of [width, C k k] and [N, C k k, H W]."""
    n, c = x.type.shape[:2]
    seen = taps(x, kernel, stride, kernel // 2)
    h, w = seen[0].type.shape[2:]
    columns = pt.stack(seen, axis=2).reshape((n, c * kernel * kernel, h * w))
    return pt.matmul(weight(width, c * kernel * kernel), columns).reshape((n, width, h, w))


def depthwise(x, stride):
    return pt.add(*[tap * vector(x.type.shape[1], 0.1) for tap in taps(x, 3, stride, 1)])


def biased(x, width):
    return convolution(x, width) + vector(width, 0)


def pool(x):
    a, b, c, d = taps(x, 2, 2, 0)
    return pt.maximum(pt.maximum(a, b), pt.maximum(c, d))


def norm(x):
    channels = x.type.shape[1]
    gamma, beta, mean, var = (vector(channels, value) for value in (1, 0, 0, 1))
    return relu((x - mean) / pt.sqrt(var + np.float32(1e-3)) * gamma + beta)


def dense(x, width):
    return pt.dot(x, weight(width, x.type.shape[1]).T) + vector(width, 0)[:, 0, 0]


def flatten(x):
    return x.reshape((x.type.shape[0], int(np.prod(x.type.shape[1:]))))


def vgg16(x):
    """Configuration D."""
    for width, count in VGG16:
        for _ in range(count):
            x = relu(biased(x, width))
        x = pool(x)
    return dense(relu(dense(relu(dense(flatten(x), 4096)), 4096)), 1000)


def mobilenet_v1(x):
    """Width 1."""
    x = norm(convolution(x, 32, stride=2))
    for width, stride in MOBILENET_V1:
        x = norm(convolution(norm(depthwise(x, stride)), width, kernel=1))
    return dense(x.mean((2, 3)), 1000)


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    for width in CIFAR_CNN:
        x = relu(pool(biased(relu(biased(x, width)), width)))
    return dense(relu(dense(flatten(x), 512)), 10)


def build(name, batch, size, threads):
    """The step; threads are the BLAS's, by its variables."""
    pytensor.config.floatX = "float32"
    x = pt.tensor("x", dtype="float32", shape=(batch, 3, size, size))
    made = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](x)
    net = pytensor.function([x], pt.special.softmax(made, axis=1))
    image = np.random.rand(batch, 3, size, size).astype("float32")
    return lambda: net(image)
