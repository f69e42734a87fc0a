"""What an order asks for: demand, supply, or goods kept ready for a transfer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.errors import Refused
from connectors.links import TAKEN_BACK, deal_of
from connectors.netsuite import fields, kinds
from connectors.netsuite.fields import Body
from connectors.netsuite.kinds import Order
from schemas.claims import Line, Skipped


def stated(body: Body, kind: str, modified: datetime, skipped: list[Skipped]) -> Iterator[Line]:
    """What is asked for, and what of it will not come any more.

    Order lines move no stock; in `transactionline` a sales order's quantities are negative, a purchase order's positive. A
    transfer order lists its units once for each place, negative where they leave [inferred]. What will not come any more of an
    order that we created says nothing: the deal may be carried out elsewhere.
    """
    order, status = kinds.ORDERS[kind], fields.status(body)
    if status not in kinds.STATUSES:
        raise Refused(f"unknown status {fields.quoted(status)} of an order")
    created, ours = fields.instant(body, "created"), deal_of(body.get("externalid")) is not None
    for row in fields.rows(body, "lines"):
        item, where = fields.item(row), fields.location(row) or fields.location(body)
        quantity = fields.units(row, "quantity", item)
        off = status in kinds.OFF or fields.flag(row, "isclosed")
        wanted, gone = _wanted(order, row, abs(quantity), off=off, ours=ours)
        says = [(order.asked, wanted, created), (order.dropped, gone, modified)]
        reason = _passed_over(row, status, quantity)
        if reason is None and order.dropped is None and quantity > 0:
            reason = "these are the same units where they arrive"
        if reason is None and not wanted:
            reason = TAKEN_BACK if ours else "nothing of it is open"
        if reason is not None:
            skipped.append(Skipped(item=item, reason=reason))
            continue
        for fact, units, at in says:
            if units and fact is not None:
                yield Line(fact=fact, sku=item, quantity=units, at=at, location=where, state=order.state)


def _wanted(order: Order, row: Body, asked: int, *, off: bool, ours: bool) -> tuple[int, int]:
    """How many of the units are asked for, and how many of those are dropped."""
    left = max(0, asked - abs(handled(row)))
    if order.dropped is None:
        return (0 if off else left), 0
    if not off:
        return asked, 0
    return (asked - left, 0) if ours else (asked, left)


def _passed_over(row: Body, status: str, quantity: int) -> str | None:
    """Why an order's line asks for nothing; None where it does."""
    if fields.word(row, "itemtype") not in kinds.STOCKED:
        return "no stock is kept of this kind of item"
    if fields.flag(row, "dropship"):
        return "the supplier ships it: it never comes here"
    if status == kinds.PENDING:
        return "the order is not approved yet"
    return "quantity is zero" if quantity == 0 else None


def handled(row: Body) -> int:
    """How many units of an order's line were fulfilled or received."""
    return fields.units(row, "quantityshiprecv", fields.item(row))


def ended(body: Body) -> int:
    """How many lines of an order are closed, or off with the whole order."""
    rows = fields.rows(body, "lines")
    return sum(fields.status(body) in kinds.OFF or fields.flag(row, "isclosed") for row in rows)
