"""A chain over the journal: each movement's seal covers it and the seal before it, so that no past can be edited unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from hashlib import sha256

from schemas.codec import encode
from schemas.movements import Cause, Movement

FIRST = bytes(32)
"""What stands before the first movement of a partition."""

ANY_CAUSE = Cause(0, 0, 0)


def seal(previous: bytes, movement: Movement) -> bytes:
    """The seal of a movement after the one before it in its partition; a repeat of a movement is not sealed again.

    It covers all that the journal keeps. The cause is in the id, and what was asked of the ledger is in the log alone.
    Instants count as instants, whatever offset they are written with.
    """
    kept = replace(
        movement,
        cause=ANY_CAUSE,
        request=None,
        occurred_at=movement.occurred_at.astimezone(UTC),
        recorded_at=movement.recorded_at.astimezone(UTC),
    )
    return sha256(previous + encode(kept)).digest()
