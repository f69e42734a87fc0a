"""Tells ShipStation levels through the Inventory API (V2), one SKU a call.

What it must show is `available`, which is `on_hand` less what its own open orders have `allocated`. Only `on_hand` can be
written, absolutely (`adjust`): so it is read, moved by the difference that is wanted, and written. What was allocated
meanwhile stays allocated, and a repeat writes the same number. There is no idempotency key, and `notes` cannot be read back.

A label made between the read and the write would be undone by it. It shows: both are read again, and where `allocated` has
moved, the outcome is unknown, and looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.contract import Answer, Client, Seen, Target
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from connectors.shipstation.api import checked, listed, said
from connectors.shipstation.catalogue import units_in
from connectors.shipstation.client import ShipStationClient
from schemas.receipts import Outcome

BATCH_MAX = 25
"""Targets of one push: three calls each, of 200 a minute."""

WRONG = frozenset({400, 404, 409, 422})
"""Answers to a row that is not acceptable."""


class Cell(NamedTuple):
    """A SKU at an inventory location, in ShipStation's names."""

    sku: str
    location: str


class Stock(NamedTuple):
    """What ShipStation keeps of a cell."""

    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        """What it shows."""
        return self.on_hand - self.allocated


@dataclass(frozen=True, slots=True)
class Written:
    """A write that was done: what was allocated before it."""

    cell: Cell
    allocated: int


class ShipStationSink:
    """Adjusts what is on hand."""

    batch_max = BATCH_MAX

    def __init__(self, client: Client) -> None:
        assert isinstance(client, ShipStationClient)
        self._client = client

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What ShipStation shows as available; None where it keeps no number. Raises `SlowDown`, `Unreachable`."""
        seen = []
        for target in targets:
            cell = self._cell(target, directory)
            stock = await self._stock(cell) if isinstance(cell, Cell) else None
            seen.append(Seen(None if stock is None else stock.available))
        return seen

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Tells all targets, and answers for each. Raises `SlowDown` if nothing was done, and `Unreachable`.

        Where ShipStation asks to wait in the middle, what is left is `HELD`: nothing was done about it.
        """
        answers: list[Answer] = []
        written: list[Written] = []
        wait: SlowDown | None = None
        for target in targets:
            cell, base = self._cell(target, directory), target.expected or 0
            if not isinstance(cell, Cell):
                answers.append(_answer(target, Outcome.REFUSED, cell))
            elif target.wanted == base:
                answers.append(_answer(target, Outcome.UNCHANGED))
            elif wait is not None:
                answers.append(_answer(target, Outcome.HELD, str(wait)))
            else:
                try:
                    answers.append(await self._tell(target, cell, written))
                except SlowDown as asked:
                    wait = asked
                    answers.append(_answer(target, Outcome.HELD, str(wait)))
        if wait is not None and not written:
            raise wait
        await self._check(written)
        return answers

    async def _tell(self, target: Target, cell: Cell, written: list[Written]) -> Answer:
        """Moves one number. There is never less than nothing on hand: then it shows more than is wanted."""
        before = await self._stock(cell) or Stock(0, 0)
        delta = target.wanted - (target.expected or 0)
        number = max(0, before.on_hand + delta)
        body = {
            "transaction_type": "adjust",
            "sku": cell.sku,
            "quantity": number,
            "inventory_location_id": cell.location,
            "condition": "sellable",
            "reason": "Onhand",
            "notes": f"onhand:{target.offset}",
        }
        reply = await self._client.api.v2("POST", "/inventory", body=body)
        if reply.status in WRONG:
            return _answer(target, Outcome.REFUSED, said(reply))
        checked(reply)
        written.append(Written(cell, before.allocated))
        level = target.wanted + number - (before.on_hand + delta)
        return Answer(target=target, outcome=Outcome.PUSHED, level=level)

    async def _check(self, written: Sequence[Written]) -> None:
        """Raises `Unreachable` where ShipStation was at work on a cell while it was written."""
        for done in written:
            try:
                after = await self._stock(done.cell)
            except SlowDown as wait:
                raise Unreachable("ShipStation asked to wait before a write was checked") from wait
            if after is None or after.allocated != done.allocated:
                raise Unreachable("ShipStation's allocations moved while a level was written")

    async def _stock(self, cell: Cell) -> Stock | None:
        """What ShipStation keeps of a cell; None where it keeps nothing."""
        query = {"sku": cell.sku, "inventory_location_id": cell.location, "group_by": "location"}
        rows = listed(checked(await self._client.api.v2("GET", "/inventory", query=query)), "inventory")
        found = [row for row in rows if (row.get("sku"), row.get("inventory_location_id")) == cell]
        return Stock(units_in(found[0], "on_hand"), units_in(found[0], "allocated")) if found else None

    def _cell(self, target: Target, directory: Directory) -> Cell | str:
        """The target in ShipStation's names, or why it has none."""
        sku, location = directory.handles.get(target.sku), directory.places.get(target.place)
        if not self._client.settings.inventory:
            return "the account has no Inventory API (inventory = false)"
        if sku is None:
            return f"ShipStation has no product {target.sku}"
        return Cell(sku, location) if location else f"no single inventory location is {target.place}"


def _answer(target: Target, outcome: Outcome, detail: str | None = None) -> Answer:
    return Answer(target=target, outcome=outcome, level=target.expected or 0, detail=detail)
