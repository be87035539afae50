"""Small files in the real formats of MNIST, CIFAR-10 and IMDB, byte by byte as their authors' tools wrote them."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
Bytes = NDArray[np.uint8]


def pixels(count: int, *shape: int) -> Bytes:
    """Images that are all different."""
    return np.random.RandomState(count).randint(0, 256, (count, *shape)).astype(np.uint8)


def labels(count: int) -> list[int]:
    """0 to 9, again and again."""
    return [place % 10 for place in range(count)]


def idx(values: Bytes, *, lengths: Iterable[int] | None = None, magic: int = 0x0800) -> bytes:
    """An idx file; `lengths` makes its header lie."""
    shape = tuple(values.shape if lengths is None else lengths)
    return struct.pack(f">I{len(shape)}I", magic | values.ndim, *shape) + values.tobytes()


def write_mnist(folder: Path, *, train: int = 7, test: int = 3, compressed: bool = True) -> None:
    """The four files, with so many images each."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, count in (("train", train), ("t10k", test)):
        files = {
            f"{stem}-images-idx3-ubyte": idx(pixels(count, 28, 28)),
            f"{stem}-labels-idx1-ubyte": idx(np.array(labels(count), np.uint8)),
        }
        for name, data in files.items():
            (folder / (name + ".gz" if compressed else name)).write_bytes(gzip.compress(data) if compressed else data)


class Python2:
    """What cPickle of Python 2 wrote in protocol 2: text is SHORT_BINSTRING, and everything is memoised from 1 on."""

    def __init__(self) -> None:
        self.memo = 0

    def put(self) -> bytes:
        self.memo += 1
        return b"q" + bytes([self.memo]) if self.memo < 256 else b"r" + struct.pack("<I", self.memo)

    def text(self, value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode() + self.put()

    def number(self, value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    def array(self, values: Bytes) -> bytes:
        rows, columns = values.shape
        raw = values.tobytes()
        made = [b"cnumpy.core.multiarray\n_reconstruct\n", self.put(), b"cnumpy\nndarray\n", self.put()]
        made += [b"K\x00\x85U\x01b\x87R", self.put(), b"(K\x01", self.number(rows), self.number(columns), b"\x86"]
        made += [b"cnumpy\ndtype\n", self.put(), b"U\x02u1K\x00K\x01\x87R", self.put()]
        made += [b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"]
        return b"".join([*made, b"T", struct.pack("<i", len(raw)), raw, b"tb"])


def cifar_pickle(images: Bytes, numbers: list[int], name: str = "training batch 1 of 5") -> bytes:
    """A batch of the Python version: images [N, 3, 32, 32]."""
    py = Python2()
    made = [b"\x80\x02}", py.put(), b"(", py.text("batch_label"), py.text(name), py.text("labels"), b"]", py.put()]
    made += [b"(", *map(py.number, numbers), b"e", py.text("data"), py.array(images.reshape(len(images), -1))]
    made += [py.text("filenames"), b"]", py.put(), b"("]
    made += [py.text(f"leptodactylus_pentadactylus_s_{place:06}.png") for place in range(len(numbers))]
    return b"".join([*made, b"eu."])


def cifar_meta() -> bytes:
    """batches.meta, to the byte as published."""
    py = Python2()
    made = [b"\x80\x02}", py.put(), b"(", py.text("num_cases_per_batch"), py.number(10000)]
    made += [py.text("label_names"), b"]", py.put(), b"(", *map(py.text, CLASSES), b"e"]
    return b"".join([*made, py.text("num_vis"), py.number(3072), b"u."])


def cifar_rows(images: Bytes, numbers: list[int]) -> bytes:
    """A batch of the binary version."""
    rows = [bytes([number]) + image.tobytes() for number, image in zip(numbers, images, strict=True)]
    return b"".join(rows)


def cifar_files(version: str, count: int = 4) -> dict[str, bytes]:
    """Name -> content of everything in one version; all batches differ."""
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    made = {}
    for place, name in enumerate(names):
        images, numbers = pixels(count + place, 3, 32, 32), labels(count + place)
        if version == "cifar-10-batches-py":
            made[name] = cifar_pickle(images, numbers)
        else:
            made[name + ".bin"] = cifar_rows(images, numbers)
    if version == "cifar-10-batches-py":
        return made | {"batches.meta": cifar_meta()}
    return made | {"batches.meta.txt": "\n".join([*CLASSES, ""]).encode()}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Each below the folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def tar_gz(files: Mapping[str, bytes], *, extra: Iterable[tarfile.TarInfo] = ()) -> bytes:
    """A compressed archive of these; `extra` are members without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return out.getvalue()


RANKS = [[1, 5, 29990, 3], [2], list(range(1, 200)), [29996, 29997, 88000]]
"""Reviews as imdb.npz has them: ranks from 1 on."""


def write_npz(path: Path, ranks: list[list[int]] | None = None, **others: object) -> None:
    """As Keras' file was made: arrays of lists, and numbers."""
    x = np.empty(len(RANKS if ranks is None else ranks), object)
    x[:] = RANKS if ranks is None else ranks
    y = np.arange(len(x), dtype=np.int64) % 2
    np.savez(path, **{"x_train": x, "y_train": y, "x_test": x[:2], "y_test": y[:2]} | others)  # type: ignore[arg-type]


TEXTS = {
    "aclImdb/train/neg/0_3.txt": "Bad.<br /><br />It's the worst movie, the WORST!",
    "aclImdb/train/neg/10_1.txt": "the the the",
    "aclImdb/train/pos/0_9.txt": "A café of a movie: the best.",
    "aclImdb/train/pos/2_10.txt": "best",
    "aclImdb/test/neg/0_2.txt": "worst unseen",
    "aclImdb/test/pos/0_7.txt": "the best",
    "aclImdb/train/unsup/0_0.txt": "not labelled",
}


def texts() -> dict[str, bytes]:
    """The folder aclImdb, with what is not read beside what is."""
    beside = {"aclImdb/imdb.vocab": b"the\n", "aclImdb/README": b"x"}
    return {name: text.encode() for name, text in TEXTS.items()} | beside
