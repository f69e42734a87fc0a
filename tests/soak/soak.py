"""An installation under load for long: does it hold no more after half an hour than after ten minutes? `make soak` (MINUTES=30 RATE=400).

`onhand up` on embedded engines, its tables in RocksDB, with two Shopify shops as sandboxes: one sells, in signed webhooks of two lines at
fixed moments, both are told the numbers. First the rate is raised until the hub does not keep up; then half of what it kept up with is
sent for MINUTES, the first third of which is warm-up: caches, buffers and heaps fill up to their bounds. Measured every few seconds are
memory (what processes share is divided among them) and open descriptors of every part, and four times a second how many seconds behind the
log PostgreSQL is: the age of the newest movement there, of the partition that is furthest behind. Descriptors of files with data do not
count: log segments and RocksDB's tables are as many as there are data. Runs of less than a quarter of an hour say how memory grows and promise
nothing of it. It ends with `onhand verify`.

What came of it is printed, and written to `results/MINUTES-minutes.json`; the exit code is 1 where a limit of `measuring` does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "bench"), str(ROOT)]

import psycopg  # noqa: E402  # after the path, as those below
from footprint import command, descendants, proportional  # noqa: E402
from http_load import Load  # noqa: E402
from measuring import Sample, at, broken, drift, percent_a_minute  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from shop_orders import OPENING, PLACE, Orders, sku  # noqa: E402

from deploy.engines import remove, running  # noqa: E402
from deploy.kafka import version  # noqa: E402
from deploy.processes import free_port  # noqa: E402

EVERY, LAG_EVERY = 5.0, 0.25
CONNECTIONS, PARTITIONS, WITHIN = 128, 4, 300.0
WARM_UP = 1 / 3
STEPS, STEP_SECONDS, KEPT_UP = range(100, 2_001, 100), 10.0, 0.8
"""The rates that are tried, for how long, and the lag in seconds (p90) up to which the hub keeps up with one."""

MINUTE, LAGS_A_MINUTE = int(60 / EVERY), int(60 / LAG_EVERY)
WARM_FROM = 15.0
"""Minutes from which on memory is judged: a third of a shorter run is not enough to fill caches, buffers and heaps up to their bounds."""

DOUBLES = "up, with both sandboxes"
"""This part's growth is said, and nothing is promised: the platforms' doubles remember all that they were told."""

PARTS = {
    "Kafka": r"kafka\.Kafka|server\.properties",
    "PostgreSQL": r"postgres",
    "worker": r"streams\.cli worker",
    "serve": r"streams\.cli serve",
    DOUBLES: r"streams\.cli up",
}
CONFIG = """
data = ".onhand"
[worker]
store = "rocksdict"
[serve]
port = {port}
[locations.{place}]
"""
CHANNEL = """
[channels.{name}]
platform = "shopify"
shop = "{name}.myshopify.com"
sandbox = "{name}.csv"
sandbox_port = {port}
poll_every = 0
reconcile_every = 0
[channels.{name}.rules]
publish = "locations"
ships_from = "{place}"
"""
NEWEST = "SELECT extract(epoch FROM recorded_at) FROM movements WHERE partition = %s ORDER BY log_offset DESC LIMIT 1"
console = Console(width=130)


class Up:
    """`onhand up` in a folder of its own."""

    def __init__(self, data: Path, skus: int) -> None:
        self.config, self.port = data / "onhand.toml", free_port()
        text = CONFIG.format(port=self.port, place=PLACE)
        for name in ("web", "other"):
            text += CHANNEL.format(name=name, port=free_port(), place=PLACE)
            rows = "".join(f"{sku(number)},{PLACE},{OPENING}\n" for number in range(skus))
            (data / f"{name}.csv").write_text(f"sku,location,quantity\n{rows}", encoding="utf-8")
        self.config.write_text(text, encoding="utf-8")
        with (data / "up.log").open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "up", "--config", str(self.config)],
                cwd=ROOT,
                stderr=said,
            )

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError((self.config.parent / "up.log").read_text(errors="replace")[-2_000:])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def onhand(self, *arguments: str) -> Any:
        asked = [sys.executable, "-m", "streams.cli", *arguments, "--config", str(self.config), "--json"]
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
        if not done.stdout:
            raise RuntimeError(f"onhand {' '.join(arguments)}: {done.stderr[-2_000:]}")
        return json.loads(done.stdout)

    @property
    def dsn(self) -> str:
        found = running(self.config.parent / ".onhand" / "engines")
        assert found is not None
        assert found.dsn is not None
        return found.dsn

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


@contextlib.contextmanager
def installed(skus: int) -> Iterator[Up]:
    """An installation, until it is not needed any more."""
    data = Path(tempfile.mkdtemp(prefix="onhand-soak-"))
    data.chmod(0o755)
    up = Up(data, skus)
    try:
        yield up
    finally:
        up.stop()
        remove(data / ".onhand" / "engines")
        shutil.rmtree(data, ignore_errors=True)


class Soak:
    """Sends, looks, and keeps what it saw."""

    def __init__(self, up: Up, skus: int) -> None:
        self.up, self.orders = up, Orders("web", skus)
        self.statuses: Counter[int] = Counter()
        self.lags: deque[float] = deque()
        self.parts: dict[str, list[Sample]] = {}
        self._began = time.monotonic()

    async def send(self, rate: float, seconds: float) -> None:
        """Sends so many orders a second at fixed moments, and waits for the answers."""
        left, sent, began = 0, 0, time.perf_counter() + 0.05
        load = Load(self.up.port, CONNECTIONS, lambda _n, status, _at: answered(status))

        def answered(status: int) -> None:
            nonlocal left
            self.statuses[status] += 1
            left -= 1

        await load.start()
        while sent < rate * seconds:
            while sent < rate * seconds and began + sent / rate <= time.perf_counter():
                left, sent = left + 1, sent + 1
                load.ask(sent, self.orders.next()[1])
            await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                while left:
                    await asyncio.sleep(0.05)
        self.statuses[0] += left
        load.stop()

    async def follow(self) -> None:
        """Looks how old the newest movement in PostgreSQL is, for ever; it is as old as the pause where nothing is sold."""
        async with await psycopg.AsyncConnection.connect(self.up.dsn, autocommit=True) as connection:
            while True:
                rows = [
                    await (await connection.execute(NEWEST, [part])).fetchone() for part in range(PARTITIONS)
                ]
                now = time.time()
                self.lags.append(max((now - float(row[0]) for row in rows if row), default=math.inf))
                await asyncio.sleep(LAG_EVERY)

    async def watch(self) -> None:
        """Looks what every part holds, for ever."""
        while True:
            held = await asyncio.to_thread(footprints, self.up.process.pid)
            for part, (memory, descriptors) in held.items():
                seen = Sample(time.monotonic() - self._began, memory, descriptors)
                self.parts.setdefault(part, []).append(seen)
            await asyncio.sleep(EVERY)

    async def most(self) -> float:
        """The highest of the rates that the hub keeps up with; they are tried one after the other, each when all is through."""
        kept = 0.0
        for rate in STEPS:
            self.lags.clear()
            refused = self.statuses.total() - self.statuses[200]
            await self.send(rate, STEP_SECONDS)
            late = at(list(self.lags)[len(self.lags) // 3 :], 90)
            console.print(f"{rate} a second: {late:.2f} s behind (p90)", highlight=False)
            if late > KEPT_UP or self.statuses.total() - self.statuses[200] > refused:
                break
            kept = float(rate)
            await self.through()
        await self.through()
        return kept

    async def through(self) -> None:
        """Waits until nothing is under way: what is newest becomes older, by as much as time goes by."""
        known, since = 0.0, time.monotonic()
        while time.monotonic() - since < 1.5:
            await asyncio.sleep(2 * LAG_EVERY)
            newest = time.time() - self.lags[-1]
            if abs(newest - known) > LAG_EVERY:
                known, since = newest, time.monotonic()


def footprints(pid: int) -> dict[str, tuple[int, int]]:
    """Memory and descriptors of the parts of a process and its descendants."""
    held: dict[str, tuple[int, int]] = {}
    for one in descendants(pid):
        line = command(one)
        if "guardian.py" in line or not line:
            continue
        part = next((name for name, words in PARTS.items() if re.search(words, line)), "others")
        memory, descriptors = held.get(part, (0, 0))
        held[part] = memory + proportional(one)[0], descriptors + opened(one)
    held.pop("others", None)  # what a part has just begun to become
    return held


def opened(pid: int) -> int:
    """Open descriptors, but of files with data."""
    count = 0
    with contextlib.suppress(OSError):  # it ends just now
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                there = str(entry.readlink())
                count += not there.startswith("/") or there.startswith("/dev/")
    return count


def machine() -> dict[str, Any]:
    """What it ran on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "kafka": version(),
    }


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


async def soak(up: Up, minutes: float, rate: float | None, skus: int) -> dict[str, Any]:
    """All of it, and what came of it."""
    async with asyncio.timeout(WITHIN):
        while not await asyncio.to_thread(up.ready):
            await asyncio.sleep(0.2)
    await asyncio.to_thread(up.onhand, "import", "web")
    soaking = Soak(up, skus)
    gc.freeze()
    following = asyncio.create_task(soaking.follow())
    try:
        await told(up, skus)
        await soaking.send(50, 5)
        most = None if rate else await soaking.most()
        rate = rate or max(1.0, (most or 0) / 2)
        console.print(f"{rate:g} documents a second for {minutes:g} minutes", highlight=False)
        soaking.statuses.clear()
        watching = asyncio.create_task(soaking.watch())
        try:
            sending = asyncio.create_task(soaking.send(rate, minutes * 60))
            await asyncio.sleep(minutes * 60 * WARM_UP)
            soaking.lags.clear()
            for samples in soaking.parts.values():
                del samples[:-1]
            await asyncio.wait([sending, following, watching], return_when=asyncio.FIRST_COMPLETED)
            for task in (following, watching):
                if task.done():
                    task.result()
            await sending
        finally:
            watching.cancel()
        lags = list(soaking.lags)
    finally:
        following.cancel()
    verdict = await asyncio.to_thread(up.onhand, "verify", "--wait", "120")
    return report(soaking, lags, verdict, {"minutes": minutes, "rate": rate, "most": most, "skus": skus})


async def told(up: Up, skus: int) -> None:
    """Waits until the other shop is known to show the opening stock of every SKU."""
    async with await psycopg.AsyncConnection.connect(up.dsn, autocommit=True) as connection:
        async with asyncio.timeout(WITHIN):
            while True:
                found = await connection.execute("SELECT count(*) FROM told WHERE channel = 'other' AND sure")
                if await found.fetchone() == (skus,):
                    return
                await asyncio.sleep(0.5)


def report(soaking: Soak, lags: list[float], verdict: Any, how: dict[str, Any]) -> dict[str, Any]:
    statuses = {status: count for status, count in soaking.statuses.items() if count}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "machine": machine(),
        **how,
        "documents": sum(statuses.values()),
        "statuses": {str(status): count for status, count in statuses.items()},
        "parts": {
            part: {
                "samples": len(samples),
                "memory_mb": [round(one.memory / 2**20, 1) for one in (*samples[:-1:MINUTE], samples[-1])],
                "percent_a_minute": round(percent_a_minute(samples), 3),
                "descriptors": [samples[0].descriptors, samples[-1].descriptors],
                "descriptors_more": drift(samples),
            }
            for part, samples in soaking.parts.items()
        },
        "lag_seconds": {f"p{p:g}": round(at(lags, p), 3) for p in (50, 99, 100)},
        "worst_lag_of_each_minute": [
            round(max(lags[start : start + LAGS_A_MINUTE]), 2) for start in range(0, len(lags), LAGS_A_MINUTE)
        ],
        "verify": {"ok": verdict["ok"], "keys": verdict["keys"]},
        "broken": broken(
            {part: samples for part, samples in soaking.parts.items() if part != DOUBLES},
            *(lags, statuses, verdict["ok"]),
            warm=how["minutes"] >= WARM_FROM,
        ),
    }


def show(found: dict[str, Any]) -> None:
    lag = ", ".join(f"{name} {seconds:g}" for name, seconds in found["lag_seconds"].items())
    table = Table(
        title=f"{found['rate']:g} documents a second for {found['minutes']:g} minutes: {found['documents']:,} with two lines each",
        caption=f"after a third for warm-up; memory is judged from {WARM_FROM:g} minutes on; lag in seconds: {lag}; verify: {found['verify']}",
    )
    for name in ("part", "MB at first", "MB at last", "% a minute", "descriptors", "more of them"):
        table.add_column(name, justify="left" if name == "part" else "right")
    for name, part in found["parts"].items():
        first, *_, last = part["memory_mb"]
        table.add_row(
            *(name, f"{first:,.0f}", f"{last:,.0f}", f"{part['percent_a_minute']:.2f}"),
            *(str(part["descriptors"][-1]), f"{part['descriptors_more']:+g}"),
        )
    console.print(table)
    for line in found["broken"]:
        console.print(f"broken: {line}", style="red", highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=None, help="documents a second; else half of the most")
    parser.add_argument("--skus", type=int, default=10_000)
    asked = parser.parse_args()
    with installed(asked.skus) as up:
        found = asyncio.run(soak(up, asked.minutes, asked.rate, asked.skus))
    file = HERE / "results" / f"{asked.minutes:g}-minutes.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
