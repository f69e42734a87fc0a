"""A story while it is told: its hands on the platforms, its oracle, and the one question that is asked after every step."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from comparing import SHOWN, ledger, platforms
from running import Hub
from truth import Cell, Oracle

from schemas.routing import HUB

WITHIN = 20.0
"""Seconds in which everybody must agree after a step."""


@dataclass(slots=True)
class Company:
    """The retailer, running, and how its hub is asked over HTTP."""

    hub: Hub
    http: ClientSession

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


class Story:
    """One story, with SKUs that no other story has."""

    def __init__(self, company: Company, stock: Mapping[Cell, int]) -> None:
        self.company, self.hub = company, company.hub
        self.web, self.tills, self.dc = (self.hub.sandboxes[name] for name in ("web", "tills", "dc"))
        self.oracle = Oracle(stock)
        self.skus = sorted({sku for sku, _ in stock})

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
        if not found:
            found = [*ledger(self.oracle, (await self.hub.queries.stocks(self.skus)).values())]
        for letter in (await self.hub.queries.dead_letters()).items:
            yield "refused: {channel} {topic} {ref}: {reason}".format(**letter)
        for one in found:
            yield "{who}: {what} of {sku} at {place} is {found}, must be {due}".format(**one._asdict())
        if not found:
            moved = await self._moved()
            for one in self._missing(moved, deal, kinds):
                yield one
            for channel in self.hub.seats:
                for sku in self.skus:
                    async for one in self._unexplained(moved, deal, channel, sku):
                        yield one

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
