"""How many real sale documents a worker settles, posts and publishes: `make bench-pipeline` (ONHAND_DOCUMENTS=100000 ONHAND_PROFILE=1).

`onhand serve` and `onhand worker` run as `onhand up` runs them, all stages, laws and crash order on. The opening stock goes through first.
Then the worker is stopped, the documents are written into `claims`, and it is started again, to the last record that it writes. What a start
takes that finds nothing to do is measured just before, and taken off. Both channels are in shadow: numbers are published, and no platform is called. Beside it
stands what reading the same claims costs that does nothing with them. It ends with `onhand verify`.

With ONHAND_PROFILE=1 the worker is sampled, which makes it a little slower, and where its time went is printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest
from footprint import cpu
from installed import ROOT, Progress, onhand, running, watching
from pipeline_claims import day_of, documents, openings
from rich.console import Console
from rich.table import Table

from deploy.kafka import version
from schemas.claims import Claim
from schemas.topics import CHANNEL_QUANTITIES, CLAIMS, MOVEMENTS, STOCK
from streams.keys import generate
from streams.reader import Reader
from streams.settings import load
from streams.stages import Naming, claim_out
from streams.writer import Writer

DOCUMENTS = int(os.environ.get("ONHAND_DOCUMENTS", "100000"))
PROFILE = os.environ.get("ONHAND_PROFILE") == "1"
PARTITIONS, AT_ONCE, WITHIN, AMBITION = 4, 1_000, 1_800.0, 20_000
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
[channels.tills]
platform = "rlm"
folder = "{data}/tills"
poll_every = 0
reconcile_every = 0
[channels.tills.rules]
publish = "locations"
shadow = true
[channels.web]
platform = "rlm"
folder = "{data}/web"
poll_every = 0
reconcile_every = 0
[channels.web.rules]
publish = "network"
shadow = true
"""
console = Console(width=130)


async def write(kafka: str, naming: Naming, claims: Iterable[Claim]) -> tuple[int, int]:
    """Writes claims as the intake does. How many they are, and how many lines they have."""
    writer, count, lines = Writer(kafka, PARTITIONS, timeout=120.0), 0, 0
    await writer.start()
    claims = iter(claims)
    try:
        while some := list(islice(claims, AT_ONCE)):
            await writer.write(claim_out(naming, claim) for claim in some)
            count += len(some)
            lines += sum(len(document.lines) for claim in some for document in claim.documents)
    finally:
        await writer.stop()
    return count, lines


class Start(NamedTuple):
    """Seconds and seconds of CPU from a worker's start until it was ready."""

    seconds: float
    cpu: float


@asynccontextmanager
async def worker(config: Path, profile: Path | None) -> AsyncIterator[tuple[Process, Start]]:
    """A worker that has just said that it is ready, and what that took."""
    arguments = ["worker", "--config", str(config)]
    command = ["-m", "streams.cli", *arguments]
    if profile is not None:
        command = [str(Path(__file__).with_name("pipeline_profiled.py")), str(profile), *arguments]
    began = time.time()
    with (config.parent / "worker.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT
        )
    assert process.stdout is not None
    try:
        said = await asyncio.wait_for(process.stdout.readline(), 300)
        assert said.startswith(b"ready"), (config.parent / "worker.log").read_text()[-2_000:]
        if profile is not None:
            process.send_signal(signal.SIGUSR1)
        yield process, Start(time.time() - began, cpu(process.pid))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def last_written(reader: Reader, naming: Naming) -> float:
    """When the newest record came that the stages write, in seconds since the epoch."""
    newest = 0
    for topic in (MOVEMENTS, STOCK, CHANNEL_QUANTITIES):
        ends = await reader.ends(naming(topic), range(PARTITIONS))
        found = await reader.at(naming(topic), {p: end - 1 for p, end in ends.items() if end})
        newest = max(newest, *(record.timestamp for record in found.values()))
    return newest / 1_000


@pytest.fixture
def config(tmp_path, kafka, dsn, prefix) -> Path:
    file = tmp_path / "onhand.toml"
    where = {"data": tmp_path, "kafka": kafka, "prefix": prefix, "partitions": PARTITIONS, "dsn": dsn}
    file.write_text(CONFIG.format(**where), encoding="utf-8")
    for channel in ("web", "tills"):
        (tmp_path / channel).mkdir()
    return file


async def until_folded(process: Process, progress: Progress) -> None:
    began = time.monotonic()
    while left := await progress.unfolded():
        assert process.returncode is None, "the worker ended"
        assert time.monotonic() - began < WITHIN, f"{left} records were still to come"
        await asyncio.sleep(0.25)


async def test_pipeline(config, kafka, dsn, prefix, run, tmp_path):
    day, naming = day_of(DOCUMENTS), Naming(prefix)
    config.write_text(
        config.read_text() + "".join(f"[locations.{json.dumps(store)}]\n" for store in day.stores)
    )
    generate(load(config).data)
    profile = tmp_path / "profile.json" if PROFILE else None
    async with watching(kafka, dsn, prefix, PARTITIONS) as progress, running(config, "serve"):
        async with worker(config, None) as (process, _):
            await write(kafka, naming, openings(day))
            await until_folded(process, progress)
            await progress.settled(WITHIN)
        async with worker(config, None) as (_, start):
            pass
        moved = await progress.ends(MOVEMENTS)
        count, lines = await write(kafka, naming, documents(day))
        raw = await asyncio.to_thread(run, "replay_raw.py", kafka, naming(CLAIMS), str(PARTITIONS))
        began = time.time() + start.seconds
        async with worker(config, profile) as (process, _):
            await until_folded(process, progress)
            used = cpu(process.pid) - start.cpu
            seconds = await last_written(progress.reader, naming) - began
            moved = await progress.ends(MOVEMENTS) - moved
            await progress.settled(WITHIN)
        show(count, lines, moved, seconds, used, raw)
        if profile is not None:
            where_it_went(json.loads(profile.read_text()))
        found = await asyncio.to_thread(onhand, config, "verify", "--wait", "120", within=WITHIN)
        assert found["ok"], found["differences"][:5]
        console.print(f"verify: ok, {found['keys']:,} keys, {found['checks']}", highlight=False)


def show(count: int, lines: int, moved: int, seconds: float, used: float, raw: dict[str, float]) -> None:
    table = Table(
        title=f"{count:,} real sale documents of {lines:,} lines; {PARTITIONS} partitions, Kafka {version()}, {os.cpu_count()} cores,"
        f" Python {sys.version.split()[0]}",
        caption="the recorder (in the server), PostgreSQL and Kafka share the cores; CPU: the worker's alone",
    )
    for name in (
        "",
        "seconds",
        "CPU seconds",
        "documents/s",
        "documents per CPU second",
        "movements per CPU second",
    ):
        table.add_column(name, justify="left" if not name else "right")
    row = (
        f"{seconds:.1f}",
        f"{used:.1f}",
        f"{count / seconds:,.0f}",
        f"{count / used:,.0f}",
        f"{moved / used:,.0f}",
    )
    table.add_row("settle, ledger, publish", *row)
    rate = raw["records"] / raw["cpu"]
    row = (
        f"{raw['seconds']:.1f}",
        f"{raw['cpu']:.1f}",
        f"{raw['records'] / raw['seconds']:,.0f}",
        f"{rate:,.0f}",
        "-",
    )
    table.add_row("aiokafka, reading the claims", *row)
    console.print(table)
    verdict = "reached" if count / used >= AMBITION else "not reached"
    console.print(f"the ambition is {AMBITION:,} documents a second a core: {verdict}", highlight=False)


def where_it_went(found: dict[str, dict[str, int]]) -> None:
    """The five functions that were at work most, of our own and of libraries; and what was under way."""
    whole = sum(found["at_work"].values())
    table = Table(
        title=f"where the worker's CPU went: {whole:,} samples",
        caption="what is written in C is its caller's",
    )
    for name in ("%", "function"):
        table.add_column(name, justify="right" if name == "%" else "left")
    for kind, label in (("own", "our own code"), ("lib", "libraries")):
        its = {name: n for name, n in found["at_work"].items() if name.startswith(kind)}
        rows = [(label, sum(its.values())), *sorted(its.items(), key=lambda one: -one[1])[:5]]
        for name, samples in rows:
            table.add_row(f"{samples / whole * 100:.1f}", name.removeprefix(f"{kind} "))
        table.add_section()
    under_way = {
        name: n for name, n in found["on_the_stack"].items() if name.startswith("own ") and n < 0.9 * whole
    }
    for name, samples in sorted(under_way.items(), key=lambda one: -one[1])[:15]:
        table.add_row(f"{samples / whole * 100:.1f}", f"under way: {name.removeprefix('own ')}")
    console.print(table)
