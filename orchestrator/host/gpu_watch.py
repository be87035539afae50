"""What did some GPUs do all the while that something was timed on them?"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from orchestrator.nouns.gpu import GpuConditions, GpuSample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from orchestrator.host.gpu import GpuSource

PERIOD_S = 0.2
"""5 Hz: a look costs the driver about a millisecond, and slowdowns last longer than that."""
# NVML API reference, nvmlClocksEventReasons (formerly ...ThrottleReasons). Idle, set clocks and the like are left out:
# they are no events, and a GPU between two steps is idle.
EVENTS = {
    0x4: "SwPowerCap",
    0x8: "HwSlowdown",
    0x20: "SwThermalSlowdown",
    0x40: "HwThermalSlowdown",
    0x80: "HwPowerBrakeSlowdown",
}


class GpuWatch:
    """Looks at some GPUs all the while a `with` block runs: once at its start, once at its end, and in between.

    Wraps the timed region from outside: no call of it enters the workload's stream.
    """

    def __init__(
        self,
        source: GpuSource,
        uuids: Iterable[str],
        *,
        own: Callable[[int], bool] = lambda _: False,
        period_s: float = PERIOD_S,
    ) -> None:
        self._source, self._uuids, self._own, self._period_s = source, tuple(uuids), own, period_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bench-gpu", daemon=True)
        self.samples: list[GpuSample] = []
        self.problem = ""
        """Why the looks ended before the block did; empty where they did not."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Look once, then again and again."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Look a last time; a second call does nothing."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            self._look()

    def conditions(self) -> tuple[GpuConditions, ...]:
        """What the looks so far come to, one per GPU."""
        return tuple(
            summarise_gpu(uuid, [sample for sample in self.samples if sample.uuid == uuid], problem=self.problem)
            for uuid in self._uuids
        )

    def _watch(self) -> None:
        while not self._over.wait(self._period_s):
            self._look()

    def _look(self) -> None:
        try:
            self.samples += [self._source.read(uuid, self._own) for uuid in self._uuids]
        except Exception as error:  # a lost GPU must not end the run: it is said, and judged
            self.problem = self.problem or f"{type(error).__name__}: {error}"


def summarise_gpu(uuid: str, samples: Sequence[GpuSample], *, problem: str = "") -> GpuConditions:
    """Means and extremes over the looks at one GPU; a field without a single reading is null, with the reason."""

    def values(field: str) -> list[Any]:
        return [value for sample in samples if (value := getattr(sample, field)) is not None]

    unavailable: dict[str, str] = {}
    for sample in samples:
        unavailable = {**sample.unavailable, **unavailable}
    unavailable = {field: reason for field, reason in unavailable.items() if not values(field)}
    if problem:
        unavailable["samples"] = problem
    elif not samples:
        unavailable["samples"] = "nobody looked"
    clocks, powers, errors, masks = (values(name) for name in ("sm_mhz", "power_w", "ecc_errors", "events"))
    held = {name: sum(bool(mask & bit) for mask in masks) for bit, name in EVENTS.items()}
    return GpuConditions(
        uuid=uuid,
        samples=len(samples),
        window_s=samples[-1].at_s - samples[0].at_s if samples else None,
        sm_mean_mhz=_mean(clocks),
        sm_lowest_mhz=min(clocks, default=None),
        sm_default_mhz=max(values("sm_default_mhz"), default=None),
        memory_mean_mhz=_mean(values("memory_mhz")),
        power_mean_w=_mean(powers),
        power_most_w=max(powers, default=None),
        temperature_most_c=max(values("temperature_c"), default=None),
        events={name: count for name, count in held.items() if count} if masks else None,
        foreign=tuple(sorted({pid for pids in values("foreign") for pid in pids})) if values("foreign") else None,
        ecc_errors=errors[-1] - errors[0] if errors else None,
        unavailable=unavailable,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
