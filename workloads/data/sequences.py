"""How do the words of reviews become the input of a network: which number is a word, and how long is a row?

The numbers are those of `keras.datasets.imdb`: 0 pads, 1 starts a review, 2 is a word outside the vocabulary, and the
word of rank r by frequency (from 1) is r + 3, where that is below the size of the vocabulary.
"""

from typing import NamedTuple

import numpy as np

PAD, START, OOV, SHIFT = 0, 1, 2, 3
VOCABULARY = 30000
LENGTH = 150


class Reviews(NamedTuple):
    """Reviews as numbers, with their labels."""

    tokens: list
    """int64 [length] for each review."""
    labels: np.ndarray
    """int64 [N]: 0 negative, 1 positive."""


ENDS = ("pre", "post")


def encode(ranks, vocabulary=VOCABULARY):
    """int64 array: START, then a number per rank; ranks too rare for the vocabulary, and 0 for no rank, become OOV."""
    ranks = np.asarray(ranks, np.int64)
    known = (ranks > 0) & (ranks + SHIFT < vocabulary)
    return np.concatenate(([START], np.where(known, ranks + SHIFT, OOV))).astype(np.int64)


def fixed(tokens, length=LENGTH, padding="pre", truncating="pre"):
    """int64 [N, length]. By default zeros come in front, and of a longer review the last words stay.

    Both as `pad_sequences` of Keras has it; `post` pads, or cuts, at the end.
    """
    if padding not in ENDS or truncating not in ENDS:
        raise ValueError("padding {0!r}, truncating {1!r}: pre or post".format(padding, truncating))
    out = np.full((len(tokens), length), PAD, np.int64)
    for row, review in zip(out, tokens):  # noqa: B905  (Python 3.10 has it)
        kept = review[-length:] if truncating == "pre" else review[:length]
        if padding == "pre":
            row[length - len(kept) :] = kept
        else:
            row[: len(kept)] = kept
    return out


def variable(tokens, longest=None):
    """(int64 [N, L], int64 lengths [N]): zeros behind each review up to the longest; cut at the end beyond `longest`.

    Zeros behind and the lengths beside are what packed and masked sequences of the frameworks take.
    """
    lengths = np.array([len(review) for review in tokens], np.int64)
    if longest is not None:
        lengths = np.minimum(lengths, longest)
    most = int(lengths.max()) if len(lengths) else 0
    return fixed(tokens, most, padding="post", truncating="post"), lengths
