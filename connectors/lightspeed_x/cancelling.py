"""Takes a sale of ours back: voids it, as long as nothing of it was handed over.

A voided sale gives back what it holds and can become nothing else (help: Voiding Sales; docs: Statuses). `PUT /sales/{id}`
(OpenAPI 2026-07, SaleUpdateRequest) sets the state. It needs the state and the source; that what is not named stays as it was is
not said, so what the sale was is named again, its lines by their ids [inferred]. X-Series would void a closed sale too, and put
goods back on a shelf from which they were collected: so it is looked at first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract import Cancelled
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.lightspeed_x.client import LightspeedXClient, checked, enveloped
from connectors.lightspeed_x.effects import VOIDED
from connectors.lightspeed_x.fulfillments import fulfilled

WRONG = frozenset({400, 404, 409, 422})
"""Answers that say what is wrong with a sale."""

OPEN = frozenset({"parked", "pending"})
LINE = ("id", "product", "quantity", "pricing", "tax")
PARTS = {"product": ("id",), "pricing": ("price",), "tax": ("id", "amount")}
"""What of a line is sent (OpenAPI 2026-07, SaleLineItem), and of the objects in it."""

Row = Mapping[str, Any]


async def found(client: LightspeedXClient, ident: str) -> Row | None:
    """The sale with this id. None: a 404 says that it is not there; every other answer must show it."""
    reply = await client.http.call("GET", f"/sales/{ident}")
    if reply.status == 404:
        return None
    sale = enveloped(checked(reply))
    if not isinstance(sale, Mapping) or sale.get("id") != ident:
        raise Unreachable("X-Series answered another sale")
    return sale


def is_at(sale: Row, outlet: str) -> bool:
    """Whether a sale was made at an outlet, as far as it says where."""
    source = sale.get("source")
    return not isinstance(source, Mapping) or source.get("outlet_id") in (outlet, None)


async def void(client: LightspeedXClient, sale: Row) -> Cancelled:
    """Voids a sale. Raises `Refused`, `SlowDown`, `Unreachable`."""
    ident = str(sale["id"])
    if sale.get("state") == VOIDED:
        return Cancelled(ident, already=True)
    if sale.get("state") not in OPEN:
        raise Refused(
            f"sale {_named(sale)} is {sale.get('state')} in X-Series: take the goods back as a return"
        )
    if any(sum(fulfilled(row).values()) for row in await client.fulfillments([ident])):
        raise Refused(f"goods of sale {_named(sale)} were handed over: void it or take them back in X-Series")
    reply = await client.http.call("PUT", f"/sales/{ident}", body=_voided(sale, client.settings.author_id))
    if reply.status not in WRONG:
        checked(reply)
    try:  # X-Series must show it voided, by whomever
        after = await found(client, ident)
    except SlowDown as wait:
        raise Unreachable("X-Series asked to wait while a voided sale was looked for") from wait
    if after is None or after.get("state") != VOIDED:
        raise Refused(f"X-Series does not void sale {_named(sale)} ({reply.status}): void it there")
    return Cancelled(ident, already=reply.status in WRONG)


def _voided(sale: Row, author: str | None) -> dict[str, Any]:
    source = sale.get("source")
    source = source if isinstance(source, Mapping) else {}
    by = source.get("author")
    author = author or (by.get("id") if isinstance(by, Mapping) else None)
    body: dict[str, Any] = {
        "source": {
            "author_id": author,
            **{name: source[name] for name in ("register_id", "id", "type") if source.get(name)},
        },
        "state": VOIDED,
        "line_items": [_line(row) for row in sale.get("line_items") or ()],
    }
    return body | {name: sale[name] for name in ("attributes", "customer_id", "date") if sale.get(name)}


def _line(row: Row) -> dict[str, Any]:
    return {
        name: {part: row[name].get(part) for part in PARTS[name]} if name in PARTS else row[name]
        for name in LINE
        if row.get(name) is not None
    }


def _named(sale: Row) -> str:
    """The number that staff know a sale by."""
    return str(sale.get("invoice_number") or sale.get("id"))
