"""A web shop is connected to the 20,000 SKUs of an ERP, within Shopify's own limits: imported, compared, flipped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from rich.console import Console

from connectors.shopify.sandbox import ShopifySandbox
from schemas.claims import Claim, Document, Fact, Line

SKUS, OPENING, EVERY = 20_000, 20, 10
"""Of every ten numbers the shop shows one too high, one too low, and one SKU of each hundred is only in the shop or in the ERP."""

LIMIT = 300.0
"""Seconds for the import and the comparison together."""

CONFIG = """
data = "."
[locations.DC]
[channels.web]
platform = "shopify"
shop = "web.myshopify.com"
sandbox = "played by the bench"
sandbox_port = {port}
reconcile_every = 0
[channels.web.rules]
publish = "locations"
locations = ["DC"]
shadow = true
"""

console = Console(width=140)


def sku(number: int) -> str:
    return f"SKU-{number:05d}"


def opening(number: int) -> Claim:
    name, at = f"opening/erp/{sku(number)}", datetime.now(UTC)
    line = Line(fact=Fact.OPENED, sku=sku(number), quantity=OPENING, at=at, location="DC")
    document = Document(id=name, version=1, lines=(line,))
    return Claim(transaction=name, channel="erp", topic="bench", occurred_at=at, documents=(document,))


def shown(number: int) -> int:
    """What the shop shows of a SKU: of some too much or too little."""
    return OPENING + {1: 3, 2: -4}.get(number % EVERY, 0)


def verdict(number: int) -> str:
    """What the comparison has to say of a SKU."""
    if number % 100 == 99:
        return "not_carried"
    return {1: "higher", 2: "lower"}.get(number % EVERY, "same")


class Clock:
    """Prints how long each part took."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    async def __call__(self, what: str, part: Callable[[], Any]) -> Any:
        began = time.monotonic()
        found = await part()
        self.parts[what] = time.monotonic() - began
        console.print(f"{what}: {self.parts[what]:.1f} s")
        return found


async def test_given_a_shop_of_twenty_thousand_skus_then_its_shadow_import_and_comparison_take_minutes(
    engines_apart, free
):
    port, clock = free(), Clock()
    settings = engines_apart.configure(CONFIG.format(port=port))
    shop = ShopifySandbox(
        shop="web.myshopify.com",
        access_token="sandbox",
        webhook_secret="sandbox",
        locations=["DC"],
        sells_from="DC",
    )
    for number in range(SKUS):
        if verdict(number) != "not_carried":
            shop.seed(sku(number), "DC", shown(number))
    for number in range(SKUS // 100):
        shop.seed(f"ONLY-WEB-{number}", "DC", 5)
    await shop.start(port)
    before = {name: shop.available(name, "DC") for name in shop.shop.items}

    async def run(*arguments: str, code: int | None = 0) -> Any:
        return await asyncio.to_thread(engines_apart.asked, *arguments, code=code, within=900)

    try:
        await asyncio.to_thread(lambda: engines_apart.until_ready(engines_apart.worker()))
        await engines_apart.append([opening(number) for number in range(SKUS)], settings)
        await asyncio.to_thread(numbered, engines_apart, SKUS)
        imported = await clock("import", lambda: run("import", "web"))
        assert (imported["opened"], imported["already_known"]) == (SKUS // 100, SKUS - SKUS // 100)
        found = await clock("comparison", lambda: run("shadow", "web", code=1))
        due = [verdict(number) for number in range(SKUS)] + ["same"] * (SKUS // 100)
        numbers = {name: one["numbers"] for name, one in found["summary"].items() if one["numbers"]}
        console.print(f"{len(found['rows'])} numbers: {numbers}")
        assert numbers == {name: due.count(name) for name in set(due)}
        assert {row["sku"]: row["verdict"] for row in found["rows"] if row["sku"].startswith("SKU")} == {
            sku(number): verdict(number) for number in range(SKUS)
        }
        assert {name: shop.available(name, "DC") for name in shop.shop.items} == before, "nothing was told"
        assert receipts(engines_apart) == 0
        console.print(f"import and comparison: {sum(clock.parts.values()):.1f} s of {LIMIT:.0f} s")
        assert sum(clock.parts.values()) < LIMIT

        began = datetime.now(UTC)
        await run("rules", "set", "web", "shadow=false")
        await clock("flip", lambda: asyncio.to_thread(all_told, engines_apart, SKUS + SKUS // 100, began))
        found = await clock("verify", lambda: run("verify"))
        assert found["ok"]
        assert found["checks"]["pushed"] == SKUS
        assert {
            shop.available(sku(number), "DC") for number in range(SKUS) if verdict(number) != "not_carried"
        } == {OPENING}
    finally:
        await asyncio.to_thread(engines_apart.stop)
        await shop.stop()


def numbered(installation: Any, numbers: int) -> None:
    """Waits until so many numbers of the shop are in PostgreSQL."""
    deadline = time.monotonic() + 240
    with psycopg.connect(installation.engines.dsn, autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM channel_quantities").fetchone() != (numbers,):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def all_told(installation: Any, numbers: int, since: datetime) -> None:
    """Waits until so many numbers had their last word since an instant, and it was settled."""
    deadline = time.monotonic() + 600
    with psycopg.connect(installation.engines.dsn, autocommit=True) as connection:
        while connection.execute(
            "SELECT count(*) FROM told WHERE sure AND pushed_at >= %s", [since]
        ).fetchone() != (numbers,):
            assert time.monotonic() < deadline
            time.sleep(1.0)


def receipts(installation: Any) -> int:
    with psycopg.connect(installation.engines.dsn, autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM receipts").fetchone()
        assert found is not None
        return int(found[0])
