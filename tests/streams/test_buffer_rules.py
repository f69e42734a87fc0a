"""Suggested buffers as a file of rules."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from schemas.buffers import Evidence, patched, suggested
from schemas.codec import adapter
from schemas.rules import ChannelRules
from streams.commands.buffers import written

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
RULES = ("safety_stock_by_sku", "safety_stock_by_location")
patches = st.dictionaries(
    st.from_regex(r"[a-z0-9][a-z0-9_-]*", fullmatch=True),
    st.dictionaries(
        st.sampled_from(RULES), st.dictionaries(names, st.integers(0, 50), max_size=4), max_size=2
    ),
    max_size=3,
)


@given(patch=patches)
def test_given_any_names_then_the_file_says_them_as_onhand_toml_would(patch):
    said = {channel: rules for channel, rules in patch.items() if rules}
    read = tomllib.loads(written(patch)).get("channels", {})
    assert {channel: its["rules"] for channel, its in read.items()} == said
    for rules in said.values():
        adapter(ChannelRules).validate_python(rules)


def need(sku: str, location: str, units: int):
    return suggested(Evidence(sku=sku, location=location, days=90.0, missing=units))


def test_given_suggestions_then_only_rules_that_differ_from_those_in_force_are_written_for_each_channel_s_stores():
    made = [need("MUG", "SOHO", 2), need("MUG", "HARLEM", 4), need("CUP", "SOHO", 1), need("HAT", "SOHO", 0)]
    channels = {
        "web": ChannelRules(),
        "careful": ChannelRules(safety_stock=1, safety_stock_by_sku={"MUG": 4}),
        "downtown": ChannelRules(locations=("SOHO",)),
        "closed": ChannelRules(closed=("SOHO", "HARLEM")),
    }
    assert patched(made, channels, "sku") == {
        "web": {"safety_stock_by_sku": {"CUP": 1, "MUG": 4}},
        "careful": {"safety_stock_by_sku": {"HAT": 0}},
        "downtown": {"safety_stock_by_sku": {"CUP": 1, "MUG": 2}},
    }
    assert patched(made, channels, "location") == {
        "web": {"safety_stock_by_location": {"HARLEM": 4, "SOHO": 2}},
        "careful": {"safety_stock_by_location": {"HARLEM": 4, "SOHO": 2}},
        "downtown": {"safety_stock_by_location": {"SOHO": 2}},
    }


def test_given_rules_that_are_as_suggested_already_then_the_file_says_nothing():
    held = ChannelRules(safety_stock_by_location={"SOHO": 2})
    for way in ("sku", "location"):
        assert patched([need("MUG", "SOHO", 2)], {"web": held}, way) == {}
    assert tomllib.loads(written({})) == {}
