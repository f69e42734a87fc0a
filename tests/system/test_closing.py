"""A deal that is over leaves the workers' memory, and a refund that comes a season later still counts: `onhand up`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.claims import Claim
from schemas.codec import decode
from schemas.settling import Transaction
from schemas.topics import CLAIMS, TRANSACTIONS, Topic
from streams.reader import Reader
from streams.settings import load
from streams.stages import Naming
from streams.system import addresses

SKU, DEAL = "CLOSED-MUG", "order/closed"


@pytest.fixture(scope="module")
def edited():
    """A deal is over a second after its last news."""
    return lambda text: text.replace("close_after_days = 90", "close_after_days = 0.00001")


def told(fact: str, quantity: int, hour: int) -> dict[str, Any]:
    return {
        "fact": fact,
        "sku": SKU,
        "quantity": quantity,
        "location": "SOHO",
        "at": f"2026-03-02T{hour}:00:00Z",
    }


def log_of(up, topic: Topic) -> list[Any]:
    """What the topic holds about the deal, oldest first."""

    settings = load(up.config)
    name = Naming(settings.kafka.prefix)(topic)

    async def read() -> list[Any]:
        reader = Reader(addresses(settings).bootstrap)
        await reader.start()
        try:
            return [one async for some in reader.whole(name, 4) for one in some if one.key == DEAL.encode()]
        finally:
            await reader.stop()

    return asyncio.run(read())


def test_given_an_order_is_over_for_long_then_it_leaves_the_table_and_a_late_refund_counts_once_retried(up):
    assert up.post(f"{SKU}-opened", told("opened", 5, 10)) == 202
    sent = [told("ordered", 2, 11), told("shipped", 2, 12)]
    assert up.post("sent", *sent, transaction=DEAL, document="order/1") == 202
    up.until(lambda: up.available(SKU, "SOHO") == 3)

    def marker() -> Transaction | None:
        newest = log_of(up, TRANSACTIONS)[-1].value
        return None if decode(Transaction, newest).closed is None else newest

    newest = up.until(marker)
    held = decode(Transaction, newest)
    assert (held.documents, len(newest) < 200) == ({}, True)
    closed_by = next(one for one in log_of(up, CLAIMS) if one.offset == held.closed.offset)
    assert set(decode(Claim, closed_by.value).archive.documents) == {"api/order/1"}

    assert up.post("sent", *sent, transaction=DEAL, document="order/1") == 202
    assert up.post("back", told("returned", 1, 15), transaction=DEAL, document="refund/1") == 202
    (letter,) = up.until(lambda: up.run("dead-letters", "list")["items"])
    assert (letter["channel"], letter["stage"]) == ("api", "settle")
    assert letter["reason"].startswith("the transaction was closed on 20")
    assert up.available(SKU, "SOHO") == 3
    assert up.run("verify")["ok"]

    assert up.run("dead-letters", "retry") == {"applied": 1, "still_refused": []}
    up.until(lambda: up.available(SKU, "SOHO") == 4)
    refund = up.get(f"/v1/movements?sku={SKU}")["items"][0]
    assert (refund["kind"], refund["occurred_at"][:13]) == ("ReturnReceived", "2026-03-02T15")
    assert up.run("dead-letters", "list")["items"] == []
    up.until(lambda: decode(Transaction, log_of(up, TRANSACTIONS)[-1].value).closed != held.closed)
    verdict = up.run("verify")
    assert (verdict["ok"], verdict["checks"]["late"]) == (True, 1)
