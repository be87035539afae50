"""TensorFlow 1, a graph over variables in a Session, NHWC."""

import numpy as np
import tensorflow as tf
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def weight(*shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=(2 / np.prod(shape[:-1])) ** 0.5))


def convolution(x, width, stride=1, padding="SAME", kernel=3):
    w = weight(kernel, kernel, int(x.shape[3]), width)
    return tf.nn.conv2d(x, w, [1, stride, stride, 1], padding)


def biased(x, width):
    return tf.nn.bias_add(convolution(x, width), tf.Variable(tf.zeros([width])))


def pool(x):
    return tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")


def flatten(x):
    return tf.reshape(x, [int(x.shape[0]), -1])


def dense(x, width):
    return tf.nn.bias_add(tf.matmul(x, weight(int(x.shape[1]), width)), tf.Variable(tf.zeros([width])))


def norm(x):
    scale, shift, mean, var = (tf.Variable(tf.ones([int(x.shape[3])])) for _ in range(4))
    return tf.nn.relu(tf.nn.fused_batch_norm(x, scale, shift, mean, var, epsilon=1e-3, is_training=False)[0])


def vgg16(x):
    """Configuration D."""
    for width, count in VGG16:
        for _ in range(count):
            x = tf.nn.relu(biased(x, width))
        x = pool(x)
    return dense(tf.nn.relu(dense(tf.nn.relu(dense(flatten(x), 4096)), 4096)), 1000)


def mobilenet_v1(x):
    """Width 1; even pads at stride 2, too."""

    def padded(x):
        return tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])

    x = norm(convolution(padded(x), 32, 2, "VALID"))
    for width, stride in MOBILENET_V1:
        w, strides = weight(3, 3, int(x.shape[3]), 1), [1, stride, stride, 1]
        if stride == 2:
            x = norm(tf.nn.depthwise_conv2d(padded(x), w, strides, "VALID"))
        else:
            x = norm(tf.nn.depthwise_conv2d(x, w, strides, "SAME"))
        x = norm(convolution(x, width, kernel=1))
    return dense(tf.reduce_mean(x, [1, 2]), 1000)


def cifar_cnn(x):
    """The second ReLU of a block after its pool."""
    for width in CIFAR_CNN:
        x = tf.nn.relu(pool(biased(tf.nn.relu(biased(x, width)), width)))
    return dense(tf.nn.relu(dense(flatten(x), 512)), 10)


def build(name, batch, size, threads):
    """The step."""
    x = tf.placeholder(tf.float32, [batch, size, size, 3])
    y = tf.nn.softmax({"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](x))
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    session = tf.Session(config=config)
    session.run(tf.global_variables_initializer())
    image = np.random.rand(batch, size, size, 3).astype("float32")
    return lambda: session.run(y, {x: image})
