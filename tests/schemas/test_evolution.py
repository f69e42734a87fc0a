"""Schemas may grow, and break nobody: what a release published, the next ones keep."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from schemas.evolution import breaks
from schemas.publish import ASYNCAPI, schema, schema_name
from schemas.topics import TOPICS

RELEASES = sorted((Path(__file__).parents[1] / "golden" / "releases").glob("*/schemas"))
NOW = {schema_name(topic): schema(topic) for topic in TOPICS}
CLAIM = NOW["claim.v1"]


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.parent.name)
def test_given_what_a_release_published_then_this_one_breaks_none_of_it(folder):
    published = {
        path.stem: json.loads(path.read_text()) for path in folder.glob("*.json") if path.name != ASYNCAPI
    }
    assert len(published) >= len(TOPICS), "a release's schemas are kept with its log"
    assert published.keys() <= NOW.keys(), "a schema's name is a promise; a new shape gets a new version"
    found = [f"{name}: {said}" for name, old in published.items() for said in breaks(old, NOW[name])]
    assert found == [], (
        "a record that was written must be one for ever: add a field that need not be there, or a new version"
    )


def test_given_the_same_then_nothing_is_broken():
    assert [said for one in NOW.values() for said in breaks(one, one)] == []


def removed(claim):
    del claim["properties"]["topic"]
    claim["required"].remove("topic")


def renamed(claim):
    claim["properties"]["subject"] = claim["properties"].pop("topic")


def required(claim):
    claim["properties"]["store"] = {"type": "string"}
    claim["required"].append("store")


def optional(claim):
    claim["required"].remove("channel")


def narrower(claim):
    claim["$defs"]["Line"]["properties"]["quantity"]["maximum"] = 10


def other_type(claim):
    claim["$defs"]["Line"]["properties"]["sku"] = {"type": "integer"}


def more_types(claim):
    claim["properties"]["topic"] = {"type": ["string", "integer"]}


def no_null(claim):
    claim["$defs"]["Line"]["properties"]["location"] = {"type": "string"}


def fewer_values(claim):
    claim["$defs"]["Fact"]["enum"].remove("sold")


def not_anything(claim):
    claim["properties"]["topic"] = {"type": "string", "enum": ["orders"]}


def no_instant(claim):
    del claim["properties"]["occurred_at"]["format"]


def other_items(claim):
    claim["properties"]["documents"]["items"] = {"type": "string"}


@pytest.mark.parametrize(
    "change",
    [
        removed,
        renamed,
        required,
        optional,
        narrower,
        other_type,
        more_types,
        no_null,
        fewer_values,
        not_anything,
        no_instant,
        other_items,
    ],
    ids=lambda change: change.__name__,
)
def test_given_a_change_that_somebody_would_stumble_over_then_it_is_named_with_its_field(change):
    new = copy.deepcopy(CLAIM)
    change(new)
    found = list(breaks(CLAIM, new))
    assert found, "it was not noticed"
    assert all(said.startswith(".") for said in found), found


def more_fields(claim):
    claim["properties"]["store"] = {"type": "string"}


def more_values(claim):
    claim["$defs"]["Fact"]["enum"].append("stolen")


def wider(claim):
    claim["$defs"]["Line"]["properties"]["sku"]["maxLength"] = 1_000


def said_better(claim):
    claim["description"] = "Something else."


def never_there(claim):
    claim["properties"]["topic"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


@pytest.mark.parametrize(
    "change", [more_fields, more_values, wider, said_better, never_there], ids=lambda change: change.__name__
)
def test_given_a_change_that_everybody_can_live_with_then_it_is_none_of_them(change):
    new = copy.deepcopy(CLAIM)
    change(new)
    assert list(breaks(CLAIM, new)) == []
