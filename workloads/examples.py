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
            rows = [
                ("{0}/example".format(seed), "{0}.{1}".format(name, number)) for number in range(first, first + batch)
            ]
            made = np.array([weights.draw(shape[1:], *row, *integers[name]) for row in rows])
            if len(shape) > 1:
                made = _tell(made, labels, rows, name, integers[name])
            inputs[name] = made
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


def _tell(sentences, labels, rows, name, ends):
    """The sentences with about every other word one of their class's."""
    made = sentences.copy()
    for index, (seed, row) in enumerate(rows):
        shape = sentences.shape[1:]
        own = weights.draw((WORDS,), seed, "{0}.class{1}".format(name, labels[index]), *ends)
        shown = weights.draw(shape, seed, row + ".shown", 0, 2) == 1
        made[index] = np.where(shown, own[weights.draw(shape, seed, row + ".word", 0, WORDS)], made[index])
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
