"""How often a platform may be asked: one account's limit, kept by all processes of this machine together.

The worker, the server and each command are processes of their own, and a platform counts what they ask as one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.errors import SlowDown

MARGIN, MARGIN_MAX = 0.1, 1.0
"""By how much a span is taken to be longer, as a part of it, and seconds at most: requests are on their way for different times."""
PATIENCE = 2.0
"""Seconds for which a call waits for its turn by itself. Who would have to wait longer is told so."""
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


class Limit(NamedTuple):
    """At most so many `calls` in any so many `seconds`."""

    calls: int
    seconds: float

    @property
    def span(self) -> float:
        """The seconds that we keep it over."""
        return self.seconds + min(MARGIN_MAX, MARGIN * self.seconds)

    def wait(self, calls: Sequence[float], now: float) -> float:
        """Seconds until one more may be made; `calls` are the instants of those before."""
        most = max(1, self.calls)
        return calls[-most] + self.span - now if len(calls) >= most else 0.0


class Pace:
    """What one account may ask: no more than each of its `limits` lets, and nothing while the platform asks to wait.

    At most so many in *any* span keeps both a platform that counts in fixed minutes and one that looks back. `folder` is where
    the processes share it, under its `name`; without one, or where its file cannot be used, each goes by its own calls.
    """

    def __init__(self, folder: str | None = None, name: str = "all", limits: Sequence[Limit] = ()) -> None:
        self.limits = tuple(limits)
        self._file = None if folder is None else Path(folder) / name
        self._noted = Noted()

    def allow(self, limit: Limit) -> None:
        """What the platform itself says of a span replaces what was taken for its limit."""
        self.limits = (limit, *(one for one in self.limits if one.seconds != limit.seconds))

    async def turn(self) -> None:
        """Waits for the turn of one call, if it comes soon. Raises `SlowDown` where it does not."""
        until = time.monotonic() + PATIENCE
        while (wait := self.take()) > 0:
            if time.monotonic() + wait > until:
                raise SlowDown(wait, early=True)
            await asyncio.sleep(wait)

    def take(self) -> float:
        """Counts a call that is made now; or seconds until one may be made, and counts none."""
        with self._shared() as noted:
            now = time.monotonic()
            if noted.since <= now < noted.until:
                return noted.until - now
            if not self.limits:
                return 0.0
            longest = max(limit.span for limit in self.limits)
            noted.calls = [at for at in noted.calls if now - longest < at <= now]
            if (wait := max(limit.wait(noted.calls, now) for limit in self.limits)) > 0:
                return wait
            noted.calls.append(now)
            return 0.0

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
