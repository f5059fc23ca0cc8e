"""What the system says of a process: its processor time and its memory. Linux alone knows."""

import os
import re
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET_SECONDS = 0.05
_QUIET_WITHIN_SECONDS = 10.0


def cpu_seconds(pid: int) -> float:
    """The processor's time that a process took so far with all its threads, in steps of 10 ms."""
    # After the name in brackets, which may hold anything: fields 14 and 15 of proc(5) are 11 and 12 here.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """The memory that a process has now; 0 where it has ended."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most memory that a process had, since `forget_peak` or its start; 0 where it has ended."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let the peak begin anew at what the process has now: proc(5), `clear_refs`."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def wait_until_quiet(pid: int) -> None:
    """Wait until a process has nothing left to do for clients that are gone, or 10 seconds."""
    deadline = time.monotonic() + _QUIET_WITHIN_SECONDS
    before = cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(_QUIET_SECONDS)
        now = cpu_seconds(pid)
        if now == before:
            return
        before = now


def _status(pid: int, name: str) -> int:
    try:
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
