"""The JSON of X-Series' webhooks: the old API 1.0 (docs/webhooks), whatever version the API has.

Everything personal here is invented, and there only so that the allow-list has something to keep out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.lightspeed_x.effects import by_state
from connectors.lightspeed_x.sandbox.retailer import Retailer
from connectors.lightspeed_x.sandbox.shapes import CUSTOMER_ID, NOTE, TAX_ID, USER_ID, line_id, stamp

CUSTOMER = {
    "id": CUSTOMER_ID,
    "name": "Canary Customer",
    "first_name": "Canary",
    "last_name": "Customer",
    "email": "canary.customer@example.com",
    "phone": "555-0101",
}
USER = {
    "id": USER_ID,
    "name": "canary-clerk",
    "display_name": "Canary Clerk",
    "email": "canary.clerk@example.com",
}
CANARIES = ("canary", "Canary", "555-01", CUSTOMER_ID, USER_ID)
"""What must never come out of the allow-list."""

TOTALS = ("total_loyalty", "total_payment", "total_price", "total_tax", "total_to_pay")


def sale(retailer: Retailer, number: int) -> dict[str, Any]:
    """The payload of `sale.update`: API 1.0, without the outlet, decimals as strings."""
    made = retailer.sales[number]
    effect = by_state(made.state, made.attributes)
    assert effect is not None
    ids = retailer.products.ids
    lines = [
        {
            "id": line_id(retailer, made, at),
            "product_id": ids[item],
            "quantity": f"{quantity}.00000",
            "price": "1.00000",
            "price_set": False,
            "price_total": f"{quantity}.00000",
            "discount": "0.00000",
            "tax": "0.00000",
            "tax_id": TAX_ID,
            "tax_total": "0.00000",
            "loyalty_value": "0.00000",
        }
        for at, (item, quantity) in enumerate(made.items)
    ]
    total = f"{sum(made.lines[1::2])}.00000"
    return {
        "id": made.id,
        "status": effect.status,
        "register_id": retailer.outlets[made.outlet].register,
        "user_id": USER_ID,
        "user": USER,
        "customer_id": made.customer or CUSTOMER_ID,
        "customer": CUSTOMER,
        "invoice_number": str(number + 1),
        "short_code": f"{number:06x}",
        "source": made.source[1] or "USER",
        "source_id": made.source[0],
        "note": NOTE,
        "sale_date": stamp(made.at),
        "created_at": stamp(made.at),
        "updated_at": stamp(made.updated_at),
        "deleted_at": None,
        "version": retailer.sold.versions[number],
        "taxes": [],
        "totals": dict.fromkeys(TOTALS, total),
        "register_sale_products": lines,
        "register_sale_payments": [
            {"id": line_id(retailer, made, 0xFFFF), "amount": total, "payment_type_id": 1}
        ],
    }


def inventory(retailer: Retailer, cell: int, at: datetime) -> dict[str, Any]:
    """The payload of `inventory.update`: not public; like the inventory rows of API 1.0 in `product.update` [inferred]."""
    number, here = retailer.place(cell)
    return {
        "id": f"{number:08x}-{here:04x}-4002-8000-000000000000",
        "product_id": retailer.products.ids[number],
        "outlet_id": retailer.outlets[here].id,
        "outlet": {"name": retailer.outlets[here].name, "email": "canary.outlet@example.com"},
        "count": str(retailer.levels.get(cell, 0)),
        "attributed_cost": "0.00",
        "reorder_point": "0",
        "restock_level": "0",
        "updated_at": stamp(at),
        "version": retailer.inventory.versions.get(cell, 0),
    }


def consignment(row: dict[str, Any]) -> dict[str, Any]:
    """The payload of `consignment.send` and `.receive`: not public; the row of the list, and who did it [inferred]."""
    return {**row, "user": USER}
