"""What the agents fold: claims into movements, movements into stock and channel quantities. Pure, chunk by chunk."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from aiokafka import ConsumerRecord

from schemas.availability import (
    ChannelQuantity,
    Known,
    Place,
    Standing,
    moved,
    places_of,
    quantity,
    same_numbers,
)
from schemas.bundles import Bundle, BundlePart, bundle_quantity, part, same_part
from schemas.claims import Claim, DeadLetter
from schemas.closing import kept
from schemas.codec import PLACE_KEEPER, Undecodable, decode, encode, headers, recall
from schemas.counts import EPOCH
from schemas.granting import enter
from schemas.ledger import NO_MORE, Book, Stock
from schemas.movements import Cause, Movement
from schemas.oversells import Oversell, may_oversell, oversells
from schemas.rules import Rules
from schemas.ruling import touched
from schemas.settling import Closed, Settler, Transaction, apply, late, sent_on
from schemas.topics import (
    BUNDLE_PARTS,
    BUNDLES,
    CHANNEL_QUANTITIES,
    CLAIMS,
    DEAD_LETTERS,
    MOVEMENTS,
    OVERSELLS,
    STOCK,
    TRANSACTIONS,
    Topic,
)
from schemas.witnesses import Authority
from streams.chunks import Folded, Folding
from streams.tables import Cell, Made, Store
from streams.writer import Out

REPUBLISHED = 256
"""SKUs whose numbers are worked out in one go when the rules changed; then others get their turn."""

NUMBERS_KNOWN = 20_000
"""SKUs whose numbers are remembered: about 1 KB each."""

DEALS_KNOWN = 5_000
"""Transactions of which it is remembered what they came to: about 5 KB each."""

TRACEPARENT = "traceparent"
"""The last header of a record that is followed (W3C Trace Context)."""

WRITTEN_IN = "onhand_partition"
"""The header of a record that has moved: the partition where it was written. What it caused says so."""

LookUp = Callable[[bytes], Cell | None]
State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Naming:
    """How our topics are called in this installation: the prefix before every name."""

    prefix: str = ""

    def __call__(self, topic: Topic) -> str:
        """The topic's full name."""
        return self.prefix + topic.name


class _Folding(ABC):
    """What the foldings of all stages have in common: what is to be written so far, and what became of the records."""

    def __init__(self, naming: Naming, stage: str, partition: int, look_up: LookUp) -> None:
        self.naming, self.stage, self.partition, self.look_up = naming, stage, partition, look_up
        self.outputs: list[Out] = []
        self.used = self.unused = self.dead = 0
        self.now = EPOCH
        self._made: dict[bytes, Made] = {}
        self._due: Iterator[tuple[bytes, Made]] | None = None
        self._traces: dict[bytes, tuple[str, bytes]] = {}

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Folds the next records. What a record that is followed makes is followed as well."""
        for record in records:
            before = len(self.outputs)
            self._take(record)
            if (trace := trace_of(record)) is not None:
                self._traces[record.key] = (TRACEPARENT, trace)
                self._follow(before, record.key)
        self.now = instant(records[-1])

    def _follow(self, start: int, key: bytes) -> None:
        """Gives what was put out since `start` the context of the last record of a key, if that was followed."""
        if trace := self._traces.get(key):
            self.outputs[start:] = [
                out._replace(headers=(*out.headers, trace)) for out in self.outputs[start:]
            ]

    def made(self, most: int) -> Folded | None:
        """Makes up to so many cells. When there are no more, returns what all records make."""
        if self._due is None:
            self._due = self._followed() if self._traces else self._cells()
        before = len(self._made)
        self._made.update(islice(self._due, most))
        if len(self._made) == before + most:
            return None
        return Folded(self.outputs, self._made, self.used, self.unused, self.dead)

    def _followed(self) -> Iterator[tuple[bytes, Made]]:
        """The cells; what follows from one that a followed record made is followed as well."""
        before = len(self.outputs)
        for key, made in self._cells():
            self._follow(before, key)
            before = len(self.outputs)
            yield key, made

    @abstractmethod
    def _take(self, record: ConsumerRecord) -> None:
        """Folds a record."""

    @abstractmethod
    def _cells(self) -> Iterator[tuple[bytes, Made]]:
        """The table's new cells, by key, each once; what follows from one is put to the outputs with it."""

    def _read(self, kind: type[State], record: ConsumerRecord) -> State | None:
        """What a record says. None: nothing, or nobody can read it, and a dead letter says so."""
        if record.value == PLACE_KEEPER:
            self.unused += 1
            return None
        try:
            return decode(kind, record.value)
        except Undecodable as error:
            self._refuse(record, str(error))
            return None

    def _refuse(self, record: ConsumerRecord, reason: str) -> None:
        self.outputs.append(_dead(self.naming, record, self.stage, reason))
        self.dead += 1


def written_in(record: ConsumerRecord) -> int:
    """The partition where a record was written, which is where it stands unless it was moved."""
    return next((int(value) for name, value in record.headers if name == WRITTEN_IN), record.partition)


def settle_stage(naming: Naming, authority: Authority) -> Callable[..., Folding]:
    """Claims to movements. Claim by claim: a repeat makes the same movements wherever a chunk begins or ends.

    News of a closed transaction becomes a dead letter. It counts as passed over, because a run of dead letters stops the
    worker as its own fault, and an old document is nobody's.
    """
    settler = Settler(authority, DEALS_KNOWN)

    def begin(partition: int, look_up: LookUp, again: bool = False) -> Folding:  # noqa: ARG001  # a fold's signature; every claim writes for itself
        return _Settling(naming, partition, look_up, settler)

    return begin


class _Settling(_Folding):
    def __init__(self, naming: Naming, partition: int, look_up: LookUp, settler: Settler) -> None:
        super().__init__(naming, "settle", partition, look_up)
        self.settler = settler
        self.states: dict[bytes, Transaction] = {}

    def _take(self, record: ConsumerRecord) -> None:
        naming, claim = self.naming, self._read(Claim, record)
        if claim is None:
            return
        key = claim.transaction.encode()
        before = self.states.get(key) or _state(self.look_up(key), Transaction) or Transaction()
        recorded_at = instant(record)
        cause = Cause(self.partition, record.offset, 0)
        if record.offset <= before.offset:
            # a repeat after a crash: its movements went out before the state did
            self.unused += 1
            return
        self.states[key], posted = apply(before, claim, recorded_at, cause, self.settler)
        if before.closed is not None:
            self.outputs.extend(_late(naming, record, claim, before, before.closed))
        self.outputs += [claim_out(naming, other) for other in sent_on(before, claim)]
        self.outputs += [_movement(naming, "settle", movement, recorded_at) for movement in posted]
        self.used, self.unused = self.used + bool(posted), self.unused + (not posted)

    def _cells(self) -> Iterator[tuple[bytes, Made]]:
        for key, state in self.states.items():
            yield key, _cell(TRANSACTIONS, key, state, state.offset, self.now)


def _movement(naming: Naming, source: str, movement: Movement, at: datetime) -> Out:
    ce = headers(MOVEMENTS, movement.id, source, at)
    return Out(naming(MOVEMENTS), movement.sku.encode(), encode(movement), ce)


def claim_out(naming: Naming, claim: Claim) -> Out:
    """A claim as its topic holds it."""
    versions = ",".join(f"{document.id}@{document.version}" for document in claim.documents)
    said = versions or f"{claim.transaction}@{claim.occurred_at.timestamp()}"
    ce = headers(CLAIMS, f"{claim.topic}/{said}", claim.channel, claim.occurred_at)
    return Out(naming(CLAIMS), claim.transaction.encode(), encode(claim), ce)


class Ruled:
    """The rules in force; they may change while a stage runs. `known` is set once they are known: before that no stage begins."""

    def __init__(self, rules: Rules, *, known: bool = True) -> None:
        self.rules, self.known = rules, asyncio.Event()
        if known:
            self.known.set()

    @classmethod
    def of(cls, rules: Rules | Ruled) -> Ruled:
        """Rules that never change, or what may."""
        return rules if isinstance(rules, Ruled) else cls(rules)


def ledger_stage(naming: Naming, rules: Rules | Ruled) -> Callable[..., Folding]:
    """Movements to stock, and to the channel quantities that changed with it.

    What the ledger posts by itself goes to `movements` too, and is passed over there: its stock holds it already. So is
    what was applied before: a state is written after its outputs, so those are in the log.
    """
    ruled = Ruled.of(rules)
    numbers = Numbers(ruled)

    def begin(partition: int, look_up: LookUp, again: bool = False) -> Folding:
        return _Bookkeeping(naming, partition, look_up, ruled, numbers, again)

    return begin


class _Bookkeeping(_Folding):
    """A SKU's book stays open as long as records are taken: its stock and its numbers are made once, from where it ends."""

    def __init__(
        self,
        naming: Naming,
        partition: int,
        look_up: LookUp,
        ruled: Ruled,
        numbers: Numbers,
        again: bool,
    ) -> None:
        super().__init__(naming, "ledger", partition, look_up)
        self.ruled, self.numbers, self.again = ruled, numbers, again
        self.before: dict[bytes, Stock | None] = {}
        self.books: dict[bytes, Book] = {}

    def _take(self, record: ConsumerRecord) -> None:
        movement = self._read(Movement, record)
        if movement is None:
            return
        if movement.cause.own:
            self.unused += 1
            return
        key = movement.sku.encode()
        book = self.books.get(key)
        if book is None:
            before = self.before[key] = _state(self.look_up(key), Stock)
            book = self.books[key] = Book(before or Stock(sku=movement.sku))
        stock = book.closed() if may_oversell(book, movement) else None
        answer = enter(book, movement, record.offset, self.partition)
        if answer is None:  # a repeat
            self.unused += 1
            return
        if stock is not None:
            found = oversells(stock, book.closed(), movement, answer.posted, self.ruled.rules.channels)
            self.outputs += [_oversell(self.naming, one) for one in found]
        if answer is NO_MORE:  # as nearly always
            self.used += 1
            return
        posted, claims, refused = answer
        self.outputs += [_movement(self.naming, "ledger", own, movement.recorded_at) for own in posted]
        self.outputs += [claim_out(self.naming, claim) for claim in claims]
        if refused is None:
            self.used += 1
        else:
            self._refuse(record, refused)

    def _cells(self) -> Iterator[tuple[bytes, Made]]:
        for key, book in self.books.items():
            before, stock = self.before[key], book.closed()
            if stock.offset == (-1 if before is None else before.offset):  # there were only repeats of it
                continue
            known = None if self.again else before or Stock(sku=stock.sku)
            self.outputs.extend(_quantities(self.naming, self.numbers, known, stock, self.now))
            yield key, _cell(STOCK, key, stock, stock.offset, self.now)


def _oversell(naming: Naming, found: Oversell) -> Out:
    ce = headers(OVERSELLS, f"{found.movement}/{found.place}", "ledger", found.recorded_at)
    return Out(naming(OVERSELLS), found.sku.encode(), encode(found), ce)


class Said(NamedTuple):
    """What a stock says to the channels: the numbers of the SKU itself, by channel and place, and its part in those of bundles, by
    bundle.
    """

    places: dict[str, dict[str, Place]]
    parts: dict[str, BundlePart]


class Numbers:
    """What each SKU says to the channels: remembered, so that only what moved since is worked out again."""

    def __init__(self, ruled: Ruled) -> None:
        self._ruled, self._by = ruled, ruled.rules
        self._known: OrderedDict[str, tuple[Standing, Said]] = OrderedDict()

    @property
    def rules(self) -> Rules:
        """The rules in force. What was worked out under others is forgotten."""
        if self._by is not self._ruled.rules:
            self._by = self._ruled.rules
            self._known.clear()
        return self._by

    def moved(self, before: Stock | None, after: Stock) -> tuple[Said | None, Said]:
        """What a SKU's stock said before, where that is asked, and what it says after, both under the rules in force."""
        rules, sku = self.rules, after.sku
        then, known = self._known.get(sku, (None, None))
        now = said(after, rules, then, known)
        standing = Standing.of(after)
        if before is not None and (then is None or then.offset != before.offset):
            known = said(before, rules, standing, now)
        self._known[sku] = standing, now
        self._known.move_to_end(sku)
        if len(self._known) > NUMBERS_KNOWN:
            self._known.popitem(last=False)
        return None if before is None else known, now


def said(stock: Stock, rules: Rules, other: Standing | None = None, its: Said | None = None) -> Said:
    """What a stock says to the channels; of what an `other` of the SKU said, places that are alike in both are taken over."""
    if other is None or its is None:
        places = {channel: places_of(stock, channel, ruled) for channel, ruled in rules.channels.items()}
    else:
        unlike = moved(stock, other)
        places = {
            channel: places_of(stock, channel, ruled, Known(its.places[channel], unlike))
            for channel, ruled in rules.channels.items()
        }
    bundles = rules.bundles_of(stock.sku) if rules.bundles else ()
    return Said(places, {bundle: part(stock, bundle, rules) for bundle in bundles})


def _quantities(
    naming: Naming, numbers: Numbers, before: Stock | None, after: Stock, now: datetime
) -> Iterable[Out]:
    """What a movement made new to the channels."""
    rules = numbers.rules
    if after.sku in rules.bundles:  # whatever stands on a shelf under its name, its components decide
        return ()
    return _news(naming, rules, after, *numbers.moved(before, after), now)


def _news(
    naming: Naming, rules: Rules, stock: Stock, before: Said | None, after: Said, now: datetime
) -> Iterable[Out]:
    """What is new to the channels: a SKU's own numbers, and its parts in those of bundles. `before` None: all of it."""
    for channel, places in after.places.items():
        if before is None or before.places[channel] != places:
            new = quantity(stock, channel, rules.channels[channel], rules.version, places)
            yield _quantity(naming, new, now)
    for bundle, its in after.parts.items():
        if before is None or not same_part(before.parts[bundle], its):
            yield _part(naming, bundle, its, now)


def _part(naming: Naming, bundle: str, its: BundlePart, now: datetime) -> Out:
    ce = headers(BUNDLE_PARTS, f"{bundle}/{its.component}/{its.offset}", "publish", now)
    return Out(naming(BUNDLE_PARTS), bundle.encode(), encode(its), ce)


def bundle_stage(naming: Naming, rules: Rules | Ruled) -> Callable[..., Folding]:
    """Parts of bundles to the bundles' numbers. Only the newest counts, so what one chunk says of a bundle is one number."""
    ruled = Ruled.of(rules)

    def begin(partition: int, look_up: LookUp, again: bool = False) -> Folding:
        return _Bundling(naming, partition, look_up, ruled, again)

    return begin


class _Bundling(_Folding):
    def __init__(self, naming: Naming, partition: int, look_up: LookUp, ruled: Ruled, again: bool) -> None:
        super().__init__(naming, "bundles", partition, look_up)
        self.ruled, self.again = ruled, again
        self.before: dict[bytes, Bundle] = {}
        self.after: dict[bytes, Bundle] = {}

    def _take(self, record: ConsumerRecord) -> None:
        its = self._read(BundlePart, record)
        if its is None:
            return
        key = its.bundle.encode()
        if key not in self.before:
            self.before[key] = _state(self.look_up(key), Bundle) or Bundle(sku=its.bundle)
        bundle = self.after.get(key, self.before[key])
        if record.offset <= bundle.offset:
            self.unused += 1
            return
        self.after[key] = bundle.take(its, record.offset)
        self.used += 1

    def _cells(self) -> Iterator[tuple[bytes, Made]]:
        rules = self.ruled.rules
        for key, bundle in self.after.items():
            for channel in rules.channels:
                new = bundle_quantity(bundle, channel, rules)
                old = None if self.again else bundle_quantity(self.before[key], channel, rules)
                if not same_numbers(old, new):
                    self.outputs.append(_quantity(self.naming, new, self.now))
            yield key, _cell(BUNDLES, key, bundle, bundle.offset, self.now)


def _quantity(naming: Naming, new: ChannelQuantity, now: datetime) -> Out:
    ce = headers(CHANNEL_QUANTITIES, f"{new.channel}/{new.sku}/{new.offset}/{new.rules}", "publish", now)
    return Out(naming(CHANNEL_QUANTITIES), f"{new.channel}|{new.sku}".encode(), encode(new), ce)


def publish_again(
    naming: Naming, ruled: Ruled, known: Callable[[str], Rules | None], clock: Callable[[], datetime]
) -> Callable[[Store, int, str], Iterable[list[Out]]]:
    """What a partition must publish when the rules changed, some of its SKUs at a time: exactly the numbers that the change moves.

    `known` has the rules of a version; where it does not know those of before, every number of every SKU is published.
    """

    def all_of(table: Store, partition: int, version: str) -> Iterable[list[Out]]:
        before, after = known(version), ruled.rules
        if before is not None and before.bundles != after.bundles:
            before = None
        if before is not None and not after.bundles:  # of other channels nothing can have moved
            before, after = _where_they_differ(before, after)
        for some in _batched(_moved_by(table, partition, before, after), REPUBLISHED):
            now = clock()
            yield [
                out
                for cell in some
                if (stock := _state(cell, Stock)) is not None and stock.sku not in after.bundles
                for out in _moved(naming, stock, before, after, now)
            ]

    return all_of


def _moved(naming: Naming, stock: Stock, before: Rules | None, after: Rules, now: datetime) -> Iterable[Out]:
    """What other rules of the same bundles made new to the channels; `before` None: all of it."""
    if before is None:
        yield from _news(naming, after, stock, None, said(stock, after), now)
        return
    for channel, rules in after.channels.items():
        new, was = quantity(stock, channel, rules, after.version), before.channels.get(channel)
        if new.places != ({} if was is None else places_of(stock, channel, was)):
            yield _quantity(naming, new, now)
    for bundle in after.bundles_of(stock.sku) if after.bundles else ():
        its = part(stock, bundle, after)
        if not same_part(part(stock, bundle, before), its):
            yield _part(naming, bundle, its, now)


def _where_they_differ(before: Rules, after: Rules) -> tuple[Rules, Rules]:
    """Rules of the channels only whose rules are other ones."""
    names = {name for name, its in after.channels.items() if before.channels.get(name) != its}
    first, second = (
        replace(rules, channels={name: its for name, its in rules.channels.items() if name in names})
        for rules in (before, after)
    )
    return first, second


def _moved_by(table: Store, partition: int, before: Rules | None, after: Rules) -> Iterable[Cell]:
    """The cells of the SKUs whose numbers a change of rules may move."""
    its = [
        touched(None if before is None else before.channels.get(name), rules)
        for name, rules in after.channels.items()
    ]
    if before is None or None in its:
        return (cell for _, cell in table.cells_of(partition))
    keys = sorted({sku for skus in its if skus is not None for sku in skus})
    return (cell for key in keys if (cell := table.get(partition, key.encode())) is not None)


def _batched(cells: Iterable[Cell], size: int) -> Iterator[list[Cell]]:
    cells = iter(cells)
    while some := list(islice(cells, size)):
        yield some


def _state(cell: Cell | None, kind: type[State]) -> State | None:
    if cell is None:
        return None
    return recall(kind, cell.state) if isinstance(cell.state, bytes) else cell.state


def _cell(topic: Topic, key: bytes, state: Any, offset: int, at: datetime) -> Made:
    ce = headers(topic, f"{key.decode()}/{offset}", topic.name, at)
    return Cell(offset, state), encode(state), ce


def trace_of(record: ConsumerRecord) -> bytes | None:
    """The context of a record that is followed. It is the last header: to look through all of them would be felt."""
    if record.headers and record.headers[-1][0] == TRACEPARENT:
        context: bytes = record.headers[-1][1]
        return context
    return None


def instant(record: ConsumerRecord) -> datetime:
    """When the broker, or the producer, stamped a record."""
    return _at(record.timestamp)


@lru_cache(maxsize=1_024)
def _at(milliseconds: int) -> datetime:
    """What was written together was stamped together, so a chunk of records has a few instants."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _dead(naming: Naming, record: ConsumerRecord, stage: str, reason: str) -> Out:
    return dead_letter(naming, stage, record.topic, _ref(record), reason, record.timestamp)


def _ref(record: ConsumerRecord) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def _late(
    naming: Naming, record: ConsumerRecord, claim: Claim, before: Transaction, closed: Closed
) -> Iterable[Out]:
    """The dead letter of late news, with what is needed to try again."""
    reason = late(before, claim)
    if reason is None:
        return
    letter = DeadLetter(
        channel=claim.channel,
        topic=claim.topic,
        stage="settle",
        reason=reason,
        ref=_ref(record),
        received_at=instant(record),
        payload=kept(claim, closed, record.partition),
    )
    yield _letter_out(naming, letter)


def dead_letter(naming: Naming, stage: str, topic: str, ref: str, reason: str, timestamp: int) -> Out:
    """What becomes of a record of ours that is not what its topic holds. `timestamp` is its own, in milliseconds."""
    letter = DeadLetter(
        channel="onhand",
        topic=topic,
        stage=stage,
        reason=reason,
        ref=ref,
        received_at=_at(timestamp),
    )
    return _letter_out(naming, letter)


def _letter_out(naming: Naming, letter: DeadLetter) -> Out:
    ce = headers(DEAD_LETTERS, f"{letter.stage}/{letter.ref}", letter.stage, letter.received_at)
    return Out(naming(DEAD_LETTERS), letter.channel.encode(), encode(letter), ce)
