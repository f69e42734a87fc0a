"""Whether there is room on the disks that an installation writes to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.engines import HOMES
from deploy.processes import free_space
from streams.settings import EMBEDDED, Settings
from streams.system import engine_data

LEFT = 16 << 20
"""Bytes that must be free on a disk that we write to: RocksDB and PostgreSQL take so many at a time, and an engine that meets the
end of its disk ends.
"""


def folders(settings: Settings) -> dict[str, Path]:
    """What is on this machine: the state of its workers, and its own engines' data."""
    embedded = {"kafka": settings.kafka.address, "postgres": settings.postgres.address}
    data = engine_data(settings)
    found = {"state": settings.data / "faust"}
    found.update((name, home(data)) for name, home in HOMES.items() if embedded[name] == EMBEDDED)
    return found


def full(folder: Path) -> str | None:
    """Why nothing can be written in a folder, or where it will be; None: it can."""
    try:
        if (left := free_space(folder)) < LEFT:
            return f"the disk is full: {left >> 20} MB are free in {folder}"
        if folder.exists() and not os.access(folder, os.W_OK):
            return f"{folder} cannot be written to"
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return None


def all_full(folders: Mapping[str, Path]) -> str | None:
    """Which of several folders take nothing, and why; None: all do."""
    found = {name: full(folder) for name, folder in folders.items()}
    return "; ".join(f"{name}: {why}" for name, why in found.items() if why) or None
