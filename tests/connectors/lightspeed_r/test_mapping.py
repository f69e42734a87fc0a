"""What R-Series' documents claim: that shape, order and repetition do not matter, and that nothing evil becomes stock."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Payload
from connectors.directory import Directory, Item, resolve
from connectors.errors import Refused
from connectors.lightspeed_r import connector, mapping, supply
from connectors.lightspeed_r.allowlist import LOG, ORDER, RESERVATION, SALE, TRANSFER, cut
from schemas.claims import Fact
from schemas.codec import encode
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

FIXTURES = Path(mapping.__file__).parent / "fixtures"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHEN = "2026-11-23T12:00:00+00:00"
PLACES = Directory(
    items={"item:12": Item("TEE"), "item:13": Item("MUG"), "item:14": Item("LABOUR", tracked=False)},
    locations={"shop:1": "High Street", "shop:2": "Mall"},
)


def golden(name):
    found = json.loads((FIXTURES / f"{name}.json").read_text())
    return found["topic"], found["payload"]


def read(topic, body):
    return connector.read("tills", Payload(topic, connector.reduce(topic, body)))


def said(topic, body):
    """Facts, units and places of a document."""
    (document,) = read(topic, body).documents
    return [(line.fact, line.sku, line.quantity, line.location) for line in document.lines]


def balances(documents, directory=PLACES):
    """Stock by SKU after documents, in the order they come."""
    transactions, stock = {}, {}
    for offset, (topic, body) in enumerate(documents, start=1):
        claim = resolve(read(topic, body), directory, None, 1_000)
        before = transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, NOON, Cause(0, offset, 0))
        transactions[claim.transaction] = after
        for at, movement in enumerate(posted):
            held = stock.get(movement.sku, Stock(sku=movement.sku))
            stock[movement.sku] = fold(held, movement, offset * 1_000 + at)
    return stock


def test_given_one_line_as_an_object_or_as_a_list_then_it_is_the_same_claim():
    topic, body = golden("sale_completed")
    assert isinstance(body["SaleLines"]["SaleLine"], dict)
    listed = {**body, "SaleLines": {"SaleLine": [body["SaleLines"]["SaleLine"]]}}
    assert encode(read(topic, body)) == encode(read(topic, listed))


@pytest.mark.parametrize("none", [None, "", [], {}, {"SaleLine": ""}, {"SaleLine": []}])
def test_given_no_lines_in_any_spelling_then_a_sale_says_nothing(none):
    topic, body = golden("sale_completed")
    assert said(topic, {**body, "SaleLines": none}) == []


def test_given_json_numbers_and_truth_values_then_they_mean_the_same_as_strings():
    topic, body = golden("sale_completed")
    line = {**body["SaleLines"]["SaleLine"], "itemID": 12, "unitQuantity": 2, "shopID": 1, "isLayaway": False}
    typed = {**body, "saleID": 101, "shopID": 1, "completed": True, "voided": False}
    assert encode(read(topic, {**typed, "SaleLines": {"SaleLine": line}})) == encode(read(topic, body))


def test_given_one_item_on_two_lines_then_both_count():
    topic, body = golden("sale_completed")
    line = body["SaleLines"]["SaleLine"]
    twice = {**body, "SaleLines": {"SaleLine": [line, {**line, "saleLineID": "2"}]}}
    assert balances([(topic, twice)])["TEE"].balance("High Street") == -4


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        ("0.5", "unitQuantity of line 1 is not a whole number of units"),
        ("99999999999", "unitQuantity of line 1 is out of bounds"),
        ("-99999999999", "unitQuantity of line 1 is out of bounds"),
        ("1e3", "unitQuantity of line 1 is not a whole number of units"),
        ("٣", "unitQuantity of line 1 is not a whole number of units"),
        (" 1", "unitQuantity of line 1 is not a whole number of units"),
        (None, "unitQuantity of line 1 is missing"),
        ("", "unitQuantity of line 1 is missing"),
        (True, "unitQuantity of line 1 is not a whole number of units"),
    ],
)
def test_given_a_quantity_that_is_none_then_the_whole_sale_is_refused(quantity, reason):
    topic, body = golden("sale_completed")
    line = {**body["SaleLines"]["SaleLine"], "unitQuantity": quantity}
    with pytest.raises(Refused) as refusal:
        read(topic, {**body, "SaleLines": {"SaleLine": line}})
    assert str(refusal.value) == reason


def test_given_a_whole_number_with_a_decimal_point_then_it_is_whole():
    topic, body = golden("sale_completed")
    line = {**body["SaleLines"]["SaleLine"], "unitQuantity": "2.000"}
    assert said(topic, {**body, "SaleLines": {"SaleLine": line}}) == [(Fact.SOLD, "item:12", 2, "shop:1")]


def test_given_an_item_or_shop_that_nobody_knows_or_too_many_units_then_the_reason_names_them():
    topic, body = golden("sale_completed")
    line = {**body["SaleLines"]["SaleLine"], "itemID": "99", "unitQuantity": "5000"}
    with pytest.raises(Refused) as refusal:
        resolve(read(topic, {**body, "shopID": "9", "SaleLines": {"SaleLine": line}}), PLACES, None, 1_000)
    assert (
        str(refusal.value)
        == "quantity 5000 of item:99 is above 1000; unknown SKU item:99; unknown location shop:9"
    )


def test_given_labour_then_it_is_skipped_because_nobody_keeps_its_stock():
    topic, body = golden("sale_completed")
    line = {**body["SaleLines"]["SaleLine"], "itemID": "14"}
    claim = resolve(read(topic, {**body, "SaleLines": {"SaleLine": line}}), PLACES, None, 1_000)
    assert claim.documents[0].lines == ()
    assert claim.documents[0].skipped[0].reason == "stock of this item is not tracked"


LIVES = {
    "sale": ["sale_open", "sale_completed", "sale_voided"],
    "reservation": ["layaway_of_a_deal", "layaway_collected", "layaway_voided"],
    "removed": ["layaway", "layaway_removed"],
    "special order": ["special_order_not_received", "special_order_received"],
    "transfer": ["transfer_sent", "transfer_received_short"],
    "purchase order": [
        "purchase_order_counted_but_not_checked_in",
        "purchase_order_partly_checked_in",
        "purchase_order_complete_short",
    ],
}
"""Documents as they grow, in their order."""
SALE_ID = {"saleID": "200"}


def test_given_versions_of_one_second_then_the_further_one_is_the_later():
    topic, body = golden("layaway_in_an_open_sale")
    sale = {**body["Sale"], "updatetime": WHEN}
    done = {**sale, "completed": "true", "completeTime": WHEN}
    versions = [
        read(topic, {**body, "timeStamp": WHEN, "Sale": state}).documents[0].version
        for state in (sale, done, {**done, "voided": "true"})
    ]
    removed = {"saleLineID": body["saleLineID"], "removedTime": WHEN}
    versions.append(read(topic, removed).documents[0].version)
    assert versions == sorted(set(versions))


@pytest.mark.parametrize("life", LIVES)
def test_given_the_versions_of_a_document_in_any_order_and_number_then_the_last_one_stands(life):
    versions = [golden(name) for name in LIVES[life]]
    if life == "sale":
        versions = [(topic, {**body, **SALE_ID}) for topic, body in versions]
    last = balances(versions[-1:])
    for order in itertools.permutations(versions):
        found = balances([*order, order[0], *order])
        for sku in found:
            for shop in ("High Street", "Mall"):
                now = last[sku] if sku in last else Stock(sku=sku)
                for state in ("available", "committed", "incoming"):
                    assert found[sku].balance(shop, state) == now.balance(shop, state), (sku, shop, state)


def test_given_a_voided_exchange_then_every_unit_is_where_it_was():
    stock = balances([golden("sale_voided")])
    assert (stock["TEE"].balance("High Street"), stock["MUG"].balance("High Street")) == (0, 0)


def test_given_a_layaway_then_it_is_committed_and_its_collection_takes_it_once():
    held, gone = (balances([golden(name)])["TEE"] for name in ("layaway", "layaway_collected"))
    assert (held.balance("High Street"), held.balance("High Street", "committed")) == (-3, 3)
    assert (gone.balance("High Street"), gone.balance("High Street", "committed")) == (-3, 0)


@pytest.mark.parametrize(
    ("name", "committed"),
    [("layaway_partly_reserved", 2), ("special_order_not_received", 0), ("special_order_received", 2)],
)
def test_given_fewer_units_set_aside_than_asked_for_then_only_those_are_committed(name, committed):
    stock = balances([golden(name)]).get("TEE", Stock(sku="TEE"))
    assert stock.balance("High Street") == -committed
    assert stock.balance("High Street", "committed") == committed


def test_given_a_layaway_collected_or_voided_then_nothing_stays_committed():
    back = balances([golden("layaway_of_a_deal"), golden("layaway_collected"), golden("layaway_voided")])[
        "TEE"
    ]
    assert (back.balance("High Street"), back.balance("High Street", "committed")) == (0, 0)


def test_given_ten_sent_and_eight_received_then_two_are_on_their_way():
    stock = balances([golden("transfer_received_short")])["TEE"]
    assert (stock.balance("High Street"), stock.balance("Mall")) == (-10, 8)
    assert sum(states.get("in_transit", 0) for states in stock.locations.values()) == 2


def test_given_goods_that_were_counted_but_not_checked_in_then_they_are_expected_and_not_there():
    stock = balances([golden("purchase_order_counted_but_not_checked_in")])["TEE"]
    assert (stock.balance("High Street"), stock.balance("High Street", "incoming")) == (0, 5)


def test_given_an_order_closed_short_then_the_rest_is_no_longer_expected():
    stock = balances([golden("purchase_order_complete_short")])
    assert (stock["TEE"].balance("High Street"), stock["TEE"].balance("High Street", "incoming")) == (3, 0)
    assert (stock["MUG"].balance("High Street"), stock["MUG"].balance("High Street", "incoming")) == (4, 0)


REASONS = sorted(supply.TOLD_BY)


@pytest.mark.parametrize("reason", REASONS)
def test_given_a_row_of_the_log_that_a_document_tells_of_by_its_reason_then_it_moves_nothing(reason):
    topic, body = golden("log_manual")
    document = read(topic, {**body, "reason": reason}).documents[0]
    assert (document.lines, document.skipped[0].reason) == ((), supply.TOLD_BY[reason])


@pytest.mark.parametrize("key", ["saleID", "transferID", "orderID"])
def test_given_a_row_of_the_log_that_names_its_document_then_it_moves_nothing_whatever_its_reason(key):
    topic, body = golden("log_unknown_reason")
    assert read(topic, {**body, key: "5"}).documents[0].lines == ()


def test_given_a_reason_with_somebody_in_it_then_it_is_not_repeated():
    topic, body = golden("log_manual")
    (line,) = read(topic, {**body, "reason": "for Ada, 555-0100"}).documents[0].lines
    assert line.reason == "unknown reason"


@pytest.mark.parametrize(
    "note", ["onhand:Ada Invented, 555-0100", "onhand:ada@example.invalid", "onhand:", "call me"]
)
def test_given_a_note_that_is_no_reference_of_ours_then_it_is_not_kept(note):
    topic, body = golden("layaway_of_a_deal")
    kept = cut(topic, {**body, "Note": {"note": note}})
    assert kept["Note"] == {}
    assert read(topic, kept).transaction == "reservation/tills/22"


def test_given_a_web_shops_number_on_a_sale_then_it_is_not_kept_and_the_sale_is_its_own_deal():
    topic, body = golden("sale_of_a_deal")
    kept = cut(topic, {**body, "referenceNumber": "Ada's order"})
    assert "referenceNumber" not in kept
    assert read(topic, kept).transaction == "sale/tills/108"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["12", "13"]), st.integers(-5, 5)), max_size=6), st.booleans())
def test_given_any_sale_then_voiding_it_puts_everything_back(lines, voided):
    topic, body = golden("sale_completed")
    row = body["SaleLines"]["SaleLine"]
    rows = [
        {**row, "saleLineID": str(n), "itemID": item, "unitQuantity": str(q)}
        for n, (item, q) in enumerate(lines, 1)
    ]
    whole = {**body, "SaleLines": {"SaleLine": rows}, "voided": "true" if voided else "false"}
    stock = balances([(topic, whole)])
    for ident, sku in (("12", "TEE"), ("13", "MUG")):
        moved = -sum(q for item, q in lines if item == ident)
        there = stock[sku].balance("High Street") if sku in stock else 0
        assert there == (0 if voided else moved)


@pytest.mark.parametrize("topic", [SALE, RESERVATION, TRANSFER, ORDER, LOG])
def test_given_an_empty_document_then_the_reason_names_what_is_missing(topic):
    with pytest.raises(Refused, match=r"is missing|unknown status"):
        read(topic, {})
