"""Are MNIST and CIFAR-10 read in every form, standardised as stated, and is a broken file told for what it is?"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_files import cifar_files, cifar_pickle, idx, labels, pixels, tar_gz, write_files, write_mnist
from workloads.data import check, cifar10, mnist
from workloads.data.reading import DataError, Refused

PYTHON, BINARY = "cifar-10-batches-py", "cifar-10-batches-bin"
ARCHIVES = {PYTHON: "cifar-10-python.tar.gz", BINARY: "cifar-10-binary.tar.gz"}


def inside(version: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{version}/{name}": data for name, data in files.items()}


def finding(root: Path, name: str) -> dict[str, Any]:
    """What the check says of one file."""
    found: list[dict[str, Any]] = [each for form in check.check(str(root)) for each in form["files"]]
    return next(each for each in found if each["path"] == name)


@pytest.mark.parametrize("folder", ["", "MNIST/raw", "mnist"])
@pytest.mark.parametrize("compressed", [True, False])
def test_mnist_is_standardised(tmp_path: Path, folder: str, compressed: bool) -> None:
    write_mnist(tmp_path / folder, train=12, compressed=compressed)
    found = mnist.load(str(tmp_path), "train")
    assert (found.images.dtype, found.images.shape) == (np.float32, (12, 1, 28, 28))
    assert (found.labels.dtype, found.labels.tolist()) == (np.int64, labels(12))
    expected = (pixels(12, 28, 28) / 255 - 0.1307) / 0.3081
    assert np.abs(found.images[:, 0] - expected).max() < 1e-6
    assert len(mnist.load(str(tmp_path), "test", first=2).images) == 2


@pytest.mark.parametrize("version", [PYTHON, BINARY])
@pytest.mark.parametrize("packed", [True, False])
def test_cifar_is_the_same_in_every_form(tmp_path: Path, version: str, packed: bool) -> None:
    files = inside(version, cifar_files(version))
    write_files(tmp_path, {ARCHIVES[version]: tar_gz(files)} if packed else files)
    train, test = cifar10.load(str(tmp_path), "train"), cifar10.load(str(tmp_path), "test")
    assert (train.images.dtype, train.images.shape) == (np.float32, (4 + 5 + 6 + 7 + 8, 3, 32, 32))
    assert train.labels.tolist() == [each for count in range(4, 9) for each in labels(count)]
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
    expected = (pixels(9, 3, 32, 32) / 255 - mean[:, None, None]) / std[:, None, None]
    assert np.abs(test.images - expected).max() < 1e-6
    assert test.labels.dtype == np.int64
    assert np.array_equal(cifar10.load(str(tmp_path), "train", first=5).images, train.images[:5])


def test_a_split_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="train or test"):
        mnist.load(str(tmp_path), "valid")
    with pytest.raises(DataError, match="none of the files"):
        mnist.load(str(tmp_path), "train")


IMAGES = pixels(3, 28, 28)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", "damaged", "empty"),
        (b"\0\0", "damaged", "shorter than its header"),
        (idx(IMAGES, magic=0x0900), "damaged", "magic number 0x00000903, expected 0x00000803"),
        (idx(IMAGES[:, 0]), "damaged", "magic number 0x00000802"),
        (idx(IMAGES, lengths=[1 << 31, 28, 28]), "damaged", "claims 2,147,483,648 items"),
        (idx(IMAGES, lengths=[3, 1 << 31, 1 << 31]), "damaged", "2,352 bytes behind the header"),
        (idx(IMAGES, lengths=[0, 28, 28]), "damaged", "no items"),
        (idx(IMAGES)[:-1], "damaged", "2,351 bytes behind the header, which claims 2,352"),
        (idx(IMAGES) + b"x", "damaged", "2,353 bytes"),
        (idx(pixels(3, 32, 32)), "damaged", "32 x 32"),
        (idx(IMAGES), "altered", "3 of 60,000 images"),
    ],
)
def test_an_idx_file_says_what_is_wrong_with_it(tmp_path: Path, data: bytes, status: str, words: str) -> None:
    write_mnist(tmp_path, train=3, compressed=False)
    name = "train-images-idx3-ubyte"
    (tmp_path / name).write_bytes(data)
    found = finding(tmp_path, name)
    assert found["status"] == status
    assert words in found["text"]
    if status == "damaged":
        with pytest.raises(DataError):
            mnist.load(str(tmp_path), "train")


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (gzip.compress(idx(IMAGES))[:-9], "damaged", "cut off"),
        (b"no gzip at all", "damaged", "cannot be read"),
        (gzip.compress(idx(IMAGES))[:30] + b"xxxx" + gzip.compress(idx(IMAGES))[34:], "damaged", "cannot be read"),
        (gzip.compress(bytes(200 << 20), 1), "refused", "more than 67,108,864 bytes"),
    ],
)
def test_a_compressed_file_is_bounded_and_whole(tmp_path: Path, data: bytes, status: str, words: str) -> None:
    write_mnist(tmp_path)
    name = "train-images-idx3-ubyte.gz"
    (tmp_path / name).write_bytes(data)
    found = finding(tmp_path, name)
    assert (found["status"], words in found["text"]) == (status, True), found


def test_labels_must_be_digits_and_as_many_as_images(tmp_path: Path) -> None:
    write_mnist(tmp_path, compressed=False)
    name = "train-labels-idx1-ubyte"
    (tmp_path / name).write_bytes(idx(np.array([1, 2, 10], np.uint8)))
    assert "outside 0 to 9" in finding(tmp_path, name)["text"]
    (tmp_path / name).write_bytes(idx(np.array([1, 2, 3], np.uint8)))
    found = finding(tmp_path, name)
    assert (found["status"], found["text"]) == ("damaged", "3 labels for 7 images")
    with pytest.raises(DataError, match="3 labels for 7 images"):
        mnist.load(str(tmp_path), "train")


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    assert finding(tmp_path, "t10k-labels-idx1-ubyte")["status"] == "missing"
    with pytest.raises(DataError, match="not there"):
        mnist.load(str(tmp_path), "test")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    os.mkfifo(tmp_path / "t10k-labels-idx1-ubyte")
    assert finding(tmp_path, "t10k-labels-idx1-ubyte")["text"] == "not a regular file"


def test_the_published_bytes_are_ok_and_packed_anew_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path)
    name = "t10k-labels-idx1-ubyte"
    data = gzip.decompress((tmp_path / f"{name}.gz").read_bytes())
    mine = {f"{name}.gz": "sha256:00", name: check.digest(data, "md5")}
    monkeypatch.setattr(check, "find_hash", lambda each: (mine.get(each), "me"))
    found = finding(tmp_path, f"{name}.gz")
    assert (found["status"], "packed anew" in found["text"]) == ("ok", True)
    mine[name] = "md5:00"
    assert finding(tmp_path, f"{name}.gz")["status"] == "altered"
    mine[f"{name}.gz"] = found["hash"]
    assert finding(tmp_path, f"{name}.gz")["status"] == "ok"


def test_the_published_classes_are_ok_and_a_batch_of_ones_own_is_altered(tmp_path: Path) -> None:
    write_files(tmp_path, inside(PYTHON, cifar_files(PYTHON)))
    assert finding(tmp_path, f"{PYTHON}/batches.meta")["status"] == "ok"
    found = finding(tmp_path, f"{PYTHON}/data_batch_1")
    assert (found["status"], found["text"]) == ("altered", "4 of 10,000 images")
    write_files(tmp_path, inside(BINARY, cifar_files(BINARY)))
    assert finding(tmp_path, f"{BINARY}/data_batch_1.bin")["status"] == "unverified"


def many() -> bytes:
    count = 10001
    return cifar_pickle(np.zeros((count, 3, 32, 32), np.uint8), labels(count))


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (cifar_pickle(pixels(4, 3, 32, 32), labels(4))[:-1], "damaged", "no whole pickle"),
        (cifar_pickle(pixels(4, 3, 32, 32), labels(3)), "damaged", "3 labels for 4 images"),
        (cifar_pickle(pixels(4, 3, 32, 32), [1, 2, 3, 10]), "damaged", "outside 0 to 9"),
        (cifar_pickle(pixels(4, 3, 30, 30), labels(4)), "damaged", "3,072 columns"),
        (b"\x80\x02}.", "damaged", "no dict with"),
        (b"cos\nsystem\n(S'true'\ntR.", "refused", "os.system"),
        (many(), "damaged", "10,001 images"),
    ],
)
def test_a_batch_says_what_is_wrong_with_it(tmp_path: Path, data: bytes, status: str, words: str) -> None:
    files = inside(PYTHON, cifar_files(PYTHON)) | {f"{PYTHON}/data_batch_2": data}
    write_files(tmp_path, files)
    found = finding(tmp_path, f"{PYTHON}/data_batch_2")
    assert (found["status"], words in found["text"]) == (status, True), found
    with pytest.raises(DataError):
        cifar10.load(str(tmp_path), "train")
    packed = tmp_path / "packed"
    write_files(packed, {ARCHIVES[PYTHON]: tar_gz(files)})
    found = finding(packed, ARCHIVES[PYTHON])
    assert (found["status"], "data_batch_2" in found["text"], words in found["text"]) == (status, True, True), found


def test_rows_of_another_width_are_no_binary_batch(tmp_path: Path) -> None:
    files = cifar_files(BINARY)
    files["test_batch.bin"] = files["test_batch.bin"][:-1]
    write_files(tmp_path, inside(BINARY, files))
    assert "not rows of 3,073" in finding(tmp_path, f"{BINARY}/test_batch.bin")["text"]


def link() -> tarfile.TarInfo:
    member = tarfile.TarInfo(f"{PYTHON}/test_batch")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def large() -> bytes:
    """The header of a member of a terabyte."""
    member = tarfile.TarInfo(f"{PYTHON}/data_batch_1")
    member.size = 1 << 40
    return gzip.compress(member.tobuf(tarfile.GNU_FORMAT))


def chain() -> bytes:
    """Long names of long names of long names: tarfile calls itself for each."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 512
    return gzip.compress((member.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 5000)


def sparse() -> bytes:
    """A hole of a terabyte."""
    member = tarfile.TarInfo(f"{PYTHON}/data_batch_1")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return gzip.compress(bytes(header) + bytes(512 * 3))


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (tar_gz({"../escaped": b"x"}), "refused", "leaves the folder"),
        (tar_gz({"/escaped": b"x"}), "refused", "leaves the folder"),
        (tar_gz({}, extra=[link()]), "refused", "link or a device"),
        (tar_gz({f"{PYTHON}/readme.html": bytes(300 << 20)}), "refused", "more than 268,435,456 bytes"),
        (tar_gz({f"{PYTHON}/data_batch_1": bytes(50 << 20)}), "refused", "more than 41,943,040 bytes"),
        (large(), "damaged", "no whole tar archive"),
        (chain(), "damaged", "no whole tar archive"),
        (sparse(), "refused", "more than 41,943,040 bytes"),
        (tar_gz({f"{PYTHON}/readme.html": b"x"}), "damaged", "data_batch_1 is not in it"),
        (tar_gz(inside(PYTHON, cifar_files(PYTHON)))[:-20000], "damaged", "cut off"),
        (gzip.compress(b"no tar" * 1000), "damaged", "no whole tar archive"),
        (b"no gzip", "damaged", "cannot be read"),
    ],
    ids=[
        "..",
        "absolute",
        "link",
        "bomb",
        "large",
        "terabyte",
        "chain",
        "sparse",
        "lacking",
        "cut",
        "no tar",
        "no gzip",
    ],
)
def test_a_hostile_archive_is_told_and_nothing_is_written(tmp_path: Path, data: bytes, status: str, words: str) -> None:
    root = tmp_path / "root"
    write_files(root, {ARCHIVES[PYTHON]: data})
    found = finding(root, ARCHIVES[PYTHON])
    assert (found["status"], words in found["text"]) == (status, True), found
    assert [path.name for path in tmp_path.rglob("*")] == ["root", ARCHIVES[PYTHON]]
    with pytest.raises(Refused if status == "refused" else DataError):
        cifar10.load(str(root), "train")


def test_an_archive_of_the_published_members_is_ok_whoever_packed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = cifar_files(PYTHON)
    write_files(tmp_path, {ARCHIVES[PYTHON]: tar_gz(inside(PYTHON, files))})
    mine = {name: check.digest(data, "md5") for name, data in files.items()} | {ARCHIVES[PYTHON]: "sha256:00"}
    monkeypatch.setattr(check, "find_hash", lambda each: (mine.get(each), "me"))
    assert finding(tmp_path, ARCHIVES[PYTHON])["status"] == "ok"
    mine["data_batch_5"] = "md5:00"
    assert finding(tmp_path, ARCHIVES[PYTHON])["status"] == "altered"


def test_nothing_of_a_member_that_nobody_wants_is_kept(tmp_path: Path) -> None:
    stream = io.BytesIO(tar_gz({"other": b"y", f"{PYTHON}/test_batch": b"x"}))
    (tmp_path / "a.tar.gz").write_bytes(stream.getvalue())
    assert dict(cifar10.read_members(str(tmp_path / "a.tar.gz"), PYTHON)) == {"test_batch": b"x"}
