"""Why a channel shows a number, now or as of any moment: the movements and the rule steps that sum to it exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.explain.answer import NOW, AsOf, shown
from projections.explain.lines import Skews
from projections.explain.reading import Reading
from projections.explain.telling import Telling
from projections.queries import Queries
from schemas.in_force import in_force
from schemas.rules import Rules

RECENT = 50
"""Movements that get a line of their own; older ones are summed by location."""


async def explain(
    queries: Queries,
    sku: str,
    channel: str,
    rules: Rules,
    recent: int = RECENT,
    skews: Mapping[str, float] | None = None,
    *,
    as_of: AsOf = NOW,
    events: Sequence[Rules] = (),
) -> dict[str, Any]:
    """What `Explained` says, as JSON; the amounts of the lines sum to `quantity`.

    A line has `ambiguous: true` as well where it is so close to a count of its shelf that their two clocks cannot tell which
    was first. `skews` is by how many seconds each channel's clock may be wrong; one that is not named has `CLOCK_SKEW`.
    A bundle is explained by its scarcest component. A line of what the hub decided by itself says why: where an order is sent from,
    and who else had it.

    `rules` are those in force, and `events` all changes of them, oldest first. As of another moment those hold that held then; without
    events they never changed.
    """
    then = in_force(events, as_of.decided) if as_of.timed and events else rules
    reading = Reading(queries, as_of)
    telling = Telling(reading=reading, rules=then, events=events, recent=recent, skews=Skews(skews or {}))
    return shown(await telling.explained(sku, channel))
