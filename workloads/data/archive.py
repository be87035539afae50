"""What is in a tar archive, read as a stream? Nothing is ever extracted."""

import gzip
import tarfile

from workloads.data.reading import Bounded, DataError, Refused, open_regular, read_all

BROKEN = (tarfile.TarError, RecursionError, ValueError, LookupError, OverflowError)
"""What tarfile raises for headers that are none, or that somebody made for it."""


def members(path, most, wanted, most_each):
    """(name, bytes) of every regular member whose name `wanted` accepts, in the order of a `.tar.gz`.

    Raises Refused for a member whose name leaves the folder and for what is neither file nor folder, wanted or not:
    such an archive is no published one. `most` bounds all that is decompressed, `most_each` a member that is wanted.
    """
    with open_regular(path) as file, gzip.GzipFile(fileobj=file) as inner:
        stream = Bounded(inner, most)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    _check(member)
                    if member.isfile() and wanted(member.name):
                        yield member.name, _read(tar, member, most_each)
        except BROKEN as problem:
            raise DataError("no whole tar archive: {0}".format(problem)) from None


def _check(member):
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or "\\" in member.name:
        raise Refused("a member is called {0!r}, which leaves the folder".format(member.name[:80]))
    if not (member.isfile() or member.isdir()):
        raise Refused("the member {0!r} is a link or a device".format(member.name[:80]))


def _read(tar, member, most):
    data = read_all(tar.extractfile(member), most)
    if len(data) != member.size:
        raise DataError("{0} is cut off".format(member.name[:80]))
    return data
