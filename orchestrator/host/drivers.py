"""Which GPUs does this machine have, by the files of their driver, and which policy do their clocks follow?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.host.gpu import open_gpus
from orchestrator.nouns.gpu import GPU_UUID

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.host.gpu import GpuSource

Said = tuple[str | None, str]
"""A value, or None and the reason."""

VERSION = "proc/driver/nvidia/version"
NO_DRIVER = f"/{VERSION}: no NVIDIA driver is loaded"
# A field of /proc/driver/nvidia/gpus/*/information -> ours.
FIELDS = {"Model": "gpu_model", "GPU UUID": "gpu_uuid", "Video BIOS": "gpu_vbios", "GPU Firmware": "gpu_firmware"}


def describe_gpus(root: Path, open_source: Callable[[], tuple[GpuSource | None, str]] = open_gpus) -> dict[str, Said]:
    """Driver, models, UUIDs, firmware and clocks' policy; several GPUs are joined by commas, in the order of the bus.

    NVML is asked only where the driver's own files say that there is a GPU.
    """
    driver = _read(root / VERSION)
    if not driver:
        absent = (None, NO_DRIVER)
        return dict.fromkeys(("gpu_driver", *FIELDS.values(), "gpu_clocks"), absent)
    version = re.search(r"Module\s+(?:for \S+\s+)?([\d.]+)", driver)
    found: dict[str, Said] = {"gpu_driver": (version[1], "") if version else (None, f"/{VERSION} names no version")}
    folders = sorted((root / "proc/driver/nvidia/gpus").glob("*"))
    texts = [_read(folder / "information") for folder in folders]
    for field, name in FIELDS.items():
        said = [match[1] for text in texts if (match := re.search(rf"^{field}:\s*(\S.*?)\s*$", text, re.MULTILINE))]
        found[name] = (", ".join(said), "") if said else (None, "the driver's files do not say")
    return found | {"gpu_clocks": _read_clocks(open_source)}


def list_gpus(
    root: Path = Path("/"), open_source: Callable[[], tuple[GpuSource | None, str]] = open_gpus
) -> tuple[tuple[str, ...], str]:
    """(UUIDs in the driver's order, why there are none): by NVML, else by the driver's own files."""
    if not _read(root / VERSION):
        return (), NO_DRIVER
    source, reason = open_source()
    if source is not None:
        try:
            if found := source.list_uuids():
                return found, ""
            reason = "NVML shows no GPU"
        except Exception as error:  # the driver's files are asked instead
            reason = f"NVML: {error}"
        finally:
            source.close()
    said, _ = describe_gpus(root, lambda: (None, reason))["gpu_uuid"]
    uuids = tuple(each for each in (said or "").split(", ") if re.match(GPU_UUID, each))
    return (uuids, "") if uuids else ((), f"{reason}, and the driver's files name none")


def _read_clocks(open_source: Callable[[], tuple[GpuSource | None, str]]) -> Said:
    source, reason = open_source()
    if source is None:
        return None, reason
    try:
        said = [source.describe(uuid).get("clocks", "not told") for uuid in source.list_uuids()]
    except Exception as error:  # a fingerprint has no reason to end a run
        return None, f"NVML: {error}"
    finally:
        source.close()
    return ("; ".join(dict.fromkeys(said)), "") if said else (None, "NVML shows no GPU")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
