"""What a transaction has moved: its lines that affect inventory, by their sign. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.errors import Refused
from connectors.netsuite import fields, kinds
from connectors.netsuite.fields import Body
from connectors.netsuite.kinds import Moves
from schemas.claims import Fact, Line, Skipped


def moved(body: Body, kind: str, skipped: list[Skipped]) -> Iterator[Line]:
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
        item = fields.item(row)
        quantity = fields.units(row, "quantity", item)
        reason = silent or ("quantity is zero" if quantity == 0 else None)
        if reason is None and not fields.flag(row, "isinventoryaffecting"):
            reason = "the line affects no inventory"
        if reason is not None:
            skipped.append(Skipped(item=item, reason=reason))
            continue
        yield _line(body, row, item, quantity, at, moves, ends)


def _silent(body: Body, kind: str) -> str | None:
    """Why a transaction has moved nothing, or nothing that is news; None where it has."""
    if kind == "ItemShip":
        status = fields.status(body)
        if status in kinds.UNSHIPPED:
            return "the fulfilment is not shipped yet"
        if status not in kinds.SHIPPED:
            raise Refused(f"unknown status {fields.quoted(status)} of a fulfilment")
    return "our own adjustment" if kinds.adjusted(body) else None


def _ends(kind: str, origins: Sequence[Body], rows: Sequence[Body]) -> tuple[str | None, str | None]:
    """Where a transfer leaves from and arrives: a transfer order says it, a transfer at once shows it in its two legs.

    None for what is not known, or where the transaction is no transfer.
    """
    if kind == "InvTrnfr":
        left, came, net = set[str](), set[str](), Counter[str]()
        for row in rows:
            quantity = fields.units(row, "quantity", fields.item(row))
            net[fields.item(row)] += quantity
            (left if quantity < 0 else came).add(fields.location(row) or "")
        if len(left) > 1 or len(came) > 1 or any(net.values()):
            raise Refused("the legs of the transfer do not balance between two locations")
        return min(left, default=None), min(came, default=None)
    if origins and fields.word(origins[0], "type") == "TrnfrOrd":
        return fields.location(origins[0], "origin"), fields.location(origins[0], "destination")
    return None, None


def _line(
    body: Body,
    row: Body,
    item: str,
    quantity: int,
    at: datetime,
    moves: Moves,
    ends: tuple[str | None, str | None],
) -> Line:
    """A line of so many units. Where it names no location, the header's is meant."""
    fact = moves.into if quantity > 0 else moves.out
    if fact is None:
        raise Refused(f"quantity of {item} has the wrong sign for this type")
    here = fields.location(row) or fields.location(body)
    if here is None:
        raise Refused(f"location of {item} is missing")
    there = None
    if fact is Fact.TRANSFER_SHIPPED:
        there = ends[1]
        if not there:  # goods that nobody knows the way of would be under way for ever
            raise Refused("destination of the transfer is missing")
    elif fact is Fact.TRANSFER_RECEIVED:
        there = ends[0] or None
    return Line(
        fact=fact, sku=item, quantity=abs(quantity), at=at, location=here, there=there, reason=moves.reason
    )
