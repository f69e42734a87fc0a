"""Writes the journal of a year into the log, in a process of its own: `asking_movements.py BOOTSTRAP PREFIX PARTITIONS MOVEMENTS SKUS`.

Every SKU is opened in one store. Then it is sold, ordered and shipped, and brought back, the SKUs after Zipf: the first makes a
thirteenth of all. A store that has too little is sent a carton instead. Five thousand orders are open at any time. Of a hundred
movements two become known hours or days late, and one is voided later. Prints how long that took.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any

import orjson

from schemas.codec import decode, encode
from schemas.movements import Movement
from schemas.postings import Kind, Places, legs
from schemas.topics import MOVEMENTS
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer

SEED, STORES, BATCH = 1, 12, 5_000
BEGAN, YEAR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=360)
LATE, VOIDED, OPEN = 0.02, 0.01, 5_000
MIX = {
    Kind.POS_SALE_COMPLETED: 64,
    Kind.ORDER_PLACED: 16,
    Kind.ORDER_SHIPPED: 16,
    Kind.RETURN_RECEIVED: 4,
}
TAKES = (Kind.POS_SALE_COMPLETED, Kind.ORDER_PLACED)
CARTON, OPENED = 48, 100
Made = dict[str, Any]


def zipf(rank: int) -> float:
    return 1 / rank


def posted(kind: Kind, units: int, store: str) -> list[dict[str, Any]]:
    return [
        {"location": leg.location, "state": leg.state, "quantity": leg.quantity}
        for leg in legs(kind, units, Places(store))
    ]


def movements(count: int, skus: int, weigh: Callable[[int], float] = zipf) -> Iterator[Made]:
    """So many movements in the order of the log, as their JSON has them. `weigh` says how often a SKU moves, by its rank."""
    chance = random.Random(SEED)
    weights = list(accumulate(map(weigh, range(1, skus + 1))))
    shuffled = list(range(skus))
    chance.shuffle(shuffled)
    voidable: deque[Made] = deque(maxlen=1_000)
    waiting: deque[tuple[str, str, str, int]] = deque()
    left: Counter[tuple[str, str]] = Counter()
    kinds, shares = list(MIX), list(MIX.values())
    for number in range(count):
        known = BEGAN + YEAR * (number / count)
        if number >= skus and voidable and chance.random() < VOIDED:
            voided = voidable.popleft()
            reverse = [{**leg, "quantity": -leg["quantity"]} for leg in voided["legs"]]
            more = {"kind": Kind.MOVEMENT_VOIDED.value, "voids": voided["kind"], "legs": reverse}
            yield {**voided, **more, **_told(number, known)}
            for leg in reverse:
                left[voided["sku"], leg["location"]] += leg["quantity"] if leg["state"] == "available" else 0
            continue
        rank = number if number < skus else chance.choices(range(skus), cum_weights=weights)[0]
        store = f"STORE-{chance.randrange(STORES):02d}"
        opening = number < skus
        kind = Kind.STOCK_INITIALISED if opening else chance.choices(kinds, shares)[0]
        units = OPENED if opening else chance.randint(1, 3)
        deal = f"{'opening' if opening else 'order'}/tills/{number // 3}"
        sku = f"SKU-{rank:07d}"
        if kind is Kind.ORDER_SHIPPED:
            if len(waiting) < OPEN:
                kind = Kind.POS_SALE_COMPLETED
            else:
                deal, sku, store, units = waiting.popleft()
        if kind in TAKES and left[sku, store] < units:
            kind, units = Kind.GOODS_RECEIVED, CARTON
        if kind is Kind.ORDER_PLACED:
            waiting.append((deal, sku, store, units))
        if kind is not Kind.ORDER_SHIPPED:
            left[sku, store] += -units if kind in TAKES else units
        late = timedelta(hours=chance.uniform(1, 120)) if chance.random() < LATE else timedelta(seconds=5)
        made = {
            "kind": kind.value,
            "sku": sku,
            "quantity": units,
            "legs": posted(kind, units, store),
            "transaction": deal,
            "channel": "tills" if chance.random() < 0.7 else "web",
            "document": f"order/{number // 3}",
            "occurred_at": known - (timedelta(0) if opening else late),
            "demand_class": "retail",
            "v": 1,
            **_told(number, known),
        }
        voidable.append(made)
        yield made


def _told(number: int, known: datetime) -> Made:
    """What is a movement's own: its id is its cause, which grows."""
    cause = {"partition": number % 4, "offset": number, "index": 0}
    return {"id": f"{number % 4}-{number}-0", "recorded_at": known, "cause": cause}


def checked(made: Made) -> bytes:
    """The value, which must be what the product writes."""
    value = orjson.dumps(made)
    again = decode(Movement, value)
    assert decode(Movement, encode(again)) == again
    return value


async def main(bootstrap: str, prefix: str, partitions: int, count: int, skus: int) -> None:
    naming = Naming(prefix)
    await create_topics(bootstrap, naming, partitions)
    writer = Writer(bootstrap, partitions, timeout=120.0)
    await writer.start()
    began = time.perf_counter()
    every = movements(count, skus)
    try:
        while some := list(islice(every, BATCH)):
            checked(some[0])
            await writer.write(
                Out(naming(MOVEMENTS), made["sku"].encode(), orjson.dumps(made), ()) for made in some
            )
    finally:
        await writer.stop()
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], *map(int, sys.argv[3:6])))
