"""What holds when a configuration file and a person's decisions both say something of the rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.rules import ChannelRules, LocationRules, Rules
from schemas.ruling import (
    BUNDLES,
    LOCATIONS,
    WIRING,
    BadRules,
    changed,
    changes,
    digest,
    merged,
    noted,
    rules_of,
    touched,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHOP, TILL = ChannelRules(safety_stock=1), ChannelRules(publish="locations")


def file(**channels: ChannelRules) -> Rules:
    return rules_of(channels or {"shop": SHOP, "till": TILL}, {})


def decided(rules: Rules, channel: str, **patch) -> Rules:
    """An event after somebody's decision."""
    channels = {**rules.channels, channel: changed(rules.channels[channel], patch)}
    return rules_of(channels, rules.bundles, by="ann", at=NOW, configured=rules.configured)


def test_given_nothing_was_decided_yet_then_the_file_holds():
    assert merged(None, file()).channels == file().channels


def test_given_a_decision_then_it_holds_until_the_file_says_something_else_of_that_channel():
    event = decided(merged(None, file()), "shop", safety_stock=5)
    assert merged(event, file()) is event
    other = merged(event, file(shop=SHOP, till=replace(TILL, safety_stock=9)))
    assert (other.channels["shop"].safety_stock, other.channels["till"].safety_stock) == (5, 9)
    newer = merged(event, file(shop=replace(SHOP, cap=7), till=TILL))
    assert newer.channels["shop"] == replace(SHOP, cap=7)


def test_given_the_file_is_taken_back_to_what_it_said_then_that_is_news_again():
    event = decided(merged(None, file()), "shop", safety_stock=5)
    edited = merged(event, file(shop=replace(SHOP, cap=7), till=TILL))
    assert merged(edited, file()).channels["shop"] == SHOP


def test_given_a_channel_comes_or_goes_in_the_file_then_so_do_its_rules():
    event = decided(merged(None, file()), "shop", safety_stock=5)
    more = merged(event, file(shop=SHOP, till=TILL, trade=ChannelRules(cap=3)))
    assert (more.channels["shop"].safety_stock, more.channels["trade"].cap) == (5, 3)
    assert merged(more, file(shop=SHOP)).channels.keys() == {"shop"}


def test_given_bundles_in_the_file_then_they_hold_and_a_decision_about_a_channel_leaves_them():
    event = decided(merged(None, rules_of({"shop": SHOP}, {"SET": {"MUG": 2}})), "shop", cap=1)
    assert event.bundles == {"SET": {"MUG": 2}}
    assert merged(event, rules_of({"shop": SHOP}, {"SET": {"MUG": 3}})).bundles == {"SET": {"MUG": 3}}
    assert merged(event, rules_of({"shop": SHOP}, {"SET": {"MUG": 3}})).channels["shop"].cap == 1


def test_given_rules_then_they_keep_what_the_file_said_of_each_channel_and_of_the_bundles():
    assert {"publish", "ships_from", "pool", "wholesale_pool", "level"} == WIRING
    said = merged(None, file()).configured
    assert said.keys() == {"shop", "till", BUNDLES} == {"shop", "till", "[bundles]"}
    assert all(len(digest) == 12 for digest in said.values())
    assert len(merged(None, file()).version) == 12


def test_given_the_same_rules_then_their_version_is_the_same_whoever_made_them():
    assert (
        rules_of({"a": SHOP, "b": TILL}, {}).version == rules_of({"b": TILL, "a": SHOP}, {}, by="ann").version
    )
    assert rules_of({"a": SHOP}, {}).version != rules_of({"a": TILL}, {}).version


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"safety_stock": 4}, replace(SHOP, safety_stock=4)),
        ({"safety_stock": None}, ChannelRules()),
        ({"safety_stock_by_sku": {"MUG": 3}}, replace(SHOP, safety_stock_by_sku={"MUG": 3})),
        ({"locations": ["A", "B"]}, replace(SHOP, locations=("A", "B"))),
        ({"cap": 5, "share_percent": 50}, replace(SHOP, cap=5, share_percent=50)),
        ({}, SHOP),
    ],
)
def test_given_a_patch_then_only_what_it_names_changes(patch, expected):
    assert changed(SHOP, patch) == expected


def test_given_a_rule_of_one_sku_is_taken_back_then_the_others_stay():
    rules = ChannelRules(safety_stock_by_sku={"MUG": 3, "TEE": 4})
    assert changed(rules, {"safety_stock_by_sku": {"MUG": None}}).safety_stock_by_sku == {"TEE": 4}
    assert changed(rules, {"safety_stock_by_sku": None}) == ChannelRules()


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"safty_stock": 1}, "there is no rule 'safty_stock'"),
        *(({name: "x"}, f"{name} says how the channel is connected") for name in sorted(WIRING)),
        ({"safety_stock_by_sku": 5}, "safety_stock_by_sku"),
        ({"cap": {"MUG": 5}}, "cap"),
        ({"safety_stock": -1}, "safety_stock"),
        ({"share_percent": 101}, "share_percent"),
        ({"safety_stock_by_sku": {"MUG": "many"}}, "safety_stock_by_sku"),
        ({"cap": "five"}, "cap"),
    ],
)
def test_given_a_patch_that_cannot_be_then_it_is_refused_with_its_reason(patch, said):
    with pytest.raises(BadRules, match=said):
        changed(SHOP, patch)


def test_given_a_change_then_only_the_skus_it_is_about_are_touched():
    by_sku = ChannelRules(safety_stock_by_sku={"MUG": 3, "TEE": 4})
    assert touched(by_sku, by_sku) == frozenset()
    assert touched(by_sku, replace(by_sku, safety_stock_by_sku={"MUG": 3, "CAP": 1})) == {"TEE", "CAP"}
    assert touched(by_sku, replace(by_sku, safety_stock_by_sku={"MUG": 2, "TEE": 4})) == {"MUG"}
    assert touched(by_sku, replace(by_sku, safety_stock=1)) is None
    assert touched(None, by_sku) is None


def test_given_events_then_each_says_who_changed_what_newest_first():
    first = merged(None, file())
    second = decided(first, "shop", safety_stock=5, cap=3)
    found = changes([first, second])
    assert found[0] == {
        "version": second.version,
        "by": "ann",
        "at": NOW,
        "changed": {"shop": ["safety_stock", "cap"]},
    }
    assert found[1]["changed"].keys() == {"shop", "till"}


# -- a channel in shadow

IN_SHADOW = replace(SHOP, shadow=True)
LATER = NOW + timedelta(days=3)


def test_given_rules_from_before_there_was_a_shadow_then_their_digests_are_what_they_were():
    assert digest(ChannelRules()) == "57b0875a507f"
    assert digest(ChannelRules(publish="locations", cap=3)) == "45c8716ad7ea"
    assert rules_of({"web": ChannelRules(cap=3)}, {}).version == "e930424d0f06"
    assert digest(ChannelRules(shadow=False)) != digest(ChannelRules()) != digest(ChannelRules(shadow=True))


@pytest.mark.parametrize("said", [False, None])
def test_given_a_channel_comes_out_of_shadow_then_it_is_noted_since_when_it_is_told(said):
    before = rules_of({"shop": IN_SHADOW, "till": TILL}, {})
    after = noted(before, decided(before, "shop", shadow=said), NOW)
    assert after.channels["shop"].told_since == NOW
    assert after.channels["till"] == TILL
    assert after.version == rules_of(after.channels, {}).version != before.version
    assert (after.by, after.at) == ("ann", NOW)


def test_given_other_changes_before_or_after_then_since_when_a_channel_is_told_stays():
    assert noted(None, file(shop=IN_SHADOW), NOW) == file(shop=IN_SHADOW)
    told = noted(file(shop=IN_SHADOW), file(shop=replace(SHOP, shadow=False)), NOW)
    capped = noted(told, decided(told, "shop", cap=3), LATER)
    by_file = noted(capped, merged(capped, file(shop=replace(SHOP, shadow=False, cap=9))), LATER)
    again = noted(by_file, decided(by_file, "shop", shadow=True), LATER)
    assert {one.channels["shop"].told_since for one in (told, capped, by_file, again)} == {NOW}
    assert noted(again, decided(again, "shop", shadow=False), LATER).channels["shop"].told_since == LATER


def test_given_a_channel_comes_out_of_shadow_then_no_number_has_to_be_made_anew():
    assert touched(IN_SHADOW, replace(SHOP, shadow=False, told_since=NOW)) == frozenset()
    assert touched(IN_SHADOW, replace(SHOP, shadow=False, cap=1)) is None


def test_given_what_the_hub_notes_itself_then_nobody_sets_it_and_it_outlives_a_decision():
    with pytest.raises(BadRules, match="noted by the hub itself"):
        changed(SHOP, {"told_since": NOW.isoformat()})
    assert changed(replace(SHOP, told_since=NOW), {"cap": 2}).told_since == NOW


# -- rules that are newer than the first digests

SHOWROOM = LocationRules(ships=False)
STORE = LocationRules(pickup=True, in_store_buffer=2)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("safety_percent", 20),
        ("backorder", 5),
        ("backorder_by_sku", {"MUG": 5}),
        ("preorder", 50),
        ("preorder_by_sku", {"MUG": 0}),
        ("pickup", True),
        ("routing", "nearest"),
    ],
)
def test_given_a_newer_rule_then_it_is_decided_taken_back_and_leaves_no_trace_where_it_is_not_said(
    rule, value
):
    decided_so = changed(SHOP, {rule: value})
    assert getattr(decided_so, rule) == value
    assert digest(decided_so) != digest(SHOP)
    assert changed(decided_so, {rule: None}) == SHOP
    assert rules_of({"shop": decided_so}, {}).version != rules_of({"shop": SHOP}, {}).version
    assert touched(SHOP, decided_so) == {
        "backorder_by_sku": {"MUG"},
        "preorder_by_sku": {"MUG"},
        "routing": frozenset(),
    }.get(rule)


def test_given_a_limit_of_one_sku_is_taken_back_then_the_others_stay_and_the_last_leaves_nothing():
    rules = ChannelRules(backorder_by_sku={"MUG": 3, "TEE": 4})
    left = changed(rules, {"backorder_by_sku": {"MUG": None}})
    assert left.backorder_by_sku == {"TEE": 4}
    assert changed(left, {"backorder_by_sku": {"TEE": None}}) == ChannelRules()
    assert touched(rules, left) == {"MUG"}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"safety_percent": 101}, "safety_percent"),
        ({"backorder": -1}, "backorder"),
        ({"preorder_by_sku": 5}, "preorder_by_sku"),
        ({"routing": "cheapest"}, "routing"),
        ({"closed": ["SOHO"]}, "noted by the hub itself"),
        ({"buffers": {}}, "noted by the hub itself"),
    ],
)
def test_given_a_newer_rule_that_cannot_be_then_it_is_refused_with_its_reason(patch, said):
    with pytest.raises(BadRules, match=said):
        changed(SHOP, patch)


# -- what locations are for


def placed(**locations: LocationRules) -> Rules:
    return rules_of({"shop": SHOP, "till": TILL}, {}, locations)


def test_given_nothing_is_said_of_the_locations_then_the_rules_are_what_they_were():
    assert placed(SOHO=LocationRules()) == file()
    assert digest(ChannelRules(pickup=True).placed({})) != digest(ChannelRules())
    assert merged(None, placed()).configured.keys() == {"shop", "till", BUNDLES}


def test_given_a_location_that_ships_nothing_then_only_the_channels_that_ship_leave_it_out():
    rules = placed(SHOW=SHOWROOM)
    assert rules.locations == {"SHOW": SHOWROOM}
    assert (rules.channels["shop"].closed, rules.channels["till"].closed) == (("SHOW",), None)
    assert touched(file().channels["shop"], rules.channels["shop"]) is None
    assert touched(file().channels["till"], rules.channels["till"]) == frozenset()


def test_given_a_channel_for_pick_up_then_it_has_the_stores_with_their_buffers_and_those_that_it_lists():
    rules = rules_of(
        {"click": replace(TILL, pickup=True, locations=("SHOW", "SOHO"))},
        {},
        {"SHOW": SHOWROOM, "SOHO": STORE},
    )
    assert (rules.channels["click"].closed, rules.channels["click"].buffers) == (None, {"SHOW": 0, "SOHO": 2})
    click = rules_of({"click": replace(TILL, pickup=True)}, {}, {"SHOW": SHOWROOM, "SOHO": STORE})
    assert click.channels["click"].buffers == {"SOHO": 2}


def test_given_the_file_says_what_locations_are_for_then_that_holds_and_takes_back_no_decision_about_a_channel():
    event = decided(merged(None, file()), "shop", safety_stock=5)
    newer = merged(event, placed(SHOW=SHOWROOM))
    assert (newer.channels["shop"].safety_stock, newer.channels["shop"].closed) == (5, ("SHOW",))
    assert newer.configured.keys() == {"shop", "till", BUNDLES, LOCATIONS}
    assert merged(newer, placed(SHOW=SHOWROOM)) is newer
    again = merged(newer, file())
    assert (again.locations, again.channels["shop"].closed) == ({}, None)
    assert again.channels["shop"].safety_stock == 5


def test_given_somebody_decided_what_a_location_is_for_then_it_holds_until_the_file_says_something_else_of_them():
    first = merged(None, placed(SHOW=SHOWROOM))
    live = rules_of(
        first.channels, {}, {"SHOW": changed(SHOWROOM, {"ships": True})}, configured=first.configured
    )
    assert live.channels["shop"].closed is None
    assert merged(live, placed(SHOW=SHOWROOM)) is live
    other = merged(live, placed(SHOW=SHOWROOM, SOHO=STORE))
    assert other.locations == {"SHOW": SHOWROOM, "SOHO": STORE}


def test_given_what_a_location_is_for_changes_then_the_history_names_it_and_what_follows_for_channels():
    first, second = file(), replace(placed(SHOW=SHOWROOM), by="ann")
    assert changes([first, second])[0]["changed"] == {
        "shop": ["closed"],
        "location:SHOW": ["ships", "pickup", "in_store_buffer"],
    }


@pytest.mark.parametrize("patch", [{"ships": "perhaps"}, {"in_store_buffer": -1}, {"cap": 1}])
def test_given_a_rule_that_a_location_cannot_have_then_it_is_refused(patch):
    with pytest.raises(BadRules, match=next(iter(patch))):
        changed(STORE, patch)
