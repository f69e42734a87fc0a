"""What genuine webhooks get while others attack, and while the broker is gone: `make webhooks` (ONHAND_ROUNDS=5 ONHAND_RATES=50,200).

A shop's signed orders come at fixed moments and are timed from these. The attackers are a process of their own that gives way to everybody
else: what is measured is the server under attack, not the want of a processor.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from schemas.claims import Claim
from schemas.codec import decode
from schemas.topics import CLAIMS
from streams.reader import Reader
from streams.stages import Naming
from streams.topics import create_topics

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from http_load import Played, open_loop
from shop_orders import PLACE, Orders, shop_of

ROUNDS = int(os.environ.get("ONHAND_ROUNDS", "5"))
RATES = [float(rate) for rate in os.environ.get("ONHAND_RATES", "50,200").split(",")]
SECONDS, SETTLES, TIMES = 6.0, 2.0, 2.0
AWAY, RATE, UP_P99 = float(os.environ.get("ONHAND_AWAY", "30")), 200.0, 250.0
STARTS = 60.0
"""Seconds in which the broker is back, and all is as before."""
SKUS, CONNECTIONS, PARTITIONS = 200, 48, 4
CONFIG = """
[serve]
port = 0
[locations.{place}]
[channels.web]
platform = "shopify"
shop = "web.myshopify.com"
sandbox = "played by the test"
sandbox_port = {port}
poll_every = 0
reconcile_every = 0
[channels.web.rules]
publish = "locations"
ships_from = "{place}"
"""
pytestmark = pytest.mark.system


@pytest.fixture
async def shop(free):
    """The shop, which is asked for its catalogue only."""
    found = shop_of("web", SKUS)
    await found.start(free())
    yield found
    await found.stop()


def port_of(shop) -> int:
    return int(shop.url.rpartition(":")[2])


def percentile(took: list[float], percent: float) -> float:
    return sorted(took)[max(0, math.ceil(len(took) * percent / 100) - 1)]


def waited(played: Played) -> list[float]:
    """Milliseconds from when each was due; one that was not taken waited for ever."""
    rows = zip(played.due, played.ended, played.status, strict=True)
    return [(end - due) * 1_000 if status == 200 else math.inf for due, end, status in rows]


@contextmanager
def attacked(port: int, told: list[dict[str, int]]):
    script = Path(__file__).with_name("attackers.py")
    command = [sys.executable, str(script), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield
        out, _ = process.communicate("")
    told.append(json.loads(out))


async def test_given_slow_huge_deep_and_malformed_requests_then_nobody_else_waits_twice_as_long(
    installation, shop
):
    settings = installation.configure(CONFIG.format(place=PLACE, port=port_of(shop)))
    await create_topics(installation.engines.bootstrap, Naming(settings.kafka.prefix), PARTITIONS)
    url = await asyncio.to_thread(installation.server)
    port = int(url.rpartition(":")[2])
    orders, told = Orders("web", SKUS), list[dict[str, int]]()
    found: dict[float, list[tuple[float, float]]] = {}

    async def p99(rate: float) -> float:
        requests = [orders.next()[1] for _ in range(int(rate * SECONDS))]
        played = await open_loop(port, requests, rate, CONNECTIONS)
        said = Counter(played.status)
        Console(width=130).print(f"{rate:g}/s: {dict(said)}, {max(played.ended) - min(played.due):.1f} s")
        assert said.keys() == {200}, "genuine webhooks are taken"
        return percentile(waited(played), 99)

    # the first ones find a server that does not know the catalogue yet
    await open_loop(port, [orders.next()[1] for _ in range(300)], 100.0, CONNECTIONS)
    for rate in RATES:
        found[rate] = []
        for _ in range(ROUNDS):
            quiet = await p99(rate)
            with attacked(port, told):
                await asyncio.sleep(SETTLES)
                besieged = await p99(rate)
            found[rate].append((quiet, besieged))
            await asyncio.sleep(SETTLES)
    table = Table("a second", "p99 alone", "p99 attacked", "medians", title="genuine webhooks, ms")
    ratios = {}
    for rate, rounds in found.items():
        alone, beside = (statistics.median(each) for each in zip(*rounds, strict=True))
        ratios[rate] = beside / alone
        shown = [" ".join(f"{one:.1f}" for one in each) for each in zip(*rounds, strict=True)]
        table.add_row(f"{rate:g}", *shown, f"{alone:.1f} / {beside:.1f} = {ratios[rate]:.2f}")
    Console(width=130).print(table, {name: sum(one.get(name, 0) for one in told) for name in told[0]})
    assert all(told[0].get(name, 0) > 0 for name in ("huge", "deep", "malformed")), told
    assert max(ratios.values()) <= TIMES, ratios


async def claimed(bootstrap: str) -> set[str]:
    """The transactions in the log."""
    reader, name = Reader(bootstrap), Naming("")(CLAIMS)
    await reader.start()
    try:
        return {
            decode(Claim, record.value).transaction
            async for records in reader.whole(name, PARTITIONS)
            for record in records
        }
    finally:
        await reader.stop()


async def test_given_the_broker_is_gone_then_nothing_acknowledged_is_lost_and_the_server_recovers_by_itself(
    engines_apart, shop
):
    engines = engines_apart.engines
    said = f'[kafka]\naddress = "{engines.bootstrap}"\n[postgres]\naddress = "{engines.dsn}"\n'
    engines_apart.configure(f"{CONFIG.format(place=PLACE, port=port_of(shop))}\n{said}")
    await create_topics(engines.bootstrap, Naming(""), PARTITIONS)  # as a worker does that is first
    url = await asyncio.to_thread(engines_apart.server)
    port, orders = int(url.rpartition(":")[2]), Orders("web", SKUS)
    made = [orders.next() for _ in range(int(RATE * (15 + AWAY + STARTS)))]
    marks: dict[str, float] = {}
    clock = asyncio.get_running_loop().time

    async def outage() -> None:
        await asyncio.sleep(15.0)
        marks["gone"] = clock()
        await asyncio.to_thread(engines.kill, "kafka")
        await asyncio.sleep(max(0.0, marks["gone"] + AWAY - clock()))
        await asyncio.to_thread(engines.restart, "kafka")
        marks["back"] = clock()

    await open_loop(port, [request for _, request in made[:200]], 100.0, 16)
    away = asyncio.create_task(outage())
    # perf_counter and the loop's clock are one here; a connection for each that may wait, and some for those that need not
    played = await open_loop(port, [request for _, request in made], RATE, 400)
    await away
    rows = list(zip(played.due, played.ended, played.status, strict=True))
    acknowledged = {number for (number, _), (_, _, status) in zip(made, rows, strict=True) if status == 200}
    every = [
        [row[2] for row in rows if second <= row[0] - rows[0][0] < second + 5] for second in range(0, 900, 5)
    ]
    Console(width=130).print("answers by 5 s:", [dict(Counter(some)) for some in every if some])
    assert 200 in {status for due, _, status in rows if due > marks["back"]}, engines_apart.tail()
    first = min(end for due, end, status in rows if status == 200 and due > marks["gone"] + 5)
    up = [(end - due) * 1_000 for due, end, _ in rows if due < marks["gone"] - 1 or due > first + 5]
    while_up = {status for due, _, status in rows if due < marks["gone"] - 1 or due > first + 5}
    down = [row for row in rows if marks["gone"] + 1 < row[0] < marks["back"] - 5]
    held = await claimed(engines.bootstrap)
    lost = {number for number in acknowledged if f"order/web/{number}" not in held}
    Console(width=130).print(
        f"{len(made)} webhooks at {RATE:g}/s, broker gone {AWAY:g} s: {len(acknowledged)} acknowledged, {len(lost)} lost; up: p50"
        f" {percentile(up, 50):.1f}, p99 {percentile(up, 99):.1f} ms; down: {sorted({row[2] for row in down})}, slowest"
        f" {max(end - due for due, end, _ in down):.1f} s; taken again {first - marks['back']:.1f} s after it was back"
    )
    assert lost == set()
    assert {status for _, _, status in down} == {503}
    assert while_up == {200}
    assert percentile(up, 99) <= UP_P99
    assert engines_apart.processes["server"].poll() is None
