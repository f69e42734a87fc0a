"""The sink's law: a push moves the platform's number by what is new to it, whatever the platform counts meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors.contract import Row
from connectors.lightspeed_x import LightspeedXSettings
from connectors.registry import CONNECTORS
from connectors.sandboxes import sandbox_of
from connectors.shopify import ShopifySettings
from schemas.availability import ChannelQuantity, Place, Shown
from schemas.codec import decode
from schemas.receipts import Outcome, Receipt
from streams.sinks import Board, Pushing
from streams.stages import Naming

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPENING = 30
SECRETS = {name: SecretStr("secret") for name in ("access_token", "webhook_secret", "client_secret")}


@dataclass
class Written:
    """A log of receipts."""

    receipts: list[Receipt] = field(default_factory=list)

    async def write(self, outs):
        self.receipts.extend(decode(Receipt, out.value) for out in outs)


class Known:
    """A directory that never changes."""

    def __init__(self, directory):
        self.directory = directory

    def of(self, _channel):
        return self.directory

    async def refresh(self, _channel, _age):
        return None


class Shop:
    """A Shopify shop whose numbers we tell; what it sells, we learn of when we `see` it."""

    opened = False
    settings = ShopifySettings(
        platform="shopify", shop="a.myshopify.com", publish_location="gid://shopify/Location/1001"
    )

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def sell(self, units):
        self.sandbox.order([("A", units)], at=NOW)

    def lose_an_answer(self):
        self.sandbox.answers_to_lose = 1

    def level(self):
        return self.sandbox.available("A", "WH")


class Till(Shop):
    """An X-Series outlet with the stock it opened with."""

    opened = True
    settings = LightspeedXSettings(platform="lightspeed_x", domain_prefix="demo")

    def sell(self, units):
        self.sandbox.sell("WH", [("A", units)], at=NOW)

    def lose_an_answer(self):
        self.sandbox.lose_answers()

    def level(self):
        return self.sandbox.level("A", "WH")


@pytest.fixture(params=[Shop, Till], ids=["shopify", "lightspeed_x"])
async def trade(request):
    kind = request.param
    settings = kind.settings
    sandbox = sandbox_of(settings, SECRETS, [Row("A", "WH", OPENING)])
    await sandbox.start()
    connector = CONNECTORS[settings.platform]
    client = connector.client(settings.model_copy(update={"base_url": sandbox.url}), SECRETS)
    directory = await client.directory()
    place = next(iter(directory.places))
    pushing = Pushing(
        channel="c",
        connector=connector,
        sink=connector.sink(client),
        directories=Known(directory),
        queries=None,
        writer=Written(),
        bootstrap="",
        partitions=1,
        naming=Naming(),
        dsn="",
        held_for=0.0,
    )
    yield Trade(kind(sandbox), pushing, Board(connector), place)
    await client.close()
    await sandbox.stop()


class Trade:
    """One SKU at one place: what the platform sold, what we have seen of it, and what else happened to the stock."""

    def __init__(self, platform, pushing, board, place):
        self.platform, self.pushing, self.board, self.place = platform, pushing, board, place
        self.stock, self.seen, self.offset = OPENING, 0, 0
        self.unseen = deque()
        if not platform.opened:
            board.shows["A", place] = Shown(OPENING, 0)
        self.know()

    @property
    def wanted(self):
        return self.stock - self.seen

    def know(self):
        self.offset += 1
        own = (OPENING if self.platform.opened else 0) - self.seen
        place = Place(quantity=self.wanted, level=self.wanted, own=own, opened=self.platform.opened)
        self.board.want(
            ChannelQuantity(
                channel="c",
                sku="A",
                quantity=self.wanted,
                places={self.place: place},
                rules="r",
                offset=self.offset,
            )
        )

    def sell(self, units):
        self.platform.sell(units)
        self.unseen.append(units)

    def see(self):
        if self.unseen:
            self.seen += self.unseen.popleft()
            self.know()

    def move(self, units):
        self.stock += units
        self.know()

    async def push(self):
        for _ in range(4):
            await self.pushing._push_some(self.board)
            await asyncio.sleep(0.001)

    async def settle(self):
        while self.unseen:
            self.see()
        await self.push()

    def outcomes(self):
        return [receipt.outcome for receipt in self.pushing.writer.receipts]


@pytest.mark.parametrize("seed", range(12))
async def test_given_any_trading_then_a_told_number_lacks_exactly_what_we_have_not_seen(trade, seed):
    chance = random.Random(seed)
    for _ in range(30):
        match chance.choice(["sell", "sell", "see", "move", "push", "push"]):
            case "sell" if trade.platform.level() > 3:
                trade.sell(chance.randint(1, 3))
            case "see":
                trade.see()
            case "move":
                trade.move(chance.choice([-2, -1, 1, 5]) if trade.wanted - sum(trade.unseen) > 2 else 5)
            case _:
                await trade.push()
                assert trade.platform.level() == trade.wanted - sum(trade.unseen)
    await trade.settle()
    assert trade.platform.level() == trade.wanted
    assert Outcome.REFUSED not in trade.outcomes()


@pytest.mark.parametrize("lost", ["once", "again"])
async def test_given_a_write_whose_answer_was_lost_then_it_is_found_and_not_made_twice(trade, lost):
    trade.move(-5)
    trade.platform.lose_an_answer()
    await trade.pushing._push_some(trade.board)
    assert trade.board.unsure
    if lost == "again":
        trade.move(-1)
        trade.platform.lose_an_answer()
        await trade.pushing._push_some(trade.board)
    trade.sell(2)
    assert trade.platform.level() == trade.wanted - 2
    await trade.settle()
    assert trade.platform.level() == trade.wanted
    assert not trade.board.unsure


async def test_given_a_platform_that_is_not_sure_then_it_is_never_raised_over_a_sale_we_have_not_seen(trade):
    trade.move(-5)
    trade.platform.lose_an_answer()
    await trade.pushing._push_some(trade.board)
    trade.sell(2)
    await trade.pushing._push_some(trade.board)
    assert trade.platform.level() == trade.wanted - 2


@pytest.mark.parametrize("trade", [Shop], indirect=True, ids=["shopify"])
async def test_given_a_push_of_several_calls_and_waits_that_bring_one_then_it_is_told_all_the_same(trade):
    """What Shopify sold meanwhile refuses the first call; the next ones look, and tell it anew."""
    trade.sell(2)
    trade.move(-5)
    trade.platform.sandbox._bucket._held = 0.0
    async with asyncio.timeout(10):
        while trade.platform.level() != trade.wanted - 2:
            await trade.pushing._push_some(trade.board)
    assert trade.pushing.slowed == 0
