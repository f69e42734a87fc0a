"""Whatever was seen of an order, in whatever order and how often, its stock settles to one answer."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Payload
from connectors.shopify.allowlist import cut
from connectors.shopify.mapping import read
from connectors.shopify.sandbox import orders, payloads
from connectors.shopify.sandbox.shop import Order, Shop
from schemas.claims import Claim
from schemas.flows import balances
from schemas.movements import Cause
from schemas.settling import Transaction, apply, settle

Told = list[tuple[str, dict[str, Any]]]
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
SKUS = ("A", "B")


def claim_of(topic: str, body: dict[str, Any]) -> Claim:
    found = read("eu-shop", Payload(topic, cut(topic, json.loads(json.dumps(body)))))
    assert isinstance(found, Claim)
    return found


def settled(told: Told) -> Counter[tuple[str, str, str]]:
    """The balances after all claims, which must also be the sum of the movements that were posted on the way."""
    transactions: dict[str, Transaction] = {}
    posted: Counter[tuple[str, str, str]] = Counter()
    for offset, (topic, body) in enumerate(told):
        claim = claim_of(topic, body)
        held = transactions.get(claim.transaction, Transaction())
        transactions[claim.transaction], moved = apply(held, claim, START, Cause(0, offset, 0))
        for movement in moved:
            for leg in movement.legs:
                posted[movement.sku, leg.location, leg.state] += leg.quantity
    total: Counter[tuple[str, str, str]] = Counter()
    for transaction in transactions.values():
        total.update(balances(settle(transaction)))
    nonzero = {cell: units for cell, units in total.items() if units}
    assert nonzero == {cell: units for cell, units in posted.items() if units}
    return Counter(nonzero)


def shop() -> Shop:
    made = Shop({"WH": "Warehouse", "S1": "Store"}, "WH", None)
    for sku in SKUS:
        made.add_item(sku, True)
    return made


class Day:
    """An order with what happens to it; every event tells its own webhook, and `updated` tells the whole order."""

    def __init__(self) -> None:
        self.shop = shop()
        self.at = START
        self.told: Told = []

    def tick(self, seconds: int) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at

    def place(self, lines: list[tuple[str, int]]) -> Order:
        order = orders.place(self.shop, lines, self.tick(1))
        self.told.append(("orders/create", payloads.order(order, "shop")))
        return order

    def updated(self, order: Order, topic: str = "orders/updated") -> None:
        self.told.append((topic, payloads.order(order, "shop")))


@st.composite
def days(draw: st.DrawFn) -> Day:
    day = Day()
    for _ in range(draw(st.integers(1, 2))):
        wanted = draw(st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1))
        order = day.place(list(wanted.items()))
        for step in draw(
            st.lists(st.sampled_from(["send", "void", "withdraw", "return", "forgive"]), max_size=5)
        ):
            happen(day, order, step, draw)
        if draw(st.booleans()):
            orders.cancel(day.shop, order, day.tick(draw(st.integers(1, 60))))
        day.updated(order, "orders/cancelled" if order.cancelled_at else "orders/updated")
    return day


def happen(day: Day, order: Order, step: str, draw: st.DrawFn) -> None:
    line = draw(st.sampled_from(order.lines))
    sent = line.sent - line.credited
    most = {
        "send": line.fulfillable,
        "withdraw": line.fulfillable,
        "return": sent,
        "forgive": line.fulfillable,
        "void": 1,
    }[step]
    if most < 1:
        return
    lines = [(line.item.sku, draw(st.integers(1, most)))]
    at = day.tick(draw(st.integers(1, 60)))
    if step == "send":
        parcel = orders.fulfil(day.shop, order, draw(st.sampled_from(["WH", "S1"])), lines, at, move=False)
        day.told.append(("fulfillments/create", payloads.fulfillment(parcel)))
    elif step == "void":
        open_ones = [
            one
            for one in order.parcels
            if one.status == "success" and not any(part.credited for part, _ in one.lines)
        ]
        if open_ones:
            orders.unfulfil(day.shop, open_ones[0], at)
            day.told.append(("fulfillments/update", payloads.fulfillment(open_ones[0])))
    else:
        restock = {"withdraw": "cancel", "return": "return", "forgive": "no_restock"}[step]
        made = orders.refund(day.shop, order, lines, restock=restock, location="S1", at=at)
        day.told.append(("refunds/create", payloads.refund(made)))
    if draw(st.booleans()):
        day.updated(order)


def open_units(day: Day) -> Counter[str]:
    """What the shop itself says is still to be sent."""
    left: Counter[str] = Counter()
    for order in day.shop.orders.values():
        for line in order.lines:
            left[line.item.sku] += line.fulfillable
    return left


def committed(found: Counter[tuple[str, str, str]]) -> Counter[str]:
    units: Counter[str] = Counter()
    for (sku, _, state), quantity in found.items():
        if state == "committed":
            units[sku] += quantity
    return units


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days(), st.randoms(use_true_random=False))
def test_given_a_days_webhooks_shuffled_and_repeated_then_the_balances_are_the_same(day, random):
    expected = settled(day.told)
    shuffled = [*day.told, *random.choices(day.told, k=3)]
    random.shuffle(shuffled)
    assert settled(shuffled) == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days())
def test_given_all_webhooks_or_only_the_last_of_each_order_then_the_balances_are_the_same(day):
    last = {body["id"]: (topic, body) for topic, body in day.told if topic.startswith("orders/")}
    assert settled(list(last.values())) == settled(day.told)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days())
def test_given_a_day_then_what_we_hold_committed_is_what_the_shop_has_still_to_send(day):
    assert +committed(settled(day.told)) == +open_units(day)


def test_given_the_order_and_its_refunds_but_no_update_then_withdrawn_units_are_counted_once():
    day = Day()
    order = day.place([("A", 3)])
    made = orders.refund(day.shop, order, [("A", 2)], restock="cancel", location=None, at=day.tick(5))
    day.told.append(("refunds/create", payloads.refund(made)))
    without = settled(day.told)
    assert committed(without) == Counter(A=1)
    day.updated(order)
    assert settled(day.told) == without == settled(day.told[::-1])


def test_given_unsent_units_refunded_without_restock_then_the_next_update_takes_them_off_once():
    day = Day()
    order = day.place([("A", 3)])
    made = orders.refund(day.shop, order, [("A", 2)], restock="no_restock", location=None, at=day.tick(5))
    day.told.append(("refunds/create", payloads.refund(made)))
    day.updated(order)
    day.updated(order, "orders/paid")
    assert committed(settled(day.told)) == Counter(A=1)


def test_given_the_same_payload_twice_then_the_second_posts_nothing():
    day = Day()
    order = day.place([("A", 3), ("B", 1)])
    orders.fulfil(day.shop, order, "S1", [("A", 2)], day.tick(5), move=False)
    claim = claim_of("orders/updated", payloads.order(order, "shop"))
    once, first = apply(Transaction(), claim, START, Cause(0, 0, 0))
    _, second = apply(once, claim, START, Cause(0, 1, 0))
    assert first
    assert second == []


def test_given_a_cancellation_before_its_order_then_nothing_is_left_committed():
    day = Day()
    order = day.place([("A", 3)])
    orders.cancel(day.shop, order, day.tick(1))
    day.updated(order, "orders/cancelled")
    assert +committed(settled(day.told[::-1])) == Counter()
