"""PostgreSQL's tables are lost or wrong, and made anew from the log, while the shop goes on selling."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from projections.derived import OWN, PROJECTIONS
from schemas.topics import MOVEMENTS
from streams.settings import load
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Out, Writer

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "example"
RECORDED = [table for tables in PROJECTIONS.values() for table in tables]
MOVING = {"channel_health", "cursors", "directories", "alerts"}
"""Of what does not follow from the log, what changes while nobody does anything."""


@pytest.fixture
def database(up):
    address = load(up.config).postgres.address
    with psycopg.connect(
        address, password=os.environ.get("ONHAND_POSTGRES_PASSWORD"), autocommit=True
    ) as connection:
        yield connection


def dump(database, tables):
    """What is in tables, byte by byte."""
    return {
        table: sorted(row[0] for row in database.execute(f"SELECT t::text FROM {table} AS t"))
        for table in tables
    }


def order(number: int, sku: str, quantity: int):
    document = json.loads((EXAMPLE / "order.json").read_text())
    document |= {"id": number, "name": f"#{number}"}
    document["line_items"][0] |= {"id": number * 10, "sku": sku, "quantity": quantity}
    document["line_items"][0] |= {"current_quantity": quantity, "fulfillable_quantity": quantity}
    return document


def test_given_tables_that_were_emptied_and_forged_then_a_rebuild_makes_them_byte_for_byte_what_they_were(
    up, database
):
    for number in range(3000, 3006):
        assert up.webhook(order(number, "TEE-BLACK-M", 1)) == 200
    assert up.webhook(order(3009, "TEE-BLACK-M", 60)) == 200
    assert up.webhook(order(3010, "NO-SUCH-THING", 1)) == 200
    assert up.run("verify")["ok"]
    up.until(lambda: up.run("dead-letters", "list")["items"])
    letter = up.run("dead-letters", "list")["items"][0]["id"]
    database.execute("UPDATE dead_letters SET retried_at = now()")
    before, own = dump(database, [*RECORDED, "open_units"]), dump(database, OWN.keys() - MOVING)
    assert {name for name, rows in before.items() if not rows} <= {"observations"}
    database.execute("TRUNCATE stock, channel_quantities, seals")
    database.execute("UPDATE told SET level = level + 1")
    database.execute("ALTER TABLE movements DISABLE TRIGGER USER")
    database.execute("UPDATE movements SET quantity = 5 WHERE sku = 'TEE-BLACK-M'")
    database.execute("ALTER TABLE movements ENABLE TRIGGER USER")
    database.execute("DELETE FROM oversells")
    done = up.run("rebuild", "--all")["projections"]
    assert done.keys() == PROJECTIONS.keys()
    assert done["movements"]["removed"] > 0
    assert done["stock"] | {"rows": 0} == {"rows": 0, "removed": 0, "added": len(before["stock"])}
    assert (done["dead-letters"]["removed"], done["dead-letters"]["added"]) == (0, 0), letter
    up.until(lambda: dump(database, [*RECORDED, "open_units"]) == before, 30)
    assert dump(database, own) == own
    assert up.run("verify")["differences"] == []
    again = up.run("rebuild", "--all")["projections"]
    assert {(its["removed"], its["added"]) for its in again.values()} == {(0, 0)}


def test_given_a_shop_that_sells_all_the_time_then_a_rebuild_shows_nobody_less_than_there_is(up, database):
    closing, seen, sold = threading.Event(), [], []

    def sell():
        for number in count(7_000):
            sold.append(up.webhook(order(number, "MUG-WHITE", 1)))
            if closing.wait(0.05):
                return

    def look():
        while not closing.wait(0.02):
            seen.append(
                (len(up.get("/v1/movements?sku=TEE-BLACK-M")["items"]), up.available("TEE-BLACK-M", "SOHO"))
            )

    with ThreadPoolExecutor() as shop:
        selling, looking = shop.submit(sell), shop.submit(look)
        try:
            for _ in range(2):
                database.execute("UPDATE seals SET seal = 'forged'")
                assert up.run("rebuild", "movements", "stock")["projections"]["movements"]["added"] > 0
        finally:
            closing.set()
    looking.result()
    assert len(set(seen)) == 1
    assert len(seen) > 20
    selling.result()
    assert (set(sold), len(sold) > 20) == ({200}, True)
    assert up.run("verify")["differences"] == []


def test_given_a_projection_nobody_knows_then_nothing_is_done(up):
    for wrong in (["blocks"], [], ["movements", "--all"]):
        assert up.printed("rebuild", *wrong, code=2) == ""


async def test_given_a_log_whose_beginning_is_gone_then_nothing_is_made_anew_from_the_rest(installation):
    settings = installation.configure("[locations.SOHO]\n")
    partitions, naming = settings.kafka.partitions, Naming(settings.kafka.prefix)
    await create_topics(installation.engines.bootstrap, naming, partitions)
    writer = Writer(installation.engines.bootstrap, partitions)
    await writer.start()
    await writer.write([Out(naming(MOVEMENTS), b"TEE", b"not json", (), 0) for _ in range(5)])
    await writer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.engines.bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(naming(MOVEMENTS), 0): RecordsToDelete(before_offset=3)})
    await admin.close()
    with pytest.raises(AssertionError, match="begins at 3: what was before is gone"):
        await asyncio.to_thread(installation.asked, "rebuild", "movements")
