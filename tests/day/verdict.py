"""The end of the day: one poll of every channel, and then everybody is asked."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from comparing import ledger, platforms
from retail import PLACES, SEATS

from projections.queries import Queries
from streams.reader import Reader
from streams.settings import Settings
from streams.stages import Naming
from streams.verify import Verifier

if TYPE_CHECKING:
    from playing import Day

SHARING = "flows that share their SKUs"
"""What a difference is put down to, where several flows move its SKU."""

SETTLES_WITHIN = 240.0

TRIES_MAX = 20
"""How often one poll is made again."""


async def judged(
    day: Day, settings: Settings, sandboxes: Mapping[str, Any], reader: Reader, queries: Queries
) -> dict[str, Any]:
    """One poll of every channel; then what everybody says, once all is settled."""
    verifier = _verifier(settings, reader, queries)
    for channel in SEATS:
        polled = await _polled(day, channel)
        day.say(f"poll {channel}: {polled} documents")
    late = await verifier.settled(SETTLES_WITHIN)
    day.say("settled" if late is None else f"not settled: {late}")
    for _ in range(40):
        shown = list(platforms(day.oracle, sandboxes, day.all_skus))
        if not shown:
            break
        await asyncio.sleep(0.5)
    report = await verifier.run()
    written = list(ledger(day.oracle, [stock async for stock in queries.all_stock()]))
    movements = {
        f"{one.sku}/{one.place}": {
            "movements": (await queries.movements(sku=one.sku, location=one.place, limit=500)).items,
            "diary": day.oracle.diary[one.sku, one.place],
        }
        for one in written[:5]
    }
    letters = (await queries.dead_letters(limit=100)).items
    return {
        "transactions": day.transactions,
        "seed": day.seed,
        "played": dict(day.played.most_common()),
        "failed": {name: [times, day.why[name]] for name, times in day.failed.items()},
        "webhooks": {
            name: [one.emitter.sent, one.emitter.swallowed, one.emitter.repeated, one.emitter.refused]
            for name, one in sandboxes.items()
        },
        "limits": {name: asdict(watch) for name, watch in day.watches.items()},
        "late": late,
        "verify": report.as_json(),
        "dead_letters": [f"{one['channel']} {one['topic']} {one['ref']}: {one['reason']}" for one in letters],
        "differences": [
            {**one._asdict(), "flow": day.flow_of.get(one.sku, SHARING)} for one in (*written, *shown)
        ],
        "written": movements,
        "cells": len(day.all_skus) * len(PLACES),
        "seconds": round(time.monotonic() - day.began, 1),
    }


async def _polled(day: Day, channel: str) -> int:
    """One poll. If it is asked to wait, because the polls of the day have used a limit up, it is made again after that."""
    for _ in range(TRIES_MAX):
        try:
            return int((await day.onhand("poll", channel))["documents"])
        except RuntimeError as error:
            said = str(error).strip().splitlines()[-1][:150]
            day.say(said)
            wait = re.search(r"asks to wait (\d+) s", said)
            await asyncio.sleep(float(wait[1]) + 1.0 if wait else 5.0)
    raise RuntimeError(f"{channel} cannot be polled")


def _verifier(settings: Settings, reader: Reader, queries: Queries) -> Verifier:
    return Verifier(
        reader=reader,
        queries=queries,
        naming=Naming(settings.kafka.prefix),
        partitions=settings.kafka.partitions,
        rules=settings.rules,
        authority=settings.witnesses,
        group=f"{settings.kafka.prefix}onhand",
        tells={name: settings.connector(name).tells for name in settings.channels},
    )
