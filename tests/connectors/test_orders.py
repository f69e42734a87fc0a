"""What every platform that carries orders out keeps to: an order is there once, gone once, and there again if it is wanted again."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Cancelled, Created, NewOrder, Ordered, Payload, Recipient, Row
from connectors.directory import resolve
from connectors.errors import Refused
from connectors.registry import CONNECTORS
from schemas.claims import Claim, Document, Fact, Line
from schemas.movements import Cause
from schemas.settling import Transaction, apply

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STOCK = (Row("TEE", "WH", 10), Row("MUG", "WH", 4), Row("TEE", "SHOP", 10), Row("MUG", "SHOP", 4))
DEAL = "order/my_web/100"
ORDER = NewOrder(
    transaction=DEAL,
    location="WH",
    placed_at=NOON,
    lines=(Ordered("TEE", 2, "9.50"), Ordered("MUG", 1, "4.00")),
    recipient=Recipient(name="Ada Invented", email="ada@example.invalid"),
)
ELSEWHERE = replace(ORDER, location="SHOP")
NEIGHBOURS = ("order/my_web/10", "order/my_web/1000", "order/myxweb/100", "order/eu/100")
"""Deals with names much like ours."""


@pytest.fixture(params=sorted(name for name, its in CONNECTORS.items() if its.orders))
async def desk(request, doubles, platforms):
    """A platform that carries orders out, at two places."""
    async with doubles(request.param, stock=STOCK) as double:
        directory, standing = await double.client.directory(), platforms[request.param].standing
        yield Desk(double, directory, lambda: standing(double.sandbox))


class Desk:
    """Where orders are created in a platform, and taken back; and what its documents come to beside the shop's own."""

    def __init__(self, double: Any, directory: Any, standing: Any) -> None:
        self.connector, self.client, self.standing = double.connector, double.client, standing
        self.directory, self.cursor, self.level = directory, None, double.level
        self.orders = double.connector.orders(double.client)
        assert standing() == 0

    async def create(self, order: NewOrder = ORDER) -> Created:
        return await self.orders.create(order, self.directory)

    async def cancel(self, location: str = "WH", deal: str = DEAL) -> Cancelled:
        return await self.orders.cancel(deal, location, self.directory)

    async def polled(self) -> list[Claim]:
        """What is new there, in our words."""
        found: list[Payload] = []
        async for payloads, reached in self.client.poll(self.cursor):
            found += payloads
            self.cursor = reached
        said = [self.connector.read("channel", payload) for payload in found]
        return [resolve(one, self.directory, None, 100) for one in said if isinstance(one, Claim)]


def shop(version: int, place: str, *, cancelled: bool = False) -> Claim:
    """The order as the shop that took it shows it."""
    facts = [Fact.ORDERED, Fact.CANCELLED] if cancelled else [Fact.ORDERED]
    lines = tuple(
        Line(fact=fact, sku=line.sku, quantity=line.quantity, at=NOON, location=place)
        for fact in facts
        for line in ORDER.lines
    )
    document = Document(id="order/100", version=version, lines=lines)
    return Claim(
        transaction=DEAL,
        channel="my_web",
        topic="orders/updated",
        occurred_at=NOON,
        documents=(document,),
    )


def promised(claims: list[Claim]) -> dict[str, int]:
    """Tees that are committed after these claims, by place; no more and no less are missing from what is available."""
    deals: dict[str, Transaction] = {}
    found: Counter[tuple[str, str]] = Counter()
    for offset, claim in enumerate(claims):
        deal = deals.get(claim.transaction, Transaction())
        deals[claim.transaction], posted = apply(deal, claim, NOON, Cause(0, offset, 0))
        for movement in posted:
            for leg in movement.legs if movement.sku == "TEE" else ():
                found[leg.location, leg.state] += leg.quantity
    committed = {place: units for (place, state), units in found.items() if state == "committed" and units}
    assert {
        place: -units for (place, state), units in found.items() if state == "available" and units
    } == committed
    return committed


async def test_given_an_order_then_it_is_created_once_and_taken_back_once(desk):
    created = await desk.create()
    assert await desk.create() == Created(created.ref, already=True)
    assert desk.standing() == 1
    assert await desk.cancel() == Cancelled(created.ref)
    assert await desk.cancel() in (Cancelled(None), Cancelled(created.ref, already=True))
    assert (desk.standing(), desk.level("TEE")) == (0, 10)


async def test_given_an_order_that_was_never_created_then_taking_it_back_does_nothing_and_says_so(desk):
    assert await desk.cancel() == Cancelled(None)
    for deal in NEIGHBOURS:
        await desk.create(replace(ORDER, transaction=deal, lines=(Ordered("TEE", 1, "1.00"),)))
    assert await desk.cancel() == Cancelled(None)
    assert desk.standing() == len(NEIGHBOURS)
    assert not (await desk.create()).already


async def test_given_a_place_that_the_platform_does_not_have_then_nothing_is_taken_back_there(desk):
    await desk.create()
    with pytest.raises(Refused, match="MOON"):
        await desk.cancel("MOON")
    assert desk.standing() == 1


async def test_given_an_order_that_is_wanted_again_then_it_is_there_again_each_time_once(desk):
    refs = []
    for _ in range(3):
        created = await desk.create()
        assert not created.already
        assert await desk.create() == Created(created.ref, already=True)
        assert desk.standing() == 1
        assert await desk.cancel() == Cancelled(created.ref)
        assert desk.standing() == 0
        refs.append(created.ref)
    assert len(set(refs)) == 3
    assert await desk.cancel() in (Cancelled(None), Cancelled(refs[-1], already=True))
    assert desk.level("TEE") == 10


async def test_given_a_rejected_pick_then_the_order_is_carried_out_elsewhere_and_may_come_back(desk):
    first = await desk.create()
    assert await desk.cancel("SHOP") == Cancelled(None), "it is not there"
    second = await desk.create(ELSEWHERE)
    assert (second.already, second.ref != first.ref, desk.standing()) == (False, True, 2)
    assert await desk.create() == Created(first.ref, already=True), "both bring a part"
    assert await desk.cancel() == Cancelled(first.ref)
    assert desk.standing() == 1
    assert await desk.cancel() in (Cancelled(None), Cancelled(first.ref, already=True))
    assert desk.standing() == 1
    assert await desk.create(ELSEWHERE) == Created(second.ref, already=True)
    assert await desk.cancel("SHOP") == Cancelled(second.ref)
    third = await desk.create()
    assert (third.already, desk.standing()) == (False, 1)
    assert await desk.cancel("SHOP") in (Cancelled(None), Cancelled(second.ref, already=True))
    assert await desk.cancel() == Cancelled(third.ref)
    assert (desk.standing(), desk.level("TEE")) == (0, 10)


async def test_given_the_shop_and_the_platform_take_it_back_then_in_any_order_it_is_given_back_once(desk):
    await desk.create()
    told = [shop(1, "WH"), *await desk.polled()]
    assert promised(told) == {"WH": 2}
    await desk.cancel()
    told += await desk.polled()
    assert promised(told) == {"WH": 2}, "who took the order says what it demands"
    await desk.create(ELSEWHERE)
    told += [shop(2, "SHOP"), *await desk.polled()]
    assert promised(told) == {"SHOP": 2}
    for seed in range(30):
        assert promised(random.Random(seed).sample(told, len(told))) == {"SHOP": 2}
    await desk.cancel("SHOP")
    told += [shop(3, "SHOP", cancelled=True), *await desk.polled()]
    for seed in range(30):
        assert promised(random.Random(seed).choices(told, k=9) + told) == {}
        assert promised(random.Random(seed).sample(told, len(told))) == {}
    assert promised([one for one in told if one.channel == "channel"]) == {}, "if nobody else tells of it"
