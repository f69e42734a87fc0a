"""What was handed over of a sale that is fulfilled later: picked up, or sent. Pure.

A sale has a fulfilment for each outlet and way. X-Series lists them apart from the sale and without a cursor, so the poll
reads those of a sale with it; a webhook has none. Each is a document of its own, whose number of fulfilled units is
cumulative (OpenAPI 2026-07, FulfillmentSummaryItem). "Fulfilling … triggers inventory movements"
(https://x-series-api.lightspeedhq.com/docs/fulfillments_partial_fulfillment). That a part of it moves the sale's own version,
by which it is found, is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.errors import Refused
from connectors.lightspeed_x.fields import instant, needed, reference, units, version
from schemas.claims import Document, Fact, Line, Skipped

HANDED = {"PICKUP": Fact.COLLECTED, "DISPATCH": Fact.SHIPPED}
OF_ATTRIBUTE = {"pickup": Fact.COLLECTED, "delivery": Fact.SHIPPED}
"""How goods leave, by the word of a fulfilment and by that of its sale."""


def documents(
    body: Mapping[str, Any], demand: Sequence[Line], how: Fact, voided_at: datetime | None
) -> list[Document]:
    """The fulfilments that came with a sale whose `demand` leaves like `how`; none where it came without them.

    A fulfilment at another outlet than the sale's takes what was promised there: an outlet is documented as the one that fulfils;
    that it keeps the goods from then on is inferred. What was handed over of a sale that was voided has come back. A closed sale
    without any fulfilment was handed over whole [inferred: it is older than they are, or was closed in another way].
    """
    rows = body.get("fulfillments")
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Refused("fulfillments is not a list of rows")
    if rows:
        home = demand[0].location if demand else None
        return [_document(row, home, voided_at) for row in rows]
    if voided_at is None and body.get("state") != "closed":
        return []
    at = instant(needed(body, "updated_at", "date"))
    gone = [] if voided_at else [_left(line, how, at) for line in demand]
    number = version(needed(body.get("_metadata") or body, "version"))
    name = f"fulfillment/of/{reference(body, 'id')}"
    skipped = (Skipped(item=name, reason="the sale was voided"),) if voided_at else ()
    return [Document(id=name, version=number, lines=tuple(gone), skipped=skipped)]


def _left(line: Line, how: Fact, at: datetime) -> Line:
    return Line(fact=how, sku=line.sku, quantity=line.quantity, at=at, location=line.location)


def _document(row: Mapping[str, Any], home: str | None, voided_at: datetime | None) -> Document:
    """A fulfilment of a sale that was made at `home`. Whether its sale was voided may not move its own version, so that is counted in."""
    ident, kind = reference(row, "id"), needed(row, "type")
    at, where = instant(needed(row, "updated_at")), f"outlet:{reference(row, 'outlet_id')}"
    lines, skipped = list[Line](), list[Skipped]()
    how = HANDED.get(str(kind))
    if how is None:
        skipped.append(Skipped(item=f"fulfillment/{ident}", reason="neither picked up nor sent"))
    else:
        if home is not None and home != where:
            since = instant(needed(row, "created_at", "updated_at"))
            for item, number in _units(row, "quantity").items():
                line = Line(
                    fact=Fact.REROUTED, sku=item, quantity=number, at=since, location=home, there=where
                )
                lines.append(line)
        for item, number in fulfilled(row).items():
            lines.append(Line(fact=how, sku=item, quantity=number, at=at, location=where))
            if voided_at is not None:
                back = Fact.SHIPMENT_VOIDED
                lines.append(Line(fact=back, sku=item, quantity=number, at=voided_at, location=where))
    number = 2 * version(needed(row, "version")) + (voided_at is not None)
    return Document(id=f"fulfillment/{ident}", version=number, lines=tuple(lines), skipped=tuple(skipped))


def fulfilled(row: Mapping[str, Any]) -> dict[str, int]:
    """Units handed over, by product."""
    return _units(row, "fulfilled_quantity")


def _units(row: Mapping[str, Any], which: str) -> dict[str, int]:
    found: dict[str, int] = {}
    lines = row.get("line_items")
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        raise Refused("line_items of a fulfilment is not a list of lines")
    for at, line in enumerate(lines, start=1):
        item = f"product:{reference(line, 'product_id')}"
        number = units(line.get(which), f"{which} of line {at}")
        if number < 0:
            raise Refused(f"{which} of line {at} is negative")
        if number:
            found[item] = found.get(item, 0) + number
    return dict(sorted(found.items()))
