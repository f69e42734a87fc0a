"""A story while it is told: its hands on the platforms, its oracle, and the one question that is asked after every step."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

from aiohttp import ClientSession
from comparing import SHOWN, Difference, ledger, platforms
from running import Hub
from truth import Cell, Lines, Oracle

from connectors.links import reference_of
from connectors.rlm.orders import depositor_order
from schemas.ledger import Stock
from schemas.routing import HUB

WITHIN = 20.0
"""Seconds in which everybody must agree after a step."""


async def until(what: str, found: Callable[[], Sequence[Any]]) -> Any:
    """The one that is found, once it is. Raises `AssertionError` after `WITHIN` seconds, and where there are several."""
    deadline = time.monotonic() + WITHIN
    while not (those := found()):
        assert time.monotonic() < deadline, f"it should be so by now: {what}"
        await asyncio.sleep(0.1)
    (one,) = those
    return one


@dataclass(slots=True)
class Company:
    """The retailer, running, and how its hub is asked over HTTP."""

    hub: Hub
    http: ClientSession
    told: list[Story] = field(default_factory=list)
    """The stories that were told so far."""

    async def ask(self, path: str, **query: str) -> Any:
        """What the hub answers."""
        async with self.http.get(f"{self.hub.address}/v1/{path}", params=query) as answer:
            assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def say(self, method: str, path: str, body: Any, key: str = "") -> Any:
        """Tells the hub something that no platform of this retailer does."""
        headers = {"Idempotency-Key": key} if key else {}
        async with self.http.request(
            method, f"{self.hub.address}/v1/{path}", json=body, headers=headers
        ) as answer:
            assert answer.status < 300, f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()


class Held(NamedTuple):
    """Units in a state; `place` is None for those of all places."""

    sku: str
    place: str | None
    state: str

    def units(self, stock: Stock) -> int:
        """How many there are."""
        at = stock.locations if self.place is None else {self.place}
        return sum(stock.locations.get(place, {}).get(self.state, 0) for place in at)


class Story:
    """One story, with SKUs that no other story has."""

    def __init__(self, company: Company, stock: Mapping[Cell, int]) -> None:
        self.company, self.hub = company, company.hub
        self.web, self.tills, self.dc = (self.hub.sandboxes[name] for name in ("web", "tills", "dc"))
        self.oracle = Oracle(stock)
        self.skus = sorted({sku for sku, _ in stock})
        self.held: dict[Held, int] = {}
        """What the ledger must hold beside what may be sold, by SKU, place (None: anywhere) and state."""
        company.told.append(self)

    async def at_till(self, store: str, deal: str) -> Mapping[str, Any]:
        """Waits for the sale that a store's till has for a deal which the hub gave it."""
        return await until(
            f"{store}'s till has a sale of {deal}",
            lambda: [one for one in self._sales(deal) if (one["outlet"], one["state"]) == (store, "pending")],
        )

    async def voided_at_till(self, store: str, deal: str) -> None:
        """Waits until the sale that a store's till had for a deal is void."""
        await until(
            f"{store}'s sale of {deal} is void",
            lambda: [one for one in self._sales(deal) if (one["outlet"], one["state"]) == (store, "voided")],
        )

    async def at_warehouse(self, deal: str) -> Sequence[Sequence[str]]:
        """Waits for the order that the 3PL has to pack for a deal, which the hub gave it: its segments."""
        ref, waiting = depositor_order(deal), self.dc.warehouse.waiting
        return await until(
            f"the 3PL has an order of {deal}", lambda: [waiting[ref]] if ref in waiting else []
        )

    async def taken_back_at_warehouse(self, deal: str) -> None:
        """Waits until the 3PL was told that it need not pack a deal's order."""
        ref = depositor_order(deal)
        await until(
            f"the 3PL has no order of {deal} any more",
            lambda: [self.dc.warehouse.orders[ref]] if self.dc.warehouse.orders.get(ref) == "F" else [],
        )

    async def sent_from_warehouse(self, order: int, lines: Lines) -> None:
        """The 3PL sends what it was asked to, and says so; then the web shop says so, too, and nothing leaves twice."""
        deal = f"order/web/{order}"
        asked = await self.at_warehouse(deal)
        assert {one[5]: int(one[1]) for one in asked if one[0] == "W01"} == dict(lines)
        self.dc.ship(datetime.now(UTC))
        self.oracle.send("DC", "DC", lines)
        await self.agreed(deal, "OrderShipped")
        await self.shipped_online(order, "DC")

    async def sent_from_store(self, order: int, store: str, lines: Lines) -> None:
        """The store packs what its till has, and says so; then the web shop says so, too, and nothing leaves twice."""
        deal = f"order/web/{order}"
        sale = await self.at_till(store, deal)
        self.tills.close(sale["id"], at=datetime.now(UTC))
        self.oracle.send(store, store, lines)
        await self.agreed(deal)
        await self.shipped_online(order, store, lines)

    async def shipped_online(self, order: int, place: str, lines: Lines | None = None) -> None:
        """The web shop tells its customer that a parcel has left: that is no news."""
        self.web.fulfil(order, place, lines, at=datetime.now(UTC))
        await self.agreed(f"order/web/{order}")

    def _sales(self, deal: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tills.sales_of(reference_of(deal))
        return found

    async def agreed(self, deal: str, *kinds: str) -> None:
        """Waits until everybody agrees: the ledger with the oracle at every place, every platform with what it must show, explain
        with the number that its platform shows, no document was refused, and both journal and explain name the deal; the journal with movements of these
        `kinds`, so many of each as are named.

        Raises `AssertionError` with what is wrong still after `WITHIN` seconds.
        """
        for sandbox in self.hub.sandboxes.values():
            await sandbox.emitter.drain()
        deadline = time.monotonic() + WITHIN
        while wrong := [one async for one in self._wrong(deal, kinds)]:
            assert time.monotonic() < deadline, "\n".join([*wrong, *await self._told()])
            await asyncio.sleep(0.1)

    async def decided(self, deal: str) -> list[str | None]:
        """What the hub decided by itself of a deal, newest first: the reasons."""
        return [
            one["reason"]
            for one in await self._moved()
            if one["transaction"] == deal and one["channel"] == HUB
        ]

    async def _wrong(self, deal: str, kinds: Sequence[str]) -> AsyncIterator[str]:
        """What is wrong; nothing is asked that costs more while something cheaper is."""
        found = [*platforms(self.oracle, self.hub.seats, self.hub.sandboxes, self.skus)]
        found = found or await self._in_ledger()
        for one in found:
            yield "{who}: {what} of {sku} at {place} is {found}, must be {due}".format(**one._asdict())
        for letter in (await self.hub.queries.dead_letters()).items:
            yield "refused: {channel} {topic} {ref}: {reason}".format(**letter)
        if not found:
            moved = await self._moved()
            for one in self._missing(moved, deal, kinds):
                yield one
            for channel, sku in product(self.hub.seats, self.skus):
                async for one in self._unexplained(moved, deal, channel, sku):
                    yield one

    async def _in_ledger(self) -> list[Difference]:
        """Where the ledger is not the oracle's, or does not hold what it must."""
        stocks = await self.hub.queries.stocks(self.skus)
        return [
            *ledger(self.oracle, stocks.values()),
            *(
                Difference("ledger", held.state, held.sku, held.place or "all places", due, found)
                for held, due in self.held.items()
                if (found := held.units(stocks[held.sku])) != due
            ),
        ]

    async def _moved(self) -> list[Mapping[str, Any]]:
        return [one for sku in self.skus for one in (await self.hub.queries.movements(sku=sku)).items]

    def _missing(self, moved: Sequence[Mapping[str, Any]], deal: str, kinds: Sequence[str]) -> list[str]:
        """Kinds of movements that the journal must have of a deal, and has not."""
        there = Counter(str(one["kind"]) for one in moved if one["transaction"] == deal)
        return [f"the journal has no {kind} of {deal}" for kind in (Counter(kinds) - there).elements()]

    async def _unexplained(
        self, moved: Sequence[Mapping[str, Any]], deal: str, channel: str, sku: str
    ) -> AsyncIterator[str]:
        """Where explain does not sum to what the platform was told and shows, or does not name what the deal did to it."""
        seat = self.hub.seats[channel]
        shown = [SHOWN[seat.platform](self.hub.sandboxes[channel], sku, place) for place in seat.shows]
        told = await self.company.ask(f"explain/{sku}", channel=channel)
        summed = sum(line["amount"] for line in told["lines"])
        if not summed == told["quantity"] == sum(max(0, units) for units in shown):
            yield f"{channel}: explain of {sku} sums to {summed}, shown is {shown}"
        if told["pushed"] != sum(shown):
            yield f"{channel}: explain says that {told['pushed']} of {sku} are shown, shown is {shown}"
        for one in moved:
            at = {leg["location"] for leg in one["legs"] if leg["state"] == "available"}
            if one["sku"] == sku and one["transaction"] == deal and at & {*seat.sees}:
                named = f"movement:{one['id']} {deal}"
                if not any(line["ref"].startswith(named) for line in told["lines"]):
                    yield f"{channel}: explain of {sku} does not name {named}, {one['kind']}"

    async def _told(self) -> list[str]:
        """What the journal has, for who must find out why."""
        return [
            f"  {one['sku']} {one['kind']} {one['channel']} {one['transaction']} {one['document']}: "
            + ", ".join(f"{leg['location']}.{leg['state']} {leg['quantity']:+}" for leg in one["legs"])
            + f" {one['reason'] or ''}"
            for one in reversed(await self._moved())
        ]
