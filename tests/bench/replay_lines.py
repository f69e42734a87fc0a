"""A year of real sales as movements, as the hub would have posted them: what `bench_replay.py` replays.

The sales are real (`streams/trading.py`): each line of units is one movement, at its store and instant. What is not real: a seeded
twelfth or so of the baskets are web orders that their store ships a day later; every store opens with nine tenths of what it sells in the
year, so that something runs out; tills tell every five minutes, the shop at once. The movements are written into the topic as they are, and
neither settled from claims nor folded by the ledger: a replay reads nothing but this topic.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.codec import encode, headers
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.topics import MOVEMENTS
from streams.trading import WEB_SHARE, Basket, read
from streams.writer import Out, partition_of

EVERY_BASKET, SEED = 10**9, 1
TILLS_TELL = 300
"""Seconds between two uploads of a till."""
AT_ONCE = timedelta(milliseconds=150)
SENT_AFTER = timedelta(days=1)


class Fact(NamedTuple):
    """What one claim says: when it is recorded, and its lines."""

    recorded: datetime
    occurred: datetime
    kind: Kind
    channel: str
    transaction: str
    lines: list[tuple[str, str, int]]


def year(most: int) -> tuple[list[Fact], int]:
    """The first baskets of the year in the order in which they are recorded, and how many real lines are in them."""
    baskets, untracked, unlisted = read(most)
    facts = [*opening(baskets, untracked | unlisted), *sales(baskets, untracked | unlisted)]
    facts.sort(key=lambda fact: fact.recorded)
    return facts, sum(units > 0 for basket in baskets for _, units in basket.lines)


def opening(baskets: list[Basket], unknown: frozenset[str]) -> Iterator[Fact]:
    """Nine tenths of what each store sells of a SKU in the year; products that nobody tracks have none."""
    drawn: Counter[tuple[str, str]] = Counter()
    for basket in baskets:
        for sku, units in basket.lines:
            if units > 0 and sku not in unknown:
                drawn[sku, basket.store] += units
    at = min(basket.at for basket in baskets) - timedelta(days=1)
    for (sku, store), units in drawn.items():
        lines = [(sku, store, math.ceil(units * 0.9))]
        yield Fact(at, at, Kind.STOCK_INITIALISED, "tills", f"opening/tills/{sku}/{store}", lines)


def sales(baskets: list[Basket], unknown: frozenset[str]) -> Iterator[Fact]:
    """The baskets, some of them as web orders, which are sent a day later. What nobody tracks is not on the web: a till sells it."""
    chance = random.Random(SEED)
    for number, basket in enumerate(baskets):
        lines = [(sku, basket.store, units) for sku, units in basket.lines if units > 0]
        web = [line for line in lines if line[0] not in unknown] if chance.random() < WEB_SHARE else []
        if at_till := [line for line in lines if line not in web]:
            told = datetime.fromtimestamp(-(-basket.at.timestamp() // TILLS_TELL) * TILLS_TELL, UTC)
            yield Fact(told, basket.at, Kind.POS_SALE_COMPLETED, "tills", f"sale/tills/{number}", at_till)
        if web:
            deal, sent = f"order/web/{number}", basket.at + SENT_AFTER
            yield Fact(basket.at + AT_ONCE, basket.at, Kind.ORDER_PLACED, "web", deal, web)
            yield Fact(sent + AT_ONCE, sent, Kind.ORDER_SHIPPED, "web", deal, web)


def outs(facts: list[Fact], topic: str, partitions: int) -> Iterator[Out]:
    """The records."""
    offsets: Counter[int] = Counter()
    for fact in facts:
        partition = partition_of(fact.transaction.encode(), partitions)
        offset = offsets[partition]
        offsets[partition] += 1
        for index, (sku, store, units) in enumerate(fact.lines):
            cause = Cause(partition, offset, index)
            made = Movement(
                id=cause.movement_id,
                kind=fact.kind,
                sku=sku,
                quantity=units,
                legs=legs(fact.kind, units, Places(store)),
                transaction=fact.transaction,
                channel=fact.channel,
                document=fact.transaction,
                occurred_at=fact.occurred,
                recorded_at=fact.recorded,
                cause=cause,
            )
            ce = headers(MOVEMENTS, made.id, "settle", fact.recorded)
            yield Out(topic, sku.encode(), encode(made), ce)
