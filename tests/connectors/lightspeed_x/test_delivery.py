"""Sales played at the sandbox arrive by webhook and poll, and Onhand's stock becomes the platform's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiohttp import web
from pydantic import SecretStr

from connectors.contract import Payload
from connectors.directory import resolve
from connectors.emitter import Faults
from connectors.lightspeed_x import LightspeedXSettings, connector
from connectors.lightspeed_x.allowlist import SALE
from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

SECRETS = {"access_token": SecretStr("token"), "client_secret": SecretStr("secret")}
OUTLETS = ("High Street", "Mall")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Hub:
    """What Onhand does with webhooks, in small: receive, read, resolve, settle, fold."""

    def __init__(self, directory, settings):
        self.directory, self.settings = directory, settings
        self.transactions, self.stock, self.observed, self.offset = {}, {}, [], 0

    async def hook(self, request):
        topic, body = request.match_info["topic"], await request.read()
        for payload in connector.receive(self.settings, SECRETS, request.headers, body, topic):
            self.take(payload)
        return web.Response(status=204)

    def take(self, payload: Payload):
        said = connector.read("tills", payload)
        if payload.topic != SALE:
            self.observed.append(said)
            return
        claim = resolve(said, self.directory, None, 100)
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOW, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + at)


@pytest.fixture
async def hub(sandbox, client, settings):
    found = Hub(await client.directory(), settings)
    app = web.Application()
    app.router.add_post("/webhooks/tills/{topic}", found.hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await client.subscribe(f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/tills")
    yield found
    await runner.cleanup()


async def test_given_repeated_delayed_and_missing_webhooks_then_a_poll_makes_our_stock_the_platforms(
    sandbox, client, hub
):
    sandbox.emitter.faults = Faults(duplicated=0.4, delayed=0.4, delay=0.05)
    for number in range(40):
        sale = sandbox.sell(
            OUTLETS[number % 2],
            [("SHIRT", 1), ("MUG", -1 if number % 5 == 0 else 2)],
            at=NOW,
            webhook=number % 4 != 0,
            state="parked" if number % 7 == 0 else "closed",
        )
        if number % 6 == 0:
            sandbox.void(sale, at=NOW)
        elif number % 7 == 0:
            sandbox.close(sale, at=NOW)
    await sandbox.emitter.drain()
    assert sandbox.emitter.sent > 40
    async for payloads, _ in client.poll(None):
        for payload in payloads:
            hub.take(payload)
    seeded = {"High Street": 10, "Mall": 5}
    for sku in ("SHIRT", "MUG"):
        for outlet in OUTLETS:
            assert seeded[outlet] + hub.stock[sku].balance(outlet) == sandbox.level(sku, outlet)


async def test_given_a_sale_then_exactly_one_webhook_is_sent_and_its_tag_is_accepted(sandbox, hub):
    accepted = []
    sandbox.emitter.accepted = lambda tag, at: accepted.append(tag)
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, tag="sale 1")
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW, tag="sale 2", webhook=False)
    await sandbox.emitter.drain()
    assert (accepted, sandbox.emitter.sent, hub.observed) == (["sale 1"], 1, [])


async def test_given_a_reported_level_then_it_is_an_observation(sandbox, hub):
    sandbox.report_level("SHIRT", "Mall", at=NOW, tag="level")
    await sandbox.emitter.drain()
    (seen,) = hub.observed
    assert (seen.sku, seen.level, seen.observed_at) == (f"product:{sandbox.product_id('SHIRT')}", 5, NOW)


async def test_given_an_echoing_sandbox_then_every_level_is_reported():
    sandbox = LightspeedXSandbox(
        domain_prefix="demo", access_token="token", client_secret="secret", outlets=OUTLETS, echo=True
    )
    sandbox.seed("SHIRT", "Mall", 5)
    await sandbox.start()
    settings = LightspeedXSettings(platform="lightspeed_x", domain_prefix="demo", base_url=sandbox.url)
    client = LightspeedXClient(settings, SECRETS)
    heard = asyncio.Queue()

    async def hook(request):
        await heard.put(connector.receive(settings, SECRETS, request.headers, await request.read(), ""))
        return web.Response(status=200)

    app = web.Application()
    app.router.add_post("/{topic}", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await client.subscribe(f"http://127.0.0.1:{runner.addresses[0][1]}")
    sandbox.sell("Mall", [("SHIRT", 1)], at=NOW)
    topics = {(await asyncio.wait_for(heard.get(), 5))[0].topic for _ in range(2)}
    assert topics == {"sale.update", "inventory.update"}
    await client.close()
    await sandbox.stop()
    await runner.cleanup()
