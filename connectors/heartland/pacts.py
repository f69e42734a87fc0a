"""Documents that promise units and those that keep the promise: orders with invoices, purchases with receipts. Pure.

A sales order commits stock while it is open, and an invoice takes it off the shelf (public clients, help pages). A purchase
order expects goods, and a receipt that is accepted puts them there. The two are one mechanism with other words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from connectors.heartland.fields import (
    Body,
    Stage,
    head,
    instant,
    items,
    optional_identity,
    optional_place,
    optional_rows,
    place,
)
from connectors.heartland.told import Told, document, skipping
from connectors.links import TAKEN_BACK, deal_of
from schemas.claims import Document, Fact, Line, Skipped


class Pact(NamedTuple):
    """A kind of promise. `whole` and `part` name its documents; `parts` is where the client puts the parts in the whole.

    `homeless` says whether units without a place are promised all the same. A void part says `undone` of what it met; where
    that is None it says nothing any more, which takes its movements back.
    """

    whole: str
    part: str
    parts: str
    promised: Fact
    withdrawn: Fact
    met: Fact
    undone: Fact | None
    promised_at: tuple[str, ...]
    met_at: tuple[str, ...]
    homeless: bool


SALE = Pact(
    whole="order",
    part="invoice",
    parts="invoices",
    promised=Fact.ORDERED,
    withdrawn=Fact.CANCELLED,
    met=Fact.SHIPPED,
    undone=Fact.SHIPMENT_VOIDED,
    promised_at=("source_location_id",),
    met_at=("source_location_id",),
    homeless=True,
)
SUPPLY = Pact(
    whole="purchase",
    part="receipt",
    parts="receipts",
    promised=Fact.EXPECTED,
    withdrawn=Fact.SUPPLY_CANCELLED,
    met=Fact.RECEIVED,
    undone=None,
    # seen on receipts only; that an order names its place in the same words is inferred
    promised_at=("receive_at_location_id", "location_id"),
    met_at=("receive_at_location_id", "location_id"),
    homeless=False,
)


def whole(pact: Pact, channel: str, body: Body) -> Told:
    """The promise with all that kept it, as one claim of several documents."""
    found, parts = head(body), optional_rows(body, pact.parts)
    documents = [_promise(pact, body, parts), *(_part(pact, part) for part in parts)]
    deal = deal_of(body.get("public_id")) or f"{pact.whole}/{channel}/{found.id}"
    return Told(deal, found.updated_at, tuple(documents))


def part_alone(pact: Pact, channel: str, body: Body) -> Told:
    """A part whose whole was not read: it belongs to it by its number, or is a deal by itself."""
    found, order = head(body), optional_identity(body, "order_id")
    deal = f"{pact.part}/{channel}/{found.id}" if order is None else f"{pact.whole}/{channel}/{order}"
    return Told(deal, found.updated_at, (_part(pact, body),))


def _promise(pact: Pact, body: Body, parts: Sequence[Body]) -> Document:
    """What was promised, and what of it is promised no more: the rest of one that is closed or void. Of an order that we created
    the rest says nothing: the deal may be carried out elsewhere.

    That rest follows from the parts too, so the document is as new as the newest of them.
    """
    found = head(body)
    found = found._replace(told_at=max([found.told_at, *(head(part).told_at for part in parts)]))
    if found.stage is Stage.PENDING:
        return skipping(pact.whole, found, "it is pending: nothing is promised yet")
    skipped: list[Skipped] = []
    lines: list[Line] = []
    met = Counter[str]()
    for part in parts:
        if head(part).stage is Stage.DONE:
            met.update({item: quantity for item, quantity in _by_item(part).items() if quantity > 0})
    at, ours = instant(body, "created_at"), deal_of(body.get("public_id")) is not None
    for item, quantity, row in items(body, skipped):
        where = optional_place(row, "ship_from_location_id") or optional_place(body, *pact.promised_at)
        if where is None and not pact.homeless:
            skipped.append(Skipped(item=item, reason="nothing says where it is expected"))
            continue
        kept = min(quantity, met[item])
        met[item] -= kept
        over = found.stage in (Stage.DONE, Stage.VOID) and kept < quantity
        promised = kept if over and ours else quantity
        if promised:
            lines.append(Line(fact=pact.promised, sku=item, quantity=promised, at=at, location=where))
        if over and ours:
            skipped.append(Skipped(item=item, reason=TAKEN_BACK))
        elif over:
            rest, gone_at = quantity - kept, found.updated_at
            lines.append(Line(fact=pact.withdrawn, sku=item, quantity=rest, at=gone_at, location=where))
    return document(pact.whole, found, lines, skipped)


def _by_item(body: Body) -> Counter[str]:
    """The units on a document's lines, by item."""
    total = Counter[str]()
    for item, quantity, _ in items(body, []):
        total[item] += quantity
    return total


def _part(pact: Pact, body: Body) -> Document:
    found = head(body)
    was_done = found.stage is Stage.VOID and pact.undone is not None and bool(body.get("completed_at"))
    if found.stage is not Stage.DONE and not was_done:
        return skipping(pact.part, found, "it is not complete")
    skipped: list[Skipped] = []
    lines = [line for item, quantity, _ in items(body, skipped) for line in _met(pact, body, item, quantity)]
    return document(pact.part, found, lines, skipped)


def _met(pact: Pact, body: Body, item: str, quantity: int) -> Iterator[Line]:
    """Units of a promise that were handed over, and handed back where the part is void."""
    found = head(body)
    # which of these a part has is inferred; its last change is what it surely has
    at = instant(body, "completed_at", "accepted_at", "updated_at")
    where = place(body, *pact.met_at)
    yield Line(fact=pact.met, sku=item, quantity=quantity, at=at, location=where)
    if found.stage is Stage.VOID and pact.undone is not None:
        yield Line(fact=pact.undone, sku=item, quantity=quantity, at=found.updated_at, location=where)
