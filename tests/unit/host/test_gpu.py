"""Is what NVML says of a GPU read as it is, and what it does not say left out with the reason?"""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.host.drivers import describe_gpus, list_gpus
from orchestrator.host.gpu import NvmlSource, open_gpus
from orchestrator.host.gpu_watch import EVENTS, GpuWatch, summarise_gpu
from orchestrator.nouns.gpu import GpuSample
from tests.unit.host.machines import write_machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class NVMLError(Exception):
    """As pynvml's."""


def nvml(**changes: Any) -> Any:
    """A module pynvml that knows one H200, busy and quiet; `changes` replace its functions, None makes them fail."""
    processes = [SimpleNamespace(pid=100), SimpleNamespace(pid=200)]
    found: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVML_CLOCK_SM": 1,
        "NVML_CLOCK_MEM": 2,
        "NVML_TEMPERATURE_GPU": 0,
        "NVML_MEMORY_ERROR_TYPE_UNCORRECTED": 1,
        "NVML_VOLATILE_ECC": 0,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: f"handle {index}",
        "nvmlDeviceGetHandleByUUID": lambda uuid: f"handle of {uuid}",
        "nvmlDeviceGetUUID": lambda _: b"GPU-1",
        "nvmlDeviceGetClockInfo": lambda _, kind: {1: 1900, 2: 3201}[kind],
        "nvmlDeviceGetApplicationsClock": lambda _, kind: {1: 1980, 2: 3201}[kind],
        "nvmlDeviceGetDefaultApplicationsClock": lambda _, kind: {1: 1980, 2: 3201}[kind],
        "nvmlDeviceGetMaxClockInfo": lambda _, kind: {1: 2000, 2: 3201}[kind],
        "nvmlDeviceGetPowerUsage": lambda _: 412_500,
        "nvmlDeviceGetEnforcedPowerLimit": lambda _: 700_000,
        "nvmlDeviceGetPersistenceMode": lambda _: 1,
        "nvmlDeviceGetTemperature": lambda _, sensor: 61 + sensor,
        "nvmlDeviceGetCurrentClocksEventReasons": lambda _: 0x4,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda _: 0x40,
        "nvmlDeviceGetComputeRunningProcesses": lambda _: processes,
        "nvmlDeviceGetGraphicsRunningProcesses": lambda _: processes[:1],
        "nvmlDeviceGetTotalEccErrors": lambda _, kind, counter: 7 if (kind, counter) == (1, 0) else -1,
    }
    return SimpleNamespace(**(found | {name: call or failing(name) for name, call in changes.items()}))


def failing(name: str) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise NVMLError(f"{name}: Not Supported")

    return call


def test_one_look_holds_everything_that_the_driver_tells() -> None:
    seen = NvmlSource(nvml()).read("GPU-1", lambda pid: pid == 200)
    assert seen.model_dump(exclude={"at_s"}) == {
        "uuid": "GPU-1",
        "sm_mhz": 1900,
        "sm_default_mhz": 1980,
        "memory_mhz": 3201,
        "power_w": 412.5,
        "temperature_c": 61,
        "events": 0x4,
        "foreign": (100,),
        "ecc_errors": 7,
        "unavailable": {},
    }
    assert NvmlSource(nvml()).list_uuids() == ("GPU-1",)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
        ("nvmlDeviceGetTotalEccErrors", "ecc_errors"),
        ("nvmlDeviceGetComputeRunningProcesses", "foreign"),
    ],
)
def test_what_a_gpu_does_not_know_is_null_with_the_drivers_own_reason(call: str, field: str) -> None:
    seen = NvmlSource(nvml(**{call: None})).read("GPU-1", lambda _: False)
    assert getattr(seen, field) is None
    assert seen.unavailable == {field: f"{call}: Not Supported"}


def test_an_older_driver_calls_the_events_throttling() -> None:
    old = nvml()
    del old.nvmlDeviceGetCurrentClocksEventReasons
    assert NvmlSource(old).read("GPU-1", bool).events == 0x40
    refused = nvml(nvmlDeviceGetCurrentClocksEventReasons=None)
    assert NvmlSource(refused).read("GPU-1", bool).events == 0x40


def test_where_there_are_no_application_clocks_the_highest_clock_is_the_default() -> None:
    seen = NvmlSource(nvml(nvmlDeviceGetDefaultApplicationsClock=None)).read("GPU-1", bool)
    assert seen.sm_default_mhz == 2000


def test_without_the_binding_or_the_driver_there_is_no_source_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert open_gpus() == (None, "no binding of NVML: pip install 'bench[gpu]'")
    module = ModuleType("pynvml")
    vars(module).update(vars(nvml(nvmlInit=None)))
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert open_gpus() == (None, "NVML: nvmlInit: Not Supported")
    vars(module).update(vars(nvml()))
    source, reason = open_gpus()
    assert (source is not None, reason) == (True, "")


def sample(**fields: Any) -> GpuSample:
    defaults: dict[str, Any] = {
        "uuid": "GPU-1",
        "at_s": 0.0,
        "sm_mhz": 1980,
        "sm_default_mhz": 1980,
        "events": 0,
        "foreign": (),
    }
    return GpuSample(**(defaults | fields))


class FakeSource:
    """Gives the same sample again and again, and wakes who waits for a third look."""

    def __init__(self, *, dies_after: int = 10**6) -> None:
        self.looks, self.dies_after, self.third = 0, dies_after, threading.Event()

    def list_uuids(self) -> tuple[str, ...]:
        return ("GPU-1",)

    def describe(self, uuid: str) -> dict[str, str]:
        return {"clocks": f"of {uuid}"}

    def read(self, uuid: str, own: Callable[[int], bool]) -> GpuSample:
        self.looks += 1
        if self.looks > self.dies_after:
            raise RuntimeError("GPU is lost")
        if self.looks >= 3:
            self.third.set()
        return sample(uuid=uuid, at_s=float(self.looks), foreign=() if own(5) else (5,))

    def close(self) -> None:
        pass


def test_a_gpu_is_looked_at_when_the_block_begins_all_the_while_and_when_it_ends() -> None:
    source = FakeSource()
    with GpuWatch(source, ("GPU-1",), own=lambda pid: pid == 5, period_s=0.001) as watch:
        assert len(watch.samples) >= 1
        assert source.third.wait(timeout=30), "looks go on by themselves"
    assert len(watch.samples) == source.looks
    assert not any(thread.name == "bench-gpu" for thread in threading.enumerate())
    (seen,) = watch.conditions()
    assert seen.samples >= 3
    assert seen.foreign == ()


def test_a_block_too_short_for_the_period_is_looked_at_twice() -> None:
    with GpuWatch(FakeSource(), ("GPU-1",), period_s=3600) as watch:
        pass
    assert [each.at_s for each in watch.samples] == [1.0, 2.0]
    assert watch.conditions()[0].foreign == (5,)


def test_a_gpu_that_is_lost_ends_no_run_and_is_told() -> None:
    with GpuWatch(FakeSource(dies_after=1), ("GPU-1",), period_s=3600) as watch:
        pass
    (seen,) = watch.conditions()
    assert seen.samples == 1
    assert seen.unavailable == {"samples": "RuntimeError: GPU is lost"}


def test_samples_come_to_means_extremes_and_counts() -> None:
    seen = summarise_gpu(
        "GPU-1",
        [
            sample(at_s=1.0, sm_mhz=1980, power_w=400.0, temperature_c=60, events=0x0, ecc_errors=3, foreign=(9,)),
            sample(at_s=1.2, sm_mhz=1500, power_w=500.0, temperature_c=80, events=0x4 | 0x1, ecc_errors=3),
            sample(at_s=1.4, sm_mhz=None, power_w=None, temperature_c=70, events=0x4 | 0x40, ecc_errors=5),
        ],
    )
    assert seen.samples == 3
    assert seen.window_s == pytest.approx(0.4)
    assert (seen.sm_mean_mhz, seen.sm_lowest_mhz, seen.sm_default_mhz) == (1740, 1500, 1980)
    assert (seen.power_mean_w, seen.power_most_w, seen.temperature_most_c) == (450, 500, 80)
    assert seen.events == {"SwPowerCap": 2, "HwThermalSlowdown": 1}, "idle is no event"
    assert (seen.foreign, seen.ecc_errors) == ((9,), 2)


def test_nothing_is_made_up_of_no_samples() -> None:
    seen = summarise_gpu("GPU-1", [])
    numbers = seen.model_dump(exclude={"uuid", "samples", "unavailable"})
    assert set(numbers.values()) == {None}
    assert seen.unavailable == {"samples": "nobody looked"}


def test_the_bits_are_those_of_nvmls_own_header() -> None:
    """nvml.h: nvmlClocksEventReasonSwPowerCap 0x4, HwSlowdown 0x8, SwThermal 0x20, HwThermal 0x40, PowerBrake 0x80."""
    pynvml = pytest.importorskip("pynvml", reason="the extra `gpu` is not installed")
    assert {getattr(pynvml, f"nvmlClocksEventReason{name}"): name for name in EVENTS.values()} == EVENTS


def test_the_policy_of_the_clocks_is_asked_for_where_a_driver_is_loaded(tmp_path: Path) -> None:
    def found() -> tuple[NvmlSource, str]:
        return NvmlSource(nvml()), ""

    said = describe_gpus(write_machine(tmp_path), found)
    assert said["gpu_clocks"] == ("application clocks 1980 and 3201 MHz, power limit 700 W, persistence on", "")
    assert describe_gpus(tmp_path, lambda: (None, "no NVML"))["gpu_clocks"] == (None, "no NVML")

    def lost() -> tuple[NvmlSource, str]:
        return NvmlSource(nvml(nvmlDeviceGetHandleByUUID=None)), ""

    assert describe_gpus(tmp_path, lost)["gpu_clocks"] == (None, "NVML: nvmlDeviceGetHandleByUUID: Not Supported")


def test_two_gpus_are_both_named(tmp_path: Path) -> None:
    write_machine(tmp_path)
    write_machine(tmp_path, {"proc/driver/nvidia/gpus/0000:02:00.0/information": "GPU UUID: GPU-5678\n"})
    said = describe_gpus(tmp_path, lambda: (None, "no NVML"))
    assert said["gpu_uuid"] == ("GPU-1234, GPU-5678", "")


def test_without_a_driver_nothing_is_asked(tmp_path: Path) -> None:
    def never() -> Any:
        raise AssertionError("NVML was asked although no driver is loaded")

    said = describe_gpus(tmp_path, never)
    assert {value for value, _ in said.values()} == {None}
    assert all(reason for _, reason in said.values())


def test_the_gpus_of_this_host_are_nvmls_else_those_of_the_drivers_files_else_none_with_a_reason(
    tmp_path: Path,
) -> None:
    def nobody() -> tuple[None, str]:
        return None, "no binding of NVML"

    assert list_gpus(tmp_path, nobody) == ((), "/proc/driver/nvidia/version: no NVIDIA driver is loaded")
    folder = tmp_path / "proc/driver/nvidia"
    folder.mkdir(parents=True)
    (folder / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  now")
    assert list_gpus(tmp_path, nobody) == ((), "no binding of NVML, and the driver's files name none")
    assert list_gpus(tmp_path, lambda: (FakeSource(), "")) == (FakeSource().list_uuids(), "")
    for name, uuid in (("0000:01:00.0", "GPU-1"), ("0000:02:00.0", "GPU-2")):
        (folder / "gpus" / name).mkdir(parents=True)
        (folder / "gpus" / name / "information").write_text(f"Model: \t NVIDIA H200\nGPU UUID: \t {uuid}\n")
    assert list_gpus(tmp_path, nobody) == (("GPU-1", "GPU-2"), "")
