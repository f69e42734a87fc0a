"""Compares what a platform shows with what it should show, and does about hand edits what their location's policy says."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from connectors.contract import Client, Connector
from connectors.directory import Directory
from connectors.errors import ConnectorError
from connectors.polite import patiently
from projections.pool import DatabaseError, leadership
from projections.queries import Queries
from schemas.accounts import NETWORK
from streams.cluster import Kafka
from streams.differences import (
    Cause,
    Cell,
    Difference,
    Known,
    Listing,
    Sighting,
    cause_of,
    known_of,
    target_of,
)
from streams.hand_edits import Editing, shelf_of
from streams.intake import Intake
from streams.reader import Reader
from streams.verify import Verifier
from streams.writer import NotWritten

log = structlog.get_logger()

APART = 10.0
"""Seconds between two looks at least: in them a platform's document must have come to where a poll finds it."""

PATIENCE = 60.0
"""Seconds in which we must have taken in what was in the log, or nothing is believed to be somebody's hand."""

ROUNDS = 3
"""How often a cell that is in flight is looked at again before it is said to be."""

HOPS = 3
"""How often a claim may send others on (two deals that are one): each time they are waited for anew."""


@dataclass(slots=True, kw_only=True)
class Reconciling:
    """The comparisons of one channel; one at a time, whichever process asks. `poll` catches up with the platform. In
    `arrives_within` seconds its documents have come by themselves, or are late. `apart` and `patience` are in seconds.
    """

    channel: str
    connector: Connector
    client: Client
    intake: Intake
    queries: Queries
    bootstrap: Kafka
    dsn: str
    poll: Callable[[], Awaitable[Any]]
    arrives_within: float = 1.0
    apart: float = APART
    patience: float = PATIENCE
    editing: Editing = field(init=False)

    def __post_init__(self) -> None:
        self.editing = Editing(channel=self.channel, intake=self.intake, queries=self.queries)

    async def run(self, every: float) -> None:
        """Compares for ever, every so many seconds."""
        while True:
            await asyncio.sleep(every)
            try:
                causes = Counter(one.cause.value for one in await self.once())
                log.info("reconciled", channel=self.channel, differences=dict(causes))
            except (ConnectorError, KafkaError, NotWritten, OSError, *DatabaseError) as error:
                log.warning("not reconciled", channel=self.channel, reason=f"{type(error).__name__}: {error}")

    async def once(self) -> list[Difference]:
        """One comparison: every difference, its cause, and what was done about it. None of a channel in shadow: whoever tells its
        platform changes every level as a person would.

        Raises `ConnectorError`, `KafkaError`, `NotWritten`, `DatabaseError`.
        """
        if self.editing.rules.shadow:
            return []
        await self.intake.directories.known(self.channel)
        async with leadership(self.dsn, f"{self.intake.naming.prefix}reconcile {self.channel}"):
            known, began = await self.known(), datetime.now(UTC)
            listing = await self.listing()
            found = await self.heard_of(listing.beyond(known))
            seen = await self.looked(listing.differing(known), known, listing)
            seen = {cell: one for cell, one in seen.items() if known[cell].differs(one.shows)}
            for left in reversed(range(ROUNDS)):
                if not seen:
                    break
                before, first = known, seen
                known, seen, more = await self._again(before, first, listing, last=left == 0)
                gone = first.keys() - seen.keys() - {(one.sku, one.place) for one in more}
                found += more + await self._late(gone, before, first, began)
            self.editing.only({(one.sku, one.place) for one in found})
            return found

    async def _again(
        self, before: Mapping[Cell, Known], first: Mapping[Cell, Sighting], listing: Listing, *, last: bool
    ) -> tuple[dict[Cell, Known], dict[Cell, Sighting], list[Difference]]:
        """Looks once more, when the platform's documents have had time to come and were all taken in. Returns what is known
        then, what was seen of the cells that are in flight still (none at the `last` look), and the differences.
        """
        await asyncio.sleep(self.apart)
        await self.poll()
        caught_up = await self.caught_up()
        after = await self.known()
        if any(sighting.certain for sighting in first.values()):
            listing = await self.listing()
        second = await self.looked([cell for cell in first if cell in after], after, listing)
        moving, found = dict[Cell, Sighting](), list[Difference]()
        for cell, seen in second.items():
            cause = cause_of(before[cell], after[cell], first[cell], seen, caught_up=caught_up)
            if cause is Cause.IN_FLIGHT and caught_up and not last:
                moving[cell] = seen
            elif cause is not None:
                one = await self._attributed(self._difference(cell, after[cell], seen, cause, listing))
                found.append(
                    await self.editing.handle(one, after[cell]) if one.cause is Cause.HAND_EDIT else one
                )
        return after, moving, found

    async def heard_of(self, found: list[Difference]) -> list[Difference]:
        """A SKU that is kept nowhere is unknown, and not only at that place."""
        kept = await self.queries.kept([one.sku for one in found])
        return [
            replace(one, cause=Cause.UNKNOWN_SKU)
            if one.cause is Cause.UNTRACKED and one.sku not in kept
            else one
            for one in found
        ]

    async def _late(
        self, cells: set[Cell], before: Mapping[Cell, Known], first: Mapping[Cell, Sighting], began: datetime
    ) -> list[Difference]:
        """Which of the cells that differ no more did so because a document of the platform came late."""
        before_that = began - timedelta(seconds=self.arrives_within)
        skus = sorted({sku for sku, _ in cells})
        came = await self.queries.came_late(self.channel, skus, since=began, before=before_that)
        late = defaultdict[Cell, list[str]](list)
        for row in came:
            for cell in cells & {(row["sku"], place) for place in (*row["locations"], NETWORK)}:
                late[cell].append(row["document"])
        return [
            Difference(
                channel=self.channel,
                sku=cell[0],
                place=cell[1],
                expected=before[cell].shows,
                shown=first[cell].shows,
                cause=Cause.LATE_DOCUMENT,
                documents=tuple(documents),
                done="taken in",
            )
            for cell, documents in sorted(late.items())
        ]

    def _difference(
        self, cell: Cell, known: Known, seen: Sighting, cause: Cause, listing: Listing
    ) -> Difference:
        level = listing.levels.get(cell)
        return Difference(
            channel=self.channel,
            sku=cell[0],
            place=cell[1],
            expected=known.wanted if cause is Cause.IN_FLIGHT else known.shows,
            shown=seen.shows,
            cause=cause,
            since=None if level is None else level.changed_at,
        )

    async def known(self) -> dict[Cell, Known]:
        """What PostgreSQL has recorded of the channel; the last words first, so that none is newer than its number."""
        since = self.editing.rules.told_since
        told, _ = await self.queries.told(self.channel, since)
        numbers, _ = await self.queries.channel_quantities_of(self.channel)
        return known_of(numbers, told, self.connector.wanted, sure=since is None)

    async def listing(self) -> Listing:
        """All levels of the platform. Raises `ConnectorError`."""
        listing = Listing(self.directory, self.editing.rules, self.channel)
        async for page in self.client.levels():
            for level in page:
                listing.take(level)
        return listing

    @property
    def directory(self) -> Directory:
        """What the platform's references mean."""
        return self.intake.directories.of(self.channel)

    async def looked(
        self, cells: Sequence[Cell], known: Mapping[Cell, Known], listing: Listing
    ) -> dict[Cell, Sighting]:
        """What the platform shows of some cells, asked for these. Raises `ConnectorError`."""
        sink = self.connector.sink(self.client)
        found: dict[Cell, Sighting] = {}
        for start in range(0, len(cells), sink.batch_max):
            some = cells[start : start + sink.batch_max]
            targets = [target_of(cell, known[cell]) for cell in some]
            seen = await patiently(partial(sink.look, targets, self.directory))
            found |= {cell: listing.sighting(cell, one) for cell, one in zip(some, seen, strict=True)}
        return found

    async def caught_up(self) -> bool:
        """Whether all that is in the log now has become stock, and is recorded."""
        settings, naming = self.intake.directories.settings, self.intake.naming
        reader = Reader(self.bootstrap)
        await reader.start()
        try:
            log = Verifier(
                reader=reader,
                queries=self.queries,
                naming=naming,
                partitions=self.intake.writer.partitions,
                rules=settings.rules,
                authority=settings.witnesses,
                group=f"{naming.prefix}onhand",
                tells={},
            )
            for _ in range(HOPS):
                if await log.come_through(self.patience) is not None:
                    return False
            return True
        finally:
            await reader.stop()

    async def _attributed(self, found: Difference) -> Difference:
        """Looks whether a document that waits as a dead letter may be behind what looks like a hand edit, since when what nobody can
        explain may be so, and whether the platform takes a number that is in flight at all.
        """
        if found.cause is Cause.IN_FLIGHT:
            why = await self.queries.refusal(self.channel, found.sku, found.place)
            return found if why is None else replace(found, cause=Cause.REFUSED, done=why)
        if found.cause is Cause.UNEXPLAINED:
            shelf = shelf_of(found.place, self.editing.rules)
            return replace(found, since=await self.queries.counted_at(found.sku, shelf))
        if found.cause is not Cause.HAND_EDIT:
            return found
        refs = {ref.rpartition(":")[2] for ref, item in self.directory.items.items() if item.sku == found.sku}
        refused = await self.queries.refused_about(self.channel, sorted({found.sku, *refs}))
        return replace(found, cause=Cause.REFUSED_DOCUMENT) if refused else found
