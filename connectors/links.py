"""How a platform's document says that it is about a deal of ours: by the reference that we gave it.

Where a platform takes a reference once and for ever, an order that is wanted again after it was taken back has the same reference
with a number behind it: `onhand:order/web/1`, then `onhand:order/web/1;2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

OURS = "onhand:"
"""What our references begin with, where a platform has one free field for what others call an order."""

Row = TypeVar("Row", bound=Mapping[str, Any])

NUMBERED = re.compile(r"(.*);([1-9][0-9]{0,5})", re.DOTALL)
"""What stands before the number of an attempt, and the number."""

TAKEN_BACK = "taken back here: whether it is still wanted says who took the order"
"""What an order that we created says of the units that its platform will not bring any more. They may be brought by another."""


def reference_of(transaction: str, attempt: int = 1) -> str:
    """The external reference of an order that we create for a deal, of its first attempt or a later one. The number of the first
    is not written, unless the deal's own name looks as if it had one.
    """
    if attempt == 1 and not NUMBERED.fullmatch(transaction):
        return OURS + transaction
    return f"{OURS}{transaction};{attempt}"


def deal_of(reference: object) -> str | None:
    """The deal that an external reference names, whichever attempt it is of; None where it is somebody else's."""
    found = _parts(reference)
    return None if found is None else found[0]


def attempt_of(reference: object, transaction: str) -> int | None:
    """Which attempt of a deal an external reference is of; None where it is of another deal."""
    found = _parts(reference)
    return found[1] if found is not None and found[0] == transaction else None


def attempts(rows: Iterable[Row], reference: str, transaction: str) -> dict[int, list[Row]]:
    """The rows of a platform that are of a deal, by which attempt of it the field `reference` names; the newest one last."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        attempt = attempt_of(row.get(reference), transaction)
        if attempt is not None:
            found.setdefault(attempt, []).append(row)
    return dict(sorted(found.items()))


def _parts(reference: object) -> tuple[str, int] | None:
    if not isinstance(reference, str) or not reference.startswith(OURS):
        return None
    said = reference.removeprefix(OURS)
    numbered = NUMBERED.fullmatch(said)
    deal, attempt = (numbered[1], int(numbered[2])) if numbered else (said, 1)
    return (deal, attempt) if deal else None
