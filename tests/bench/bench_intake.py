"""How many webhooks are taken in, beside a bare endpoint: `make bench-intake` (ONHAND_SECONDS=20 ONHAND_RATE=200).

Signed Shopify order webhooks of two lines are posted to `onhand serve`, which checks, reads, maps and resolves them, writes the claim and answers when the
log has it; and to a FastAPI endpoint under the same uvicorn that reads the body and answers 202. The generator is the same, a process of its
own; what it reaches at most is measured against a server that does nothing. First every connection asks again as soon as it is answered; then so
many come a second at fixed moments, and are timed from those. Then a worker works off what was accepted, and it ends with `onhand verify`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from footprint import cpu
from http_load import WARM_UP
from installed import onhand, port_of, running, watching
from rich.console import Console
from rich.table import Table
from scripts import HERE, Script
from shop_orders import PLACE

from deploy.kafka import version
from deploy.processes import free_port
from schemas.topics import CLAIMS
from streams.keys import generate
from streams.settings import load

SECONDS, RATE = float(os.environ.get("ONHAND_SECONDS", "20")), float(os.environ.get("ONHAND_RATE", "200"))
CONNECTIONS, SKUS, REQUESTS, PARTITIONS, DRAIN = 32, 1_000, 2_000, 4, 1_200.0
CONFIG = """
data = "{data}"
[kafka]
address = "{kafka}"
prefix = "{prefix}"
partitions = {partitions}
[postgres]
address = "{dsn}"
[serve]
port = 0
[locations.{place}]
[channels.web]
platform = "shopify"
shop = "web.myshopify.com"
sandbox = "played by the bench"
sandbox_port = {port}
poll_every = 0
reconcile_every = 0
[channels.web.rules]
publish = "locations"
ships_from = "{place}"
shadow = true
"""
Found = dict[str, dict[str, float]]


@pytest.fixture
def config(tmp_path, kafka, dsn, prefix) -> Path:
    file = tmp_path / "onhand.toml"
    where = {"data": tmp_path, "kafka": kafka, "prefix": prefix, "partitions": PARTITIONS, "dsn": dsn}
    file.write_text(CONFIG.format(**where, place=PLACE, port=free_port()), encoding="utf-8")
    generate(load(file).data)
    return file


@pytest.fixture
def platform(config) -> Iterator[Script]:
    """The shop, which is asked for its catalogue."""
    port = load(config).channels["web"].sandbox_port
    script = Script("latency_platforms.py", SKUS, "web", port, "other", free_port())
    try:
        yield script
    finally:
        script.end()


@contextmanager
def server(script: str) -> Iterator[tuple[int, int]]:
    """A server's port and process."""
    command = [sys.executable, str(HERE / script)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1]
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid


def loaded(run, port: int, pid: int) -> Found:
    """What a server does at most, and how soon it answers when it need not."""
    found: Found = {}
    for how, number in (("full", CONNECTIONS), ("open", RATE)):
        before = cpu(pid)
        arguments = map(str, (port, SKUS, REQUESTS, how, number, SECONDS))
        found[how] = run("intake_load.py", *arguments, within=SECONDS * 4 + 240)
        found[how]["server"] = cpu(pid) - before
    return found


async def test_intake(config, platform, kafka, dsn, prefix, run):
    found: dict[str, Found] = {}
    await platform.says("ready")
    for name, script in (
        ("a server that does nothing", "http_canned.py"),
        ("bare FastAPI", "intake_bare.py"),
    ):
        with server(script) as (port, pid):
            found[name] = await asyncio.to_thread(loaded, run, port, pid)
    async with watching(kafka, dsn, prefix, PARTITIONS) as progress, running(config, "serve") as [hub]:
        assert hub.process is not None
        await asyncio.to_thread(run, "intake_load.py", str(port_of(hub)), str(SKUS), "50", "open", "50", "1")
        before = await progress.ends(CLAIMS)
        found["onhand serve"] = await asyncio.to_thread(loaded, run, port_of(hub), hub.process.pid)
        taken = await progress.ends(CLAIMS) - before
        answered = sum(its["answers"] - its["refused"] for its in found["onhand serve"].values())
        show(found)
        assert taken >= answered > 0
        async with running(config, "worker"):
            await progress.settled(DRAIN)
            report = await asyncio.to_thread(onhand, config, "verify", "--wait", "120")
    assert report["ok"], report["differences"][:5]


def show(found: dict[str, Found]) -> None:
    table = Table(
        title=f"signed order webhooks, {CONNECTIONS} connections, {SECONDS:g} s each; Kafka {version()}, {os.cpu_count()} cores",
        caption=f"requests a second at saturation; ms from its answer's request, or from the moment it was due ({RATE:g} a second);"
        " CPU ms of the server for each request; generator and Kafka share the cores",
    )
    for name in (
        "server",
        "requests/s",
        "refused",
        "p50 / p99",
        "CPU ms",
        "generator's",
        f"at {RATE:g}/s: p50 / p99 / p99.9",
    ):
        table.add_column(name, justify="left" if name == "server" else "right")
    for name, its in found.items():
        full, fixed = its["full"], its["open"]
        numbers = f"{full['answers'] / full['seconds']:,.0f}", f"{full['refused'] + fixed['refused']:,.0f}"
        asked = full["answers"] * (1 + WARM_UP)
        costs = (f"{full[whose] / asked * 1_000:.2f}" for whose in ("server", "cpu"))
        late = " / ".join(f"{fixed[percent]:.1f}" for percent in ("p50", "p99", "p99.9"))
        table.add_row(name, *numbers, f"{full['p50']:.1f} / {full['p99']:.1f}", *costs, late)
    rates = {name: its["full"]["answers"] / its["full"]["seconds"] for name, its in found.items()}
    ratio = rates["onhand serve"] / rates["bare FastAPI"]
    console = Console(width=130)
    console.print(table)
    console.print(f"onhand serve takes {ratio:.2f} of what the bare endpoint answers", highlight=False)
