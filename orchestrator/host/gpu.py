"""What do the GPUs of this machine do right now, by NVIDIA's management library?

The library comes with the driver; its Python binding is the extra `gpu` of this package. Without one of the two nothing
is measured here, and that is said.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.nouns.gpu import GpuSample

if TYPE_CHECKING:
    from collections.abc import Callable


class GpuSource(Protocol):
    """Where readings of GPUs come from."""

    def list_uuids(self) -> tuple[str, ...]:
        """Every GPU that the driver shows."""

    def describe(self, uuid: str) -> dict[str, str]:
        """What of it stays as it is: `clocks`, ...; what the driver does not tell is left out."""

    def read(self, uuid: str, own: Callable[[int], bool]) -> GpuSample:
        """One look now. `own` says whether a process, by its id on the host, is the workload's."""

    def close(self) -> None:
        """Let go of the driver."""


class NvmlSource:
    """The real one. Every call may be one that this GPU or this driver does not know: then the field is null."""

    def __init__(self, library: Any) -> None:
        """`library` is the module pynvml, initialised."""
        self._nvml = library
        self._handles: dict[str, Any] = {}

    def list_uuids(self) -> tuple[str, ...]:
        """In the driver's order."""
        count = self._nvml.nvmlDeviceGetCount()
        handles = [self._nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        return tuple(_text(self._nvml.nvmlDeviceGetUUID(handle)) for handle in handles)

    def describe(self, uuid: str) -> dict[str, str]:
        """Application clocks, power limit and persistence: the policy that the clocks follow."""
        nvml, handle, parts = self._nvml, self._handle(uuid), []
        with suppress(nvml.NVMLError):
            clocks = [
                nvml.nvmlDeviceGetApplicationsClock(handle, kind) for kind in (nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM)
            ]
            parts.append(f"application clocks {clocks[0]} and {clocks[1]} MHz")
        with suppress(nvml.NVMLError):
            parts.append(f"power limit {nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000:.0f} W")
        with suppress(nvml.NVMLError):
            parts.append(f"persistence {'on' if nvml.nvmlDeviceGetPersistenceMode(handle) else 'off'}")
        return {"clocks": ", ".join(parts)} if parts else {}

    def read(self, uuid: str, own: Callable[[int], bool]) -> GpuSample:
        """One look."""
        nvml, handle, unavailable = self._nvml, self._handle(uuid), {}

        def ask(field: str, call: Callable[[], Any]) -> Any:
            try:
                return call()
            except nvml.NVMLError as error:
                unavailable[field] = str(error)
                return None

        power = ask("power_w", lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        return GpuSample(
            uuid=uuid,
            at_s=time.monotonic(),
            sm_mhz=ask("sm_mhz", lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            sm_default_mhz=ask("sm_default_mhz", lambda: self._default_clock(handle)),
            memory_mhz=ask("memory_mhz", lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            power_w=None if power is None else power / 1000,
            temperature_c=ask(
                "temperature_c", lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            ),
            events=ask("events", lambda: self._events(handle)),
            foreign=ask("foreign", lambda: self._foreign(handle, own)),
            ecc_errors=ask(
                "ecc_errors",
                lambda: nvml.nvmlDeviceGetTotalEccErrors(
                    handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
                ),
            ),
            unavailable=unavailable,
        )

    def close(self) -> None:
        """Let go of the driver."""
        with suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def _handle(self, uuid: str) -> Any:
        if uuid not in self._handles:
            self._handles[uuid] = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        return self._handles[uuid]

    def _default_clock(self, handle: Any) -> int:
        nvml = self._nvml
        try:
            return int(nvml.nvmlDeviceGetDefaultApplicationsClock(handle, nvml.NVML_CLOCK_SM))
        except nvml.NVMLError:
            return int(nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM))

    def _events(self, handle: Any) -> int:
        # The same call and the same bits under the name that it had before driver 535.
        call = getattr(self._nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
        try:
            if call is not None:
                return int(call(handle))
        except self._nvml.NVMLError:
            pass
        return int(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))

    def _foreign(self, handle: Any, own: Callable[[int], bool]) -> tuple[int, ...]:
        found = [
            *self._nvml.nvmlDeviceGetComputeRunningProcesses(handle),
            *self._nvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
        ]
        return tuple(sorted({int(each.pid) for each in found if not own(int(each.pid))}))


def open_gpus() -> tuple[GpuSource | None, str]:
    """The source, or None and why there is none."""
    try:
        import pynvml
    except ImportError:
        return None, "no binding of NVML: pip install 'bench[gpu]'"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return None, f"NVML: {error}"
    return NvmlSource(pynvml), ""


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
