"""Tells X-Series levels by signed stock adjustments: it has no absolute write that keeps concurrent sales.

There is no idempotency key. What we told is what X-Series' own list of adjustments says under our two reasons, so a
write whose outcome is unknown is looked up there and never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors.contract import Answer, Client, Target, Unreachable
from connectors.directory import Directory
from connectors.lightspeed_x.client import LightspeedXClient, checked
from connectors.lightspeed_x.mapping import units
from schemas.receipts import Outcome

Cell = tuple[str, str]
"""A product and an outlet, in X-Series' ids."""


class LightspeedXSink:
    """Adjusts levels. A batch is at most 1,000 rows (OpenAPI 2026-07, CreateStockAdjustments)."""

    batch_max = 1_000

    def __init__(self, client: Client) -> None:
        assert isinstance(client, LightspeedXClient)
        self._client = client
        self._reasons: dict[bool, str] = {}
        self._told: Counter[Cell] = Counter()
        self._seen = 0

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Adjusts every cell by what it still lacks. Raises `SlowDown`, `Unreachable`."""
        answers: list[Answer] = []
        due: list[tuple[Target, Cell, int]] = []
        shown = await self._shown([target for target in targets if target.expected is None], directory)
        for target in targets:
            cell = _cell(target, directory)
            if cell is None:
                detail = "X-Series has no such product or outlet"
                answers.append(Answer(target=target, outcome=Outcome.REFUSED, level=0, detail=detail))
                continue
            base = shown[cell] if target.expected is None else target.expected
            if target.wanted == base:
                answers.append(Answer(target=target, outcome=Outcome.UNCHANGED, level=base))
            else:
                due.append((target, cell, target.wanted - base))
        return [*answers, *await self._adjust(due)]

    async def _shown(self, targets: Sequence[Target], directory: Directory) -> dict[Cell, int]:
        """What X-Series shows where we are not sure: its own documents plus our adjustments, or else its level."""
        if not targets:
            return {}
        await self._read_adjustments()
        shown = {}
        for target in targets:
            if (cell := _cell(target, directory)) is None:
                continue
            shown[cell] = target.own + self._told[cell] if target.opened else await self._level(cell)
        return shown

    async def _read_adjustments(self) -> None:
        """Catches up with X-Series' list of adjustments, counting those under our reasons."""
        ours = set((await self._our_reasons()).values())
        async for rows in self._client.pages("/stock_adjustments", self._seen):
            for row in rows:
                self._seen = max(self._seen, row["version"])
                if row.get("custom_inventory_adjustment_reason_id") in ours:
                    self._told[row["product_id"], row["outlet_id"]] += units(row["quantity"], row["product_id"])

    async def _level(self, cell: Cell) -> int:
        product, outlet = cell
        rows = checked(await self._client.http.call("POST", "/inventory", body={"product_id": product}))
        return next((units(r["current_inventory_level"], product) for r in rows if r["outlet_id"] == outlet), 0)

    async def _our_reasons(self) -> dict[bool, str]:
        """The ids of our two reasons by direction (True: up), created where they are missing."""
        if self._reasons:
            return self._reasons
        settings, path = self._client.settings, "/custom_inventory_adjustment_reasons"
        known = {row["name"]: row["id"] for row in checked(await self._client.http.call("GET", path))["data"]}
        wanted = {True: (settings.reason_up, "POSITIVE"), False: (settings.reason_down, "NEGATIVE")}
        for up, (name, kind) in wanted.items():
            if name not in known:
                body = {"name": name, "type": kind, "enabled": True}
                known[name] = checked(await self._client.http.call("POST", path, body=body))["data"]["id"]
            self._reasons[up] = known[name]
        return self._reasons

    async def _adjust(self, due: Sequence[tuple[Target, Cell, int]]) -> list[Answer]:
        if not due:
            return []
        reasons = await self._our_reasons()
        rows = [
            {
                "product_id": product,
                "outlet_id": outlet,
                "quantity": str(delta),
                "reason": "CUSTOM",
                "custom_inventory_adjustment_reason_id": reasons[delta > 0],
            }
            for _, (product, outlet), delta in due
        ]
        reply = await self._client.http.call("POST", "/stock_adjustments", body={"stock_adjustments": rows})
        if reply.status in (400, 422):  # all or nothing [inferred]: halve to find the row it does not take
            return await self._one_by_one(due, reply.status)
        made = checked(reply)["data"]
        if len(made) != len(due):
            raise Unreachable("X-Series confirmed another number of adjustments than it was asked for")
        return [
            Answer(target=target, outcome=Outcome.PUSHED, level=target.wanted, ref=row["id"])
            for (target, _, _), row in zip(due, made, strict=True)
        ]

    async def _one_by_one(self, due: Sequence[tuple[Target, Cell, int]], status: int) -> list[Answer]:
        if len(due) == 1:
            target = due[0][0]
            detail = f"X-Series answered {status}"
            return [Answer(target=target, outcome=Outcome.REFUSED, level=target.expected or 0, detail=detail)]
        half = len(due) // 2
        return [*await self._adjust(due[:half]), *await self._adjust(due[half:])]


def _cell(target: Target, directory: Directory) -> Cell | None:
    product, outlet = directory.handles.get(target.sku), directory.places.get(target.place)
    return None if product is None or outlet is None else (product, outlet)


