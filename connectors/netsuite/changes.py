"""What changed in NetSuite since a cursor: whole transactions, with what they were made from.

The cursor is the date and id of the last change seen, in NetSuite's own writing and zone, so that it can be asked for
again. A poll starts `poll_overlap` seconds earlier. What the caller has taken before (it came back for the next page) is not
handed out again, once no other change can have the same second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.contract import Payload
from connectors.errors import Unreachable
from connectors.netsuite import kinds, queries
from connectors.netsuite.allowlist import TRANSACTION, cut
from connectors.netsuite.answers import Row, ident, listed, more, number
from connectors.netsuite.wholesale import Verdicts

if TYPE_CHECKING:
    from connectors.netsuite.client import NetSuiteClient

EVER = datetime(1990, 1, 1)  # noqa: DTZ001  # in NetSuite's own zone, whichever that is
FORMAT = "%Y-%m-%d %H:%M:%S"

TOGETHER = 200
"""Transactions read at once; a list in a query holds at most 1,000."""

GENERATIONS = 4
"""How far back origins are followed: receipt, return, invoice, sales order."""

SAME_SECOND = timedelta(seconds=2)

OUTBOUND = frozenset({"SalesOrd", "TrnfrOrd"})
"""Orders that take their units off what is available as long as they are open."""


class Changes:
    """The polls of one client."""

    def __init__(self, client: NetSuiteClient) -> None:
        self._client, self._settings = client, client.settings
        self._verdicts = Verdicts(client)
        self._taken: dict[str, str] = {}

    async def since(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Documents by change, each page with the cursor after it. Raises `SlowDown`, `Unreachable`."""
        reached = cursor or ""
        stamp, after = self._start(cursor), 0
        again = {} if cursor is None else self._taken
        self._taken = {name: at for name, at in again.items() if at >= stamp}
        while True:
            reply = await self._client.ask(queries.changed(stamp, after))
            rows, now = listed(reply), reply.answered_at
            if not rows:
                return
            for start in range(0, len(rows), TOGETHER):
                page = rows[start : start + TOGETHER]
                fresh = [row for row in page if self._taken.get(str(row.get("id"))) != row.get("modified")]
                payloads = await self._whole(fresh, now) if fresh else []
                reached = max(reached, f"{_stamp(page[-1])}|{number(page[-1], 'id'):018d}")
                if payloads:
                    yield payloads, reached
                self._take(fresh, now)
            if not more(reply):
                return
            stamp, after = _stamp(rows[-1]), number(rows[-1], "id")

    def _start(self, cursor: str | None) -> str:
        """The stamp from which a poll begins."""
        if cursor is not None:
            at = datetime.strptime(cursor.partition("|")[0], FORMAT)  # noqa: DTZ007  # NetSuite's own zone
            return (at - timedelta(seconds=self._settings.poll_overlap)).strftime(FORMAT)
        since = self._settings.since
        return (EVER if since is None else since.astimezone(self._settings.zone)).strftime(FORMAT)

    def _take(self, rows: Iterable[Row], now: datetime) -> None:
        for row in rows:
            if utc(_stamp(row), self._settings.zone, now) + SAME_SECOND < now:
                self._taken[ident(row, "id")] = _stamp(row)

    async def _whole(self, heads: Sequence[Row], now: datetime) -> list[Payload]:
        """These transactions with their lines and origins, without what is in the opening stock already."""
        lines = await self._lines([ident(head, "id") for head in heads])
        made_from = {name: source for name, its in lines.items() if (source := _source(its)) is not None}
        known = await self._ancestors(made_from.values())
        chains = {name: list(_chain(made_from.get(name), known)) for name in (ident(h, "id") for h in heads)}
        families = {name: [ident(row, "id") for row in chain] for name, chain in chains.items()}
        verdicts = await self._verdicts.of(families)
        found = []
        for head in heads:
            own = lines.get(ident(head, "id"), [])
            # Goods that an old transfer order sent have left the opening stock of their origin already.
            origins = [
                {**row, "origin": None} if self._old(row, now) else row for row in chains[ident(head, "id")]
            ]
            created = utc(_stamp(head, "created"), self._settings.zone, now)
            if self._opened(head, created, origins, now):
                continue
            body = {
                **head,
                **verdicts.get(ident(head, "id"), {}),
                "created": created.isoformat(),
                "modified": utc(_stamp(head), self._settings.zone, now).isoformat(),
                "location": _header(own),
                "lines": [row for row in own if not _is_main(row)],
                "origins": origins,
            }
            found.append(Payload(TRANSACTION, cut(TRANSACTION, body)))
        return found

    def _opened(self, head: Row, created: datetime, origins: Sequence[Row], now: datetime) -> bool:
        """Whether the opening stock holds what a transaction says (`NetSuiteSettings.since`)."""
        if self._settings.began_before(created):
            return True
        carries_out = (
            head.get("type") in kinds.CARRY_OUT and bool(origins) and origins[0].get("type") in OUTBOUND
        )
        return carries_out and self._old(origins[0], now)

    def _old(self, row: Row, now: datetime) -> bool:
        return self._settings.began_before(utc(_stamp(row, "created"), self._settings.zone, now))

    async def _lines(self, transactions: Sequence[str]) -> dict[str, list[Row]]:
        """The lines of these transactions, by transaction."""
        found: dict[str, list[Row]] = {}
        if transactions:
            wanted = sorted(transactions, key=int)
            async for rows in self._client.pages(lambda after: queries.lines(wanted, after), "uniquekey"):
                for row in rows:
                    found.setdefault(ident(row, "transaction"), []).append(row)
        return found

    async def _ancestors(self, transactions: Iterable[Any]) -> dict[str, Row]:
        """These transactions and those they were made from, by id; a transfer order with its two ends."""
        known: dict[str, Row] = {}
        wanted = {str(name) for name in transactions}
        for _ in range(GENERATIONS):
            wanted -= known.keys()
            if not wanted:
                break
            rows = listed(await self._client.ask(queries.origins(sorted(wanted, key=int))))
            known.update((ident(row, "id"), row) for row in rows)
            wanted = {str(row["createdfrom"]) for row in rows if row.get("createdfrom")}
        transfers = await self._lines([i for i, row in known.items() if row.get("type") == "TrnfrOrd"])
        for name, legs in transfers.items():
            known[name] = {**known[name], **_ends(legs)}
        return known


def _source(rows: Iterable[Row]) -> str | None:
    """What a transaction was made from: the first that a line names. A bill of several orders belongs to the first."""
    return next((str(row["createdfrom"]) for row in rows if row.get("createdfrom")), None)


def _ends(rows: Sequence[Row]) -> dict[str, Any]:
    """Where a transfer order's goods leave from and arrive, each only if it is one place: by the sign of the lines there
    [inferred: the shipping and the receiving leg are known to be lines of their own]. A leg that leaves without a place of
    its own leaves from the header's.
    """
    found = {}
    for name, leaves in (("origin", True), ("destination", False)):
        legs = [row for row in rows if row.get("quantity") and not _is_main(row)]
        legs = [row for row in legs if str(row["quantity"]).startswith("-") is leaves]
        places = {row.get("location") or (_header(rows) if leaves else None) for row in legs}
        if len(places) == 1:
            found[name] = places.pop()
    return found


def _is_main(row: Row) -> bool:
    """Whether it is the line that stands for the header."""
    return row.get("mainline") == "T"


def _header(rows: Sequence[Row]) -> Any:
    """The location in the header."""
    return next((row.get("location") for row in rows if _is_main(row)), None)


def _chain(source: Any, known: dict[str, Row]) -> Iterable[Row]:
    """What a transaction was made from, nearest first."""
    for _ in range(GENERATIONS):
        row = known.get(str(source))
        if row is None:
            return
        yield row
        source = row.get("createdfrom")


def _stamp(row: Row, name: str = "modified") -> str:
    """A date as NetSuite wrote it. Raises `Unreachable` for anything else: it came from something else."""
    found = row.get(name)
    if not isinstance(found, str) or not queries.WELL_FORMED.fullmatch(found):
        raise Unreachable(f"NetSuite answered a row whose {name} is not a date")
    return found


def utc(stamp: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The instant of a date in the account's zone.

    In the hour that an autumn night has twice it is the later one, unless that is still to come: so a later change never
    gets an earlier instant, whenever it is read.
    """
    local = datetime.strptime(stamp, FORMAT)  # noqa: DTZ007  # its zone follows
    early, late = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return late if late <= now else early
