"""Where the units of an order wait to be sent: its fulfilment orders, and what becomes of them.

Recorded with a real shop (API 2026-04): a move or a hold of some units makes a fulfilment order of their own, with another
place or status, and takes their line out of the first; one with nothing left is closed. That a move takes the demand along
(available up at the old place, down at the new one) was reported by users.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.shopify.sandbox.shop import Location, Order, OrderLine, Route, Shop


def wait(
    shop: Shop,
    order: Order,
    line: OrderLine,
    quantity: int,
    place: Location,
    at: datetime,
    like: Route | None = None,
) -> None:
    """Units wait at a place: in the open fulfilment order of it, else in a new one."""
    method = like.method if like else "SHIPPING"
    for route in order.routes:
        if route.status == "OPEN" and route.location is place and route.method == method:
            break
    else:
        route = Route(shop.part(), order, place, {}, at, at, method=method)
        order.routes.append(route)
    total, left = route.units.get(line.id, (0, 0))
    route.units[line.id] = total + quantity, left + quantity
    route.updated_at = max(route.updated_at, at)


def leave(
    order: Order, line: OrderLine, quantity: int, at: datetime, *, sent: bool, first: Location | None = None
) -> Iterator[tuple[Route, int]]:
    """Takes waiting units out, those at `first` before others. Units that were not `sent` were never to be there."""
    waiting = [route for route in order.routes if route.status != "CLOSED" and route.left(line)]
    for route in sorted(waiting, key=lambda one: one.location is not first):
        taken = min(quantity, route.left(line))
        if taken:
            quantity -= taken
            total, left = route.units[line.id]
            route.units[line.id] = (total if sent else total - taken, left - taken)
            route.updated_at = max(route.updated_at, at)
            if not any(one for _, one in route.units.values()):
                route.status = "CLOSED"
            yield route, taken


def reroute(shop: Shop, order: Order, line: OrderLine, quantity: int, to: Location, at: datetime) -> None:
    """Moves waiting units of a line to another place, and the demand with them."""
    here = [route for route in order.routes if route.location is to and route.status != "CLOSED"]
    moved = quantity - sum(route.left(line) for route in here)
    if moved <= 0:
        return
    elsewhere = [route for route in order.routes if route not in here]
    for origin, taken in list(_out_of(elsewhere, line, moved, at)):
        shop.move(line.item, origin.location, at, available=taken, committed=-taken)
        shop.move(line.item, to, at, available=-taken, committed=taken)
        wait(shop, order, line, taken, to, at, like=origin)


def _out_of(routes: list[Route], line: OrderLine, quantity: int, at: datetime) -> Iterator[tuple[Route, int]]:
    for route in routes:
        taken = min(quantity, route.left(line))
        if route.status != "CLOSED" and taken:
            quantity -= taken
            total, left = route.units[line.id]
            route.units[line.id] = total - taken, left - taken
            # recorded: the one that units were moved out of keeps the instant of its last update, and loses a line of
            # which nothing is left to it; one that is closed shows it with zero
            if total == taken and len(route.units) > 1:
                del route.units[line.id]
            if not any(one for _, one in route.units.values()):
                route.status, route.updated_at = "CLOSED", max(route.updated_at, at)
            yield route, taken
