"""The images and labels of MNIST (LeCun, Cortes, Burges), from its four idx files, compressed or not."""

import os

import numpy as np

from workloads.data import idx
from workloads.data.images import Images, check_labels, check_split, standardise
from workloads.data.reading import MIB, DataError, find_folder, first_of, read_file

MEAN, STD = (0.1307,), (0.3081,)
"""Of the pixels of the training images, over 255; as the examples of PyTorch take them."""

FOLDERS = ("", "MNIST/raw", "MNIST", "mnist")
"""Where the files are looked for, in this order; the second is torchvision's."""

COUNTS = {"train": 60000, "test": 10000}
STEMS = {"train": "train", "test": "t10k"}
MOST = 64 * MIB


def file_names(split):
    """(images, labels), as they are called without `.gz`."""
    stem = STEMS[split]
    return stem + "-images-idx3-ubyte", stem + "-labels-idx1-ubyte"


def find(root):
    """The folder of the files; None where there is none."""
    names = [name + end for split in STEMS for name in file_names(split) for end in ("", ".gz")]
    return find_folder(root, FOLDERS, names)


def locate(folder, name):
    """The path of a file: as it was decompressed, or else with `.gz`."""
    return first_of([os.path.join(folder, name), os.path.join(folder, name + ".gz")])


def parse_images(data, split):
    """uint8 [N, 28, 28] of the bytes of an idx3 file."""
    images = idx.parse(data, 3, COUNTS[split])
    if images.shape[1:] != (28, 28):
        raise DataError("images of {0} x {1}, expected 28 x 28".format(*images.shape[1:]))
    return images


def parse_labels(data, split):
    """uint8 [N] of the bytes of an idx1 file."""
    labels = idx.parse(data, 1, COUNTS[split])
    check_labels(labels, 10)
    return labels


def load(root, split, first=None):
    """Images of `train` or `test`: float32 [N, 1, 28, 28] and int64 [N]; the first so many where that is given."""
    check_split(split)
    folder = find(root)
    if folder is None:
        raise DataError("{0}: none of the files of MNIST is there".format(root))
    images_name, labels_name = file_names(split)
    images = parse_images(read_file(locate(folder, images_name), MOST), split)
    labels = parse_labels(read_file(locate(folder, labels_name), MOST), split)
    if len(images) != len(labels):
        raise DataError("{0:,} labels for {1:,} images".format(len(labels), len(images)))
    images = images[:first].reshape(-1, 1, 28, 28)
    return Images(standardise(images, MEAN, STD), labels[:first].astype(np.int64))
