"""Claims of an application of the user's own: one document as JSON, or many as CSV. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from projections.posted import Custom
from projections.problems import Problem
from schemas.claims import Claim, Document, Line
from schemas.codec import adapter, describe

CUSTOM = "api"
"""The channel of claims that come through `POST /v1/movements`."""

OF_A_DOCUMENT = ("document", "version", "transaction", "joins", "demand_class")
OF_A_LINE = ("fact", "sku", "quantity", "at", "location", "state", "reason", "there", "pool", "to_pool")
"""The columns of a CSV upload, by the fields of `Custom` and `Line`. Needed are fact, sku, quantity and at."""

FAULTS_SHOWN = 20


def of_json(body: bytes) -> Custom:
    """The document in a JSON body. Raises `Problem`."""
    _keepable(body)
    try:
        asked = adapter(Custom).validate_json(body, strict=True)
    except ValidationError as error:
        raise Problem(400, "Malformed claim", describe(error)) from None
    if not asked.lines and asked.version == 1 and asked.joins is None:
        raise Problem(400, "Malformed claim", "lines: a first version has at least one")
    return asked


def of_csv(body: bytes) -> dict[str, Custom]:
    """The documents in a CSV body, by what tells them apart in it: the rows of one `document` are its lines, and a row
    without one is a document of its own, told apart by its number.

    The first row names the columns; comma, semicolon or tab separates them. An empty cell says nothing. Raises `Problem`
    naming every row that is wrong: of a file that is not right nothing is taken.
    """
    _keepable(body)
    rows, faults = _rows(body), list[str]()
    found: dict[str, dict[str, Any]] = {}
    for number, row in rows:
        if None in row:
            faults.append(f"row {number}: more cells than columns")
            continue
        said = {name: cell.strip() for name, cell in row.items() if cell and cell.strip()}
        whole = {name: said.pop(name) for name in OF_A_DOCUMENT if name in said}
        name = whole.get("document") or f"row/{number}"
        asked = found.setdefault(name, {**whole, "lines": [], "number": number})
        if differs := [key for key in OF_A_DOCUMENT if asked.get(key) != whole.get(key)]:
            faults.append(
                f"row {number}: {differs[0]} is not that of row {asked['number']}, the same document"
            )
        try:
            asked["lines"].append(adapter(Line).validate_python(said))
        except ValidationError as error:
            faults.append(f"row {number}: {describe(error)}")
    documents: dict[str, Custom] = {}
    for name, asked in found.items():
        number = asked.pop("number")
        try:
            documents[name] = adapter(Custom).validate_python(asked)
        except ValidationError as error:
            faults.append(f"row {number}: {describe(error)}")
    if faults:
        more = f" (and {len(faults) - FAULTS_SHOWN} more)" if len(faults) > FAULTS_SHOWN else ""
        raise Problem(400, "Malformed upload", "; ".join(faults[:FAULTS_SHOWN]) + more)
    if not documents:
        raise Problem(400, "Malformed upload", "there is no row below the columns' names")
    return documents


def _keepable(body: bytes) -> None:
    """Raises `Problem` for a body with the one character that PostgreSQL cannot hold: what is taken in has to be recorded."""
    if b"\0" in body or b"\\u0000" in body:
        raise Problem(400, "Malformed claim", "there is a NUL in a text")


def _rows(body: bytes) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows with their numbers, as a spreadsheet shows them."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem(400, "Malformed upload", "the file is not UTF-8") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        columns = [(name or "").strip() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise Problem(400, "Malformed upload", f"row 1: {error}") from None
    known = {*OF_A_DOCUMENT, *OF_A_LINE}
    if missing := [name for name in ("fact", "sku", "quantity", "at") if name not in columns]:
        raise Problem(400, "Malformed upload", f"there is no column {missing[0]!r}")
    if strange := [place for place, name in enumerate(columns, start=1) if name not in known]:
        raise Problem(
            400,
            "Malformed upload",
            f"column {strange[0]} is none of: {', '.join((*OF_A_DOCUMENT, *OF_A_LINE))}",
        )
    if len(set(columns)) < len(columns):
        raise Problem(400, "Malformed upload", "two columns have one name")
    reader.fieldnames = columns
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise Problem(400, "Malformed upload", f"row {reader.line_num}: {error}") from None


def claim_of(asked: Custom, key: str, now: datetime) -> Claim:
    """The claim of a document that came with a key."""
    name = f"custom/{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    document = Document(id=asked.document or name, version=asked.version, lines=asked.lines)
    return Claim(
        transaction=asked.transaction or name,
        channel=CUSTOM,
        topic="movements",
        occurred_at=min((line.at for line in asked.lines), default=now),
        documents=(document,) if asked.lines or asked.document else (),
        demand_class=asked.demand_class,
        joins=asked.joins,
    )
