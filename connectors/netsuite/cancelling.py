"""Takes a sales order of ours back in NetSuite: closes all its lines.

REST offers no call that cancels: an order is closed by closing its lines, with a `PATCH` that names each by its number (Oracle,
"Use Case For Approving Your Sales Order": Close a Sales Order; "Use Case For Updating Your Sales Order"). That suits our orders,
which are approved: the status Cancelled is for those that were never approved [inferred]. A closed line commits nothing any more,
and the order stays there to be read. A line without its number would be added to the order, so none is sent without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.contract import Cancelled
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.netsuite import fields, kinds, queries
from connectors.netsuite.answers import Row, ident, listed, places
from connectors.netsuite.client import NetSuiteClient


async def close(client: NetSuiteClient, order: str) -> Cancelled:
    """Closes a sales order. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable` (ask again)."""
    made = listed(await client.ask(queries.made_from(order)))
    if begun := [row for row in made if row.get("type") in kinds.CARRY_OUT]:
        what = f"{fields.word(begun[0], 'type')} {ident(begun[0], 'id')}"
        raise Refused(
            f"order {order} is being carried out in NetSuite ({what}): delete that there, or take the goods back"
        )
    if await is_off(client, order):
        return Cancelled(order, already=True)
    path = f"/services/rest/record/v1/salesOrder/{order}"
    shown = await client.call("GET", path, query={"expandSubResources": "true"})
    if shown.status != 200:
        raise Unreachable(f"NetSuite answered {shown.status} to a sales order: {places(shown)}")
    lines = [_closed(row) for row in _items(shown.body)]
    reply = await client.call("PATCH", path, body={"item": {"items": lines}})
    if reply.status >= 500:
        raise Unreachable(f"NetSuite answered {reply.status} while an order was closed")
    try:  # NetSuite must show it closed, by whomever
        closed = await is_off(client, order)
    except SlowDown as wait:
        raise Unreachable("NetSuite asked to wait while a closed order was looked for") from wait
    if not closed:
        raise Refused(
            f"NetSuite does not close order {order} ({reply.status}: {places(reply)}): close it there"
        )
    return Cancelled(order)


async def is_taken_back(client: NetSuiteClient, order: str) -> bool:
    """Whether a sales order will not be carried out. Raises `Refused` for one that was, and was closed then: what is left of it is
    for a person to judge.
    """
    if not await is_off(client, order):
        return False
    made = listed(await client.ask(queries.made_from(order)))
    if any(row.get("type") in kinds.CARRY_OUT for row in made):
        raise Refused(
            f"order {order} was carried out in part in NetSuite and closed: what is missing is ordered there"
        )
    return True


async def is_off(client: NetSuiteClient, order: str) -> bool:
    """Whether a sales order was closed or cancelled: by its status, or by every one of its lines."""
    heads = listed(await client.ask(queries.status_of(order)))
    if not heads:
        raise Unreachable(f"NetSuite does not show order {order}")
    if fields.status(heads[0]) in kinds.OFF:
        return True
    rows = listed(await client.ask(queries.lines([order], 0)))
    goods = [row for row in rows if row.get("mainline") != "T"]
    return bool(goods) and all(row.get("isclosed") == "T" for row in goods)


def _items(body: Any) -> Iterable[Row]:
    """The lines of a sales order that was asked for with its sublists."""
    sublist = body.get("item") if isinstance(body, Mapping) else None
    rows = sublist.get("items") if isinstance(sublist, Mapping) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise Unreachable("NetSuite answered a sales order without its lines")
    return rows


def _closed(row: Row) -> dict[str, Any]:
    """What closes a line: its number, and the field under the name that NetSuite shows (Oracle's examples spell it in two ways)."""
    number = row.get("line")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Unreachable("NetSuite answered a line without its number")
    field = next((name for name in row if name.lower() == "isclosed"), "isClosed")
    return {"line": number, field: True}
