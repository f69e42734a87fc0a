"""Kills, stops and starves a hub on real engines under load, and counts what was lost or doubled: `make chaos`.

Every run has engines of its own, one hub, and a day of documents, some told twice and some told late. Strikes fall while
they are played. In the end every cell is compared with what the documents add up to by themselves, in PostgreSQL and in
the fold that `verify` makes of the log, and `verify` must find nothing.

`-k 'worker and memory'` runs those whose name has all the words. From the environment: `ONHAND_DOCUMENTS` (100000),
`ONHAND_STRIKES` (1.0: the part of the strikes that is made), `ONHAND_SEED` (1), `ONHAND_CHAOS_JSON` (a file for the rows).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hub import Hub
from judging import judged
from load import Day
from rich.console import Console
from rich.table import Table
from scenarios import RUNS, Run
from starting import hub_of

from schemas.claims import Claim
from streams.stages import Naming, claim_out
from streams.writer import NotWritten, Writer

RECOVERY_MAX = 30.0
GIVEN_UP = 3_600.0
"""Seconds after which a run that does not come to its end is bad."""
BATCH = 50
LAG_MAX = 4_000
"""Records that may be under way; then the platforms wait. It keeps the load as fast as the hub, and the log never far
ahead of the strikes."""

console = Console(width=140)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a run. `lost` and `doubled` are units that were moved too little or too much, in all cells; `slowest` is the
    longest time from a strike until all that the log held then had come through, in seconds.
    """

    scenario: str
    store: str
    delay: str
    documents: int
    strikes: int
    lost: int
    doubled: int
    verify: str
    slowest: float
    seconds: float
    good: bool

    @classmethod
    def failed(cls, run: Run, why: str, seconds: float) -> Row:
        """A run that did not come to its end."""
        none = dict.fromkeys(("documents", "strikes", "lost", "doubled"), 0)
        return cls(
            scenario=run.scenario.name,
            store=run.store,
            delay=run.delay,
            verify=why,
            slowest=0.0,
            seconds=round(seconds, 1),
            good=False,
            **none,
        )


class Play:
    """The platforms, telling their day; it goes no further than `limit` documents."""

    def __init__(self, hub: Hub, writer: Writer) -> None:
        self.hub, self.writer = hub, writer
        self.sent = 0
        self.limit = sys.maxsize

    async def tell(self, claims: Sequence[Claim]) -> None:
        for start in range(0, len(claims), BATCH):
            while start > self.limit or self.hub.lag.position is None or self.hub.lag.position.lag > LAG_MAX:
                await asyncio.sleep(0.05)
            outs = [claim_out(Naming(), claim) for claim in claims[start : start + BATCH]]
            while True:
                try:
                    await self.writer.write(outs)
                except NotWritten:  # part of it may be in the log; a platform tells it again
                    await asyncio.sleep(0.5)
                else:
                    break
            self.sent = start + len(outs)


async def strike_all(hub: Hub, groups: Sequence[Sequence[str]], play: Play, documents: int) -> None:
    """Makes every group's strikes at a moment of chance in its part of the day."""
    for number, group in enumerate(groups):
        play.limit = documents * (number + 1) // len(groups)
        moment = documents * (number + hub.chance.uniform(0.1, 0.9)) / len(groups)
        while play.sent < moment - BATCH:
            await asyncio.sleep(0.02)
        await asyncio.gather(
            *(_after(hub.chance.uniform(0, 4) * (at > 0), hub, what) for at, what in enumerate(group))
        )
        await hub.lag.recovered()
    play.limit = sys.maxsize


async def _after(seconds: float, hub: Hub, what: str) -> None:
    await asyncio.sleep(seconds)
    await hub.strike(what)


async def played(run: Run, documents: int, strikes: float, seed: int, kept: list[Path]) -> Row:
    """One run, from empty engines to the verdict."""
    chance, began = random.Random(f"{run.name}/{seed}"), time.monotonic()
    fewer = {what: max(1, round(times * strikes)) for what, times in run.scenario.strikes.items()}
    groups = replace(run.scenario, strikes=fewer).groups(chance)
    day = Day(round(documents * run.scenario.share), seed)
    async with hub_of(run, chance.randrange(1 << 30), kept) as hub:
        writer = Writer(hub.engines.bootstrap, hub.settings.kafka.partitions)
        await writer.start()
        try:
            play = Play(hub, writer)
            async with asyncio.timeout(GIVEN_UP):
                await play.tell(list(day.openings()))
                await hub.lag.through()
                play.sent = 0
                await asyncio.gather(play.tell(day.sent), strike_all(hub, groups, play, len(day.sent)))
        finally:
            await writer.stop()
        verdict, lost, doubled = await judged(hub, day.balances())
        slowest = max(hub.lag.recoveries)
        row = Row(
            scenario=run.scenario.name,
            store=run.store,
            delay=run.delay,
            documents=day.documents,
            strikes=hub.strikes,
            lost=lost,
            doubled=doubled,
            verify=verdict,
            slowest=round(slowest, 1),
            seconds=round(time.monotonic() - began, 1),
            good=lost == doubled == 0 and verdict.startswith("ok") and slowest <= RECOVERY_MAX,
        )
        if not row.good:
            kept.append(hub.data)
    return row


def table_of(rows: Iterable[Row]) -> Table:
    """One line for each run; a bad one is red."""
    table = Table(title="Chaos on the real engines")
    for name, kind in Row.__annotations__.items():
        if name != "good":
            table.add_column(name, justify="left" if kind == "str" else "right")
    for row in rows:
        *cells, good = asdict(row).values()
        table.add_row(*map(str, cells), style=None if good else "red")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-k", default="", help="words that a run's name must have, joined by `and`")
    words = [word.strip() for word in parser.parse_args().k.split(" and ")]
    documents = int(os.environ.get("ONHAND_DOCUMENTS", "100000"))
    strikes, seed = float(os.environ.get("ONHAND_STRIKES", "1")), int(os.environ.get("ONHAND_SEED", "1"))
    logging.disable()  # of the clients here: that the broker is away is no news
    rows: list[Row] = []
    for run in (run for run in RUNS if all(word in run.name for word in words)):
        kept: list[Path] = []
        began = time.monotonic()
        try:
            row = asyncio.run(played(run, documents, strikes, seed, kept))
        except Exception as error:  # noqa: BLE001  # the other runs go on; this one is bad
            traceback.print_exc()
            row = Row.failed(run, f"{type(error).__name__}: {error}", time.monotonic() - began)
        rows.append(row)
        console.print(f"{run.name}: {'good' if row.good else 'BAD'}, {row.seconds} s", *kept, highlight=False)
        if file := os.environ.get("ONHAND_CHAOS_JSON"):
            Path(file).write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    console.print(table_of(rows))
    return 0 if rows and all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
