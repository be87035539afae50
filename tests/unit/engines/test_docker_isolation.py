"""Is every way in which a container is more open than it was asked to be seen in what the engine says of it?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.engines.docker.isolation import UNASKED, find_weakened
from orchestrator.engines.docker.launch import make_container
from tests.unit.engines.test_docker_launch import launch

ID = "sha256:" + "ab" * 32
GPU = "GPU-5d3c0a5e-1f2d-4c6b-9e8a-000000000000"


def answer(host: dict[str, Any] | None = None, *, gpus: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """What Docker 26 says of a container that is what was asked for, but for these settings."""
    body = make_container(launch(image=ID, gpus=gpus))
    given = body["HostConfig"]
    requests = [each | {"Count": 0, "Options": {}} for each in given.get("DeviceRequests", [])]
    said = given | {
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "Ulimits": list(reversed(given["Ulimits"])),
        "DeviceRequests": requests or None,
        "MaskedPaths": ["/proc/kcore"],
        "ReadonlyPaths": ["/proc/sys"],
        "Privileged": False,
        "PidMode": "",
        "Binds": None,
        "CpuQuota": 0,
    }
    return {
        "Image": ID,
        "HostConfig": said | (host or {}),
        "Config": {"User": body["User"]},
        "Mounts": [{"Type": "volume", "Name": "57ca", "Destination": "/bench", "RW": True}],
        "NetworkSettings": {"Networks": {"none": {"NetworkID": ""}}},
    } | fields


def weakened(**fields: Any) -> tuple[str, ...]:
    return find_weakened(launch(image=ID), answer(**fields))


def test_a_container_that_is_what_was_asked_for_is_not_weakened() -> None:
    assert weakened() == ()
    assert find_weakened(launch(image=ID, gpus=(GPU,)), answer(gpus=(GPU,))) == ()
    assert weakened(host={"PidMode": "private", "UTSMode": "private"}) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("CapDrop", None), ("CapDrop", ["NET_RAW"]), ("CapDrop", [])),
        *(("SecurityOpt", None), ("SecurityOpt", ["no-new-privileges", "seccomp=unconfined"])),
        *(("SecurityOpt", ["seccomp=unconfined"]), ("SecurityOpt", ["no-new-privileges", "apparmor=unconfined"])),
        *(("ReadonlyRootfs", False), ("NetworkMode", "host"), ("NetworkMode", "bridge"), ("NetworkMode", "default")),
        *(("PidsLimit", None), ("PidsLimit", 0), ("PidsLimit", -1), ("PidsLimit", 10**6)),
        *(("Memory", 0), ("Memory", 2**40), ("MemorySwap", -1), ("MemorySwap", 2**31)),
        *(("CpusetCpus", ""), ("CpusetCpus", "0-3"), ("CpusetMems", "")),
        *(("Tmpfs", None), ("Tmpfs", {"/tmp": "rw"}), ("ShmSize", 2**40)),  # noqa: S108  (inside a container)
        *(("IpcMode", "host"), ("IpcMode", "shareable"), ("IpcMode", "container:other"), ("Init", False)),
        *(("Ulimits", None), ("Ulimits", [{"Name": "core", "Hard": 0, "Soft": 0}])),
        ("Ulimits", [{"Name": "core", "Hard": -1, "Soft": 0}, {"Name": "nofile", "Hard": 4096, "Soft": 4096}]),
        *(("LogConfig", {"Type": "json-file", "Config": {}}), ("LogConfig", {"Type": "none", "Config": {}})),
        *(("RestartPolicy", {"Name": "always", "MaximumRetryCount": 0}), ("AutoRemove", True)),
        *(("MaskedPaths", []), ("ReadonlyPaths", [])),
    ],
)
def test_a_setting_that_is_not_what_was_asked_for_is_named(name: str, value: object) -> None:
    (said,) = weakened(host={name: value})
    assert said.startswith(f"{name} is ")


def test_every_setting_that_is_asked_for_is_looked_at() -> None:
    for name in make_container(launch())["HostConfig"]:
        said = answer()
        said["HostConfig"][name] = "another"
        assert [each.split()[0] for each in find_weakened(launch(image=ID), said)] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Privileged", True), ("CapAdd", ["SYS_ADMIN"]), ("GroupAdd", ["docker"]), ("UsernsMode", "host")),
        ("Devices", [{"PathOnHost": "/dev/mem", "PathInContainer": "/dev/mem", "CgroupPermissions": "rwm"}]),
        *(("DeviceCgroupRules", ["c *:* rwm"]), ("DeviceRequests", [{"Count": -1, "Capabilities": [["gpu"]]}])),
        *(("Binds", ["/:/host"]), ("Mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}])),
        *(("VolumesFrom", ["other"]), ("Links", ["other:db"]), ("ExtraHosts", ["index:192.0.2.1"])),
        *(("PortBindings", {"80/tcp": [{"HostPort": "80"}]}), ("PublishAllPorts", True)),
        *(("PidMode", "host"), ("UTSMode", "host"), ("Sysctls", {"kernel.shmmax": "1"}), ("CgroupParent", "/other")),
        *(("OomKillDisable", True), ("OomScoreAdj", -1000)),
        *(("CpuQuota", 50000), ("CpuPeriod", 100000), ("NanoCpus", 10**9), ("CpuShares", 2)),
        ("CpuRealtimeRuntime", 950000),
    ],
)
def test_a_setting_that_nobody_asked_for_is_named(name: str, value: object) -> None:
    (said,) = weakened(host={name: value})
    assert said.startswith(f"{name} is ")
    assert name in UNASKED


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Config": {"User": ""}}, 'User is "", not "65534:65534"'),
        ({"Config": {"User": "0:0"}}, 'User is "0:0", not "65534:65534"'),
        ({"Image": "sha256:" + "cd" * 32}, "Image is"),
        ({"NetworkSettings": {"Networks": {"none": {}, "bridge": {}}}}, "it is in the network bridge"),
        ({"Mounts": [{"Type": "bind", "Destination": "/var/run/docker.sock"}]}, "a bind is mounted at /var/run"),
        ({"Mounts": [{"Type": "volume", "Destination": "/data"}]}, "a volume is mounted at /data"),
        ({"Mounts": [{"Type": "bind", "Destination": "/bench"}]}, "a bind is mounted at /bench"),
    ],
)
def test_user_image_mounts_and_networks_are_looked_at(fields: dict[str, Any], words: str) -> None:
    (said,) = weakened(**fields)
    assert said.startswith(words)


def test_another_gpu_than_the_one_that_was_asked_for_is_named() -> None:
    (said,) = find_weakened(launch(image=ID, gpus=(GPU,)), answer(gpus=("GPU-0",)))
    assert said.startswith("DeviceRequests is ")


def test_an_answer_that_says_nothing_is_no_proof() -> None:
    assert len(find_weakened(launch(image=ID), {})) > 10
