"""Is a pickle of plain data read, and every other one refused before anything happens?"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_files import cifar_meta, cifar_pickle, labels, pixels
from workloads.data import unpickle
from workloads.data.reading import DataError, Refused

RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
U1 = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
ENCODE = b"c_codecs\nencode\nh\x00U\x06latin1\x86R"
O8 = U1.replace(b"u1", b"O8")


class Attack:
    """Reduces to a call of something."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_a_batch_as_python_2_wrote_it_is_the_one_that_pickle_reads() -> None:
    data = cifar_pickle(pixels(300, 3, 32, 32), labels(300))
    theirs = pickle.loads(data, encoding="bytes")  # noqa: S301  (made above)
    ours = unpickle.load(data)
    assert {key.encode() for key in ours} == set(theirs)
    assert np.array_equal(ours["data"], theirs[b"data"])
    assert ours["labels"] == theirs[b"labels"]
    assert ours["filenames"] == theirs[b"filenames"]


def test_the_published_file_of_classes_is_read() -> None:
    data = cifar_meta()
    assert hashlib.md5(data, usedforsecurity=False).hexdigest() == "5ff9c542aee3614f3951f8cda6e48888"
    found = unpickle.load(data)
    assert found["label_names"][0] == b"airplane"
    assert found["num_vis"] == 3072


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_python_3_and_this_numpy_write_is_read(protocol: int, order: Any) -> None:
    made: dict[str, Any] = {
        "data": np.asarray(pixels(5, 7), order=order),
        "wide": np.arange(6, dtype=">i4").reshape(2, 3),
        "labels": [1, 2, 300, 70000, -1, 1 << 40],
        "name": "café",
        "bytes": b"\xff\x00",
        "more": (None, True, False, 0.5),
    }
    found = unpickle.load(pickle.dumps(made, protocol))
    assert np.array_equal(found.pop("data"), made.pop("data"))
    assert np.array_equal(found.pop("wide"), made.pop("wide"))
    if protocol == 2:
        assert found.pop("bytes") == made.pop("bytes")  # by way of _codecs.encode
    assert found == made


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_array_of_lists_becomes_a_list_of_lists(protocol: int) -> None:
    made = np.empty(2, object)
    made[:] = [[1, 2], [3]]
    assert unpickle.load(pickle.dumps(made, protocol)) == [[1, 2], [3]]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, eval, exec, __import__, getattr, open, bytearray, pickle.loads])
def test_a_call_is_refused_and_does_not_happen(tmp_path: Path, protocol: int, function: Any) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(Refused):
        unpickle.load(pickle.dumps({"data": Attack(function, f"touch {mark}")}, protocol))
    assert not mark.exists()


def test_the_attack_of_these_tests_works_where_nothing_refuses_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Attack(os.system, f"touch {mark}"), 2))  # noqa: S301
    assert mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy\nndarray\n(\x8a\x05\x00\x00\x00\x00\x10\x85tR.",  # ndarray((1 << 36,))
        b"\x80\x02" + RECONSTRUCT + b"\x8a\x05\x00\x00\x00\x00\x10\x85U\x01b\x87R.",  # 64 GiB of empty array
        b"\x80\x02" + RECONSTRUCT + b"K\x00\x85U\x01b\x87R(K\x01J\xff\xff\xff\x7f\x85" + U1 + b"\x89U\x01xtb.",
        b"\x80\x02" + RECONSTRUCT + b"K\x00\x85U\x01b\x87R(K\x01J\xff\xff\xff\x7f\x85" + O8 + b"\x89]tb.",
        b"\x80\x02U\x01xr\xff\xff\xff\xff.",  # a memo of 1 << 32 entries, for the unpickler in C
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\x00\x00\x00x.",  # text of a terabyte
        b"\x80\x04\x95\xff\xff\xff\xff\xff\x00\x00\x00.",  # a frame of a terabyte
        b"\x80\x02X" + struct.pack("<I", 50000) + b"x" * 50000 + b"q\x000" + ENCODE * 9000,
        b"\x80\x02(" + b"]" * 3000000 + b"t.",
        b"\x80\x04\x8c\x01x" + b"\x94" * 3000000 + b".",
    ],
    ids=["ndarray", "reconstruct", "bytes", "objects", "memo", "text", "frame", "encode", "lists", "memoise"],
)
def test_a_small_file_makes_no_large_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        if data.startswith(b"\x80\x02U\x01xr"):
            assert unpickle.load(data) == b"x"
        else:
            with pytest.raises(DataError):
                unpickle.load(data)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"(S'true'\nios\nsystem\n.",
        b"(No.",
        b"\x80\x02N)\x81.",
        b"\x80\x04N)}\x92.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02\x83\x01\x00.",
        b"\x80\x02\x84\x01\x00\x00\x00.",
        b"Pname\n.",
        b"NQ.",
        b"I1\n.",
        b"L1L\n.",
        b"F1.5\n.",
        b"S'a'\n.",
        b"Va\n.",
        b"\x80\x02\x8b\x01\x00\x00\x00\x01.",
        b"\x80\x02N2.",
        b"\x80\x04\x8f.",
        b"\x80\x04(\x91.",
        b"\x80\x05\x96\x01\x00\x00\x00\x00\x00\x00\x00x.",
        b"\x80\x05\x97.",
        b"Np0\ng0\n.",
        b"(N1.",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_an_opcode_that_plain_data_do_not_need_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="opcodes"):
        unpickle.load(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"\x80",
        b"hello",
        b"\xff" * 10,
        b"\x80\x02]K\x01\x85R.",
        b"\x80\x02}K\x01b.",
        b"\x80\x02c_codecs\nencode\n}b.",
        b"\x80\x02c_codecs\nencode\nU\x01xU\x03hex\x86R.",
        b"\x80\x02cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.x"[:-20],
        b"\x80\x02}]K\x01s.",
        b"\x80\x02" + RECONSTRUCT + b"K\x00\x85U\x01b\x87R.",
        b"\x80\x02" + RECONSTRUCT + b"K\x00\x85U\x01b\x87RNb.",
        b"I" + b"9" * 100000 + b"\n.",
    ],
)
def test_nonsense_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(DataError):
        unpickle.load(data)


def test_a_batch_cut_anywhere_is_an_error() -> None:
    data = cifar_pickle(pixels(2, 3, 32, 32), labels(2))
    for length in [*range(0, 400, 7), *range(len(data) - 200, len(data), 7)]:
        with pytest.raises(DataError):
            unpickle.load(data[:length])


def test_a_batch_with_any_byte_changed_is_data_or_an_error() -> None:
    data = cifar_pickle(pixels(1, 3, 32, 32), labels(1))
    random = np.random.RandomState(0)
    for place in [*range(200), *range(len(data) - 100, len(data))]:
        changed = bytearray(data)
        changed[place] = random.randint(0, 256)
        with contextlib.suppress(DataError):
            unpickle.load(bytes(changed))
