"""What public clients show of Heartland, and what the sandbox and the mapping make of it.

Shapes, with invented values, of springboardretail/springboard-data-migrations (the vendor's importer, MIT), of
bamherndon/HeartlandMCP (MIT), of mihaighita/heartland-retail-php (MIT), and, for orders, returns, receipts and the webhook,
of clients whose field names are facts. No recording of a ticket, a transfer or a ledger row is public.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.heartland import connector
from connectors.heartland.api import available
from schemas.claims import Fact

IMPORTED = {
    "public_id": "12345-1",
    "station_id": 1,
    "customer_id": 1,
    "created_at": "2026-01-17T02:23:29Z",
    "completed_at": "2026-01-17T02:23:29Z",
    "sales_rep": "Sam",
    "item_lines": [
        {"type": "ItemLine", "item_id": 109679, "unit_price": 7.0, "qty": 1},
        {"type": "ItemLine", "item_id": 109676, "unit_price": 20.0, "qty": -1},
    ],
    "affect_inventory": False,
    "status": "complete",
}
"""A ticket as the vendor's importer posts it."""

STORED = {"id": 1, "updated_at": "2026-01-17T02:23:30Z", "source_location_id": 100005}
"""What the account adds to it."""

HEADER = {
    "id": 1001,
    "type": "Ticket",
    "total": 10,
    "balance": 0,
    "status": "Complete",
    "completed?": True,
    "completed_at": "2025-01-01T00:00:00Z",
}

ROWS = [("123456", "1"), ("567890", "2"), ("345678", "1")]
"""A ticket of the importer's sales history, one line a row: item and quantity, as text."""


def as_ticket(**changes: Any) -> dict[str, Any]:
    body = {**IMPORTED, **STORED, **changes}
    return {**body, "lines": body.pop("item_lines")}


@pytest.mark.parametrize(
    ("topic", "body", "becomes"),
    [
        ("sales/tickets", as_ticket(), []),  # history moves nothing
        (
            "sales/tickets",
            as_ticket(affect_inventory=True),
            [(Fact.RETURNED, "item:109676", 1), (Fact.SOLD, "item:109679", 1)],
        ),
        (
            "sales/tickets",
            as_ticket(
                affect_inventory=True,
                item_lines=[{"type": "ItemLine", "item_id": item, "qty": qty} for item, qty in ROWS],
            ),
            [
                (Fact.SOLD, "item:123456", 1),
                (Fact.SOLD, "item:345678", 1),
                (Fact.SOLD, "item:567890", 2),
            ],
        ),
        ("sales_transaction_completed", HEADER, "sales_transaction_completed names no item"),
        ("sales/tickets", HEADER, "updated_at is missing"),  # the head alone, as a file
        ("inventory/transactions", {"id": 1}, "unknown topic inventory/transactions"),
        ("inventory/values", {"item_id": 109679, "qty": 3}, "unknown topic inventory/values"),
    ],
)
def test_given_a_public_shape_then_it_is_a_claim_or_the_reason_is_said(topic, body, becomes):
    payload = Payload(topic, connector.reduce(topic, body))
    if isinstance(becomes, str):
        with pytest.raises(Refused, match=becomes):
            connector.read("tills", payload)
    else:
        (document,) = connector.read("tills", payload).documents
        assert [(line.fact, line.sku, line.quantity) for line in document.lines] == becomes


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"qty": 3, "qty_on_hand": 3, "qty_committed": 1, "qty_available": 2}, 2),
        ({"qty": 3, "qty_on_hand": 3, "qty_available": None}, 3),
        ({"qty": -2.5}, -3),
    ],
)
def test_given_a_level_of_any_account_then_it_is_what_may_be_sold(row, shown):
    assert available(row) == shown


FLOWS = {
    "adjustment": [
        ("POST", "inventory/adjustment_sets", {"adjustment_reason_id": 3, "location_id": "Boston"}),
        ("POST", "inventory/adjustment_sets/{0}/lines", {"item_id": "SHIRT", "qty": -2, "unit_cost": 2.16}),
        ("PUT", "inventory/adjustment_sets/{0}", {"status": "complete"}),
    ],
    "physical count": [
        (
            "POST",
            "inventory/physical_counts",
            {"adjustment_reason_id": 3, "description": "Import", "location_id": "Boston", "scope": "full"},
        ),
        ("POST", "inventory/physical_counts/{0}/batches", {"description": "Import"}),
        ("PUT", "inventory/physical_counts/{0}", {"status": "counting"}),
        (
            "POST",
            "inventory/physical_counts/{0}/batches/{1}/lines",
            {"item_lookup": "SHIRT", "qty": 8},
        ),
        ("PUT", "inventory/physical_counts/{0}", {"status": "finalizing"}),
        ("PUT", "inventory/physical_counts/{0}", {"status": "accepted"}),
    ],
    "receipt": [
        ("POST", "purchasing/receipts", {"order_id": 1, "receive_at_location_id": "Boston"}),
        ("POST", "purchasing/receipts/{0}/lines", {"item_id": "SHIRT", "qty": -2, "unit_cost": 2.16}),
        ("PUT", "purchasing/receipts/{0}", {"status": "accepted"}),
    ],
    "return": [
        (
            "POST",
            "sales/tickets",
            {
                "type": "Return",
                "station_id": 1,
                "source_location_id": "Boston",
                "affect_inventory": True,
                "parent_transaction_id": 5001,
            },
        ),
        ("POST", "sales/tickets/{0}/lines", {"type": "ItemLine", "item_id": "SHIRT", "qty": 2}),
        ("POST", "sales/tickets/{0}/payments", {"type": "CashPayment", "amount": -7.0}),
        ("PUT", "sales/tickets/{0}", {"status": "complete"}),
    ],
    "order": [
        ("POST", "customers", {"first_name": "Ada", "last_name": "Web", "email": "a@example.com"}),
        (
            "POST",
            "sales/orders",
            {"customer_id": "{0}", "station_id": 1, "source_location_id": "Boston", "shipping_charge": 0},
        ),
        ("POST", "sales/orders/{1}/lines", {"item_id": "SHIRT", "qty": 2, "adjusted_unit_price": 7.0}),
        ("PUT", "sales/orders/{1}/lines/{2}", {"ship_from_location_id": "Boston"}),
        (
            "POST",
            "sales/orders/{1}/payments",
            {"type": "CustomPayment", "deposit": True, "amount": 14.0, "payment_type_id": 100010},
        ),
        ("PUT", "sales/orders/{1}", {"status": "open"}),
        (
            "POST",
            "sales/invoices",
            {"type": "Invoice", "order_id": "{1}", "station_id": 1, "source_location_id": "Boston"},
        ),
        ("PUT", "sales/invoices/{4}", {"status": "complete"}),
    ],
}
"""What public clients send, step by step. `{n}` is the id that the nth `POST` made; every flow leaves 8 of 10 shirts."""


@pytest.mark.parametrize("flow", FLOWS)
async def test_given_what_public_clients_send_then_the_sandbox_takes_it_and_stock_moves(sandbox, flow):
    names = {"SHIRT": sandbox.item("SHIRT"), "Boston": sandbox.at("Boston")}
    made: list[int] = []
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer token"}) as session:
        for method, path, body in FLOWS[flow]:
            filled = {
                name: int(value.format(*made))
                if isinstance(value, str) and value.startswith("{")
                else names.get(value, value)
                if name != "item_lookup"
                else value
                for name, value in body.items()
            }
            url = f"{sandbox.url}/api/{path.format(*made)}"
            async with session.request(method, url, json=filled) as reply:
                assert reply.status == (201 if method == "POST" else 200), await reply.text()
                if method == "POST":
                    assert await reply.read() == b""
                    made.append(int(reply.headers["Location"].rpartition("/")[2]))
    assert sandbox.on_hand("SHIRT", "Boston") == 8
    assert sandbox.available("SHIRT", "Boston") == 8
