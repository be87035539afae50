"""Keras 3 over whatever KERAS_BACKEND names, predict_on_batch."""

import os

import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16


def configure(threads):
    """Threads are the framework's below."""
    below = os.environ["KERAS_BACKEND"]
    if below == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    elif below == "torch":
        import torch

        torch.set_num_threads(threads)
    else:
        os.environ["PJRT_NPROC"] = str(threads)
    return below


def vgg16(layers):
    """Configuration D."""
    made = []
    for width, count in VGG16:
        made += [layers.Conv2D(width, 3, padding="same", activation="relu") for _ in range(count)]
        made.append(layers.MaxPooling2D(2))
    made += [layers.Flatten(), layers.Dense(4096, activation="relu"), layers.Dense(4096, activation="relu")]
    return [*made, layers.Dense(1000, activation="softmax")]


def mobilenet_v1(layers):
    """Width 1; even pads at stride 2, as Keras's own model pads one side alone."""

    def norm():
        return [layers.BatchNormalization(epsilon=1e-3), layers.ReLU()]

    made = [layers.ZeroPadding2D(1), layers.Conv2D(32, 3, strides=2, use_bias=False), *norm()]
    for width, stride in MOBILENET_V1:
        if stride == 2:
            made += [layers.ZeroPadding2D(1), layers.DepthwiseConv2D(3, strides=2, use_bias=False), *norm()]
        else:
            made += [layers.DepthwiseConv2D(3, padding="same", use_bias=False), *norm()]
        made += [layers.Conv2D(width, 1, use_bias=False), *norm()]
    return [*made, layers.GlobalAveragePooling2D(), layers.Dense(1000, activation="softmax")]


def cifar_cnn(layers):
    """The second ReLU of a block after its pool."""
    made = []
    for width in CIFAR_CNN:
        made += [layers.Conv2D(width, 3, padding="same", activation="relu"), layers.Conv2D(width, 3, padding="same")]
        made += [layers.MaxPooling2D(2), layers.ReLU()]
    return [*made, layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")]


def build(name, batch, size, threads):
    """The step."""
    below = configure(threads)
    import keras

    first = below == "torch"
    keras.config.set_image_data_format("channels_first" if first else "channels_last")
    shape = (batch, 3, size, size) if first else (batch, size, size, 3)
    made = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name](keras.layers)
    model = keras.Sequential([keras.Input(batch_shape=shape), *made])
    if below == "tensorflow":
        model.jit_compile = False  # XLA would take oneDNN's place; the backend's first mode is without it
    x = keras.ops.convert_to_tensor(np.random.rand(*shape).astype("float32"))
    return lambda: keras.ops.convert_to_numpy(model.predict_on_batch(x))
