"""`/why`: the lines that sum to a channel's number, each with what stands behind it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.pages import place, spoken
from projections.explain import explain

MOVEMENT = re.compile(r"movement:(\S+) (.+?)(?: ([a-z0-9_-]+/\S.*))?")


WHAT = re.compile(r"((?:[^:]+: )?)(\w+) at (.+?), (\d{4}-\d\d-\d\dT[0-9:.+-]+)(.*)")
EARLIER = re.compile(r"((?:[^:]+: )?)(\d+) earlier movements at (.+)")


def in_short(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """The same sum in a few steps: what all movements at each place come to, and then each rule that counts."""
    places: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    rules: list[tuple[str, int]] = []
    for line in lines:
        if found := WHAT.fullmatch(line["label"]):
            where, many = found[1] + place(found[3]), 1
        elif found := EARLIER.fullmatch(line["label"]):
            where, many = found[1] + place(found[3]), int(found[2])
        else:
            rules += [(line["label"], line["amount"])] if line["amount"] else []
            continue
        places[where] += line["amount"]
        counted[where] += many
    moved = [
        (f"{name}, by {counted[name]} movement{'s' * (counted[name] != 1)}", units)
        for name, units in sorted(places.items())
    ]
    return moved + rules


def behind(line: dict[str, Any]) -> dict[str, Any]:
    """A line of explain with what it leads to: the movement and its transaction, where there is one."""
    found = MOVEMENT.fullmatch(line["ref"])
    movement, transaction = (found[1], found[2]) if found else (line.get("movement"), line.get("transaction"))
    what = WHAT.fullmatch(line["label"])
    return {
        "label": line["label"],
        "said": f"{what[1]}{spoken(what[2])} at {place(what[3])}" if what else line["label"],
        "at": datetime.fromisoformat(what[4]) if what else None,
        "more": what[5].removeprefix(", ") if what else "",
        "amount": line["amount"],
        "ref": line["ref"],
        "ambiguous": line.get("ambiguous", False),
        "movement": movement,
        "transaction": transaction,
        "document": None
        if found and found[3] and found[2].endswith(found[3].rpartition("/")[2])
        else found and found[3],
        "claim": line.get("claim"),
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
            short=in_short(lines),
            total=sum(line["amount"] for line in lines),
            rules=rules,
            receipts=await house.reading.words_about(sku, channel, 10),
        )

    return router
