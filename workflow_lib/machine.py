"""The machine that a process runs on: processor, GPU driver, peak memory. Imports little."""

import platform
import re
import resource
from pathlib import Path


def cpu() -> str:
    """Return the model name of the processor."""
    return _first_match(Path("/proc/cpuinfo"), r"^model name\s*: (.+)$") or platform.machine()


def driver(file: Path = Path("/proc/driver/nvidia/version")) -> str | None:
    """Return the version of NVIDIA's kernel module, proprietary or open; None without one."""
    return _first_match(file, r"^NVRM version:.*?\s(\d+\.[\d.]+)\s")


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process, in MB.

    `getrusage` would include the peak of the process that started this one.
    """
    found = _first_match(Path("/proc/self/status"), r"^VmHWM:\s*(\d+) kB")
    kilobytes = int(found) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kilobytes * 1024 / 1e6, 1)


def _first_match(file: Path, pattern: str) -> str | None:
    try:
        found = re.search(pattern, file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None
