"""Tells Shopify numbers: `available` by compare-and-set, so that an order not seen yet is never sold twice.

`inventorySetQuantities` (schema 2026-10): at most 250 rows; `changeFromQuantity` must be given and is compared; the
directive `@idempotent` is required, and a repeat with one key is answered as the first time. An error in any row leaves the
whole call undone (recorded for single rows, inferred for mixed ones; were a row done all the same, its compare would fail
next and its level turn out to be the wanted one).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from connectors.contract import Answer, Client, SlowDown, Target, Unreachable
from connectors.directory import Directory
from connectors.shopify import documents
from connectors.shopify.client import ShopifyClient
from schemas.receipts import Outcome

STALE = "CHANGE_FROM_QUANTITY_STALE"
IN_FLIGHT = "IDEMPOTENCY_CONCURRENT_REQUEST"
BURNT = frozenset({"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"})
KEYS_MAX = 4
"""How many keys are tried for one call whose earlier keys are burnt."""


@dataclass(frozen=True, slots=True)
class Row:
    """One target on its way: Shopify's references, and the number it must have for the write to happen.

    `base` is None where the item has no level at the place: nothing can be sold there, so nothing is compared.
    """

    target: Target
    item: str
    location: str
    base: int | None
    again: bool = False

    @property
    def cell(self) -> tuple[str, str]:
        """The inventory item and the location."""
        return self.item, self.location


class ShopifySink:
    """Pushes `available` to one shop."""

    batch_max = 250
    """Input arrays have at most 250 entries (shopify.dev limits)."""

    def __init__(self, client: Client) -> None:
        if not isinstance(client, ShopifyClient):
            raise TypeError("a Shopify sink needs a Shopify client")
        self._admin = client.admin

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Tells all targets, and answers for each. Raises `SlowDown` (nothing was done) or `Unreachable`."""
        rows: list[Row] = []
        answers: list[Answer] = []
        for target in targets:
            item, location = directory.handles.get(target.sku), directory.places.get(target.place)
            if item is None or location is None:
                why = f"no single inventory item has the SKU {target.sku}"
                answers.append(_refused(target, why if item is None else f"no location is {target.place}"))
            else:
                rows.append(Row(target, item, location, target.expected))
        levels = await self._levels(row for row in rows if row.base is None)
        rows = [replace(row, base=levels[row.cell]) if row.base is None else row for row in rows]
        shown = [row for row in rows if levels.get(row.cell) == row.target.wanted]
        answers.extend(_unchanged(row.target) for row in shown)
        rows = [row for row in rows if row not in shown]
        while rows:
            group, errors = await self._set(rows)
            if not errors:
                answers.extend(_answer(row.target, Outcome.PUSHED, row.target.wanted, group) for row in rows)
                break
            rows, done = await self._after(rows, errors)
            answers.extend(done)
        return answers

    async def _after(
        self, rows: Sequence[Row], errors: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Row], list[Answer]]:
        """What to send again after errors, and what is decided. An error that names no row is every row's."""
        faults: dict[int, str] = {}
        stale: set[int] = set()
        for error in errors:
            index = _row_of(error)
            for at in range(len(rows)) if index is None else (index,):
                if error["code"] == STALE:
                    stale.add(at)
                else:
                    faults[at] = f"{error['code']}: {error['message']}"
        stale -= faults.keys()
        levels = await self._levels(rows[at] for at in sorted(stale))
        left: list[Row] = []
        done: list[Answer] = []
        for at, row in enumerate(rows):
            if at in faults:
                done.append(_refused(row.target, faults[at]))
            elif at not in stale:
                left.append(row)
            elif (decided := _stale(row, levels[row.cell])) is None:
                left.append(replace(row, base=levels[row.cell], again=True))
            else:
                done.append(decided)
        return left, done

    async def _levels(self, rows: Iterable[Row]) -> Mapping[tuple[str, str], int | None]:
        """What Shopify shows now for each row's item and place; None where it keeps no level."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            wanted[row.location].add(row.item)
        found: dict[tuple[str, str], int | None] = {}
        for location, items in wanted.items():
            ids = sorted(items)
            data = await self._admin.call(documents.AVAILABLE, {"ids": ids, "location": location})
            for item, node in zip(ids, data["nodes"], strict=True):
                level = (node or {}).get("inventoryLevel")
                found[item, location] = level["quantities"][0]["quantity"] if level else None
        return found

    async def _set(self, rows: Sequence[Row]) -> tuple[str | None, Sequence[Mapping[str, Any]]]:
        """One write of all rows: the adjustment group's gid (None where no number changed), or the errors."""
        quantities = [
            {
                "inventoryItemId": row.item,
                "locationId": row.location,
                "quantity": row.target.wanted,
                "changeFromQuantity": row.base,
            }
            for row in rows
        ]
        for attempt in range(KEYS_MAX):
            key = key_of(rows, attempt)
            intent = {
                "name": "available",
                "reason": "correction",
                "referenceDocumentUri": f"gid://onhand/ChannelPush/{key}",
                "quantities": quantities,
            }
            data = await self._admin.call(documents.SET_AVAILABLE, {"input": intent, "key": key})
            answer = data["inventorySetQuantities"]
            codes = {error["code"] for error in answer["userErrors"]}
            if IN_FLIGHT in codes:
                raise SlowDown(1.0)
            if not codes & BURNT:
                return (answer["inventoryAdjustmentGroup"] or {}).get("id"), answer["userErrors"]
        raise Unreachable("Shopify refuses every idempotency key of this push")


def key_of(rows: Iterable[Row], attempt: int = 0) -> str:
    """The idempotency key of a write: the same rows of the same stock have the same key, whoever sends them when."""
    content = sorted((*row.cell, row.target.wanted, str(row.base), row.target.offset) for row in rows)
    return str(UUID(bytes=hashlib.sha256(orjson.dumps([content, attempt])).digest()[:16]))


def _row_of(error: Mapping[str, Any]) -> int | None:
    """The row an error names: `field` is like `["input", "quantities", "0", "locationId"]`."""
    return next((int(part) for part in error["field"] or () if part.isdecimal()), None)


def _stale(row: Row, actual: int | None) -> Answer | None:
    """What a failed compare means, by the level read after it. None: write once more, from that level.

    Lower than wanted is a sale we have not seen yet: raising it would sell those units twice.
    """
    wanted = row.target.wanted
    if actual == wanted:
        return _unchanged(row.target)
    if actual is not None and actual < wanted:
        detail = f"Shopify shows {actual}, below {wanted}: a sale we have not seen yet"
        return _answer(row.target, Outcome.HELD, actual, detail=detail)
    if row.again:
        level = row.target.expected or 0 if actual is None else actual
        return _answer(row.target, Outcome.HELD, level, detail="the level changes while it is written")
    return None


def _answer(
    target: Target, outcome: Outcome, level: int, ref: str | None = None, detail: str | None = None
) -> Answer:
    return Answer(target=target, outcome=outcome, level=level, ref=ref, detail=detail)


def _unchanged(target: Target) -> Answer:
    return _answer(target, Outcome.UNCHANGED, target.wanted)


def _refused(target: Target, why: str) -> Answer:
    return _answer(target, Outcome.REFUSED, target.expected or 0, detail=why)
