"""How Heartland writes ids, quantities, instants and statuses, and what is refused about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Any, NamedTuple

from connectors.errors import Refused
from schemas.claims import Skipped

Body = Mapping[str, Any]

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`."""

ID_MAX = 2**63


SAID_MAX = 200
"""The room in a version for how much a document says at one stage. Heartland's instants have whole seconds, versions have
milliseconds: what was changed twice in one second is told apart by being further, or saying more."""


class Stage(IntEnum):
    """How far a document is. The number orders what happens to one within one instant."""

    PENDING = 0
    OPEN = 1
    DONE = 2
    VOID = 3


WORD = re.compile(r"[^\s@]+")
"""What a refusal may quote: no name, and no address."""

STATUSES: Mapping[str, Stage] = {
    **dict.fromkeys(("pending", "counting", "finalizing"), Stage.PENDING),
    **dict.fromkeys(("open", "in_transit", "shipped"), Stage.OPEN),
    **dict.fromkeys(("complete", "completed", "accepted", "closed", "received"), Stage.DONE),
    **dict.fromkeys(("void", "voided", "canceled", "cancelled"), Stage.VOID),
}
"""Every status word. Seen in clients: pending, open, closed, canceled, complete, accepted, void, counting, finalizing, and
`Complete` in a webhook, so case does not matter. `shipped`, `in_transit` and `received` (transfers) and the other spellings
are inferred; a word that is not here is refused rather than guessed."""


class Head(NamedTuple):
    """What every document begins with. `told_at` is the newest `updated_at` of whatever the document follows from."""

    id: str
    stage: Stage
    updated_at: datetime
    told_at: datetime

    @property
    def version(self) -> int:
        """Grows with the document: milliseconds, and within one of Heartland's whole seconds with its stage."""
        return int(self.told_at.timestamp() * 1_000) + self.stage * SAID_MAX


def head(body: Body) -> Head:
    """The head of a document. Raises `Refused`."""
    ident, status = identity(body, "id"), text(body, "status")
    stage = STATUSES.get(status.lower().replace(" ", "_"))
    if stage is None:
        quoted = repr(status[:40]) if WORD.fullmatch(status) else "of several words"
        raise Refused(f"unknown status {quoted}" if status else "status is missing")
    updated_at = instant(body, "updated_at")
    return Head(ident, stage, updated_at, updated_at)


def identity(body: Body, *names: str) -> str:
    """The first of these ids that is there. Raises `Refused` where none is, naming the first."""
    found = optional_identity(body, *names)
    if found is None:
        raise Refused(f"{names[0]} is missing")
    return found


def optional_identity(body: Body, *names: str) -> str | None:
    """The first of these ids that is there, as a string."""
    for name in names:
        found = body.get(name)
        if found in (None, ""):
            continue
        text_of = str(found)
        if isinstance(found, bool) or not (text_of.isascii() and text_of.isdigit() and int(text_of) < ID_MAX):
            raise Refused(f"{name} is not an id")
        return str(int(text_of))
    return None


def text(body: Body, name: str) -> str:
    """A text without surrounding blanks; empty where there is none."""
    found = body.get(name)
    return found.strip() if isinstance(found, str) else ""


def flag(body: Body, name: str, otherwise: bool) -> bool:
    """A truth value."""
    found = body.get(name)
    if found is None:
        return otherwise
    if not isinstance(found, bool):
        raise Refused(f"{name} is neither true nor false")
    return found


def units(body: Body, name: str) -> int:
    """Whole units, with their sign. Raises `Refused` for a fraction, which Heartland allows for some items."""
    found = number(body.get(name), name)
    if found != found.to_integral_value():
        raise Refused(f"{name} is not a whole number of units")
    return int(found)


def number(value: Any, name: str) -> Decimal:
    """A number; text is one too (an export has numbers as text)."""
    if value is None or value == "":
        raise Refused(f"{name} is missing")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{name} is not a number") from None
    if not found.is_finite() or not -UNITS_MAX < found < UNITS_MAX:
        raise Refused(f"{name} is out of bounds")
    return found


def instant(body: Body, *names: str) -> datetime:
    """The first of these instants that is there, in UTC. Heartland writes an offset; without one it is refused."""
    for name in names:
        found = body.get(name)
        if found in (None, ""):
            continue
        try:
            read = datetime.fromisoformat(found)
            if read.tzinfo is None:
                raise Refused(f"{name} has no time zone")
            return read.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise Refused(f"{name} is not an instant") from None
    raise Refused(f"{names[0]} is missing")


def rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects. Raises `Refused` where there is none: a document without its lines says nothing of stock."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise Refused(f"{name} is missing" if found is None else f"{name} is not a list of objects")
    return found


def optional_rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects; empty where there is none."""
    return () if body.get(name) is None else rows(body, name)


class Units(NamedTuple):
    """So many units (signed) of an item, by one line."""

    item: str
    quantity: int
    row: Body


def items(
    body: Body, skipped: list[Skipped], *, negative: bool = False, zero: bool = False
) -> Iterator[Units]:
    """The units on a document's lines. What is no item, and what is nothing unless that says something, joins `skipped`.

    Tickets name the type of a line (`ItemLine`; a tax, a shipping charge); lines of other documents are of items only.
    Raises `Refused` for a negative quantity unless it may be one.
    """
    for at, row in enumerate(rows(body, "lines"), start=1):
        if row.get("type") not in (None, "", "ItemLine"):
            skipped.append(
                Skipped(item=f"line {optional_identity(row, 'id') or at}", reason="not a line of an item")
            )
            continue
        item, quantity = f"item:{identity(row, 'item_id')}", units(row, "qty")
        if quantity == 0 and not zero:
            skipped.append(Skipped(item=item, reason="quantity is zero"))
        elif quantity < 0 and not negative:
            raise Refused("qty is negative")
        else:
            yield Units(item, quantity, row)


def place(body: Body, *names: str) -> str:
    """The location that the first of these fields names. Raises `Refused` where none does."""
    return f"location:{identity(body, *names)}"


def optional_place(body: Body, *names: str) -> str | None:
    """The location that the first of these fields names."""
    found = optional_identity(body, *names)
    return None if found is None else f"location:{found}"
