"""The one question that is asked after every step of a story: does everybody agree?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from aiohttp import ClientSession
from comparing import SHOWN, Difference, ledger, platforms
from running import Hub
from truth import Oracle

from schemas.ledger import Stock
from schemas.routing import HUB

WITHIN = 40.0
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
    told: list[Agreement] = field(default_factory=list)
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


class Agreement:
    """What must be so of a story's SKUs now, and whether it is. `held` is what the ledger must hold beside what may be sold."""

    def __init__(self, company: Company, oracle: Oracle, skus: Sequence[str]) -> None:
        self.company, self.hub, self.oracle, self.skus = company, company.hub, oracle, skus
        self.held: dict[Held, int] = {}

    async def agreed(self, deal: str, *kinds: str) -> None:
        """Waits until everybody agrees: the ledger with the oracle at every place, every platform with what it must show, explain
        with the number that its platform shows; no document was refused, and both journal and explain name the deal. The journal
        has movements of these `kinds` for it, so many of each as are named; where none are, what was said must have come through
        first.

        Raises `AssertionError` with what is wrong still after `WITHIN` seconds.
        """
        for sandbox in self.hub.sandboxes.values():
            await sandbox.emitter.drain()
        if not kinds:
            late = await self.hub.verifier.come_through(WITHIN)
            assert late is None, f"not taken in yet: {late}"
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
