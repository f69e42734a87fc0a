"""What a document of Heartland Retail claims. Pure.

Heartland's own ledger (`inventory/transactions`) is not read: no public source shows a row of it, and with the documents
it would count everything twice. So stock follows from the documents, each whole with its lines, as the client read them.

Where the facts come from: clients that are public (`tests/connectors/heartland/test_samples.py` has their shapes). What
they do not show is inferred, and says so where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.heartland import pacts, stock
from connectors.heartland.allowlist import (
    ADJUSTMENTS,
    COUNTS,
    INVOICES,
    ORDERS,
    PURCHASES,
    RECEIPTS,
    TICKETS,
    TRANSFERS,
    VENDOR_RETURNS,
)
from connectors.heartland.fields import (
    Body,
    Stage,
    flag,
    head,
    instant,
    items,
    place,
    text,
)
from connectors.heartland.told import Told, document, skipping
from connectors.links import deal_of
from schemas.claims import Claim, Document, Fact, Line, Skipped

HEADER_ONLY = "sales_transaction_completed"
"""The one webhook about stock: a ticket's head without its lines."""

UNDONE = {Fact.SOLD: Fact.SALE_VOIDED, Fact.RETURNED: Fact.SOLD}
"""What voiding a ticket makes of its lines: goods sold come back, and goods returned leave again."""


def read(channel: str, payload: Payload) -> Claim:
    """What a document claims, in Heartland's references. Raises `Refused`."""
    if payload.topic == HEADER_ONLY:
        raise Refused(f"{HEADER_ONLY} names no item; the poll of {TICKETS} carries the whole ticket")
    reader = READERS.get(payload.topic)
    if reader is None:
        raise Refused(f"unknown topic {payload.topic}")
    told = reader(channel, payload.body)
    return Claim(
        transaction=told.transaction,
        channel=channel,
        topic=payload.topic,
        occurred_at=told.at,
        documents=told.documents,
    )


def _ticket(channel: str, body: Body) -> Told:
    """A sale at a till: units sold, units brought back (negative), or both in an exchange.

    A return belongs to the deal of what was sold only where that deal is ours: then another platform may tell of it too.
    """
    found = head(body)
    sold_as = body.get("sold_as")
    sold_as = sold_as if isinstance(sold_as, Mapping) else {}
    deal = deal_of(body.get("public_id")) or deal_of(sold_as.get("public_id"))
    return Told(deal or f"ticket/{channel}/{found.id}", found.updated_at, (_ticket_document(body),))


def _ticket_document(body: Body) -> Document:
    found, name = head(body), "ticket"
    if text(body, "type") == "Invoice":  # should the list have them too [inferred]
        return skipping(name, found, "an invoice is told with its order")
    if not flag(body, "affect_inventory", otherwise=True):  # imported history, for example
        return skipping(name, found, "affect_inventory is false: this ticket moves nothing")
    never = found.stage is Stage.VOID and not body.get("completed_at")
    if never or found.stage in (Stage.PENDING, Stage.OPEN):
        return skipping(name, found, "this ticket was never completed")
    at, where = instant(body, "completed_at"), place(body, "source_location_id")
    skipped: list[Skipped] = []
    lines = [
        Line(
            fact=Fact.SOLD if quantity > 0 else Fact.RETURNED,
            sku=item,
            quantity=abs(quantity),
            at=at,
            location=where,
        )
        for item, quantity, _ in items(body, skipped, negative=True)
    ]
    if (
        found.stage is Stage.VOID
    ):  # no public source names the instant of a void: it is the last change [inferred]
        lines += [
            Line(
                fact=UNDONE[line.fact],
                sku=line.sku,
                quantity=line.quantity,
                at=found.updated_at,
                location=where,
                reason="sale voided" if line.fact is Fact.SOLD else "return voided",
            )
            for line in lines
        ]
    return document(name, found, lines, skipped)


def _order(channel: str, body: Body) -> Told:
    """A sales order or a layaway, with its invoices."""
    return pacts.whole(pacts.SALE, channel, body)


def _invoice(channel: str, body: Body) -> Told:
    return pacts.part_alone(pacts.SALE, channel, body)


def _purchase(channel: str, body: Body) -> Told:
    """A purchase order, with its receipts."""
    return pacts.whole(pacts.SUPPLY, channel, body)


def _receipt(channel: str, body: Body) -> Told:
    return pacts.part_alone(pacts.SUPPLY, channel, body)


READERS: Mapping[str, Callable[[str, Body], Told]] = {
    TICKETS: _ticket,
    ORDERS: _order,
    INVOICES: _invoice,
    PURCHASES: _purchase,
    RECEIPTS: _receipt,
    VENDOR_RETURNS: stock.vendor_return,
    TRANSFERS: stock.transfer,
    ADJUSTMENTS: stock.adjustment,
    COUNTS: stock.count,
}
TOPICS = tuple(READERS)
"""The topics that `read` understands."""
