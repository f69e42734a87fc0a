"""What moves stock besides sales: transfers, adjustments, counts, returns to a vendor. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from connectors.errors import Refused
from connectors.heartland.fields import (
    Body,
    Stage,
    Units,
    flag,
    head,
    identity,
    instant,
    items,
    optional_identity,
    optional_rows,
    place,
    text,
)
from connectors.heartland.told import Told, document, skipping
from schemas.claims import Document, Fact, Line, Skipped

RETURNED = "return"
EVENTS: Mapping[str, Fact | str] = {
    **dict.fromkeys(("ship", "shipment", "shipped"), Fact.TRANSFER_SHIPPED),
    **dict.fromkeys(("receive", "receipt", "received"), Fact.TRANSFER_RECEIVED),
    **dict.fromkeys(("loss", "lost"), Fact.TRANSFER_SHORT),
    **dict.fromkeys(("return", "returned"), RETURNED),
}
"""The types of a transfer's event. All are inferred: public clients list `inventory/transfers/{id}/events` with their
`lines`, and help pages say that a short or excess receipt stays a discrepancy until somebody decides for either location,
but no row is public. So another word is refused, not guessed."""


def vendor_return(channel: str, body: Body) -> Told:
    """Goods sent back to their vendor. That they leave when it is complete is inferred."""
    found, name = head(body), "vendor_return"
    if found.stage is not Stage.DONE:
        return _alone(channel, name, body, skipping(name, found, "it is not complete"))
    at, where = (
        instant(body, "completed_at", "accepted_at", "updated_at"),
        place(body, "source_location_id", "location_id"),
    )
    skipped: list[Skipped] = []
    lines = [
        Line(fact=Fact.VENDOR_RETURNED, sku=item, quantity=quantity, at=at, location=where)
        for item, quantity, _ in items(body, skipped)
    ]
    return _alone(channel, name, body, document(name, found, lines, skipped))


def transfer(channel: str, body: Body) -> Told:
    """Goods between two locations: what was sent, what came, what was given up.

    Goods that came back to where they were sent from were not sent after all. A discrepancy nobody has decided yet is still
    under way; more received than sent is owed by the origin.
    """
    found, name = head(body), "transfer"
    if found.stage in (Stage.PENDING, Stage.VOID):
        return _alone(channel, name, body, skipping(name, found, "nothing of it was sent"))
    origin, there = place(body, "from_location_id"), place(body, "to_location_id")
    skipped: list[Skipped] = []
    lines: list[Line] = []
    back = Counter[str]()
    for event in optional_rows(body, "events"):
        fact, at = EVENTS.get(text(event, "type").lower()), instant(event, "created_at")
        if fact is None:
            raise Refused("the type of a transfer's event is none that we know")
        for moved in items(event, skipped):
            if isinstance(fact, Fact):
                lines.append(_leg(fact, moved, at, origin, there))
            else:
                back[moved.item] += moved.quantity
    return _alone(channel, name, body, document(name, found, _less(lines, back), skipped))


def _leg(fact: Fact, moved: Units, at: datetime, origin: str, there: str) -> Line:
    """What was sent stands at the origin; what came or was lost, where it was to come to."""
    here, other = (origin, there) if fact is Fact.TRANSFER_SHIPPED else (there, origin)
    return Line(fact=fact, sku=moved.item, quantity=moved.quantity, at=at, location=here, there=other)


def _less(lines: list[Line], back: Counter[str]) -> list[Line]:
    """The lines without what came back, the newest of what was sent first. Raises `Refused` for more than was sent."""
    left: list[Line] = []
    for line in sorted(lines, key=lambda one: one.at, reverse=True):
        taken = min(line.quantity, back[line.sku]) if line.fact is Fact.TRANSFER_SHIPPED else 0
        back[line.sku] -= taken
        if taken < line.quantity:
            left.append(
                Line(
                    fact=line.fact,
                    sku=line.sku,
                    quantity=line.quantity - taken,
                    at=line.at,
                    location=line.location,
                    there=line.there,
                )
            )
    if back.total():
        raise Refused("more of a transfer came back than was sent")
    return left


def adjustment(channel: str, body: Body) -> Told:
    """Units found and lost, under a reason. Nothing moves before the set is complete [inferred].

    Our own set is how Heartland was told a number: it is no news.
    """
    found, name = head(body), "adjustment"
    if flag(body, "ours", otherwise=False):
        return _alone(channel, name, body, skipping(name, found, "we told Heartland so"))
    if found.stage is not Stage.DONE:
        return _alone(channel, name, body, skipping(name, found, "it is not complete"))
    at, where = instant(body, "completed_at", "updated_at"), place(body, "location_id")
    reason = f"adjustment reason {optional_identity(body, 'adjustment_reason_id') or 'unknown'}"
    skipped: list[Skipped] = []
    lines = [
        Line(
            fact=Fact.ADJUSTED_UP if quantity > 0 else Fact.ADJUSTED_DOWN,
            sku=item,
            quantity=abs(quantity),
            at=at,
            location=where,
            reason=reason,
        )
        for item, quantity, _ in items(body, skipped, negative=True)
    ]
    return _alone(channel, name, body, document(name, found, lines, skipped))


def count(channel: str, body: Body) -> Told:
    """What stood on the shelves of a location. It counts once it is accepted.

    Heartland carries an accepted count out hours later and overwrites what was sold meanwhile (its official importer says
    so). The shelf knows better: an item was counted when its last line was scanned [inferred: `created_at` of a line], and
    what was sold after that is gone. A count of the `full` location says zero of everything that it does not name; the
    client looks those items up.
    """
    found, name = head(body), "count"
    if found.stage is not Stage.DONE:
        return _alone(channel, name, body, skipping(name, found, "it is not accepted"))
    where, accepted_at = (
        place(body, "location_id"),
        instant(body, "accepted_at", "completed_at", "updated_at"),
    )
    total, counted_at = Counter[str](), dict[str, datetime]()
    for row in optional_rows(body, "uncounted") if text(body, "scope") == "full" else ():
        total[f"item:{identity(row, 'item_id')}"] = 0
    skipped: list[Skipped] = []
    for item, quantity, row in items(body, skipped, zero=True):
        at = instant(row, "created_at") if row.get("created_at") else accepted_at
        total[item] += quantity
        counted_at[item] = max(at, counted_at.get(item, at))
    last = max(counted_at.values(), default=accepted_at)
    lines = [
        Line(
            fact=Fact.COUNTED,
            sku=item,
            quantity=quantity,
            at=counted_at.get(item, last),
            location=where,
        )
        for item, quantity in total.items()
    ]
    return _alone(channel, name, body, document(name, found, lines, skipped))


def _alone(channel: str, name: str, body: Body, made: Document) -> Told:
    """A document that is a deal by itself."""
    found = head(body)
    return Told(f"{name}/{channel}/{found.id}", found.updated_at, (made,))
