"""`/oversells`: what took more than there was, with its cause; and the story of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.postmortem import Postmortem
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
    reading, postmortem = house.reading, Postmortem(house.reading, house.rules)

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
        """How one of them came about, in the order in which we heard of it, and what would have prevented it."""
        stories = await postmortem.of(movement)
        if not stories:
            raise NotShown(404, "Unknown oversell", "that movement took no more than there was")
        return house.page(request, "oversell.html", stories=stories, meaning=MEANING)

    return router
