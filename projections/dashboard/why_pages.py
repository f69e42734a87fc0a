"""`/why`: the lines that sum to a channel's number, now or at any moment, each with what stands behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.asof_pages import instant_of
from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.pages import place, spoken
from projections.explain import explain
from projections.explain.answer import AsOf
from schemas.oversells import LATE

RECEIPTS_MAX = 10
"""Words with the platform on a page, the newest."""

NOT_YET = "stock"
"""What a line refers to whose movements are in the stock and not recorded yet."""

BEHIND = (
    *("amount", "ref", "ambiguous", "location", "movement", "transaction", "channel", "document", "claim"),
    *("because_of", "rule", "decided", "sku"),
)
"""What a page has of a line as explain has it; None where it does not apply."""


def behind(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of explain as the page shows it. Where it is a movement, `said` is what it is and where, and `more` what else its label
    tells: the bundle that it was in, why the hub decided so, how close a count is. Where it was an oversell, `oversold` is its movement.
    """
    found = {name: line.get(name) for name in BEHIND}
    moved = line.get("document") is not None
    said, more = line["label"], ""
    if moved:
        what = f"{line['kind']} at {line['location']}, "
        more = line["label"].partition(what)[2].partition(", ")[2]
        said = f"{spoken(line['kind'])} at {place(line['location'])}"
        said = said if found["sku"] is None else f"{found['sku']}: {said}"
    return {
        **found,
        "said": said,
        "more": more,
        "at": _instant(line.get("occurred_at")),
        "heard": _instant(line.get("recorded_at")),
        "moved": moved,
        "oversold": None if moved else found["movement"],
    }


def in_short(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """The same sum in a few steps: what all movements at each place come to, and then each rule that counts."""
    places: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    older: set[str] = set()
    rules: list[tuple[str, int]] = []
    for line in lines:
        if line["oversold"] or line["rule"] or line["location"] is None or line["ref"] == NOT_YET:
            rules += [(line["said"], line["amount"])] if line["amount"] else []
            continue
        where = (
            place(line["location"]) if line["sku"] is None else f"{line['sku']}: {place(line['location'])}"
        )
        places[where] += line["amount"]
        counted[where] += line["moved"]
        older |= set() if line["moved"] else {where}
    moved = [(_by(name, counted[name], name in older), units) for name, units in sorted(places.items())]
    return moved + rules


def _by(name: str, many: int, older: bool) -> str:
    """Which movements brought it about."""
    if not many:
        return f"{name}, by older movements"
    return f"{name}, by {many} movement{'s' * (many != 1)}{' and older ones' * older}"


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def why_pages(house: House) -> APIRouter:
    """`/why`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)

    @router.get("/why")
    async def why(
        request: Request,
        sku: Annotated[str, Query(max_length=255)] = "",
        channel: Annotated[str, Query(max_length=100)] = "",
        at: str = "",
        known_at: str = "",
    ) -> Response:
        """Why a channel shows its number of a SKU, or showed it at a moment."""
        rules, sku = house.rules(), sku.strip()
        as_of = AsOf(at=instant_of(at), known_at=instant_of(known_at))
        asked: dict[str, Any] = {
            "sku": sku,
            "channel": channel,
            "channels": list(rules.channels),
            "as_of": as_of,
            "told": None,
            "seen": "",
        }
        if not sku:
            return house.page(request, "why.html", **asked)
        channel = channel or next(iter(rules.channels), "")
        if channel not in rules.channels:
            raise NotShown(404, "Unknown channel", f"channels are: {', '.join(rules.channels)}")
        asked["seen"] = await house.version(sku)
        told = await explain(
            *(house.reading, sku, channel, rules),
            skews=house.skews(),
            as_of=as_of,
            events=house.events(),
        )
        lines = [behind(line) for line in told["lines"]]
        receipts = await house.reading.receipts(
            sku=sku, channel=channel, until=as_of.decided, answered=True, limit=RECEIPTS_MAX
        )
        return house.page(
            request,
            "why.html",
            **asked | {"channel": channel, "told": told},
            lines=lines,
            short=in_short(lines),
            total=sum(line["amount"] for line in lines),
            receipts=receipts.items,
            late=LATE,
            last={(row["place"], _instant(row["pushed_at"])) for row in told["receipt"]},
        )

    return router
