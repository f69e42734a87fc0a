"""How soon channels are told, through a worker on real engines: `make bench-channels`.

A channel that takes two calls a second of a hundred numbers, beside what that limit allows at best; and a channel beside
another one that hangs, beside itself while the other does not.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import psycopg
from aiohttp import web
from rich.console import Console

from connectors.shopify.sandbox import ShopifySandbox
from schemas.claims import Claim, Document, Fact, Line
from streams.stages import Naming, claim_out
from streams.writer import Writer

SKUS, BATCH, PER_SECOND = 4_000, 100, 2
OPENING = 10
PLACE = "WH"
RATE, SECONDS, HANGS = 20, 40.0, 30.0
"""Changes a second, for how long; and how long each call to the other channel takes."""
TURNING = 200
"""SKUs that change in turn."""

console = Console(width=140)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Shop:
    """A Shopify shop that may take no more than so many calls a second, and may hang."""

    def __init__(self, name: str, skus: int) -> None:
        self.calls = self.refused = 0
        self.per_second: int | None = None
        self.hangs = 0.0
        self.reached: dict[str, tuple[int, float]] = {}
        self._last: deque[float] = deque()
        self.sandbox = ShopifySandbox(
            shop=f"{name}.myshopify.com",
            access_token="sandbox",
            webhook_secret="sandbox",
            locations=[PLACE],
            sells_from=PLACE,
            restore_rate=100_000,
            on_level=self._moved,
        )
        for number in range(skus):
            self.sandbox.seed(sku(number), PLACE, OPENING)
        self.sandbox._graphql = self._at_its_pace(self.sandbox._graphql)  # type: ignore[method-assign]

    def _moved(self, item: str, _place: str, level: int, at: float) -> None:
        self.reached[item] = level, at

    def _at_its_pace(self, inner: Handler) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            now = time.monotonic()
            while self._last and now - self._last[0] >= 1:
                self._last.popleft()
            if self.per_second is not None and len(self._last) >= self.per_second:
                self.refused += 1
                return web.Response(status=429, headers={"Retry-After": "1"})
            self._last.append(now)
            self.calls += 1
            await asyncio.sleep(self.hangs)
            return await inner(request)

        return handler


def sku(number: int) -> str:
    return f"SKU-{number:05d}"


def delivery(number: int, turn: int) -> Claim:
    """One unit more of a SKU, told by another application."""
    name, at = f"delivery/{number}/{turn}", datetime.now(UTC)
    line = Line(fact=Fact.RECEIVED, sku=sku(number), quantity=1, at=at, location=PLACE)
    document = Document(id=name, version=1, lines=(line,))
    return Claim(transaction=name, channel="dock", topic="bench", occurred_at=at, documents=(document,))


@asynccontextmanager
async def opened(
    installation: Any, shops: dict[str, Shop], free: Callable[[], int], more: str = ""
) -> AsyncIterator[Any]:
    """A worker that tells shops, whose stock was imported from the first."""
    ports = {name: free() for name in shops}
    channels = "".join(
        f'[channels.{name}]\nplatform = "shopify"\nshop = "{name}.myshopify.com"\n'
        f'sandbox = "played by the bench"\nsandbox_port = {port}\npoll_every = 0\nbatch_max = {BATCH}\n{more}'
        f'[channels.{name}.rules]\npublish = "locations"\n'
        for name, port in ports.items()
    )
    settings = installation.configure(f'data = "."\n[locations.{PLACE}]\n{channels}')
    for name, shop in shops.items():
        await shop.sandbox.start(ports[name])
    try:
        await asyncio.to_thread(lambda: installation.until_ready(installation.worker()))
        await asyncio.to_thread(installation.asked, "import", next(iter(shops)))
        yield settings
    finally:
        await asyncio.to_thread(installation.stop)
        for shop in shops.values():
            await shop.sandbox.stop()


async def until(holds: Callable[[], bool], within: float) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.05)


async def test_given_a_channel_of_two_calls_a_second_then_4000_numbers_are_told_without_a_429(
    engines_apart, free
):
    shop = Shop("web", SKUS)
    async with opened(engines_apart, {"web": shop}, free, f"calls_per_second = {PER_SECOND}\n") as settings:
        shop.per_second = PER_SECOND
        await until(lambda: stocked(engines_apart, SKUS), 120)
        await asyncio.sleep(3.0)
        calls, began = shop.calls, time.monotonic()
        await engines_apart.append([delivery(number, 0) for number in range(SKUS)], settings)
        await until(lambda: sum(level == OPENING + 1 for level, _ in shop.reached.values()) == SKUS, 120)
        seconds = max(at for _, at in shop.reached.values()) - began
        best = SKUS / BATCH / PER_SECOND
        made = shop.calls - calls
        console.print(
            f"\n{SKUS} numbers in {seconds:.1f} s and {made} calls, {shop.refused} of them answered 429; "
            f"at best {best:.1f} s: {best / seconds:.2f} of what the limit allows"
        )
        assert shop.refused == 0
        assert seconds < 25
        assert (await engines_apart.verdict(settings)).differences == []


async def test_given_a_channel_that_hangs_then_the_other_is_told_as_soon_as_before(engines_apart, free):
    shops = {"web": Shop("web", TURNING), "trade": Shop("trade", TURNING)}
    async with opened(engines_apart, shops, free) as settings:
        await until(lambda: stocked(engines_apart, TURNING), 60)
        await changed(engines_apart, settings, shops["web"], 0, 5.0)
        before = await changed(engines_apart, settings, shops["web"], 1, SECONDS)
        shops["trade"].hangs = HANGS
        during = await changed(engines_apart, settings, shops["web"], 2, SECONDS)
        console.print(
            f"\np99 {before * 1000:.0f} ms, and {during * 1000:.0f} ms beside a channel that hangs {HANGS:.0f} s: {during / before:.2f}"
        )
        assert during <= 1.2 * before


async def changed(installation: Any, settings: Any, shop: Shop, turn: int, seconds: float) -> float:
    """Moves a SKU so many times a second, open loop; the 99th percentile of the time until the shop shows it, in seconds."""
    writer = Writer(installation.engines.bootstrap, settings.kafka.partitions)
    await writer.start()
    try:
        tasks, began = [], time.monotonic()
        for number in range(int(RATE * seconds)):
            due = began + number / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            claim = delivery(number % TURNING, turn * 1_000_000 + number)
            tasks.append(asyncio.create_task(seen(shop, sku(number % TURNING), due)))
            await writer.write([claim_out(Naming(settings.kafka.prefix), claim)])
        return quantiles(await asyncio.gather(*tasks), n=100)[98]
    finally:
        await writer.stop()


async def seen(shop: Shop, item: str, due: float) -> float:
    """Seconds until the shop shows another level of an item."""
    before = shop.reached.get(item)
    while shop.reached.get(item) == before:
        await asyncio.sleep(0.002)
    return shop.reached[item][1] - due


def stocked(installation: Any, skus: int) -> bool:
    """Whether the import is in PostgreSQL."""
    with psycopg.connect(installation.engines.dsn) as connection:
        found = connection.execute("SELECT count(*) FROM channel_quantities WHERE channel = 'web'").fetchone()
        return found is not None and found[0] == skus
