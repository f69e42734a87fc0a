"""What we put into a partner's folder: complete files under names of their own, with control numbers that never repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from connectors.errors import Unreachable
from connectors.rlm.folder import Folder
from connectors.rlm.settings import RlmSettings
from connectors.rlm.x12 import Address, Segment, written

NUMBER_MAX = 999_999_999
TRIES_MAX = 100
TOLD = "told"


class Mailbox:
    """The outgoing side of a folder.

    The last control number is the name of a file in `numbers`: who renames it to the next one has that number, so two
    processes never have the same. `begun` stands beside it from the first number on.
    """

    def __init__(self, folder: Folder, settings: RlmSettings) -> None:
        self._folder, self._outbox = folder, settings.outbox
        self._ours = Address(settings.ours_qualifier, settings.ours)
        self._theirs = Address(settings.theirs_qualifier, settings.theirs)

    async def send(self, number: int, kind: str, at: datetime, sets: Sequence[Sequence[Segment]]) -> str:
        """Sends sets of one kind, and gives the file's name. Sent again they are another file."""
        name = f"{kind}-{number:09d}.edi"
        await self._write(name, number, kind, at, sets)
        return name

    async def send_once(self, name: str, kind: str, at: datetime, sets: Sequence[Sequence[Segment]]) -> bool:
        """Sends a file that must not be carried out twice; False where it was sent before.

        `sent` remembers its control number from before it is written. Where it is not known whether it was written, the
        same bytes are written again: to the partner they are one interchange, by its control number.
        """
        memory = f"sent/{name}"
        word, _, known = (await self._folder.read(memory) or b"").decode().partition(" ")
        if word == TOLD:
            return False
        number = int(known) if known.isdigit() else await self.number()
        if not known:
            await self._folder.write(memory, f"asked {number}".encode())
        await self._write(name, number, kind, at, sets)
        await self._folder.write(memory, f"{TOLD} {number}".encode())
        return True

    async def told(self, name: str) -> bool:
        """Whether a file that is sent once was written."""
        return (await self._folder.read(f"sent/{name}") or b"").decode().partition(" ")[0] == TOLD

    async def number(self) -> int:
        """The next control number. Raises `Unreachable` where others take it every time."""
        for _ in range(TRIES_MAX):
            names = [entry.name for entry in await self._folder.list("numbers") if entry.name.isdigit()]
            if not names:
                if await self._folder.create("numbers/begun"):
                    await self._folder.write("numbers/000000000", b"")
                else:  # somebody is about to
                    await asyncio.sleep(0.01)
                continue
            last = max(names)
            following = int(last) % NUMBER_MAX + 1
            if await self._folder.rename(f"numbers/{last}", f"numbers/{following:09d}"):
                return following
        raise Unreachable("no control number is to be had: is there a file numbers/000000000 or later?")

    async def _write(
        self, name: str, number: int, kind: str, at: datetime, sets: Sequence[Sequence[Segment]]
    ) -> None:
        content = written(self._ours, self._theirs, number, at, kind, sets)
        await self._folder.write(f"{self._outbox}/{name}", content)
