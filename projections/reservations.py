"""The routes of reservations: a request may be refused, and the same key is the same reservation."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from projections.answers import answer
from projections.document import refuses, tells
from projections.problems import Problem
from projections.routes.parameters import WHOLE, Ident, Name
from projections.routes.request_shapes import HeldReservation, Reservation
from schemas.reservations import TTL_MAX, Ask, Request, Wanted
from schemas.rules import ChannelRules, Recipe

UNITS_MAX = 999_999_999
"""Units that a line may ask for, and all lines of a SKU and a place together."""

ONWARD = {
    name: {"operationId": f"{name}_reservation", "parameters": {"ident": "$response.body#/id"}}
    for name in ("release", "convert")
}
"""Where a reservation leads."""


class WantedLine(BaseModel):
    """So many units of a SKU; at one location, or of the channel's number for all of them."""

    model_config = ConfigDict(extra="forbid")

    sku: Name
    quantity: Annotated[int, Field(ge=1, le=UNITS_MAX), WHOLE]
    location: Name | None = None


class WantedReservation(BaseModel):
    """What a channel wants to hold, and for how many seconds."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"channel": "web", "lines": [{"sku": "TEE-BLACK-M", "quantity": 2}], "ttl_seconds": 900}
            ]
        },
    )

    channel: Name
    lines: Annotated[list[WantedLine], Field(min_length=1, max_length=100)]
    ttl_seconds: Annotated[int, Field(ge=1, le=TTL_MAX), WHOLE] = 900


class Conversion(BaseModel):
    """The transaction that the reservation becomes a part of; its own, where none is named."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"transaction": "order/web/1001"}]}
    )

    transaction: Name | None = None


class Reserving(Protocol):
    """Who asks the ledger. Raises `Problem` for what is refused."""

    async def place(self, request: Request) -> dict[str, Any]:
        """Holds all lines or none."""

    async def end(self, ident: str, ask: Ask, transaction: str | None = None) -> dict[str, Any]:
        """Releases or converts a reservation."""


def _named(key: str | None, channel: str, lines: Sequence[Wanted]) -> str:
    """The id of a reservation. Its lines are in it: two that have a key in common would be one in the log, and the lines of one would
    stand for those of the other.
    """
    if not key:
        return secrets.token_hex(12)
    asked = [key, channel, *((line.sku, line.location, line.quantity) for line in lines)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]


def routes(
    reserving: Reserving,
    rules: Callable[[str], ChannelRules],
    recipes: Callable[[], Mapping[str, Recipe]],
) -> APIRouter:
    """The routes. `rules` are a channel's; it raises `Problem` for one that is not configured. `recipes` are the bundles'."""
    router = APIRouter(prefix="/reservations")

    @router.post(
        "",
        status_code=201,
        responses=tells(HeldReservation, 201, onward=ONWARD)
        | refuses("unknown-channel", "not-reserved", "no-answer"),
    )
    async def place_reservation(
        wanted: WantedReservation, idempotency_key: Annotated[str | None, Header(max_length=255)] = None
    ) -> Response:
        """Holds all lines for a time, or none: 409 says what is not free. Of a bundle its components are held. The same
        `Idempotency-Key` with the same lines is the same reservation.
        """
        its, bundles = rules(wanted.channel), recipes()
        summed: dict[tuple[str, str | None], int] = {}
        for line in wanted.lines:
            for sku, each in bundles.get(line.sku, {line.sku: 1}).items():
                cell = sku, line.location
                summed[cell] = summed.get(cell, 0) + line.quantity * each
        if max(summed.values()) > UNITS_MAX:  # a record that the ledger would refuse to read
            raise Problem(409, "Not reserved", f"of one SKU at most {UNITS_MAX} units can be held at once")
        lines = tuple(
            Wanted(sku=sku, quantity=units, location=location, rules=its.narrowed(sku))
            for (sku, location), units in sorted(summed.items(), key=str)
        )
        held = await reserving.place(
            Request(
                id=_named(idempotency_key, wanted.channel, lines),
                ask=Ask.PLACE,
                channel=wanted.channel,
                lines=lines,
                ttl=wanted.ttl_seconds,
            )
        )
        return answer(held, 201)

    @router.delete(
        "/{ident}", responses=tells(Reservation) | refuses("unknown-reservation", "not-released", "no-answer")
    )
    async def release_reservation(ident: Ident) -> Response:
        """Frees what is held."""
        return answer(await reserving.end(ident, Ask.RELEASE))

    @router.post(
        "/{ident}/convert",
        responses=tells(Reservation) | refuses("unknown-reservation", "not-converted", "no-answer"),
    )
    async def convert_reservation(ident: Ident, into: Conversion | None = None) -> Response:
        """The reservation became an order: what was held is committed."""
        return answer(await reserving.end(ident, Ask.CONVERT, into.transaction if into else None))

    return router
