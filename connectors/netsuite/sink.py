"""Tells NetSuite levels by inventory adjustments: signed differences, as it has no absolute write.

An adjustment is made by `POST` with an external id, which NetSuite refuses to take twice (Oracle SAFE guide, chapter 4); its
idempotency key works with asynchronous calls only. So a `POST` whose answer was lost is looked for by that id and, if it is
not there, made again under the same one. The id follows from what is told, so that the same push asked for again is the
same adjustment. Where NetSuite refuses a batch, it is split until it is known which line it means.

What NetSuite shows (`look`) is certain where our documents include its opening stock: `own` plus all our adjustments, which
are added up by their external ids. Elsewhere it is the level: available less backordered.

One gap stays open: where the same number is told again by the same knowledge and from the same level, because somebody
undid our adjustment by hand meanwhile, NetSuite refuses it as a repeat, and it is taken for made until our number moves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

from connectors.contract import Answer, Client, Seen, Target
from connectors.differences import Cell, Due, cell_of, differences, pushed, written
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from connectors.netsuite import queries
from connectors.netsuite.answers import available, ident, listed, said, whole
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.kinds import ADJUSTED

BATCH_MAX = 200
"""Lines of one adjustment; more make it slow [inferred]."""


class NetSuiteSink:
    """Adjusts levels."""

    batch_max = BATCH_MAX

    def __init__(self, client: Client) -> None:
        assert isinstance(client, NetSuiteClient)
        self._client = client

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What NetSuite shows; certain where its own list of our adjustments says it. Raises `SlowDown`, `Unreachable`."""
        cells = [cell_of(target, directory) for target in targets]
        pairs = [(target, cell) for target, cell in zip(targets, cells, strict=True) if cell]
        told = await self._told(sorted({cell for target, cell in pairs if target.opened}))
        levels = await self._levels(sorted({cell for target, cell in pairs if not target.opened}))
        return [
            Seen(None)
            if cell is None
            else Seen(target.own + told.get(cell, 0), certain=True)
            if target.opened
            else Seen(levels.get(cell, 0))
            for target, cell in zip(targets, cells, strict=True)
        ]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Adjusts every cell by what it lacks. Raises `SlowDown` if nothing was done, and `Unreachable`."""
        answers, due = differences(targets, directory, "NetSuite has no such stocked item or location")
        if due and not self._client.subsidiaries:
            await self._client.directory()
        due.sort(key=self._subsidiary)
        batches = [list(lines) for _, lines in groupby(due, key=self._subsidiary)]
        return answers + await written(batches, self._adjust, "NetSuite")

    async def _levels(self, cells: Sequence[Cell]) -> Mapping[Cell, int]:
        """The levels of these cells. One that never had stock has no row; where nothing has, a permission is lacking."""
        if not cells:
            return {}
        rows = listed(await self._client.ask(queries.levels_of(cells)))
        if not rows and not await self._any_level():
            raise Unreachable("NetSuite shows no stock levels at all: the role lacks their permission")
        return {Cell(ident(row, "item"), ident(row, "location")): available(row) for row in rows}

    async def _any_level(self) -> bool:
        rows = listed(await self._client.ask(queries.any_level()))
        return any(whole(row, "levels") for row in rows)

    async def _told(self, cells: Sequence[Cell]) -> Mapping[Cell, int]:
        """What all our adjustments of these cells come to."""
        if not cells:
            return {}
        rows = listed(await self._client.ask(queries.told(cells, ADJUSTED)))
        return {Cell(ident(row, "item"), ident(row, "location")): whole(row, "told") for row in rows}

    def _subsidiary(self, due: Due) -> str:
        """Whose location it is; empty in an account without subsidiaries."""
        return self._client.subsidiaries.get(due.cell.place) or self._client.settings.subsidiary or ""

    async def _adjust(self, batch: Sequence[Due]) -> list[Answer] | str:
        """Makes one adjustment, or says why NetSuite refuses it."""
        external = _external(batch)
        ref, reason = await self._post(external, self._body(external, batch))
        return reason if ref is None else [pushed(due, ref) for due in batch]

    async def _post(self, external: str, body: Mapping[str, object]) -> tuple[str | None, str]:
        """Makes one adjustment once, and gives its id; or none, and why NetSuite refuses it."""
        try:
            return await self._once(external, body)
        except Unreachable:
            try:
                found = await self._client.find("InvAdjst", external)
                return (found, "") if found is not None else await self._once(external, body)
            except SlowDown as wait:  # what became of the first attempt is not known
                raise Unreachable("NetSuite asked to wait while an adjustment was looked for") from wait

    async def _once(self, external: str, body: Mapping[str, object]) -> tuple[str | None, str]:
        reply = await self._client.create("inventoryAdjustment", body)
        if 200 <= reply.status < 300:
            return reply.headers.get("Location", "").rpartition("/")[2] or external, ""
        # By which code NetSuite refuses a second record of one external id is not known, so any refusal is taken for that
        # one if the record is there.
        found = await self._client.find("InvAdjst", external)
        return found, f"NetSuite answered {reply.status}: {said(reply)}"

    def _today(self) -> str:
        return datetime.now(self._client.settings.zone).date().isoformat()

    def _body(self, external: str, batch: Sequence[Due]) -> dict[str, object]:
        """An adjustment as `POST /record/v1/inventoryAdjustment` takes it (Oracle's record: account, subsidiary and
        date are required); `adjustQtyBy` is a signed difference.
        """
        subsidiary = self._subsidiary(batch[0])
        return {
            "externalId": external,
            "account": {"id": self._client.settings.adjustment_account},
            **({"subsidiary": {"id": subsidiary}} if subsidiary else {}),
            "tranDate": self._today(),
            "memo": "Onhand",
            "inventory": {
                "items": [
                    {"item": {"id": cell.item}, "location": {"id": cell.place}, "adjustQtyBy": delta}
                    for _, cell, delta in batch
                ]
            },
        }


def _external(batch: Sequence[Due]) -> str:
    """The name of an adjustment: what it tells, from what, by which knowledge."""
    told = "\n".join(
        f"{target.sku}\t{target.place}\t{target.offset}\t{target.wanted - delta}\t{target.wanted}"
        for target, _, delta in batch
    )
    return ADJUSTED + hashlib.sha256(told.encode()).hexdigest()[:32]
