"""Where an order goes that was taken without a place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.accounts import UNROUTED
from schemas.claims import Fact
from schemas.distances import Point
from schemas.ledger import Stock
from schemas.routing import Demand, claim, route
from schemas.rules import ChannelRules
from schemas.sites import Site

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SITES = (
    Site(location="DC", point=Point(40.0, -75.0)),
    Site(location="SOHO", point=Point(40.72, -74.0)),
    Site(location="HARLEM", point=Point(40.81, -73.95)),
    Site(location="SHOW", point=Point(40.72, -74.0), ships=False),
)
NEW_YORK = Point(40.75, -73.99)


def stock(sku="MUG", demanded=0, **available):
    cells = {name: {"available": units} for name, units in available.items()}
    cells[UNROUTED] = {"available": -demanded, "committed": demanded}
    return Stock(sku=sku, locations=cells, tracked=dict.fromkeys(available, ""))


def demand(units, rejected=None):
    return Demand(transaction="order/web/1", channel="web", units=units, rejected=rejected or {})


def routed(units, stocks, rules=None, near=None, rejected=None):
    found = route(demand(units, rejected), stocks, rules or ChannelRules(), SITES, near)
    return {parcel.location: parcel.lines for parcel in found.plan.parcels}, found.plan.missing


def test_given_a_place_that_has_all_of_it_then_it_is_one_parcel_from_there():
    stocks = {"MUG": stock("MUG", 2, DC=1, SOHO=2), "TEE": stock("TEE", 1, SOHO=1, HARLEM=5)}
    assert routed({"MUG": 2, "TEE": 1}, stocks) == ({"SOHO": {"MUG": 2, "TEE": 1}}, {})


def test_given_several_places_then_the_channel_s_order_decides_and_then_the_way():
    stocks = {"MUG": stock("MUG", 1, DC=5, SOHO=5, HARLEM=5)}
    assert routed({"MUG": 1}, stocks, near=NEW_YORK) == ({"SOHO": {"MUG": 1}}, {})
    first = ChannelRules(locations=("HARLEM", "DC", "SOHO"))
    assert routed({"MUG": 1}, stocks, first, NEW_YORK) == ({"HARLEM": {"MUG": 1}}, {})


def test_given_a_place_that_refused_to_send_it_then_the_next_one_is_asked():
    stocks = {"MUG": stock("MUG", 1, DC=5, SOHO=5)}
    assert routed({"MUG": 1}, stocks, rejected={"MUG": {"DC"}}) == ({"SOHO": {"MUG": 1}}, {})
    assert routed({"MUG": 1}, stocks, rejected={"MUG": {"DC", "SOHO"}}) == ({}, {"MUG": 1})


def test_given_a_place_from_which_nothing_is_sent_or_that_the_channel_may_not_sell_then_it_is_not_asked():
    assert routed({"MUG": 1}, {"MUG": stock("MUG", 1, SHOW=5)}) == ({}, {"MUG": 1})
    only = ChannelRules(locations=("DC",))
    assert routed({"MUG": 1}, {"MUG": stock("MUG", 1, SOHO=5)}, only) == ({}, {"MUG": 1})


def test_given_safety_stock_then_it_is_kept_unless_the_promise_could_not_be():
    rules = ChannelRules(safety_stock=2)
    assert routed({"MUG": 1}, {"MUG": stock("MUG", 1, DC=2, SOHO=3)}, rules)[0] == {"SOHO": {"MUG": 1}}
    assert routed({"MUG": 1}, {"MUG": stock("MUG", 1, DC=2, SOHO=2)}, rules)[0] == {"DC": {"MUG": 1}}


def test_given_the_only_place_beyond_its_safety_stock_sends_nothing_then_the_promise_is_kept_from_another():
    stocks = {"MUG": stock("MUG", 1, DC=1, SHOW=2)}
    assert routed({"MUG": 1}, stocks, ChannelRules(safety_stock=1)) == ({"DC": {"MUG": 1}}, {})


def test_given_too_few_units_then_what_there_is_goes_and_the_rest_waits():
    assert routed({"MUG": 5}, {"MUG": stock("MUG", 5, DC=1, SOHO=2)}) == (
        {"DC": {"MUG": 1}, "SOHO": {"MUG": 2}},
        {"MUG": 2},
    )
    assert routed({"MUG": 1}, {}) == ({}, {"MUG": 1})


def test_given_other_demand_without_a_place_then_it_is_not_sent_twice():
    assert routed({"MUG": 2}, {"MUG": stock("MUG", 5, DC=4)}) == ({"DC": {"MUG": 1}}, {"MUG": 1})


def test_given_a_decision_then_its_claim_says_what_goes_where_and_who_else_had_it():
    stocks = {"MUG": stock("MUG", 2, DC=5, SOHO=3)}
    asked = demand({"MUG": 2})
    said = claim(asked, route(asked, stocks, ChannelRules(locations=("DC", "SOHO")), SITES), NOW)
    (document,) = said.documents
    (line,) = document.lines
    assert (said.transaction, document.id) == ("order/web/1", "routing/order/web/1/1")
    assert (said.channel, said.topic, said.occurred_at) == ("onhand", "routing", NOW)
    assert document.version == int(NOW.timestamp()) * 1_000
    assert (line.fact, line.quantity, line.location, line.there) == (Fact.REROUTED, 2, "@unrouted", "DC")
    assert line.reason == "one parcel; not chosen: SOHO 3"


@pytest.mark.parametrize(("others", "more"), [(6, ""), (7, " and 1 more")])
def test_given_many_places_that_had_it_then_the_first_are_named_and_the_rest_counted(others, more):
    names = [f"S{number}" for number in range(others)]
    sites = tuple(Site(location=name) for name in ("DC", *names))
    shelves = {"MUG": stock("MUG", 1, DC=1, **dict.fromkeys(names, 2))}
    asked = replace(demand({"MUG": 1}), routed=2)
    said = claim(asked, route(asked, shelves, ChannelRules(locations=("DC", *names)), sites), NOW)
    (document,) = said.documents
    named = ", ".join(f"{name} 2" for name in names[:6])
    assert document.lines[0].reason == f"one parcel; not chosen: {named}{more}"
    assert document.id.endswith("/3")


def test_given_two_parcels_then_each_says_so_and_one_that_nobody_else_had_names_nobody():
    shelves = {"MUG": stock("MUG", 1, DC=1), "TEE": stock("TEE", 1, SOHO=1)}
    asked = demand({"MUG": 1, "TEE": 1})
    lines = claim(asked, route(asked, shelves, ChannelRules(), SITES), NOW).documents[0].lines
    assert [(line.sku, line.there, line.reason) for line in lines] == [
        ("MUG", "DC", "one of 2 parcels"),
        ("TEE", "SOHO", "one of 2 parcels"),
    ]


# -- other policies

ORDER = ("HARLEM", "DC", "SOHO")


def test_given_the_nearest_first_then_each_place_sends_what_it_has_in_however_many_parcels():
    stocks = {"MUG": stock("MUG", 3, DC=9, SOHO=1, HARLEM=1), "TEE": stock("TEE", 1, DC=9, HARLEM=9)}
    asked = {"MUG": 3, "TEE": 1}
    assert routed(asked, stocks, near=NEW_YORK)[0] == {"DC": {"MUG": 3, "TEE": 1}}
    nearest = ChannelRules(routing="nearest", locations=ORDER)
    assert routed(asked, stocks, nearest, NEW_YORK) == (
        {"SOHO": {"MUG": 1}, "HARLEM": {"MUG": 1, "TEE": 1}, "DC": {"MUG": 1}},
        {},
    )


def test_given_priority_then_the_places_are_asked_as_the_channel_lists_them_wherever_the_shopper_is():
    stocks = {"MUG": stock("MUG", 3, DC=9, SOHO=9, HARLEM=1)}
    by_priority = ChannelRules(routing="priority", locations=ORDER)
    assert routed({"MUG": 3}, stocks, by_priority, NEW_YORK)[0] == {"HARLEM": {"MUG": 1}, "DC": {"MUG": 2}}
    assert routed({"MUG": 3}, stocks, ChannelRules(locations=ORDER), NEW_YORK)[0] == {"DC": {"MUG": 3}}
    assert routed({"MUG": 1}, stocks, by_priority, NEW_YORK, {"MUG": {"HARLEM"}})[0] == {"DC": {"MUG": 1}}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (ChannelRules(routing="nearest"), "nearest: one parcel; not chosen: DC 5"),
        (ChannelRules(routing="fewest_parcels"), "fewest_parcels: one parcel; not chosen: DC 5"),
        (ChannelRules(), "one parcel; not chosen: DC 5"),
    ],
)
def test_given_a_policy_then_the_reason_names_it(rules, reason):
    asked = demand({"MUG": 1})
    found = route(asked, {"MUG": stock("MUG", 1, DC=5, SOHO=5)}, rules, SITES, NEW_YORK)
    assert claim(asked, found, NOW).documents[0].lines[0].reason == reason


def test_given_backorders_then_no_place_is_asked_to_send_what_is_not_there():
    rules = ChannelRules(backorder=9, ships_from="DC")
    assert routed({"MUG": 5}, {"MUG": stock("MUG", 5, DC=2)}, rules) == ({"DC": {"MUG": 2}}, {"MUG": 3})


policies = st.sampled_from((None, "nearest", "priority"))


@given(
    st.dictionaries(st.sampled_from(["MUG", "TEE"]), st.integers(1, 5), min_size=1),
    st.dictionaries(
        st.sampled_from(["MUG", "TEE"]),
        st.dictionaries(st.sampled_from(["DC", "SOHO", "HARLEM", "SHOW"]), st.integers(0, 4)),
    ),
    st.integers(0, 3),
    policies,
)
def test_given_any_demand_then_all_of_it_is_sent_or_missing_and_no_place_sends_what_it_has_not(
    units, shelves, held, policy
):
    stocks = {sku: stock(sku, units.get(sku, 0), **has) for sku, has in shelves.items()}
    parcels, missing = routed(units, stocks, ChannelRules(safety_stock=held, routing=policy))
    for sku, wanted in units.items():
        sent = {place: lines.get(sku, 0) for place, lines in parcels.items()}
        assert sum(sent.values()) + missing.get(sku, 0) == wanted
        assert all(count <= shelves.get(sku, {}).get(place, 0) for place, count in sent.items())
        free = sum(count for place, count in shelves.get(sku, {}).items() if place != "SHOW")
        assert missing.get(sku, 0) == max(0, wanted - free)
