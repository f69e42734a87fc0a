"""How often a platform may be asked: one account's limit, kept by all processes of this machine together.

The worker, the server and each command are processes of their own, and a platform counts what they ask as one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from connectors.errors import SlowDown

TRAVEL = 1.0
"""Seconds by which requests may be on their way for different times: calls that we make further apart may arrive so much closer."""
LOCK_TRIES = 20
"""Milliseconds for which a file is tried that another process holds; it needs a small part of one. A process that was stopped
while it held it must not stop the others: they go by what they know themselves.
"""


@dataclass(slots=True)
class Noted:
    """When calls were made; from when until when the platform asked to wait. All in seconds of `time.monotonic`, which all
    processes of a machine share. What an earlier start of the machine left there is out of date, or in the future.
    """

    calls: list[float] = field(default_factory=list)
    since: float = 0.0
    until: float = 0.0


class Pace:
    """One limit: at most `calls` in any `seconds` (None: as many as the platform lets us), and none while it asks to wait.

    At most so many in *any* span keeps both a platform that counts in fixed minutes and one that looks back. `folder` is where
    the processes share it, under its `name`; without one, or where its file cannot be used, each goes by its own calls.
    """

    def __init__(
        self, folder: str | None = None, name: str = "all", *, calls: int | None = None, seconds: float = 60.0
    ) -> None:
        self.calls = calls
        self._seconds = seconds + TRAVEL
        self._file = None if folder is None else Path(folder) / name
        self._noted = Noted()

    def take(self) -> None:
        """Counts a call that is made now. Raises `SlowDown`, and counts none, where it would come too early."""
        with self._shared() as noted:
            now = time.monotonic()
            if noted.since <= now < noted.until:
                raise SlowDown(noted.until - now)
            if self.calls is None:
                return
            noted.calls = [at for at in noted.calls if now - self._seconds < at <= now]
            most = max(1, self.calls)
            if len(noted.calls) >= most:
                raise SlowDown(noted.calls[-most] + self._seconds - now)
            noted.calls.append(now)

    def rest(self, seconds: float) -> None:
        """Nobody asks for so long: the platform said so."""
        with self._shared() as noted:
            noted.since = time.monotonic()
            noted.until = noted.since + seconds

    @contextmanager
    def _shared(self) -> Iterator[Noted]:
        """What all processes have noted; what is changed in it is noted for all."""
        held = _locked(self._file)
        if held is None:
            yield self._noted
            return
        try:
            raw = os.pread(held, os.fstat(held).st_size, 0)
            with suppress(orjson.JSONDecodeError, TypeError):  # cut off by a crash: nothing is known then
                self._noted = Noted(**orjson.loads(raw))
            try:
                yield self._noted
            finally:
                if (new := orjson.dumps(asdict(self._noted))) != raw:
                    with suppress(OSError):
                        os.pwrite(held, new, 0)
                        os.ftruncate(held, len(new))
        finally:
            os.close(held)


def _locked(file: Path | None) -> int | None:
    """The file, held by this process alone until it is closed; None where it cannot be."""
    if file is None:
        return None
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)
        except OSError:
            break
        else:
            return held
    os.close(held)
    return None
