"""Do the reviews of IMDB become the same numbers as in Keras, from imdb.npz and from the texts?"""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_files import RANKS, tar_gz, texts, write_files, write_npz
from tests.unit.workloads.test_data_images import finding
from workloads.data import imdb, reviews
from workloads.data.reading import DataError
from workloads.data.sequences import encode, fixed, variable


def test_ranks_become_tokens_as_in_keras() -> None:
    assert encode([1, 5]).tolist() == [1, 4, 8]
    assert encode([29996, 29997, 88000, 0]).tolist() == [1, 29999, 2, 2, 2]
    assert encode([1, 2, 3], vocabulary=5).tolist() == [1, 4, 2, 2]
    assert encode([]).tolist() == [1]
    assert encode([1]).dtype == np.int64


@pytest.mark.parametrize(
    ("padding", "truncating", "rows"),
    [
        ("pre", "pre", [[0, 1, 2], [4, 5, 6]]),
        ("post", "pre", [[1, 2, 0], [4, 5, 6]]),
        ("pre", "post", [[0, 1, 2], [3, 4, 5]]),
        ("post", "post", [[1, 2, 0], [3, 4, 5]]),
    ],
)
def test_rows_are_padded_and_cut_at_the_end_that_is_asked_for(
    padding: str, truncating: str, rows: list[list[int]]
) -> None:
    made = fixed([np.array([1, 2]), np.array([3, 4, 5, 6])], 3, padding=padding, truncating=truncating)
    assert (made.dtype, made.tolist()) == (np.int64, rows)


def test_a_row_is_150_long_with_the_end_of_the_review() -> None:
    made = fixed([np.arange(1, 201), np.array([7])])
    assert made.shape == (2, 150)
    assert (made[0, 0], made[0, -1]) == (51, 200)
    assert (made[1, :-1].max(), made[1, -1]) == (0, 7)
    with pytest.raises(ValueError, match="pre or post"):
        fixed([np.array([1])], padding="left")


def test_rows_of_their_own_length_come_with_it() -> None:
    rows, lengths = variable([np.array([1, 2]), np.array([3, 4, 5, 6])])
    assert (rows.tolist(), lengths.tolist()) == ([[1, 2, 0, 0], [3, 4, 5, 6]], [2, 4])
    rows, lengths = variable([np.array([1, 2]), np.array([3, 4, 5, 6])], longest=3)
    assert (rows.tolist(), lengths.tolist()) == ([[1, 2, 0], [3, 4, 5]], [2, 3])
    assert lengths.dtype == np.int64
    assert variable([])[0].shape == (0, 0)


def test_imdb_npz_is_read_in_the_order_of_keras(tmp_path: Path) -> None:
    write_npz(tmp_path / "imdb.npz")
    found = imdb.load(str(tmp_path), "train")
    order = np.arange(4)
    np.random.RandomState(113).shuffle(order)
    assert [each.tolist() for each in found.tokens] == [encode(RANKS[place]).tolist() for place in order]
    assert found.labels.tolist() == [place % 2 for place in order]
    assert found.labels.dtype == np.int64
    assert len(imdb.load(str(tmp_path), "test").tokens) == 2
    assert len(imdb.load(str(tmp_path), "train", first=1).tokens) == 1
    assert max(imdb.load(str(tmp_path), "train", vocabulary=10).tokens[0]) < 10


@pytest.mark.parametrize("form", ["folder", "itself", "archive"])
def test_the_texts_are_ranked_by_their_frequency_in_the_training_reviews(tmp_path: Path, form: str) -> None:
    write_files(tmp_path, {"aclImdb_v1.tar.gz": tar_gz(texts())} if form == "archive" else texts())
    root = str(tmp_path / "aclImdb" if form == "itself" else tmp_path)
    # the: 3 + 2 + 1; best, br, worst: 2, by the alphabet; a, bad, café, it's, movie, of
    found = imdb.load(root, "test")
    made = {tuple(tokens.tolist()): int(label) for tokens, label in zip(found.tokens, found.labels, strict=True)}
    words = "Bad.<br /><br />It's the worst movie, the WORST! the the the A café of a movie: the best. best"
    ranks = reviews.make_vocabulary([words])
    assert ranks["the"] == 1
    assert list(ranks)[1:6] == ["a", "best", "br", "movie", "worst"]
    assert made == {(1, ranks["worst"] + 3, 2): 0, (1, 4, ranks["best"] + 3): 1}
    train = imdb.load(root, "train")
    assert sorted(train.labels.tolist()) == [0, 0, 1, 1]
    assert (1, 4, 4, 4) in {tuple(tokens.tolist()) for tokens in train.tokens}


def test_words_are_split_as_keras_splits_them() -> None:
    assert reviews.words("It's  GOOD,\n(very) good-ish<br />") == ["it's", "good", "very", "good", "ish", "br"]


def test_the_check_counts_reviews(tmp_path: Path) -> None:
    write_files(tmp_path, texts())
    write_npz(tmp_path / "imdb.npz")
    (tmp_path / "aclImdb_v1.tar.gz").write_bytes(tar_gz(texts()))
    assert finding(tmp_path, "aclImdb/train/neg/")["text"] == "2 of 12,500 reviews"
    assert finding(tmp_path, "aclImdb/train/neg/")["status"] == "altered"
    assert finding(tmp_path, "imdb.npz")["text"] == "6 of 50,000 reviews as ranks"
    assert finding(tmp_path, "aclImdb_v1.tar.gz")["text"] == "6 of 50,000 reviews"


class Attack:
    def __reduce__(self) -> Any:
        return os.mkdir, ("attacked",)


def spoil(path: Path, member: str, data: bytes) -> None:
    """The archive with one member replaced."""
    with zipfile.ZipFile(path) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in (files | {member: data}).items():
            whole.writestr(name, content)


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def listed(*rows: Any) -> Any:
    made = np.empty(len(rows), object)
    made[:] = rows
    return made


HEADER = b"\x93NUMPY\x02\x00"


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (npy(listed([1], [2], [3], Attack())), "refused", "mkdir"),
        (npy(listed([1], [2])), "damaged", "4 labels for 2 reviews"),
        (npy(listed([1], [2], [3], [])), "damaged", "1 to 10,000 words"),
        (npy(listed([1], [2], [3], [-1])), "damaged", "no rank"),
        (npy(listed([1], [2], [3], ["a"])), "damaged", "no rank"),
        (npy(listed([1], [2], [3], [True])), "damaged", "no rank"),
        (npy(np.arange(4)), "damaged", "no array of lists"),
        (npy(np.array(["a", "b"])), "damaged", "an array of '<U1'"),
        (npy(listed([1], [2], [3], [4]))[:-3], "damaged", "no whole pickle"),
        (npy(listed([1], [2], [3], [4])).replace(b"(4,)", b"(5,)"), "damaged", "not that of its list"),
        (b"", "damaged", "no npy file"),
        (b"hello world, hello", "damaged", "no npy file"),
        (HEADER + b"\xff\xff\xff\x7f" + b"{" * 50, "refused", "claims 2,147,483,647 bytes"),
        (HEADER + b"\x64\x00\x00\x00" + b"(" * 100, "damaged", "header of a member"),
        (bytes(100 << 20), "refused", "more than 67,108,864 bytes"),
    ],
)
def test_an_npz_archive_says_what_is_wrong_with_it(tmp_path: Path, data: bytes, status: str, words: str) -> None:
    path = tmp_path / "imdb.npz"
    write_npz(path)
    spoil(path, "x_train.npy", data)
    found = finding(tmp_path, "imdb.npz")
    assert (found["status"], words in found["text"]) == (status, True), found
    assert not Path("attacked").exists()
    with pytest.raises(DataError):
        imdb.load(str(tmp_path), "train")


def test_an_npz_archive_that_is_none_or_lacks_a_member(tmp_path: Path) -> None:
    path = tmp_path / "imdb.npz"
    path.write_bytes(b"no zip")
    assert "no whole npz archive" in finding(tmp_path, "imdb.npz")["text"]
    write_npz(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert "no whole npz archive" in finding(tmp_path, "imdb.npz")["text"]
    with zipfile.ZipFile(path, "w") as whole:
        whole.writestr("x_train.npy", npy(listed([1])))
    assert finding(tmp_path, "imdb.npz")["text"] == "y_train.npy is not in it"
    write_npz(path, y_train=np.array([0, 1, 2, 0]))
    assert finding(tmp_path, "imdb.npz")["text"] == "a label that is not 0 or 1"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("aclImdb/train/pos/7_3.txt", b"a rating of the other side", "a rating of 3 under pos"),
        ("aclImdb/train/pos/7_8.txt", b"\xff\xfe", "no UTF-8"),
        ("aclImdb/train/pos/7_8.txt", b"", "7_8.txt: it is empty"),
        ("aclImdb/train/pos/7_8.txt", b"x" * (2 << 20), "more than 1,048,576 bytes"),
    ],
)
def test_a_text_says_what_is_wrong_with_it(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    files = texts() | {name: data}
    write_files(tmp_path, files)
    found = finding(tmp_path, "aclImdb/train/pos/")
    assert found["status"] in ("damaged", "refused")
    assert words in found["text"]
    with pytest.raises(DataError):
        imdb.load(str(tmp_path), "test")
    packed = tmp_path / "packed"
    write_files(packed, {"aclImdb_v1.tar.gz": tar_gz(files)})
    found = finding(packed, "aclImdb_v1.tar.gz")
    assert found["status"] in ("damaged", "refused")
    assert words.removeprefix("7_8.txt: ") in found["text"]


def test_an_archive_without_one_kind_and_a_folder_without_one_split(tmp_path: Path) -> None:
    files = {name: data for name, data in texts().items() if "test/" not in name}
    write_files(tmp_path, files | {"aclImdb_v1.tar.gz": tar_gz(files)})
    assert finding(tmp_path, "aclImdb_v1.tar.gz")["text"] == "no reviews in test/neg"
    assert finding(tmp_path, "aclImdb/test/neg/")["status"] == "missing"
    with pytest.raises(DataError):
        imdb.load(str(tmp_path), "train")
