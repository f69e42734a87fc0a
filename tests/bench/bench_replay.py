"""How fast history is sold again under other rules: `onhand replay --rules`, over a year of real sales, on one core: `make bench-replay`.

With fewer baskets (`ONHAND_BASKETS=2000`) it says how fast that was, and promises nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from itertools import islice
from pathlib import Path

from replay_lines import EVERY_BASKET, outs, year
from rich.console import Console
from rich.table import Table

from deploy.kafka import version
from schemas.topics import MOVEMENTS
from streams.stages import Naming
from streams.topics import create_topics
from streams.writer import Writer

PARTITIONS, AT_ONCE, ROUNDS = 4, 5_000, 2
MOST_SECONDS, LEAST_RATE = 60.0, 150_000
RULES = "[channels.web.rules]\nsafety_stock = 1\nthreshold = 2\n"
ROOT = Path(__file__).resolve().parents[2]


def configured(path: Path, kafka: str, dsn: str, prefix: str, stores: list[str]) -> Path:
    """An `onhand.toml` of these engines, with the stores, their tills and a web shop."""
    file = path / "onhand.toml"
    file.write_text(
        f'data = "{path}"\n[kafka]\naddress = "{kafka}"\npartitions = {PARTITIONS}\nprefix = "{prefix}"\n'
        f'[postgres]\naddress = "{dsn}"\n'
        '[channels.tills]\nplatform = "lightspeed_x"\ndomain_prefix = "bench"\n'
        '[channels.tills.rules]\npublish = "locations"\n'
        '[channels.web]\nplatform = "shopify"\nshop = "bench.myshopify.com"\n'
        + "\n".join(f"[locations.{store}]" for store in stores)
    )
    return file


async def replayed(config: Path, *arguments: str) -> tuple[dict, float, float]:
    """The command's report, its seconds, and its seconds of CPU, start of the interpreter included; it may use one core."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = ["taskset", "-c", "0", sys.executable, "-m", "streams.cli", "replay", "--config", str(config)]
    running = await asyncio.create_subprocess_exec(
        *command, *arguments, "--json", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    stdout, _ = await running.communicate()
    assert running.returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(stdout), time.perf_counter() - began, cpu


async def test_a_year_of_real_sales_under_other_rules(kafka, dsn, prefix, tmp_path, run):
    baskets = int(os.environ.get("ONHAND_BASKETS", EVERY_BASKET))
    facts, real = year(baskets)
    naming, writer = Naming(prefix), Writer(kafka, PARTITIONS)
    await create_topics(kafka, naming, PARTITIONS)
    await writer.start()
    made = outs(facts, naming(MOVEMENTS), PARTITIONS)
    while batch := list(islice(made, AT_ONCE)):
        await writer.write(batch)
    await writer.stop()
    stores = sorted({line[1] for fact in facts for line in fact.lines})
    del facts
    config = configured(tmp_path, kafka, dsn, prefix, stores)
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    raw = min(
        (run("replay_raw.py", kafka, naming(MOVEMENTS), str(PARTITIONS)) for _ in range(ROUNDS)),
        key=lambda one: one["cpu"],
    )
    rounds = [
        await replayed(config, "--rules", str(rules), "--chart", str(tmp_path / "chart.svg"))
        for _ in range(ROUNDS)
    ]
    found, seconds, cpu = min(rounds, key=lambda one: one[2])
    assert found["unreadable"] == 0
    assert found["movements"] == raw["records"] > real
    assert found["before"]["asked"] == found["after"]["asked"] > 0
    show(found, real, seconds, cpu, raw)
    if baskets == EVERY_BASKET:
        assert real > 1_400_000
        assert seconds < MOST_SECONDS
        assert found["movements"] / found["cpu_seconds"] >= LEAST_RATE


def show(found: dict, real: int, seconds: float, cpu: float, raw: dict[str, float]) -> None:
    count = found["movements"]
    table = Table(
        title=f"{count:,} movements ({real:,} real sale lines) of {found['skus']:,} SKUs; Kafka {version()},"
        f" {os.cpu_count()} cores, Python {sys.version.split()[0]}, best of {ROUNDS}",
        caption="the process from its start to its end; the replay from its first fetch to its figures; per core: for each second of CPU",
    )
    for name in ("", "seconds", "CPU seconds", "movements/s", "per core"):
        table.add_column(name, justify="left" if not name else "right")
    rows = {
        "onhand replay --rules, as a process": (seconds, cpu),
        "the replay in it": (found["seconds"], found["cpu_seconds"]),
        "aiokafka, reading alone": (raw["seconds"], raw["cpu"]),
    }
    for name, (took, used) in rows.items():
        table.add_row(name, f"{took:.1f}", f"{used:.1f}", f"{count / took:,.0f}", f"{count / used:,.0f}")
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{raw['cpu'] / found['cpu_seconds']:.2f} of the rate of reading alone; oversold {found['before']['oversold']} and"
        f" {found['after']['oversold']}, stranded {found['before']['stranded']} and {found['after']['stranded']}"
    )
