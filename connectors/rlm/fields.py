"""How X12 and CSV files write numbers, dates and references, and what is refused about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.errors import Refused
from connectors.rlm.codes import EACH

Body = Mapping[str, Any]

UNITS_MAX = 1_000_000_000
"""The bound of `schemas.claims.Quantity`."""

ITEM_QUALIFIERS = ("UP", "UK", "EN", "SK", "VN", "IN")
"""Element 235 in the order in which an item's references are tried: UPC, GTIN, EAN, SKU, vendor's, buyer's number."""

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
SPREADSHEET = re.compile(r"[0-9]+(\.[0-9]+)?E\+[0-9]+", re.IGNORECASE)
"""A barcode that a spreadsheet took for a number: its digits are lost."""

DATE_FORMATS = {6: "%y%m%d", 8: "%Y%m%d"}
TIME_FORMATS = {4: "%H%M", 6: "%H%M%S", 7: "%H%M%S", 8: "%H%M%S"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(body: Body, name: str) -> str:
    """A text, empty where there is none. Raises `Refused` for one too long to be a reference, and for anything else."""
    found = body.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > 80:
        raise Refused(f"{name} is not a text")
    return found.strip()


def needed(body: Body, name: str) -> str:
    """A text that has to be there."""
    found = text(body, name)
    if not found:
        raise Refused(f"{name} is missing")
    return found


def part(body: Body, name: str) -> Body:
    """An object inside a document; empty where there is none."""
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def rows(body: Body, name: str) -> Sequence[Body]:
    """A list of objects; empty where there is none."""
    found = body.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise Refused(f"{name} is not a list")
    return found


def signed(body: Body, name: str, what: str) -> int:
    """A whole number, which partners write as `-13`, `-13.000` or `1`. Raises `Refused` for a fraction."""
    written = needed(body, name)
    if not NUMBER.fullmatch(written):
        raise Refused(f"the {name} of {what} is not a number")
    try:
        found = Decimal(written)
    except InvalidOperation:
        raise Refused(f"the {name} of {what} is not a number") from None
    if not -UNITS_MAX < found < UNITS_MAX:
        raise Refused(f"the {name} of {what} is out of bounds")
    if found != found.to_integral_value():
        raise Refused(f"the {name} of {what} is not a whole number of units")
    return int(found)


def units(body: Body, line: Body, what: str, name: str = "quantity") -> int:
    """Units, in units of one. A case is as many units as `pack` says, for its line; without it a case is refused."""
    found = signed(body, name, what)
    unit = text(body, "unit") or "EA"
    pack = line.get("pack")
    if unit in EACH:
        return found
    if not isinstance(pack, int) or isinstance(pack, bool) or not 0 < pack <= 10_000:
        raise Refused(f"the unit of {what} is not one unit, and no pack says how many units one of it is")
    if abs(found * pack) >= UNITS_MAX:
        raise Refused(f"the {name} of {what} is out of bounds")
    return found * pack


def item(line: Body, preferred: Sequence[str], what: str) -> str:
    """The reference of a line's item, by the first preferred qualifier that it has."""
    found = {text(row, "qualifier"): text(row, "id") for row in reversed(rows(line, "items"))}
    qualifier = next((one for one in preferred if found.get(one)), None)
    if qualifier is None:
        raise Refused(f"{what} names no item by {', '.join(ITEM_QUALIFIERS)} or what the settings list")
    if SPREADSHEET.fullmatch(found[qualifier]):
        raise Refused(f"{what} was damaged by a spreadsheet: the digits of its item are lost")
    return f"{qualifier}:{found[qualifier]}"


def zone(body: Body) -> ZoneInfo:
    """The zone of a document's dates: X12 has none, so the settings say it; UTC where they do not."""
    try:
        return ZoneInfo(text(body, "zone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused("zone is no time zone") from None


def moment(body: Body, where: ZoneInfo, name: str = "date") -> datetime:
    """A date with the time that stands beside it; one without a time stands at noon [inferred], so that it is that day in
    every zone nearby, and the same instant whenever the document is sent again.
    """
    day, clock = needed(body, name), text(body, "time")
    if not (day + clock).isascii():  # digits of other scripts would be read as digits
        raise Refused(f"{name} is not a date")
    try:
        if "-" in day:
            read = datetime.fromisoformat(day)
        else:
            read = datetime.strptime(day, DATE_FORMATS[len(day)])  # noqa: DTZ007  # the zone follows
            if clock:
                shape = TIME_FORMATS[len(clock)]
                at = datetime.strptime(clock[:6], shape)  # noqa: DTZ007  # only its hours are used
                read = datetime.combine(read.date(), at.time())
            else:
                read += timedelta(hours=12)
        aware = read if read.tzinfo else read.replace(tzinfo=where)
        return aware.astimezone(UTC)
    except (ValueError, KeyError, OverflowError):
        raise Refused(f"{name} is not a date") from None


def version(body: Body, where: ZoneInfo) -> int:
    """What orders the versions of a document: when its group was made (GS04, GS05), and within one minute the interchange's
    control number (ISA13), which a partner counts up and begins again at one.
    """
    control = part(body, "control")
    number = needed(control, "interchange")
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise Refused("interchange is not a control number")
    minutes = int((moment(control, where) - EPOCH).total_seconds()) // 60
    return minutes * 1_000_000_000 + int(number)
