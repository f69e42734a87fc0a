"""`/why`: the lines that sum to a channel's number, each with what stands behind it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.explain import explain

MOVEMENT = re.compile(r"movement:(\S+) (.+?)(?: ([a-z0-9_-]+/\S.*))?")


def behind(line: dict[str, Any]) -> dict[str, Any]:
    """A line of explain with what it leads to: the movement and its transaction, where there is one."""
    found = MOVEMENT.fullmatch(line["ref"])
    movement, transaction = (found[1], found[2]) if found else (line.get("movement"), line.get("transaction"))
    return {
        "label": line["label"],
        "amount": line["amount"],
        "ref": line["ref"],
        "ambiguous": line.get("ambiguous", False),
        "movement": movement,
        "transaction": transaction,
        "document": found[3] if found else line.get("document"),
        "rule": line["ref"].partition(":")[2] if line["ref"].startswith("rule:") else None,
    }


def why_pages(house: House) -> APIRouter:
    """`/why`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)

    @router.get("/why")
    async def why(
        request: Request,
        sku: Annotated[str, Query(max_length=255)] = "",
        channel: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """Why a channel shows its number of a SKU."""
        rules, sku = house.rules(), sku.strip()
        asked: dict[str, Any] = {
            "sku": sku,
            "channel": channel,
            "channels": list(rules.channels),
            "told": None,
            "seen": "",
        }
        if not sku:
            return house.page(request, "why.html", **asked)
        channel = channel or next(iter(rules.channels), "")
        if channel not in rules.channels:
            raise NotShown(404, "Unknown channel", f"channels are: {', '.join(rules.channels)}")
        asked["seen"] = await house.version(sku)
        told = await explain(house.reading, sku, channel, rules, skews=house.skews())
        lines = [behind(line) for line in told["lines"]]
        return house.page(
            request,
            "why.html",
            **asked | {"channel": channel, "told": told},
            lines=lines,
            total=sum(line["amount"] for line in lines),
            rules=rules,
            receipts=await house.reading.receipts(sku, channel, 10),
        )

    return router
