"""`/explain` over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import AwareDatetime

from projections.explain import explain
from projections.explain.answer import AsOf, Explained
from projections.queries import Queries
from schemas.rules import ChannelRules, Rules


def explain_routes(
    queries: Queries,
    channels: Callable[[str], ChannelRules],
    rules: Callable[[], Rules],
    events: Callable[[], Sequence[Rules]],
    skews: Callable[[], Mapping[str, float]],
) -> APIRouter:
    """`/explain/{sku}`. `channels` refuses an unknown channel, `rules` are those in force and `events` all changes of them."""
    router = APIRouter()

    @router.get("/explain/{sku:path}", response_model=None, responses={200: {"model": Explained}})
    async def explained(
        sku: str, channel: str, at: AwareDatetime | None = None, known_at: AwareDatetime | None = None
    ) -> dict[str, Any]:
        """Why the channel shows that number: now, or as of what had occurred `at`, of what was recorded by `known_at`, under the rules
        that held then.
        """
        channels(channel)
        moment = AsOf(at=at, known_at=known_at)
        return await explain(queries, sku, channel, rules(), skews=skews(), as_of=moment, events=events())

    return router
