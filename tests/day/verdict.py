"""The end of the day: one poll of every channel, and then everybody is asked."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from comparing import ledger
from retail import PLACES, SEATS
from running import Hub

if TYPE_CHECKING:
    from playing import Day

SHARING = "flows that share their SKUs"
"""What a difference is put down to, where several flows move its SKU."""

SETTLES_WITHIN = 240.0
SHOWN_WITHIN = 20.0

TRIES_MAX = 20
"""How often one poll is made again."""


async def judged(day: Day, hub: Hub) -> dict[str, Any]:
    """One poll of every channel; then what everybody says, once all is settled."""
    queries, verifier = hub.queries, hub.verifier
    for channel in SEATS:
        polled = await _polled(day, hub, channel)
        day.say(f"poll {channel}: {polled} documents")
    late = await verifier.settled(SETTLES_WITHIN)
    day.say("settled" if late is None else f"not settled: {late}")
    shown = await hub.shown(day.oracle, day.all_skus, SHOWN_WITHIN)
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
            for name, one in hub.sandboxes.items()
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


async def _polled(day: Day, hub: Hub, channel: str) -> int:
    """One poll. If it is asked to wait, because the polls of the day have used a limit up, it is made again after that."""
    for _ in range(TRIES_MAX):
        try:
            return int((await hub.onhand("poll", channel))["documents"])
        except RuntimeError as error:
            said = str(error).strip().splitlines()[-1][:150]
            day.say(said)
            wait = re.search(r"asks to wait (\d+) s", said)
            await asyncio.sleep(float(wait[1]) + 1.0 if wait else 5.0)
    raise RuntimeError(f"{channel} cannot be polled")
