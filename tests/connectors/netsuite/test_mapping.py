"""What NetSuite's transactions claim: sales, supply, transfers, adjustments, and all that is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.netsuite import connector
from connectors.netsuite.allowlist import TRANSACTION
from connectors.netsuite.kinds import MOVES, ORDERS, QUIET, TYPES
from schemas.claims import Fact
from schemas.movements import Cause
from schemas.settling import Transaction, apply

CREATED, MODIFIED = "2026-11-20T09:00:00+00:00", "2026-11-20T10:30:15+00:00"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORDER, TRANSFER = {"id": "55", "type": "SalesOrd"}, {"id": "70", "type": "TrnfrOrd"}


def line(item="385", quantity="-1", **more):
    return {
        "item": item,
        "itemtype": "InvtPart",
        "location": "2",
        "quantity": quantity,
        "isinventoryaffecting": "T",
        **more,
    }


def document(kind="CashSale", lines=None, status="B", **more):
    return {
        "id": "9",
        "type": kind,
        "status": status,
        "created": CREATED,
        "modified": MODIFIED,
        "lines": [line()] if lines is None else lines,
        **more,
    }


def read(body):
    return connector.read("erp", Payload(TRANSACTION, connector.reduce(TRANSACTION, body)))


def said(body):
    (found,) = read(body).documents
    return [(each.fact, each.sku, each.quantity, each.location) for each in found.lines]


def refusal(body):
    with pytest.raises(Refused) as error:
        read(body)
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "source", "quantity", "fact"),
    [
        ("ItemShip", "SalesOrd", -1, Fact.SHIPPED),
        ("ItemShip", "VendAuth", -1, Fact.VENDOR_RETURNED),
        ("ItemRcpt", "PurchOrd", 1, Fact.RECEIVED),
        ("ItemRcpt", "RtnAuth", 1, Fact.RETURNED),
        ("CashSale", None, -1, Fact.SOLD),
        ("CustInvc", "SalesOrd", -1, Fact.SOLD),
        ("CashRfnd", None, 1, Fact.RETURNED),
        ("CustCred", "CustInvc", 1, Fact.RETURNED),
        ("VendBill", "PurchOrd", 1, Fact.RECEIVED),
        ("VendCred", None, -1, Fact.VENDOR_RETURNED),
        ("InvAdjst", None, 1, Fact.ADJUSTED_UP),
        ("InvCount", None, -1, Fact.ADJUSTED_DOWN),
        ("Build", None, 1, Fact.KIT_ASSEMBLED),
        ("Build", None, -1, Fact.KIT_COMPONENT_USED),
        ("WOCompl", None, 1, Fact.KIT_ASSEMBLED),
        ("WOIssue", None, -1, Fact.KIT_COMPONENT_USED),
        ("Unbuild", None, -1, Fact.KIT_BROKEN),
        ("Unbuild", None, 1, Fact.KIT_COMPONENT_RECOVERED),
    ],
)
def test_given_a_line_that_affects_inventory_then_its_type_and_sign_say_what_happened(
    kind, source, quantity, fact
):
    origins = [{"id": "70", "type": source}] if source else []
    body = document(kind, [line(quantity=str(quantity))], status="C", origins=origins)
    assert said(body) == [(fact, "item:385", 1, "location:2")]


def test_given_the_tables_then_every_type_is_read_in_one_way_only():
    moved = {kind for kind, _ in MOVES}
    assert len(TYPES) == len(moved) + len(ORDERS) + len(QUIET)
    for kind in QUIET:
        (found,) = read(document(kind)).documents
        assert (found.lines, len(found.skipped)) == ((), 1)


def test_given_a_line_that_affects_no_inventory_or_is_a_cost_line_then_it_moves_nothing():
    rows = [line(isinventoryaffecting="F"), line(iscogs="T", quantity="1"), line("386", "0")]
    (found,) = read(document(lines=rows)).documents
    assert found.lines == ()
    assert [each.reason for each in found.skipped] == ["the line affects no inventory", "quantity is zero"]


@pytest.mark.parametrize(
    ("status", "facts"),
    [("A", []), ("B", []), ("_picked", []), ("C", [Fact.SHIPPED]), ("ItemShip:C", [Fact.SHIPPED])],
)
def test_given_a_fulfilment_then_goods_leave_when_it_is_shipped_and_once(status, facts):
    """NS-7: picked, then packed, then shipped is one movement."""
    body = document("ItemShip", status=status, origins=[ORDER])
    assert [each[0] for each in said(body)] == facts
    assert read(body).transaction == "SalesOrd/erp/55"


def test_given_an_order_then_each_line_says_what_was_asked_and_what_will_not_come():
    rows = [
        line("1", "-5", quantityshiprecv="2", isinventoryaffecting="F"),
        line("2", "-5", quantityshiprecv="2", isclosed="T"),
        line("3", "-1", location=None),
        line("4", "-1", itemtype="Kit"),
        line("5", "-1", dropship="T"),
    ]
    assert said(document("SalesOrd", rows)) == [
        (Fact.ORDERED, "item:1", 5, "location:2"),
        (Fact.ORDERED, "item:2", 5, "location:2"),
        (Fact.CANCELLED, "item:2", 3, "location:2"),
        (Fact.ORDERED, "item:3", 1, None),
    ]


@pytest.mark.parametrize(
    ("status", "facts"),
    [
        ("A", []),
        ("B", [(Fact.ORDERED, 5)]),
        ("C", [(Fact.ORDERED, 5), (Fact.CANCELLED, 3)]),
        ("G", [(Fact.ORDERED, 5)]),
        ("H", [(Fact.ORDERED, 5), (Fact.CANCELLED, 3)]),
    ],
)
def test_given_an_orders_status_then_it_says_whether_it_still_asks(status, facts):
    body = document("SalesOrd", [line(quantity="-5", quantityshiprecv="2")], status=status)
    assert [(fact, units) for fact, _, units, _ in said(body)] == facts


def test_given_a_line_without_a_location_then_the_headers_is_meant():
    bare = [line(location=None)]
    assert said(document("SalesOrd", bare, location="7")) == [(Fact.ORDERED, "item:385", 1, "location:7")]
    assert said(document("CashSale", bare, location="7")) == [(Fact.SOLD, "item:385", 1, "location:7")]
    assert said(document("SalesOrd", bare)) == [(Fact.ORDERED, "item:385", 1, None)]


def test_given_a_purchase_then_supply_is_expected_and_a_receipt_belongs_to_it():
    order = document("PurchOrd", [line(quantity="12", quantityshiprecv="4", isclosed="T")], id="70")
    assert said(order) == [
        (Fact.EXPECTED, "item:385", 12, "location:2"),
        (Fact.SUPPLY_CANCELLED, "item:385", 8, "location:2"),
    ]
    receipt = document("ItemRcpt", [line(quantity="4")], origins=[{"id": "70", "type": "PurchOrd"}])
    assert read(receipt).transaction == read(order).transaction == "PurchOrd/erp/70"


def test_given_a_transfer_order_then_what_is_not_shipped_yet_is_kept_for_it():
    legs = [line(quantity="-5", quantityshiprecv="2"), line(quantity="5", location="5")]
    assert said(document("TrnfrOrd", legs, "D")) == [(Fact.SET_ASIDE, "item:385", 3, "location:2")]
    assert said(document("TrnfrOrd", legs, "H")) == []


def test_given_a_transfers_parcel_then_both_its_ends_are_named():
    source = {**TRANSFER, "origin": "2", "destination": "5"}
    (sent,) = read(document("ItemShip", status="C", origins=[source])).documents[0].lines
    (came,) = (
        read(document("ItemRcpt", [line(quantity="1", location="5")], origins=[source])).documents[0].lines
    )
    assert (sent.fact, sent.location, sent.there) == (Fact.TRANSFER_SHIPPED, "location:2", "location:5")
    assert (came.fact, came.location, came.there) == (Fact.TRANSFER_RECEIVED, "location:5", "location:2")
    assert "destination" in refusal(document("ItemShip", status="C", origins=[TRANSFER]))


def test_given_a_transfer_at_once_then_its_two_legs_are_one_transfer():
    """NS-5."""
    legs = [line(quantity="-4"), line(quantity="4", location="5")]
    (found,) = read(document("InvTrnfr", legs)).documents
    assert [(each.fact, each.location, each.there) for each in found.lines] == [
        (Fact.TRANSFER_SHIPPED, "location:2", "location:5"),
        (Fact.TRANSFER_RECEIVED, "location:5", "location:2"),
    ]


@pytest.mark.parametrize(
    "legs",
    [
        [line(quantity="-4"), line(quantity="3", location="5")],
        [line(quantity="-4")],
        [line("1", "-4"), line("2", "4", location="5")],
        [line(quantity="-2"), line(quantity="-2", location="3"), line(quantity="4", location="5")],
    ],
)
def test_given_legs_that_do_not_fit_together_then_the_transfer_is_refused(legs):
    assert "do not balance" in refusal(document("InvTrnfr", legs))


def test_given_our_reference_then_the_documents_join_the_deal_that_it_names():
    ours = "onhand:order/web/1001"
    assert read(document("SalesOrd", externalid=ours)).transaction == "order/web/1001"
    parcel = document("ItemShip", status="C", origins=[{**ORDER, "externalid": ours}])
    assert read(parcel).transaction == "order/web/1001"
    back = [{"id": "80", "type": "RtnAuth"}, {**ORDER, "externalid": ours}]
    assert read(document("ItemRcpt", [line(quantity="1")], origins=back)).transaction == "order/web/1001"


def test_given_an_external_id_of_somebody_else_then_it_is_not_kept():
    kept = connector.reduce(TRANSACTION, document("SalesOrd", externalid="Wilhelmina Roe", origins=[ORDER]))
    assert "externalid" not in kept


def test_given_our_own_adjustment_then_it_moves_nothing_again():
    """NS-15."""
    (found,) = read(document("InvAdjst", externalid="onhand:adjust/0f3a")).documents
    assert (found.lines, found.skipped[0].reason) == ((), "our own adjustment")
    assert read(document("InvAdjst", externalid="onhand:adjust/0f3a")).transaction == "InvAdjst/erp/9"


def settle(*bodies):
    """What the documents of one deal move, one after another."""
    state, moved = Transaction(), []
    for offset, body in enumerate(bodies):
        state, posted = apply(state, read(body), NOW, Cause(0, offset, 0))
        moved += [(str(movement.kind), movement.quantity) for movement in posted]
    return moved


def test_given_an_edited_line_then_only_the_difference_moves():
    """NS-2."""
    later = "2026-11-20T11:00:00+00:00"
    before, after = (
        document(lines=[line(quantity="-2")]),
        document(lines=[line(quantity="-3")], modified=later),
    )
    assert settle(before, after, before, after) == [("PosSaleCompleted", 2), ("PosSaleCompleted", 1)]


def test_given_a_line_that_vanished_then_its_units_come_back():
    """NS-3."""
    later = "2026-11-20T11:00:00+00:00"
    two, one = document(lines=[line("1"), line("2")]), document(lines=[line("1")], modified=later)
    assert settle(two, one) == [*[("PosSaleCompleted", 1)] * 2, ("MovementVoided", 1)]


def test_given_a_change_within_one_second_then_the_more_advanced_version_is_the_newer():
    picked = document("ItemShip", [line()], "A", origins=[ORDER])
    shipped = document("ItemShip", [line()], "C", origins=[ORDER])
    (early,), (late,) = read(picked).documents, read(shipped).documents
    assert early.version < late.version
    assert settle(picked, shipped)[-1] == settle(shipped, picked)[-1]


def test_given_an_order_shipped_and_returned_then_it_settles_as_one_deal():
    order = document("SalesOrd", [line(quantity="-2")], id="55")
    parcel = document("ItemShip", [line(quantity="-2")], "C", origins=[ORDER], id="56")
    back = document(
        "ItemRcpt", [line(quantity="1")], origins=[{"id": "80", "type": "RtnAuth"}, ORDER], id="57"
    )
    assert sorted(settle(order, parcel, back)) == [
        ("OrderPlaced", 2),
        ("OrderShipped", 2),
        ("ReturnReceived", 1),
    ]
    assert {read(each).transaction for each in (order, parcel, back)} == {"SalesOrd/erp/55"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (document(lines=[line(quantity="-1.5")]), "whole number"),
        (document(lines=[line(quantity="1e300")]), "out of bounds"),
        (document(lines=[line(quantity="NaN")]), "out of bounds"),
        (document(lines=[line(quantity="many")]), "not a number"),
        (document(lines=[line(item=None)]), "item is missing"),
        (document(lines=[line(item="SHIRT")]), "item is not an id"),
        (document(lines=[line(location=None)]), "location of item:385 is missing"),
        (document(lines=[line(isinventoryaffecting="yes")]), "neither T nor F"),
        (document("ItemShip", [line(quantity="1")], "C", origins=[ORDER]), "wrong sign"),
        (document("ItemShip", status="X", origins=[ORDER]), "unknown status X"),
        (document("ItemRcpt", [line(quantity="1")]), "unknown type ItemRcpt (made from nothing)"),
        (document("SalesOrd", status="Z"), "unknown status Z"),
        (document("SalesOrd", status="Wilhelmina Roe 1"), "that is not a word"),
        (document("Payroll"), "unknown type Payroll"),
        (document(modified="2026-11-20 10:30:15"), "no time zone"),
        (document(modified="20/11/2026"), "not an instant"),
        (document(created=None), "created is not an instant"),
        (document(id="-9"), "id is not an id"),
        (document(id=None), "id is missing"),
    ],
)
def test_given_what_cannot_be_true_then_it_is_refused_by_name(body, reason):
    assert reason in refusal(body)


def test_given_duplicate_lines_then_each_counts_because_netsuite_counts_each():
    assert said(document(lines=[line(), line()])) == [(Fact.SOLD, "item:385", 1, "location:2")] * 2
