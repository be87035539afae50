"""The images and labels of CIFAR-10 (Krizhevsky 2009): its Python or its binary version, unpacked or as the archive."""

import os

import numpy as np

from workloads.data import archive, unpickle
from workloads.data.images import Images, check_labels, check_split, standardise
from workloads.data.reading import MIB, DataError, find_folder, read_file

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of the pixels of the training images by channel (red, green, blue), over 255."""

BATCHES = {"train": tuple("data_batch_{0}".format(number) for number in range(1, 6)), "test": ("test_batch",)}
EVERY = BATCHES["train"] + BATCHES["test"]
COUNT = 10000
"""Images of a batch."""
PIXELS = 3 * 32 * 32
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

PYTHON, BINARY = "cifar-10-batches-py", "cifar-10-batches-bin"
ENDS = {PYTHON: "", BINARY: ".bin"}
META = {PYTHON: "batches.meta", BINARY: "batches.meta.txt"}
ARCHIVES = {PYTHON: ("cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz"), BINARY: ("cifar-10-binary.tar.gz",)}
"""The second name is the one that Keras gives it."""

FOLDERS = ("", "cifar10", "cifar-10", "CIFAR10")
MOST_EACH = 40 * MIB
MOST = 256 * MIB


def batch_names(version):
    """The names of the six files with images."""
    return [name + ENDS[version] for name in EVERY]


def find_unpacked(root, version):
    """The folder with the batches of a version, which may be root itself; None where there is none."""
    inside = [os.path.join(folder, version) for folder in FOLDERS] + list(FOLDERS)
    return find_folder(root, inside, batch_names(version))


def find_archive(root, version):
    """The path of the archive of a version; None where there is none."""
    for name in ARCHIVES[version]:
        folder = find_folder(root, FOLDERS, [name])
        if folder is not None:
            return os.path.join(folder, name)
    return None


def parse(data, version):
    """(uint8 [N, 3, 32, 32], uint8 [N]) of the bytes of one batch."""
    images, labels = _from_pickle(data) if version == PYTHON else _from_rows(data)
    if len(images) > COUNT:
        raise DataError("{0:,} images, {1:,} were published".format(len(images), COUNT))
    check_labels(labels, len(CLASSES))
    return images.reshape(-1, 3, 32, 32), np.array(labels, np.uint8)


def _from_pickle(data):
    found = unpickle.load(data)
    if not isinstance(found, dict) or not {"data", "labels"} <= set(found):
        raise DataError("no dict with `data` and `labels`")
    images, labels = found["data"], found["labels"]
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (PIXELS,):
        raise DataError("`data` is no uint8 array of {0:,} columns".format(PIXELS))
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError("`labels` is no list of numbers")
    if len(labels) != len(images) or not labels:
        raise DataError("{0:,} labels for {1:,} images".format(len(labels), len(images)))
    return images, labels


def _from_rows(data):
    """Rows of a label and the pixels: red, green, blue, each row by row."""
    if not data or len(data) % (1 + PIXELS):
        raise DataError("{0:,} bytes: not rows of {1:,}".format(len(data), 1 + PIXELS))
    rows = np.frombuffer(data, np.uint8).reshape(-1, 1 + PIXELS)
    return rows[:, 1:], rows[:, 0]


def parse_meta(data, version):
    """The names of the classes, which must be the ten of CIFAR-10."""
    if version == PYTHON:
        found = unpickle.load(data)
        names = found.get("label_names") if isinstance(found, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, (bytes, str)) for name in names):
            raise DataError("no list `label_names`")
        names = [name.decode("latin1") if isinstance(name, bytes) else name for name in names]
    else:
        names = data.decode("latin1").split()
    if tuple(names) != CLASSES:
        raise DataError("the classes are not those of CIFAR-10")
    return names


def read_members(path, version):
    """(name, bytes) of the batches and the meta file in an archive."""
    names = {"{0}/{1}".format(version, name) for name in batch_names(version) + [META[version]]}
    for name, data in archive.members(path, MOST, names.__contains__, MOST_EACH):
        yield name.rpartition("/")[2], data


def load(root, split, first=None):
    """Images of `train` or `test`: float32 [N, 3, 32, 32] and int64 [N]; the first so many where that is given.

    Unpacked batches come before archives, the Python version before the binary one: the images are the same.
    """
    check_split(split)
    images, labels = [], []
    for data, version in _read_batches(root, BATCHES[split]):
        some, of_them = parse(data, version)
        images.append(some)
        labels.append(of_them)
    return Images(
        standardise(np.concatenate(images)[:first], MEAN, STD), np.concatenate(labels)[:first].astype(np.int64)
    )


def _read_batches(root, stems):
    for version in (PYTHON, BINARY):
        folder = find_unpacked(root, version)
        if folder is not None:
            paths = [os.path.join(folder, stem + ENDS[version]) for stem in stems]
            return [(read_file(path, MOST_EACH), version) for path in paths]
    for version in (PYTHON, BINARY):
        path = find_archive(root, version)
        if path is not None:
            found = dict(read_members(path, version))
            missing = [stem for stem in stems if stem + ENDS[version] not in found]
            if missing:
                raise DataError("{0}: {1} is not in it".format(path, missing[0]))
            return [(found[stem + ENDS[version]], version) for stem in stems]
    raise DataError("{0}: no version of CIFAR-10 is there".format(root))
