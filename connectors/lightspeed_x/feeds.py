"""The lists that a poll reads, and the cursor over them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.lightspeed_x import consignments
from connectors.lightspeed_x.allowlist import ADJUSTMENT, CONSIGNMENT, SALE
from connectors.lightspeed_x.api import Absent
from connectors.lightspeed_x.fulfillments import OF_ATTRIBUTE

if TYPE_CHECKING:
    from connectors.lightspeed_x.client import LightspeedXClient

CUSTOM = "custom_inventory_adjustment_reason_id"

Rows = Sequence[dict[str, Any]]

SALES_AT_ONCE = 50
"""Sales whose fulfilments are asked for in one call: so that its address stays shorter than 4,000 characters."""

FULFILLMENTS_PAGE = 100
"""The most rows of `GET /fulfillments` (OpenAPI 2026-07)."""


class Feed(NamedTuple):
    """A list with a version cursor: its path, the topic of its rows, a row's version, and how rows become whole documents."""

    path: str
    topic: str
    version: Callable[[Mapping[str, Any]], int]
    whole: Callable[[LightspeedXClient, Rows], Awaitable[Rows]]


async def _sales(client: LightspeedXClient, rows: Rows) -> Rows:
    """Sales, those that are fulfilled later with their fulfilments, which have no list by version."""
    later = {row["id"] for row in rows if OF_ATTRIBUTE.keys() & set(row.get("attributes") or ())}
    found: dict[str, list[dict[str, Any]]] = {ident: [] for ident in later}
    asked = sorted(later)
    for start in range(0, len(asked), SALES_AT_ONCE):
        for row in await client.fulfillments(asked[start : start + SALES_AT_ONCE]):
            if row["sale_id"] in found:
                found[row["sale_id"]].append(row)
    return [{**row, "fulfillments": found[row["id"]]} if row["id"] in later else row for row in rows]


async def _consignments(client: LightspeedXClient, rows: Rows) -> Rows:
    """Consignments, those that move something with their products. One that was deleted since it was listed comes without
    them: it is refused then, and does not hold up the others.
    """
    return [await _with_products(client, row) if consignments.moves(row) else row for row in rows]


async def _with_products(client: LightspeedXClient, row: dict[str, Any]) -> dict[str, Any]:
    try:
        pages = client.pages(f"/consignments/{row['id']}/products")
        return {**row, "products": [product async for page in pages for product in page]}
    except Absent:
        return row


async def _adjustments(client: LightspeedXClient, rows: Rows) -> Rows:
    """Adjustments that others made: our own only told X-Series what we know already."""
    if not {row[CUSTOM] for row in rows if row.get(CUSTOM)} <= client.reason_names.keys():
        await client.reasons()
    ours = {client.settings.reason_up, client.settings.reason_down}
    return [row for row in rows if client.reason_names.get(row.get(CUSTOM) or "") not in ours]


def _version(row: Mapping[str, Any]) -> int:
    return int(row["version"])


FEEDS = (
    Feed("sales", SALE, lambda row: int(row["_metadata"]["version"]), _sales),
    Feed("consignments", CONSIGNMENT, _version, _consignments),
    Feed("stock_adjustments", ADJUSTMENT, _version, _adjustments),
)
"""In the order in which they are read."""


def reached(cursor: str | None) -> dict[str, int]:
    """How far each list was read: `sales=7,consignments=9`. A cursor of one number, which is for all lists, is understood:
    X-Series counts all its versions in one row.
    """
    if cursor is None or cursor.isdigit():
        return dict.fromkeys((feed.path for feed in FEEDS), int(cursor or 0))
    parts = dict(part.split("=", 1) for part in cursor.split(","))
    return {feed.path: int(parts.get(feed.path, 0)) for feed in FEEDS}


def written(versions: Mapping[str, int]) -> str:
    """The cursor that says how far each list was read."""
    return ",".join(f"{path}={version}" for path, version in versions.items())
