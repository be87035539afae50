"""What is a running container to those who wait for it?"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestrator.engines.cgroup import ABSENT, Usage, find_cgroup
from orchestrator.engines.docker.deadline import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docker import APIClient

    from orchestrator.engines.cgroup import Cgroup
    from orchestrator.engines.disk import Disk

WAIT_SLACK_S = 120
SIGNAL_TIMEOUT_S = 2.0


class Container:
    """A started container: an `engines.watch.Process`."""

    def __init__(self, client: APIClient, container: str, *, timeout_s: float, disk: Disk) -> None:
        self.client = client
        self.disk = disk
        self.id = container
        self.wait_s = int(timeout_s + WAIT_SLACK_S)
        self.cgroup: Cgroup | None = None
        self.counted = Usage()
        self.input = Input(client, container)
        self.read_at: float | None = None

    def wait(self) -> int:
        """Blocks on the engine; the connection's limit is far above the launch's own."""
        return int(self.client.wait(self.id, timeout=self.wait_s)["StatusCode"])

    def sample(self) -> str:
        """Keep the newest counters. The kernel holds the container's limits; a disk has none."""
        self.usage()
        return self.disk.find_problem()

    def usage(self) -> Usage:
        """The counters now; the last ones where there are none any more."""
        if self.cgroup is None:
            self.cgroup = find_cgroup(self.id)
        counted = self.cgroup.read() if self.cgroup else None
        if counted is not None:
            self.counted, self.read_at = counted, time.monotonic()
        return self.counted

    def pids(self) -> Sequence[int]:
        """By its control group, which is on this host or nowhere."""
        return self.cgroup.pids() if self.cgroup else ()

    def proceed(self) -> None:
        """A byte to the standard input of process 1, which hands it on to its children."""
        self.input.send(b"\n")

    def release(self) -> None:
        """Close the standard input: StdinOnce makes that the end of the file inside."""
        self.input.end()

    def hang_up(self) -> None:
        """Let go of the connection."""
        self.input.close()

    def terminate(self) -> None:
        """TERM to process 1, which passes it on."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """KILL to everything inside."""
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        # The engine answers a KILL when it is done: whoever waits for that looks at nothing else meanwhile.
        within(SIGNAL_TIMEOUT_S, f"send {name}", lambda: self.client.kill(self.id, name))

    def unavailable(self, ended_at: float) -> dict[str, str]:
        """Counter -> why it is not known; `after_last_read` where the counters are those of a moment before the end."""
        if self.cgroup is None:
            return dict.fromkeys(("cpu_s", "peak_bytes", "throttled_periods"), ABSENT)
        reason = "it ended before its counters were read once, or the kernel has no such file"
        values = {
            "cpu_s": self.counted.cpu_s,
            "peak_bytes": self.counted.peak_bytes,
            "throttled_periods": self.counted.throttled_periods,
        }
        missing = {name: reason for name, value in values.items() if value is None}
        if self.read_at is not None:
            gap = max(0.0, ended_at - self.read_at)
            missing["after_last_read"] = f"counters were last read {gap:.2f} s before the end"
        return missing


class Input:
    """A container's standard input, attached before it is started. Raises what the engine raises."""

    def __init__(self, client: APIClient, container: str) -> None:
        # The SDK hands over the connection inside two wrappers; both are kept, because they close it when they go.
        self._attached: Any = client.attach_socket(container, {"stdin": 1, "stream": 1})
        self._socket: Any = getattr(self._attached, "_sock", self._attached)

    def send(self, data: bytes) -> None:
        """Nothing where the container is gone: its end is seen elsewhere."""
        with suppress(OSError):
            self._socket.sendall(data)

    def end(self) -> None:
        """The end of the file, inside."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the connection: the response first, which flushes its file."""
        response: Any = getattr(self._attached, "_response", None)
        for each in (response, self._attached, self._socket):
            with suppress(OSError, ValueError, AttributeError):
                each.close()
