"""The rules in force over HTTP: what they are, who changed them, and changing them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Body, Path
from fastapi.responses import Response
from pydantic import WithJsonSchema

from projections.access import Scope
from projections.answers import answer
from projections.document import refuses, tells
from projections.gate import needs
from projections.problems import Problem
from projections.routes.request_shapes import RulesChanges, RulesInForce
from schemas.codec import adapter
from schemas.rules import ChannelRules, LocationRules, Rules
from schemas.ruling import NOTED, WIRING, BadRules, changes

NULL = {"type": "null"}
EXAMPLE = {"safety_stock": 2, "safety_stock_by_sku": {"MUG-WHITE": 5}}


def _patch() -> dict[str, Any]:
    """The JSON Schema of a patch: the rules of a channel or of a location, each of which may be null, and so may what is in them."""
    known: dict[str, Any] = {}
    for kind in (LocationRules, ChannelRules):
        known |= adapter(kind).json_schema()["properties"]
    rules = {name: _nullable(its) for name, its in known.items() if name not in WIRING | NOTED}
    return {"type": "object", "properties": rules, "additionalProperties": False, "examples": [EXAMPLE]}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    some = [_patched(one) for one in schema.get("anyOf", [schema]) if one != NULL]
    return {"anyOf": [*some, NULL]}


def _patched(schema: dict[str, Any]) -> dict[str, Any]:
    inside = schema.get("additionalProperties")
    return schema | ({"additionalProperties": _nullable(inside)} if isinstance(inside, dict) else {})


PATCH = _patch()


class Ruling(Protocol):
    """The events of the rules."""

    @property
    def events(self) -> list[Rules]:
        """All of them, oldest first."""

    async def change(self, channel: str, patch: dict[str, Any]) -> Rules:
        """Changes the rules of a channel, or of a `location:<name>`, by a merge patch. Raises `BadRules`, or `Problem` where the log
        is away.
        """


def rule_routes(ruling: Ruling) -> APIRouter:
    """`/rules`."""
    router = APIRouter()

    @router.get("/rules", dependencies=[needs(Scope.READ)], responses=tells(RulesInForce))
    async def get_rules() -> Response:
        """The rules in force of every channel, their version, and who made them when."""
        events = ruling.events
        if not events:
            raise Problem(503, "Not available", "the rules are not known yet", retry_after=1)
        return answer(_shown(events[-1]))

    @router.get("/rules/history", dependencies=[needs(Scope.READ)], responses=tells(RulesChanges))
    async def list_rule_changes() -> Response:
        """Every change, newest first, with the names of the rules that it changed."""
        return answer({"items": changes(ruling.events)})

    @router.patch(
        "/rules/{channel}",
        dependencies=[needs(Scope.RULE)],
        responses=tells(RulesInForce) | refuses("unknown-channel", "bad-rules"),
    )
    async def change_rules(
        channel: Annotated[str, Path(min_length=1, examples=["web", "location:SOHO"])],
        patch: Annotated[
            dict[str, Any],
            WithJsonSchema(PATCH),
            Body(media_type="application/merge-patch+json"),
        ],
    ) -> Response:
        """Changes rules of a channel, or of a location under `location:<name>` (RFC 7396; null is the default again). The numbers that
        this moves are published at once.
        """
        try:
            return answer(_shown(await ruling.change(channel, patch)))
        except BadRules as error:
            raise Problem(422, "Bad rules", str(error)) from None

    return router


def _shown(rules: Rules) -> dict[str, Any]:
    channels = {name: asdict(its) for name, its in rules.channels.items()}
    locations = {name: asdict(its) for name, its in rules.locations.items()}
    said = {"version": rules.version, "by": rules.by, "at": rules.at}
    return said | {"channels": channels, "locations": locations}
