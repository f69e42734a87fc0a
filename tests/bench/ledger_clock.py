"""What every competitor of `bench_ledger.py` measures, in its own process: from the first batch at hand to the last acknowledgement."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

BROKER = "ONHAND_BROKER_PID"
"""The variable that says which process the broker is: what a competitor makes it work is counted apart."""


class Clock:
    """Seconds, and seconds of CPU: of the whole process with its threads and children, and of the broker meanwhile."""

    def __init__(self) -> None:
        self.began = self.ended = self.began_cpu = self.ended_cpu = self.broker = 0.0

    def take(self) -> None:
        """A batch is at hand; only the first counts."""
        if not self.began:
            self.broker = broker()
            self.began_cpu = cpu()
            self.began = time.perf_counter()

    def acknowledged(self) -> None:
        """Everything written so far is in the log."""
        self.ended, self.ended_cpu = time.perf_counter(), cpu()

    def tell(self) -> None:
        """One line of JSON, the last of this process."""
        found = {
            "seconds": self.ended - self.began,
            "cpu": self.ended_cpu - self.began_cpu,
            "broker": broker() - self.broker,
            "megabytes": megabytes(),
        }
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def cpu() -> float:
    """Seconds of CPU of this process so far, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def broker() -> float:
    """The broker's seconds of CPU so far."""
    stat = Path(f"/proc/{os.environ[BROKER]}/stat").read_text(encoding="ascii")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes() -> float:
    """The most memory that was resident: the kernel's `ru_maxrss` would count whoever started this process, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
