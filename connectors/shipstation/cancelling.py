"""Takes an order of ours back in ShipStation: gives it, and every part that it was split into, the status `cancelled`.

`POST /orders/createorder` updates an order by its key: the whole of it must be sent, so it is sent back as it was read, and only
while it is open (docs.shipstation.com, V1). That what is read-only in it is passed over is inferred. V2 has
`PUT /shipments/{id}/cancel`, but nothing says that its ids are V1's: an order that V1 created is cancelled where it was created.
What is in it of a person passes through memory only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import Cancelled
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.links import attempts, reference_of
from connectors.shipstation.api import Api, Row, checked, listed, said

CANCELLED = "cancelled"
OPEN = frozenset({"awaiting_payment", "awaiting_shipment", "on_hold"})
"""What may be updated (docs.shipstation.com, V1: Create/Update Order)."""

WRONG = frozenset({400, 404, 422})


async def numbered(api: Api, transaction: str) -> dict[int, list[Row]]:
    """The orders of a deal, by attempt: each one of ours, and what it was split into, which keeps its number. The search is by the
    beginning of the number.
    """
    query = {"orderNumber": reference_of(transaction), "pageSize": "500"}
    rows = listed(checked(await api.v1("GET", "/orders", query=query)), "orders")
    return attempts(rows, "orderNumber", transaction)


def at_warehouse(known: Mapping[int, Sequence[Row]], warehouse: int) -> list[Sequence[Row]]:
    """The orders of a deal that are for a warehouse, as far as they say for which, the newest last."""
    return [rows for rows in known.values() if any(_warehouse(row) in (warehouse, None) for row in rows)]


def standing(rows: Sequence[Row]) -> list[Row]:
    """The orders that were not cancelled."""
    return [row for row in rows if row.get("orderStatus") != CANCELLED]


def named(rows: Sequence[Row]) -> str:
    """The id of an order that may have been split: that of the part which kept our key, else of any."""
    return str(
        next((row for row in rows if row.get("orderKey") == row.get("orderNumber")), rows[0])["orderId"]
    )


async def cancel(api: Api, transaction: str, warehouse: int) -> Cancelled:
    """Cancels the newest order of a deal that is for a warehouse. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable` (ask
    again).
    """
    here = at_warehouse(await numbered(api, transaction), warehouse)
    if not here:
        return Cancelled(None)
    ref, left = named(here[-1]), standing(here[-1])
    if not left:
        return Cancelled(ref, already=True)
    await _check(api, left)
    for at, row in enumerate(left):
        try:
            await _cancel(api, row)
        except SlowDown as wait:
            if at:  # to the caller `SlowDown` means that nothing was done
                raise Unreachable("ShipStation asked to wait in the middle of an order") from wait
            raise
    return Cancelled(ref)


def _warehouse(row: Row) -> object:
    options = row.get("advancedOptions")
    return options.get("warehouseId") if isinstance(options, dict) else None


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
