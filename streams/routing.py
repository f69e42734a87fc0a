"""Chooses the places of orders that were taken without one, for the channels that leave it to the hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from projections.envelope import WrongKey
from projections.near import located, whereabouts
from projections.pool import DatabaseError, leadership
from projections.problems import Problem
from projections.queries import Queries
from projections.unrouted import Open, demands
from schemas.distances import Point
from schemas.routing import claim, route
from schemas.sites import Site
from schemas.topics import MOVEMENTS
from streams.customers import Customers
from streams.directories import Directories
from streams.intake import Intake
from streams.writer import NotWritten

log = structlog.get_logger()

EVERY = 0.5
"""Seconds between two looks."""
PATIENCE = 5.0
"""Seconds in which what was decided must have become movements; then it is decided anew, in place of that."""
SHORT_EVERY = 60.0
"""Seconds until demand that no place could send is looked at again."""


@dataclass(slots=True, kw_only=True)
class Routing:
    """The router, at one server at a time. What it decides is a document of the hub's own: the log has it, and its reasons.

    A decision that was not recorded yet is made again under the same name, and replaces itself: nothing is routed twice.
    """

    directories: Directories
    intake: Intake
    queries: Queries
    dsn: str
    role: str
    customers: Customers | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _again: dict[str, float] = field(default_factory=dict)
    _since: dict[int, int] | None = None

    @property
    def channels(self) -> set[str]:
        """The channels that leave it to the hub."""
        return {name for name, its in self.directories.settings.channels.items() if its.routed_by_hub}

    async def run(self) -> None:
        """Routes for ever."""
        while True:
            try:
                async with leadership(self.dsn, self.role):
                    self._since = None
                    while True:
                        if self.channels:
                            await self.once()
                        await asyncio.sleep(EVERY)
            except (NotWritten, WrongKey, *DatabaseError) as error:
                log.warning("routing pauses", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1.0)

    async def once(self) -> None:
        """Routes what is open now. Raises `NotWritten`, `DatabaseError`."""
        now, ticks = self.clock(), time.monotonic()
        reached, since = await self.queries.offsets(MOVEMENTS.name), self._since
        if since is not None and any(reached.get(part, 0) < at for part, at in since.items()):
            since = None  # the journal was made anew
        due = [name for name, at in self._again.items() if at <= ticks]
        if reached == since and not due:
            return
        news = None if since is None else {part: since.get(part, 0) for part in reached}
        found = await demands(self.queries, self.channels, news, due)
        for name in due:
            del self._again[name]
        self._since = reached
        sites = None
        for demand in found:
            if demand.transaction in self._again:
                continue
            if demand.routed or self.intake.heard(demand.channel, demand.recorded_at):
                sites = sites or await located(self.queries, self.directories.settings.sites)
                await self._route(demand, sites, now)
            else:  # what is picked up, for example, has its place already
                self._again[demand.transaction] = ticks + EVERY

    async def _route(self, demand: Open, sites: list[Site], now: datetime) -> None:
        """Routes one demand, from the pool that it is taken from: no other pool's stock is promised to it."""
        rules = replace(self.directories.settings.channels[demand.channel].rules, pool=demand.pool)
        stocks = await self.queries.stocks(demand.units)
        routed = route(demand, stocks, rules, sites, await self._near(demand, sites))
        if routed.plan.parcels:
            await self.intake.claims([claim(demand, routed, now)])
            log.info(
                "routed",
                transaction=demand.transaction,
                to=[parcel.location for parcel in routed.plan.parcels],
                short=dict(routed.plan.missing),
            )
        elif routed.plan.missing:
            log.warning(
                "no place can send it", transaction=demand.transaction, short=dict(routed.plan.missing)
            )
        wait = PATIENCE if routed.plan.parcels else SHORT_EVERY
        self._again[demand.transaction] = time.monotonic() + wait

    async def _near(self, demand: Open, sites: list[Site]) -> Point | None:
        """Where it is to be sent, as far as a postcode says; nothing of it is kept or logged."""
        if self.customers is None:
            return None
        to = await self.customers.recipient(demand.transaction)
        if not to.postcode:
            return None
        try:
            return await whereabouts(self.queries, to.postcode, to.country or None, sites)
        except Problem:
            return None
