"""Whether a process can do its work: checks by name, looked at all the time, so that whoever asks is answered at once.

A process has a table of `Check`s (`streams.parts`). One more is one more line there: a name, what it looks at, and whether this process
can do without.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from projections.service import Readiness
from schemas.metrics import CHECK, READY
from streams.metering import Sample

EVERY, SOON = 1.5, 0.25
"""Seconds between two looks, each of which costs both engines something; and while something that is needed does not hold, because
somebody waits for it.
"""

PATIENCE = 2.0
"""Seconds for which one look is waited for. With `EVERY` and `STALE` what is wrong shows within five seconds."""

STALE = 4.0
"""Seconds after which what was found is not believed any more."""

NEVER = "nobody has looked yet"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold. `look` returns why it does not, or None; what it raises is a reason as well. Without `needed` the process
    is ready all the same: what is wrong is elsewhere.
    """

    name: str
    look: Callable[[], Awaitable[str | None]]
    needed: bool = True


@dataclass(slots=True)
class Health:
    """The checks of one process, a `part` of the installation."""

    part: str
    checks: Sequence[Check]
    clock: Callable[[], float] = time.monotonic
    _found: dict[str, str | None] = field(default_factory=dict)
    _looked_at: float = float("-inf")

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY if self.readiness().reason is None else SOON)

    async def look(self) -> None:
        """Looks at everything once, at the same time."""
        reasons = await asyncio.gather(*(_looked(check) for check in self.checks))
        self._found = {check.name: reason for check, reason in zip(self.checks, reasons, strict=True)}
        self._looked_at = self.clock()

    def readiness(self) -> Readiness:
        """What was found last."""
        ago = self.clock() - self._looked_at
        stale = None if ago <= STALE else NEVER if not self._found else f"nobody has looked for {ago:.0f} s"
        found = {check.name: stale or self._found.get(check.name) for check in self.checks}
        return Readiness(found, frozenset(check.name for check in self.checks if check.needed))

    def samples(self) -> Iterable[Sample]:
        """The same as metrics."""
        found = self.readiness()
        yield Sample(READY, (self.part,), float(found.reason is None))
        for name, reason in found.checks.items():
            yield Sample(CHECK, (self.part, name), float(reason is None))


async def _looked(check: Check) -> str | None:
    try:
        return await asyncio.wait_for(check.look(), PATIENCE)
    except TimeoutError:
        return f"no answer within {PATIENCE:g} s"
    except Exception as error:  # noqa: BLE001  # whatever it is, it does not hold; its text may name addresses
        return f"{type(error).__name__}"
