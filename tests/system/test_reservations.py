"""Requests never oversell: reservations over HTTP, decided by the ledger of a running installation."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from typing import Any

import aiohttp
import pytest

from deploy.processes import free_port

ROUNDS = int(os.environ.get("ONHAND_ROUNDS", "2"))
"""Races of 200 buyers for 10 units; `make race` runs a thousand."""

SECONDS = int(os.environ.get("ONHAND_SECONDS", "2"))
"""How long fifty buyers a second come; `make race` has them come for a minute, and prints how long they waited."""

CHANNELS: list[dict[str, Any]] = [
    {"channel": "web"},
    {"channel": "trade"},
    {"channel": "tills", "location": "SOHO"},
]
TRADE = """
[channels.trade]
platform = "shopify"
shop = "trade.myshopify.com"
sandbox = "web.csv"
sandbox_port = 8803

[channels.trade.locations]
"location:1" = "SOHO"

[channels.trade.rules]
ships_from = "SOHO"
"""


@pytest.fixture(scope="module")
def edited():
    """There is a second web shop, for the trade."""
    return lambda text: text + TRADE.replace("8803", str(free_port()))


@pytest.fixture(scope="module")
def shop(up):
    """The example so edited."""
    return up


class Buyers:
    """Callers of the reservation API, all at once."""

    def __init__(self, up: Any, session: aiohttp.ClientSession) -> None:
        self.up, self.session = up, session
        self.headers = {"Authorization": f"Bearer {up.key}"}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self.session.request(
            method, f"{self.up.url}{path}", json=body, headers={**self.headers, **headers}
        ) as answer:
            return answer.status, await answer.json(content_type=None)

    async def open(self, sku: str, units: int) -> None:
        line = {
            "fact": "opened",
            "sku": sku,
            "quantity": units,
            "location": "SOHO",
            "at": "2026-11-20T12:00:00Z",
        }
        status, _ = await self.ask(
            "POST", "/v1/movements", {"lines": [line]}, **{"Idempotency-Key": f"open-{sku}"}
        )
        assert status == 202
        await self.until(sku, available=units)

    async def until(self, sku: str, **states: int) -> None:
        deadline = time.monotonic() + 10
        while True:
            _, found = await self.ask("GET", f"/v1/stock/{sku}")
            cells = found.get("locations", {}).values()
            shown = {state: sum(cell[state] for cell in cells) for state in states}
            if shown == states:
                return
            assert time.monotonic() < deadline, (shown, states)
            await asyncio.sleep(0.02)

    async def reserve(
        self, sku: str, quantity: int = 1, *, ttl: int = 60, key: str = "", **channel: Any
    ) -> tuple[int, Any]:
        line = {"sku": sku, "quantity": quantity, **{k: v for k, v in channel.items() if k == "location"}}
        body = {"channel": channel["channel"], "lines": [line], "ttl_seconds": ttl}
        return await self.ask("POST", "/v1/reservations", body, **({"Idempotency-Key": key} if key else {}))


def told(shop: Any, story: Any) -> None:
    """Runs a story with buyers of a shop."""

    async def body() -> None:
        connector = aiohttp.TCPConnector(limit=200)
        async with aiohttp.ClientSession(connector=connector) as session:
            await story(Buyers(shop, session))

    asyncio.run(body())


def test_given_two_hundred_buyers_for_ten_units_on_three_channels_then_ten_get_one(shop):
    async def story(buyers: Buyers) -> None:
        for _ in range(ROUNDS):
            sku = f"RACE-{uuid.uuid4().hex[:10]}"
            await buyers.open(sku, 10)
            answers = await asyncio.gather(*(buyers.reserve(sku, **CHANNELS[n % 3]) for n in range(200)))
            assert Counter(status for status, _ in answers) == {201: 10, 409: 190}
            await buyers.until(sku, available=0, reserved=10, on_hand=10)

    told(shop, story)


def test_given_fifty_buyers_a_second_then_each_gets_an_answer_of_his_own(shop):
    waited: list[float] = []

    async def buyer(buyers: Buyers, sku: str, due: float, number: int) -> None:
        await asyncio.sleep(due - time.monotonic())
        status, _ = await buyers.reserve(sku, **CHANNELS[number % 3])
        assert status == 201
        waited.append((time.monotonic() - due) * 1_000)

    async def story(buyers: Buyers) -> None:
        skus = [f"SHELF-{uuid.uuid4().hex[:10]}" for _ in range(20)]
        for sku in skus:
            await buyers.open(sku, 1_000)
        began = time.monotonic() + 0.5
        await asyncio.gather(
            *(buyer(buyers, skus[n % 20], began + n / 50, n) for n in range(SECONDS * 50)),
        )

    told(shop, story)
    waited.sort()
    assert len(waited) == SECONDS * 50
    at_50, at_99 = waited[len(waited) // 2], waited[int(len(waited) * 0.99)]
    print(f"\n{len(waited)} reservations at 50 a second: p50 {at_50:.1f} ms, p99 {at_99:.1f} ms")  # noqa: T201  # `make race` shows it


def test_given_a_reservation_of_a_second_then_after_that_second_the_units_are_free(shop):
    async def story(buyers: Buyers) -> None:
        sku = f"SHORT-{uuid.uuid4().hex[:10]}"
        await buyers.open(sku, 1)
        began = time.monotonic()
        assert (await buyers.reserve(sku, ttl=1, channel="trade"))[0] == 201
        assert (await buyers.reserve(sku, channel="trade"))[0] == 409
        await buyers.until(sku, available=0, reserved=1)
        await buyers.until(sku, available=1, reserved=0)
        assert 1.0 <= time.monotonic() - began < 2.0

    told(shop, story)


def test_given_two_lines_then_both_are_held_or_none_and_the_same_key_holds_once(shop):
    async def story(buyers: Buyers) -> None:
        one, other = (f"PAIR-{uuid.uuid4().hex[:10]}" for _ in range(2))
        await buyers.open(one, 5)
        await buyers.open(other, 4)

        def pair(units: int) -> dict[str, Any]:
            return {"channel": "trade", "lines": [{"sku": sku, "quantity": units} for sku in (one, other)]}

        status, problem = await buyers.ask("POST", "/v1/reservations", pair(5))
        assert status == 409
        assert "are free" in problem["detail"]
        await buyers.until(one, available=5, reserved=0)
        answers = [
            await buyers.ask("POST", "/v1/reservations", pair(4), **{"Idempotency-Key": one})
            for _ in range(3)
        ]
        assert {(status, answer["id"], answer["state"]) for status, answer in answers} == {
            (201, answers[0][1]["id"], "held")
        }
        await buyers.until(one, available=1, reserved=4)
        await buyers.until(other, available=0, reserved=4)
        ident = answers[0][1]["id"]
        assert (await buyers.ask("POST", f"/v1/reservations/{ident}/convert", {}))[0] == 200
        await buyers.until(one, available=1, reserved=0, committed=4)
        assert (await buyers.ask("DELETE", f"/v1/reservations/{ident}"))[0] == 409
        assert (await buyers.ask("DELETE", "/v1/reservations/nobody"))[0] == 404

    told(shop, story)


def test_given_all_that_then_verify_finds_every_number_right(shop):
    assert shop.run("verify")["ok"]
