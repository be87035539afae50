"""TensorFlow, a tf.function over variables, NHWC."""

import numpy as np
import tensorflow as tf
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def weight(*shape):
    return tf.Variable(np.random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype("float32"))


def bias(size):
    return tf.Variable(np.zeros(size, "float32"))


def convolution(channels, width, kernel=3, stride=1):
    """With a bias; even pads, which is SAME at stride 1."""
    w, b = weight(kernel, kernel, channels, width), bias(width)
    return lambda x: tf.nn.bias_add(tf.nn.conv2d(x, w, stride, "SAME"), b)


def dense(inputs, width):
    w, b = weight(inputs, width), bias(width)
    return lambda x: tf.nn.bias_add(tf.matmul(x, w), b)


def norm(channels):
    scale, shift, mean, var = (tf.Variable(np.ones(channels, "float32")) for _ in range(4))
    return lambda x: tf.compat.v1.nn.fused_batch_norm(x, scale, shift, mean, var, epsilon=1e-3, is_training=False)[0]


def pool(x):
    return tf.nn.max_pool2d(x, 2, 2, "VALID")


def flatten(x):
    return tf.reshape(x, [x.shape[0], -1])


def vgg16():
    """Configuration D."""
    layers, channels = [], 3
    for width, count in VGG16:
        for _ in range(count):
            layers += [convolution(channels, width), tf.nn.relu]
            channels = width
        layers.append(pool)
    layers += [flatten, dense(25088, 4096), tf.nn.relu, dense(4096, 4096), tf.nn.relu, dense(4096, 1000)]
    return [*layers, tf.nn.softmax]


def mobilenet_v1():
    """Width 1; even pads at stride 2, too."""

    def padded(stride):
        return [[0, 0], [1, 1], [1, 1], [0, 0]] if stride == 2 else "SAME"

    def first():
        w = weight(3, 3, 3, 32)
        return lambda x: tf.nn.conv2d(x, w, 2, padded(2))

    def depthwise(channels, stride):
        w = weight(3, 3, channels, 1)
        return lambda x: tf.nn.depthwise_conv2d(x, w, [1, stride, stride, 1], padded(stride))

    def pointwise(channels, width):
        w = weight(1, 1, channels, width)
        return lambda x: tf.nn.conv2d(x, w, 1, "SAME")

    layers, channels = [first(), norm(32), tf.nn.relu], 32
    for width, stride in MOBILENET_V1:
        layers += [depthwise(channels, stride), norm(channels), tf.nn.relu]
        layers += [pointwise(channels, width), norm(width), tf.nn.relu]
        channels = width
    return [*layers, lambda x: tf.reduce_mean(x, [1, 2]), dense(1024, 1000), tf.nn.softmax]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    layers, channels = [], 3
    for width in CIFAR_CNN:
        layers += [convolution(channels, width), tf.nn.relu, convolution(width, width), pool, tf.nn.relu]
        channels = width
    return [*layers, flatten, dense(6400, 512), tf.nn.relu, dense(512, 10), tf.nn.softmax]


def build(name, batch, size, threads):
    """The step."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layers = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]()
    x = tf.constant(np.random.rand(batch, size, size, 3).astype("float32"))

    @tf.function
    def net(y):
        for layer in layers:
            y = layer(y)
        return y

    return lambda: net(x).numpy()
