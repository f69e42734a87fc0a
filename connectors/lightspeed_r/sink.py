"""Tells R-Series levels by completed sales of no money: the only write that moves a level instead of setting it.

`PUT Item` and a reconciled count set a level, so a sale between reading and writing would be lost; Lightspeed's own
advice to integrators is to adjust by sales. All lines of a shop go into one sale, whose reference number follows from
what it says: it is looked for before it is written, so that a repeat has no second effect. What comes back in the
sales we poll is known by that number (`allowlist.PUSHED`), whoever is named on it.

Where the outcome of a write is unknown, its own reference decides: `look` asks for it, and then knows what R-Series
shows without the sales that we have not seen. One gap stays open: a write that is carried out only after it was
looked for. R-Series offers nothing against it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import groupby

import orjson

from connectors.contract import Answer, Client, Seen, Target
from connectors.differences import Cell, Due, cell_of, differences, pushed, written
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from connectors.lightspeed_r import fields
from connectors.lightspeed_r.allowlist import PUSHED
from connectors.lightspeed_r.client import WRONG, LightspeedRClient, checked, ident_in, said, units_in
from connectors.polite import Reply

BATCH_MAX = 50
"""Lines of one sale: it costs 5 drips and half a drip for each line, of a bucket of 90 (docs: Rate Limiting)."""

IN_MAX = 100
"""Values of one `IN` (docs: Query Operators)."""

SOURCE = "onhand"
"""`referenceNumberSource` of what we write: the name of the external system (docs: Sale)."""


class LightspeedRSink:
    """Adjusts levels."""

    batch_max = BATCH_MAX

    def __init__(self, client: Client) -> None:
        assert isinstance(client, LightspeedRClient)
        self._client = client
        self._registers: dict[str, str] = {}
        self._unsure: dict[tuple[str, str], tuple[str, Target]] = {}

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What R-Series shows; certain where it is known what became of our last write. Raises `SlowDown`,
        `Unreachable`.
        """
        sure = {(t.sku, t.place): seen for t in targets if (seen := await self._outcome(t)) is not None}
        cells = {
            (t.sku, t.place): cell
            for t in targets
            if (t.sku, t.place) not in sure and (cell := cell_of(t, directory)) is not None
        }
        shown = await self._levels(sorted(set(cells.values())))
        found = {**{name: Seen(shown.get(cell, 0)) for name, cell in cells.items()}, **sure}
        return [found.get((target.sku, target.place), Seen(None)) for target in targets]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Moves every level by what it lacks, one sale for each shop. Raises `SlowDown` if nothing was done, and
        `Unreachable`.
        """
        answers, due = differences(targets, directory, "R-Series has no such item or shop")
        due.sort(key=lambda one: one.cell.place)
        sales = [list(lines) for _, lines in groupby(due, key=lambda one: one.cell.place)]
        return answers + await written(sales, self._write, "R-Series")

    async def _write(self, batch: Sequence[Due]) -> list[Answer] | str:
        """One sale, unless it is there already, or the words in which R-Series refuses it."""
        reference, reason = reference_of(batch), ""
        found = await self._find(reference)
        if found is None:
            register = await self._register(batch[0].cell.place)
            for one in batch:
                self._unsure[one.target.sku, one.target.place] = reference, one.target
            reply = await self._post(batch, reference, register)
            if reply.status in WRONG:
                reason = said(reply)
            else:
                found = ident_in(fields.part(checked(reply), "Sale"), "saleID")
        for one in batch:
            self._unsure.pop((one.target.sku, one.target.place), None)
        return reason if found is None else [pushed(one, found) for one in batch]

    async def _post(self, batch: Sequence[Due], reference: str, register: str) -> Reply:
        """A completed sale without money, so that it is balanced; more units are a return (docs:
        SaleLine.unitQuantity).
        """
        lines = [
            {"itemID": one.cell.item, "unitQuantity": -one.delta, "unitPrice": 0, "tax": False}
            for one in batch
        ]
        body = {
            "shopID": batch[0].cell.place,
            "registerID": register,
            "employeeID": self._client.settings.employee_id,
            "referenceNumber": reference,
            "referenceNumberSource": SOURCE,
            "completed": True,
            "SaleLines": {"SaleLine": lines},
        }
        try:
            return await self._client.call("POST", "/Sale.json", body=body)
        except SlowDown:
            for one in batch:
                self._unsure.pop((one.target.sku, one.target.place), None)
            raise

    async def _find(self, reference: str) -> str | None:
        """The sale of a reference, if it was made."""
        query = {"referenceNumber": reference, "archived": "true"}
        async for rows in self._client.pages("/Sale.json", "Sale", query):
            for row in rows:
                if row.get("referenceNumber") == reference:
                    return ident_in(row, "saleID")
        return None

    async def _outcome(self, target: Target) -> Seen | None:
        """What R-Series shows of a cell by what became of our last write, moved on by its own documents since; None
        where no write's outcome is unknown.
        """
        name = target.sku, target.place
        if name not in self._unsure:
            return None
        reference, asked = self._unsure[name]
        done = await self._find(reference) is not None
        level = asked.wanted if done else asked.expected or 0
        return Seen(level + target.own - asked.own, certain=True)

    async def _levels(self, cells: Sequence[Cell]) -> Mapping[Cell, int]:
        """The levels of items in shops, as few calls as possible; one that is not listed never had stock."""
        items = sorted({cell.item for cell in cells})
        shown: dict[Cell, int] = {}
        for start in range(0, len(items), IN_MAX):
            query = {"itemID": f"IN,[{','.join(items[start : start + IN_MAX])}]", "sort": "itemShopID"}
            async for rows in self._client.pages("/ItemShop.json", "ItemShop", query):
                for row in rows:
                    shown[Cell(str(row.get("itemID")), str(row.get("shopID")))] = units_in(row, "qoh")
        return shown

    async def _register(self, shop: str) -> str:
        """The register of a shop: the configured one, or its first. Raises `Unreachable` where it has none."""
        if not self._registers:
            async for rows in self._client.pages("/Register.json", "Register", {"sort": "registerID"}):
                for row in rows:
                    self._registers.setdefault(ident_in(row, "shopID"), ident_in(row, "registerID"))
            self._registers |= self._client.settings.registers
        if shop not in self._registers:
            raise Unreachable(f"shop {shop} has no register: configure one")
        return self._registers[shop]


def reference_of(batch: Sequence[Due]) -> str:
    """The reference number of a write: the same levels from the same stock have the same one, whoever tells them
    when.
    """
    content = sorted(
        (*one.cell, one.delta, one.target.wanted, one.target.own, one.target.offset) for one in batch
    )
    return PUSHED + hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]
