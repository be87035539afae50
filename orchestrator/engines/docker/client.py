"""How is the engine reached, and may it be?"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.errors import NoEngineError

if TYPE_CHECKING:
    from docker import APIClient

CONNECT_TIMEOUT_S = 2
OPEN_TIMEOUT_S = 10
"""For the whole of the first meeting, a byte at a time included."""
CALL_TIMEOUT_S = 60
"""For every call but the wait for a container's end: a phase that takes longer has lost its engine."""
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
OLDEST = (23, 0)
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def open_client(host: str | None = None) -> APIClient:
    """A connected client for DOCKER_HOST, else for docker's current context, else for the default socket.

    Fails within CONNECT_TIMEOUT_S. Raises NoEngineError when nothing answers there, or when the address is plain
    TCP to another machine: whoever can listen in on that, or write to it, is root there.
    """
    from docker import APIClient
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    address = host or os.environ.get("DOCKER_HOST") or _context_host()
    _refuse_plain_tcp(address)
    environment = {**os.environ, **({"DOCKER_HOST": address} if address else {})}
    try:
        _knock(address or DEFAULT_ADDRESS)
        options = kwargs_from_env(environment=environment)
        client = APIClient(version="auto", timeout=CONNECT_TIMEOUT_S, **options)
    except (DockerException, OSError, ValueError) as error:
        where = address or DEFAULT_ADDRESS
        reason = " ".join(str(error).split())[:200]
        raise NoEngineError(
            f"no container engine answers at {where}: {reason}; start one, set DOCKER_HOST, or use --engine local"
        ) from error
    client.timeout = CALL_TIMEOUT_S
    return client


def failures() -> tuple[type[Exception], ...]:
    """What a call raises where the engine answers with an error, or not at all."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    return (DockerException, RequestException, HTTPError, OSError)


def describe_engine(client: APIClient) -> str:
    """`docker 26.1.5, overlay2, 2 CPUs`, with a warning where the engine is older than what is tested."""
    version, info = client.version(), client.info()
    name = "podman" if any("Podman" in part.get("Name", "") for part in version.get("Components") or []) else "docker"
    text = f"{name} {version['Version']}, {info.get('Driver', '?')}, {info.get('NCPU', '?')} CPUs"
    runc = next((part.get("Version") for part in version.get("Components") or [] if part.get("Name") == "runc"), None)
    if runc:
        text += f", runc {runc}"
    if name == "docker" and _numbers(version["Version"]) < OLDEST:
        text += f" (warning: older than {OLDEST[0]}.{OLDEST[1]}: out of support, and builds may fail)"
    return text


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split("+", maxsplit=1)[0].split("-", maxsplit=1)[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def _context_host() -> str | None:
    """The address of `docker context`'s current choice; None for the default one, or where none can be read."""
    from docker.context import ContextAPI

    with suppress(Exception):  # a half-written configuration of another tool is not our failure
        context = ContextAPI.get_current_context()
        if context is not None and context.name != "default":
            return str(context.Host) or None
    return None


def _knock(address: str) -> None:
    """Connect and hang up: the SDK retries, and leaves its socket open where nobody listens. Raises OSError."""
    parts = urlsplit(address)
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(parts.path)
    elif parts.scheme in {"tcp", "http", "https"} and parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_TIMEOUT_S).close()


def _refuse_plain_tcp(address: str | None) -> None:
    parts = urlsplit(address or "")
    plain = parts.scheme in {"tcp", "http"} and not os.environ.get("DOCKER_TLS_VERIFY")
    if plain and (parts.hostname or "") not in LOOPBACK:
        raise NoEngineError(
            f"{address}: plain TCP to another machine gives root there to whoever listens; "
            "use ssh://, or TLS with DOCKER_TLS_VERIFY=1"
        )
