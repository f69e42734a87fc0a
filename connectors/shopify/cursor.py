"""Where a poll stands.

What Shopify's search shows may lag behind, so every search begins `OVERLAP` before the newest instant seen, and the cursor
has what was seen from there on. Its instants have whole seconds: what was read in the second in which it changed may have changed
again since and look no newer, so that is not seen for good before its second is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.shopify.admin import Node

OVERLAP = timedelta(seconds=60)
STILL = timedelta(seconds=2)
"""How old a change must have been when it was read, so that it is over: a second of Shopify's, and one for when it says it answered."""


@dataclass(slots=True)
class Walk:
    """How far a search by update has come: the newest instant seen, and what was seen from `OVERLAP` before it on."""

    since: str = ""
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def search(self) -> str | None:
        """The search for what comes next."""
        return f"updated_at:>='{stamp(_instant(self.since) - OVERLAP)}'" if self.since else None

    def fresh(self, nodes: Sequence[Node]) -> list[Node]:
        """The nodes that were not seen as they are now."""
        return [node for node in nodes if self.seen.get(_number(node)) != node["updatedAt"]]

    def saw(self, nodes: Sequence[Node], at: datetime) -> None:
        """Goes on beyond these nodes, which were read at an instant of Shopify's clock. One that had changed just then is read again."""
        self.seen |= {
            _number(node): node["updatedAt"] for node in nodes if _instant(node["updatedAt"]) + STILL <= at
        }
        self.since = max([self.since, *(node["updatedAt"] for node in nodes)], key=_instant_or_first)
        first = _instant(self.since) - OVERLAP
        self.seen = {name: at for name, at in self.seen.items() if _instant(at) >= first}


@dataclass(slots=True)
class Cursor:
    """Where a poll stands. `transfers` has a digest of each transfer that may still change."""

    orders: Walk = field(default_factory=Walk)
    routed: Walk | None = None
    transfers: dict[str, str] = field(default_factory=dict)
    transfers_since: str = ""

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """A cursor as `written`; also of the older form, which has an instant and the orders seen at it."""
        if not text:
            return cls()
        if not text.startswith("{"):
            since, *seen = text.split()
            return cls(Walk(since, dict.fromkeys(seen, since)))
        found: Mapping[str, Any] = orjson.loads(text)
        routed = found["routed"]
        return cls(
            Walk(*found["orders"]),
            None if routed is None else Walk(*routed),
            dict(found["transfers"]),
            found["transfers_since"],
        )

    @property
    def written(self) -> str:
        """The cursor as a text."""
        return orjson.dumps(
            {
                "orders": [self.orders.since, self.orders.seen],
                "routed": None if self.routed is None else [self.routed.since, self.routed.seen],
                "transfers": self.transfers,
                "transfers_since": self.transfers_since,
            },
            option=orjson.OPT_SORT_KEYS,
        ).decode()


def _number(node: Node) -> str:
    return str(node["id"]).rsplit("/", 1)[1]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _instant_or_first(text: str) -> datetime:
    return _instant(text) if text else datetime.min.replace(tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """An instant as Shopify writes it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
