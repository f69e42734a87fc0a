"""Why a channel shows a number: the movements and the rule steps that sum to it exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from projections.queries import Queries
from schemas.accounts import NETWORK
from schemas.availability import Shown, eligible, steps
from schemas.bundles import Bundle, bundle_quantity, part, scarcest
from schemas.counts import CLOCK_SKEW
from schemas.ledger import Stock
from schemas.postings import Kind, pooled
from schemas.routing import HUB
from schemas.rules import ChannelRules, Rules

OVERSELLS_MAX = 5
"""Oversells that are told with a number, the newest."""

RECENT = 50
"""Movements that get a line of their own; older ones are summed by location."""

Line = dict[str, Any]
"""`{label, amount, ref}`, and `ambiguous` where it is."""


async def explain(
    queries: Queries,
    sku: str,
    channel: str,
    rules: Rules,
    recent: int = RECENT,
    skews: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """`{sku, channel, quantity, pushed, lines: [{label, amount, ref}]}`; the amounts sum to `quantity`.

    A line has `ambiguous: true` as well where it is so close to a count of its shelf that their two clocks cannot tell which
    was first. `skews` is by how many seconds each channel's clock may be wrong; one that is not named has `CLOCK_SKEW`.
    `pushed` is what the channel's platform shows of this SKU by our last word with it; None if that is not known. A bundle is
    explained by its scarcest component. A line of what the hub decided by itself says why: where an order is sent from, and who else
    had it.
    """
    telling = _Telling(queries, rules, recent, skews or {})
    if sku in rules.bundles:
        lines = await telling.of_bundle(sku, channel)
    else:
        lines = await telling.of(sku, rules.channels[channel])
    return {
        "sku": sku,
        "channel": channel,
        "quantity": sum(line["amount"] for line in lines),
        "pushed": await _pushed(queries, sku, channel, rules.channels[channel]),
        "lines": lines,
    }


@dataclass(frozen=True, slots=True)
class _Telling:
    """What the lines are told from."""

    queries: Queries
    rules: Rules
    recent: int
    skews: Mapping[str, float]

    async def of_bundle(self, sku: str, channel: str) -> list[Line]:
        """At each place the lines of the component that decides, and what they make; what others would allow is told."""
        recipe, its = self.rules.bundles[sku], self.rules.channels[channel]
        known = {name: await self.queries.stock(name) or Stock(sku=name) for name in recipe}
        bundle = Bundle(sku=sku, parts={name: part(stock, sku, self.rules) for name, stock in known.items()})
        number = bundle_quantity(bundle, channel, self.rules)
        if number is None:
            return [_line("its components are not all tracked at a location of this channel", 0, "untracked")]
        lines: list[Line] = []
        for place in number.places:
            decides = scarcest(bundle, channel, self.rules, place)
            found = await self.of(decides, its if place == NETWORK else replace(its, locations=(place,)))
            units = sum(line["amount"] for line in found)
            made = units // recipe[decides]
            lines += [{**line, "label": f"{decides}: {line['label']}"} for line in found]
            lines.append(_line(f"{recipe[decides]} of {decides} make one", made - units, f"bundle:{sku}"))
            for name in sorted(recipe.keys() - {decides}):
                allows = bundle.parts[name].numbers[channel].places[place].quantity // recipe[name]
                lines.append(_line(f"{name} would allow {allows}", 0, f"bundle:{sku}"))
        return lines

    async def of(self, sku: str, rules: ChannelRules) -> list[Line]:
        """The movements behind a SKU's number, the steps of the rules from there, and what was oversold."""
        stock = await self.queries.stock(sku) or Stock(sku=sku)
        where, state = eligible(stock, rules), pooled(rules.pool)
        deltas = await self.queries.rows(
            "SELECT id, coalesce(voids, kind) AS about, kind, transaction, document, channel, bundle, occurred_at, reason,"
            " leg->>'location' AS location, (leg->>'quantity')::bigint AS units"
            " FROM movements, jsonb_array_elements(legs) AS leg"
            " WHERE sku = %s AND leg->>'state' = %s AND leg->>'location' = ANY(%s) AND log_offset <= %s"
            " ORDER BY occurred_at DESC, id DESC",
            [sku, state, list(where), stock.offset],
        )
        counts = await self.queries.counts_of(sku, stock.offset)
        lines = [_movement_line(row, _close_count(row, counts, self.skews)) for row in deltas[: self.recent]]
        lines += _earlier_lines(deltas[self.recent :])
        held = {location: stock.balance(location, state) for location in where}
        summed: Counter[str] = Counter()
        for row in deltas:
            summed[row["location"]] += row["units"]
        lines += [
            # the journal is recorded a moment before or after the stock: what is not in it yet is named, not hidden
            _line(f"being recorded at {location}", held[location] - summed[location], "stock")
            for location in where
            if held[location] != summed[location]
        ]
        if where:
            lines += [
                _line(step.label, step.amount, step.ref) for step in steps(stock, rules, available=False)
            ]
        else:
            lines.append(_line("not tracked at any location of this channel", 0, "untracked"))
        return lines + [
            _line(
                f"oversold at {row['place']}, to {row['available']}: {row['cause'].replace('_', ' ')}",
                0,
                f"movement:{row['movement']} {row['transaction']}",
            )
            for row in (await self.queries.oversells(sku, OVERSELLS_MAX)).items
            if row["place"] in (*where, NETWORK)
        ]


def _line(label: str, amount: int, ref: str) -> Line:
    return {"label": label, "amount": amount, "ref": ref}


def _movement_line(row: dict[str, Any], close: str | None) -> Line:
    line = _line(
        f"{row['kind']} at {row['location']}, {row['occurred_at'].isoformat()}"
        + ("" if row["bundle"] is None else f", in {row['bundle']}")
        + (f", {row['reason']}" if row["channel"] == HUB and row["reason"] else ""),
        row["units"],
        f"movement:{row['id']} {row['transaction']}"
        + ("" if row["document"] == row["transaction"] else f" {row['channel']}/{row['document']}"),
    )
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


def _earlier_lines(deltas: list[dict[str, Any]]) -> list[Line]:
    earlier: dict[str, list[int]] = {}
    for row in deltas:
        earlier.setdefault(row["location"], []).append(row["units"])
    return [
        _line(f"{len(units)} earlier movements at {location}", sum(units), f"movements:{location}")
        for location, units in sorted(earlier.items())
    ]


async def _pushed(queries: Queries, sku: str, channel: str, rules: ChannelRules) -> int | None:
    """What the platform shows in all its places, as far as that is known: nothing while somebody else tells it."""
    number, since = await queries.channel_quantity(channel, sku), rules.told_since
    if number is None or rules.shadow:
        return None
    rows = await queries.rows(
        "SELECT place, level, own FROM told WHERE channel = %s AND sku = %s AND outcome <> 'refused'"
        " AND (%s::timestamptz IS NULL OR pushed_at >= %s)",
        [channel, sku, since, since],
    )
    told = {row["place"]: Shown(row["level"], row["own"]) for row in rows}
    shown = [
        place.shows(told.get(name)) for name, place in number.places.items() if since is None or name in told
    ]
    known = [level for level in shown if level is not None]
    return sum(known) if known else None
