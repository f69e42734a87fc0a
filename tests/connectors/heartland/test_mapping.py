"""What Heartland's documents claim: evil values are refused, versions grow, order and repetition do not matter."""

from __future__ import annotations

import contextlib
import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Payload
from connectors.directory import Directory, Item, resolve
from connectors.errors import Refused
from connectors.heartland import mapping
from connectors.heartland.allowlist import SHAPES, TICKETS, TRANSFERS, cut
from connectors.heartland.fields import STATUSES, Stage
from connectors.heartland.sandbox.effects import WAYS
from schemas.claims import Fact
from schemas.codec import encode
from schemas.movements import Cause
from schemas.settling import Transaction, apply

FIXTURES = Path(mapping.__file__).parent / "fixtures"
GOLDEN = {file.stem: json.loads(file.read_text()) for file in sorted(FIXTURES.glob("*.json"))}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIRECTORY = Directory(
    items={"item:109679": Item("SHIRT"), "item:109676": Item("MUG")},
    locations={"location:100005": "Boston", "location:100006": "Denver"},
)


def read(name: str, **changes: Any) -> Any:
    """What a fixture claims, with some of its fields changed."""
    golden = GOLDEN[name]
    body = {**golden["payload"], **changes}
    return mapping.read("tills", Payload(golden["topic"], cut(golden["topic"], body)))


def facts(claim: Any) -> list[tuple[str, str, int]]:
    return [(line.fact, line.sku, line.quantity) for document in claim.documents for line in document.lines]


@pytest.mark.parametrize("name", [name for name, golden in GOLDEN.items() if "claim" in golden])
def test_given_a_document_twice_then_the_second_moves_nothing(name):
    claim = resolve(read(name), DIRECTORY, None, 100)
    after, _ = apply(Transaction(), claim, NOON, Cause(0, 1, 0))
    assert apply(after, resolve(read(name), DIRECTORY, None, 100), NOON, Cause(0, 2, 0))[1] == []


def test_given_every_kind_of_document_then_a_fixture_shows_it():
    assert {golden["topic"] for golden in GOLDEN.values() if "claim" in golden} == set(mapping.TOPICS)
    assert set(SHAPES) == set(mapping.TOPICS)


def test_given_every_status_of_the_sandbox_then_it_is_known():
    words = {word for ways in WAYS.values() for word in (*ways, *(to for tos in ways.values() for to in tos))}
    assert words <= STATUSES.keys()


def test_given_lines_in_another_order_then_the_claim_is_the_same():
    for name in ("ticket", "open_order", "adjustment"):
        lines = GOLDEN[name]["payload"]["lines"]
        assert read(name, lines=lines[::-1]) == read(name)


@pytest.mark.parametrize("earlier", [stage for stage in Stage if stage is not Stage.VOID])
def test_given_two_changes_in_one_second_then_the_further_one_counts(earlier):
    word = next(word for word, stage in STATUSES.items() if stage is earlier)
    before, after = read("ticket", status=word), read("ticket", status="void")
    assert before.documents[0].version < after.documents[0].version


def test_given_more_of_a_transfer_in_one_second_then_the_fuller_one_counts():
    events = GOLDEN["transfer_short"]["payload"]["events"]
    versions = [
        read("transfer_short", events=events[:seen]).documents[0].version for seen in range(1, len(events))
    ]
    assert versions == sorted(set(versions))


def test_given_an_invoice_after_the_orders_last_change_then_the_order_is_as_new():
    order, invoice = read("invoiced_order").documents
    assert order.version >= invoice.version - 199


@pytest.mark.parametrize("status", ["closed", "void"])
def test_given_an_order_that_ends_then_exactly_what_was_not_invoiced_is_cancelled(status):
    lines = [{"id": 1, "item_id": 109679, "qty": 4}, {"id": 2, "item_id": 109679, "qty": 2}]
    claim = read("cancelled_after_partial_invoice", status=status, lines=lines)
    cancelled = [fact for fact in facts(claim) if fact[0] is Fact.CANCELLED]
    assert cancelled == [(Fact.CANCELLED, "item:109679", 2), (Fact.CANCELLED, "item:109679", 3)]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("qty", 0.5, "qty is not a whole number of units"),
        ("qty", "0.5", "qty is not a whole number of units"),
        ("qty", "NaN", "qty is out of bounds"),
        ("qty", "1e999999999", "qty is out of bounds"),
        ("qty", 10**9, "qty is out of bounds"),
        ("qty", None, "qty is missing"),
        ("qty", True, "qty is not a number"),
        ("qty", "many", "qty is not a number"),
        ("item_id", None, "item_id is missing"),
        ("item_id", True, "item_id is not an id"),
        ("item_id", "-7", "item_id is not an id"),
        ("item_id", "9" * 30, "item_id is not an id"),
        ("id", None, "id is missing"),
        ("status", "", "status is missing"),
        ("status", "suspended", "unknown status 'suspended'"),
        ("updated_at", None, "updated_at is missing"),
        ("updated_at", "2026-11-23T10:15:00", "updated_at has no time zone"),
        ("updated_at", "0001-01-01T00:00:00+14:00", "updated_at is not an instant"),
        ("completed_at", "yesterday", "completed_at is not an instant"),
        ("completed_at", 7, "completed_at is not an instant"),
        ("completed_at", None, "completed_at is missing"),
        ("source_location_id", None, "source_location_id is missing"),
        ("affect_inventory", "false", "affect_inventory is neither true nor false"),
        ("lines", None, "lines is missing"),
        ("lines", "none", "lines is missing"),
    ],
)
def test_given_a_value_that_heartland_does_not_send_then_the_ticket_is_refused_by_its_name(
    field, value, reason
):
    body = copy.deepcopy(GOLDEN["ticket"]["payload"])
    holder = body["lines"][0] if field in {"qty", "item_id"} else body
    holder[field] = value
    with pytest.raises(Refused) as refused:
        mapping.read("tills", Payload(TICKETS, cut(TICKETS, body)))
    assert str(refused.value) == reason


def test_given_whole_units_in_any_writing_then_they_are_units():
    for written in (2, 2.0, "2", "2.000", "2e0"):
        lines = [{"type": "ItemLine", "item_id": "109679", "qty": written}]
        assert facts(read("ticket", lines=lines)) == [(Fact.SOLD, "item:109679", 2)]


def test_given_a_quantity_beyond_the_channels_most_then_the_whole_document_waits():
    lines = [{"type": "ItemLine", "item_id": 109679, "qty": 101}]
    with pytest.raises(Refused, match="quantity 101 of item:109679 is above 100"):
        resolve(read("ticket", lines=lines), DIRECTORY, None, 100)


def test_given_an_item_or_a_location_nobody_knows_then_both_are_named():
    with pytest.raises(Refused, match=r"unknown SKU item:7; unknown location location:8"):
        resolve(read("ticket", lines=[{"item_id": 7, "qty": 1}], source_location_id=8), DIRECTORY, None, 100)


def test_given_a_ticket_with_a_reference_of_ours_then_it_belongs_to_the_deal():
    assert read("ticket", public_id="onhand:order/eu/1").transaction == "order/eu/1"
    for reference in ("onhand:", "order/eu/1", 7, None):
        assert read("ticket", public_id=reference).transaction == "ticket/tills/1001"


def test_given_two_tickets_of_one_number_then_they_are_two_deals():
    assert read("ticket", public_id="12345").transaction != read("return", public_id="12345").transaction


def test_given_an_order_that_is_our_twin_then_its_demand_is_not_told_twice():
    ours = resolve(read("our_order"), DIRECTORY, None, 100)
    shop = read("our_order")
    after, posted = apply(Transaction(), ours, NOON, Cause(0, 1, 0))
    assert [movement.quantity for movement in posted] == [1]
    twin = resolve(
        mapping.read("eu-shop", Payload(shop.topic, cut(shop.topic, GOLDEN["our_order"]["payload"]))),
        DIRECTORY,
        None,
        100,
    )
    after, posted = apply(after, twin, NOON, Cause(0, 2, 0))
    assert sum(movement.quantity * (1 if movement.voids is None else -1) for movement in posted) == 0


def test_given_an_event_word_in_another_case_then_it_is_the_same():
    events = copy.deepcopy(GOLDEN["transfer_short"]["payload"]["events"])
    events[0]["type"] = " Ship "
    assert facts(read("transfer_short", events=events)) == facts(read("transfer_short"))


def test_given_a_counted_item_of_which_nothing_was_there_then_zero_is_said():
    assert (Fact.COUNTED, "item:109676", 0) in facts(read("partial_count"))


def test_given_uncounted_items_of_a_partial_count_then_nothing_is_said_of_them():
    assert facts(read("full_count", scope="partial")) == [(Fact.COUNTED, "item:109679", 4)]


def test_given_a_negative_count_then_it_is_refused():
    with pytest.raises(Refused, match="qty is negative"):
        read("partial_count", lines=[{"item_id": 109679, "qty": -1}])


def test_given_all_that_is_personal_then_nothing_of_it_is_kept():
    for golden in GOLDEN.values():
        kept = json.dumps(cut(golden["topic"], golden["payload"]))
        assert "anary" not in kept
        assert "customer" not in kept


@given(
    st.sampled_from(sorted(GOLDEN)),
    st.lists(
        st.tuples(
            st.sampled_from(sorted({name for shape in SHAPES.values() for name in shape} | {"x"})),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats()
                | st.text(max_size=8)
                | st.sampled_from(["void", "1e999999999", "9" * 30, "0001-01-01T00:00:00+14:00", "full"]),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["id", "qty", "item_id", "status", "lines", "updated_at", "type"]),
                        inner,
                    )
                ),
                max_leaves=6,
            ),
        ),
        max_size=3,
    ),
)
def test_given_any_damage_to_a_document_then_it_is_a_claim_or_refused(name, damage):
    topic, body = GOLDEN[name]["topic"], {**GOLDEN[name]["payload"], **dict(damage)}
    for document in (body, cut(topic, body)):
        with contextlib.suppress(Refused):
            encode(mapping.read("tills", Payload(topic, document)))


def test_given_events_of_another_kind_then_they_are_refused():
    with pytest.raises(Refused, match="events is not a list of objects"):
        mapping.read("tills", Payload(TRANSFERS, {**GOLDEN["transfer_short"]["payload"], "events": [1]}))
