"""What is a running container to those who wait for it?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.engines.cgroup import ABSENT, Usage, find_cgroup

if TYPE_CHECKING:
    from docker import APIClient

    from orchestrator.engines.cgroup import Cgroup

WAIT_SLACK_S = 120


class Container:
    """A started container: an `engines.watch.Process`."""

    def __init__(self, client: APIClient, container: str, *, timeout_s: float) -> None:
        self.client = client
        self.id = container
        self.wait_s = int(timeout_s + WAIT_SLACK_S)
        self.cgroup: Cgroup | None = None
        self.usage = Usage()
        self.read_at: float | None = None

    def wait(self) -> int:
        """Blocks on the engine; the connection's limit is far above the launch's own."""
        return int(self.client.wait(self.id, timeout=self.wait_s)["StatusCode"])

    def sample(self) -> str:
        """Keep the newest counters. Nothing that is seen here ends a container: the kernel holds its limits."""
        if self.cgroup is None:
            self.cgroup = find_cgroup(self.id)
        usage = self.cgroup.read() if self.cgroup else None
        if usage is not None:
            self.usage, self.read_at = usage, time.monotonic()
        return ""

    def terminate(self) -> None:
        """TERM to process 1, which passes it on."""
        self.client.kill(self.id, "SIGTERM")

    def kill(self) -> None:
        """KILL to everything inside."""
        self.client.kill(self.id, "SIGKILL")

    def unavailable(self, ended_at: float) -> dict[str, str]:
        """Counter -> why it is not known; `after_last_read` where the counters are those of a moment before the end."""
        if self.cgroup is None:
            return dict.fromkeys(("cpu_s", "peak_bytes", "throttled_periods"), ABSENT)
        reason = "it ended before its counters were read once, or the kernel has no such file"
        values = {
            "cpu_s": self.usage.cpu_s,
            "peak_bytes": self.usage.peak_bytes,
            "throttled_periods": self.usage.throttled_periods,
        }
        missing = {name: reason for name, value in values.items() if value is None}
        if self.read_at is not None:
            gap = max(0.0, ended_at - self.read_at)
            missing["after_last_read"] = f"counters were last read {gap:.2f} s before the end"
        return missing
