"""Peak of the memory in use, from a moment on (Linux; elsewhere zero)."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")


def start_peak() -> int:
    """Reset the peak; return the bytes in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return _bytes("VmRSS")


def peak_since(before: int) -> int:
    """Return by how many bytes the peak lies above what was in use."""
    return max(0, _bytes("VmHWM") - before) if before else 0


def _bytes(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
