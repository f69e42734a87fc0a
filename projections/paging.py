"""Pages of rows, and cursors to the next ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PAGE_MAX = 1_000


class BadCursor(ValueError):
    """The cursor is not one of ours."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows and the cursor to the next ones, None at the end."""

    items: list[dict[str, Any]]
    next: str | None


def page_of(rows: list[dict[str, Any]], limit: int, position: Callable[[dict[str, Any]], list[str]]) -> Page:
    """The first `limit` of some rows; `position` says where a row stands in their order, as texts."""
    shown = rows[:limit]
    return Page(shown, cursor_of(position(shown[-1])) if len(rows) > limit else None)


def cursor_of(position: list[str]) -> str:
    """The cursor that stands for a position in an order."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def read_cursor(cursor: str, parts: int) -> list[str]:
    """The position that a cursor stands for. Raises `BadCursor`."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError):
        raise BadCursor("not a cursor of this API") from None
    if not isinstance(found, list) or len(found) != parts or not all(isinstance(part, str) for part in found):
        raise BadCursor("not a cursor of this API")
    return found


def instant_cursor(cursor: str) -> tuple[datetime, str]:
    """The same, of an order by an instant and then a name. Raises `BadCursor`."""
    at, ident = read_cursor(cursor, 2)
    try:
        return datetime.fromisoformat(at), ident
    except ValueError:
        raise BadCursor("not a cursor of this API") from None
