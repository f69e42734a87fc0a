"""A trading day of real sales as claims, as the connectors would hand them in: what `bench_pipeline.py` works off.

The documents are those of the demo (`streams/trading.py`): every basket is a till sale or a web order, and web orders are sent, cancelled
and brought back later. Products that nobody tracks or lists are no lines of a claim, as in the product; the level reports among the documents
are no claims and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from schemas.claims import Claim, Document, Fact, Line
from streams.trading import Day, Event, plan, read

BEFORE = timedelta(days=1)
LINES_MAX = 200
"""Places that one claim opens a SKU at, at most."""


def day_of(documents: int) -> Day:
    """So many documents."""
    baskets, untracked, unlisted = read(documents)
    return plan(baskets, untracked, unlisted, documents)


def openings(day: Day) -> Iterator[Claim]:
    """What there must be of every SKU in every store before."""
    at = min(event.at for event in day.events) - BEFORE
    places: dict[str, list[Line]] = {}
    for (sku, store), units in day.opening.items():
        line = Line(fact=Fact.OPENED, sku=sku, quantity=units, at=at, location=store)
        places.setdefault(sku, []).append(line)
    for sku, lines in places.items():
        for start in range(0, len(lines), LINES_MAX):
            name = f"opening/tills/{sku}/{start}"
            yield claim("tills", name, name, 1, at, lines[start : start + LINES_MAX])


def documents(day: Day) -> Iterator[Claim]:
    """The documents in the order in which they come."""
    unknown = day.untracked | day.unlisted
    for number, event in enumerate(day.events):
        lines = [(sku, units) for sku, units in event.lines if units and sku not in unknown]
        if lines and event.kind != "level":
            yield MADE[event.kind](event, number, lines)


Lines = list[tuple[str, int]]


def sale(event: Event, _: int, lines: Lines) -> Claim:
    name = f"sale/tills/{event.basket}"
    sold = [said(Fact.SOLD, sku, units, event.at, event.store) for sku, units in lines]
    return claim("tills", name, name, 1, event.at, sold)


def order(event: Event, _: int, lines: Lines) -> Claim:
    ordered = [said(Fact.ORDERED, sku, units, event.at) for sku, units in lines]
    return claim("web", deal(event), deal(event), 1, event.at, ordered)


def cancel(event: Event, _: int, lines: Lines) -> Claim:
    """The order again, in a version in which all of it is cancelled."""
    both = [
        said(fact, sku, units, event.at) for fact in (Fact.ORDERED, Fact.CANCELLED) for sku, units in lines
    ]
    return claim("web", deal(event), deal(event), 2, event.at, both)


def fulfil(event: Event, number: int, lines: Lines) -> Claim:
    sent = [said(Fact.SHIPPED, sku, units, event.at, event.store) for sku, units in lines]
    return claim("web", deal(event), f"fulfilment/{number}", 1, event.at, sent)


def give_back(event: Event, number: int, lines: Lines) -> Claim:
    back = [said(Fact.RETURNED, sku, units, event.at, event.store) for sku, units in lines]
    return claim("web", deal(event), f"refund/{number}", 1, event.at, back)


MADE = {"sale": sale, "order": order, "fulfil": fulfil, "cancel": cancel, "return": give_back}


def deal(event: Event) -> str:
    return f"order/web/{event.basket}"


def said(fact: Fact, sku: str, units: int, at: datetime, store: str | None = None) -> Line:
    return Line(fact=fact, sku=sku, quantity=units, at=at.astimezone(UTC), location=store)


def claim(
    channel: str, transaction: str, document: str, version: int, at: datetime, lines: list[Line]
) -> Claim:
    its = Document(id=document, version=version, lines=tuple(lines))
    return Claim(transaction=transaction, channel=channel, topic="bench", occurred_at=at, documents=(its,))
