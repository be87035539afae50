"""What is in Keras' imdb.npz? Four arrays in a zip archive, two of them pickled lists."""

import ast
import os
import struct
import zipfile
import zlib

import numpy as np

from workloads.data import unpickle
from workloads.data.reading import MIB, DataError, Refused, open_regular, read_all

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10000
"""As numpy has it: `literal_eval` of a longer one may take the interpreter down."""

MOST = 128 * MIB
MOST_EACH = 64 * MIB
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, OSError, ValueError)
"""What zipfile raises for one that is cut off, encrypted, of a method that it lacks, or no zip file at all."""


def read(path, names):
    """Member name -> uint8, int64 ... array, or list for an array of objects; a name is given without `.npy`."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > MOST:
            raise Refused("it is larger than {0:,} bytes".format(MOST))
        try:
            with zipfile.ZipFile(file) as whole:
                return {name: _parse(_member(whole, name + ".npy")) for name in names}
        except BROKEN as problem:
            raise DataError("no whole npz archive: {0}".format(problem)) from None


def _member(whole, name):
    try:
        with whole.open(name) as inner:
            return read_all(inner, MOST_EACH)
    except KeyError:
        raise DataError("{0} is not in it".format(name)) from None


def _parse(data):
    """An array of numbers, or the list of an array of objects, of the bytes of an npy file."""
    if data[: len(MAGIC)] != MAGIC or len(data) < 12:
        raise DataError("a member is no npy file")
    width, form = (2, "<H") if data[6] == 1 else (4, "<I")
    (length,) = struct.unpack(form, data[8 : 8 + width])
    start = 8 + width + length
    if length > LONGEST_HEADER or start > len(data):
        raise Refused("the header of a member claims {0:,} bytes".format(length))
    try:
        header = ast.literal_eval(data[8 + width : start].decode("latin1").strip())
        kind, shape, fortran = header["descr"], header["shape"], header["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        raise DataError("the header of a member cannot be read") from None
    if kind == "|O":
        return _objects(data[start:], shape)
    if kind not in ("|u1", "|i1", "<i4", "<i8", ">i4", ">i8") or fortran:
        raise DataError("an array of {0!r}".format(str(kind)[:20]))
    numbers = np.dtype(kind)
    if not isinstance(shape, tuple) or shape != ((len(data) - start) // numbers.itemsize,):
        raise DataError("an array of shape {0} without its bytes".format(str(shape)[:60]))
    return np.frombuffer(data, numbers, shape[0], start)  # bytes beyond the last number stay out


def _objects(data, shape):
    found = unpickle.load(data)
    if not isinstance(found, list) or shape != (len(found),):
        raise DataError("an array of objects whose shape is not that of its list")
    return found
