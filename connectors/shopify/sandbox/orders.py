"""What happens to a shop's orders, and to its stock by that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from connectors.shopify.sandbox.routes import leave, reroute, wait
from connectors.shopify.sandbox.shop import (
    ORDERS_FROM,
    Disposition,
    Location,
    Order,
    OrderLine,
    Parcel,
    Refund,
    Refunded,
    Return,
    Route,
    Shop,
)

Restock = Literal["return", "cancel", "no_restock"]
Lines = Sequence[tuple[str, int]]


def place(
    shop: Shop,
    lines: Lines,
    at: datetime,
    *,
    routed_to: str | None = None,
    pick_up: bool = False,
    till: bool = False,
) -> Order:
    """An order, one line for each SKU: its units are committed where it is routed to, or where the shop sells from. With
    `till` it was taken there over the counter, else in the web shop.

    Raises `ValueError` for an order of nothing, or of a SKU the shop does not have.
    """
    wanted: Counter[str] = Counter()
    for sku, quantity in lines:
        wanted[sku] += quantity
    unknown = wanted.keys() - shop.items.keys()
    if unknown or not wanted or min(wanted.values()) < 1:
        raise ValueError(f"cannot order {dict(wanted)}; unknown: {sorted(unknown)}")
    number = ORDERS_FROM + len(shop.orders)
    held = [OrderLine(shop.part(), shop.items[sku], quantity) for sku, quantity in wanted.items()]
    order = Order(number, held, at, at)
    shop.orders[number] = order
    here = shop.sells_from if routed_to is None else shop.locations[routed_to]
    if till:
        order.source, order.till = "pos", here
    like = Route(0, order, here, {}, at, at, method="PICK_UP") if pick_up else None
    for line in held:
        shop.move(line.item, here, at, available=-line.quantity, committed=line.quantity)
        wait(shop, order, line, line.quantity, here, at, like)
    return order


def fulfil(
    shop: Shop, order: Order, location: str, lines: Lines | None, at: datetime, *, move: bool
) -> Parcel:
    """Sends units (None: all that are left). Raises `ValueError` for more than are left.

    With `move`, the fulfilment order is first moved to `location`, as Shopify does when another place ships: available
    goes up where the order was committed, and down where it ships (reported by users, not recorded).
    """
    place = shop.locations[location]
    left = [(line, line.fulfillable) for line in order.lines if line.fulfillable]
    taken = left if lines is None else order.take(lines)
    if not taken or any(not 0 < quantity <= line.fulfillable for line, quantity in taken):
        raise ValueError(f"order {order.id} does not have these units left to send")
    method, origins = "SHIPPING", []
    for line, quantity in taken:
        line.sent += quantity
        if move:
            reroute(shop, order, line, quantity, place, at)
        for route, units in list(leave(order, line, quantity, at, sent=True, first=place)):
            method = route.method
            origins.append((line, units, route.location))
            shop.move(line.item, route.location, at, committed=-units)
    parcel = Parcel(shop.part(), order, place, taken, at, at, method=method, origins=origins)
    order.parcels.append(parcel)
    order.updated_at = max(order.updated_at, at)
    return parcel


def unfulfil(shop: Shop, parcel: Parcel, at: datetime) -> None:
    """Cancels a parcel: its units are committed again where they were, and wait to be sent."""
    parcel.status = "cancelled"
    parcel.updated_at = max(parcel.updated_at, at)
    parcel.order.updated_at = max(parcel.order.updated_at, at)
    for line, quantity, origin in parcel.origins:
        line.sent -= quantity
        shop.move(line.item, origin, at, committed=quantity)
        wait(shop, parcel.order, line, quantity, origin, at)


def refund(
    shop: Shop, order: Order, lines: Lines, *, restock: Restock, location: str | None, at: datetime
) -> Refund:
    """Refunds units: sent ones that come back, unsent ones that are withdrawn, or money only.

    `no_restock` takes sent units first; unsent ones leave committed and on hand (inferred). Raises `ValueError`.
    """
    place = None if restock == "no_restock" else shop.locations[location or shop.sells_from.key]
    rows: list[Refunded] = []
    for line, quantity in order.take(lines):
        sent = line.sent - line.credited
        most = {"return": sent, "cancel": line.fulfillable, "no_restock": sent + line.fulfillable}[restock]
        if not 0 < quantity <= most:
            raise ValueError(f"order {order.id} does not have {quantity} of {line.item.sku} to refund")
        if restock == "cancel":
            line.removed += quantity
            for route, units in list(leave(order, line, quantity, at, sent=False)):
                shop.move(line.item, route.location, at, available=units, committed=-units)
        else:
            credited = min(quantity, sent)
            line.credited += credited
            line.removed += quantity - credited
            for route, units in list(leave(order, line, quantity - credited, at, sent=False)):
                shop.move(line.item, route.location, at, committed=-units)
            if place is not None:
                shop.move(line.item, place, at, available=quantity)
        rows.append(Refunded(shop.part(), line, quantity, restock, place))
    made = Refund(shop.part(), order, rows, at)
    order.refunds.append(made)
    order.updated_at = max(order.updated_at, at)
    return made


def cancel(shop: Shop, order: Order, at: datetime) -> None:
    """Cancels an order: what was not sent is restocked, which leaves a refund with lines `cancel`."""
    left = [(line.item.sku, line.fulfillable) for line in order.lines if line.fulfillable]
    if left:
        refund(shop, order, left, restock="cancel", location=None, at=at)
    order.cancelled_at = at
    order.updated_at = max(order.updated_at, at)


def move(shop: Shop, order: Order, to: str, lines: Lines | None, at: datetime) -> None:
    """Moves units that wait to another place (None: all of them). The order itself is as old as it was."""
    waiting = [(line, line.fulfillable) for line in order.lines if line.fulfillable]
    place = shop.locations[to]
    for line, quantity in waiting if lines is None else order.take(lines):
        if not 0 < quantity <= line.fulfillable:
            raise ValueError(f"order {order.id} does not have {quantity} of {line.item.sku} to move")
        _moved(shop, order, line, quantity, place, at)


def prepare(order: Order, at: datetime) -> None:
    """What is to be picked up lies ready: its fulfilment order is in progress, and nothing moves. Raises `ValueError` for none."""
    waiting = [route for route in order.routes if route.method == "PICK_UP" and route.status == "OPEN"]
    if not waiting:
        raise ValueError(f"order {order.id} has nothing to be picked up")
    for route in waiting:
        route.status, route.updated_at = "IN_PROGRESS", max(route.updated_at, at)


def _moved(shop: Shop, order: Order, line: OrderLine, quantity: int, to: Location, at: datetime) -> None:
    here = sum(route.left(line) for route in order.routes if route.location is to)
    reroute(shop, order, line, here + quantity, to, at)


def give_back(shop: Shop, order: Order, lines: Lines, kind: str, location: str, at: datetime) -> Return:
    """A return without a refund: units come back to a place, where they are disposed of at once. Only what is restocked
    counts. Raises `ValueError` for more than were sent.
    """
    taken, here = order.take(lines), shop.locations[location]
    if any(not 0 < quantity <= line.sent for line, quantity in taken):
        raise ValueError(f"order {order.id} did not send these units")
    made = Return(shop.part(), shop.part(), order, taken)
    for line, quantity in taken:
        made.dispositions.append(Disposition(shop.part(), line, quantity, kind, here, at))
        if kind == "RESTOCKED":
            shop.move(line.item, here, at, available=quantity)
    order.returns.append(made)
    order.updated_at = max(order.updated_at, at)
    return made
