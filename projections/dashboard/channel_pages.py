"""`/channels`: how each platform takes our numbers. `/drift`: what platforms show beside what they should."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.house import House, guarded

LATELY = timedelta(minutes=5)
"""What `told lately` means on the page of channels."""

DRIFT_MAX = 100
"""Differences on a page, the largest."""

NONE = {"skus": 0, "units": 0, "told": 0, "waiting": None, "failing_since": None, "reason": None}
NO_CELLS = {"cells": 0, "last_at": None, "unsure": 0, "refused": 0, "lately": 0}


def channel_pages(house: House) -> APIRouter:
    """`/channels` and `/drift`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)
    reading = house.reading

    @router.get("/channels")
    async def channels(request: Request) -> Response:
        """How each channel gets on."""
        marks = await reading.marks()
        counted = {row["channel"]: row for row in await reading.channels()}
        told = await reading.told_cells(house.clock() - LATELY)
        shown = [
            {"channel": name, **NONE, **counted.get(name, {}), **NO_CELLS, **told.get(name, {}), "rules": its}
            for name, its in house.rules().channels.items()
        ]
        return house.page(
            request, "channels.html", channels=shown, marks=marks, lately=LATELY.total_seconds()
        )

    @router.get("/drift")
    async def drift(request: Request, channel: str = "", everything: bool = False) -> Response:
        """Observations beside what is believed, and hand edits."""
        rules = house.rules()
        marks = await reading.marks()
        asked = {name: its for name, its in rules.channels.items() if channel in ("", name)}
        rows = await reading.largest_drift(asked, everything=everything, limit=DRIFT_MAX + 1)
        return house.page(
            request,
            "drift.html",
            rows=rows[:DRIFT_MAX],
            more=len(rows) > DRIFT_MAX,
            channel=channel,
            everything=everything,
            channels=list(rules.channels),
            edits=await reading.edits(),
            marks=marks,
        )

    return router
