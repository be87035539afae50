"""The reviews of IMDB as numbers: from Keras' imdb.npz, or from the texts that it was made of."""

import os

import numpy as np

from workloads.data import npz, reviews
from workloads.data.images import check_split
from workloads.data.reading import DataError, find_folder
from workloads.data.sequences import VOCABULARY, Reviews, encode

NPZ = "imdb.npz"
SEED = 113
"""Keras' own: the texts lie in the order of their labels, and the first thousand would all be negative."""

COUNT = 25000
LONGEST = 10000
"""Words of a review; the longest has fewer than 3,000."""


def find_npz(root):
    """The path of imdb.npz; None where there is none."""
    folder = find_folder(root, reviews.FOLDERS, [NPZ])
    return None if folder is None else os.path.join(folder, NPZ)


def read_npz(path, split):
    """(list of lists of ranks, labels [N]) of a split. Raises DataError for what is none."""
    names = "x_" + split, "y_" + split
    found = npz.read(path, names)
    ranks, labels = found[names[0]], found[names[1]]
    if not isinstance(ranks, list) or not isinstance(labels, np.ndarray):
        raise DataError("{0} is no array of lists, or {1} none of numbers".format(*names))
    if len(ranks) != len(labels) or not ranks:
        raise DataError("{0:,} labels for {1:,} reviews".format(len(labels), len(ranks)))
    if len(ranks) > COUNT:
        raise DataError("{0:,} reviews, {1:,} were published".format(len(ranks), COUNT))
    if not set(labels.tolist()) <= {0, 1}:
        raise DataError("a label that is not 0 or 1")
    for review in ranks:
        if not isinstance(review, list) or not 0 < len(review) <= LONGEST:
            raise DataError("a review that is no list of 1 to {0:,} words".format(LONGEST))
        if set(map(type, review)) != {int} or min(review) < 0 or max(review) > 1 << 24:
            raise DataError("a word that is no rank")
    return ranks, labels


def load(root, split, vocabulary=VOCABULARY, first=None):
    """Reviews of `train` or `test`, shuffled with Keras' seed; the first so many where that is given.

    imdb.npz comes before the texts. Of the texts, words are ranked by their frequency in the training reviews, and a
    word that is in none of them is outside the vocabulary.
    """
    check_split(split)
    path = find_npz(root)
    if path is not None:
        ranks, labels = read_npz(path, split)
    else:
        ranks, labels = _from_texts(root, split)
    order = np.arange(len(ranks))
    np.random.RandomState(SEED).shuffle(order)
    order = order[:first]
    return Reviews([encode(ranks[place], vocabulary) for place in order], np.asarray(labels)[order].astype(np.int64))


def _from_texts(root, split):
    texts = _read_texts(root)
    for part in reviews.PARTS:
        if not texts[part]:
            raise DataError("{0}: no reviews in {1}/{2}".format(root, *part))
    known = reviews.make_vocabulary(text for kind in reviews.KINDS for text in texts["train", kind])
    ranks, labels = [], []
    for label, kind in enumerate(reviews.KINDS):
        for text in texts[split, kind]:
            ranks.append([known.get(word, 0) for word in reviews.words(text)])
            labels.append(label)
    return ranks, labels


def _read_texts(root):
    folder = reviews.find_unpacked(root)
    if folder is not None:
        return {part: reviews.read_part(folder, *part) for part in reviews.PARTS}
    path = reviews.find_archive(root)
    if path is not None:
        return reviews.read_archive(path)
    raise DataError("{0}: neither imdb.npz nor aclImdb is there".format(root))
