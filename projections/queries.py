"""Questions to PostgreSQL, with typed answers. Times are instants with a zone; limits are bounded."""

from __future__ import annotations

from projections.catalogue import Catalogue
from projections.channel_numbers import NUMBERS, NUMBERS_OF, Numbers
from projections.commitments import AGE_MAX, Commitments
from projections.directories import SavedDirectory
from projections.drift import Drift
from projections.journal import MOVEMENT_COLUMNS, Journal, recorded_since
from projections.late import Late
from projections.letters import Letters
from projections.paging import PAGE_MAX, BadCursor, Page
from projections.told import Told
from projections.transactions import Transactions

__all__ = [
    "AGE_MAX",
    "MOVEMENT_COLUMNS",
    "NUMBERS",
    "NUMBERS_OF",
    "PAGE_MAX",
    "BadCursor",
    "Page",
    "Queries",
    "SavedDirectory",
    "recorded_since",
]


class Queries(Late, Catalogue, Journal, Transactions, Commitments, Numbers, Told, Letters, Drift):
    """The read side."""

    async def progress(self) -> dict[str, int]:
        """Records recorded of movements, dead letters and receipts: cheap enough to be asked all the time."""
        found = await self.rows(
            "SELECT topic, sum(next_offset)::bigint AS records FROM offsets WHERE topic = ANY(%s) GROUP BY topic",
            [["movements", "dead-letters", "receipts"]],
        )
        return {row["topic"]: row["records"] for row in found}

    async def counts(self) -> dict[str, int]:
        """How many movements, SKUs, dead letters (waiting) and oversells there are, and numbers pushed."""
        found = await self.rows(
            "SELECT (SELECT count(*) FROM movements) AS movements, (SELECT count(*) FROM stock) AS skus,"
            " (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL) AS dead_letters,"
            " (SELECT count(*) FROM receipts WHERE outcome = 'pushed') AS channel_updates,"
            " (SELECT count(*) FROM oversells) AS oversells,"
            " (SELECT count(DISTINCT location) FROM stock, jsonb_object_keys(stock->'tracked') AS location) AS locations"
        )
        return {name: int(count) for name, count in found[0].items()}
