"""Tells Shopify numbers: `available` by compare-and-set, so that an order not seen yet is never sold twice.

`inventorySetQuantities` (schema 2026-10): at most 250 rows; `changeFromQuantity` must be given and is compared; the
directive `@idempotent` is required, and a repeat with one key is answered as the first time. A failed compare means that
Shopify has counted something we have not seen yet: the number is moved on from there by the same difference. An error in any row leaves the
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

from connectors.contract import Answer, Client, Seen, Target
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from connectors.shopify import documents
from connectors.shopify.client import ShopifyClient
from schemas.receipts import Outcome

STALE = "CHANGE_FROM_QUANTITY_STALE"
IN_FLIGHT = "IDEMPOTENCY_CONCURRENT_REQUEST"
BURNT = frozenset({"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"})
ROUNDS_MAX = 4
"""How often one push is written anew because the levels moved."""
KEYS_MAX = 4
"""How many keys are tried for one call whose earlier keys are burnt."""


@dataclass(frozen=True, slots=True)
class Row:
    """One target on its way: Shopify's references, the number to write, and the one it must have for that to happen.

    `base` is None where the item has no level at the place: nothing can be sold there, so nothing is compared.
    """

    target: Target
    item: str
    location: str
    base: int | None
    number: int

    @property
    def cell(self) -> tuple[str, str]:
        """The inventory item and the location."""
        return self.item, self.location


class ShopifySink:
    """Pushes `available` to one shop."""

    def __init__(self, client: Client) -> None:
        if not isinstance(client, ShopifyClient):
            raise TypeError("a Shopify sink needs a Shopify client")
        self._admin, self.batch_max = client.admin, client.settings.batch_max

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What Shopify shows now; None where it keeps no level, and where it has no such item or place."""
        rows = [_row(target, directory) for target in targets]
        levels = await self._levels(row for row in rows if isinstance(row, Row))
        return [Seen(levels[row.cell] if isinstance(row, Row) else None) for row in rows]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Tells all targets, and answers for each. Raises `SlowDown` (nothing was done) or `Unreachable`."""
        answers: list[Answer] = []
        rows: list[Row] = []
        for target in targets:
            row = _row(target, directory)
            if isinstance(row, str):
                answers.append(_refused(target, row))
            elif row.base == row.number:
                answers.append(_answer(target, Outcome.UNCHANGED, row.number))
            else:
                rows.append(row)
        for _ in range(ROUNDS_MAX):
            if not rows:
                break
            group, errors = await self._set(rows)
            if not errors:
                answers.extend(_answer(row.target, Outcome.PUSHED, row.target.wanted, group) for row in rows)
                return answers
            rows, done = await self._after(rows, errors)
            answers.extend(done)
        answers.extend(_held(row.target, "the level changes while it is written") for row in rows)
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
                continue
            again = _rebased(row, levels[row.cell]) if at in stale else row
            if again.number < 0:
                done.append(_held(row.target, "orders that we have not seen leave less than nothing"))
            else:
                left.append(again)
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
                "quantity": row.number,
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
    content = sorted((*row.cell, row.number, str(row.base), row.target.offset) for row in rows)
    return str(UUID(bytes=hashlib.sha256(orjson.dumps([content, attempt])).digest()[:16]))


def _row_of(error: Mapping[str, Any]) -> int | None:
    """The row an error names: `field` is like `["input", "quantities", "0", "locationId"]`."""
    return next((int(part) for part in error["field"] or () if part.isdecimal()), None)


def _row(target: Target, directory: Directory) -> Row | str:
    """The target in Shopify's references, or why it has none."""
    item, location = directory.handles.get(target.sku), directory.places.get(target.place)
    if item is None:
        return f"no single inventory item has the SKU {target.sku}"
    if location is None:
        return f"no location is {target.place}"
    return Row(target, item, location, target.expected, target.wanted)


def _rebased(row: Row, actual: int | None) -> Row:
    """The row after a failed compare: what Shopify has counted and we have not seen stays counted."""
    unseen = (actual or 0) - (row.target.expected or 0)
    return replace(row, base=actual, number=row.target.wanted + unseen)


def _answer(
    target: Target, outcome: Outcome, level: int, ref: str | None = None, detail: str | None = None
) -> Answer:
    return Answer(target=target, outcome=outcome, level=level, ref=ref, detail=detail)


def _held(target: Target, why: str) -> Answer:
    return _answer(target, Outcome.HELD, target.expected or 0, detail=why)


def _refused(target: Target, why: str) -> Answer:
    return _answer(target, Outcome.REFUSED, target.expected or 0, detail=why)
