"""Which settings would open a container, and are refused by name wherever a file holds them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HOST = "it would hand the container a namespace of the host"
_PATHS = "it would lay the host's files or devices into the container; data travels through the engine"
_RIGHTS = "it would give the container rights; it has none"
_NETWORK = "a container has no network: what it may need is in its image"
_ENGINE = "whoever speaks to the engine is root on its host"
FORBIDDEN = {
    **dict.fromkeys(("network", "network_mode", "net", "networks", "ports", "publish", "extra_hosts", "dns"), _NETWORK),
    **dict.fromkeys(("pid", "pid_mode", "ipc", "ipc_mode", "uts", "uts_mode", "userns", "userns_mode"), _HOST),
    **dict.fromkeys(("cgroup", "cgroupns", "cgroupns_mode", "cgroup_parent", "sysctls", "sysctl"), _HOST),
    **dict.fromkeys(("devices", "device_cgroup_rules", "device_requests"), _PATHS),
    **dict.fromkeys(("binds", "bind", "volumes", "volume", "volumes_from", "mounts", "mount", "tmpfs"), _PATHS),
    **dict.fromkeys(("privileged", "cap_add", "cap_drop", "capabilities", "caps", "group_add", "user"), _RIGHTS),
    **dict.fromkeys(("seccomp", "apparmor", "security_opt", "no_new_privileges", "read_only", "runtime"), _RIGHTS),
    **dict.fromkeys(("docker", "docker_host", "docker_sock", "docker_socket", "docker_args", "run_args"), _ENGINE),
    **dict.fromkeys(("gpus", "gpu"), "a row of `device` cuda gets one GPU, which the host names by its UUID"),
    **dict.fromkeys(("run", "unsafe_run", "command", "entrypoint", "dockerfile"), "no file here holds a command"),
}
"""Docker's, Compose's and Podman's names, with underscores in place of dashes."""
SOCKETS = ("docker.sock", "podman.sock", "containerd.sock")
_FREE = frozenset({"env", "build_env", "links"})
"""Tables whose keys are names of variables and files; catalog/fields.py holds them to patterns of their own."""


def find_forbidden(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(`method.privileged`, why it is refused) of every such key, and of every text that names an engine's socket."""
    for key, value in table.items():
        path = f"{prefix}{key}"
        name = key.strip().lstrip("-").replace("-", "_").lower()
        if name in FORBIDDEN:
            yield path, FORBIDDEN[name]
        elif any(socket in key for socket in SOCKETS):
            yield path, _ENGINE
        elif isinstance(value, dict) and name not in _FREE:
            yield from find_forbidden(value, f"{path}.")
        else:
            yield from _find_in_values(path, value)


def _find_in_values(path: str, value: Any) -> Iterator[tuple[str, str]]:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield from find_forbidden(each, f"{path}.")
        elif isinstance(each, str) and any(socket in each for socket in SOCKETS):
            yield path, _ENGINE
