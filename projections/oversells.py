"""`/oversells/{movement}` over HTTP: the story of one oversell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter

from projections.postmortem import Postmortem
from projections.problems import Problem
from projections.queries import Queries
from projections.stories import Story
from schemas.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """What a movement oversold, a story for each place."""

    movement: str
    items: tuple[Story, ...]


def oversell_routes(queries: Queries, rules: Callable[[], Rules]) -> APIRouter:
    """`/oversells/{movement}`. `rules` are those in force."""
    router = APIRouter()
    postmortem = Postmortem(queries, rules)

    @router.get("/oversells/{movement}")
    async def story(movement: str) -> Stories:
        """How it came about that a movement took more than there was: the last numbers that each platform was told, who took the last
        units and when that came to be known, the one cause, and what would have prevented it.
        """
        found = await postmortem.of(movement)
        if not found:
            raise Problem(404, "Unknown oversell", "no movement of that id took more than there was")
        return Stories(movement=movement, items=tuple(found))

    return router
