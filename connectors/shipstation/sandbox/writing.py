"""Ids and dates as both APIs write them, and the person in their documents."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
CANARIES = ("canary", "Canary", "555-0100")
"""What must never come out of the allow-list: everything personal in the documents is invented for that."""

MADE = datetime(2000, 1, 1, tzinfo=UTC)
"""When the account was made."""


def v1_date(at: datetime | None) -> str | None:
    """An instant as V1 writes it: Pacific, seven decimals, no offset."""
    return None if at is None else at.astimezone(PACIFIC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def v2_date(at: datetime | None) -> str | None:
    """An instant as V2 writes it."""
    return (
        None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def warehouse_id(place: int) -> int:
    """The id of a Ship-From warehouse in V1; V2's is made of it."""
    return 456_700 + place


def location_id(place: int) -> str:
    """The id of the inventory location behind a place."""
    return f"se-il-{place + 1}"
