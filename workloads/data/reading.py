"""How is a file read that may be anything: bounded, of the kind that it says, and hashed?"""

import gzip
import hashlib
import os
import stat
import zlib

MIB = 1 << 20
CHUNK = 1 << 20


class DataError(Exception):
    """A file of a data set cannot be used; the message says what is wrong with it."""


class Missing(DataError):
    """There is no such file."""


class Refused(DataError):
    """A file asks for what no data set needs: to run something, to leave its folder, to fill the memory."""


class Bounded(object):
    """A file that is read forward and gives at most `most` bytes: behind a decompressor, the end of a bomb."""

    def __init__(self, file, most):
        self.file = file
        self.most = most
        self.taken = 0

    def read(self, size=-1):
        """At most `size` bytes. Raises Refused beyond the bound, DataError where what is below is broken."""
        room = self.most - self.taken + 1
        size = room if size is None or size < 0 else min(size, room)
        try:
            data = self.file.read(size)
        except EOFError:
            raise DataError("the compressed data are cut off") from None
        except (OSError, zlib.error) as problem:
            raise DataError("cannot be read: {0}".format(problem)) from None
        self.taken += len(data)
        if self.taken > self.most:
            raise Refused("it holds more than {0:,} bytes, which is more than any file of this name".format(self.most))
        return data


def open_regular(path):
    """A regular file, open for reading bytes; never a pipe or a device, whose reading would not end."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError("not a regular file")
        return open(path, "rb")
    except FileNotFoundError:
        raise Missing("not there") from None
    except OSError as problem:
        raise DataError("cannot be read: {0}".format(problem.strerror)) from None


def read_all(file, most):
    """The rest of an open file, in chunks: memory grows with what is there, not with what a header claims."""
    bounded = Bounded(file, most)
    parts = iter(lambda: bounded.read(CHUNK), b"")
    return b"".join(parts)


def read_file(path, most):
    """The bytes of a file, decompressed where its name ends in `.gz`."""
    with open_regular(path) as file:
        if not path.endswith(".gz"):
            return read_all(file, most)
        with gzip.GzipFile(fileobj=file) as inner:
            return read_all(inner, most)


def digest(data, name):
    """`sha256:...` or `md5:...` of bytes; MD5 tells published files apart here and guards nothing."""
    whole = _new(name)
    whole.update(data)
    return "{0}:{1}".format(name, whole.hexdigest())


def digest_file(path, name):
    """(bytes, `sha256:...` or `md5:...`) of a file as it lies there."""
    whole, size = _new(name), 0
    with open_regular(path) as file:
        for part in iter(lambda: file.read(CHUNK), b""):
            whole.update(part)
            size += len(part)
    return size, "{0}:{1}".format(name, whole.hexdigest())


def _new(name):
    try:
        return hashlib.new(name, usedforsecurity=False)
    except TypeError:  # Python 3.8 and older
        return hashlib.new(name)


def find_folder(root, inside, names):
    """The first of the folders `inside` root that holds one of the names; None where none does."""
    for folder in inside:
        path = os.path.join(root, folder) if folder else root
        if any(os.path.lexists(os.path.join(path, name)) for name in names):
            return path
    return None


def first_of(paths):
    """The first path that exists, and the first of all where none does."""
    return next((path for path in paths if os.path.lexists(path)), paths[0])
