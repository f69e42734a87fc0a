"""L5: every number explains itself, for every key, under any rules, as of any moment; on real PostgreSQL.

Not marked as a law: ten thousand examples, each a history in a database, would take hours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.explain import explain
from projections.explain.answer import AsOf
from schemas.accounts import BOUNDARIES, TRANSIT_PREFIX
from schemas.availability import quantity
from schemas.bundles import Bundle, bundle_quantity, part
from schemas.ledger import Stock, _tracked
from schemas.movements import Movement
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import RECEIPTS

PLACES = ("WH", "NYC", "LA")
KINDS = (
    *(
        Kind.STOCK_INITIALISED,
        Kind.GOODS_RECEIVED,
        Kind.ORDER_PLACED,
        Kind.ORDER_SHIPPED,
        Kind.ORDER_REROUTED,
    ),
    *(Kind.POS_SALE_COMPLETED, Kind.RETURN_RECEIVED, Kind.RESERVATION_PLACED, Kind.STOCK_ADJUSTED),
    *(
        Kind.POOL_ALLOCATED,
        Kind.TRANSFER_SHIPPED,
        Kind.TRANSFER_RECEIVED,
        Kind.SUPPLY_EXPECTED,
        Kind.STOCK_COUNTED,
    ),
)
UNITS = st.integers(0, 9)
LIMIT = st.none() | UNITS

numbering = itertools.count()

happenings = st.tuples(
    st.sampled_from(KINDS),
    st.integers(1, 12),
    st.sampled_from([*PLACES, "@unrouted"]),
    st.sampled_from(("web", "tills")),
    st.integers(0, 300),  # the minute it occurred
    st.sampled_from((0, 0, 1, 90, 600)),  # minutes until it was known
    st.sampled_from((None, None, "trade")),
    st.booleans(),
)
any_rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "locations")),
    ships_from=st.sampled_from((*PLACES, "@unrouted")),
    locations=st.none() | st.lists(st.sampled_from(PLACES), max_size=3).map(tuple),
    safety_stock=UNITS,
    safety_stock_by_location=st.dictionaries(st.sampled_from(PLACES), UNITS, max_size=2),
    threshold=UNITS,
    share_percent=st.sampled_from((100, 100, 33, 0)),
    cap=LIMIT,
    pool=st.sampled_from((None, None, "trade")),
    safety_percent=st.sampled_from((None, 10, 50)),
    backorder=LIMIT,
    preorder=LIMIT,
    closed=st.sampled_from((None, ("NYC",))),
    buffers=st.sampled_from((None, None, {"WH": 2, "LA": 0})),
)
minutes = st.none() | st.integers(-1, 1_000)


def happen(shop, after, sku: str, what) -> None:
    kind, units, here, channel, minute, late, pool, voided = what
    at, known = after(minutes=minute), after(minutes=minute + late)
    if kind is Kind.STOCK_COUNTED:
        moved = shop.count(units, "WH" if here == "@unrouted" else here, sku=sku, at=at, known=known)
    else:
        more = {"there": "LA", "transit": "T1", "to_pool": "trade", "expected": units // 2}
        more |= {"pool": pool} if kind is not Kind.POOL_ALLOCATED else {}
        moved = shop.post(kind, units, here, sku=sku, at=at, known=known, channel=channel, **more)
    if voided:
        shop.void(moved, known=known + timedelta(minutes=30))


def added_up(sku: str, journal: Iterable[Movement]) -> Stock:
    """The stock that some movements of a SKU make, leg by leg."""
    stock = Stock(sku=sku)
    for movement in journal:
        for leg in movement.legs:
            if leg.location not in BOUNDARIES:
                here = stock.locations.setdefault(leg.location, {})
                here[leg.state] = here.get(leg.state, 0) + leg.quantity
        if not movement.cause.own:
            tracked, tracked_by = _tracked(stock, movement)
            stock = Stock(sku=sku, locations=stock.locations, tracked=tracked, tracked_by=tracked_by)
    assert not any(name.startswith(TRANSIT_PREFIX) for name in stock.tracked)
    return stock


def due(stocks: dict[str, Stock], sku: str, rules: Rules) -> int:
    """The number that a channel must show."""
    if sku in rules.bundles:
        parts = {name: part(stocks[name], sku, rules) for name in rules.bundles[sku]}
        number = bundle_quantity(Bundle(sku=sku, parts=parts), "web", rules)
    else:
        number = quantity(stocks[sku], "web", rules.channels["web"], "r")
    return number.quantity


async def tell(shop, skus: Iterable[str], its: ChannelRules) -> None:
    """The platform takes the numbers as they are now."""
    for sku in skus:
        number = quantity(shop.stocks[sku], "web", its, "r") if sku in shop.stocks else None
        receipts = [
            Receipt(
                channel="web",
                sku=sku,
                place=name,
                quantity=place.quantity,
                own=place.own,
                level=place.quantity,
                outcome=Outcome.PUSHED,
                offset=number.offset,
                pushed_at=max(one.recorded_at for one in shop.journal if one.sku == sku),
            )
            for name, place in (number.places.items() if number else ())
        ]
        await shop.record(RECEIPTS, receipts)


@given(
    first=st.lists(happenings, max_size=10),
    then=st.lists(happenings, max_size=10),
    its=any_rules,
    recent=st.sampled_from((0, 2, 50)),
    at=minutes,
    known_at=minutes,
)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_given_any_history_and_rules_then_every_number_is_the_sum_of_its_lines_now_and_as_of_any_moment(
    shop, after, first, then, its, recent, at, known_at
):
    number = next(numbering)
    mug, bowl, both = (f"{name}-{number}" for name in ("MUG", "BOWL", "SET"))
    rules = Rules(version="r", channels={"web": its}, bundles={both: {mug: 1, bowl: 2}})
    for part_of_it in (first, then):
        for index, what in enumerate(part_of_it):
            happen(shop, after, (mug, bowl)[index % 3 == 2], what)
        await shop.record_all(web=its)
        if part_of_it is first:
            await tell(shop, (mug, bowl), its)
    moment = AsOf(
        at=None if at is None else after(minutes=at),
        known_at=None if known_at is None else after(minutes=known_at),
    )
    stocks = {sku: shop.stocks.get(sku, Stock(sku=sku)) for sku in (mug, bowl)}
    past = {sku: added_up(sku, by_then(shop.journal, sku, moment)) for sku in (mug, bowl)}
    everything = AsOf(known_at=after(days=365_000))
    for sku in (mug, bowl, both):
        told = [
            await explain(shop.queries, sku, "web", rules, recent, as_of=one)
            for one in (AsOf(), everything, moment)
        ]
        for one in told:
            assert sum(line["amount"] for line in one["lines"]) == one["quantity"]
            assert not any("being recorded" in line["label"] for line in one["lines"])
        assert [one["quantity"] for one in told] == [due(stocks, sku, rules)] * 2 + [due(past, sku, rules)]
        if not moment.timed:
            assert told[2] == told[0]
        now, ever, _ = told
        assert {**ever, "as_of": None} == now


def by_then(journal: Iterable[Movement], sku: str, moment: AsOf) -> list[Movement]:
    return [
        one
        for one in journal
        if one.sku == sku
        and (moment.at is None or one.occurred_at <= moment.at)
        and (moment.known_at is None or one.recorded_at <= moment.known_at)
    ]
