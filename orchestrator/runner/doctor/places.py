"""Is there room for images, memory for trials, and a place that keeps records?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.nouns.workload import Method
from orchestrator.runner.doctor.finding import Finding, Level

if TYPE_CHECKING:
    from orchestrator.host.site import Config

GROUP = "Places"
ROOM_BYTES = 20 * 10**9
# Filesystems that lose what fsync promised, or lock nothing between machines.
LOST_AT_REBOOT = frozenset({"tmpfs", "ramfs"})
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.gcsfuse", "fuse.s3fs"})


def judge_memory(meminfo: str, *, needed: int | None = None) -> Finding:
    """Memory that is free now against what a trial may take; `meminfo` is /proc/meminfo."""
    limit = Method().memory_bytes if needed is None else needed
    match = re.search(r"MemAvailable:\s+(\d+) kB", meminfo)
    if match is None:
        return Finding(Level.UNSEEN, GROUP, "memory", "/proc/meminfo does not say what is available")
    free = int(match[1]) * 1024
    text = f"{free / 2**30:.1f} GiB available, a trial may take {limit / 2**30:g} GiB"
    if free >= limit:
        return Finding(Level.OK, GROUP, "memory", text)
    means = "the kernel may end a trial, or push others out to make room while it is timed"
    return Finding(Level.WARN, GROUP, "memory", text, means, "ps -eo rss,pid,args --sort=-rss | head")


def judge_store(store: Path, mounts: str) -> Finding:
    """What kind of filesystem the records go to; `mounts` is /proc/self/mounts."""
    kind = find_filesystem(store, mounts)
    made = "" if store.exists() else " (made by the first run)"
    text = f"{store}{made}, on {kind or 'a filesystem that is not listed'}"
    if kind in LOST_AT_REBOOT:
        return Finding(Level.WARN, GROUP, "store", text, "records are gone after a reboot", "bench ... --store FOLDER")
    if kind in REMOTE:
        means = "two machines that write to it at once may not see each other's locks"
        return Finding(Level.WARN, GROUP, "store", text, means, "bench ... --store FOLDER on a local disk")
    return Finding(Level.OK, GROUP, "store", text)


def find_filesystem(path: Path, mounts: str) -> str:
    """The type of the filesystem that a path lies on, or would lie on: the longest mount point above it."""
    where, best = path.absolute(), ("", "")
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        if where.is_relative_to(point) and len(point) >= len(best[0]):
            best = point, fields[2]
    return best[1]


def judge_disk(place: Path) -> Finding:
    """Room where environments and caches go; images go where the engine keeps them."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 1e9:.0f} GB free at {there}"
    if free >= ROOM_BYTES:
        return Finding(Level.OK, GROUP, "disk", text)
    return Finding(Level.WARN, GROUP, "disk", text, "the CPU catalogue needs about 20 GB", "docker system prune")


def judge_site(config: Config) -> list[Finding]:
    """Where builds find packages; addresses may hold credentials and are not shown."""
    site = config.site
    source = str(config.path) if config.path else "none: pip's own is used for indexes and wheels"
    index = "one of this place's own" if site.index_url else "pip's default"
    extra = f", {len(site.extra_index_urls)} extra" if site.extra_index_urls else ""
    found = [
        Finding(Level.OK, GROUP, "configuration", source),
        Finding(Level.OK, GROUP, "package index", f"{index}{extra}"),
    ]
    for folder in site.wheel_folders:
        count = sum(1 for _ in folder.glob("*.whl")) if folder.is_dir() else None
        if count:
            found.append(Finding(Level.OK, GROUP, "wheels", f"{count} in {folder}"))
        else:
            text = f"{folder} {'is no folder' if count is None else 'holds none'}"
            means, advice = "builds will find no wheel there", "correct `wheels` in bench.toml, or pip's find-links"
            found.append(Finding(Level.WARN, GROUP, "wheels", text, means, advice))
    if site.certificate is not None and not site.certificate.is_file():
        text, advice = f"{site.certificate} is no file", "correct `certificate` in bench.toml, or pip's cert"
        found.append(Finding(Level.WARN, GROUP, "certificate", text, "builds cannot reach the index by it", advice))
    return found
