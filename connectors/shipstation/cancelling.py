"""Takes an order of ours back in ShipStation: gives it, and every part that it was split into, the status `cancelled`.

`POST /orders/createorder` updates an order by its key: the whole of it must be sent, so it is sent back as it was read, and only
while it is open (docs.shipstation.com, V1). That what is read-only in it is passed over is inferred. V2 has
`PUT /shipments/{id}/cancel`, but nothing says that its ids are V1's: an order that V1 created is cancelled where it was created.
What is in it of a person passes through memory only.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract import Cancelled
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.shipstation.api import Api, Row, checked, listed, said

CANCELLED = "cancelled"
OPEN = frozenset({"awaiting_payment", "awaiting_shipment", "on_hold"})
"""What may be updated (docs.shipstation.com, V1: Create/Update Order)."""

WRONG = frozenset({400, 404, 422})


async def numbered(api: Api, number: str) -> list[Row]:
    """The orders of this number: one of ours, and what it was split into. The search is by the beginning of the number."""
    query = {"orderNumber": number, "pageSize": "500"}
    rows = listed(checked(await api.v1("GET", "/orders", query=query)), "orders")
    return [row for row in rows if row.get("orderNumber") == number]


async def cancel(api: Api, number: str) -> Cancelled:
    """Cancels the orders of a number. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable` (ask again)."""
    rows = await numbered(api, number)
    if not rows:
        return Cancelled(None)
    ref = next((row["orderId"] for row in rows if row.get("orderKey") == number), rows[0]["orderId"])
    standing = [row for row in rows if row.get("orderStatus") != CANCELLED]
    if not standing:
        return Cancelled(str(ref), already=True)
    await _check(api, standing)
    for at, row in enumerate(standing):
        try:
            await _cancel(api, row)
        except SlowDown as wait:
            if at:  # to the caller `SlowDown` means that nothing was done
                raise Unreachable("ShipStation asked to wait in the middle of an order") from wait
            raise
    return Cancelled(str(ref))


async def _check(api: Api, rows: Sequence[Row]) -> None:
    """Raises `Refused` for what has gone too far, before anything is changed."""
    for row in rows:
        ident, status = row["orderId"], row.get("orderStatus")
        options = row.get("advancedOptions")
        if isinstance(options, dict) and options.get("mergedIds"):
            raise Refused(f"order {ident} was combined with others in ShipStation: take its goods out there")
        if status not in OPEN:
            raise Refused(f"order {ident} is {status} in ShipStation: stop the parcel or have it returned")
        labels = listed(
            checked(await api.v1("GET", "/shipments", query={"orderId": str(ident)})), "shipments"
        )
        if made := [one["shipmentId"] for one in labels if not (one["voided"] or one["isReturnLabel"])]:
            raise Refused(f"order {ident} has label {made[0]} in ShipStation: void it first")


async def _cancel(api: Api, row: Row) -> None:
    reply = await api.v1("POST", "/orders/createorder", body={**row, "orderStatus": CANCELLED})
    if reply.status in WRONG:
        raise Refused(f"{said(reply)}: cancel order {row['orderId']} in ShipStation")
    after = checked(reply)
    if not isinstance(after, dict) or after.get("orderStatus") != CANCELLED:
        raise Refused(f"ShipStation does not cancel order {row['orderId']}: cancel it there")
