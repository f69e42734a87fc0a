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
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import orjson
from multidict import MultiDict

from connectors.contract import Answer, Client, Seen, Target
from connectors.directory import Directory
from connectors.errors import SlowDown, Unreachable
from connectors.heartland.allowlist import ADJUSTMENTS
from connectors.heartland.api import Row, available, checked, created, said
from connectors.heartland.client import HeartlandClient
from connectors.heartland.fields import STATUSES, Stage
from connectors.links import OURS
from schemas.receipts import Outcome

BATCH_MAX = 50
"""Targets of one call. Every line is a request of its own, and clients that sent them at the same time were refused."""

LOOKED_AT = 50
"""How many of the newest sets under our reason at a location are searched for a reference."""

WRONG = frozenset({400, 404, 422})
"""Answers to a request that is not acceptable."""


class Due(NamedTuple):
    """An adjustment to make: `delta` units more or less of an item."""

    target: Target
    item: int
    delta: int


class HeartlandSink:
    """Adjusts levels."""

    batch_max = BATCH_MAX

    def __init__(self, client: Client) -> None:
        assert isinstance(client, HeartlandClient)
        self._client, self._api = client, client.api
        self._keeps_reference = False

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What Heartland shows: on hand less committed, which may hold documents that we have not seen."""
        cells = [_cell(target, directory) for target in targets]
        shown = await self._shown([cell for cell in cells if cell is not None])
        return [
            Seen(None) if cell is None else Seen(available(shown[cell]) if cell in shown else 0)
            for cell in cells
        ]

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Adjusts every cell by what it lacks, one set for each location. Raises `SlowDown` if nothing was done."""
        answers: list[Answer] = []
        due: dict[int, list[Due]] = defaultdict(list)
        for target in targets:
            cell, base = _cell(target, directory), target.expected or 0
            if cell is None:
                answers.append(_refused(target, "Heartland has no such item or location"))
            elif target.wanted == base:
                answers.append(Answer(target=target, outcome=Outcome.UNCHANGED, level=base))
            else:
                due[cell[1]].append(Due(target, cell[0], target.wanted - base))
        written = False
        for location, rows in sorted(due.items()):
            try:
                answers += await self._adjust(location, rows)
            except SlowDown as wait:
                if written:  # to the caller `SlowDown` means that nothing was done
                    raise Unreachable("Heartland asked to wait between two sets") from wait
                raise
            written = True
        return answers

    async def _shown(self, cells: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Row]:
        if not cells:
            return {}
        items = sorted({item for item, _ in cells})
        pages = self._api.values(item_id={"$in": items})
        return {(row["item_id"], row["location_id"]): row async for rows, _ in pages for row in rows}

    async def _adjust(self, location: int, rows: Sequence[Due]) -> list[Answer]:
        """Makes one set, or goes on with it, and sees it completed."""
        reference = _reference(location, rows)
        held = await self._find(location, reference)
        if held is not None and _stage(held) is Stage.DONE:
            return _pushed(rows, held["id"])
        number = await self._begin(location, reference) if held is None else int(held["id"])
        there = Counter[int]()
        if held is not None:
            for line in await self._api.rows(f"{ADJUSTMENTS}/{number}/lines"):
                there[line["item_id"]] += int(line["qty"])
        refused = await self._add_lines(location, number, [row for row in rows if row.item not in there])
        kept = [row for row in rows if row.target not in {answer.target for answer in refused}]
        if not kept:
            return refused
        return [*refused, *await self._complete(number, kept)]

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

    async def _add_lines(self, location: int, number: int, rows: Sequence[Due]) -> list[Answer]:
        """Adds lines one by one. Answers for those that Heartland does not accept.

        What an item costs there goes with its line, as clients send it, so that its stock is not valued anew.
        """
        refused: list[Answer] = []
        shown = await self._shown([(row.item, location) for row in rows])
        for row in rows:
            cost = shown.get((row.item, location), {}).get("unit_cost")
            body = {"item_id": row.item, "qty": row.delta} | ({} if cost is None else {"unit_cost": cost})
            reply = await self._api.create(f"{ADJUSTMENTS}/{number}/lines", body)
            if reply.status in WRONG:
                refused.append(_refused(row.target, said(reply)))
            else:
                checked(reply)
        return refused

    async def _complete(self, number: int, rows: Sequence[Due]) -> list[Answer]:
        """Completes a set and looks whether it is: the answer may be lost, and Heartland ignores some requests (help page)."""
        with suppress(Unreachable):
            reply = await self._api.change(f"{ADJUSTMENTS}/{number}", {"status": "complete"})
            if reply.status in WRONG:
                return [_refused(row.target, said(reply)) for row in rows]
        made = await self._api.get(f"{ADJUSTMENTS}/{number}")
        if made is None or _stage(made) is not Stage.DONE:
            raise Unreachable(f"Heartland did not complete adjustment set {number}")
        return _pushed(rows, number)

    async def _reason(self) -> int:
        found = await self._client.reader.our_reason()
        if found is None:
            name = self._client.settings.reason
            raise Unreachable(f"Heartland has no inventory adjustment reason {name!r}: make one")
        return found


def _cell(target: Target, directory: Directory) -> tuple[int, int] | None:
    item, location = directory.handles.get(target.sku), directory.places.get(target.place)
    return None if item is None or location is None else (int(item), int(location))


def _reference(location: int, rows: Sequence[Due]) -> str:
    """The same for the same numbers, another for any other."""
    told = sorted(
        (row.item, row.target.wanted, row.target.expected, row.target.own, row.target.offset) for row in rows
    )
    return OURS + hashlib.sha256(repr((location, told)).encode()).hexdigest()[:24]


def _stage(row: Row) -> Stage | None:
    return STATUSES.get(str(row.get("status")).lower())


def _pushed(rows: Sequence[Due], number: int) -> list[Answer]:
    return [
        Answer(target=row.target, outcome=Outcome.PUSHED, level=row.target.wanted, ref=str(number))
        for row in rows
    ]


def _refused(target: Target, detail: str) -> Answer:
    return Answer(target=target, outcome=Outcome.REFUSED, level=target.expected or 0, detail=detail)
