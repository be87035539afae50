"""How do the bytes of images become the input of a network?"""

from typing import NamedTuple

import numpy as np

from workloads.data.reading import DataError


class Images(NamedTuple):
    """Images with their labels."""

    images: np.ndarray
    """float32 [N, C, H, W], standardised."""
    labels: np.ndarray
    """int64 [N]."""


SPLITS = ("train", "test")


def standardise(raw, mean, std):
    """uint8 [N, C, H, W] -> float32: (x / 255 - mean) / std, channel by channel."""
    out = raw.astype(np.float32)
    scale = 1.0 / (255.0 * np.asarray(std, np.float64))
    shift = np.asarray(mean, np.float64) / np.asarray(std, np.float64)
    out *= scale.astype(np.float32).reshape(1, -1, 1, 1)
    out -= shift.astype(np.float32).reshape(1, -1, 1, 1)
    return out


def check_labels(labels, classes):
    """Raise DataError for a label outside 0 .. classes - 1."""
    if len(labels) and (min(labels) < 0 or max(labels) >= classes):
        raise DataError("a label outside 0 to {0}".format(classes - 1))


def check_split(split):
    """Raise ValueError for a split that no data set has."""
    if split not in SPLITS:
        raise ValueError("split {0!r}: train or test".format(split))
