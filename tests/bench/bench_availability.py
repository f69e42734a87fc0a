"""How soon a product page has its number: `make bench-availability`. Requests come open loop, each at its own moment, and are
timed from that moment on, so that a slow answer cannot hide the ones that had to wait for it. The server records changes
meanwhile, as many as a trading day at fifty documents a second brings.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import psycopg
import pytest
from rich.console import Console
from rich.table import Table

from projections.pool import migrate

ROWS, RATE, SECONDS = 200_000, 50, float(os.environ.get("ONHAND_SECONDS", "20"))
WARM_UP, KEY, SEED, CHANGES = 100, "bench", 1, 100
LIMITS = {1: 20.0, 100: 50.0}
"""Milliseconds that 99 of 100 answers may take, by how many SKUs are asked for."""

FILL = """
    INSERT INTO channel_quantities
    SELECT channel, sku, 7 * cardinality(places), jsonb_build_object('channel', channel, 'sku', sku, 'quantity', 7, 'places',
      (SELECT jsonb_object_agg(name, jsonb_build_object('quantity', 7, 'level', 9, 'own', -2, 'opened', true))
       FROM unnest(places) AS name), 'rules', 'bench', 'offset', n, 'v', 1), -1
    FROM (SELECT 'SKU-' || lpad(n::text, 7, '0') AS sku, n FROM generate_series(0, %(each)s - 1) AS n) AS skus,
    (VALUES ('web', ARRAY['network']), ('tills', (SELECT array_agg('STORE-' || n) FROM generate_series(1, 12) AS n)))
      AS channels (channel, places)
"""


@dataclass
class Process:
    """The server's process, and what it has cost."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def filled(dsn) -> str:
    asyncio.run(migrate(dsn))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(FILL.encode(), {"each": ROWS // 2})
        connection.execute("VACUUM ANALYZE channel_quantities")
        connection.execute("CHECKPOINT")
    return dsn


@pytest.fixture
def server(filled) -> Iterator[Process]:
    script = str(Path(__file__).parent / "availability_onhand.py")
    command = [sys.executable, script, filled, KEY, str(CHANGES), str(ROWS // 2)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        yield Process(int(process.stdout.readline()), process.pid)


def asking(chance: random.Random, channel: str, skus: int) -> str:
    named = "".join(f"&sku=SKU-{chance.randrange(ROWS // 2):07d}" for _ in range(skus))
    return f"/v1/availability?channel={channel}{named}"


@dataclass
class Took:
    """Milliseconds from the moments at which requests were due to their whole answers."""

    each: list[float]

    def at(self, percent: float) -> float:
        """So many percent took no longer."""
        return sorted(self.each)[max(0, math.ceil(len(self.each) * percent / 100) - 1)]

    def shown(self) -> str:
        return " / ".join(f"{self.at(percent):.1f}" for percent in (50, 99, 100))


async def open_loop(server: Process, path: Callable[[], str], count: int) -> tuple[Took, Took]:
    """Asks so often, and midway between two of these questions for nothing at all (`/livez`): what that takes, the machine takes."""
    took, nothing = Took([]), Took([])
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", headers=headers) as session:

        async def one(target: str, due: float, into: Took) -> None:
            async with session.get(target) as response:
                body = await response.read()
                into.each.append((time.perf_counter() - due) * 1_000)
            assert response.status == 200, body

        began = time.perf_counter() + 0.1
        async with asyncio.TaskGroup() as tasks:
            for number in range(2 * count):
                due, (target, into) = (
                    began + number / RATE / 2,
                    ("/livez", nothing) if number % 2 else (path(), took),
                )
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(one(target, due, into))
    return took, nothing


async def test_availability(server):
    chance = random.Random(SEED)
    cases = {
        f"{skus} SKU{'s' * (skus > 1)}, {places}": (partial(asking, chance, channel, skus), LIMITS[skus])
        for skus in LIMITS
        for channel, places in (("web", "one number each"), ("tills", "12 places each"))
    }
    table = Table(
        title=f"{ROWS:,} channel quantities; {RATE} requests a second, open loop, {SECONDS:g} s each; {os.cpu_count()} cores",
        caption="p50 / p99 / worst in ms; beside it, in turn with it: /livez, asked as often; CPU of the server alone, for both and for"
        f" what it records meanwhile ({CHANGES} changes a second)",
    )
    for name in ("asked for", "took", "beside it", "CPU ms", "p99 at most"):
        table.add_column(name, justify="left" if name == "asked for" else "right")
    late = []
    for name, (path, limit) in cases.items():
        await open_loop(server, path, WARM_UP)
        before = server.cpu()
        took, nothing = await open_loop(server, path, int(RATE * SECONDS))
        cost = (server.cpu() - before) / len(took.each) * 1_000
        table.add_row(name, took.shown(), nothing.shown(), f"{cost:.1f}", f"{limit:g}")
        if took.at(99) > limit:
            late.append(f"{name}: p99 {took.at(99):.1f} ms")
    Console(width=110).print(table)
    assert not late, late
