"""What stands between this kernel and the machine, and between a container and this kernel?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_hypervisor(root: Path) -> tuple[str | None, str]:
    """`none`, its name, or `unnamed`: the processor's flag says that there is one, the firmware whose.

    Linux shows the flag on x86 only (CPUID leaf 1, ECX bit 31); elsewhere a name is the only proof.
    """
    named = _line(root / "sys/hypervisor/type") or _line(root / "proc/device-tree/hypervisor/compatible")
    firmware = " ".join(
        filter(None, (_line(root / f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")))
    )
    flags = next((line for line in _text(root / "proc/cpuinfo").splitlines() if line.startswith("flags")), "")
    if not flags:
        return (named, "") if named else (None, "/proc/cpuinfo lists no flags to tell it by")
    if "hypervisor" not in flags.split():
        return "none", ""
    return named or firmware or "unnamed", ""


def read_cgroup_version(root: Path) -> tuple[str | None, str]:
    """`v2`, `v1`, or `v1 (hybrid)` where an empty version 2 tree is mounted beside the controllers of version 1."""
    folder = root / "sys/fs/cgroup"
    if (folder / "cgroup.controllers").is_file():
        return "v2", ""
    if any((folder / name).is_dir() for name in ("cpu", "cpuacct", "cpuset", "memory")):
        return "v1 (hybrid)" if (folder / "unified/cgroup.controllers").is_file() else "v1", ""
    return None, "/sys/fs/cgroup shows no controllers"


def _line(path: Path) -> str:
    return _text(path).replace("\0", " ").strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
