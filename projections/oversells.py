"""`/oversells/{movement}` over HTTP: the story of one oversell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from projections.answers import answer
from projections.document import refuses, tells
from projections.postmortem import Postmortem
from projections.problems import Problem
from projections.routes.parameters import NAME_PATTERN
from projections.service import Service
from projections.stories import Story

MovementId = Annotated[str, Path(min_length=1, max_length=255, pattern=NAME_PATTERN, examples=["1-4711-0"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """What a movement oversold, a story for each place."""

    movement: str
    items: tuple[Story, ...]


def oversell_routes(service: Service) -> APIRouter:
    """`/oversells/{movement}`."""
    router = APIRouter()
    postmortem = Postmortem(service.queries, service.rules)

    @router.get("/oversells/{movement}", responses=tells(Stories) | refuses("unknown-oversell"))
    async def get_oversell(movement: MovementId) -> Response:
        """How it came about that a movement took more than there was: the last numbers that each platform was told, who took the last
        units and when that came to be known, the one cause, and what would have prevented it.
        """
        found = await postmortem.of(movement)
        if not found:
            raise Problem(404, "Unknown oversell", "no movement of that id took more than there was")
        return answer(Stories(movement=movement, items=tuple(found)))

    return router
