"""A customer in a whole installation: where their name is, which is in the vault and nowhere else, and how it goes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dumps import everything_in_kafka, everything_in_postgres, everything_on_disk, words_in

from connectors.contract import Recipient
from projections.envelope import MasterKey
from projections.pool import open_pool
from streams.customers import customers_of
from streams.settings import load
from streams.system import addresses

ROOT = Path(__file__).resolve().parents[2]
ORDER = json.loads((ROOT / "deploy" / "example" / "order.json").read_text())
WILHELMINA = Recipient(
    name="Wilhelmina Quennevil-Roe",
    email="w.quennevil@example.invalid",
    phone="+1-555-0142-778",
    street="17 Invented Row, Flat Ninetynine",
    city="Bathurst-Nowhere",
    postcode="QX7-77Z",
    region="KY",
    country="US",
)
PERSON = {
    "email": WILHELMINA.email,
    "customer": {"id": 700_700_700_771, "first_name": "Wilhelmina", "last_name": "Quennevil-Roe"},
    "shipping_address": {
        "first_name": "Wilhelmina",
        "last_name": "Quennevil-Roe",
        "phone": WILHELMINA.phone,
        "address1": "17 Invented Row",
        "address2": "Flat Ninetynine",
        "city": WILHELMINA.city,
        "zip": WILHELMINA.postcode,
        "province_code": "KY",
        "country_code": "US",
    },
}
WORDS = (
    *("Wilhelmina", "Quennevil", "+1-555-0142-778", "17 Invented Row", "Flat Ninetynine"),
    *("Bathurst-Nowhere", "QX7-77Z", "700700700771"),
)


def order(number: int, **more):
    """An order for Wilhelmina, as Shopify sends it."""
    return {**ORDER, "id": number, "name": f"#{number}", **PERSON, **more}


def said_in(content: bytes) -> list[str]:
    """Which words of hers are in it."""
    return words_in(content, WORDS)


@pytest.fixture(scope="module")
def engines_said():
    """Embedded engines: every byte of theirs is looked at."""
    return ""


@pytest.fixture(scope="module")
def edited():
    """The web shop's customers are kept."""
    return lambda text: text.replace(
        'shop = "example.myshopify.com"', 'shop = "example.myshopify.com"\ncustomers = true'
    )


@pytest.fixture(scope="module")
def shop(up):
    """The example so edited."""
    return up


async def whom(shop, transaction: str) -> Recipient:
    """For whom the till would be told the order is."""
    settings = load(shop.config)
    pool = await open_pool(addresses(settings).dsn, 1)
    try:
        customers = await customers_of(pool, settings.data)
        made = await customers.order(transaction, "SOHO", [], placed_at=datetime.now(UTC))
        return made.recipient
    finally:
        await pool.close()


def test_given_orders_for_somebody_then_the_vault_has_them_and_nothing_else_has_a_word(shop):
    lines = [{**ORDER["line_items"][0], "sku": "NOBODY-KNOWS"}]
    assert shop.webhook(order(7001)) == 200
    assert shop.webhook(order(7002, line_items=lines)) == 200
    assert shop.webhook(order(7003, updated_at="yesterday")) == 200
    hers = {
        name: value
        for name, value in order(7004).items()
        if name not in {"line_items", "fulfillments", "refunds"}
    }
    assert shop.webhook(hers, topic="customers/update") == 200
    assert shop.webhook(order(7004), topic="customers/update") == 401, "that is an order"
    forged, broken = json.dumps(order(7005)).encode(), json.dumps(order(7006)).encode()[:-1]
    assert shop.webhook(None, body=forged, secret="forged") == 401
    assert shop.webhook(None, body=broken) == 400
    shop.until(lambda: shop.available("TEE-BLACK-M", "SOHO") == 10)
    shop.until(lambda: len(shop.run("dead-letters", "list")["items"]) == 3)
    assert asyncio.run(whom(shop, "order/web/7001")) == WILHELMINA
    assert asyncio.run(whom(shop, "order/web/7002")) == WILHELMINA

    found = addresses(load(shop.config))
    topics = asyncio.run(everything_in_kafka(found.bootstrap))
    assert {topic: said_in(content) for topic, content in topics.items() if said_in(content)} == {}
    assert {"claims", "movements", "dead-letters", "__consumer_offsets"} <= topics.keys()
    assert b"order/web/7001" in topics["claims"]
    assert b"NOBODY-KNOWS" in topics["dead-letters"]
    assert b"TEE-BLACK-M" in topics["stock"]

    tables = everything_in_postgres(found.dsn)
    assert {table: said_in(content) for table, content in tables.items() if said_in(content)} == {}
    assert b"order/web/7001" in tables["deal_subjects"]
    assert len(tables["subjects"].splitlines()) == len(tables["subject_keys"].splitlines()) == 1
    assert {"dead_letters", "movements", "subjects", "subject_keys", "vault"} <= tables.keys()

    files = everything_on_disk(shop.config.parent)
    assert {str(file): said_in(content) for file, content in files.items() if said_in(content)} == {}
    logs = {file.name: content for file, content in files.items() if file.suffix == ".log"}
    assert {"serve.log", "worker.log", "up.log"} <= logs.keys()
    assert any(b"order/web/7001" in content for content in files.values()), "what is not hidden is found"


def test_given_another_master_key_then_nobody_is_shown_or_erased_and_it_is_said(shop):
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "erase", "web:700700700771", "--config", str(shop.config)],
        cwd=ROOT,
        env={**os.environ, "ONHAND_VAULT_KEY": MasterKey.new()},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "another master key" in done.stderr
    assert asyncio.run(whom(shop, "order/web/7001")) == WILHELMINA


def test_given_an_erasure_then_they_are_gone_old_documents_bring_nobody_back_and_no_number_moves(shop):
    before = shop.run("verify")
    (listed,) = shop.run("erase", "web:700700700771", "--list")["known"]
    assert asyncio.run(whom(shop, "order/web/7001")) == WILHELMINA
    (erased,) = shop.run("erase", "web:700700700771")["erased"]
    assert erased == listed
    assert erased["told"] == []
    assert erased["deals"] == ["order/web/7001", "order/web/7002"]
    assert asyncio.run(whom(shop, "order/web/7001")) == Recipient()
    assert shop.run("erase", "web:700700700771", code=1) == {"erased": []}
    assert shop.run("erase", erased["ref"], code=1) == shop.run("erase", "order/web/7001", code=1)
    assert shop.webhook(order(7001, updated_at="2026-11-21T10:00:00-05:00")) == 200
    assert shop.webhook(order(7009, created_at="2026-11-19T10:00:00-05:00")) == 200
    shop.until(lambda: shop.available("TEE-BLACK-M", "SOHO") == 8)
    assert [asyncio.run(whom(shop, f"order/web/{number}")) for number in (7001, 7009)] == [Recipient()] * 2
    tables = everything_in_postgres(addresses(load(shop.config)).dsn)
    assert tables["subject_keys"] == b""
    assert before["ok"]
    assert shop.run("verify")["ok"]


def test_given_who_orders_again_after_that_then_the_new_order_is_for_them(shop):
    now = datetime.now(UTC).isoformat()
    assert shop.webhook(order(7010, created_at=now, processed_at=now, updated_at=now)) == 200
    assert asyncio.run(whom(shop, "order/web/7010")) == WILHELMINA
    printed = shop.printed("erase", "-", said=f"nobody@example.invalid\n{WILHELMINA.email.upper()}\n")
    assert "order/web/7010" in printed
    assert not said_in(printed.encode())
    assert asyncio.run(whom(shop, "order/web/7010")) == Recipient()


def test_given_who_asks_the_shop_to_be_forgotten_then_its_webhook_does_it_and_no_log_names_them(shop):
    later = datetime.now(UTC).isoformat()
    assert shop.webhook(order(7011, created_at=later, processed_at=later, updated_at=later)) == 200
    assert asyncio.run(whom(shop, "order/web/7011")) == WILHELMINA
    asks = {
        "shop_id": 954889,
        "shop_domain": "example.myshopify.com",
        "customer": {"id": 700_700_700_771, "email": WILHELMINA.email, "phone": WILHELMINA.phone},
        "orders_to_redact": [7001, 7011],
    }
    forged = json.dumps(asks).encode()
    assert shop.webhook(None, body=forged, topic="customers/redact", secret="forged") == 401
    assert asyncio.run(whom(shop, "order/web/7011")) == WILHELMINA
    assert [shop.webhook(asks, topic="customers/redact") for _ in range(2)] == [200, 200]
    assert asyncio.run(whom(shop, "order/web/7011")) == Recipient()
    assert shop.webhook(asks, topic="customers/data_request") == 401, (
        "what it was signed for is something else"
    )
    shows = {name: value for name, value in asks.items() if name != "orders_to_redact"}
    assert shop.webhook(shows | {"orders_requested": [7011]}, topic="customers/data_request") == 200
    files = everything_on_disk(shop.config.parent)
    assert {str(file): said_in(content) for file, content in files.items() if said_in(content)} == {}
    (log,) = (content for file, content in files.items() if file.name == "serve.log")
    assert log.count(b"erased, because they asked") == 1
    assert b"nothing to show: nothing is known of them" in log
