"""What X-Series' documents claim: the golden fixtures, and that nothing about shape, order or repetition matters."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Payload
from connectors.directory import Directory, Item, resolve
from connectors.errors import Refused
from connectors.lightspeed_x import mapping
from connectors.lightspeed_x.allowlist import INVENTORY, LEVEL_SHAPE, SALE, SALE_SHAPE, cut
from connectors.lightspeed_x.effects import EFFECTS, by_state, by_status
from connectors.lightspeed_x.sandbox import shapes, webhooks
from connectors.lightspeed_x.sandbox.retailer import Retailer
from schemas.claims import Claim, Fact
from schemas.codec import encode
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

FIXTURES = Path(mapping.__file__).parent / "fixtures"
GOLDEN = {file.stem: json.loads(file.read_text()) for file in sorted(FIXTURES.glob("*.json"))}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SKUS, OUTLETS = ("SHIRT", "MUG", "CAP"), ("High Street", "Mall")


def payload_of(name: str) -> Payload:
    return Payload(GOLDEN[name]["topic"], GOLDEN[name]["payload"])


def read(name: str) -> Any:
    return mapping.read("tills", payload_of(name))


@pytest.mark.parametrize("name", [name for name, golden in GOLDEN.items() if "claim" in golden])
def test_given_a_golden_payload_then_its_claim_is_made_from_the_whole_and_from_the_allowed_fields(name):
    golden = GOLDEN[name]
    for body in (golden["payload"], cut(golden["topic"], golden["payload"])):
        said = mapping.read("tills", Payload(golden["topic"], body))
        assert orjson.loads(encode(said)) == golden["claim"]


@pytest.mark.parametrize("name", [name for name, golden in GOLDEN.items() if "refused" in golden])
def test_given_a_document_that_cannot_be_a_claim_then_the_reason_says_why(name):
    with pytest.raises(Refused) as refused:
        read(name)
    assert str(refused.value) == GOLDEN[name]["refused"]


def test_given_a_fraction_then_the_refusal_names_the_line():
    line = GOLDEN["fractional_refused"]["payload"]["line_items"][1]
    with pytest.raises(Refused, match=line["id"]):
        read("fractional_refused")


def test_given_both_shapes_of_one_sale_then_they_are_one_document_and_settle_once():
    items = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
    directory = Directory(
        items={f"product:{ident}": Item(sku) for ident, sku in zip(items, ("SHIRT", "MUG"), strict=True)},
        locations={
            "outlet:aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa": "Mall",
            "register:bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb": "Mall",
        },
    )
    hooked, polled = (
        resolve(read(name), directory, None, 100) for name in ("closed_sale_webhook", "closed_sale_api")
    )
    assert hooked == polled
    after, posted = apply(Transaction(), hooked, NOON, Cause(0, 1, 0))
    assert {movement.sku: movement.quantity for movement in posted} == {"MUG": 1, "SHIRT": 2}
    assert apply(after, polled, NOON, Cause(0, 2, 0))[1] == []


def test_given_any_kind_of_sale_then_its_old_and_new_words_mean_the_same():
    for effect in EFFECTS:
        attributes = [effect.attribute] if effect.attribute else []
        assert by_state(effect.state, attributes) is effect is by_status(effect.status)


@pytest.mark.parametrize(
    ("attributes", "facts"),
    [
        (["onaccount"], {Fact.SOLD}),
        (["layby"], {Fact.SOLD}),
        (["pickup"], {Fact.ORDERED}),
        (["delivery"], {Fact.ORDERED}),
        (["onaccount", "pickup"], {Fact.ORDERED}),
        (["service"], set()),
        ([], set()),
    ],
)
def test_given_a_pending_sale_then_its_attributes_say_whether_the_goods_are_gone_or_kept_for_it(
    attributes, facts
):
    body = {**GOLDEN["on_account"]["payload"], "attributes": attributes}
    document = mapping.read("tills", Payload(SALE, body)).documents[0]
    assert {line.fact for line in document.lines} == facts
    assert bool(document.skipped) is not bool(facts)


def test_given_a_line_that_was_voided_in_the_sale_then_it_is_skipped():
    body = json.loads(json.dumps(GOLDEN["closed_sale_api"]["payload"]))
    body["line_items"][0]["status"] = "VOIDED"
    document = mapping.read("tills", Payload(SALE, body)).documents[0]
    assert [line.fact for line in document.lines] == [Fact.SOLD]
    assert [line.reason for line in document.skipped] == ["the line was voided"]


def test_given_a_webhook_that_our_pick_up_was_voided_then_nothing_is_said_to_have_left_and_come_back():
    body = {**GOLDEN["voided_sale"]["payload"], "source_id": "onhand:order/web/1"}
    claim = mapping.read("tills", Payload(SALE, body))
    assert claim.transaction == "order/web/1"
    assert [line for document in claim.documents for line in document.lines] == []
    assert {one.reason for one in claim.documents[0].skipped} == {"ordered where the order came from"}


@pytest.mark.parametrize("level", ["current_inventory_level", "inventory_level", "count"])
def test_given_any_name_of_the_level_then_the_observation_has_it(level):
    body = {
        "product_id": "p",
        "outlet_id": "o",
        level: "-3.0",
        "version": 7,
        "updated_at": "2026-11-23 10:00:00",
    }
    seen = mapping.read("tills", Payload(INVENTORY, body))
    assert (seen.level, seen.version, seen.observed_at) == (-3, 7, datetime(2026, 11, 23, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "1e999999999"),
        ("quantity", "-1e999999999"),
        ("quantity", "1e-999999999"),
        ("quantity", "NaN"),
        ("quantity", None),
        ("quantity", True),
        ("quantity", "1.5"),
        ("product_id", {"id": "p"}),
        ("product_id", ""),
        ("version", "9" * 30),
        ("version", 1.5),
        ("version", True),
        ("sale_date", "0001-01-01T00:00:00+14:00"),
        ("sale_date", "yesterday"),
        ("sale_date", 7),
        ("id", "x" * 65),
        ("register_id", None),
        ("register_sale_products", "none"),
        ("register_sale_products", [1]),
    ],
)
def test_given_a_value_that_no_platform_sends_then_the_document_is_refused(field, value):
    body = json.loads(json.dumps(GOLDEN["closed_sale_webhook"]["payload"]))
    holder = body["register_sale_products"][0] if field in {"quantity", "product_id"} else body
    holder[field] = value
    for document in (body, cut(SALE, body)):
        with pytest.raises(Refused):
            mapping.read("tills", Payload(SALE, document))


@given(
    st.sampled_from([SALE, INVENTORY, "consignment.send"]),
    st.sampled_from(sorted(GOLDEN)),
    st.lists(
        st.tuples(
            st.sampled_from(sorted({*SALE_SHAPE, *LEVEL_SHAPE})),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.floats(allow_nan=False)
                | st.text(max_size=8)
                | st.sampled_from(["closed", "1e999999999", "9" * 30, "0001-01-01T00:00:00+14:00", "1_0"]),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["id", "quantity", "product", "version", "outlet_id"]), inner
                    )
                ),
                max_leaves=6,
            ),
        ),
        max_size=3,
    ),
)
def test_given_any_damage_to_a_document_then_it_is_a_claim_or_refused(topic, name, damage):
    body = {**GOLDEN[name]["payload"], **dict(damage)}
    with contextlib.suppress(Refused):
        encode(mapping.read("tills", Payload(topic, cut(topic, body))))


def day(draw: Any) -> tuple[Retailer, list[Claim]]:
    """A day of sales at a retailer, and every claim that webhooks and polls could have made of it."""
    retailer = Retailer(OUTLETS, lambda *_: None)
    for sku in SKUS:
        for outlet in OUTLETS:
            retailer.seed(sku, outlet, 0, True)
    lines = st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3)), min_size=1, max_size=4)
    claims: list[Claim] = []
    for minute in range(draw(st.integers(1, 6))):
        at = NOON + timedelta(minutes=minute)
        state = draw(st.sampled_from(["closed", "closed", "parked", "pending"]))
        attributes = ("onaccount",) if state == "pending" else ()
        sale = retailer.ring_up(
            draw(st.integers(0, 1)), draw(lines), at=at, state=state, attributes=attributes
        )
        claims += both(retailer, sale.number)
        for change in draw(st.sampled_from([(), ("closed",), ("voided",), ("closed", "voided")])):
            retailer.change(sale, change, at + timedelta(hours=1))
            claims += both(retailer, sale.number)
    return retailer, claims


def both(retailer: Retailer, number: int) -> Sequence[Claim]:
    directory = Directory(
        items={f"product:{ident}": Item(sku) for ident, sku in zip(retailer.products.ids, SKUS, strict=True)},
        locations={
            f"{kind}:{ident}": outlet.name
            for outlet in retailer.outlets
            for kind, ident in (("outlet", outlet.id), ("register", outlet.register))
        },
    )
    documents = webhooks.sale(retailer, number), shapes.sale(retailer, number)
    found = [mapping.read("tills", Payload(SALE, cut(SALE, document))) for document in documents]
    claims = [resolve(claim, directory, None, 100) for claim in found if isinstance(claim, Claim)]
    assert claims[0] == claims[1]
    return claims


def balances(claims: Sequence[Claim]) -> dict[tuple[str, str], int]:
    transactions: dict[str, Transaction] = {}
    stock = {sku: Stock(sku=sku) for sku in SKUS}
    offset = 0
    for number, claim in enumerate(claims):
        held = transactions.get(claim.transaction, Transaction())
        transactions[claim.transaction], posted = apply(held, claim, NOON, Cause(0, number, 0))
        for movement in posted:
            offset += 1
            stock[movement.sku] = fold(stock[movement.sku], movement, offset)
    return {(sku, outlet): stock[sku].balance(outlet) for sku in SKUS for outlet in OUTLETS}


@settings(deadline=None)
@given(st.data())
def test_given_a_days_documents_in_any_order_and_repetition_then_our_stock_is_the_platforms(data):
    retailer, claims = day(data.draw)
    repeated = claims + data.draw(st.lists(st.sampled_from(claims), max_size=8))
    shuffled = data.draw(st.permutations(repeated))
    levels = {
        (sku, outlet): retailer.levels[retailer.cell(retailer.products.by_sku[sku], number)]
        for sku in SKUS
        for outlet, number in retailer.outlet_by_name.items()
    }
    assert balances(shuffled) == levels
