"""Tells Magento quantities: of each source, absolute, by `POST /V1/inventory/source-items`.

Magento subtracts its own open orders (its reservations) from the sum of its sources by itself, and takes a shipment off its
source. So it must be told what is physically there, less what *other* channels were promised, and never the units that its
own orders wait for: these would be subtracted twice, and could not be shipped any more (magento/inventory#2725).

That number is the channel's `quantity` of a place, because an order without a source lies at `@unrouted` until its shipment
takes it off a source, in our stock as in Magento's. Where our stock commits an order to a place at once (one for pick-up,
or every one where the channel has `ships_from`), the place's `quantity` is lower than Magento's number by the units that
Magento still has to ship from there. A write moves Magento's number by `wanted - expected`, so that does not matter to it; a
look takes these units off.

Magento has no compare-and-set and no idempotency key. A write is the quantity read just before, moved on. Orders placed in
between do not change it; a shipment or credit memo does, and would be undone: so afterwards we ask for these, and do not
know the outcome where there was one. A count made by hand in that moment is lost.

One gap stays open: where another channel (a shipping tool) tells of the parcel of a Magento order before Magento has a
shipment of it, the number falls by these units while Magento still reserves them, until its own shipment is polled. Units
are not sold twice by that, but the last ones of a source cannot be shipped in Magento meanwhile. So Magento must not be
ranked behind that channel for `fulfilment`: then its shipment, once told, is the one that stands.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from connectors.contract import Answer, Client, Seen, Target
from connectors.differences import Cell, cell_of, written
from connectors.directory import Directory
from connectors.errors import Refused, Unreachable
from connectors.magento import fields
from connectors.magento.api import Filter, Row, checked, said
from connectors.magento.client import LEVEL_ORDER, PARTS, SEEN_TWICE, MagentoClient, stamp, units_in
from connectors.magento.mapping import read
from schemas.accounts import UNROUTED, State
from schemas.claims import Claim
from schemas.flows import balances
from schemas.receipts import Outcome
from schemas.settling import Transaction, settle, take

SOURCE_ITEMS = "/inventory/source-items"

OPEN = "new,pending_payment,processing,holded,payment_review"
"""The states of orders that may still have something to ship."""

IN_STOCK, OUT_OF_STOCK = 1, 0


class Due(NamedTuple):
    """A quantity to write. `status` says whether the source item is for sale at all."""

    target: Target
    cell: Cell
    quantity: Decimal
    status: int

    @property
    def row(self) -> Row:
        """As Magento wants it: it insists on both numbers."""
        return {
            "sku": self.cell.item,
            "source_code": self.cell.place,
            "quantity": float(self.quantity),
            "status": self.status,
        }


class MagentoSink:
    """Writes source items."""

    def __init__(self, client: Client) -> None:
        if not isinstance(client, MagentoClient):
            raise TypeError("a Magento sink needs a Magento client")
        self._client = client
        self.batch_max = client.settings.batch_max

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What each source has, less what Magento's own orders are committed to there. None: no source item."""
        cells = [cell_of(target, directory) for target in targets]
        found = await self._read([cell for cell in cells if cell is not None])
        known = [
            (t, cell) for t, cell in zip(targets, cells, strict=True) if cell is not None and cell in found
        ]
        committed = await self._committed(known, directory)
        return [
            Seen(units_in(found[cell]) - committed[cell] if cell is not None and cell in found else None)
            for cell in cells
        ]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Moves every source item by what it lacks. Raises `SlowDown` if nothing was done, and `Unreachable`."""
        answers: list[Answer] = []
        moving: list[tuple[Target, Cell]] = []
        for target in targets:
            cell = cell_of(target, directory)
            if cell is None:
                answers.append(_answer(target, Outcome.REFUSED, "Magento has no such product or source"))
            elif target.wanted == target.expected:
                answers.append(_answer(target, Outcome.UNCHANGED))
            else:
                moving.append((target, cell))
        if moving:
            answers += await self._write(moving, directory)
        return answers

    async def _read(self, cells: Sequence[Cell]) -> dict[Cell, Row]:
        """The source items that there are of these."""
        skus = dict.fromkeys(cell.item for cell in cells)
        rows = await self._client.listed(SOURCE_ITEMS, "sku", skus, LEVEL_ORDER)
        found = {Cell(str(row["sku"]), str(row["source_code"])): row for row in rows}
        return {cell: found[cell] for cell in cells if cell in found}

    async def _committed(self, cells: Sequence[tuple[Target, Cell]], directory: Directory) -> Counter[Cell]:
        """What Magento's open orders are committed to in our stock at these cells, which its sources still have.

        All open orders have to be read for that; so it is asked only where some may be committed.
        """
        ships_from = self._client.settings.rules.ships_from
        at_once = {cell for target, cell in cells if target.place == ships_from}
        taken: Counter[Cell] = Counter()
        if not cells or not (at_once or await self._some_are_for_pickup(cells)):
            return taken
        async for page in self._client.api.pages("/orders", [[Filter("state", "in", OPEN)]], ("entity_id",)):
            payloads, _ = await self._client.whole(page)
            for payload in payloads:
                try:
                    claim = read("", payload)
                except Refused:
                    continue  # it is a dead letter, and in our stock nothing is committed for it
                assert isinstance(claim, Claim)
                taken += _open(claim, directory)
        taken.update({cell: taken[Cell(cell.item, UNROUTED)] for cell in at_once})
        return taken

    async def _some_are_for_pickup(self, cells: Sequence[tuple[Target, Cell]]) -> bool:
        wanted = {cell.place for _, cell in cells}
        return any(
            row["source_code"] in wanted
            and fields.part(row, "extension_attributes").get("is_pickup_location_active")
            for row in await self._client.sources()
        )

    async def _write(self, moving: Sequence[tuple[Target, Cell]], directory: Directory) -> list[Answer]:
        began = time.monotonic()
        found = await self._read([cell for _, cell in moving])
        answers: list[Answer] = []
        due: list[Due] = []
        for target, cell in moving:
            one = _due(target, cell, found.get(cell))
            if one.quantity < 0:
                answers.append(
                    _answer(target, Outcome.HELD, "what Magento shipped unseen leaves less than nothing")
                )
            else:
                due.append(one)
        if due:
            answers += await written([due], self._save, "Magento")
            await self._nothing_else_moved(due, directory, time.monotonic() - began)
        return answers

    async def _save(self, due: Sequence[Due]) -> list[Answer] | str:
        """Writes the rows, all or none. A 400 may mean one of them, or that they are too many."""
        body = {"sourceItems": [one.row for one in due]}
        reply = await self._client.api.call("POST", SOURCE_ITEMS, body=body)
        if reply.status == 400:
            return f"Magento answered 400: {said(reply)}"[:200]
        checked(reply)
        return [Answer(target=one.target, outcome=Outcome.PUSHED, level=one.target.wanted) for one in due]

    async def _nothing_else_moved(self, due: Sequence[Due], directory: Directory, seconds: float) -> None:
        """Raises `Unreachable` where Magento may have moved one of these SKUs while it was written, `seconds` long.

        A row of a SKU that is no handle is a bundle's, which may hold any of them.
        """
        since = stamp(self._client.api.seen_at - timedelta(seconds=seconds) - SEEN_TWICE)
        skus, known = {one.cell.item for one in due}, set(directory.handles.values())
        for path in PARTS:
            newer = [[Filter("created_at", "gteq", since)]]
            async for page in self._client.api.pages(path, newer, ("entity_id",)):
                moved = {str(row.get("sku")) for part in page for row in fields.rows(part, "items")}
                if moved & skus or moved - known:
                    raise Unreachable("Magento shipped or refunded what was being written")


def _open(claim: Claim, directory: Directory) -> Counter[Cell]:
    """What an order is committed to, by source; what has none stands under `@unrouted`."""
    settled = settle(take(Transaction(), claim, claim.occurred_at, 0))
    found: Counter[Cell] = Counter()
    for (reference, source, state), units in balances(settled).items():
        item = directory.item(reference)
        if state == State.COMMITTED and item is not None and item.sku in directory.handles:
            found[Cell(directory.handles[item.sku], source)] += units
    return found


def _due(target: Target, cell: Cell, row: Mapping[str, object] | None) -> Due:
    """What to write, from what is there: a fraction of a unit stays. A source item is switched on when it gets units again,
    and never off: one without units sells nothing, unless the shop takes backorders.
    """
    shown = Decimal(0) if row is None else fields.number(row.get("quantity"), "quantity")
    quantity = Decimal(target.wanted) if target.expected is None else shown + target.wanted - target.expected
    if row is None or shown <= 0 < quantity:
        return Due(target, cell, quantity, IN_STOCK if quantity > 0 else OUT_OF_STOCK)
    return Due(target, cell, quantity, OUT_OF_STOCK if row.get("status") == OUT_OF_STOCK else IN_STOCK)


def _answer(target: Target, outcome: Outcome, detail: str | None = None) -> Answer:
    return Answer(target=target, outcome=outcome, level=target.expected or 0, detail=detail)
