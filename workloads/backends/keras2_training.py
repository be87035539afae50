"""What does Keras 2 train with? Its own optimizers, and a loss of logits, which its `compile` takes as a function."""

from keras import backend as K  # noqa: N812  (its usual name)
from keras import optimizers


def same_array(array):
    """The way back of a weight that Keras keeps as ONNX has it."""
    return array


def make_optimizer(chosen):
    """Keras's own, of a base.Optimizer."""
    if chosen.name == "sgd":
        return optimizers.SGD(lr=chosen.learning_rate, momentum=chosen.momentum)
    return optimizers.Adam(lr=chosen.learning_rate, beta_1=chosen.beta1, beta_2=chosen.beta2, epsilon=chosen.epsilon)


def logits_and_classes(classes, logits):
    """Of each sample; the string of that name stands for one that takes probabilities."""
    return K.sparse_categorical_crossentropy(classes, logits, from_logits=True)


LOSSES = {"cross_entropy": logits_and_classes, "mean_squared_error": "mean_squared_error"}
"""What `compile` takes."""
