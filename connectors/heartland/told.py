"""What reading a document comes to, and how its documents are put together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from connectors.heartland.fields import SAID_MAX, Head
from schemas.claims import Document, Line, Skipped


class Told(NamedTuple):
    """A claim but for its channel and topic: the deal, when the news is from, and the documents."""

    transaction: str
    at: datetime
    documents: tuple[Document, ...]


def document(name: str, found: Head, lines: Iterable[Line], skipped: Iterable[Skipped] = ()) -> Document:
    """A document called `name/<id>`, its lines in an order of their own: Heartland lists them in none that it promises."""
    told = tuple(sorted(lines, key=_key))
    return Document(
        id=f"{name}/{found.id}",
        version=found.version + min(len(told), SAID_MAX - 1),
        lines=told,
        skipped=tuple(sorted(skipped, key=lambda line: (line.item, line.reason))),
    )


def skipping(name: str, found: Head, reason: str) -> Document:
    """A document that moves nothing, as a whole."""
    return document(name, found, (), [Skipped(item=f"{name}/{found.id}", reason=reason)])


def _key(line: Line) -> tuple[str, str, datetime, str, str, int]:
    return line.sku, line.fact, line.at, line.location or "", line.there or "", line.quantity
