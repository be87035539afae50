"""Was the container as closed as it was asked to be, by the engine's own word?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.engines.docker.launch import VOLUME, make_container

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.nouns.launch import Launch

UNASKED = (
    *("Privileged", "CapAdd", "GroupAdd", "Devices", "DeviceCgroupRules", "DeviceRequests", "UsernsMode"),
    *("Binds", "Mounts", "VolumesFrom", "Links", "ExtraHosts", "PortBindings", "PublishAllPorts"),
    *("PidMode", "UTSMode", "Sysctls", "CgroupParent", "OomKillDisable", "OomScoreAdj"),
    *("CpuQuota", "CpuPeriod", "NanoCpus", "CpuShares", "CpuRealtimeRuntime"),
)
"""Settings of the engine's `create` that open a container or share its CPUs out otherwise: none is ever asked for."""
MASKS = ("MaskedPaths", "ReadonlyPaths")
"""The engine's own lists; an empty one is `systempaths=unconfined`."""
MOST_CHARACTERS = 100
_OWN = "private"
"""The word of some engines for what Docker leaves empty: a namespace of its own."""


def find_weakened(launch: Launch, found: Mapping[str, Any]) -> tuple[str, ...]:
    """`ReadonlyRootfs is false, not true`, ... of the answer to `inspect`; empty where all is as it was asked for.

    An engine drops what its kernel cannot do with no more than a warning, its own configuration may add to what was
    asked, and others may change a container while it runs: so every single one is looked at after its end.
    """
    body = make_container(launch)
    host: Mapping[str, Any] = found.get("HostConfig") or {}
    asked: dict[str, Any] = body["HostConfig"]
    wrong = [_say(name, host.get(name), want) for name, want in asked.items() if not _agree(host.get(name), want)]
    for name in UNASKED:
        value = host.get(name)
        if name not in asked and value and value != _OWN:
            wrong.append(_say(name, value, None))
    wrong += [f"{name} is empty" for name in MASKS if host.get(name) == []]
    user = (found.get("Config") or {}).get("User")
    if user != body["User"]:
        wrong.append(_say("User", user, body["User"]))
    return (*wrong, *_mounts(found), *_networks(found), *_image(launch, found))


def _mounts(found: Mapping[str, Any]) -> list[str]:
    """Beside the folder of the work, which is a volume of its own, nothing is mounted."""
    mounts = found.get("Mounts") or []
    others = [each for each in mounts if (each.get("Type"), each.get("Destination")) != ("volume", VOLUME)]
    return [f"a {each.get('Type')} is mounted at {each.get('Destination')}"[:MOST_CHARACTERS] for each in others]


def _networks(found: Mapping[str, Any]) -> list[str]:
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return [f"it is in the network {name}"[:MOST_CHARACTERS] for name in networks if name != "none"]


def _image(launch: Launch, found: Mapping[str, Any]) -> list[str]:
    if not launch.image.startswith("sha256:") or found.get("Image") == launch.image:
        return []
    return [_say("Image", found.get("Image"), launch.image)]


def _agree(found: Any, asked: Any) -> bool:
    """Equal, where absent, null, empty and zero are one, and an engine may give a list in an order of its own."""
    if isinstance(asked, dict):
        named = found if isinstance(found, dict) else {}
        return all(_agree(named.get(name), asked.get(name)) for name in named.keys() | asked.keys())
    if isinstance(asked, list):
        listed = found if isinstance(found, list) else []
        if len(listed) != len(asked):
            return False
        pairs = zip(sorted(listed, key=_sortable), sorted(asked, key=_sortable), strict=True)
        return all(_agree(one, other) for one, other in pairs)
    return bool(found == asked or (not found and not asked))


def _sortable(value: Any) -> str:
    # By what an engine gives back as it was given: it adds fields of its own to the others.
    known = value.get("Name", "") if isinstance(value, dict) else value
    return json.dumps(known)


def _say(name: str, found: Any, asked: Any) -> str:
    not_so = f", not {json.dumps(asked)}" if asked is not None else ""
    return f"{name} is {json.dumps(found)[:MOST_CHARACTERS]}{not_so}"
