"""From which examples can a network learn? Seeded, of the inputs' own shape, each drawn by its number alone."""

import numpy as np

from workloads import weights

SIGNAL = 0.25
"""Share of an image's power that is its class's pattern; the rest is noise of its own."""

CELLS = 4
"""Rows and columns of a pattern: coarse enough to outlive convolutions and pools."""

KINDS = 10
"""Classes of examples whose network has none: it is to give back what it saw."""

WORDS = 4
"""Words that tell a class."""

HELD_OUT = 1 << 24
"""Number of the first example that nobody learns from."""


def make_batch(network, batch, seed, first):
    """(inputs, targets) of the examples `first` to `first + batch - 1`.

    The class of an example is drawn. An image is sqrt(SIGNAL) of its class's pattern, CELLS x CELLS blocks of uniform
    numbers in each channel, and sqrt(1 - SIGNAL) of uniform noise: zero mean and unit variance, as `make_inputs` has.
    In a sentence every other word, on average, is one of its class's WORDS; the others, and its length, are any.
    """
    squared = network.get("loss", "cross_entropy") == "mean_squared_error"
    kinds = KINDS if squared else weights.classes(network)
    labels = np.array([_label(kinds, seed, number) for number in range(first, first + batch)], np.int64)
    inputs = {}
    integers = network.get("integers", {})
    for name, shape in weights.input_shapes(network, batch).items():
        if name in integers:
            inputs[name] = _integers(shape, seed, name, integers[name], first, labels if len(shape) > 1 else None)
            continue
        made = weights.aligned(int(np.prod(shape))).reshape(shape)
        patterns = {label: _pattern(shape[1:], seed, name, label) for label in set(labels.tolist())}
        for row, number in enumerate(range(first, first + batch)):
            _fill(made[row], seed, "{0}.{1}".format(name, number))
            made[row] *= np.float32((1 - SIGNAL) ** 0.5)
            made[row] += patterns[labels[row]]
        inputs[name] = made
    if squared:
        (array,) = inputs.values()
        return inputs, array.reshape(batch, -1)
    return inputs, labels


def _integers(shape, seed, name, ends, first, labels):
    """int64: sentences of classes, or what has none."""
    low, high = ends
    made = np.empty(shape, np.int64)
    for row in range(shape[0]):
        stream = "example.{0}.{1}".format(name, first + row)
        made[row] = weights.draw(shape[1:], seed, stream, low, high)
        if labels is not None:
            word = weights.draw(shape[1:], seed, stream + ".word", 0, WORDS)
            shown = weights.draw(shape[1:], seed, stream + ".shown", 0, 2) == 1
            own = weights.draw((WORDS,), seed, "example.{0}.class{1}".format(name, labels[row]), low, high)
            made[row] = np.where(shown, own[word], made[row])
    return made


def _label(kinds, seed, number):
    return weights.make_labels(kinds, 1, "{0}/{1}".format(seed, number))[0]


def _pattern(shape, seed, name, label):
    """float32 [C, H, W] (or [K]) of the power SIGNAL."""
    coarse = np.empty(shape[:1] + (CELLS,) * (len(shape) - 1), np.float32)
    _fill(coarse, seed, "{0}.class{1}".format(name, label))
    for axis in range(1, len(shape)):
        coarse = coarse.take(np.arange(shape[axis]) * CELLS // shape[axis], axis)
    return coarse * np.float32(SIGNAL**0.5)


def _fill(array, seed, name):
    weights.fill(array.reshape(-1), seed, "example." + name, halfwidth=3**0.5)
