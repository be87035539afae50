"""Keras 2 over whatever KERAS_BACKEND names, a Sequential model and predict_on_batch."""

import keras
import numpy as np
from handwritten.plans import CIFAR_CNN, MOBILENET_V1, VGG16
from keras import backend as K
from keras import layers


def configure(threads):
    """Threads are the framework's below; those of Theano's BLAS come from its variables."""
    if K.backend() == "tensorflow":
        import tensorflow as tf

        config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
        K.set_session(tf.Session(config=config))
    elif K.backend() == "cntk":
        import cntk

        cntk.cntk_py.set_max_num_cputhreads(threads)
    K.set_image_data_format("channels_last" if K.backend() == "tensorflow" else "channels_first")


def vgg16():
    """Configuration D."""
    made = []
    for width, count in VGG16:
        made += [layers.Conv2D(width, 3, padding="same", activation="relu") for _ in range(count)]
        made.append(layers.MaxPooling2D(2))
    made += [layers.Flatten(), layers.Dense(4096, activation="relu"), layers.Dense(4096, activation="relu")]
    return made + [layers.Dense(1000, activation="softmax")]


def mobilenet_v1():
    """Width 1; even pads, as Keras's own model has them at stride 2."""

    def norm():
        axis = -1 if K.image_data_format() == "channels_last" else 1
        return [layers.BatchNormalization(axis=axis, epsilon=1e-3), layers.Activation("relu")]

    made = [layers.ZeroPadding2D(1), layers.Conv2D(32, 3, strides=2, use_bias=False)] + norm()
    for width, stride in MOBILENET_V1:
        if stride == 2:
            made += [layers.ZeroPadding2D(1), layers.DepthwiseConv2D(3, strides=2, use_bias=False)]
        else:
            made.append(layers.DepthwiseConv2D(3, padding="same", use_bias=False))
        made += norm() + [layers.Conv2D(width, 1, use_bias=False)] + norm()
    return made + [layers.GlobalAveragePooling2D(), layers.Dense(1000, activation="softmax")]


def cifar_cnn():
    """The second ReLU of a block after its pool."""
    made = []
    for width in CIFAR_CNN:
        made += [layers.Conv2D(width, 3, padding="same", activation="relu"), layers.Conv2D(width, 3, padding="same")]
        made += [layers.MaxPooling2D(2), layers.Activation("relu")]
    return made + [layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")]


def build(name, batch, size, threads):
    """The step."""
    configure(threads)
    shape = (size, size, 3) if K.image_data_format() == "channels_last" else (3, size, size)
    made = {"vgg16": vgg16, "mobilenet_v1": mobilenet_v1, "cifar_cnn": cifar_cnn}[name]()
    model = keras.models.Sequential([layers.InputLayer(shape)] + made)
    x = np.random.rand(batch, *shape).astype("float32")
    return lambda: model.predict_on_batch(x)
