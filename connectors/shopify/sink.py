"""Tells a shop its numbers: `available` at one location, compare-and-set, recognisable when repeated.

The number is already net of every order of the shop that we know. An order that we do not know yet shows as a stale
comparison: then the shop's number is read again, lowered at once if ours is lower, and never raised over that order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.contract import Answer, Client, SlowDown, Target
from connectors.directory import Directory
from connectors.shopify import documents
from connectors.shopify.client import Answered, ShopifyClient
from schemas.accounts import NETWORK
from schemas.receipts import Outcome

STALE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"})
CONCURRENT = "IDEMPOTENCY_CONCURRENT_REQUEST"
BURNT = frozenset({"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"})

Row = tuple[Target, str, int]
"""A target, its inventory item's gid, and the number the shop should show now."""


class ShopifySink:
    """Sets quantities. A call may have 250 (Admin API 2026-10, InventorySetQuantitiesInput)."""

    batch_max = 250

    def __init__(self, client: Client) -> None:
        assert isinstance(client, ShopifyClient)
        self._client = client

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Sets every number that the shop does not show. Raises `SlowDown`, `Unreachable`."""
        location = directory.places[NETWORK]
        known = [(target, gid) for target in targets if (gid := directory.handles.get(target.sku)) is not None]
        answers = [
            _answer(target, Outcome.REFUSED, 0, "the shop has no item with this SKU")
            for target in targets
            if target.sku not in directory.handles
        ]
        shown = await self._shown([gid for target, gid in known if target.expected is None], location)
        rows: list[Row] = []
        for target, gid in known:
            base = shown.get(gid) if target.expected is None else target.expected
            if base is None:
                answers.append(_answer(target, Outcome.REFUSED, 0, "the shop keeps no stock of this item there"))
            else:
                rows.append((target, gid, base))
        return [*answers, *await self._set(rows, location, retry=True)]

    async def _shown(self, gids: Sequence[str], location: str) -> dict[str, int]:
        """What the shop shows now, by item; items it does not keep at the location are left out."""
        if not gids:
            return {}
        data = await self._client.ask(documents.LEVELS, {"ids": list(gids), "location": location})
        found = (node for node in data["nodes"] if node and node.get("inventoryLevel"))
        return {node["id"]: node["inventoryLevel"]["quantities"][0]["quantity"] for node in found}

    async def _set(self, rows: Sequence[Row], location: str, *, retry: bool) -> list[Answer]:
        same = [_answer(target, Outcome.UNCHANGED, base) for target, _, base in rows if base == target.wanted]
        due = [row for row in rows if row[2] != row[0].wanted]
        if not due:
            return same
        made = await self._call(due, location)
        errors = _by_row(made["userErrors"])
        if not errors:
            ref = (made["inventoryAdjustmentGroup"] or {}).get("id")  # no group: nothing changed, which is success
            return same + [_answer(target, Outcome.PUSHED, target.wanted, ref=ref) for target, _, _ in due]
        answers, stale = same, list[Row]()
        for index, (code, message) in errors.items():
            if code in STALE:
                stale.append(due[index])
            else:
                answers.append(_answer(due[index][0], Outcome.REFUSED, 0, f"{code}: {message}"))
        good = [row for index, row in enumerate(due) if index not in errors]  # an error leaves the whole call undone
        return answers + await self._set(good, location, retry=retry) + await self._stale(stale, location, retry=retry)

    async def _stale(self, rows: Sequence[Row], location: str, *, retry: bool) -> list[Answer]:
        """The shop shows something else than we thought: lower it at once, but never raise it over an unseen order."""
        if not rows:
            return []
        shown = await self._shown([gid for _, gid, _ in rows], location)
        fresh = [(target, gid, shown.get(gid, base)) for target, gid, base in rows]
        lower = [row for row in fresh if retry and row[2] >= row[0].wanted]
        held = [_answer(row[0], Outcome.HELD, row[2]) for row in fresh if row not in lower]
        return held + await self._set(lower, location, retry=False)

    async def _call(self, rows: Sequence[Row], location: str, attempt: int = 0) -> dict[str, Any]:
        key = _key(rows, location, attempt)
        quantities = [
            {"inventoryItemId": gid, "locationId": location, "quantity": target.wanted, "changeFromQuantity": base}
            for target, gid, base in rows
        ]
        variables = {
            "key": key,
            "input": {
                "name": "available",
                "reason": "correction",
                "referenceDocumentUri": f"gid://onhand/ChannelPush/{key}",
                "quantities": quantities,
            },
        }
        try:
            data = await self._client.ask(documents.SET, variables)
        except Answered as refusal:
            data = {"inventorySetQuantities": {"userErrors": [{"code": refusal.code, "field": None, "message": str(refusal)}]}}
        made: dict[str, Any] = data["inventorySetQuantities"]
        codes = {error["code"] for error in made["userErrors"]}
        if CONCURRENT in codes:
            raise SlowDown(1.0)
        if codes & BURNT and attempt < 5:
            return await self._call(rows, location, attempt + 1)
        if any(error["field"] is None for error in made["userErrors"]):
            raise Answered(str(made["userErrors"][0]["code"]), str(made["userErrors"][0]["message"]))
        return made


def _by_row(errors: Sequence[Mapping[str, Any]]) -> dict[int, tuple[str, str]]:
    """Errors by the index of their row: `["input", "quantities", "0", "inventoryItemId"]`."""
    return {int(error["field"][2]): (error["code"], error["message"]) for error in errors}


def _key(rows: Sequence[Row], location: str, attempt: int) -> str:
    """The same for the same call, so that Shopify recognises a repeat after an answer that got lost."""
    content = repr((location, attempt, [(gid, t.wanted, base, t.offset) for t, gid, base in rows]))
    return hashlib.sha256(content.encode()).hexdigest()[:40]


def _answer(target: Target, outcome: Outcome, level: int, detail: str | None = None, ref: str | None = None) -> Answer:
    return Answer(target=target, outcome=outcome, level=level, ref=ref, detail=detail)
