"""The account's books: tables with NetSuite's own columns in SQLite, so that SuiteQL is answered by executing it.

What differs between the dialects is little: a table named by a keyword, and two functions for dates. Columns that are not
here are refused, as NetSuite refuses those a role cannot see.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

SCHEMA = """
CREATE TABLE item (id INTEGER PRIMARY KEY, itemid, itemtype);
CREATE TABLE location (id INTEGER PRIMARY KEY, name, subsidiary);
CREATE TABLE "transaction" (
  id INTEGER PRIMARY KEY, type, status, externalid, createddate, lastmodifieddate, trandate, entity INTEGER, customform INTEGER);
CREATE TABLE customer (id INTEGER PRIMARY KEY, category INTEGER);
CREATE TABLE transactionline (
  uniquekey INTEGER PRIMARY KEY AUTOINCREMENT, "transaction" INTEGER, id INTEGER, item INTEGER, itemtype, location INTEGER,
  quantity NUMERIC, quantityshiprecv NUMERIC DEFAULT 0, isclosed DEFAULT 'F', isinventoryaffecting DEFAULT 'F',
  iscogs DEFAULT 'F', dropship DEFAULT 'F', mainline DEFAULT 'F', taxline DEFAULT 'F', createdfrom INTEGER,
  class INTEGER);
CREATE INDEX by_change ON "transaction" (lastmodifieddate, id);
CREATE UNIQUE INDEX by_external ON "transaction" (type, externalid);
CREATE INDEX by_transaction ON transactionline ("transaction");
CREATE INDEX by_cell ON transactionline (item, location);
CREATE TABLE opening (item INTEGER, location INTEGER, quantity INTEGER, PRIMARY KEY (item, location));
CREATE VIEW cell AS
  SELECT item, location, SUM(held) AS onhand, SUM(asked) AS demand FROM (
    SELECT item, location, quantity AS held, 0 AS asked FROM opening
    UNION ALL
    SELECT item, location, quantity, 0 FROM transactionline WHERE isinventoryaffecting = 'T'
    UNION ALL
    SELECT l.item, l.location, 0, MAX(0, -l.quantity - l.quantityshiprecv)
    FROM transactionline l JOIN "transaction" t ON t.id = l."transaction"
    WHERE t.type IN ('SalesOrd', 'TrnfrOrd') AND t.status NOT IN ('A', 'C', 'H')
      AND l.isclosed = 'F' AND l.dropship = 'F' AND l.quantity < 0)
  WHERE item IN (SELECT id FROM item WHERE itemtype IN ('InvtPart', 'Assembly')) AND location IS NOT NULL
  GROUP BY item, location;
CREATE VIEW inventoryitemlocations AS
  SELECT item, location, onhand AS quantityonhand, MIN(demand, MAX(0, onhand)) AS quantitycommitted,
    onhand - MIN(demand, MAX(0, onhand)) AS quantityavailable,
    demand - MIN(demand, MAX(0, onhand)) AS quantitybackordered
  FROM cell;
"""

KEYWORD = re.compile(r"\btransaction\b")
STAMP = "%Y-%m-%d %H:%M:%S"


class Posted(NamedTuple):
    """A line to post: an item's name, where, and how many. `affecting` ones move stock."""

    sku: str
    location: str | None
    quantity: float
    affecting: bool = False
    dropship: bool = False


def made_up(kind: str, name: str) -> int:
    """An internal id that follows from a name."""
    return int(hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()[:7], 16) + 1


class Books:
    """The tables, and what is written into them. Ids of transactions begin at the clock, so a new run repeats none."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._next = time.time_ns() // 1_000_000
        self._db = sqlite3.connect(":memory:")
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)
        self._db.create_function("TO_CHAR", 2, lambda value, _form: value, deterministic=True)
        self._db.create_function("TO_DATE", 2, lambda value, _form: value, deterministic=True)

    def select(self, query: str) -> list[dict[str, Any]]:
        """A query's rows as SuiteQL gives them: strings, lower case, without nulls. Raises `sqlite3.Error`."""
        found = self._db.execute(KEYWORD.sub('"transaction"', query))
        return [
            {name.lower(): _text(row[name]) for name in row.keys() if row[name] is not None}  # noqa: SIM118
            for row in found
        ]

    def add_item(self, sku: str, itemtype: str) -> int:
        """An item, if it is new."""
        ident = made_up("item", sku)
        self._db.execute("INSERT OR IGNORE INTO item VALUES (?, ?, ?)", (ident, sku, itemtype))
        return ident

    def add_location(self, name: str, subsidiary: str) -> int:
        """A location, if it is new."""
        ident = made_up("location", name)
        self._db.execute("INSERT OR IGNORE INTO location VALUES (?, ?, ?)", (ident, name, subsidiary))
        return ident

    def open(self, item: int, location: int, quantity: int) -> None:
        """Stock from before all transactions."""
        self._db.execute("INSERT OR REPLACE INTO opening VALUES (?, ?, ?)", (item, location, quantity))

    def post(
        self,
        kind: str,
        lines: Iterable[Posted],
        *,
        at: datetime,
        status: str = "",
        externalid: str | None = None,
        source: int | None = None,
    ) -> int:
        """A new transaction with its main line. Raises `sqlite3.IntegrityError` for a known external id."""
        ident = self._next
        local = self.local(at)
        self._db.execute(
            'INSERT INTO "transaction" (id, type, status, externalid, createddate, lastmodifieddate, trandate)'
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (ident, kind, status or None, externalid, local, local, local[:10]),
        )
        self._next += 1
        lines = list(lines)
        place = next((made_up("location", line.location) for line in lines if line.location), None)
        self._db.execute(
            'INSERT INTO transactionline ("transaction", id, mainline, location, createdfrom) VALUES (?, 0, ?, ?, ?)',
            (ident, "T", place, source),
        )
        for number, line in enumerate(lines, start=1):
            self._add(ident, number, line, source)
        return ident

    def _add(self, ident: int, number: int, line: Posted, source: int | None) -> None:
        item = made_up("item", line.sku)
        held = self.one("SELECT itemtype FROM item WHERE id = ?", item)
        location = None if line.location is None else made_up("location", line.location)
        self._db.execute(
            'INSERT INTO transactionline ("transaction", id, item, itemtype, location, quantity,'
            " isinventoryaffecting, dropship, createdfrom) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(ident, number, item, held["itemtype"] if held else "InvtPart", location, line.quantity),
                *(_flag(line.affecting), _flag(line.dropship), source),
            ),
        )

    def write(self, statement: str, *values: Any) -> None:
        """Changes rows, as a hand in the account does."""
        self._db.execute(statement, values)

    def one(self, query: str, *values: Any) -> sqlite3.Row | None:
        """One row of the tables themselves."""
        found: sqlite3.Row | None = self._db.execute(query, values).fetchone()
        return found

    def all(self, query: str, *values: Any) -> Sequence[sqlite3.Row]:
        """Rows of the tables themselves."""
        return self._db.execute(query, values).fetchall()

    def close_line(self, ident: int, line: int, *, closed: bool) -> None:
        """Closes a line of an order; the order is closed (`H`) with the last of them [inferred]."""
        self.write(
            'UPDATE transactionline SET isclosed = ? WHERE "transaction" = ? AND id = ?',
            *(_flag(closed), ident, line),
        )
        lines = self.all('SELECT isclosed FROM transactionline WHERE "transaction" = ? AND id > 0', ident)
        if all(row["isclosed"] == "T" for row in lines):
            self.write('UPDATE "transaction" SET status = ? WHERE id = ?', "H", ident)

    def touch(self, ident: int, at: datetime) -> None:
        """The transaction was changed."""
        self.write('UPDATE "transaction" SET lastmodifieddate = ? WHERE id = ?', self.local(at), ident)

    def local(self, at: datetime) -> str:
        """An instant as the account writes it."""
        return at.astimezone(self._zone).strftime(STAMP)

    def close(self) -> None:
        """Gives the memory back."""
        self._db.close()


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _flag(value: bool) -> str:
    return "T" if value else "F"
