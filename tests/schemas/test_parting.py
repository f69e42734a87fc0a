"""Both sides are played together until an order fares differently: what comes of each is what comes of it played by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import UNROUTED
from schemas.counts import micros
from schemas.movements import Cause, Movement
from schemas.outcomes import Side
from schemas.postings import Kind, Places, legs, reverse
from schemas.rerouting import together
from schemas.routing import HUB
from schemas.rules import ChannelRules
from schemas.sites import Site
from schemas.whatif import Effect, Sides, history_of
from schemas.worlds import World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLACES = ("SOHO", "DEPOT", UNROUTED)
CHANNELS = ("shop", "market", "till")
GIVEN = (
    Kind.GOODS_RECEIVED,
    Kind.STOCK_COUNTED,
    Kind.SUPPLY_EXPECTED,
    Kind.RESERVATION_PLACED,
    Kind.RESERVATION_RELEASED,
    Kind.POS_SALE_COMPLETED,
    Kind.POS_SALE_COMPLETED,
)
FOLLOWS = (
    Kind.ORDER_SHIPPED,
    Kind.ORDER_CANCELLED,
    Kind.PICKUP_COLLECTED,
    Kind.ORDER_REROUTED,
    Kind.PICK_REJECTED,
    Kind.SHIPMENT_VOIDED,
    Kind.RETURN_RECEIVED,
    Kind.RESERVATION_CONVERTED,
    Kind.MOVEMENT_VOIDED,
)
steps = st.lists(
    st.tuples(
        st.sampled_from((*GIVEN, *FOLLOWS, *[Kind.ORDER_PLACED] * 12)),
        st.integers(1, 3),
        st.sampled_from(PLACES),
        st.sampled_from(("shop", *CHANNELS)),
        st.sampled_from((None, None, None, "trade")),
        st.sampled_from((None, None, None, "SET")),
        st.sampled_from((0, 0, 7, 60)),
        st.sampled_from((1, 1, 1, 2)),
    ),
    max_size=24,
)
few = st.integers(0, 2)
rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "network", "locations")),
    ships_from=st.sampled_from(("SOHO", UNROUTED)),
    locations=st.sampled_from((None, None, ("SOHO",))),
    safety_stock=few,
    threshold=few,
    share_percent=st.sampled_from((100, 100, 50)),
    cap=st.sampled_from((None, None, 3)),
    pool=st.sampled_from((None, None, None, "trade")),
    safety_percent=st.sampled_from((None, None, 25)),
    backorder=st.sampled_from((None, None, 2)),
    preorder=st.sampled_from((None, None, 2)),
    shadow=st.sampled_from((False, False, False, True)),
)
ruled = st.dictionaries(st.sampled_from(CHANNELS), rules, min_size=1)
turns = st.lists(st.tuples(st.integers(0, 200), ruled), min_size=1, max_size=3)


def told(happened, each):
    """The movements of one SKU, some time apart; what follows orders belongs to one of a few deals."""
    made, at = [moved(0, Kind.STOCK_INITIALISED, 3, Places("SOHO"), 0)], 0
    made.append(moved(1, Kind.STOCK_INITIALISED, 2, Places("DEPOT", pool="trade"), 0))
    for kind, units, place, channel, pool, bundle, late, deal in happened:
        at += each
        where = Places(place, "DEPOT" if place == UNROUTED else UNROUTED, pool=pool)
        one = moved(len(made), kind, units, where, at, late)
        hub = kind is Kind.ORDER_REROUTED and place == UNROUTED
        made.append(
            replace(
                one, channel=HUB if hub else channel, bundle=bundle, transaction=f"order/{channel}/{deal}"
            )
        )
    made[2:] = sorted(made[2:], key=lambda one: one.recorded_at)
    return [replace(one, cause=Cause(0, number, 0)) for number, one in enumerate(made)]


def moved(number, kind, units, where, at, late=0):
    occurred = NOON + timedelta(seconds=at)
    voids = Kind.ORDER_PLACED if kind is Kind.MOVEMENT_VOIDED else None
    return Movement(
        id=f"0-{number}-0",
        kind=kind,
        sku="mug",
        quantity=units,
        legs=reverse(legs(voids, units, where)) if voids else legs(kind, units, where),
        transaction=f"deal/{number}",
        channel="erp",
        document="any",
        occurred_at=occurred,
        recorded_at=occurred + timedelta(seconds=late),
        cause=Cause(0, number, 0),
        voids=voids,
    )


def side(said):
    """Which rules hold from when on; the first from the beginning."""
    (_, first), *later = said
    return Side(
        (
            (0, first),
            *sorted(((instant(at), its) for at, its in later), key=lambda turn: turn[0]),
        ),
        (Site(location="SOHO"), Site(location="DEPOT")),
    )


def instant(seconds):
    return micros(NOON + timedelta(seconds=seconds))


@given(
    happened=steps,
    each=st.sampled_from((0, 5, 20)),
    before=turns,
    after=turns,
    alike=st.booleans(),
    delay=st.sampled_from((0, 0, 9)),
    since=st.sampled_from((None, None, 30)),
)
@settings(max_examples=600, deadline=None)
def test_given_any_history_and_rules_then_each_side_is_what_it_is_played_by_itself(
    happened, each, before, after, alike, delay, since
):
    movements = told(happened, each)
    if alike:  # or hardly any two sides would have anything in common for long
        after = [*before[:-1], (before[-1][0], {**before[-1][1], **after[-1][1]})]
    sides = Sides(
        before=side(before),
        after=side(after),
        delays=dict.fromkeys(("shop", "till"), delay * 1_000_000),
        since=0 if since is None else instant(since),
    )
    found = sides.effect("mug", history_of(movements))
    history = history_of(movements)
    alone = [
        World("mug", history, one, sides.delays, sides.since).played() for one in (sides.before, sides.after)
    ]
    assert found == Effect(*alone)
    if not history.linked:
        assert found == together({"mug": history_of(movements)}, sides)["mug"]


def test_given_a_deal_of_which_one_side_sells_less_then_what_is_shipped_of_it_leaves_on_the_other_alone():
    def of_deal(number, kind, place):
        one = moved(number, kind, 1, Places(place), number)
        return replace(one, channel="shop", transaction="order/shop/1")

    openings = [moved(n, Kind.STOCK_INITIALISED, 3, Places(place), 0) for n, place in enumerate(PLACES[:2])]
    happened = [(Kind.ORDER_PLACED, "SOHO"), (Kind.ORDER_PLACED, "DEPOT")]
    happened += [(Kind.ORDER_SHIPPED, "SOHO"), (Kind.ORDER_SHIPPED, "DEPOT")]
    movements = openings + [of_deal(number, *each) for number, each in enumerate(happened, start=2)]
    shows_all = ChannelRules(publish="locations", ships_from="SOHO")
    holds_back = replace(shows_all, safety_stock_by_location={"DEPOT": 3})
    both, one = ["DEPOT", "SOHO"], ["SOHO"]
    for before, after, sent in ((shows_all, holds_back, [both, one]), (holds_back, shows_all, [one, both])):
        sides = Sides(before=side([(0, {"shop": before})]), after=side([(0, {"shop": after})]))
        found = sides.effect("mug", history_of(movements))
        assert [sorted(place for _, _, place in its.sent) for its in (found.before, found.after)] == sent
