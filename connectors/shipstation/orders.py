"""Creates orders in ShipStation (V1 `POST /orders/createorder`), one at a time for each deal and warehouse.

ShipStation's own idempotency is an upsert by `orderKey` that replaces the whole order: a repeat would undo what a person has
changed since, and is refused once it is shipped. So the order is looked for first. `orderNumber` is our reference too, since
orders can be searched by it, not by key, and since the parts of a split order keep it. A cancelled order cannot be opened again, so
one that is wanted again has a number (`links`). `cancelling` takes them back.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract import Cancelled, Client, Created, NewOrder
from connectors.directory import Directory
from connectors.errors import Refused, Unreachable
from connectors.links import reference_of
from connectors.shipstation import cancelling
from connectors.shipstation.api import checked, said
from connectors.shipstation.cancelling import WRONG
from connectors.shipstation.client import ShipStationClient

KEY_MAX = 50
"""Characters of the longest order number (OpenAPI 2.0.0, `shipment_number`: what is beyond is cut off)."""


class ShipStationOrders:
    """Creates orders in one account."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, ShipStationClient)
        self._client = client

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Creates an order, or finds it. Raises `Refused`, `SlowDown` (nothing was done) or `Unreachable` (ask again)."""
        _check(reference_of(order.transaction))
        warehouse = _warehouse(order.location, directory)
        known = await cancelling.numbered(self._client.api, order.transaction)
        here = cancelling.at_warehouse(known, warehouse)
        if here and (standing := cancelling.standing(here[-1])):
            return Created(cancelling.named(standing), already=True)
        key = reference_of(order.transaction, max(known, default=0) + 1)
        _check(key)
        reply = await self._client.api.v1(
            "POST", "/orders/createorder", body=self._body(order, key, directory)
        )
        if reply.status in WRONG:
            raise Refused(said(reply))
        made = checked(reply)
        if not isinstance(made, dict) or not made.get("orderId"):
            raise Unreachable("ShipStation answered without an orderId")
        return Created(str(made["orderId"]))

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Cancels the order of a deal. Raises `Refused`, `SlowDown` (nothing was done) or `Unreachable` (ask again). Of an order
        that was combined with another ShipStation shows nothing any more: it is as if it had never been created.
        """
        warehouse = _warehouse(location, directory)
        return await cancelling.cancel(self._client.api, transaction, warehouse)

    def _body(self, order: NewOrder, key: str, directory: Directory) -> dict[str, Any]:
        items = []
        for at, line in enumerate(order.lines):
            sku = directory.handles.get(line.sku)
            if sku is None:
                raise Refused(f"ShipStation has no product {line.sku}")
            row = {"lineItemKey": f"{key}/{at}", "sku": sku, "name": sku, "quantity": line.quantity}
            items.append({**row, "unitPrice": float(line.price)})
        settings, person = self._client.settings, order.recipient
        if not person.name:
            raise Refused("the name of the recipient is missing: ShipStation's billTo and shipTo need one")
        placed = order.placed_at.astimezone(ZoneInfo(settings.time_zone)).replace(tzinfo=None)
        return {
            "orderNumber": key,
            "orderKey": key,
            "orderDate": placed.isoformat(timespec="seconds"),
            "orderStatus": "awaiting_shipment",
            "customerEmail": person.email or None,
            "billTo": {"name": person.name},
            "shipTo": {
                "name": person.name,
                "street1": person.street,
                "city": person.city,
                "state": person.region,
                "postalCode": person.postcode,
                "country": person.country,
                "phone": person.phone or None,
            },
            "items": items,
            "advancedOptions": {
                "warehouseId": _warehouse(order.location, directory),
                "storeId": settings.order_store,
            },
        }


def _check(key: str) -> None:
    if len(key) > KEY_MAX:
        raise Refused(f"the reference {key} is longer than {KEY_MAX} characters")


def _warehouse(place: str, directory: Directory) -> int:
    """The Ship-From warehouse that is our place, as V1 calls it. Raises `Refused` where there is not exactly one."""
    found = [
        ref.removeprefix("warehouse:")
        for ref, name in directory.locations.items()
        if name == place and ref.startswith("warehouse:") and ref.removeprefix("warehouse:").isdecimal()
    ]
    if len(found) != 1:
        raise Refused(f"{len(found)} of ShipStation's Ship-From warehouses are {place}: one is needed")
    return int(found[0])
