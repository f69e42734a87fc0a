"""How many movements a second an audit export writes, and its check goes through again: `make bench-export`. A seeded journal is
copied into PostgreSQL, sealed as the recorder seals it. An export checks what it has written before it is signed for; both are
timed, each in a process of its own. With fewer than `WHOLE` (`ONHAND_MOVEMENTS=2000`) it says how fast that was, and promises nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
import pytest
from rich.console import Console
from rich.table import Table

from projections.pool import migrate
from schemas.accounts import BOUNDARIES
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.seals import FIRST, seal

MOVEMENTS = int(os.environ.get("ONHAND_MOVEMENTS", "1000000"))
PARTITIONS, SKUS, SEED = 4, 50_000, 1
WHOLE, LEAST = 100_000, 10_000.0
"""From so many movements on, each of both must manage so many in a second of its own processor time."""
WITHIN = 60 + MOVEMENTS / 1_000
KINDS = (
    *(Kind.POS_SALE_COMPLETED, Kind.POS_SALE_COMPLETED, Kind.ORDER_PLACED, Kind.ORDER_SHIPPED),
    *(Kind.GOODS_RECEIVED, Kind.RETURN_RECEIVED, Kind.STOCK_ADJUSTED, Kind.ORDER_ROUTED),
)
START = datetime(2026, 1, 1, tzinfo=UTC)

COPY = (
    "COPY movements (id, sku, kind, quantity, legs, locations, transaction, channel, document, occurred_at, recorded_at,"
    " demand_class, partition, log_offset, seal) FROM STDIN"
)


def made(chance: random.Random, number: int) -> Movement:
    """A movement of a shop with a few SKUs that sell and many that seldom do."""
    kind, units = chance.choice(KINDS), chance.randrange(1, 4)
    sku = f"SKU-{int(SKUS * chance.random() ** 3):06d}"
    places = Places(f"STORE-{chance.randrange(20):02d}", there=f"STORE-{chance.randrange(20):02d}")
    at = START + timedelta(seconds=number, microseconds=chance.randrange(10**6))
    return Movement(
        id=f"{number % PARTITIONS}-{number // PARTITIONS}-0",
        kind=kind,
        sku=sku,
        quantity=units,
        legs=legs(kind, units, places),
        transaction=f"order/{number // 2}",
        channel="tills",
        document=f"sale/{number}",
        occurred_at=at,
        recorded_at=at,
        cause=Cause(0, number, 0),
    )


def rows() -> Iterator[tuple[object, ...]]:
    chance = random.Random(SEED)
    last = dict.fromkeys(range(PARTITIONS), FIRST)
    for number in range(MOVEMENTS):
        movement = made(chance, number)
        partition = sum(movement.sku.encode()) % PARTITIONS
        last[partition] = seal(last[partition], movement)
        posted = [
            {"location": leg.location, "state": leg.state, "quantity": leg.quantity} for leg in movement.legs
        ]
        yield (
            *(
                movement.id,
                movement.sku,
                movement.kind.value,
                movement.quantity,
                orjson.dumps(posted).decode(),
            ),
            sorted({leg.location for leg in movement.legs} - BOUNDARIES),
            *(movement.transaction, movement.channel, movement.document),
            *(movement.occurred_at, movement.recorded_at, movement.demand_class, partition, number),
            last[partition],
        )


@pytest.fixture
def filled(dsn) -> str:
    asyncio.run(migrate(dsn))
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.cursor() as cursor, cursor.copy(COPY.encode()) as copy:
            for row in rows():
                copy.write_row(row)
        connection.execute("VACUUM ANALYZE movements")
        connection.execute("CHECKPOINT")
    return dsn


def test_export(filled, tmp_path, run):
    folder = tmp_path / "export"
    found = {
        "export, checked": run("export_onhand.py", "export", filled, str(folder), within=WITHIN),
        "verify --export": run("export_onhand.py", "check", str(folder), within=WITHIN),
    }
    cells = json.loads((folder / "manifest.json").read_bytes())["files"]["closing-stock.parquet"]["rows"]
    size = sum(path.stat().st_size for path in folder.iterdir())
    table = Table(
        title=f"{MOVEMENTS:,} movements of {SKUS:,} SKUs in {PARTITIONS} partitions; {os.cpu_count()} cores",
        caption=f"the export has {size / 2**20:.0f} MB, {size / MOVEMENTS:.0f} bytes for each movement; memory goes with the"
        f" {cells:,} cells of stock, not with the movements",
    )
    for name in ("", "seconds", "movements/s", "CPU s", "memory MB"):
        table.add_column(name, justify="right" if name else "left")
    for name, its in found.items():
        rate = its["movements"] / its["seconds"]
        table.add_row(
            name, f"{its['seconds']:.1f}", f"{rate:,.0f}", f"{its['cpu']:.1f}", f"{its['memory_mb']:.0f}"
        )
    Console(width=110).print(table)
    for name, its in found.items():
        assert its["movements"] == MOVEMENTS
        assert MOVEMENTS < WHOLE or its["movements"] / its["cpu"] >= LEAST, name
