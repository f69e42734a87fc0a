"""Why a channel shows a number: the movements and the rule steps that sum to it exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from projections.queries import Queries
from schemas.accounts import NETWORK
from schemas.availability import Shown, eligible, steps
from schemas.counts import CLOCK_SKEW
from schemas.ledger import Stock
from schemas.postings import Kind
from schemas.rules import ChannelRules

OVERSELLS_MAX = 5
"""Oversells that are told with a number, the newest."""

RECENT = 50
"""Movements that get a line of their own; older ones are summed by location."""


async def explain(
    queries: Queries,
    sku: str,
    channel: str,
    rules: ChannelRules,
    recent: int = RECENT,
    skews: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """`{sku, channel, quantity, pushed, lines: [{label, amount, ref}]}`; the amounts sum to `quantity`.

    A line has `ambiguous: true` as well where it is so close to a count of its shelf that their two clocks cannot tell which
    was first. `skews` is by how many seconds each channel's clock may be wrong; one that is not named has `CLOCK_SKEW`.
    `pushed` is what the channel's platform shows of this SKU by our last word with it; None if that is not known.
    """
    stock = await queries.stock(sku) or Stock(sku=sku)
    where = eligible(stock, rules)
    deltas = await queries.rows(
        "SELECT id, coalesce(voids, kind) AS about, kind, transaction, document, channel, occurred_at, leg->>'location' AS location,"
        " (leg->>'quantity')::bigint AS units"
        " FROM movements, jsonb_array_elements(legs) AS leg"
        " WHERE sku = %s AND leg->>'state' = 'available' AND leg->>'location' = ANY(%s) AND log_offset <= %s"
        " ORDER BY occurred_at DESC, id DESC",
        [sku, list(where), stock.offset],
    )
    counts = await queries.counts_of(sku, stock.offset)
    lines = [_movement_line(row, _close_count(row, counts, skews or {})) for row in deltas[:recent]]
    lines += _earlier_lines(deltas[recent:])
    held = {location: stock.balance(location) for location in where}
    summed: Counter[str] = Counter()
    for row in deltas:
        summed[row["location"]] += row["units"]
    lines += [
        # the journal is recorded a moment before or after the stock: what is not in it yet is named, not hidden
        {
            "label": f"being recorded at {location}",
            "amount": held[location] - summed[location],
            "ref": "stock",
        }
        for location in where
        if held[location] != summed[location]
    ]
    if where:
        lines += [
            {"label": step.label, "amount": step.amount, "ref": step.ref}
            for step in steps(stock, rules, available=False)
        ]
    else:
        lines.append(
            {"label": "not tracked at any location of this channel", "amount": 0, "ref": "untracked"}
        )
    lines += [
        {
            "label": f"oversold at {row['place']}, to {row['available']}: {row['cause'].replace('_', ' ')}",
            "amount": 0,
            "ref": f"movement:{row['movement']} {row['transaction']}",
        }
        for row in (await queries.oversells(sku, OVERSELLS_MAX)).items
        if row["place"] in (*where, NETWORK)
    ]
    return {
        "sku": sku,
        "channel": channel,
        "quantity": sum(line["amount"] for line in lines),
        "pushed": await _pushed(queries, sku, channel),
        "lines": lines,
    }


def _movement_line(row: dict[str, Any], close: str | None) -> dict[str, Any]:
    line = {
        "label": f"{row['kind']} at {row['location']}, {row['occurred_at'].isoformat()}",
        "amount": row["units"],
        "ref": f"movement:{row['id']} {row['transaction']}"
        + ("" if row["document"] == row["transaction"] else f" {row['channel']}/{row['document']}"),
    }
    return line if close is None else {**line, "label": f"{line['label']}, {close}", "ambiguous": True}


def _close_count(row: dict[str, Any], counts: list[dict[str, Any]], skews: Mapping[str, float]) -> str | None:
    """Says how close a movement is to the nearest count that may as well have been on its other side; None: to none."""
    close = []
    for count in counts:
        apart = abs(row["occurred_at"] - count["occurred_at"])
        bound = sum(skews.get(one["channel"], CLOCK_SKEW) for one in (row, count))
        own = row["about"] == Kind.STOCK_COUNTED and all(row[name] == value for name, value in count.items())
        if count["location"] == row["location"] and apart <= timedelta(seconds=bound) and not own:
            close.append((apart, f"{count['channel']}/{count['document']}", bound))
    if not close:
        return None
    apart, document, bound = min(close)
    seconds = apart.total_seconds()
    return f"ambiguous: {seconds:g} s from the count {document}, clocks may differ by {bound:g} s"


def _earlier_lines(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    earlier: dict[str, list[int]] = {}
    for row in deltas:
        earlier.setdefault(row["location"], []).append(row["units"])
    return [
        {
            "label": f"{len(units)} earlier movements at {location}",
            "amount": sum(units),
            "ref": f"movements:{location}",
        }
        for location, units in sorted(earlier.items())
    ]


async def _pushed(queries: Queries, sku: str, channel: str) -> int | None:
    """What the platform shows in all its places, as far as that is known."""
    number = await queries.channel_quantity(channel, sku)
    if number is None:
        return None
    rows = await queries.rows(
        "SELECT place, level, own FROM told WHERE channel = %s AND sku = %s AND outcome <> 'refused'",
        [channel, sku],
    )
    told = {row["place"]: Shown(row["level"], row["own"]) for row in rows}
    shown = [place.shows(told.get(name)) for name, place in number.places.items()]
    known = [level for level in shown if level is not None]
    return sum(known) if known else None
