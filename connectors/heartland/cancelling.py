"""Takes an order of ours back in Heartland: voids it, as long as nothing of it was invoiced.

A void order gives back what it had committed (public clients: the invoices are voided first, then the order). An invoice that
is complete has taken the goods off the shelf, so an order that has one is left as it is. What becomes of the deposit that we
noted is not public: the money was taken elsewhere, and is given back there [inferred].
"""

from __future__ import annotations

from connectors.contract import Cancelled
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.heartland.allowlist import INVOICES, ORDERS
from connectors.heartland.api import Api, Row, checked, said
from connectors.heartland.fields import STATUSES, Stage
from connectors.heartland.sink import WRONG


def stage(row: Row) -> Stage | None:
    """How far a document is; None for a word that we do not know."""
    return STATUSES.get(str(row.get("status")).lower())


async def void(api: Api, order: Row) -> Cancelled:
    """Voids an order and its invoices that are not complete. Raises `Refused`, `SlowDown`, `Unreachable`."""
    ident = int(order["id"])
    if stage(order) is Stage.VOID:
        return Cancelled(str(ident), already=True)
    if stage(order) not in (Stage.PENDING, Stage.OPEN):
        raise Refused(f"order {ident} is {order.get('status')} in Heartland: take the goods back as a return")
    invoices = [row for row in await api.rows(INVOICES, order_id=ident) if stage(row) is not Stage.VOID]
    if done := [row["id"] for row in invoices if stage(row) is not Stage.PENDING]:
        raise Refused(f"order {ident} was handed over in Heartland (invoice {done[0]}): take the goods back")
    begun = False
    try:
        for path in (*(f"{INVOICES}/{row['id']}" for row in invoices), f"{ORDERS}/{ident}"):
            await _void(api, path)
            begun = True
    except SlowDown as wait:
        if begun:  # to the caller `SlowDown` means that nothing was done
            raise Unreachable("Heartland asked to wait in the middle of an order") from wait
        raise
    return Cancelled(str(ident))


async def _void(api: Api, path: str) -> None:
    """Voids a document. Heartland must show it void, by whomever: an order that it keeps goes on committing stock."""
    reply = await api.change(path, {"status": "void"})
    if reply.status not in WRONG:
        checked(reply)
    try:
        after = await api.get(path)
    except SlowDown as wait:
        raise Unreachable("Heartland asked to wait while a void document was looked for") from wait
    if after is None or stage(after) is not Stage.VOID:
        raise Refused(f"Heartland keeps {path} as it is ({said(reply)}): void it there")
