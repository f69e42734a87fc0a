"""What a NetSuite transaction claims. Pure.

Every transaction is one document, whole as SuiteQL shows it now, so that an edited, vanished or un-shipped line needs no
memory of ours. It belongs to the deal of what it was made from (`origins`, nearest first): a fulfilment to its sales order,
a receipt to its purchase order, return or transfer.

NetSuite dates transactions to the day. The one instant with a time that stays is that of creation, so it stands for when
goods moved: a fulfilment that was picked first has left the shelf then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.links import OURS, deal_of
from connectors.netsuite import fields, kinds
from connectors.netsuite.allowlist import TRANSACTION
from connectors.netsuite.fields import Body
from connectors.netsuite.kinds import Moves
from schemas.claims import Claim, Document, Fact, Line, Skipped

ADJUSTED = f"{OURS}adjust/"
"""What the external ids of our own stock adjustments begin with."""

WITHIN_A_SECOND = 999
"""NetSuite's instants have whole seconds, versions have milliseconds: the room for what happens within one second."""


def read(channel: str, payload: Payload) -> Claim:
    """What a transaction says, in NetSuite's references. Raises `Refused`."""
    if payload.topic != TRANSACTION:
        raise Refused(f"unknown topic {payload.topic}")
    body = payload.body
    ident, kind = fields.identity(body, "id"), fields.word(body, "type")
    modified = fields.instant(body, "modified")
    lines, skipped = list[Line](), list[Skipped]()
    progress = 0
    if kind in kinds.QUIET:
        skipped.append(Skipped(item=f"{kind}/{ident}", reason=kinds.QUIET[kind]))
    elif kind in kinds.ORDERS:
        lines += _order(body, kind, modified, skipped)
        progress = sum(abs(_handled(row)) for row in fields.rows(body, "lines"))
    else:
        lines += _moved(body, kind, skipped)
        progress = len(lines)
    if not lines and not skipped:
        skipped.append(Skipped(item=f"{kind}/{ident}", reason="it has no lines"))
    document = Document(
        id=f"{kind}/{ident}",
        version=int(modified.timestamp()) * 1000 + min(progress, WITHIN_A_SECOND),
        lines=tuple(lines),
        skipped=tuple(skipped),
    )
    return Claim(
        transaction=_deal(channel, body),
        channel=channel,
        topic=TRANSACTION,
        occurred_at=modified,
        documents=(document,),
    )


def _deal(channel: str, body: Body) -> str:
    """Ours, where one of them carries our reference; else that of the first of all origins."""
    holders = (body, *fields.rows(body, "origins"))
    for holder in holders:
        deal = deal_of(holder.get("externalid"))
        if deal is not None and not _adjusted(holder):
            return deal
    kind = fields.word(holders[-1], "type")
    if not fields.PLAIN.fullmatch(kind):
        raise Refused("type is missing or not a word")
    return f"{kind}/{channel}/{fields.identity(holders[-1], 'id')}"


def _adjusted(body: Body) -> bool:
    """Whether it is one of our own stock adjustments."""
    return fields.word(body, "externalid").startswith(ADJUSTED)


def _order(body: Body, kind: str, modified: datetime, skipped: list[Skipped]) -> Iterator[Line]:
    """What is asked for, and what of it will not come any more.

    Order lines move no stock; in `transactionline` a sales order's quantities are negative, a purchase order's positive. A
    transfer order lists its units once for each place, negative where they leave [inferred].
    """
    order, status = kinds.ORDERS[kind], _status(body)
    if status not in kinds.STATUSES:
        raise Refused(f"unknown status {fields.quoted(status)} of an order")
    created = fields.instant(body, "created")
    for row in fields.rows(body, "lines"):
        item, where = _item(row), _location(row)
        quantity = fields.units(row, "quantity", item)
        left = max(0, abs(quantity) - abs(_handled(row)))
        off = status in kinds.OFF or fields.flag(row, "isclosed")
        stated = [(order.asked, abs(quantity), created)]
        if order.dropped is None:
            stated = [(order.asked, 0 if off else left, created)]
        elif off:
            stated.append((order.dropped, left, modified))
        reason = _passed_over(row, status, quantity)
        if reason is None and order.dropped is None and quantity > 0:
            reason = "these are the same units where they arrive"
        if reason is None and not any(units for _, units, _ in stated):
            reason = "nothing of it is open"
        if reason is not None:
            skipped.append(Skipped(item=item, reason=reason))
            continue
        for fact, units, at in stated:
            if units:
                yield Line(fact=fact, sku=item, quantity=units, at=at, location=where)


def _passed_over(row: Body, status: str, quantity: int) -> str | None:
    """Why an order's line asks for nothing; None where it does."""
    if fields.word(row, "itemtype") not in kinds.STOCKED:
        return "no stock is kept of this kind of item"
    if fields.flag(row, "dropship"):
        return "the supplier ships it: it never comes here"
    if status == kinds.PENDING:
        return "the order is not approved yet"
    return "quantity is zero" if quantity == 0 else None


def _status(body: Body) -> str:
    """The status: `B`, or `SalesOrd:B` as some interfaces write it."""
    return fields.word(body, "status").rpartition(":")[2].strip()


def _handled(row: Body) -> int:
    """How many units of an order's line were fulfilled or received."""
    return fields.units(row, "quantityshiprecv", _item(row))


def _moved(body: Body, kind: str, skipped: list[Skipped]) -> Iterator[Line]:
    """What a transaction that moves stock has moved: its lines that affect inventory, by their sign."""
    origins = fields.rows(body, "origins")
    source = fields.word(origins[0], "type") if origins else None
    moves = kinds.MOVES.get((kind, source)) or kinds.MOVES.get((kind, None))
    if moves is None:
        made_from = fields.quoted(source) if source else "nothing"
        raise Refused(f"unknown type {fields.quoted(kind)} (made from {made_from})")
    silent = _silent(body, kind)
    at = fields.instant(body, "created")
    rows = [row for row in fields.rows(body, "lines") if not fields.flag(row, "iscogs")]
    ends = _ends(kind, origins, [row for row in rows if fields.flag(row, "isinventoryaffecting")])
    for row in rows:
        item = _item(row)
        quantity = fields.units(row, "quantity", item)
        reason = silent or ("quantity is zero" if quantity == 0 else None)
        if reason is None and not fields.flag(row, "isinventoryaffecting"):
            reason = "the line affects no inventory"
        if reason is not None:
            skipped.append(Skipped(item=item, reason=reason))
            continue
        yield _line(row, item, quantity, at, moves, ends)


def _silent(body: Body, kind: str) -> str | None:
    """Why a transaction has moved nothing, or nothing that is news; None where it has."""
    if kind == "ItemShip":
        status = _status(body)
        if status in kinds.UNSHIPPED:
            return "the fulfilment is not shipped yet"
        if status not in kinds.SHIPPED:
            raise Refused(f"unknown status {fields.quoted(status)} of a fulfilment")
    return "our own adjustment" if kind == "InvAdjst" and _adjusted(body) else None


def _ends(kind: str, origins: Sequence[Body], rows: Sequence[Body]) -> tuple[str, str] | None:
    """Where a transfer leaves from and arrives: a transfer order says it, a transfer at once shows it in its two legs.

    None where the transaction is no transfer. Raises `Refused` where one of the two is not known: goods that nobody knows
    the way of would be under way for ever.
    """
    origin: str | None
    destination: str | None
    if kind == "InvTrnfr":
        left, came, net = set[str](), set[str](), Counter[str]()
        for row in rows:
            quantity = fields.units(row, "quantity", _item(row))
            net[_item(row)] += quantity
            (left if quantity < 0 else came).add(_location(row) or "")
        if len(left) > 1 or len(came) > 1 or any(net.values()):
            raise Refused("the legs of the transfer do not balance between two locations")
        origin, destination = min(left, default=None), min(came, default=None)
    elif origins and fields.word(origins[0], "type") == "TrnfrOrd":
        order = origins[0]
        origin, destination = (_location({"location": order.get(end)}) for end in ("origin", "destination"))
    else:
        return None
    if rows and not (origin and destination):
        raise Refused("origin or destination of the transfer is missing")
    return origin or "", destination or ""


def _line(
    row: Body, item: str, quantity: int, at: datetime, moves: Moves, ends: tuple[str, str] | None
) -> Line:
    fact = moves.into if quantity > 0 else moves.out
    if fact is None:
        raise Refused(f"quantity of {item} has the wrong sign for this type")
    here = _location(row)
    if here is None:
        raise Refused(f"location of {item} is missing")
    there = None
    if fact in (Fact.TRANSFER_SHIPPED, Fact.TRANSFER_RECEIVED) and ends is not None:
        there = ends[fact is Fact.TRANSFER_SHIPPED]
    return Line(
        fact=fact, sku=item, quantity=abs(quantity), at=at, location=here, there=there, reason=moves.reason
    )


def _item(row: Body) -> str:
    return f"item:{fields.identity(row, 'item')}"


def _location(row: Body) -> str | None:
    found = fields.optional_identity(row, "location")
    return None if found is None else f"location:{found}"
