"""The texts of the Large Movie Review Dataset (Maas et al. 2011), from the folder `aclImdb` or from its archive."""

import os
import re
from collections import Counter

from workloads.data import archive
from workloads.data.reading import MIB, DataError, find_folder, read_file

FOLDER, ARCHIVE = "aclImdb", "aclImdb_v1.tar.gz"
FOLDERS = ("", "imdb", "IMDB")
KINDS = ("neg", "pos")
"""The label is the place here."""
COUNT = 12500
"""Reviews of a split and a kind."""
PARTS = [(split, kind) for split in ("train", "test") for kind in KINDS]

MOST_EACH = 1 * MIB
MOST = 1024 * MIB

_FILE = re.compile(r"(\d{1,6})_(\d{1,2})\.txt$")
_MEMBER = re.compile(r"aclImdb/(train|test)/(neg|pos)/(\d{1,6}_\d{1,2}\.txt)$")
_WORDS = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n\r ]+")
"""What separates words: the filters of Keras' Tokenizer, and blanks. Apostrophes stay inside a word."""


def find_unpacked(root):
    """The folder that holds `train` and `test`; None where there is none."""
    inside = [os.path.join(folder, FOLDER) for folder in FOLDERS]
    found = find_folder(root, inside, ("train", "test"))
    if found is None and os.path.basename(os.path.abspath(root)) == FOLDER:
        return find_folder(root, [""], ("train", "test"))
    return found


def find_archive(root):
    """The path of the archive; None where there is none."""
    folder = find_folder(root, FOLDERS, [ARCHIVE])
    return None if folder is None else os.path.join(folder, ARCHIVE)


def read_part(folder, split, kind):
    """Texts of a split and a kind, in the order of their numbers. Raises DataError for a file that is no review."""
    path = os.path.join(folder, split, kind)
    try:
        names = os.listdir(path)
    except OSError as problem:
        raise DataError("{0}/{1} cannot be read: {2}".format(split, kind, problem.strerror)) from None
    texts = []
    for name in sorted((name for name in names if _FILE.match(name)), key=_order):
        try:
            texts.append(decode(read_file(os.path.join(path, name), MOST_EACH), kind, name))
        except DataError as problem:
            raise type(problem)("{0}: {1}".format(name, problem)) from None
    return _checked(texts)


def read_archive(path):
    """(split, kind) -> texts, in the order of their numbers."""
    found = {part: [] for part in PARTS}
    for name, data in archive.members(path, MOST, _MEMBER.match, MOST_EACH):
        split, kind, base = _MEMBER.match(name).groups()
        found[split, kind].append((_order(base), decode(data, kind, base)))
    return {part: _checked([text for _, text in sorted(texts)]) for part, texts in found.items()}


def _checked(texts):
    if len(texts) > COUNT:
        raise DataError("{0:,} reviews, {1:,} were published".format(len(texts), COUNT))
    return texts


def _order(name):
    return int(name.partition("_")[0])


def decode(data, kind, name):
    """The text of one file. Its name holds the rating: at most 4 is negative, at least 7 positive."""
    rating = int(_FILE.match(name).group(2))
    if not (1 <= rating <= 4 if kind == "neg" else 7 <= rating <= 10):
        raise DataError("a rating of {0} under {1}".format(rating, kind))
    if not data.strip():
        raise DataError("it is empty")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError("it is no UTF-8") from None


def words(text):
    """Lower case, split at punctuation and blanks."""
    return [word for word in _WORDS.split(text.lower()) if word]


def make_vocabulary(texts):
    """Word -> rank by frequency, from 1; words that are as frequent in the order of the alphabet."""
    counts = Counter()
    for text in texts:
        counts.update(words(text))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(ordered, 1)}
