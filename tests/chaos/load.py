"""What the platforms say, and what must come of it: documents as they are sent, and the balances they add up to.

The balances are found by playing the shop's day in the order in which it happened, in plain dictionaries; nothing of the
product is asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas.claims import Claim, Document, Fact, Line

SKUS, LOCATIONS, PLACES_OF_A_SKU = 2_000, 20, 4
OPENING = 1_000
DUPLICATES, LATE = 0.05, 0.05
FURTHEST = 2_000
"""Documents by which a duplicate or a late document may be behind its place."""
BEGAN = datetime(2026, 11, 20, 8, tzinfo=UTC)
STEP = timedelta(milliseconds=100)

Cell = tuple[str, str]
"""A SKU and a location."""


@dataclass(slots=True)
class Balance:
    """Units that are there, and how many of them are promised."""

    on_hand: int = 0
    committed: int = 0


def places_of(number: int) -> list[str]:
    """Where a SKU is kept."""
    return [f"SHOP-{(number + step * 5) % LOCATIONS:02}" for step in range(PLACES_OF_A_SKU)]


@dataclass(slots=True)
class Day:
    """A day of `documents` documents. `sent` is what reaches the log, with repeats, in the order in which it does."""

    documents: int
    seed: int
    sent: list[Claim] = field(default_factory=list)
    happened: list[tuple[datetime, Line]] = field(default_factory=list)
    duplicates: int = 0
    late: int = 0
    _chance: random.Random = field(default_factory=random.Random)
    _ticks: int = 0

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        placed: list[tuple[float, int, Claim]] = []
        stories = self._stories()
        while len(placed) < self.documents:
            at = float(len(placed))
            for claim in next(stories)[: self.documents - len(placed)]:
                placed.append((at, len(placed), claim))
                at += self._chance.uniform(1, 300)  # its other documents come while others speak
        for number in self._chance.sample(range(self.documents), round(self.documents * LATE)):
            at, order, claim = placed[number]
            placed[number] = at + self._chance.uniform(300, FURTHEST), order, claim
            self.late += 1
        for number in self._chance.sample(range(self.documents), round(self.documents * DUPLICATES)):
            at, order, claim = placed[number]
            placed.append((at + self._chance.uniform(1, FURTHEST), order, claim))
            self.duplicates += 1
        self.sent = [claim for _, _, claim in sorted(placed, key=lambda one: one[:2])]
        for _, _, claim in placed[: self.documents]:
            self._happens(claim)

    def openings(self) -> Iterator[Claim]:
        """The stock of every SKU before the day."""
        for number in range(SKUS):
            lines = [
                Line(fact=Fact.OPENED, sku=f"SKU-{number:04}", quantity=OPENING, at=BEGAN, location=place)
                for place in places_of(number)
            ]
            yield _claim("erp", f"opening/{number}", f"opening/{number}", 1, lines)

    def balances(self) -> dict[Cell, Balance]:
        """What every cell must hold in the end: the day played in the order in which it happened."""
        held = {
            (f"SKU-{number:04}", place): Balance(OPENING)
            for number in range(SKUS)
            for place in places_of(number)
        }
        for _, line in sorted(self.happened, key=lambda one: one[0]):
            here = held[line.sku, line.location or ""]
            match line.fact:
                case Fact.ORDERED:
                    here.committed += line.quantity
                case Fact.CANCELLED:
                    here.committed -= line.quantity
                case Fact.SHIPPED:
                    here.committed -= line.quantity
                    here.on_hand -= line.quantity
                case Fact.SOLD:
                    here.on_hand -= line.quantity
                case Fact.RETURNED | Fact.RECEIVED:
                    here.on_hand += line.quantity
                case Fact.COUNTED:
                    here.on_hand = line.quantity
        return held

    def _happens(self, claim: Claim) -> None:
        """Each line once: later versions of a document repeat the earlier ones' lines."""
        [document] = claim.documents
        new = document.lines if document.version == 1 else document.lines[document.version - 1 :]
        self.happened.extend((line.at, line) for line in new)

    def _stories(self) -> Iterator[list[Claim]]:
        """What one deal is told as: till sales and returns, web orders, goods received, counts."""
        for number in range(self.documents):
            kind = self._chance.choices(
                (self._sale, self._order, self._received, self._counted), (55, 38, 5, 2)
            )
            yield kind[0](number)

    def _sale(self, number: int) -> list[Claim]:
        name, sold = f"sale/{number}", self._lines(Fact.SOLD, self._chance.randint(1, 3))
        told = [_claim("tills", name, name, 1, sold)]
        if self._chance.random() < 0.15:
            back = self._line(Fact.RETURNED, sold[0].sku, sold[0].location, 1)
            told.append(_claim("tills", name, f"return/{number}", 1, [back]))
        return told

    def _order(self, number: int) -> list[Claim]:
        """Versions grow by one line each: what is on line n came with version n."""
        name = f"order/{number}"
        [first] = self._lines(Fact.ORDERED, 1)
        versions = [_claim("web", name, name, 1, [first])]
        fate = self._chance.random()
        if fate < 0.25:
            gone = self._line(Fact.CANCELLED, first.sku, first.location, first.quantity)
            versions.append(_claim("web", name, name, 2, [first, gone]))
        elif fate < 0.75:
            parcel = self._line(Fact.SHIPPED, first.sku, first.location, first.quantity)
            versions.append(_claim("warehouse", name, f"parcel/{number}", 1, [parcel]))
        return versions

    def _received(self, number: int) -> list[Claim]:
        name = f"delivery/{number}"
        return [_claim("erp", name, name, 1, self._lines(Fact.RECEIVED, 3))]

    def _counted(self, number: int) -> list[Claim]:
        [line] = self._lines(Fact.COUNTED, 1)
        counted = self._line(Fact.COUNTED, line.sku, line.location, self._chance.randint(800, 1_200))
        return [_claim("counting", f"count/{number}", f"count/{number}", 1, [counted])]

    def _lines(self, fact: Fact, count: int) -> list[Line]:
        location = f"SHOP-{self._chance.randrange(LOCATIONS):02}"
        return [
            self._line(fact, f"SKU-{number:04}", location, self._chance.randint(1, 3))
            for number in self._chance.sample(range(int(location[-2:]) % 5, SKUS, 5), count)
        ]

    def _line(self, fact: Fact, sku: str, location: str | None, quantity: int) -> Line:
        self._ticks += 1
        return Line(fact=fact, sku=sku, quantity=quantity, at=BEGAN + STEP * self._ticks, location=location)


def _claim(channel: str, transaction: str, document: str, version: int, lines: list[Line]) -> Claim:
    return Claim(
        transaction=transaction,
        channel=channel,
        topic="chaos",
        occurred_at=lines[-1].at,
        documents=(Document(id=document, version=version, lines=tuple(lines)),),
    )
