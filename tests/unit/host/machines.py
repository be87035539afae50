"""A machine as files: everything that a fingerprint reads, with a value that is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CPU = "sys/devices/system/cpu"

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Fast One
microcode\t: 0x1
cpu MHz\t\t: 2000.000
flags\t\t: avx2 fma hypervisor

processor\t: 1
model name\t: Other
"""
GPU = "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-1234\nVideo BIOS: \t 96.00.01\nGPU Firmware: \t 570.1\nIRQ: 5\n"

FILES = {
    "proc/cpuinfo": CPUINFO,
    "proc/meminfo": "MemTotal:       1000 kB\nMemFree: 1 kB\n",
    "proc/cmdline": "root=/dev/secret token=hunter2 mitigations=off isolcpus=1 quiet nosmt\n",
    "proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 4096 17 -2\n/swap file 1024 0 -3\n",
    "proc/sys/kernel/osrelease": "6.1.0\n",
    "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Debian\n",
    "proc/sys/kernel/randomize_va_space": "2\n",
    "proc/sys/kernel/numa_balancing": "1\n",
    "proc/sys/vm/swappiness": "60\n",
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu\nGCC version: 12\n",
    "proc/driver/nvidia/gpus/0000:01:00.0/information": GPU,
    "sys/class/dmi/id/sys_vendor": "QEMU\n",
    "sys/class/dmi/id/product_name": "Standard PC\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu memory\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    f"{CPU}/online": "0-1\n",
    f"{CPU}/isolated": "1\n",
    f"{CPU}/nohz_full": "(null)\n",
    f"{CPU}/smt/control": "on\n",
    f"{CPU}/intel_pstate/no_turbo": "1\n",
    f"{CPU}/vulnerabilities/meltdown": "Not affected\n",
    f"{CPU}/vulnerabilities/spectre_v2": "Mitigation: Retpolines\n",
    **{
        f"{CPU}/cpu{cpu}/cpufreq/{name}": f"{text}\n"
        for cpu in (0, 1)
        for name, text in (
            ("scaling_governor", "powersave"),
            ("scaling_driver", "intel_pstate"),
            ("scaling_min_freq", "800000"),
            ("scaling_max_freq", "3500000"),
            ("energy_performance_preference", "balance_performance"),
        )
    },
}


def write_machine(root: Path, files: dict[str, str] | None = None) -> Path:
    """Files of FILES unless told otherwise, under `root`."""
    for name, text in (FILES if files is None else files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
