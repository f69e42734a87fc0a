"""What every competitor of `bench_ledger.py` measures, in its own process: from the first batch at hand to the last acknowledgement."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


class Clock:
    """Seconds, and seconds of CPU of the whole process, its threads included."""

    def __init__(self) -> None:
        self.began = self.ended = self.began_cpu = self.ended_cpu = 0.0

    def take(self) -> None:
        """A batch is at hand; only the first counts."""
        if not self.began:
            self.began_cpu = time.process_time()
            self.began = time.perf_counter()

    def acknowledged(self) -> None:
        """Everything written so far is in the log."""
        self.ended, self.ended_cpu = time.perf_counter(), time.process_time()

    def tell(self) -> None:
        """One line of JSON, the last of this process."""
        found = {
            "seconds": self.ended - self.began,
            "cpu": self.ended_cpu - self.began_cpu,
            "megabytes": megabytes(),
        }
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def megabytes() -> float:
    """The most memory that was resident: the kernel's `ru_maxrss` would count whoever started this process, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
