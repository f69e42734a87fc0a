"""A document on its way to a claim: its lines as they are made, and what all kinds of documents have in common. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from connectors.errors import Refused
from connectors.rlm import codes, fields
from connectors.rlm.fields import Body
from schemas.claims import Fact, Line, Skipped

WORD = re.compile(r"[A-Z0-9_]{1,12}")


class Said(NamedTuple):
    """A document's part of its claim: which deal it is about, what it is called, and when it happened."""

    deal: str
    document: str
    at: datetime
    demand_class: str = "retail"


@dataclass(slots=True)
class Sheet:
    """The lines of a document as they are made."""

    body: Body
    lines: list[Line] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def add(
        self, fact: Fact, sku: str, quantity: int, at: datetime, location: str | None, **more: Any
    ) -> None:
        """A line."""
        self.lines.append(Line(fact=fact, sku=sku, quantity=quantity, at=at, location=location, **more))

    def skip(self, item: str, reason: str) -> None:
        """A line that moves nothing, and why."""
        self.skipped.append(Skipped(item=item, reason=reason))

    def items(self) -> list[tuple[Body, str, int]]:
        """Each line with its item and its units. Raises `Refused`."""
        preferred = fields.text(self.body, "item_qualifiers").split() or fields.ITEM_QUALIFIERS
        found = []
        for number, row in enumerate(fields.rows(self.body, "lines"), start=1):
            what = f"line {number}"
            sku = fields.item(row, preferred, what)
            found.append((row, sku, fields.units(row, row, what)))
        return found

    def positive(self) -> list[tuple[Body, str, int]]:
        """The same, of a document whose lines cannot be negative; a line of no units is skipped."""
        found = self.items()
        for number, (_, sku, quantity) in enumerate(found, start=1):
            if quantity < 0:
                raise Refused(f"the quantity of line {number} is negative")
            if quantity == 0:
                self.skip(sku, "quantity zero")
        return [line for line in found if line[2]]


def stands(purpose: str) -> bool:
    """Whether a document was cancelled. Raises `Refused` for one that does not state the whole."""
    if purpose == codes.CHANGED:
        raise Refused("purpose 04 states only what changes: ask the partner to replace the document (05)")
    if purpose not in codes.STANDS and purpose != codes.CANCELLED:
        raise Refused(f"unknown purpose {word(purpose)}")
    return purpose == codes.CANCELLED


def whole(body: Body) -> None:
    """Raises `Refused` for a report that does not state the whole."""
    reporting = fields.needed(body, "reporting")
    if reporting not in codes.WHOLE:
        raise Refused(f"reporting code {word(reporting)} does not say that the document is whole")


def made(body: Body) -> datetime:
    """When the document's group was made (GS04, GS05)."""
    return fields.moment(fields.part(body, "control"), fields.zone(body))


def made_by(body: Body) -> datetime:
    """The last instant at which the document's group may have been made: its time has whole minutes, or seconds. What answers us was
    said after what it answers.
    """
    precise = len(fields.text(fields.part(body, "control"), "time")) > len("HHMM")
    return made(body) + timedelta(seconds=1 if precise else 60) - timedelta(milliseconds=1)


def party(body: Body, *wanted: str) -> str | None:
    """The first of these parties that has an id (N104)."""
    found = {
        fields.text(one, "code"): fields.text(one, "id") for one in reversed(fields.rows(body, "parties"))
    }
    return next((found[code] for code in wanted if found.get(code)), None)


def place(body: Body, *wanted: str) -> str:
    """The first of these parties: the warehouse, unless others are asked for. Raises `Refused` without one."""
    found = party(body, *(wanted or ("WH", "SF")))
    if found is None:
        raise Refused("no N1 segment names the warehouse")
    return found


def place_of_ours(body: Body, *wanted: str) -> str | None:
    """The first of these parties that is a place of ours (the settings' `locations` name it); None where none is."""
    ours = {
        fields.text(one, "code"): fields.text(one, "id")
        for one in fields.rows(body, "parties")
        if one.get("ours") is True
    }
    return next((ours[code] for code in wanted if ours.get(code)), None)


def inbound(channel: str, order: str, origin: str | None) -> str:
    """The deal of goods for a warehouse: a transfer between places of ours, where the other one is, else supply."""
    return f"{'supply' if origin is None else 'transfer'}/{channel}/{order}"


def word(code: str) -> str:
    """A code as it may be quoted: X12's own words, and nothing that a person may have written."""
    return code if WORD.fullmatch(code) else "(not a code)"
