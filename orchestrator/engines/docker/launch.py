"""How does a launch become a container: its flags, its files, its deadline?"""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from orchestrator.engines.watch import GRACE_S
from orchestrator.host.owner import this_process

if TYPE_CHECKING:
    from collections.abc import Collection

    from docker import APIClient

    from orchestrator.nouns.launch import Launch

VOLUME = "/bench"
WORK = f"{VOLUME}/work"
NOBODY = 65534
OPEN_FILES = 4096
TMP_INODES = 100_000
DEADLINE_SLACK_S = 8.0
"""The host ends a container first; the deadline inside is for a host process that is no longer there."""


def make_container(launch: Launch) -> dict[str, Any]:
    """The body of the engine's `create` call.

    Pinned by cpuset, never by a quota: a quota stalls all threads at once, and OpenBLAS and OpenMP size their pools
    by the host's CPUs under one. Swap is off (memory equals memory plus swap). `init`: without it process 1 ignores
    most signals, and a segmentation fault can end as exit code 0.
    """
    return {
        "Image": launch.image,
        "Cmd": _argv(launch),
        "Entrypoint": [],
        "Env": [f"{name}={value}" for name, value in sorted(launch.env.items())],
        "WorkingDir": WORK,
        "User": f"{NOBODY}:{NOBODY}",
        "Labels": make_labels(launch),
        "Volumes": {VOLUME: {}},
        "OpenStdin": True,  # for the byte that a workload waits for: see engines/witness.py
        "StdinOnce": True,  # whoever holds it and goes away leaves the end of the file behind
        "AttachStdin": True,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "NetworkDisabled": True,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(launch),
    }


def deadline_s(launch: Launch) -> float:
    """After how long the container ends itself, whoever is left to end it."""
    return launch.timeout_s + GRACE_S + DEADLINE_SLACK_S


def make_labels(launch: Launch) -> dict[str, str]:
    """How `reap` finds it again, and whose it is. The launch cannot override them."""
    return {**launch.labels, "bench": "1", "bench.owner": this_process().label, "bench.trial": launch.name}


def _argv(launch: Launch) -> list[str]:
    return ["timeout", "-k", f"{GRACE_S:g}", f"{deadline_s(launch):.1f}", *launch.argv]


def _host_config(launch: Launch) -> dict[str, Any]:
    # /tmp is executable: compilers of a framework's own put shared objects there, and the work folder is so anyway.
    tmp = f"rw,nosuid,nodev,exec,mode=1777,size={launch.tmp_bytes},nr_inodes={TMP_INODES}"
    return {
        "CpusetCpus": ",".join(str(cpu) for cpu in launch.cpus),
        "CpusetMems": ",".join(str(node) for node in launch.mems),
        "Memory": launch.memory_bytes,
        "MemorySwap": launch.memory_bytes,
        "PidsLimit": launch.pids,
        "ShmSize": launch.shm_bytes,
        "IpcMode": "private",
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": tmp},  # noqa: S108  (inside the container)
        "Init": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "fsize", "Soft": launch.file_bytes, "Hard": launch.file_bytes},
        ],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,  # what it left behind is read after its death
        **({"DeviceRequests": [_gpu_request(launch)]} if launch.gpus else {}),
    }


def _gpu_request(launch: Launch) -> dict[str, Any]:
    """These GPUs by UUID, as `docker run --gpus device=UUID`; an index would name another one after a reboot.

    `compute` brings CUDA's driver library into the container and `utility` NVML; nothing of graphics or video.
    """
    return {
        "Driver": "nvidia",
        "DeviceIDs": list(launch.gpus),
        "Capabilities": [["gpu", "compute", "utility"]],
    }


def create_container(client: APIClient, launch: Launch) -> str:
    """Create it, stopped; returns its id. Raises docker's ImageNotFound where there is no such image."""
    # The SDK has no argument for some of these settings. Nothing here pulls: an image that is missing is a 404.
    return str(client.create_container_from_config(make_container(launch))["Id"])  # type: ignore[no-untyped-call]


def make_tar(files: dict[str, bytes], executables: Collection[str] = ()) -> bytes:
    """The working folder as a tar to unpack in VOLUME: owned by the unprivileged user, the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(_entry("work", tarfile.DIRTYPE, mode=0o700))
        folders: set[str] = set()
        for name, content in sorted(files.items()):
            path = _checked(name)
            for parent in reversed(path.parents[:-1]):
                if str(parent) not in folders:
                    folders.add(str(parent))
                    tar.addfile(_entry(f"work/{parent}", tarfile.DIRTYPE, mode=0o755))
            entry = _entry(f"work/{path}", tarfile.REGTYPE, mode=0o755 if name in executables else 0o644)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, kind: bytes, *, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    entry.uid = entry.gid = NOBODY
    return entry


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} does not stay in the working folder")
    return path
