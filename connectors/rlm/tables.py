"""CSV files of partners without X12: rows of stock, which become the levels of an 846, and rows of movements.

No public RLM layout exists. `columns` maps our names to the partner's headings; where it does not, the headings of `COLUMNS`
are looked for. Headings are compared without case.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import Refused

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "location": ("location", "warehouse", "whse"),
    "other": ("other", "other_location"),
    "sku": ("sku",),
    "upc": ("upc",),
    "style": ("style",),
    "color": ("color",),
    "size": ("size",),
    "quantity": ("quantity", "ats", "available"),
    "date": ("as_of", "posted_at", "date"),
    "number": ("movement_id",),
    "type": ("type",),
    "reason": ("reason",),
    "reference": ("reference",),
}
"""Our columns, and the headings under which they are found."""

ROWS_MAX = 200_000

MOVEMENTS, STOCK = "movements", "846"
NEEDED: Mapping[str, tuple[str, ...]] = {
    MOVEMENTS: ("number", "type", "quantity", "date"),
    STOCK: ("quantity", "date"),
}

CODE = re.compile(r"[A-Z0-9_]{1,12}")
"""What a reason may be: a word of the partner's list. A remark that somebody wrote is left out."""

BRACKETED = re.compile(r"\((\d+)\)")
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")


def documents(topic: str, raw: bytes, columns: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The rows of a file, each a document of `topic`. Raises `Refused` where a column that is needed is not there."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    if topic not in NEEDED:
        raise Refused(f"no CSV file has a {topic}: it has movements or stock (846)")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        raise Refused("the file is not CSV") from None
    if len(rows) > ROWS_MAX:
        raise Refused(f"the file has more than {ROWS_MAX} rows")
    if len(rows) < 2:
        raise Refused("the file has no rows: an empty report is no report")
    at = _columns(rows[0], columns or {})
    for name in NEEDED[topic]:
        if name not in at:
            raise Refused(f"no column is the {name}; columns can be named in the settings (columns)")
    if not {"sku", "upc", "style"} & at.keys():
        raise Refused("no column names the item: sku, upc or style")
    return [
        _document(topic, {name: _cell(row, index) for name, index in at.items()})
        for row in rows[1:]
        if any(cell.strip() for cell in row)
    ]


def _columns(headings: list[str], named: Mapping[str, str]) -> dict[str, int]:
    """Where our columns are."""
    found = {heading.strip().lower(): index for index, heading in enumerate(headings)}
    at: dict[str, int] = {}
    for name, usual in COLUMNS.items():
        looked_for = (named[name].lower(),) if name in named else usual
        index = next((found[heading] for heading in looked_for if heading in found), None)
        if index is not None:
            at[name] = index
    return at


def _cell(row: list[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def _document(topic: str, row: Mapping[str, str]) -> dict[str, Any]:
    items = [("SK", row.get("sku", "")), ("UP", row.get("upc", ""))]
    if row.get("style"):
        items.append(("VN", "-".join(row[name] for name in ("style", "color", "size") if row.get(name))))
    quantity = _number(row["quantity"])
    line: dict[str, Any] = {
        "items": [{"qualifier": qualifier, "id": ident} for qualifier, ident in items if ident],
        "reason": row.get("reason", "") if CODE.fullmatch(row.get("reason", "")) else "",
    }
    places = [("WH", row.get("location", "")), ("ST", row.get("other", ""))]
    document: dict[str, Any] = {
        "set": topic,
        "date": row["date"],
        "parties": [{"code": code, "id": ident} for code, ident in places if ident],
        "lines": [line],
    }
    if topic == STOCK:
        line["quantities"] = [{"qualifier": "33", "quantity": quantity}]
        return {**document, "purpose": "00", "control": {"interchange": "0", "date": row["date"]}}
    line["quantity"] = quantity
    return {**document, **{name: row.get(name, "") for name in ("number", "type", "reference")}}


def _number(written: str) -> str:
    """A number as a spreadsheet may write it: `1,200`, or `(4)` for minus four."""
    if found := BRACKETED.fullmatch(written):
        return f"-{found[1]}"
    return written.replace(",", "") if THOUSANDS.fullmatch(written) else written
