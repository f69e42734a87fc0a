"""Tells Heartland levels by adjustment sets: signed lines under a reason of our own, which count once the set is complete.

There is no absolute write that keeps concurrent sales (a full count overwrites a whole location, hours later), no batch of
lines, and no idempotency key. But a set is written in two steps, and until the second nothing moves [inferred]. So a set
carries our reference, made from exactly what is told, and before anything is written we look for it: a complete one has
done it, a pending one is gone on with. Where the answer to the last step is lost, the set itself says what became of it.

A push that is asked for again, word for word, after somebody undid it by hand is answered as done. His adjustment is a
document like any other: it makes the number a new one, which has another reference.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

import orjson
from multidict import MultiDict

from connectors.contract import Answer, Client, Seen, Target
from connectors.differences import Cell, Due, cell_of, differences, pushed, refused, written
from connectors.directory import Directory
from connectors.errors import Unreachable
from connectors.heartland.allowlist import ADJUSTMENTS
from connectors.heartland.api import Row, available, checked, created, said
from connectors.heartland.client import HeartlandClient
from connectors.heartland.fields import STATUSES, Stage
from connectors.links import OURS

BATCH_MAX = 50
"""Targets of one call. Every line is a request of its own, and clients that sent them at the same time were refused."""

LOOKED_AT = 50
"""How many of the newest sets under our reason at a location are searched for a reference."""

WRONG = frozenset({400, 404, 422})
"""Answers to a request that is not acceptable."""


class HeartlandSink:
    """Adjusts levels."""

    batch_max = BATCH_MAX

    def __init__(self, client: Client) -> None:
        assert isinstance(client, HeartlandClient)
        self._client, self._api = client, client.api
        self._keeps_reference = False

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What Heartland shows: on hand less committed, which may hold documents that we have not seen."""
        cells = [cell_of(target, directory) for target in targets]
        shown = await self._shown([cell for cell in cells if cell is not None])
        return [
            Seen(None) if cell is None else Seen(available(shown[cell]) if cell in shown else 0)
            for cell in cells
        ]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Adjusts every cell by what it lacks, one set for each location. Raises `SlowDown` if nothing was done."""
        answers, due = differences(targets, directory, "Heartland has no such item or location")
        due.sort(key=lambda one: int(one.cell.place))
        sets = [list(rows) for _, rows in groupby(due, key=lambda one: one.cell.place)]
        return answers + await written(sets, self._adjust, "Heartland")

    async def _shown(self, cells: Sequence[Cell]) -> dict[Cell, Row]:
        if not cells:
            return {}
        items = sorted({int(cell.item) for cell in cells})
        pages = self._api.values(item_id={"$in": items})
        return {
            Cell(str(row["item_id"]), str(row["location_id"])): row async for rows, _ in pages for row in rows
        }

    async def _adjust(self, rows: Sequence[Due]) -> list[Answer]:
        """Makes one set, or goes on with it, and sees it completed."""
        location = int(rows[0].cell.place)
        reference = _reference(location, rows)
        held = await self._find(location, reference)
        if held is not None and _stage(held) is Stage.DONE:
            return [pushed(row, str(held["id"])) for row in rows]
        number = await self._begin(location, reference) if held is None else int(held["id"])
        there = Counter[str]()
        if held is not None:
            for line in await self._api.rows(f"{ADJUSTMENTS}/{number}/lines"):
                there[str(line["item_id"])] += int(line["qty"])
        answers = await self._add_lines(number, [row for row in rows if row.cell.item not in there])
        kept = [row for row in rows if row.target not in {answer.target for answer in answers}]
        return [*answers, *(await self._complete(number, kept) if kept else ())]

    async def _find(self, location: int, reference: str) -> Row | None:
        """Our set with this reference: a complete one, else a pending one."""
        field = self._client.settings.reference_field
        wanted = {"adjustment_reason_id": await self._reason(), "location_id": location}
        query = MultiDict({"per_page": str(LOOKED_AT), "sort[]": "id,desc"})
        query["_filter"] = orjson.dumps(wanted).decode()
        found = [row for row in await self._api.page(ADJUSTMENTS, query) if row.get(field) == reference]
        for stage in (Stage.DONE, Stage.PENDING):
            for row in found:
                if _stage(row) is stage:
                    return row
        return None

    async def _begin(self, location: int, reference: str) -> int:
        """A new set. The first is read back: one that does not keep our reference could be made twice."""
        field = self._client.settings.reference_field
        body = {
            "adjustment_reason_id": await self._reason(),
            "location_id": location,
            field: reference,
        }
        number = created(await self._api.create(ADJUSTMENTS, body))
        if not self._keeps_reference:
            made = await self._api.get(f"{ADJUSTMENTS}/{number}")
            if made is None or made.get(field) != reference:
                raise Unreachable(
                    f"Heartland does not keep {field} of an adjustment set: configure reference_field"
                )
            self._keeps_reference = True
        return number

    async def _add_lines(self, number: int, rows: Sequence[Due]) -> list[Answer]:
        """Adds lines one by one. Answers for those that Heartland does not accept.

        What an item costs there goes with its line, as clients send it, so that its stock is not valued anew.
        """
        answers: list[Answer] = []
        shown = await self._shown([row.cell for row in rows])
        for row in rows:
            cost = shown.get(row.cell, {}).get("unit_cost")
            line = {"item_id": int(row.cell.item), "qty": row.delta}
            body = line if cost is None else {**line, "unit_cost": cost}
            reply = await self._api.create(f"{ADJUSTMENTS}/{number}/lines", body)
            if reply.status in WRONG:
                answers.append(refused(row.target, said(reply)))
            else:
                checked(reply)
        return answers

    async def _complete(self, number: int, rows: Sequence[Due]) -> list[Answer]:
        """Completes a set and looks whether it is: the answer may be lost, and Heartland ignores some requests (help page)."""
        with suppress(Unreachable):
            reply = await self._api.change(f"{ADJUSTMENTS}/{number}", {"status": "complete"})
            if reply.status in WRONG:
                return [refused(row.target, said(reply)) for row in rows]
        made = await self._api.get(f"{ADJUSTMENTS}/{number}")
        if made is None or _stage(made) is not Stage.DONE:
            raise Unreachable(f"Heartland did not complete adjustment set {number}")
        return [pushed(row, str(number)) for row in rows]

    async def _reason(self) -> int:
        found = await self._client.reader.our_reason()
        if found is None:
            name = self._client.settings.reason
            raise Unreachable(f"Heartland has no inventory adjustment reason {name!r}: make one")
        return found


def _reference(location: int, rows: Sequence[Due]) -> str:
    """The same for the same numbers, another for any other."""
    told = sorted(
        (int(row.cell.item), row.target.wanted, row.target.expected, row.target.own, row.target.offset)
        for row in rows
    )
    return OURS + hashlib.sha256(repr((location, told)).encode()).hexdigest()[:24]


def _stage(row: Row) -> Stage | None:
    return STATUSES.get(str(row.get("status")).lower())
