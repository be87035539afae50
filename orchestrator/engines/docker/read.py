"""What did a dead container leave behind? Whatever it is, it is untrusted."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.engines.docker.launch import WORK
from orchestrator.engines.log import clean_log
from orchestrator.nouns.launch import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import APIClient

LOG_LINES = 200
TAR_OVERHEAD = 64 * 1024
"""Headers, padding and end marker of a tar that holds one file."""

# os.FileMode of Go, as the engine sends it: anything but a regular file has one of these bits.
KINDS = {
    1 << 31: "a directory",
    1 << 27: "a symbolic link",
    1 << 26: "a device",
    1 << 25: "a named pipe",
    1 << 24: "a socket",
    1 << 21: "a character device",
    1 << 19: "not a regular file",
}


class Result(NamedTuple):
    """The content of a result file, or why it was not taken."""

    path: str
    content: bytes
    rejected: Rejected | None = None


def read_results(client: APIClient, container: str, limits: Mapping[str, int]) -> list[Result]:
    """Each of these files of the working folder, with the most bytes that it may have."""
    return [read_result(client, container, path, limit) for path, limit in limits.items()]


def read_result(client: APIClient, container: str, path: str, limit: int) -> Result:
    """One file of the working folder, read through the engine after the container's death.

    Kind and size are known from the answer's header, before a byte of content is asked for; the engine resolves
    links inside the container's own root, so nothing of the host can be reached.
    """
    from docker.errors import APIError, NotFound

    try:
        stream, stat = client.get_archive(container, f"{WORK}/{path}", chunk_size=64 * 1024)
    except NotFound:
        return _reject(path, "missing")
    except APIError as error:
        return _reject(path, f"the engine could not read it: {error.explanation or error}"[:200])
    try:
        if reason := _refuse(stat, limit):
            return _reject(path, reason)
        content, reason = _only_file(_bounded(stream, limit + TAR_OVERHEAD), limit)
        return _reject(path, reason) if reason else Result(path, content)
    finally:
        _close(stream)


def read_log(client: APIClient, container: str) -> str:
    """The last 4 KiB that it printed. The engine keeps 1 MB at most, so this is bounded whatever was printed."""
    data: bytes = client.logs(container, stdout=True, stderr=True, tail=LOG_LINES)
    return clean_log(data)


def _reject(path: str, reason: str) -> Result:
    return Result(path, b"", Rejected(path=path, reason=reason))


def _refuse(stat: dict[str, object], limit: int) -> str:
    mode, size = stat.get("mode"), stat.get("size")
    if not isinstance(mode, int) or not isinstance(size, int):
        return "the engine did not say what it is"
    for bit, kind in KINDS.items():
        if mode & bit:
            return f"it is {kind}, not a regular file" if "regular" not in kind else f"it is {kind}"
    return f"{size} bytes, at most {limit} are read" if size > limit else ""


def _bounded(stream: Iterator[bytes], limit: int) -> bytes:
    """At most `limit` bytes, and a chunk: more cannot belong to a file that passed the check of its size."""
    parts, total = [], 0
    for part in stream:
        parts.append(part)
        total += len(part)
        if total > limit:
            break
    return b"".join(parts)


def _only_file(data: bytes, limit: int) -> tuple[bytes, str]:
    """(content, "") of a tar that holds exactly one regular file, else (b"", the reason)."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            member = tar.next()
            if member is None or member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}:
                return b"", "it is not a regular file"
            if member.size > limit:
                return b"", f"{member.size} bytes, at most {limit} are read"
            file = tar.extractfile(member)
            content = file.read(limit + 1) if file else b""
            if len(content) != member.size:
                return b"", "it was cut short"
            return (b"", "more than one file came back") if tar.next() else (content, "")
    except tarfile.TarError as error:
        return b"", f"the engine's archive cannot be read: {error}"


def _close(stream: Iterator[bytes]) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()
