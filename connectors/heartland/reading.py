"""How a document becomes whole: its lines and parts are read one by one, because a list has heads only.

One call after the other: Heartland answers 429 to calls at the same time (seen by one client).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.contract import Payload
from connectors.errors import Unreachable
from connectors.heartland import allowlist as paths
from connectors.heartland.allowlist import cut
from connectors.heartland.api import Api, Row
from connectors.heartland.settings import HeartlandSettings
from connectors.links import OURS

REASONS = "reason_codes/inventory_adjustment_reasons"


class Part(NamedTuple):
    """Where the parts of a whole are, and under which name they stand in it."""

    whole: str
    path: str
    name: str


SALE = Part(paths.ORDERS, paths.INVOICES, "invoices")
SUPPLY = Part(paths.PURCHASES, paths.RECEIPTS, "receipts")
WHOLES = {part.whole: part for part in (SALE, SUPPLY)}
PARTS = {part.path: part for part in (SALE, SUPPLY)}


class Reader:
    """Reads documents whole."""

    def __init__(self, api: Api, settings: HeartlandSettings) -> None:
        self._api, self._settings = api, settings
        self._ours: int | None = None
        self._special: Mapping[str, Callable[[Row], Awaitable[dict[str, Any]]]] = {
            paths.TICKETS: self._ticket,
            paths.TRANSFERS: self._transfer,
            paths.ADJUSTMENTS: self._adjustment,
            paths.COUNTS: self._count,
        }

    async def payloads(self, path: str, rows: Sequence[Row]) -> list[Payload]:
        """The whole documents behind the rows of a list. A part is told with its whole, each whole once."""
        found: list[Payload] = []
        told: set[int] = set()
        for row in rows:
            part = PARTS.get(path)
            order = row.get("order_id") if part else None
            if part is None or order is None:
                found.append(Payload(path, cut(path, await self._document(path, row))))
            elif order not in told:
                told.add(order)
                found.append(await self._whole_of(part, order, row))
        return found

    async def _whole_of(self, part: Part, order: int, row: Row) -> Payload:
        """The whole of a part; the part alone where its whole is gone."""
        head = await self._api.get(f"{part.whole}/{order}")
        if head is None:
            return Payload(part.path, cut(part.path, await self._document(part.path, row)))
        return Payload(part.whole, cut(part.whole, await self._document(part.whole, head)))

    async def _document(self, path: str, row: Row) -> Row:
        special = self._special.get(path)
        if special is not None:
            return {**row, **await special(row)}
        whole = {**row, "lines": await self._lines(path, row)}
        if path in WHOLES:
            part = WHOLES[path]
            heads = await self._api.rows(part.path, order_id=row["id"])
            whole[part.name] = [{**head, "lines": await self._lines(part.path, head)} for head in heads]
        return whole

    async def _lines(self, path: str, row: Row) -> list[Row]:
        return await self._api.rows(f"{path}/{row['id']}/lines")

    async def _ticket(self, row: Row) -> dict[str, Any]:
        """A return is told with the reference of the order, or the ticket, that sold its goods.

        That a return names an invoice by the invoice's own id is inferred from "transaction" in `parent_transaction_id`.
        """
        found: dict[str, Any] = {"lines": await self._lines(paths.TICKETS, row)}
        parent = row.get("parent_transaction_id")
        if parent is not None:
            sold = await self._api.get(f"{paths.INVOICES}/{parent}") or await self._api.get(
                f"{paths.TICKETS}/{parent}"
            )
            if sold is not None and sold.get("order_id") is not None:
                sold = await self._api.get(f"{paths.ORDERS}/{sold['order_id']}")
            found["sold_as"] = sold
        return found

    async def _transfer(self, row: Row) -> dict[str, Any]:
        path = f"{paths.TRANSFERS}/{row['id']}/events"
        events = await self._api.rows(path)
        return {"events": [{**event, "lines": await self._lines(path, event)} for event in events]}

    async def _adjustment(self, row: Row) -> dict[str, Any]:
        """The lines, and whether we wrote them: by our reason, or by our reference should the reason have changed."""
        reason, reference = await self.our_reason(), row.get(self._settings.reference_field)
        ours = reason is not None and row.get("adjustment_reason_id") == reason
        lines = await self._lines(paths.ADJUSTMENTS, row)
        return {"lines": lines, "ours": ours or str(reference or "").startswith(OURS)}

    async def _count(self, row: Row) -> dict[str, Any]:
        """The lines of all batches; of a full count also the items at its location that no line names."""
        path = f"{paths.COUNTS}/{row['id']}/batches"
        batches = await self._api.rows(path)
        lines = [line for batch in batches for line in await self._lines(path, batch)]
        here = row.get("location_id")
        if row.get("scope") != "full" or here is None or str(row.get("status")).lower() != "accepted":
            return {"lines": lines}
        counted = {line.get("item_id") for line in lines}
        there = [value async for values, _ in self._api.values(location_id=here) for value in values]
        named = {value["item_id"] for value in there} - counted
        return {"lines": lines, "uncounted": [{"item_id": item} for item in sorted(named)]}

    async def our_reason(self) -> int | None:
        """The id of our adjustment reason; None where the account has none of that name."""
        if self._ours is None:
            rows = await self._api.rows(REASONS)
            named = [row["id"] for row in rows if row.get("name") == self._settings.reason]
            if len(named) > 1:
                raise Unreachable(f"{len(named)} adjustment reasons are called {self._settings.reason!r}")
            self._ours = named[0] if named else None
        return self._ours


FEEDS = (
    paths.TICKETS,
    paths.ORDERS,
    paths.INVOICES,
    paths.PURCHASES,
    paths.RECEIPTS,
    paths.VENDOR_RETURNS,
    paths.TRANSFERS,
    paths.ADJUSTMENTS,
    paths.COUNTS,
)
"""The lists that are polled."""
