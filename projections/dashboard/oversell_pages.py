"""`/oversells`: what took more than there was, with its cause; and the story of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.sku_pages import net
from schemas.accounts import NETWORK, State
from schemas.oversells import OversellCause

MEANING = {
    OversellCause.WRONG_COUNT: "The shelf held other than what the books said.",
    OversellCause.MANUAL_OVERRIDE: "Somebody took units that were promised.",
    OversellCause.LATE_FACT: "It had happened long before anybody told.",
    OversellCause.RULE: "The channel's own rules allowed it.",
    OversellCause.LATENCY: "The channel sold before it heard that the number had fallen.",
}


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
        told = await reading.story(one["sku"], one["recorded_at"])
        places = {row["place"] for row in found}
        rows = [
            {
                **row,
                "net": net(row["legs"]),
                "here": sum(
                    leg["quantity"]
                    for leg in row["legs"]
                    if leg["state"].partition("[")[0] == State.AVAILABLE
                    and (NETWORK in places or leg["location"] in places)
                ),
                "late": (row["recorded_at"] - row["occurred_at"]).total_seconds(),
            }
            for row in told
        ]
        return house.page(
            request,
            "oversell.html",
            one=one,
            places=found,
            rows=rows,
            meaning=MEANING,
            receipts=await reading.receipts(one["sku"], None, 20),
        )

    return router
