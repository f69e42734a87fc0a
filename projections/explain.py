"""Why a channel shows a number: the movements and the rule steps that sum to it exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from projections.queries import Queries
from schemas.accounts import NETWORK
from schemas.availability import Shown, eligible, steps
from schemas.bundles import Bundle, bundle_quantity, part, scarcest
from schemas.ledger import Stock
from schemas.postings import pooled
from schemas.rules import ChannelRules, Rules

OVERSELLS_MAX = 5
"""Oversells that are told with a number, the newest."""

RECENT = 50
"""Movements that get a line of their own; older ones are summed by location."""


async def explain(
    queries: Queries, sku: str, channel: str, rules: Rules, recent: int = RECENT
) -> dict[str, Any]:
    """`{sku, channel, quantity, pushed, lines: [{label, amount, ref}]}`; the amounts sum to `quantity`.

    `pushed` is what the channel's platform shows of this SKU by our last word with it; None if that is not known. A bundle is
    explained by its scarcest component.
    """
    if sku in rules.bundles:
        lines = await _bundle_lines(queries, sku, channel, rules, recent)
    else:
        lines = await _lines(queries, sku, rules.channels[channel], recent)
    return {
        "sku": sku,
        "channel": channel,
        "quantity": sum(line["amount"] for line in lines),
        "pushed": await _pushed(queries, sku, channel),
        "lines": lines,
    }


async def _bundle_lines(
    queries: Queries, sku: str, channel: str, rules: Rules, recent: int
) -> list[dict[str, Any]]:
    """At each place the lines of the component that decides, and what they make; what the others would allow is told."""
    recipe, its = rules.bundles[sku], rules.channels[channel]
    known = {name: await queries.stock(name) or Stock(sku=name) for name in recipe}
    bundle = Bundle(sku=sku, parts={name: part(stock, sku, rules) for name, stock in known.items()})
    number = bundle_quantity(bundle, channel, rules)
    if number is None:
        return [_line("its components are not all tracked at a location of this channel", 0, "untracked")]
    lines: list[dict[str, Any]] = []
    for place in number.places:
        decides = scarcest(bundle, channel, rules, place)
        there = its if place == NETWORK else replace(its, locations=(place,))
        found = await _lines(queries, decides, there, recent)
        units = sum(line["amount"] for line in found)
        lines += [{**line, "label": f"{decides}: {line['label']}"} for line in found]
        made = units // recipe[decides]
        lines.append(_line(f"{recipe[decides]} of {decides} make one", made - units, f"bundle:{sku}"))
        lines += [
            _line(f"{name} would allow {_allows(bundle, name, channel, place) // each}", 0, f"bundle:{sku}")
            for name, each in sorted(recipe.items())
            if name != decides
        ]
    return lines


def _allows(bundle: Bundle, component: str, channel: str, place: str) -> int:
    return bundle.parts[component].numbers[channel].places[place].quantity


def _line(label: str, amount: int, ref: str) -> dict[str, Any]:
    return {"label": label, "amount": amount, "ref": ref}


async def _lines(queries: Queries, sku: str, rules: ChannelRules, recent: int) -> list[dict[str, Any]]:
    """The movements behind a SKU's number, the steps of the rules from there, and what was oversold."""
    stock = await queries.stock(sku) or Stock(sku=sku)
    where, state = eligible(stock, rules), pooled(rules.pool)
    deltas = await queries.rows(
        "SELECT id, kind, transaction, document, channel, bundle, occurred_at, leg->>'location' AS location,"
        " (leg->>'quantity')::bigint AS units"
        " FROM movements, jsonb_array_elements(legs) AS leg"
        " WHERE sku = %s AND leg->>'state' = %s AND leg->>'location' = ANY(%s) AND log_offset <= %s"
        " ORDER BY occurred_at DESC, id DESC",
        [sku, state, list(where), stock.offset],
    )
    lines = _movement_lines(deltas, recent)
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
        lines += [_line(step.label, step.amount, step.ref) for step in steps(stock, rules, available=False)]
    else:
        lines.append(_line("not tracked at any location of this channel", 0, "untracked"))
    return lines + [
        _line(
            f"oversold at {row['place']}, to {row['available']}: {row['cause'].replace('_', ' ')}",
            0,
            f"movement:{row['movement']} {row['transaction']}",
        )
        for row in (await queries.oversells(sku, OVERSELLS_MAX)).items
        if row["place"] in (*where, NETWORK)
    ]


def _movement_lines(deltas: list[dict[str, Any]], recent: int) -> list[dict[str, Any]]:
    lines = [
        _line(
            f"{row['kind']} at {row['location']}, {row['occurred_at'].isoformat()}"
            + ("" if row["bundle"] is None else f", in {row['bundle']}"),
            row["units"],
            f"movement:{row['id']} {row['transaction']}"
            + ("" if row["document"] == row["transaction"] else f" {row['channel']}/{row['document']}"),
        )
        for row in deltas[:recent]
    ]
    earlier: dict[str, list[int]] = {}
    for row in deltas[recent:]:
        earlier.setdefault(row["location"], []).append(row["units"])
    return lines + [
        _line(f"{len(units)} earlier movements at {location}", sum(units), f"movements:{location}")
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
