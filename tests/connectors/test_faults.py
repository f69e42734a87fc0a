"""What every platform's connector keeps to when things go wrong: waiting, lost answers, lost documents, evil bodies."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

import connectors
from connectors.contract import Cancelled, NewOrder, Ordered, Payload, Recipient, Row, Target
from connectors.directory import Directory, Item, resolve
from connectors.errors import Malformed, Refused, SlowDown, Unreachable
from connectors.registry import CONNECTORS
from connectors.sandboxes import sandbox_of
from schemas.claims import Claim
from schemas.flows import balances
from schemas.movements import Cause
from schemas.settling import Transaction, apply, settle

STOCK = (Row("TEE", "WH", 50), Row("MUG", "WH", 40))
RECORDED = datetime(2026, 11, 20, 13, tzinfo=UTC)
WAIT = 1
"""Seconds that the platform asks to wait."""
ROOM = Path(connectors.__file__).parent
FIXTURES = [
    pytest.param(CONNECTORS[name], json.loads(file.read_text()), id=f"{name}-{file.stem}")
    for name in sorted(CONNECTORS)
    for file in sorted((ROOM / name / "fixtures").glob("*.json"))
]


@dataclass
class Line:
    """The line to a platform. The n-th request from now meets `fates[n]`: a status, or "lost" (carried out, and no answer)."""

    target: str
    fates: dict[int, int | str] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)

    async def carry(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(time.monotonic())
        fate = self.fates.get(len(self.asked))
        if isinstance(fate, int):
            wait = {"Retry-After": str(WAIT), "X-Rate-Limit-Reset": str(WAIT)}
            return web.json_response({}, status=fate, headers=wait if fate == 429 else None)
        body, headers = await request.read(), dict(request.headers)
        url = URL(self.target + request.raw_path, encoded=True)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            raw, kept = await answer.read(), answer.headers.copy()
        if fate == "lost":
            assert request.transport is not None
            request.transport.abort()
        kept.pop("Transfer-Encoding", None)
        return web.Response(body=raw, status=answer.status, headers=kept)

    def from_now(self, fates: dict[int, int | str]) -> None:
        """What the next requests meet."""
        self.asked.clear()
        self.fates = fates


@asynccontextmanager
async def connected(connector, platform) -> AsyncIterator[SimpleNamespace]:
    """A running sandbox with `STOCK`, and a client of it with a line between them."""
    secrets = {name.rstrip("?"): SecretStr("right") for name in connector.secrets}
    sandbox = sandbox_of(platform.settings, secrets, STOCK)
    await sandbox.start()
    line = Line(sandbox.url)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{rest:.*}", line.carry)
    runner = web.AppRunner(app, access_log=None)
    url = sandbox.url
    if url.startswith("http"):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0][:2])
    client = connector.client(platform.settings.model_copy(update={"base_url": url}), secrets)
    try:
        yield SimpleNamespace(sandbox=sandbox, client=client, line=line, http=url.startswith("http"))
    finally:
        await client.close()
        await runner.cleanup()
        await sandbox.stop()


@pytest.fixture
async def far(connector, platform):
    async with connected(connector, platform) as found:
        if not found.http:
            pytest.skip(f"{connector.platform} is a folder: nobody answers")
        yield found


async def patiently(ask):
    """Asks again as one is told to."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await ask()
            except SlowDown as wait:
                await asyncio.sleep(wait.retry_after)
            except Unreachable:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_given_a_platform_that_asks_to_wait_or_fails_then_it_is_asked_again_and_not_too_soon(
    far, status
):
    far.line.from_now({1: status})
    found = await patiently(far.client.directory)
    assert {"TEE", "MUG"} <= found.handles.keys()
    if status == 429:
        assert far.line.asked[1] - far.line.asked[0] >= WAIT * 0.95


async def test_given_somebody_who_asks_before_the_time_then_the_platform_is_not_asked(far):
    far.line.from_now({1: 429})
    for _ in range(3):
        with contextlib.suppress(SlowDown, Unreachable, TimeoutError):
            await asyncio.wait_for(far.client.directory(), 0.2)
    assert len(far.line.asked) == 1


def target(wanted: int, expected: int | None) -> Target:
    return Target(sku="TEE", place="WH", wanted=wanted, expected=expected, own=0, offset=wanted)


async def settle_on(sink, directory, wanted: int, shown: int) -> None:
    """Tells a number as a channel's sink does: where the outcome is unknown, it looks until the level stands still."""
    try:
        await sink.push([target(wanted, shown)], directory)
    except Unreachable:
        (before,) = await sink.look([target(wanted, None)], directory)
        (after,) = await sink.look([target(wanted, None)], directory)
        assert before == after
        if after.level != wanted:
            await sink.push([target(wanted, after.level)], directory)


async def test_given_a_lost_answer_to_any_request_of_a_push_then_it_has_one_effect(connector, platform):
    async with connected(connector, platform) as whole:
        if not whole.http:
            pytest.skip(f"{connector.platform} is a folder: nobody answers")
        directory = await whole.client.directory()
        whole.line.from_now({})
        await settle_on(connector.sink(whole.client), directory, 43, 50)
        requests = len(whole.line.asked)
        assert requests > 0
    for number in range(1, requests + 1):
        async with connected(connector, platform) as far:
            directory, sink = await far.client.directory(), connector.sink(far.client)
            far.line.from_now({number: "lost"})
            await settle_on(sink, directory, 43, 50)
            await settle_on(sink, directory, 40, 43)
            assert platform.level(far.sandbox, "TEE") == 40, f"the answer to request {number} was lost"


ORDER = NewOrder(
    transaction="order/web/1001",
    location="WH",
    placed_at=RECORDED,
    lines=(Ordered("TEE", 2, "9.50"), Ordered("MUG", 1, "4.00")),
    recipient=Recipient(name="Ada Invented", email="ada@example.invalid"),
)


@pytest.mark.parametrize("lost", ["the order", "its end", "the order again"])
async def test_given_an_order_its_end_and_the_order_again_with_any_answer_lost_then_each_has_one_effect(
    connector, platform, lost
):
    if connector.orders is None:
        pytest.skip(f"{connector.platform} is asked to create no orders")

    async def deal(far, fate: dict[int, int | str]) -> int:
        directory, orders = await far.client.directory(), connector.orders(far.client)
        assert platform.standing(far.sandbox) == 0

        def create():
            return orders.create(ORDER, directory)

        def cancel():
            return orders.cancel(ORDER.transaction, ORDER.location, directory)

        asked = {}

        async def step(name, ask):
            far.line.from_now(fate if name == lost else {})
            found = await patiently(ask)
            asked[name] = len(far.line.asked)
            far.line.from_now({})
            return found

        first = await step("the order", create)
        assert platform.standing(far.sandbox) == 1
        heard, cursor = await polled(far.client)
        await step("its end", cancel)
        assert platform.standing(far.sandbox) == 0
        second = await step("the order again", create)
        assert (second.ref != first.ref, platform.standing(far.sandbox)) == (True, 1)
        ended = await patiently(cancel)
        again = await patiently(cancel)
        assert again in (Cancelled(None), Cancelled(ended.ref, already=True))
        assert platform.standing(far.sandbox) == 0
        assert {row.sku: platform.level(far.sandbox, row.sku) for row in STOCK} == {"TEE": 50, "MUG": 40}
        told, _ = await polled(far.client, cursor)
        assert stock(connector, directory, [*heard, *told, *heard]) == {}
        return asked[lost]

    async with connected(connector, platform) as whole:
        requests = await deal(whole, {})
    for number in range(1, requests + 1):
        async with connected(connector, platform) as far:
            await deal(far, {number: "lost"})


async def polled(client, cursor=None) -> tuple[list[Payload], str | None]:
    found: list[Payload] = []
    async for payloads, after in client.poll(cursor):
        found.extend(payloads)
        cursor = after
    return found, cursor


def stock(connector, directory, payloads) -> Counter[tuple[str, str]]:
    """What the documents come to, one after another: on hand less promised, by SKU and place."""
    deals: dict[str, Transaction] = {}
    for offset, payload in enumerate(payloads):
        claim = connector.read("channel", payload)
        if isinstance(claim, Claim):
            claim = resolve(claim, directory, "WH", 10_000)
            before = deals.get(claim.transaction, Transaction())
            deals[claim.transaction], _ = apply(before, claim, RECORDED, Cause(0, offset, 0))
    available: Counter[tuple[str, str]] = Counter()
    for key, deal in deals.items():
        for (sku, place, state), units in balances(settle(deal), key).items():
            if state == "available":
                available[sku, place] += units
    return Counter({cell: units for cell, units in available.items() if units})


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_given_a_day_shuffled_repeated_and_with_losses_then_one_poll_makes_our_stock_the_platforms(
    connector, platform, seed
):
    chance = random.Random(seed)
    async with connected(connector, platform) as far:
        directory, heard, cursor = await far.client.directory(), [], None
        for number in range(20):
            platform.sell(far.sandbox, chance.choice(["TEE", "MUG"]), chance.randrange(1, 3))
            if number % 7 < 6:
                continue  # a poll costs calls, and a platform has only so many a minute
            new, cursor = await polled(far.client, cursor)
            heard.extend(new)
        everything, _ = await polled(far.client)
        if not far.http:  # a folder hands each file out once; one that nobody has taken lies there still
            everything = [*heard, *everything]
        in_order = stock(connector, directory, everything)
        shuffled = [one for one in heard if chance.random() >= 0.02] + chance.choices(
            heard, k=len(heard) // 10
        )
        chance.shuffle(shuffled)
        assert stock(connector, directory, [*shuffled, *everything]) == in_order
        assert stock(connector, directory, [*everything, *shuffled]) == in_order
        gone = Counter(
            {
                sku: sum(units for (name, _), units in in_order.items() if name == sku)
                for sku in ("TEE", "MUG")
            }
        )
        assert {row.sku: row.quantity + gone[row.sku] for row in STOCK} == {
            row.sku: platform.level(far.sandbox, row.sku) for row in STOCK
        }


# -- evil by name

BODIES = {
    "empty": b"",
    "null": b"null",
    "a number": b"-1",
    "not JSON": b"<xml/>",
    "wrong encoding": '{"sku": "Größe"}'.encode("utf-16"),
    "not text": b"\xff\xfe\x00\x80" * 100,
    "NUL bytes": b"\x00" * 1_000,
    "10 MB of one field": b'{"note": "' + b"x" * 10_000_000 + b'"}',
    "10 MB of brackets": b"[" * 10_000_000,
    "truncated": b'{"id": 7, "lines": [{"sku": "TEE", "quan',
    "half an interchange": b"ISA*00*          *00*          *ZZ*PARTNER        *ZZ*ONHAND",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_given_an_evil_body_then_it_is_refused_with_a_reason_or_says_nothing(connector, body):
    for topic in connector.topics:
        with contextlib.suppress(Malformed, Refused):
            for document in connector.documents(topic, body):
                claimed(connector, topic, document)


def claimed(connector, topic: str, document: Any) -> Claim | None:
    """What a document claims, or nothing and a reason; nothing else may come of it."""
    try:
        found = connector.read("channel", Payload(topic, connector.reduce(topic, document)))
    except Refused:
        return None
    return found if isinstance(found, Claim) else None


def everywhere(value: Any, change) -> Any:
    """The document with every list changed."""
    if isinstance(value, dict):
        return {name: everywhere(part, change) for name, part in value.items()}
    return change([everywhere(part, change) for part in value]) if isinstance(value, list) else value


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
@pytest.mark.parametrize(
    "change",
    [lambda rows: rows * 2, lambda rows: [], lambda rows: [*rows, None]],
    ids=["twice", "none", "null"],
)
def test_given_duplicate_or_missing_lines_then_it_is_a_claim_of_the_same_deal_or_a_reason(
    connector, fixture, change
):
    topic, document = fixture["topic"], copy.deepcopy(fixture["payload"])
    whole, other = (
        claimed(connector, topic, document),
        claimed(connector, topic, everywhere(document, change)),
    )
    if whole is not None and other is not None:
        assert other.channel == whole.channel
        assert all(line.quantity >= 0 for one in other.documents for line in one.lines)


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_a_sku_or_place_that_nobody_knows_then_the_document_is_refused_and_names_it(connector, fixture):
    claim = claimed(connector, fixture["topic"], fixture["payload"])
    if claim is None or not any(one.lines for one in claim.documents):
        return
    with pytest.raises(Refused) as refusal:
        resolve(claim, Directory(), "WH", 10_000)
    assert "unknown SKU" in str(refusal.value)


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_more_units_than_anybody_sells_then_the_document_is_refused_and_says_how_many(
    connector, fixture
):
    claim = claimed(connector, fixture["topic"], fixture["payload"])
    lines = [] if claim is None else [line for one in claim.documents for line in one.lines]
    most = max((line.quantity for line in lines), default=0)
    if claim is None or most == 0:
        return
    places = {place for line in lines for place in (line.location, line.there) if place is not None}
    known = Directory(
        items={line.sku: Item(line.sku) for line in lines}, locations=dict.fromkeys(places, "WH")
    )
    assert resolve(claim, known, "WH", most)
    with pytest.raises(Refused, match=f"quantity {most} of .* is above {most - 1}"):
        resolve(claim, known, "WH", most - 1)
