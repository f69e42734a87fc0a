"""Adds the whole log up again from zero and compares: movements, Faust's table, PostgreSQL, and what was pushed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from aiokafka import ConsumerRecord

from projections.queries import Queries
from projections.recorder import storable
from schemas.availability import ChannelQuantity, Shown, quantity, same_numbers
from schemas.bundles import Bundle, bundle_quantity, part
from schemas.claims import Claim
from schemas.codec import PLACE_KEEPER, Undecodable, Value, decode
from schemas.granting import step
from schemas.ledger import Stock
from schemas.movements import Cause, Movement
from schemas.rules import ChannelRules, Rules
from schemas.seals import FIRST, seal
from schemas.settling import Settler, Transaction, apply, late
from schemas.topics import BUNDLE_PARTS, CLAIMS, MOVEMENTS, STOCK, Topic
from schemas.witnesses import Authority
from streams.reader import Reader
from streams.recorder import RECORDED
from streams.stages import DEALS_KNOWN, Naming, instant, written_in
from streams.tables import source_offset
from streams.writer import partition_of

SOURCES = (CLAIMS, MOVEMENTS, BUNDLE_PARTS)
"""What the stages take in, each the outcome of the one before."""

DIFFERENCES_MAX = 1_000
"""Differences that are listed one by one; all are counted."""


@dataclass(slots=True)
class Report:
    """What `onhand verify` found. `keys` counts the SKU and location cells compared, `checks` what was compared."""

    keys: int = 0
    checks: dict[str, int] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)
    found: int = 0

    def differs(self, check: str, key: str, expected: Any, actual: Any) -> None:
        """Notes a difference."""
        self.found += 1
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append({"check": check, "key": key, "expected": expected, "actual": actual})

    def as_json(self) -> dict[str, Any]:
        """`{ok, keys, differences, found, checks}`."""
        return {
            "ok": self.found == 0,
            "keys": self.keys,
            "differences": self.differences,
            "found": self.found,
            "checks": self.checks,
        }


def _behind(topic: Topic, ends: Mapping[int, int], done: Mapping[int, int]) -> str | None:
    """The first partition that has not been taken in up to its end."""
    for p, end in ends.items():
        if done.get(p, 0) < end:
            return f"{topic.name}[{p}] is at {done.get(p, 0)} of {end}"
    return None


@dataclass(slots=True, kw_only=True)
class Verifier:
    """Compares what should be equal after everything has settled. Reads only.

    What arrives meanwhile is not compared: everything is judged as of the ends that the log had when we began to wait for it.
    """

    reader: Reader
    queries: Queries
    naming: Naming
    partitions: int
    rules: Rules
    authority: Authority
    group: str
    tells: Mapping[str, str]
    _ends: dict[str, dict[int, int]] = field(default_factory=dict)
    _seals: dict[tuple[str, str], bytes] = field(default_factory=dict)

    async def settled(self, within: float) -> str | None:
        """Waits until what is in the log now has come through, and every platform was told what that made of its numbers. Returns
        what still lags after `within` seconds, else None.
        """
        deadline = time.monotonic() + within
        if late := await self.come_through(within):
            return late
        while (late := await self._unpushed()) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        return late

    async def come_through(self, within: float) -> str | None:
        """Waits until what is in the log now has become stock, and is in PostgreSQL, whatever comes meanwhile: a shop that sells is
        never at rest. Returns what still lags after `within` seconds, else None.
        """
        deadline = time.monotonic() + within
        for topic, done, where in [(one, self._taken, "") for one in SOURCES] + [
            (one, self._recorded, "PostgreSQL: ") for one in RECORDED
        ]:
            ends = await self.reader.ends(self.naming(topic), range(self.partitions))
            if topic in SOURCES:
                self._ends[topic.name] = ends
            while late := _behind(topic, ends, await done(topic)):
                if time.monotonic() > deadline:
                    return where + late
                await asyncio.sleep(0.2)
        return None

    async def _taken(self, topic: Topic) -> dict[int, int]:
        committed = await self.reader.committed(self.group)
        return {
            tp.partition: found.offset for tp, found in committed.items() if tp.topic == self.naming(topic)
        }

    async def _recorded(self, topic: Topic) -> dict[int, int]:
        return await self.queries.offsets(topic.name)

    async def _unpushed(self) -> str | None:
        """Whether a platform still has to be told something."""
        report = Report()
        await self._pushed(report)
        return f"{report.found} numbers are not pushed yet" if report.found else None

    async def run(self) -> Report:
        """Everything. Memory grows with the number of transactions and cells."""
        report = Report()
        for topic in SOURCES:
            if topic.name not in self._ends:
                self._ends[topic.name] = await self.reader.ends(self.naming(topic), range(self.partitions))
        posted = await self._movements_of_claims(report)
        folded = await self._stock_of_movements(report, posted)
        report.keys = sum(len(stock.locations.keys() | stock.tracked.keys()) for stock in folded.values())
        self._conservation(report, folded)
        await self._table(report, folded)
        await self._journal(report)
        await self._postgres(report, folded)
        await self._channels(report, folded)
        await self._pushed(report)
        return report

    async def _log(self, topic: Topic) -> AsyncIterator[list[ConsumerRecord]]:
        """A topic up to where it is judged."""
        ends = self._ends[topic.name]
        for partition, start in (await self.reader.begins(self.naming(topic), ends)).items():
            async for records in self.reader.read(self.naming(topic), partition, start, ends[partition]):
                yield _said(records)

    def _later(self, movement: Movement) -> bool:
        """Whether the claim behind a movement came after those ends."""
        cause = movement.cause
        return not cause.own and cause.offset >= self._ends[CLAIMS.name].get(cause.partition, 0)

    def _moved(self, stock: Stock) -> bool:
        """Whether a stock has moved since."""
        return stock.offset >= self._ends[MOVEMENTS.name][partition_of(stock.sku.encode(), self.partitions)]

    def _later_number(self, number: ChannelQuantity) -> bool:
        """Whether a channel's number was made since."""
        topic = BUNDLE_PARTS if number.sku in self.rules.bundles else MOVEMENTS
        return number.offset >= self._ends[topic.name][partition_of(number.sku.encode(), self.partitions)]

    async def _movements_of_claims(self, report: Report) -> dict[str, Movement]:
        """Settles every claim again."""
        transactions: dict[str, Transaction] = {}
        settler = Settler(self.authority, DEALS_KNOWN)
        posted: dict[str, Movement] = {}
        claims = refused = 0
        async for records in self._log(CLAIMS):
            for record in records:
                claims += 1
                try:
                    claim = decode(Claim, record.value)
                except Undecodable:
                    continue  # a dead letter: the settle stage said so
                key, cause = claim.transaction, Cause(written_in(record), record.offset, 0)
                before = transactions.get(key, Transaction())
                refused += late(before, claim) is not None
                transactions[key], made = apply(before, claim, instant(record), cause, settler)
                posted.update((movement.id, movement) for movement in made)
            await asyncio.sleep(0)
        report.checks["claims"] = claims
        if refused:
            report.checks["late"] = refused
        return posted

    async def _stock_of_movements(self, report: Report, posted: dict[str, Movement]) -> dict[str, Stock]:
        """Folds every movement again; every posted one must be there, and no other."""
        folded: dict[str, Stock] = {}
        missing = dict(posted)
        posted = dict(posted)
        seen = 0
        ends = self._ends[MOVEMENTS.name]
        last: dict[int, bytes] = {}
        async for records in self.reader.whole(self.naming(MOVEMENTS), self.partitions):
            for record in _said(records):
                movement = _readable(Movement, record, "movements", report)
                if movement is None:
                    continue
                if record.offset >= ends[record.partition]:  # it may still be what an earlier record caused
                    seen += missing.pop(movement.id, None) is not None
                    continue
                value = storable(record.value)
                kept = movement if value is record.value else decode(Movement, value)
                if (kept.id, kept.sku) not in self._seals:
                    last[record.partition] = seal(last.get(record.partition, FIRST), kept)
                    self._seals[kept.id, kept.sku] = last[record.partition]
                if movement.request is None and not self._later(movement):
                    due = posted.get(movement.id)
                    if due != movement:
                        report.differs("movements", movement.id, _plain(due), _plain(movement))
                    seen += missing.pop(movement.id, None) is not None
                for own in _taken(folded, movement, record):
                    posted[own.id] = missing[own.id] = own
            await asyncio.sleep(0)
        for ident, movement in missing.items():
            report.differs("movements", ident, _plain(movement), None)
        report.checks["movements"] = seen
        return folded

    def _conservation(self, report: Report, folded: Mapping[str, Stock]) -> None:
        for sku, stock in folded.items():
            if stock.total() != 0:
                report.differs("conservation", sku, 0, stock.total())
        report.checks["conservation"] = len(folded)

    async def _table(self, report: Report, folded: Mapping[str, Stock]) -> None:
        """Faust's table, as its changelog restores it."""
        newest: dict[bytes, tuple[int, ConsumerRecord]] = {}
        async for records in self.reader.whole(self.naming(STOCK), self.partitions):
            for record in records:
                offset = source_offset(record)
                if record.key not in newest or newest[record.key][0] <= offset:
                    newest[record.key] = offset, record
        read = (_readable(Stock, record, "table", report) for _, record in newest.values())
        self._compare(report, "table", folded, {stock.sku: stock for stock in read if stock is not None})

    async def _journal(self, report: Report) -> None:
        """Every row of the journal against the chain that the log makes: which row was changed, or from which on the log."""
        due, rows = self._seals, 0
        before: dict[int, bytes] = {}
        broken: set[int] = set()
        async for partition, offset, movement, found in self.queries.journal():
            if offset >= self._ends[MOVEMENTS.name].get(partition, 0):
                continue
            rows += 1
            expected = due.pop((movement.id, movement.sku), None)
            made = seal(before.get(partition, FIRST), movement)
            before[partition] = expected or found
            if found == made == expected:
                continue
            key = f"{movement.sku} {movement.id}"
            if expected is None:
                report.differs("chain", key, "no such movement in the log", _plain(movement))
            elif found == expected:
                report.differs("chain", key, "the movement as it was sealed", _plain(movement))
            elif partition not in broken:
                broken.add(partition)
                report.differs(
                    "chain", key, "the log, or the seals, as they were up to here", _plain(movement)
                )
        for ident, sku in list(due)[:DIFFERENCES_MAX]:
            report.differs("chain", f"{sku} {ident}", "a row", None)
        report.checks["chain"] = rows

    async def _postgres(self, report: Report, folded: Mapping[str, Stock]) -> None:
        held = {stock.sku: stock async for stock in self.queries.all_stock()}
        self._compare(report, "postgres", folded, held)
        journal = await self.queries.journal_totals(self._ends[MOVEMENTS.name])
        balances = {
            (sku, location, state): units
            for sku, stock in folded.items()
            for location, here in stock.locations.items()
            for state, units in here.items()
        }
        for cell in balances.keys() | journal.keys():
            if balances.get(cell, 0) != journal.get(cell, 0):
                report.differs("journal", "/".join(cell), balances.get(cell, 0), journal.get(cell, 0))
        report.checks["journal"] = len(journal)

    def _compare(
        self, report: Report, check: str, folded: Mapping[str, Stock], held: Mapping[str, Stock]
    ) -> None:
        for sku in folded.keys() | held.keys():
            ours, theirs = folded.get(sku), held.get(sku)
            if theirs is not None and self._moved(theirs):
                continue
            if ours is None or theirs is None or _balances(ours) != _balances(theirs):
                report.differs(check, sku, ours and _balances(ours), theirs and _balances(theirs))
        report.checks[check] = len(held)

    async def _channels(self, report: Report, folded: Mapping[str, Stock]) -> None:
        """The numbers of every channel, as the rules make them from the folded stock, and what was pushed of them."""
        due = {(number.channel, number.sku): number for number in numbers(folded, self.rules)}
        recorded = {(q.channel, q.sku): q async for q in self.queries.all_channel_quantities()}
        moved = {stock.sku async for stock in self.queries.all_stock() if self._moved(stock)}
        moved |= {bundle for sku in moved for bundle in self.rules.bundles_of(sku)}
        for channel, sku in due.keys() | recorded.keys():
            ours, held = due.get((channel, sku)), recorded.get((channel, sku))
            if sku in moved or (held is not None and self._later_number(held)):
                continue
            if not _same(ours, held):
                report.differs("channel-quantities", f"{channel}/{sku}", _plain(ours), _plain(held))
        report.checks["channel-quantities"] = len(due)

    async def _pushed(self, report: Report) -> None:
        """What every platform shows by our last word with it, moved on by its own documents since. One in shadow is told nothing."""
        told: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
        async for word in self.queries.all_told():
            told[word["channel"], word["sku"]][word["place"]] = word
        compared = 0
        async for number in self.queries.all_channel_quantities():
            if self._later_number(number):
                continue  # it moved since
            its = self.rules.channels.get(number.channel, ChannelRules())
            if its.shadow:
                continue
            words = told.get((number.channel, number.sku), {})
            for name in (*number.places, *sorted(number.left(words))):
                row, place = words.get(name), number.at(name)
                if row is None and (its.told_since or not place.opened):
                    report.differs("pushed", f"{number.channel}/{number.sku}/{name}", place.quantity, None)
                    continue
                if row is not None and row["outcome"] == "refused":
                    continue
                wanted = place.quantity if self.tells.get(number.channel) == "quantity" else place.level
                shown = place.shows(None if row is None else Shown(row["level"], row["own"]))
                compared += 1
                if wanted != shown or (row is not None and not _sure(row, its.told_since)):
                    report.differs("pushed", f"{number.channel}/{number.sku}/{name}", wanted, shown)
        report.checks["pushed"] = compared


def _said(records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
    """The records that say something."""
    return [record for record in records if record.value != PLACE_KEEPER]


def _same(ours: ChannelQuantity | None, held: ChannelQuantity | None) -> bool:
    """Whether a number is what was recorded; none is as good as one without a place."""
    if ours is None:
        return held is None or not held.places
    return same_numbers(ours, held)


def _sure(row: Mapping[str, Any], since: datetime | None) -> bool:
    """Whether our last word with a platform was settled, and had since an instant."""
    said_at: datetime | None = row["pushed_at"]
    return row["sure"] and (since is None or (said_at is not None and said_at >= since))


def _taken(folded: dict[str, Stock], movement: Movement, record: ConsumerRecord) -> Iterator[Movement]:
    """Folds a movement into its SKU's stock. Yields what the ledger must have posted because of it."""
    if movement.cause.own:
        return
    stock = folded.get(movement.sku, Stock(sku=movement.sku))
    taken = step(stock, movement, record.offset, written_in(record))
    folded[movement.sku] = taken.stock
    yield from (own for own in taken.posted if own.request is None)


def numbers(folded: Mapping[str, Stock], rules: Rules) -> Iterator[ChannelQuantity]:
    """What every channel may sell of every SKU and every bundle, where it has a place for it."""
    for channel, its in rules.channels.items():
        for sku in folded.keys() - rules.bundles.keys():
            if (number := quantity(folded[sku], channel, its, rules.version)).places:
                yield number
        for sku, recipe in rules.bundles.items():
            parts = {name: part(folded[name], sku, rules) for name in recipe if name in folded}
            if (number := bundle_quantity(Bundle(sku=sku, parts=parts), channel, rules)).places:
                yield number


def _readable(kind: type[Value], record: ConsumerRecord, check: str, report: Report) -> Value | None:
    """The value of a record, or None and a difference."""
    try:
        return decode(kind, record.value)
    except Undecodable as error:
        report.differs(
            check, f"{record.topic}/{record.partition}/{record.offset}", None, f"unreadable: {error}"
        )
        return None


def _balances(stock: Stock) -> dict[str, Any]:
    return {
        "locations": stock.locations,
        "boundary": stock.boundary,
        "tracked": dict(sorted(stock.tracked.items())),
        "tracked_by": dict(sorted(stock.tracked_by.items())),
        "told_by": stock.told_by,
        "shelves": {
            name: {"moved": [list(one) for one in shelf.moved], "counts": list(map(asdict, shelf.counts))}
            for name, shelf in sorted(stock.shelves.items())
        },
    }


def _plain(value: Any) -> Any:
    return None if value is None else asdict(value)
