"""The SuiteQL that is ever sent. Every list is in the order of a unique key and goes on after the last one seen.

Paging by offset without such an order drops and repeats rows silently, and a query ends after 100,000 rows; so each page is
a query of its own. There is no `LIMIT`: the page's size is a parameter of the call. Dates are written out, because the
default follows the user's own format. Ids and stamps that stand in a query were checked to be nothing else.
"""

# ruff: noqa: S608  # SuiteQL over REST takes no parameters: what stands in a query was checked, or is escaped

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.netsuite.kinds import TYPES

STAMP = "YYYY-MM-DD HH24:MI:SS"
WELL_FORMED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


def items(after: int) -> str:
    """Items of every type, by id."""
    return f"SELECT i.id, i.itemid, i.itemtype FROM item i WHERE i.id > {after:d} ORDER BY i.id"


def locations(after: int) -> str:
    """Locations, by id."""
    return f"SELECT l.id, l.name, l.subsidiary FROM location l WHERE l.id > {after:d} ORDER BY l.id"


def levels(item: int, location: int) -> str:
    """Levels after those of this item at this location."""
    return (
        "SELECT ail.item, ail.location, ail.quantityavailable, ail.quantitybackordered"
        " FROM inventoryitemlocations ail"
        f" WHERE ail.item > {item:d} OR (ail.item = {item:d} AND ail.location > {location:d})"
        " ORDER BY ail.item, ail.location"
    )


def levels_of(cells: Iterable[tuple[str, str]]) -> str:
    """Levels of these items at these locations; a cell that never had stock has no row."""
    wanted = " OR ".join(f"(ail.item = {int(i)} AND ail.location = {int(p)})" for i, p in cells)
    return (
        "SELECT ail.item, ail.location, ail.quantityavailable, ail.quantitybackordered"
        f" FROM inventoryitemlocations ail WHERE {wanted} ORDER BY ail.item, ail.location"
    )


def any_level() -> str:
    """How many levels there are at all."""
    return "SELECT COUNT(ail.item) AS levels FROM inventoryitemlocations ail"


def changed(stamp: str, after: int) -> str:
    """Transactions changed at a stamp or later, in the order of change; of those at the stamp only ids above `after`."""
    if not WELL_FORMED.fullmatch(stamp):
        raise ValueError("the stamp is not one")
    at = f"TO_DATE('{stamp}', '{STAMP}')"
    names = ", ".join(f"'{name}'" for name in TYPES)
    return (
        "SELECT t.id, t.type, t.status, t.externalid,"
        f" TO_CHAR(t.createddate, '{STAMP}') AS created, TO_CHAR(t.lastmodifieddate, '{STAMP}') AS modified"
        f" FROM transaction t WHERE t.type IN ({names})"
        f" AND (t.lastmodifieddate > {at} OR (t.lastmodifieddate = {at} AND t.id > {after:d}))"
        " ORDER BY t.lastmodifieddate, t.id"
    )


def lines(transactions: Iterable[str], after: int) -> str:
    """Lines of these transactions, by unique key, and their main lines, which hold what the header says.

    `createdfrom` and `location` stand on lines, not on the transaction.
    """
    return (
        "SELECT tl.transaction, tl.uniquekey, tl.item, tl.itemtype, tl.location, tl.quantity, tl.quantityshiprecv,"
        " tl.isclosed, tl.isinventoryaffecting, tl.iscogs, tl.dropship, tl.mainline, tl.createdfrom"
        f" FROM transactionline tl WHERE tl.transaction IN ({_ids(transactions)})"
        f" AND tl.taxline = 'F' AND (tl.mainline = 'T' OR tl.item IS NOT NULL) AND tl.uniquekey > {after:d}"
        " ORDER BY tl.uniquekey"
    )


def origins(transactions: Iterable[str]) -> str:
    """What these transactions are, and what they were made from themselves."""
    return (
        f"SELECT t.id, t.type, t.externalid, TO_CHAR(t.createddate, '{STAMP}') AS created,"
        " MIN(tl.createdfrom) AS createdfrom"
        f" FROM transaction t JOIN transactionline tl ON tl.transaction = t.id WHERE t.id IN ({_ids(transactions)})"
        " GROUP BY t.id, t.type, t.externalid, t.createddate ORDER BY t.id"
    )


def told(cells: Iterable[tuple[str, str]], prefix: str) -> str:
    """The sum of all our stock adjustments of these items at these locations."""
    wanted = " OR ".join(f"(tl.item = {int(i)} AND tl.location = {int(p)})" for i, p in cells)
    return (
        "SELECT tl.item, tl.location, SUM(tl.quantity) AS told"
        " FROM transactionline tl JOIN transaction t ON t.id = tl.transaction"
        f" WHERE t.type = 'InvAdjst' AND t.externalid LIKE {_text(prefix + '%')}"
        f" AND tl.isinventoryaffecting = 'T' AND ({wanted})"
        " GROUP BY tl.item, tl.location ORDER BY tl.item, tl.location"
    )


def named(kind: str, external: str) -> str:
    """The transaction of a type with this external id."""
    return (
        "SELECT t.id FROM transaction t"
        f" WHERE t.type = {_text(kind)} AND t.externalid = {_text(external)} ORDER BY t.id"
    )


def numbered(kind: str, reference: str) -> str:
    """The transactions of a type whose external id is a reference, or begins with it and a number, and where they are for. Names
    with signs that SQL takes for any sign find more than that.
    """
    either = f"t.externalid = {_text(reference)} OR t.externalid LIKE {_text(reference + ';%')}"
    return (
        "SELECT t.id, t.externalid, tl.location FROM transaction t"
        " JOIN transactionline tl ON tl.transaction = t.id AND tl.mainline = 'T'"
        f" WHERE t.type = {_text(kind)} AND ({either}) ORDER BY t.id"
    )


def status_of(transaction: str) -> str:
    """How far a transaction is."""
    return f"SELECT t.id, t.status FROM transaction t WHERE t.id = {int(transaction)} ORDER BY t.id"


def made_from(transaction: str) -> str:
    """What was made from a transaction."""
    return (
        "SELECT t.id, t.type FROM transaction t JOIN transactionline tl ON tl.transaction = t.id"
        f" WHERE tl.createdfrom = {int(transaction)} GROUP BY t.id, t.type ORDER BY t.id"
    )


MARKS = {
    "category": ("c.category", " LEFT JOIN customer c ON c.id = t.entity"),
    "form": ("t.customform", ""),
    "class": ("tl.class", " JOIN transactionline tl ON tl.transaction = t.id AND tl.mainline = 'T'"),
}
"""What can mark a transaction as wholesale: the column, and what it takes to reach it. `transaction.entity` and `transactionline.class`
are in a public data model, `customer.category` in two public code bases, `transaction.customform` in one.
"""


def marks(transactions: Iterable[str], wanted: Iterable[str]) -> str:
    """What marks these transactions, as far as that is wanted (`MARKS`)."""
    asked = [(name, *MARKS[name]) for name in wanted]
    columns = "".join(f", {column} AS {name}mark" for name, column, _ in asked)
    joins = "".join(join for *_, join in asked)
    return (
        f"SELECT t.id{columns} FROM transaction t{joins} WHERE t.id IN ({_ids(transactions)}) ORDER BY t.id"
    )


def _ids(transactions: Iterable[str]) -> str:
    return ", ".join(str(int(ident)) for ident in transactions)


def _text(value: str) -> str:
    """A SQL literal: a quote within is written twice, and nothing else is special."""
    return "'" + value.replace("'", "''") + "'"
