"""An installation is lost and comes back from its backup; and its log is spread over more partitions. Real processes, a real platform's double."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import urllib.request
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from connectors.shopify.sandbox import ShopifySandbox
from projections.derived import PROJECTIONS
from schemas.topics import FOREVER, TOPICS
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import delete_topics

SKUS = [f"SKU-{number}" for number in range(12)]
PLACES = ("SOHO", "HARLEM")
OPENING = 40


def now() -> datetime:
    return datetime.now(UTC)


class Trade:
    """A shop, and the installation that keeps its stock."""

    def __init__(self, installation, port, listens) -> None:
        self.installation, self.port, self.listens = installation, port, listens
        self.shop = ShopifySandbox(
            shop="a.myshopify.com",
            access_token="sandbox",
            webhook_secret="sandbox",
            sells_from="SOHO",
            locations=PLACES,
            restore_rate=1_000,
        )
        for sku in SKUS:
            for place in PLACES:
                self.shop.seed(sku, place, OPENING)
        self.settings = self.configure(2)
        self.key = ""

    def configure(self, partitions: int):
        self.installation.engines_said = re.sub(
            r"\[kafka\]\n(partitions = \d+\n)?",
            f"[kafka]\npartitions = {partitions}\n",
            self.installation.engines_said,
        )
        return self.installation.configure(
            f'data = "."\n[serve]\nport = {self.listens}\n[channels.shop]\nplatform = "shopify"\nshop = "a.myshopify.com"\n'
            f'sandbox = "played by the test"\nsandbox_port = {self.port}\npoll_every = 1\n'
            '[channels.shop.rules]\npublish = "locations"\n[locations.SOHO]\n[locations.HARLEM]\n'
        )

    async def run(self, *arguments: str, code: int | None = 0):
        return await asyncio.to_thread(self.installation.asked, *arguments, code=code)

    async def start(self) -> None:
        def both() -> None:
            self.installation.until_ready(self.installation.worker())
            self.url = self.installation.server().removeprefix("ready").strip()

        await asyncio.to_thread(both)

    async def stop(self) -> None:
        await asyncio.to_thread(self.installation.stop)

    def sell(self, sku: str, units: int, place: str = "SOHO") -> None:
        order = self.shop.order([(sku, units)], at=now(), routed_to=place)
        self.shop.fulfil(order, place, at=now())

    def reserve(self, ident: str, sku: str, units: int):
        body = json.dumps(
            {"channel": "shop", "lines": [{"sku": sku, "quantity": units, "location": "SOHO"}]}
        ).encode()
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": ident,
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{self.url}/v1/reservations", body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def rows(self, statement: str):
        with psycopg.connect(self.installation.engines.dsn) as connection:
            return connection.execute(statement).fetchall()

    def dump(self, tables):
        return {
            table: sorted(str(row) for row in self.rows(f"SELECT t::text FROM {table} AS t"))
            for table in tables
        }

    def shown(self):
        return {(sku, place): self.shop.available(sku, place) for sku in SKUS for place in PLACES}

    def stock(self):
        return {
            (sku, place): units
            for sku, place, units in self.rows(
                "SELECT sku, place, (stock #> ARRAY['locations', place, 'available'])::int"
                " FROM stock, unnest(ARRAY['SOHO', 'HARLEM']) AS place"
            )
        }

    async def until(self, holds, within: float = 40) -> None:
        async with asyncio.timeout(within):
            while not await asyncio.to_thread(holds):
                await asyncio.sleep(0.2)

    async def agrees(self) -> None:
        """Everybody has the same numbers, and the whole log says so."""
        try:
            await self.until(lambda: self.stock() == self.shown())
        except TimeoutError:
            wrong = sorted(set(self.stock().items()) ^ set(self.shown().items()))
            receipts = self.rows(
                "SELECT sku, place, outcome, level, own, detail FROM receipts ORDER BY pushed_at DESC LIMIT 12"
            )
            raise AssertionError(f"{wrong}\n{receipts}\n{self.installation.tail()}") from None
        verdict = await self.installation.verdict(self.settings)
        assert verdict.differences == []

    async def begins(self) -> set[int]:
        """Where the topics begin that are kept for ever."""
        reader, naming = Reader(self.installation.engines.bootstrap), Naming(self.settings.kafka.prefix)
        await reader.start()
        try:
            every = range(self.settings.kafka.partitions)
            found = [
                await reader.begins(naming(topic), every)
                for topic in TOPICS
                if FOREVER.items() <= topic.config.items()
            ]
            return {offset for begins in found for offset in begins.values()}
        finally:
            await reader.stop()

    async def configured(self) -> dict[str, dict[str, str]]:
        """What the broker was told of each topic, of what the topic table says."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.installation.engines.bootstrap)
        await admin.start()
        try:
            naming = Naming(self.settings.kafka.prefix)
            asked = [ConfigResource(ConfigResourceType.TOPIC, naming(topic)) for topic in TOPICS]
            (answer,) = await admin.describe_configs(asked)
            said = {
                name: {entry[0]: entry[1] for entry in entries} for _, _, _, name, entries in answer.resources
            }
            return {
                topic.name: {name: said[naming(topic)][name] for name in topic.config} for topic in TOPICS
            }
        finally:
            await admin.close()

    def destroy(self) -> None:
        """What a fire does."""
        asyncio.run(delete_topics(self.installation.engines.bootstrap, Naming(self.settings.kafka.prefix)))
        with psycopg.connect(self.installation.engines.dsn, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        shutil.rmtree(self.installation.data / "faust", ignore_errors=True)


@pytest.fixture
async def trade(installation, free):
    port = free()
    trade = Trade(installation, port, free())
    await trade.shop.start(port)
    try:
        await trade.start()
        made = await trade.run("keys", "create", "till", "--role", "operator")
        trade.key = made["key"]
        await asyncio.sleep(1.5)
        assert (await trade.run("import", "shop"))["opened"] == len(SKUS) * len(PLACES)
        for number, sku in enumerate(SKUS):
            trade.sell(sku, 1 + number % 3, PLACES[number % 2])
        await trade.agrees()
        yield trade
    finally:
        await trade.stop()
        await trade.shop.stop()


async def test_given_an_installation_that_is_lost_then_its_backup_brings_it_back_and_what_came_after_is_polled_again(
    trade, tmp_path
):
    await asyncio.to_thread(trade.reserve, "one", "SKU-1", 2)
    await trade.until(lambda: trade.stock()["SKU-1", "SOHO"] == trade.shown()["SKU-1", "SOHO"])
    kept = await trade.run("backup", str(tmp_path / "backup"))
    assert kept["records"] > 100
    exported = await trade.run("export", "--out", str(tmp_path / "export"))
    assert exported["movements"] > 0
    assert await trade.begins() == {0}, "an archive is a copy: nothing leaves the log for it"
    for sku in SKUS[:5]:
        trade.sell(sku, 2)
    late = await asyncio.to_thread(trade.reserve, "late", "SKU-3", 4)
    await trade.agrees()
    with pytest.raises(AssertionError, match="is not empty"):
        await trade.run("backup", str(tmp_path / "backup"))
    await trade.stop()
    tables = [table for tables in PROJECTIONS.values() for table in tables]
    posted = (
        f"SELECT transaction, sku, kind, quantity FROM movements WHERE transaction <> 'reservation/{late['id']}'"
        " AND kind NOT IN ('OrderRouted', 'MovementVoided') ORDER BY 1, 2, 3, 4"  # on which way they came is forgotten
    )
    movements, before = trade.rows(posted), trade.dump(["movements"])
    trade.sell("SKU-7", 3)
    await asyncio.to_thread(trade.destroy)

    await trade.run("restore", str(tmp_path / "backup"))
    restored = trade.dump(tables)
    assert 0 < len(restored["movements"]) < len(before["movements"])
    assert trade.rows("SELECT name FROM api_keys") == [("till",)]
    assert await trade.configured() == {topic.name: topic.config for topic in TOPICS}
    await trade.run("poll", "shop")
    await trade.start()
    await trade.agrees()
    assert trade.shown()["SKU-1", "SOHO"] == trade.stock()["SKU-1", "SOHO"]
    again = trade.rows(posted)
    new = Counter(again) - Counter(movements)
    assert {(sku, units) for _, sku, _, units in new} == {("SKU-7", 3)}, "the sale that nobody had heard of"
    assert Counter(movements) - Counter(again) == Counter(), "and each that came after the backup, once"
    await asyncio.sleep(1.5)
    await asyncio.to_thread(trade.reserve, "two", "SKU-2", 1)
    await trade.agrees()


async def test_given_a_backup_that_was_touched_or_a_place_that_is_not_empty_then_nothing_is_restored(
    trade, tmp_path
):
    folder = tmp_path / "backup"
    await trade.run("backup", str(folder))
    await trade.stop()
    before = trade.dump(["movements", "offsets"])
    for change in (None, "claims-0.parquet", "api_keys.csv", "manifest.json"):
        if change:
            file = folder / change
            file.write_bytes(file.read_bytes().replace(b"\n", b"\n ", 1) + b"x")
        with pytest.raises(AssertionError, match=change or "holds something already"):
            await trade.run("restore", str(folder))
    assert trade.dump(["movements", "offsets"]) == before


async def test_given_more_partitions_then_every_number_stays_and_all_goes_on(trade, tmp_path):
    await asyncio.to_thread(trade.reserve, "one", "SKU-1", 2)
    await trade.agrees()
    with pytest.raises(AssertionError, match="stop all of them first"):
        await trade.run("repartition", "--partitions", "6", "--backup", str(tmp_path / "backup"))
    await trade.stop()
    tables = ["stock", "channel_quantities", "told", "oversells", "carried_out", "api_keys"]
    told = "SELECT channel, sku, place, level, own, sure, outcome, pushed_at FROM told ORDER BY 1, 2, 3"
    before, words = trade.dump(tables[:2]), trade.rows(told)
    journal = "SELECT id, sku, log_offset, recorded_at FROM movements ORDER BY 1, 2"
    movements = trade.rows(journal)
    with pytest.raises(AssertionError, match="no multiple"):
        await trade.run("repartition", "--partitions", "5", "--backup", str(tmp_path / "backup"))
    await trade.run("repartition", "--partitions", "6", "--backup", str(tmp_path / "backup"))
    trade.settings = trade.configure(6)
    assert trade.dump(tables[:2]) == before
    assert trade.rows(told) == words
    assert trade.rows(journal) == movements
    assert len(trade.rows("SELECT DISTINCT partition FROM movements")) > 2
    await trade.start()
    await trade.agrees()
    for number, sku in enumerate(SKUS):
        trade.sell(sku, 1, PLACES[number % 2])
    await asyncio.to_thread(trade.reserve, "two", "SKU-1", 1)
    await trade.agrees()
    assert trade.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    assert (await trade.run("replay"))["movements"] == len(trade.rows("SELECT id FROM movements"))
