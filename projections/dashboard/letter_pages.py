"""`/letters`: what was refused and why; and one of them, to be mended and tried again."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from projections.access import Scope
from projections.dashboard.browsers import NotShown
from projections.dashboard.house import House, guarded
from projections.dashboard.pages import link, pretty

IDENT = re.compile(r"\d{1,9}-\d{1,18}")

LETTERS_MAX = 50
"""Letters on a page."""

Ident = Annotated[str, Query(max_length=40)]


class NotAPayload(ValueError):
    """What somebody made of a payload cannot be one. The message says why."""


def payload_of(text: str, before: dict[str, Any]) -> dict[str, Any] | None:
    """What somebody made of a payload; None where it says what it said before."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotAPayload(f"not valid JSON: {error}") from None
    if not isinstance(said, dict):
        raise NotAPayload("an object is expected: { … }")
    return None if said == before else said


def letter_pages(house: House) -> APIRouter:
    """`/letters`, `/letter`, and the retry."""
    router = APIRouter(route_class=guarded(house), include_in_schema=False)
    reading = house.reading

    async def letter_of(ident: str) -> dict[str, Any]:
        found = await reading.dead_letter(ident) if IDENT.fullmatch(ident) else None
        if found is None:
            raise NotShown(404, "Unknown dead letter", "there is none of that name")
        return found

    def shown(
        request: Request, letter: dict[str, Any], text: str, reason: str, status: int = 200
    ) -> Response:
        ours = letter["stage"] != "mapping"
        return house.page(
            request,
            "letter.html",
            status,
            letter=letter,
            text=text,
            reason=reason,
            ours=ours,
            retries=house.given.letters is not None,
        )

    @router.get("/letters")
    async def letters(
        request: Request, everything: bool = False, cursor: str | None = None, done: Ident = ""
    ) -> Response:
        """What was refused, newest first."""
        marks = await reading.marks()
        page = await reading.dead_letters(pending=not everything, limit=LETTERS_MAX, cursor=cursor)
        done = done if IDENT.fullmatch(done) else ""
        return house.page(
            request,
            "letters.html",
            letters=page.items,
            next=page.next,
            everything=everything,
            cursor=cursor,
            done=done,
            marks=marks,
        )

    @router.get("/letter")
    async def letter(request: Request, ident: Annotated[str, Query(alias="id", max_length=40)]) -> Response:
        """One of them, with its payload."""
        found = await letter_of(ident)
        return shown(request, found, pretty(found["payload"]), "")

    @router.post("/letter")
    async def retry(request: Request, ident: Annotated[str, Query(alias="id", max_length=40)]) -> Response:
        """Tries one again, with its payload as it was or as somebody has mended it."""
        session = house.needs(request, Scope.OPERATE)
        found = await letter_of(ident)
        text = request.state.form.get("payload", "")
        if house.given.letters is None:
            raise NotShown(503, "Not here", "dead letters are retried elsewhere: onhand dead-letters retry")
        try:
            mended = payload_of(text, found["payload"]) if found["stage"] == "mapping" and text else None
        except NotAPayload as error:
            return shown(request, found, text, str(error), 422)
        reason = await house.given.letters.retry(ident, mended, session.caller.name)
        if reason is not None:
            return shown(request, found, text or pretty(found["payload"]), reason, 422)
        return RedirectResponse(link("/letters", done=ident), 303)

    return router
