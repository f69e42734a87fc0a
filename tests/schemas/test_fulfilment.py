"""How a basket reaches a shopper."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.availability import quantity
from schemas.distances import Point
from schemas.fulfilment import Earliest, in_components, options
from schemas.ledger import Stock
from schemas.offers import collectable, offer
from schemas.parcels import Parcel
from schemas.rules import ChannelRules, LocationRules
from schemas.sites import Site

SHOPPER = Point(52.52, 13.40)
MITTE = Site(location="MITTE", point=Point(52.53, 13.41), pickup=True, ships=False, ready_in=1)
SPANDAU = Site(location="SPANDAU", point=Point(52.54, 13.20), pickup=True, ready_in=3)
HAMBURG = Site(location="HAMBURG", point=Point(53.55, 9.99), pickup=True, ready_in=2)
DEPOT = Site(location="DEPOT", point=Point(52.30, 13.25), ready_in=24)
SITES = [DEPOT, HAMBURG, MITTE, SPANDAU]
RULES = ChannelRules()


def stocks(**by_sku):
    return {
        sku: Stock(
            sku=sku,
            locations={name: {"available": units} for name, units in available.items()},
            tracked=dict.fromkeys(available, ""),
        )
        for sku, available in by_sku.items()
    }


def ways(wanted, held, rules=RULES, sites=SITES, near=SHOPPER, **more):
    return options(wanted, held, "web", rules, sites, near, **more)


def at(collections):
    return [one.site.location for one in collections]


def shipped(found):
    return {parcel.location: parcel.lines for parcel in found.ship.parcels}


# -- collected


def test_given_a_store_has_all_of_it_then_it_is_collected_there_now_and_the_nearest_is_named_first():
    found = ways({"tee": 1}, stocks(tee={"HAMBURG": 2, "MITTE": 1, "SPANDAU": 0, "DEPOT": 5}))
    assert at(found.pickup_now) == ["MITTE", "HAMBURG"]
    assert found.earliest == Earliest(way="pickup_now", locations=("MITTE",), ready_in=1)
    assert not found.free_shipping


def test_given_a_store_lacks_a_part_then_the_rest_is_brought_from_the_place_nearest_to_it():
    held = stocks(tee={"MITTE": 1, "DEPOT": 4, "HAMBURG": 4}, mug={"MITTE": 1})
    found = ways({"tee": 3, "mug": 1}, held)
    assert found.pickup_now == ()
    (mitte,) = found.pickup_later
    assert (mitte.here, mitte.transfers) == ({"tee": 1, "mug": 1}, (Parcel("DEPOT", {"tee": 2}),))
    assert mitte.ready_in == 24


def test_given_stores_of_which_none_sends_then_nothing_is_brought_to_another():
    held = stocks(tee={"MITTE": 1, "SPANDAU": 1})
    found = ways({"tee": 2}, held, sites=[MITTE, replace(SPANDAU, ships=False)])
    assert (found.pickup_now, found.pickup_later) == ((), ())
    assert found.free_shipping
    assert found.ship.missing == {"tee": 2}
    assert found.earliest is None


def test_given_only_a_store_together_with_another_place_has_it_then_that_is_the_way_from_both():
    held = stocks(tee={"MITTE": 1, "DEPOT": 1})
    found = ways({"tee": 2}, held, sites=[DEPOT, MITTE])
    assert found.earliest == Earliest(way="pickup_later", locations=("DEPOT", "MITTE"), ready_in=24)
    assert (found.ship.missing, found.free_shipping) == ({"tee": 1}, False)
    slow = replace(MITTE, ready_in=30)
    assert ways({"tee": 2}, held, sites=[DEPOT, slow]).pickup_later[0].ready_in == 30


def test_given_nothing_of_it_lies_in_a_store_then_it_is_ready_when_its_source_is():
    found = ways({"tee": 1}, stocks(tee={"SPANDAU": 1}), sites=[replace(SPANDAU, pickup=False), MITTE])
    (mitte,) = found.pickup_later
    assert (mitte.here, mitte.ready_in) == ({}, 3)
    assert found.earliest == Earliest(way="ship", locations=("SPANDAU",), ready_in=3)


def test_given_a_channel_may_not_sell_as_much_then_nothing_is_brought_to_a_store():
    held = stocks(tee={"DEPOT": 9}, mug={"DEPOT": 9})
    assert at(ways({"tee": 3, "mug": 1}, held, ChannelRules(cap=3)).pickup_later) == [
        "MITTE",
        "SPANDAU",
        "HAMBURG",
    ]
    assert ways({"tee": 4, "mug": 1}, held, ChannelRules(cap=3)).pickup_later == ()


def test_given_one_store_only_then_it_is_collected_and_shipping_is_not_free():
    found = ways({"tee": 1}, stocks(tee={"MITTE": 1}), sites=[MITTE])
    assert (at(found.pickup_now), found.pickup_later, found.free_shipping) == (["MITTE"], (), False)


def test_given_no_store_can_have_it_then_shipping_is_free():
    found = ways({"tee": 1}, stocks(tee={"DEPOT": 1}), sites=[DEPOT])
    assert found.free_shipping
    assert found.earliest == Earliest(way="ship", locations=("DEPOT",), ready_in=24)


def test_given_units_are_kept_back_by_store_or_channel_then_they_are_not_collected():
    held = stocks(tee={"MITTE": 2})
    assert at(ways({"tee": 2}, held).pickup_now) == ["MITTE"]
    assert ways({"tee": 2}, held, sites=[replace(MITTE, in_store_buffer=1)]).pickup_now == ()
    assert ways({"tee": 2}, held, ChannelRules(safety_stock=1)).pickup_now == ()
    assert ways({"tee": 2}, held, ChannelRules(cap=1)).pickup_now == ()
    assert ways({"tee": 2}, held, ChannelRules(pool="trade")).pickup_now == ()
    assert ways({"tee": 2}, held, ChannelRules(locations=("SPANDAU",))).pickup_now == ()


def test_given_many_stores_then_so_many_are_named_as_are_asked_for():
    sites = [Site(location=f"S{n}", pickup=True) for n in range(9)]
    held = stocks(tee={site.location: 1 for site in sites})
    assert at(ways({"tee": 1}, held, sites=sites, named=2).pickup_now) == ["S0", "S1"]
    assert at(ways({"tee": 2}, held, sites=sites, named=3).pickup_later) == ["S0", "S1", "S2"]


# -- shipped


def test_given_one_place_has_all_then_one_parcel_leaves_it_however_far_it_is():
    held = stocks(tee={"SPANDAU": 1, "HAMBURG": 1}, mug={"DEPOT": 1, "HAMBURG": 1})
    found = ways({"tee": 1, "mug": 1}, held)
    assert shipped(found) == {"HAMBURG": {"mug": 1, "tee": 1}}
    assert not found.split


def test_given_equally_many_parcels_then_the_nearest_sends_unless_the_channel_lists_another_before_it():
    held = stocks(tee={"SPANDAU": 5, "HAMBURG": 5, "DEPOT": 5})
    assert list(shipped(ways({"tee": 1}, held))) == ["SPANDAU"]
    listed = ChannelRules(locations=("DEPOT", "HAMBURG", "SPANDAU"))
    assert list(shipped(ways({"tee": 1}, held, listed))) == ["DEPOT"]


def test_given_no_place_has_all_then_the_order_is_split_and_what_nobody_has_is_named():
    held = stocks(tee={"SPANDAU": 2, "DEPOT": 1}, mug={"DEPOT": 1})
    found = ways({"tee": 4, "mug": 1, "bowl": 2}, held)
    assert shipped(found) == {"SPANDAU": {"tee": 2}, "DEPOT": {"tee": 1, "mug": 1}}
    assert (found.split, found.ship.missing) == (True, {"bowl": 2, "tee": 1})
    assert found.earliest is None, "no way brings all of it"


def test_given_the_channel_may_sell_fewer_than_lie_there_then_no_more_are_sent():
    held = stocks(tee={"DEPOT": 10})
    for rules in (ChannelRules(cap=3), ChannelRules(threshold=7), ChannelRules(share_percent=30)):
        found = ways({"tee": 5}, held, rules)
        assert (shipped(found), found.ship.missing) == ({"DEPOT": {"tee": 3}}, {"tee": 2})


def test_given_a_bundle_then_it_is_its_components_and_the_same_sku_is_summed():
    recipes = {"SET": {"tee": 2, "mug": 1}}
    assert in_components([("SET", 2), ("tee", 1), ("tee", 1)], recipes) == {"tee": 6, "mug": 2}


# -- laws

PLACES = ("A", "B", "C", "D")
SKUS = ("bowl", "mug", "tee")
sites = st.lists(
    st.builds(
        Site,
        location=st.sampled_from(PLACES),
        point=st.none() | st.builds(Point, st.floats(-80, 80), st.floats(-180, 180)),
        pickup=st.booleans(),
        ships=st.booleans(),
        in_store_buffer=st.integers(0, 2),
        ready_in=st.integers(0, 48),
    ),
    unique_by=lambda site: site.location,
    max_size=4,
)
levels = st.dictionaries(st.sampled_from(PLACES), st.integers(-3, 6))
holdings = st.fixed_dictionaries({}, optional=dict.fromkeys(SKUS, levels)).map(lambda held: stocks(**held))
rules = st.builds(
    ChannelRules,
    publish=st.sampled_from(("network", "locations")),
    locations=st.none() | st.permutations(PLACES).map(lambda order: tuple(order[:3])),
    safety_stock=st.integers(0, 2),
    cap=st.none() | st.integers(0, 9),
)
wants = st.dictionaries(st.sampled_from(SKUS), st.integers(0, 6))


@given(wanted=wants, held=holdings, rules=rules, sites=sites, near=st.none() | st.just(SHOPPER))
@settings(max_examples=500, deadline=None)
def test_given_anything_then_every_way_brings_all_of_it_from_places_that_may_give_it(
    wanted, held, rules, sites, near
):
    found = options(wanted, held, "web", rules, sites, near)
    offers = {sku: offer(held.get(sku) or Stock(sku=sku), "web", rules) for sku in wanted}
    known = {site.location: site for site in sites}

    def may_send(parcel):
        assert known[parcel.location].ships
        assert all(0 < units <= offers[sku].at.get(parcel.location, 0) for sku, units in parcel.lines.items())

    def brought(parcels):
        return {sku: sum(parcel.lines.get(sku, 0) for parcel in parcels) for sku in wanted}

    for parcel in found.ship.parcels:
        may_send(parcel)
    sent = brought(found.ship.parcels)
    assert {sku: sent[sku] + found.ship.missing.get(sku, 0) for sku in wanted} == wanted
    assert all(sent[sku] <= offers[sku].limit for sku in wanted)
    for one in (*found.pickup_now, *found.pickup_later):
        assert one.site.pickup
        for sku, units in one.here.items():
            assert 0 < units <= collectable(held[sku], one.site, rules, offers[sku])
        for parcel in one.transfers:
            may_send(parcel)
            assert parcel.location != one.site.location
        moved = brought(one.transfers)
        assert {sku: one.here.get(sku, 0) + moved[sku] for sku in wanted} == wanted
        assert all(wanted[sku] <= offers[sku].limit for sku in wanted)
        assert bool(one.transfers) == (one in found.pickup_later)
    assert found.free_shipping == (not found.pickup_now and not found.pickup_later)
    complete = found.pickup_now or found.pickup_later or (found.ship.parcels and not found.ship.missing)
    assert (found.earliest is not None) == bool(complete)


@given(wanted=wants, held=holdings, rules=rules, sites=sites, chance=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_given_the_same_in_another_order_then_the_answer_is_the_same(wanted, held, rules, sites, chance):
    shuffled = list(sites)
    chance.shuffle(shuffled)
    turned = dict(reversed(list(wanted.items())))
    assert options(wanted, held, "web", rules, sites, SHOPPER) == options(
        turned, held, "web", rules, shuffled, SHOPPER
    )


# -- what places are for


def test_given_a_store_that_ships_nothing_then_it_is_collected_from_and_no_more_is_shipped_than_is_published():
    placed = ChannelRules(threshold=5).placed({"MITTE": LocationRules(ships=False, pickup=True)})
    held = stocks(tee={"MITTE": 10, "DEPOT": 7})
    found = ways({"tee": 3}, held, placed)
    assert at(found.pickup_now) == ["MITTE"]
    assert (shipped(found), found.ship.missing) == ({"DEPOT": {"tee": 2}}, {"tee": 1})
    assert quantity(held["tee"], "web", placed, "").quantity == 2


def test_given_another_routing_policy_then_the_answer_is_what_the_hub_will_do():
    held = stocks(tee={"SPANDAU": 1, "DEPOT": 2, "HAMBURG": 3})
    assert shipped(ways({"tee": 3}, held)) == {"HAMBURG": {"tee": 3}}
    nearest = ChannelRules(routing="nearest")
    assert shipped(ways({"tee": 3}, held, nearest)) == {"SPANDAU": {"tee": 1}, "DEPOT": {"tee": 2}}
    listed = ChannelRules(routing="priority", locations=("DEPOT", "HAMBURG", "SPANDAU"))
    assert shipped(ways({"tee": 3}, held, listed)) == {"DEPOT": {"tee": 2}, "HAMBURG": {"tee": 1}}


def test_given_backorders_then_only_what_is_there_is_promised_to_a_shopper():
    found = ways({"tee": 3}, stocks(tee={"DEPOT": 1}), ChannelRules(backorder=9, ships_from="DEPOT"))
    assert (shipped(found), found.ship.missing) == ({"DEPOT": {"tee": 1}}, {"tee": 2})
