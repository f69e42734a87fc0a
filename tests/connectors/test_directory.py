from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.directory import Directory, Item, overlay, resolve, resolve_observation
from connectors.errors import Refused
from schemas.claims import REFERENCE_MAX, Claim, Document, Fact, Line, Observation, Skipped

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
KNOWN = Directory(
    items={
        "TEE-1": Item("TEE-1"),
        "variant:1": Item("TEE-1"),
        "MUG": Item("MUG"),
        "GIFTCARD": Item("GIFTCARD", tracked=False),
        "LONG": Item("L" * (REFERENCE_MAX + 1)),
    },
    locations={"location:1": "Main Street", "Main Street": "Main Street", "location:2": "Depot"},
    handles={"TEE-1": "item/1", "MUG": "item/2", "GIFTCARD": "item/3"},
    places={"Main Street": "place/1", "Depot": "place/2"},
)


def claim(*lines: tuple[str, int, str | None]) -> Claim:
    stated = tuple(
        Line(fact=Fact.ORDERED, sku=sku, quantity=quantity, at=AT, location=location)
        for sku, quantity, location in lines
    )
    return Claim(
        transaction="order/web/1",
        channel="web",
        topic="orders/updated",
        occurred_at=AT,
        documents=(Document(id="order/1", version=1, lines=stated),),
    )


def resolved(*lines: tuple[str, int, str | None], known: Directory = KNOWN) -> Document:
    (document,) = resolve(claim(*lines), known, "@unrouted", 100).documents
    return document


def seen(sku: str, location: str) -> Observation:
    return Observation(
        channel="web",
        topic="levels",
        sku=sku,
        location=location,
        observed_at=AT,
        version=1,
        level=3,
    )


def test_given_known_references_then_the_lines_are_in_our_words_and_demand_without_a_place_has_one():
    lines = resolved(("variant:1", 2, "location:2"), ("MUG", 1, None)).lines
    assert [(line.sku, line.location) for line in lines] == [("TEE-1", "Depot"), ("MUG", "@unrouted")]


def test_given_an_item_nobody_keeps_stock_of_then_its_line_is_skipped_with_the_reason():
    document = resolved(("GIFTCARD", 1, None), ("MUG", 1, None))
    assert [line.sku for line in document.lines] == ["MUG"]
    assert document.skipped == (Skipped(item="GIFTCARD", reason="stock of this item is not tracked"),)


def test_given_anything_unknown_or_absurd_then_the_whole_document_waits_and_every_fault_is_named():
    with pytest.raises(Refused) as refusal:
        resolved(("NEW", 1, "location:9"), ("MUG", 101, None), ("TEE-1", 1, None))
    assert (
        str(refusal.value) == "quantity 101 of MUG is above 100; unknown SKU NEW; unknown location location:9"
    )


def test_given_a_sku_longer_than_one_may_be_then_it_counts_as_unknown():
    with pytest.raises(Refused, match="unknown SKU LONG"):
        resolved(("LONG", 1, None))
    with pytest.raises(Refused, match="unknown SKU LONG"):
        resolve_observation(seen("LONG", "location:1"), KNOWN)


def test_given_a_transfer_then_both_of_its_places_are_in_our_words_or_it_waits():
    def sent(there: str) -> Claim:
        line = Line(
            fact=Fact.TRANSFER_SHIPPED, sku="MUG", quantity=1, at=AT, location="location:1", there=there
        )
        whole = claim()
        return replace(whole, documents=(Document(id="transfer/1", version=1, lines=(line,)),))

    (line,) = resolve(sent("location:2"), KNOWN, "@unrouted", 100).documents[0].lines
    assert (line.location, line.there) == ("Main Street", "Depot")
    with pytest.raises(Refused, match="unknown location location:9"):
        resolve(sent("location:9"), KNOWN, "@unrouted", 100)


def test_given_an_observation_then_it_is_in_our_words_or_refused():
    found = resolve_observation(seen("variant:1", "location:1"), KNOWN)
    assert (found.sku, found.location) == ("TEE-1", "Main Street")
    with pytest.raises(Refused, match="unknown SKU NEW"):
        resolve_observation(seen("NEW", "location:1"), KNOWN)
    with pytest.raises(Refused, match="unknown location moon"):
        resolve_observation(seen("MUG", "moon"), KNOWN)


def test_given_an_item_by_another_name_then_all_its_references_and_its_handle_have_ours():
    ours = overlay(KNOWN, {}, {"TEE-1": "TEE"})
    assert ours.items["variant:1"] == ours.items["TEE-1"] == Item("TEE")
    assert (ours.handles["TEE"], "TEE-1" in ours.handles) == ("item/1", False)


def test_given_an_old_name_the_platform_does_not_list_then_it_is_the_item_of_our_sku():
    ours = overlay(KNOWN, {}, {"GIFT-OLD": "GIFTCARD", "NOWHERE": "OURS"})
    assert ours.items["GIFT-OLD"] == Item("GIFTCARD", tracked=False)
    assert ours.items["NOWHERE"] == Item("OURS")
    assert ours.handles == KNOWN.handles


def test_given_two_items_that_are_one_of_ours_then_neither_is_written_to():
    ours = overlay(KNOWN, {}, {"TEE-1": "MUG"})
    assert ours.items["variant:1"] == Item("MUG")
    assert "MUG" not in ours.handles


def test_given_names_that_change_places_then_each_keeps_its_own_handle():
    ours = overlay(KNOWN, {}, {"TEE-1": "MUG", "MUG": "TEE-1"})
    assert (ours.handles["MUG"], ours.handles["TEE-1"]) == ("item/1", "item/2")


def test_given_a_location_by_another_name_then_all_its_references_and_its_handle_have_ours():
    ours = overlay(KNOWN, {"location:1": "SOHO", "till-7": "SOHO"}, {})
    assert ours.locations == {
        "location:1": "SOHO",
        "Main Street": "SOHO",
        "location:2": "Depot",
        "till-7": "SOHO",
    }
    assert ours.places == {"SOHO": "place/1", "Depot": "place/2"}


def test_given_a_channel_that_sells_from_a_pool_then_its_lines_are_of_that_pool_unless_they_name_one():
    told = claim(("MUG", 2, None), ("MUG", 1, None))
    lines = told.documents[0].lines
    named = replace(told.documents[0], lines=(lines[0], replace(lines[1], pool="press")))
    (document,) = resolve(replace(told, documents=(named,)), KNOWN, "@unrouted", 100, "trade").documents
    assert [line.pool for line in document.lines] == ["trade", "press"]
