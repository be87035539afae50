"""What updates the weights in TensorFlow 2? The optimizer of its own Keras, as in its guide to training loops."""

import tensorflow as tf


def make_optimizer(chosen, variables):
    """The base.Optimizer `chosen`, with room for what it remembers of each variable."""
    optimizers = tf.keras.optimizers
    if chosen.name == "sgd":
        made = optimizers.SGD(learning_rate=chosen.learning_rate, momentum=chosen.momentum)
    else:
        made = optimizers.Adam(
            learning_rate=chosen.learning_rate, beta_1=chosen.beta1, beta_2=chosen.beta2, epsilon=chosen.epsilon
        )
    if hasattr(made, "build"):  # since 2.11; before, the first update makes room, which a first trace may
        made.build(variables)
    return made
