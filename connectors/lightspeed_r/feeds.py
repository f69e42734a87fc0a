"""What R-Series is asked for again and again: it has no webhooks.

Sales, purchase orders and transfers come by the time of their last change, rows of the inventory log by their number. A
cursor looks a little behind itself, because times and numbers may become visible after higher ones [inferred]; what the
caller has taken before is not handed out again.

A reservation that is removed leaves no trace: its sale line is gone (docs: Cancelling a Reservation). So the cursor
also keeps which reservations are open, and a poll reads them all: what changed or is new is told, and what is gone is
told as removed. That also finds a special order whose goods have come, whose own time may not show it.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, Protocol

import orjson

from connectors.contract import Payload
from connectors.errors import Refused, Unreachable
from connectors.lightspeed_r import fields
from connectors.lightspeed_r.allowlist import LOG, ORDER, RESERVATION, SALE, TRANSFER, cut
from connectors.lightspeed_r.sales import State, reserved_line, state_of
from connectors.lightspeed_r.settings import LightspeedRSettings

IN_MAX = 100
"""Values of one `IN` (docs: Query Operators)."""
UNTOLD = {"saleID": "0", "transferID": "0", "orderID": "0"}
"""Of the log only the rows that no sale, transfer or purchase order is named on: those tell of themselves."""

Page = tuple[Sequence[Payload], str]
Row = Mapping[str, Any]


class Caller(Protocol):
    """What feeds need of a client."""

    settings: LightspeedRSettings
    answered_at: datetime

    def pages(self, path: str, name: str, query: Mapping[str, str]) -> AsyncIterator[list[Row]]:
        """The rows of a list, page by page."""


class Feed(NamedTuple):
    """A list that is sorted by the time of change: its address, its rows' name, and the field to sort by."""

    topic: str
    path: str
    name: str
    sort: str
    relations: str


FEEDS = (
    Feed(
        SALE,
        "/Sale.json",
        "Sale",
        "updatetime",
        '["SaleLines","SaleLines.InventorySales","SaleLines.Note"]',
    ),
    Feed(ORDER, "/Order.json", "Order", "timeStamp", '["OrderLines"]'),
    Feed(TRANSFER, "/Inventory/Transfer.json", "Transfer", "timeStamp", ""),
)


@dataclass(slots=True)
class Reached:
    """The cursor: by topic the newest time of change, the highest number of the log, and of every open reservation
    what it said (a digest) and whose it is (our reference, if it has one).
    """

    changed: dict[str, str] = field(default_factory=dict)
    log: int = 0
    open: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str | None) -> Reached:
        """The cursor from its text; None begins anew."""
        return cls() if cursor is None else cls(**orjson.loads(cursor))

    def text(self) -> str:
        """The cursor as text."""
        return orjson.dumps(asdict(self)).decode()


class Feeds:
    """All lists of one channel."""

    def __init__(self, client: Caller) -> None:
        self._client = client
        self._taken: dict[tuple[str, str], tuple[str, str]] = {}

    async def poll(self, cursor: str | None) -> AsyncIterator[Page]:
        """Documents changed since `cursor`, page by page, each with the cursor after it."""
        if cursor is None:
            self._taken.clear()
        reached = Reached.parse(cursor)
        async for page in self._reservations(reached):
            yield page
        for feed in FEEDS:
            async for page in self._changed(feed, reached):
                yield page
        async for page in self._log(reached):
            yield page

    async def _changed(self, feed: Feed, reached: Reached) -> AsyncIterator[Page]:
        query = {"archived": "true", "sort": feed.sort}
        since = reached.changed.get(feed.topic)
        start = ""
        if since is not None:
            behind = timedelta(seconds=self._client.settings.poll_overlap)
            start = (datetime.fromisoformat(since) - behind).isoformat()
            query[feed.sort] = f">=,{start}"
        if feed.relations:
            query["load_relations"] = feed.relations
        self._forget(feed.topic, start)
        async for rows in self._client.pages(feed.path, feed.name, query):
            found: list[tuple[str, Payload]] = []
            for row in rows:
                stamp = _stamp(row, feed)
                found += [(stamp, payload) for payload in await self._documents(feed, row, reached)]
                reached.changed[feed.topic] = max(stamp, reached.changed.get(feed.topic, stamp))
            fresh = self._fresh(found)
            if fresh:
                yield [payload for _, payload in fresh], reached.text()
            self._take(fresh)

    async def _documents(self, feed: Feed, row: Row, reached: Reached) -> list[Payload]:
        """The documents in a row: a transfer with its items, a sale with the reservations that it carries out."""
        if feed.topic == TRANSFER:
            path = f"/Inventory/Transfer/{row['transferID']}/TransferItems.json"
            pages = self._client.pages(path, "TransferItem", {})
            items = [item async for page in pages for item in page]
            row = {**row, "TransferItems": {"TransferItem": items}}
        found = [Payload(feed.topic, cut(feed.topic, row))]
        if feed.topic == SALE:
            for line in _reserved(row):
                found.append(Payload(RESERVATION, cut(RESERVATION, {**line, "Sale": row})))
                if _over(row):
                    reached.open.pop(str(line.get("saleLineID")), None)
        return found

    async def _reservations(self, reached: Reached) -> AsyncIterator[Page]:
        """Every reservation that is in no sale yet: `saleID` is 0 (docs: SaleLine). They are told again only if they
        changed.
        """
        missing = dict(reached.open)
        query = {"saleID": "0", "sort": "saleLineID", "load_relations": '["InventorySales","Note"]'}
        async for rows in self._client.pages("/SaleLine.json", "SaleLine", query):
            changed: list[Payload] = []
            for row in rows:
                payload = Payload(RESERVATION, cut(RESERVATION, row))
                ident = _key(payload)[1]
                known = missing.pop(ident, None)
                if known is None:
                    reached.open[ident] = "", str(fields.part(payload.body, "Note").get("note") or "")
                if known is None or known[0] != _digest(payload):
                    changed.append(payload)
            if changed:
                yield (
                    [],
                    reached.text(),
                )  # remembered before it is told: its end may come before the next cursor is kept
                for payload in changed:
                    ident = _key(payload)[1]
                    reached.open[ident] = _digest(payload), reached.open[ident][1]
                yield changed, reached.text()
        idents = iter(list(missing))
        while some := list(islice(idents, IN_MAX)):
            async for page in self._removed(some, reached):
                yield page

    async def _removed(self, idents: Sequence[str], reached: Reached) -> AsyncIterator[Page]:
        """Of reservations that are no longer waiting, those that are gone; the others are in a sale, which tells of
        them.
        """
        query = {"saleLineID": f"IN,[{','.join(idents)}]"}
        there: set[str] = set()
        async for rows in self._client.pages("/SaleLine.json", "SaleLine", query):
            there |= {str(row.get("saleLineID")) for row in rows}
        payloads = []
        for ident in idents:
            if ident not in there:
                _, note = reached.open.pop(ident)
                body = {"saleLineID": ident, "removedTime": self._client.answered_at.isoformat()}
                payloads.append(Payload(RESERVATION, {**body, **({"Note": {"note": note}} if note else {})}))
        if payloads:
            yield payloads, reached.text()

    async def _log(self, reached: Reached) -> AsyncIterator[Page]:
        start = max(0, reached.log - self._client.settings.log_overlap)
        self._forget(LOG, f"{start:020}")
        query = {**UNTOLD, "sort": "inventoryLogID", "inventoryLogID": f">,{start}"}
        async for rows in self._client.pages("/InventoryLog.json", "InventoryLog", query):
            numbers = [_number(row) for row in rows]
            reached.log = max(reached.log, *numbers)
            fresh = self._fresh(
                [(f"{n:020}", Payload(LOG, cut(LOG, row))) for n, row in zip(numbers, rows, strict=True)]
            )
            if fresh:
                yield [payload for _, payload in fresh], reached.text()
            self._take(fresh)

    def _fresh(self, found: Sequence[tuple[str, Payload]]) -> list[tuple[str, Payload]]:
        """What the caller has not taken yet, or said something else then."""
        return [
            (stamp, payload)
            for stamp, payload in found
            if self._taken.get(_key(payload), ("", ""))[1] != _digest(payload)
        ]

    def _take(self, fresh: Sequence[tuple[str, Payload]]) -> None:
        self._taken.update({_key(payload): (stamp, _digest(payload)) for stamp, payload in fresh})

    def _forget(self, topic: str, start: str) -> None:
        """What lies before the start of a look back is never asked for again."""
        topics = (SALE, RESERVATION) if topic == SALE else (topic,)
        self._taken = {
            key: taken for key, taken in self._taken.items() if key[0] not in topics or taken[0] >= start
        }


def _reserved(sale: Row) -> list[Row]:
    """The reservations in a sale; of a sale that cannot be read none, because it is refused itself."""
    try:
        return [line for line in fields.children(sale, "SaleLines", "SaleLine") if reserved_line(line)]
    except Refused:
        return []


def _over(sale: Row) -> bool:
    """Whether the reservations in a sale are none any more: it was completed, or voided."""
    try:
        return state_of(sale)[0] is not State.OPEN
    except Refused:
        return False


def _stamp(row: Row, feed: Feed) -> str:
    """When a row last changed, in UTC."""
    try:
        return fields.instant(row, feed.sort, "updateTime", "timeStamp").isoformat()
    except Refused as error:
        raise Unreachable(f"R-Series answered a {feed.name} without a time of change") from error


def _number(row: Row) -> int:
    try:
        return int(fields.ident(row, "inventoryLogID"))
    except Refused as error:
        raise Unreachable(f"R-Series answered a row of its log without a number: {error}") from error


def _key(payload: Payload) -> tuple[str, str]:
    """The document: its topic and id."""
    names = {SALE: "saleID", RESERVATION: "saleLineID", TRANSFER: "transferID", ORDER: "orderID"}
    return payload.topic, str(payload.body.get(names.get(payload.topic, "inventoryLogID")))


def _digest(payload: Payload) -> str:
    """What a document says, in short."""
    return hashlib.blake2b(orjson.dumps(payload.body, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
