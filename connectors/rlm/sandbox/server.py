"""The partner at work: it looks into its folder again and again, fetches what is for it and puts its answers there."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.emitter import Emitter
from connectors.errors import Refused
from connectors.rlm import outgoing
from connectors.rlm.sandbox.warehouse import Cell, Warehouse
from connectors.rlm.x12 import Address, Group, Interchange, Segment, interchanges, written

PARTNER, HUB = Address("ZZ", "PARTNER"), Address("ZZ", "ONHAND")
"""The addresses in the settings' defaults."""


SERIALS = 1_000
"""So many names a file may use up at most: one that is started again in its folder repeats none."""


class RlmSandbox:
    """One partner. Without a `folder` it makes one of its own and removes it when it stops.

    It fetches files from `outbox` and puts its own into `inbox`, each complete at once. When it starts it reports its levels.
    An interchange whose control number it has had is dropped. `answers_to_lose` is how many of its next files are never
    written, though what they tell has happened.
    """

    def __init__(
        self,
        *,
        places: Sequence[str],
        folder: Path | None = None,
        inbox: str = "inbox",
        outbox: str = "outbox",
        ours: Address = PARTNER,
        theirs: Address = HUB,
        every: float = 0.05,
    ) -> None:
        self.url = ""
        self.emitter = Emitter()
        self.warehouse = Warehouse(places or ("WH",))
        self.answers_to_lose = 0
        self.acknowledged: list[Sequence[Segment]] = []
        """The 997s that it was sent."""
        self.sent: list[bytes] = []
        """Every file that it made, lost ones too."""
        self._own = folder is None
        self._root = folder
        self._inbox, self._outbox = inbox, outbox
        self._addresses = ours, theirs
        self._every = every
        self._number = 0
        self._had: set[tuple[Address, str]] = set()
        self._watching: asyncio.Task[None] | None = None

    @property
    def root(self) -> Path:
        """The folder, once it runs."""
        assert self._root is not None
        return self._root

    async def start(self, port: int = 0) -> None:  # noqa: ARG002  # a folder has no port
        """Reports its levels and begins to watch the folder."""
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="onhand-partner-"))
        for name in (self._inbox, self._outbox):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self._number = max((self._number_of(file) for file in self.root.rglob("*-partner-*")), default=0)
        self.warehouse.serial = self._number * SERIALS
        self.url = self.root.resolve().as_uri()
        self.report(at=datetime.now(UTC))
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Watches no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._own and self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Stock that is there from the start; an untracked item is in no report."""
        self.warehouse.tracked[sku] = tracked
        self.warehouse.stock[Cell(sku, location)] = quantity

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002  # nothing tells a topic
        """There are no webhooks: the payload, without any signature."""
        return json.dumps(payload).encode(), {}

    def lose_answers(self, count: int = 1) -> None:
        """The next files are never written."""
        self.answers_to_lose = count

    def level(self, sku: str, place: str) -> int:
        """What the partner offers, everything that lies in the outbox carried out."""
        self.work(datetime.now(UTC))
        return self.warehouse.level(sku, place)

    def stock(self, sku: str, place: str) -> int:
        """What lies at a place, everything in the outbox carried out."""
        self.work(datetime.now(UTC))
        return self.warehouse.stock[Cell(sku, place)]

    def sell(self, place: str, lines: Sequence[tuple[str, int]], *, at: datetime) -> str:
        """The partner sells our goods and orders them of us: an 850. Gives its number."""
        for sku, units in lines:
            self.warehouse.sell(sku, place, units)
        number, body = self.warehouse.purchase_order(lines, at)
        self._put("850", [body], at)
        return number

    def adjust(
        self, place: str, lines: Sequence[tuple[str, int]], *, at: datetime, reason: str = "AA"
    ) -> None:
        """Units are found or missing: a 947."""
        self._put("947", [self.warehouse.adjustment(place, lines, reason, at)], at)

    def report(self, *, at: datetime) -> None:
        """All levels: an 846."""
        if sets := self.warehouse.advice(at):
            self._put("846", sets, at)

    def resend(self, *, number: int = -1) -> None:
        """Puts a file that it made into the inbox once more, as it was."""
        self._write("again", self.sent[number])

    def truncate(self, *, number: int = -1) -> None:
        """Puts the first half of a file that it made into the inbox."""
        content = self.sent[number]
        self._write("half", content[: len(content) // 2])

    def work(self, at: datetime) -> None:
        """Carries out what lies in the outbox."""
        if self._root is None:
            return
        for file in sorted((self.root / self._outbox).glob("*.edi")):
            raw = file.read_bytes()
            file.unlink()
            try:
                found = interchanges(raw)
            except Refused:  # a real partner telephones
                continue
            for interchange in found:
                self._take(interchange, at)

    def ship(self, at: datetime, ref: str | None = None) -> None:
        """Ships the orders that wait, or one of them, everything in the outbox carried out."""
        self.work(at)
        for kind, body in self.warehouse.ship(at, ref):
            self._put(kind, [body], at)

    async def _watch(self) -> None:
        while True:
            self.work(datetime.now(UTC))
            await asyncio.sleep(self._every)

    def _take(self, interchange: Interchange, at: datetime) -> None:
        known = interchange.sender, interchange.number
        if known in self._had:
            return
        self._had.add(known)
        for group in interchange.groups:
            self._carry_out(group, at)

    def _carry_out(self, group: Group, at: datetime) -> None:
        if group.kind == "FA":
            self.acknowledged += [segment for one in group.sets for segment in one.segments]
            return
        self._put("997", [outgoing.acknowledgement(group)], at)
        for one in group.sets:
            if one.fault is None:
                for kind, body in self.warehouse.take(one, at):
                    self._put(kind, [body], at)

    def _put(self, kind: str, sets: Sequence[Sequence[Segment]], at: datetime) -> None:
        self._number += 1
        content = written(*self._addresses, self._number, at, kind, sets, seconds=True)
        self.sent.append(content)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
        else:
            self._write(kind, content)

    def _write(self, kind: str, content: bytes) -> None:
        inbox = self.root / self._inbox
        count = sum(1 for _ in self.root.rglob("*-partner-*"))
        half = inbox / f".{kind}.tmp"
        half.write_bytes(content)
        half.replace(inbox / f"{count:06d}-partner-{self._number:09d}-{kind}.edi")

    @staticmethod
    def _number_of(file: Path) -> int:
        number = file.name.split("-partner-")[1][:9]
        return int(number) if number.isdigit() else 0
