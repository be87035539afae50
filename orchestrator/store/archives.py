"""What is in a store that somebody sent, as a folder or as an archive? Read in memory; nothing is ever unpacked.

An archive is a list of claims: paths, kinds, sizes. Only regular files that are called what a record is called are
read, up to the size that a record can have; no path of an archive is ever used as one, and what unpacks to more than
anyone sends ends the reading.
"""

from __future__ import annotations

import bz2
import gzip
import re
import stat
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from orchestrator.errors import StoreError
from orchestrator.store.encoding import RECORD_BYTES, BadRecordError
from orchestrator.store.files import NAME, list_files, read_file
from orchestrator.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNPACKED_BYTES = 8 * 2**30
"""Of one archive, at most; a record has a hundredth of a MiB to one."""
HEADER_BYTES = 2**20
"""Between two members of a tar; the names that stand there are read into memory."""
MEMBERS = 500_000
_BUFFER = 20 * 512
_DRIVE = re.compile(r"[A-Za-z]:")
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error),
    *(EOFError, OSError, ValueError, ArithmeticError, RuntimeError),
)
"""What the standard library raises for archives that were made to break it; RecursionError is a RuntimeError."""


class Member(NamedTuple):
    """A file of the sender's; without `data` it is no record, and `problem` says why it is worse than that."""

    path: str
    name: str = ""
    """Relative to `records/`; empty where it is no record."""
    data: bytes | None = None
    problem: str = ""


class _Reading(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_members(source: Path) -> Iterator[Member]:
    """What a folder that is a store, a tar (plain, gzip or bzip2) or a zip holds, in its own order.

    Raises StoreError where it is none of these. An archive that breaks off gives what came before, then a problem.
    """
    if source.is_dir():
        yield from _read_folder(source)
        return
    try:
        with source.open("rb") as file:
            if not stat.S_ISREG(source.stat().st_mode):
                raise StoreError(f"{source} is neither a folder nor a regular file")
            yield from _read_archive(source, file)
    except OSError as error:
        raise StoreError(f"cannot read {source}: {error.strerror or error}") from error


def _read_archive(source: Path, file: IO[bytes]) -> Iterator[Member]:
    begin = file.read(4)
    file.seek(0)
    try:
        if begin.startswith(b"PK"):
            yield from _read_zip(file)
        elif begin.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield from _read_tar(unpacked)
        elif begin.startswith(b"BZh"):
            with bz2.BZ2File(file) as unpacked_too:
                yield from _read_tar(unpacked_too)
        else:
            yield from _read_tar(file)
    except _UNREADABLE as error:
        yield Member(source.name, problem=f"it is no tar or zip, or cannot be read on: {error}")


def _read_folder(source: Path) -> Iterator[Member]:
    listing = list_files(open_store(source))
    for entry in listing.entries:
        try:
            yield Member(f"records/{entry.name}", entry.name, read_file(entry.path))
        except BadRecordError as error:
            yield Member(f"records/{entry.name}", problem=str(error))
    for path in listing.strays:
        yield Member(str(path.relative_to(source)))


def _read_tar(stream: _Reading) -> Iterator[Member]:
    bounded = _Bounded(stream)
    with tarfile.open(fileobj=bounded, mode="r|", bufsize=_BUFFER) as archive:  # type: ignore[call-overload]
        for _ in range(MEMBERS):
            bounded.limit = min(archive.offset + HEADER_BYTES, UNPACKED_BYTES)
            info = archive.next()
            archive.members.clear()  # it keeps them all for a second look, which nobody takes
            if info is None:
                return
            if not 0 <= info.size <= UNPACKED_BYTES:
                raise ValueError(f"{info.name} claims to have {info.size} bytes")
            bounded.limit = min(archive.offset + HEADER_BYTES, UNPACKED_BYTES)
            member = _read_tar_member(archive, info)
            if member.problem or not info.isdir():
                yield member
        raise ValueError(f"it has more than {MEMBERS} members")


def _read_tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    name, problem = _name_record(info.name)
    if problem or info.isdir():
        return Member(info.name, problem=problem)
    if info.issym() or info.islnk():
        return Member(info.name, problem="it is a link")
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
        return Member(info.name, problem="it is a device, a pipe or a file with holes, not a regular file")
    if not name:
        return Member(info.name)
    if info.size > RECORD_BYTES:
        return Member(info.name, problem=f"it has {info.size} bytes, more than a record can have")
    content = archive.extractfile(info)  # a reader over the archive; nothing is written
    return Member(info.name, name, content.read() if content is not None else b"")


def _read_zip(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MEMBERS:
            raise ValueError(f"it has more than {MEMBERS} members")
        total = 0
        for info in archive.infolist():
            member = _read_zip_member(archive, info)
            total += RECORD_BYTES if member.problem else len(member.data or b"")
            if total > UNPACKED_BYTES:
                raise ValueError(f"it unpacks to more than {UNPACKED_BYTES} bytes")
            if member.problem or not info.is_dir():
                yield member


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    # The path as it is written there: what zipfile makes of it is made for unpacking.
    path = info.orig_filename
    name, problem = _name_record(path.rstrip("/"))
    problem = problem or _find_zip_fault(info, record=bool(name))
    if problem or not name or info.is_dir():
        return Member(path, problem=problem)
    try:
        with archive.open(info) as content:
            data = content.read(RECORD_BYTES + 1)
    except _UNREADABLE as error:
        return Member(path, problem=f"it cannot be unpacked: {error}")
    if len(data) > RECORD_BYTES:  # whatever size it claims to have
        return Member(path, problem=f"it unpacks to more than {RECORD_BYTES} bytes")
    return Member(path, name, data)


def _find_zip_fault(info: zipfile.ZipInfo, *, record: bool) -> str:
    if not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "it is a link, a device or a pipe, not a regular file"
    if record and (info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)):
        return "it is encrypted, or packed in a way that is not read here"
    return ""


def _name_record(path: str) -> tuple[str, str]:
    """(`ab/<key>.b0.1.json` where it is called what a record is called, else nothing; why the path is unsafe)."""
    parts = [part for part in path.split("/") if part != "."]
    if path.startswith("/") or ".." in parts or "\\" in path or "\x00" in path or _DRIVE.match(path):
        return "", "its path leads out of the archive"
    match = NAME.fullmatch(parts[-1]) if parts else None
    if match is None or parts[-3:-1] != ["records", match[1][:2]]:
        return "", ""
    return "/".join(parts[-2:]), ""


class _Bounded:
    """A stream that ends where its reader should have been done, and not where its writer pleases."""

    def __init__(self, stream: _Reading) -> None:
        self._stream = stream
        self._position = 0
        self.limit = HEADER_BYTES

    def read(self, size: int, /) -> bytes:
        """As of a file. Raises ValueError beyond the limit."""
        if self._position > self.limit + _BUFFER:
            raise ValueError(f"it unpacks to more than {UNPACKED_BYTES} bytes, or has a header without an end")
        data = self._stream.read(size)
        self._position += len(data)
        return data
