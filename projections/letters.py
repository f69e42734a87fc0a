"""What was refused and why."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from projections.paging import PAGE_MAX, Page, instant_cursor, page_of
from projections.rows import Rows


class Letters(Rows):
    """Questions about dead letters."""

    async def refused_about(self, channel: str, names: Sequence[str]) -> bool:
        """Whether a document of a channel that was refused, and waits, has one of these names for a value somewhere."""
        values = [value for name in names for value in ([name, int(name)] if name.isdecimal() else [name])]
        found = await self.rows(
            "SELECT 1 FROM dead_letters, jsonb_array_elements(%s::jsonb) AS name"
            " WHERE channel = %s AND retried_at IS NULL"
            " AND jsonb_path_exists(payload, '$.** ? (@ == $name)', jsonb_build_object('name', name)) LIMIT 1",
            [json.dumps(values), channel],
        )
        return bool(found)

    async def dead_letters(
        self, *, pending: bool = True, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """What was refused, newest first; only what was not retried yet, unless `pending` is False."""
        at, ident = instant_cursor(cursor) if cursor else (None, None)
        found = await self.rows(
            "SELECT partition || '-' || log_offset AS id, channel, topic, stage, reason, ref, received_at, retried_at"
            " FROM dead_letters WHERE (NOT %(pending)s OR retried_at IS NULL)"
            " AND (%(at)s::timestamptz IS NULL OR received_at <= %(at)s)"
            " AND (%(at)s::timestamptz IS NULL"
            " OR (received_at, partition || '-' || log_offset) < (%(at)s::timestamptz, %(id)s::text))"
            " ORDER BY received_at DESC, 1 DESC LIMIT %(limit)s",
            {"pending": pending, "at": at, "id": ident, "limit": min(limit, PAGE_MAX) + 1},
        )
        return page_of(found, min(limit, PAGE_MAX), lambda row: [row["received_at"].isoformat(), row["id"]])

    async def dead_letter(self, ident: str) -> dict[str, Any] | None:
        """One dead letter, payload included, by its id `partition-offset`."""
        place = _place(ident)
        if place is None:
            return None
        found = await self.rows(
            "SELECT partition || '-' || log_offset AS id, channel, topic, stage, reason, ref, payload, received_at,"
            " retried_at FROM dead_letters WHERE (partition, log_offset) = (%s, %s)",
            place,
        )
        return found[0] if found else None

    async def mark_retried(self, ident: str, at: datetime) -> None:
        """Notes that a dead letter's document is in the log now."""
        if (place := _place(ident)) is not None:
            sql = "UPDATE dead_letters SET retried_at = %s WHERE (partition, log_offset) = (%s, %s)"
            await self.run(sql, [at, *place])


def _place(ident: str) -> tuple[int, int] | None:
    """Where in the log a dead letter stands, by its id; None: no id of ours."""
    found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,18})", ident, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None
