"""Transfers of a shop, and its stock by them.

Ready to ship sets units aside at the origin (recorded: 5 available, 3 to go: 2 available, 3 reserved, 5 on hand). That a
shipment takes them from there and makes them incoming, and that only accepted units arrive, is inferred from the states.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.shopify.sandbox.shop import Shipment, Shop, Transfer


def plan(
    shop: Shop, origin: str | None, destination: str, lines: Mapping[str, int], at: datetime
) -> Transfer:
    """A draft."""
    number = shop.part()
    units = {shop.items[sku].id: quantity for sku, quantity in lines.items()}
    place = None if origin is None else shop.locations[origin]
    made = shop.transfers[number] = Transfer(number, place, shop.locations[destination], units, at)
    return made


def ready(shop: Shop, made: Transfer, at: datetime) -> None:
    """Sets the units aside."""
    made.status = "READY_TO_SHIP"
    if made.origin is not None:
        for item, quantity in made.lines.items():
            shop.move(shop.item_by_id[item], made.origin, at, available=-quantity, reserved=quantity)


def ship(shop: Shop, made: Transfer, lines: Mapping[str, int], at: datetime) -> Shipment:
    """A shipment leaves. Raises `ValueError` for more than is left to ship."""
    units = {shop.items[sku].id: quantity for sku, quantity in lines.items()}
    if any(quantity > made.lines.get(item, 0) - made.shipped(item) for item, quantity in units.items()):
        raise ValueError(f"transfer {made.id} does not have these units left to ship")
    part = Shipment(shop.part(), units, at, "IN_TRANSIT", shipped_at=at)
    made.shipments.append(part)
    made.status = "IN_PROGRESS"
    for item, quantity in units.items():
        if made.origin is not None:
            shop.move(shop.item_by_id[item], made.origin, at, reserved=-quantity)
        shop.move(shop.item_by_id[item], made.destination, at, incoming=quantity)
    return part


def receive(
    shop: Shop,
    made: Transfer,
    part: Shipment,
    accepted: Mapping[str, int],
    rejected: Mapping[str, int],
    at: datetime,
) -> None:
    """Units of a shipment arrive. When all of a transfer have, it is over."""
    for counts, told, good in ((part.accepted, accepted, True), (part.rejected, rejected, False)):
        for sku, quantity in told.items():
            item = shop.items[sku]
            counts[item.id] = counts.get(item.id, 0) + quantity
            shop.move(item, made.destination, at, available=quantity if good else 0, incoming=-quantity)
    part.received_at = part.received_at or at
    got = sum(part.accepted.values()) + sum(part.rejected.values())
    part.status = "RECEIVED" if got == sum(part.lines.values()) else "PARTIALLY_RECEIVED"
    sent = all(made.shipped(item) == quantity for item, quantity in made.lines.items())
    if sent and all(one.status == "RECEIVED" for one in made.shipments):
        made.status = "TRANSFERRED"


def cancel(shop: Shop, made: Transfer, at: datetime) -> None:
    """What was not shipped goes back on the shelf."""
    if made.origin is not None and made.status != "DRAFT":
        for item, quantity in made.lines.items():
            left = quantity - made.shipped(item)
            shop.move(shop.item_by_id[item], made.origin, at, available=left, reserved=-left)
    made.status = "CANCELED"
