"""`/oversells`: what took more than there was, with its cause; and the story of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from schemas.accounts import NETWORK, State
from schemas.oversells import OversellCause

MEANING = {
    OversellCause.WRONG_COUNT: "The shelf held other than what the books said.",
    OversellCause.MANUAL_OVERRIDE: "Somebody took units that were promised.",
    OversellCause.LATE_FACT: "It had happened long before anybody told.",
    OversellCause.RULE: "The channel's own rules allowed it.",
    OversellCause.LATENCY: "The channel sold before it heard that the number had fallen.",
}


def running(told: Sequence[Mapping[str, Any]], one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Movements with what each took of what was available at the place of an oversell, and what was left then; that is known of what
    the oversell left, and only where the place is one.
    """
    rows = [
        {
            **row,
            "here": sum(
                leg["quantity"]
                for leg in row["legs"]
                if leg["state"].partition("[")[0] == State.AVAILABLE
                and one["place"] in (NETWORK, leg["location"])
            ),
            "late": (row["recorded_at"] - row["occurred_at"]).total_seconds(),
            "left": None,
        }
        for row in told
    ]
    culprit = next((at for at, row in enumerate(rows) if row["id"] == one["movement"]), None)
    if culprit is None or one["place"] == NETWORK:
        return rows
    left = one["available"]
    for row in reversed(rows[: culprit + 1]):
        row["left"], left = left, left - row["here"]
    left = one["available"]
    for row in rows[culprit + 1 :]:
        row["left"] = left = left + row["here"]
    return rows


def oversell_pages(house: House) -> APIRouter:
    """`/oversells` and `/oversell`."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)
    reading = house.reading

    @router.get("/oversells")
    async def oversells(request: Request, sku: str = "", cursor: str | None = None) -> Response:
        """All of them, newest first."""
        marks = await reading.marks()
        page = await reading.oversells(sku or None, 50, cursor)
        return house.page(
            request,
            "oversells.html",
            items=page.items,
            next=page.next,
            cursor=cursor,
            sku=sku,
            marks=marks,
            meaning=MEANING,
        )

    @router.get("/oversell")
    async def story(
        request: Request, movement: Annotated[str, Query(min_length=1, max_length=100)]
    ) -> Response:
        """What led to one of them, in the order in which we heard of it."""
        found = await reading.oversell(movement)
        if not found:
            raise NotShown(404, "Unknown oversell", "that movement took no more than there was")
        one = found[0]
        told = await reading.story(one["sku"], one["place"], one["recorded_at"])
        return house.page(
            request,
            "oversell.html",
            one=one,
            places=found,
            rows=running(told, one),
            meaning=MEANING,
            receipts=await reading.words_about(one["sku"], None, 20),
        )

    return router
