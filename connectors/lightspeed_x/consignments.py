"""What a consignment claims: a supplier's order, a transfer between outlets, a return to a supplier, an inventory count. Pure.

What is told in which status is a table (`steps`). A webhook of a consignment names no products as far as is known (no
recorded body is public), so only the poll, which reads them too, brings one that moves something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.lightspeed_x.fields import instant, needed, reference, units, version
from connectors.lightspeed_x.steps import AT, KINDS, Goods, Step, Told
from schemas.claims import Claim, Document, Line, Skipped
from schemas.witnesses import FACTS, Desk


def moves(body: Mapping[str, Any]) -> bool:
    """Whether a consignment tells something of its products, so that they have to be read."""
    step = AT.get((str(body.get("type")), str(body.get("status"))))
    return step is not None and bool(step.tells) and not body.get("deleted_at")


def read(channel: str, payload: Payload) -> Claim:
    """What a consignment claims, in X-Series' references. Raises `Refused`."""
    body = payload.body
    ident, step = reference(body, "id"), _step(body)
    lines, skipped = list[Line](), list[Skipped]()
    if moves(body):
        lines, skipped = _lines(body, step)
    else:
        word = "deleted" if body.get("deleted_at") else step.status
        skipped.append(Skipped(item=f"consignment/{ident}", reason=f"{step.kind} {word} moves nothing"))
    number = max([version(needed(body, "version")), *(_row_version(row) for row in _rows(body))])
    documents = tuple(
        Document(id=name, version=number, lines=tuple(lines), skipped=tuple(skipped))
        for name in _names(f"consignment/{ident}", step, deleted=bool(body.get("deleted_at")))
    )
    return Claim(
        transaction=f"consignment/{channel}/{ident}",
        channel=channel,
        topic=payload.topic,
        occurred_at=instant(needed(body, "updated_at", "created_at")),
        documents=documents,
    )


def _names(ident: str, step: Step, *, deleted: bool) -> tuple[str, ...]:
    """The documents that a consignment is. A transfer is two, because X-Series forgets when it was sent once it has been
    received: so what was said when it was sent stands, and a count in between is not told a later instant. One that no poll
    saw on its way was sent when it was received. One that is cancelled takes both back.
    """
    if step.kind != "OUTLET":
        return (ident,)
    sent, received = f"{ident}/sent", f"{ident}/received"
    if step.status == "RECEIVED" and not deleted:
        return (received,)
    return (sent, received) if step.status == "CANCELLED" or deleted else (sent,)


def _step(body: Mapping[str, Any]) -> Step:
    kind, status = needed(body, "type"), needed(body, "status")
    if kind not in KINDS:
        raise Refused("type is not a known kind of consignment")
    found = AT.get((kind, str(status)))
    if found is None:
        raise Refused(f"unknown status {str(status)[:40]!r} of a consignment of the kind {kind}")
    return found


def _rows(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows = body.get("products")
    if rows is None:
        if moves(body):
            raise Refused("products is missing: only a poll brings the products of a consignment")
        return ()
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Refused("products is not a list of rows")
    return rows


def _row_version(row: Mapping[str, Any]) -> int:
    return 0 if row.get("version") is None else version(row["version"])


def _lines(body: Mapping[str, Any], step: Step) -> tuple[list[Line], list[Skipped]]:
    here, there = _places(body, step)
    lines, skipped = list[Line](), list[Skipped]()
    for goods in _goods(body, step, skipped):
        item = f"product:{goods.product}"
        told = [(one, one.units(goods)) for one in step.tells]
        said = [
            Line(
                fact=one.fact,
                sku=item,
                quantity=number,
                at=_dated(body, one),
                location=here,
                there=there if FACTS[one.fact].desk is Desk.TRANSFER else None,
                reason=one.reason,
            )
            for one, number in told
            if number or FACTS[one.fact].absolute
        ]
        lines += said
        if not said:
            skipped.append(Skipped(item=item, reason="no units"))
    return lines, sorted(skipped, key=lambda line: (line.item, line.reason))


def _goods(body: Mapping[str, Any], step: Step, skipped: list[Skipped]) -> list[Goods]:
    """The products, in an order of their own. What a count did not include keeps its level [inferred]."""
    counting = step.kind == "STOCKTAKE"
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for at, row in enumerate(_rows(body), start=1):
        product = reference(row, "product_id")
        item = f"product:{product}"
        if row.get("deleted_at"):
            skipped.append(Skipped(item=item, reason="taken out of the consignment"))
        elif counting and row.get("is_included") is False:
            skipped.append(Skipped(item=item, reason="not included in the count"))
        elif counting and row.get("received") in (None, ""):
            skipped.append(Skipped(item=item, reason="nobody counted it"))
        else:
            found[product][0] += 0 if counting else _number(row, "count", at)
            found[product][1] += _number(row, "received", at)
    return [Goods(product, *numbers) for product, numbers in sorted(found.items())]


def _number(row: Mapping[str, Any], field: str, at: int) -> int:
    """Units of a row, which are a decimal string; none where it says nothing."""
    if row.get(field) in (None, ""):
        return 0
    found = units(row[field], f"{field} of row {at}")
    if found < 0:
        raise Refused(f"{field} of row {at} is negative")
    return found


def _places(body: Mapping[str, Any], step: Step) -> tuple[str, str | None]:
    """Where the lines are, and of a transfer its other end: a sent one is at its source, a received one where it came to."""
    outlet = f"outlet:{reference(body, 'outlet_id')}"
    if step.kind != "OUTLET":
        return outlet, None
    source = f"outlet:{reference(body, 'source_outlet_id')}"
    if source == outlet:
        raise Refused("source_outlet_id and outlet_id are the same")
    return (outlet, source) if step.status == "RECEIVED" else (source, outlet)


def _dated(body: Mapping[str, Any], told: Told) -> datetime:
    return instant(needed(body, *told.dated))
