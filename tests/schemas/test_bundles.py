"""A bundle is sold and never kept: its components sell it, and it sells its components."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.accounts import NETWORK, UNROUTED
from schemas.availability import quantity
from schemas.bundles import Bundle, NotKept, bundle_quantity, part, same_part, scarcest, unbundled
from schemas.claims import Fact
from schemas.ledger import Stock
from schemas.rules import ChannelRules, Rules

RULES = Rules(
    version="r1",
    channels={
        "shop": ChannelRules(safety_stock=1, ships_from="STORE"),
        "till": ChannelRules(publish="locations"),
    },
    bundles={"set": {"mug": 2, "bowl": 1}, "pair": {"mug": 2}},
)


def stock_of(sku, **available):
    return Stock(
        sku=sku,
        locations={name: {"available": units} for name, units in available.items() if units},
        tracked=dict.fromkeys(available, ""),
    )


def bundle(*stocks, sku="set"):
    made = Bundle(sku=sku)
    for offset, stock in enumerate(stocks):
        made = made.take(part(stock, sku, RULES), offset)
    return made


def test_given_its_components_then_so_many_can_be_sold_as_the_scarcest_allows():
    known = bundle(stock_of("mug", STORE=8), stock_of("bowl", STORE=9))
    number = bundle_quantity(known, "shop", RULES)
    assert number is not None
    assert number.quantity == 3, "7 of the 8 mugs may be sold online, and a set takes 2"
    assert scarcest(known, "shop", RULES, NETWORK) == "mug"
    scarce = known.take(part(replace(stock_of("bowl", STORE=2), offset=9), "set", RULES), 9)
    assert bundle_quantity(scarce, "shop", RULES).quantity == 1
    assert scarcest(scarce, "shop", RULES, NETWORK) == "bowl"


def test_given_too_few_of_one_component_then_what_lies_behind_the_number_is_that_one_s_too():
    short = replace(stock_of("bowl"), locations={"STORE": {"available": -3}}, tracked={"STORE": ""})
    number = bundle_quantity(bundle(stock_of("mug", STORE=8), short), "till", RULES)
    assert (number.places["STORE"].quantity, number.places["STORE"].level) == (0, -3)
    plenty = bundle_quantity(bundle(stock_of("mug", STORE=8), stock_of("bowl", STORE=9)), "till", RULES)
    assert plenty.places["STORE"].level == 4


def test_given_one_component_has_heard_of_a_sale_and_the_other_not_yet_then_it_counts_as_heard():
    sold = replace(stock_of("mug", STORE=8), told_by={"STORE": {"till|set": -4}})
    for stocks in ((sold, stock_of("bowl", STORE=9)), (stock_of("bowl", STORE=9), sold)):
        assert bundle_quantity(bundle(*stocks), "till", RULES).places["STORE"].own == -2


def test_given_a_part_again_then_it_is_the_newest_still():
    mugs, bowls = replace(stock_of("mug", STORE=3), offset=7), stock_of("bowl", STORE=9)
    recounted = replace(stock_of("mug", STORE=6), offset=7)
    assert bundle_quantity(bundle(mugs, bowls, recounted), "till", RULES).quantity == 3


def test_given_parts_of_which_one_channel_s_numbers_differ_then_they_are_not_the_same():
    before, after = stock_of("mug", STORE=1), stock_of("mug", STORE=2)
    assert same_part(part(before, "set", RULES), part(replace(before, offset=9), "set", RULES))
    assert not same_part(part(before, "set", RULES), part(after, "set", RULES))
    hidden = Rules(version="r1", channels={"shop": RULES.channels["shop"]}, bundles=RULES.bundles)
    one, other = part(before, "set", RULES), part(before, "set", hidden)
    assert not same_part(one, other), "a channel that had a number has none"


def test_given_an_order_of_bundles_and_others_then_the_others_stay_lines_of_it(deal, units):
    order = units(Fact.ORDERED, 2, "STORE")
    deal.tell("shop", "order/1", 1, replace(order, sku="set"), order, replace(order, sku="bowl"))
    lines = unbundled(deal.claims[0], RULES.bundles).documents[0].lines
    assert [(line.sku, line.quantity, line.bundle) for line in lines] == [
        ("bowl", 2, "set"),
        ("mug", 4, "set"),
        (order.sku, 2, None),
        ("bowl", 2, None),
    ]


def test_given_stores_then_each_sells_what_its_own_shelf_makes():
    known = bundle(stock_of("mug", STORE=4, WAREHOUSE=9, ATTIC=9), stock_of("bowl", STORE=5, WAREHOUSE=1))
    number = bundle_quantity(known, "till", RULES)
    assert {name: place.quantity for name, place in number.places.items()} == {"STORE": 2, "WAREHOUSE": 1}
    assert number.quantity == 3


def test_given_a_component_that_nobody_keeps_anywhere_then_the_bundle_has_no_place():
    assert not bundle_quantity(bundle(stock_of("mug", STORE=4)), "shop", RULES).places
    assert not bundle_quantity(bundle(stock_of("mug", STORE=4), Stock(sku="bowl")), "shop", RULES).places
    apart = bundle(stock_of("mug", STORE=4), stock_of("bowl", WAREHOUSE=4))
    assert not bundle_quantity(apart, "till", RULES).places, "no single store has both"


def test_given_an_older_part_that_comes_late_then_the_newer_stands():
    newer, older = replace(stock_of("mug", STORE=3), offset=7), replace(stock_of("mug", STORE=99), offset=6)
    known = bundle(newer, older, stock_of("bowl", STORE=9))
    assert known.offset == 2
    assert bundle_quantity(known, "till", RULES).quantity == 1


def test_given_an_order_of_bundles_then_it_is_one_of_their_components_and_says_so(deal, units):
    deal.tell("shop", "order/1", 1, replace(units(Fact.ORDERED, 3, "STORE"), sku="set"))
    (claim,) = deal.claims
    lines = unbundled(claim, RULES.bundles).documents[0].lines
    assert [(line.sku, line.quantity, line.bundle, line.fact) for line in lines] == [
        ("bowl", 3, "set", Fact.ORDERED),
        ("mug", 6, "set", Fact.ORDERED),
    ]


def test_given_a_document_without_bundles_then_it_stays_as_it_is(deal, units):
    deal.tell("shop", "order/1", 1, units(Fact.ORDERED, 3, "STORE"))
    assert unbundled(deal.claims[0], RULES.bundles) is deal.claims[0]


@pytest.mark.parametrize("fact", [Fact.OPENED, Fact.OPENED_BELOW_ZERO, Fact.COUNTED])
def test_given_a_count_of_a_bundle_then_it_is_refused_because_no_shelf_holds_one(deal, units, fact):
    deal.tell("shop", "count/1", 1, replace(units(fact, 3, "STORE"), sku="set"))
    with pytest.raises(NotKept, match="set is a bundle"):
        unbundled(deal.claims[0], RULES.bundles)


def sold(deal, units, channel="shop"):
    """A deal in which a channel sold three sets."""
    opened = units(Fact.OPENED, 20, "STORE")
    deal.tell("erp", "opening", 1, opened, replace(opened, sku="bowl"))
    deal.tell(channel, "order/1", 1, replace(units(Fact.ORDERED, 3, "STORE", hour=1), sku="set"))
    deal.claims[-1] = unbundled(deal.claims[-1], RULES.bundles)


def test_given_a_channel_sold_bundles_then_its_platform_has_counted_the_bundles_and_not_the_components(
    deal, units, log
):
    sold(deal, units)
    known = log.stocks(deal.movements)
    mugs = known["mug"]
    assert mugs.locations["STORE"] == {"available": 14, "committed": 6}
    assert quantity(mugs, "shop", RULES.channels["shop"], "r1").places[NETWORK].own == 0
    place = bundle_quantity(bundle(*known.values()), "shop", RULES).places[NETWORK]
    assert (place.quantity, place.own) == (6, -3)
    assert bundle_quantity(bundle(*known.values()), "till", RULES).places["STORE"].own == 0


def test_given_the_shop_cancelled_its_bundles_then_its_platform_has_counted_them_back(deal, units, log):
    sold(deal, units)
    lines = [replace(units(fact, 3, "STORE", hour=1), sku="set") for fact in (Fact.ORDERED, Fact.CANCELLED)]
    deal.tell("shop", "order/1", 2, *lines)
    deal.claims[-1] = unbundled(deal.claims[-1], RULES.bundles)
    assert deal.stock.locations == {"STORE": {"available": 20}}
    known = bundle(*log.stocks(deal.movements).values())
    assert bundle_quantity(known, "shop", RULES).places[NETWORK].own == 0


def test_given_the_carrier_tells_of_the_components_then_they_are_what_was_ordered(deal, units):
    sold(deal, units)
    deal.tell("carrier", "parcel/1", 1, units(Fact.SHIPPED, 6, "STORE", hour=2))
    assert deal.stock.locations == {"STORE": {"available": 14}}


@given(
    units=st.tuples(st.integers(-9, 40), st.integers(-9, 40)),
    moved=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    demand=st.integers(0, 5),
)
@settings(max_examples=200, deadline=None)
def test_given_any_shelves_then_a_bundle_is_what_can_be_taken_from_all_of_them_at_once(units, moved, demand):
    stocks = [stock_of("mug", STORE=units[0], **{UNROUTED: -demand}), stock_of("bowl", STORE=units[1])]
    number = bundle_quantity(bundle(*stocks), "shop", RULES)
    free = [quantity(stock, "shop", RULES.channels["shop"], "r1").quantity for stock in stocks]
    assert number.quantity * 2 <= free[0]
    assert number.quantity <= free[1]
    assert (number.quantity + 1) * 2 > free[0] or number.quantity + 1 > free[1]
    after = [stock_of("mug", STORE=units[0] + moved[0], **{UNROUTED: -demand}), stocks[1]]
    parts = [part(one, "set", RULES) for one in (stocks[0], after[0])]
    assert same_part(*parts) == (moved[0] == 0 or parts[0].numbers == parts[1].numbers)
