"""Fifty differences of five kinds among the numbers of ten thousand SKUs, found by a command: `make bench-channels`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import psycopg
from aiohttp import web
from rich.console import Console

from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from connectors.shopify.sandbox import ShopifySandbox
from schemas.claims import Claim, Document, Fact, Line

SKUS, OPENING, EACH = 10_000, 20, 10
CONFIG = """
data = "."

[locations.DC]
[locations.SOHO]

[channels.web]
platform = "shopify"
shop = "web.myshopify.com"
sandbox = "played by the bench"
sandbox_port = {web}
poll_every = 0
reconcile_every = 0
[channels.web.rules]
publish = "locations"
locations = ["DC"]

[channels.tills]
platform = "lightspeed_x"
domain_prefix = "tills"
sandbox = "played by the bench"
sandbox_port = {tills}
poll_every = 0
reconcile_every = 0
[channels.tills.rules]
publish = "locations"
locations = ["SOHO"]
"""

console = Console(width=140)


def sku(number: int) -> str:
    return f"SKU-{number:05d}"


def planted(kind: int) -> list[str]:
    """The SKUs of one kind, all over the catalogue."""
    return [sku(kind + number * (SKUS // EACH)) for number in range(EACH)]


def delivery(item: str) -> Claim:
    name, at = f"delivery/{item}", datetime.now(UTC)
    line = Line(fact=Fact.RECEIVED, sku=item, quantity=1, at=at, location="DC")
    document = Document(id=name, version=1, lines=(line,))
    return Claim(transaction=name, channel="dock", topic="bench", occurred_at=at, documents=(document,))


class Platforms:
    """A web shop and the tills of a store, with the whole catalogue each."""

    def __init__(self) -> None:
        self.web = ShopifySandbox(
            shop="web.myshopify.com",
            access_token="sandbox",
            webhook_secret="sandbox",
            locations=["DC"],
            sells_from="DC",
            restore_rate=100_000,
        )
        self.tills = LightspeedXSandbox(
            domain_prefix="tills",
            access_token="sandbox",
            client_secret="sandbox",
            outlets=["SOHO"],
            unlimited=True,
        )
        for number in range(SKUS):
            self.web.seed(sku(number), "DC", OPENING)
            self.tills.seed(sku(number), "SOHO", OPENING)
        self._api, self._takes_writes = self.web._graphql, True
        self.web._graphql = self._graphql  # type: ignore[method-assign]

    async def start(self, ports: dict[str, int]) -> None:
        await self.web.start(ports["web"])
        await self.tills.start(ports["tills"])

    async def stop(self) -> None:
        await self.web.stop()
        await self.tills.stop()

    async def _graphql(self, request: web.Request) -> web.Response:
        if not self._takes_writes and b"mutation" in await request.read():
            return web.Response(status=502)
        return await self._api(request)

    def plant(self) -> dict[tuple[str, str], set[str]]:
        """Five kinds of differences; what is to be found of each channel. Those in flight need a delivery, too."""
        now, shop = datetime.now(UTC), self.web.shop
        for item in planted(1):
            self.web.order([(item, 2)], at=now, routed_to="DC")
        for item in planted(2):
            shop.move(shop.items[item], shop.locations["DC"], now, available=3)
        for number in range(EACH):
            self.web.seed(f"NEW-{number}", "DC", 5)
        retailer = self.tills._retailer
        for item in planted(4):
            retailer.move(retailer.products.number(item), 0, -4)
        self._takes_writes = False
        return {
            ("web", "late_document"): set(planted(1)),
            ("web", "hand_edit"): set(planted(2)),
            ("web", "in_flight"): set(planted(3)),
            ("web", "unknown_sku"): {f"NEW-{number}" for number in range(EACH)},
            ("tills", "unexplained"): set(planted(4)),
        }


async def test_given_fifty_differences_among_ten_thousand_skus_then_each_is_found_and_none_invented(
    engines_apart, free
):
    platforms, ports = Platforms(), {"web": free(), "tills": free()}
    settings = engines_apart.configure(CONFIG.format(**ports))
    await platforms.start(ports)
    try:
        await asyncio.to_thread(lambda: engines_apart.until_ready(engines_apart.worker()))
        for channel in ports:
            await asyncio.to_thread(opened, engines_apart, channel)
        assert await reconciled(engines_apart, 0) == {}
        due = platforms.plant()
        await engines_apart.append([delivery(item) for item in planted(3)], settings)
        await asyncio.sleep(2.0)
        began = time.monotonic()
        found = await reconciled(engines_apart, 1)
        seconds = time.monotonic() - began
        hits = sum(len(due[kind] & found.get(kind, set())) for kind in due)
        console.print(
            f"\n{hits} of {len(due) * EACH} planted differences found among {2 * SKUS} numbers in {seconds:.1f} s; "
            f"{sum(map(len, found.values()))} in all"
        )
        assert found == due
    finally:
        await asyncio.to_thread(engines_apart.stop)
        await platforms.stop()


def opened(installation: Any, channel: str) -> None:
    """Imports a channel's stock, and waits until it is in PostgreSQL."""
    assert Counter(installation.asked("import", channel))["opened"] == SKUS
    deadline = time.monotonic() + 120
    with psycopg.connect(installation.engines.dsn, autocommit=True) as connection:
        while True:
            found = connection.execute(
                "SELECT count(*) FROM channel_quantities WHERE channel = %s", [channel]
            ).fetchone()
            if found == (SKUS,):
                return
            assert time.monotonic() < deadline, found
            time.sleep(0.2)


async def reconciled(installation: Any, code: int) -> dict[tuple[str, str], set[str]]:
    """The SKUs that differ, by channel and cause."""
    report = await asyncio.to_thread(
        installation.asked, "reconcile", "--wait", "2", "--patience", "30", code=code
    )
    found = defaultdict[tuple[str, str], set[str]](set)
    for row in report["differences"]:
        found[row["channel"], row["cause"]].add(row["sku"])
        if row["cause"] == "late_document":
            assert row["documents"]
        if row["cause"] in {"hand_edit", "unexplained"}:
            assert row["since"]
    return dict(found)
