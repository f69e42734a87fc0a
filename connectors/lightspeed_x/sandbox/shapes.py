"""The JSON of X-Series' API of 2026-07 (OpenAPI).

Everything personal in them is invented, and there only so that the allow-list has something to keep out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors.lightspeed_x.sandbox.retailer import Retailer, Sale

CUSTOMER_ID = "c0ffee00-0000-4000-8000-000000000001"
USER_ID = "c0ffee00-0000-4000-8000-000000000002"
TAX_ID = "c0ffee00-0000-4000-8000-000000000003"
NOTE = "canary-note, call 555-0100"
PRICE = 1.0
FULFILLMENT_ID = 1_947_700_198_720_344_064
"""Fulfilments have ids beyond what a JSON number holds, so they are strings."""


def stamp(at: datetime) -> str:
    """An instant as X-Series writes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def product(retailer: Retailer, number: int) -> dict[str, Any]:
    """A row of `GET /products`, in the fields that matter for stock."""
    sku = retailer.products.skus[number]
    return {
        "id": retailer.products.ids[number],
        "name": sku,
        "handle": sku.lower(),
        "sku": sku,
        "active": True,
        "has_inventory": bool(retailer.products.tracked[number]),
        "is_composite": number in retailer.composites,
        "has_variants": False,
        "version": retailer.catalogue.versions[number],
    }


def outlet(retailer: Retailer, number: int) -> dict[str, Any]:
    """A row of `GET /outlets`."""
    here = retailer.outlets[number]
    return {"id": here.id, "name": here.name, "time_zone": "UTC", "version": retailer.places[number]}


def register(retailer: Retailer, number: int) -> dict[str, Any]:
    """A row of `GET /registers`."""
    here = retailer.outlets[number]
    return {
        "id": here.register,
        "name": f"{here.name} till 1",
        "outlet_id": here.id,
        "is_open": True,
        "version": retailer.places[number],
    }


def inventory(retailer: Retailer, cell: int) -> dict[str, Any]:
    """A row of `POST /inventory`."""
    number, here = retailer.place(cell)
    return {
        "id": f"{number:08x}-{here:04x}-4002-8000-000000000000",
        "product_id": retailer.products.ids[number],
        "outlet_id": retailer.outlets[here].id,
        "current_inventory_level": float(retailer.levels[cell]),
        "average_cost": None,
        "quantity_to_procure": 0.0,
        "reorder_point": None,
        "reorder_amount": None,
        "reorder_method": None,
        "reorder_target": None,
        "deleted_at": None,
        "version": retailer.inventory.versions[cell],
    }


def inventory_level(retailer: Retailer, cell: int) -> dict[str, Any]:
    """A row of `POST /inventory_levels`, which calls an outlet a location."""
    number, here = retailer.place(cell)
    return {
        "product_id": retailer.products.ids[number],
        "root_product_id": retailer.products.ids[number],
        "location_id": retailer.outlets[here].id,
        "name": retailer.products.skus[number],
        "current_inventory_level": float(retailer.levels[cell]),
        "quantity_to_procure": 0.0,
    }


def adjustment(retailer: Retailer, number: int) -> dict[str, Any]:
    """A row of `GET /stock_adjustments`."""
    made = retailer.adjustments[number]
    row: dict[str, Any] = {
        "id": retailer.made_up("4001", number),
        "user_id": USER_ID,
        "product_id": retailer.products.ids[made.product],
        "outlet_id": retailer.outlets[made.outlet].id,
        "quantity": str(made.quantity),
        "reason": made.reason,
        "created_at": stamp(made.at),
        "updated_at": stamp(made.at),
        "version": retailer.adjusted.versions[number],
    }
    if made.custom is not None:
        row["custom_inventory_adjustment_reason_id"] = made.custom
    return row


def sale(retailer: Retailer, number: int) -> dict[str, Any]:
    """A row of `GET /sales`."""
    made = retailer.sales[number]
    here = retailer.outlets[made.outlet]
    units = sum(made.lines[1::2])
    source_id, source_type = made.source
    return {
        "id": made.id,
        "state": made.state,
        "attributes": list(made.attributes),
        "customer_id": made.customer or CUSTOMER_ID,
        "date": stamp(made.at),
        "created_at": stamp(made.at),
        "updated_at": stamp(made.updated_at),
        "invoice_number": str(number + 1),
        "receipt_number": str(number + 1),
        "note": NOTE,
        "source": {
            "id": source_id or "",
            "type": source_type or "USER",
            "outlet_id": here.id,
            "register_id": here.register,
            "author": {"id": USER_ID},
        },
        "return": {"is_return": units < 0, "original_sale_id": "", "return_sale_ids": []},
        "line_items": [_line(retailer, made, at, *line) for at, line in enumerate(made.items)],
        "payments": [],
        "taxes": [],
        "totals": {
            "price": units * PRICE,
            "price_incl_tax": units * PRICE,
            "tax": 0.0,
            "loyalty": 0.0,
            "surcharge": 0.0,
        },
        "_metadata": {"version": retailer.sold.versions[number]},
    }


def _line(retailer: Retailer, made: Sale, at: int, number: int, quantity: int) -> dict[str, Any]:
    return {
        "id": line_id(retailer, made, at),
        "product": {"id": retailer.products.ids[number]},
        "quantity": float(quantity),
        "return": {"is_return": quantity < 0, "reason": ""},
        "status": "CONFIRMED",
        "note": NOTE,
        "pricing": {"price": PRICE},
        "tax": {"id": TAX_ID, "amount": 0.0},
        "_metadata": {"sequence": at},
    }


def line_id(retailer: Retailer, made: Sale, at: int) -> str:
    """The id of a line, the same in both shapes."""
    return f"{retailer.run}-{at:04x}-4003-8000-{made.number:012x}"


def fulfillment(retailer: Retailer, number: int) -> dict[str, Any]:
    """A row of `GET /fulfillments`."""
    made = retailer.sales[number]
    handed = made.handed
    assert handed is not None
    whole = sum(units for _, units in made.items if units > 0)
    done = sum(handed.units.values())
    return {
        "id": str(FULFILLMENT_ID + number),
        "sale_id": made.id,
        "outlet_id": retailer.outlets[handed.outlet].id,
        "type": "PICKUP" if "pickup" in made.attributes else "DISPATCH",
        "state": "FULFILLED" if done >= whole else "STARTED" if done else "OPEN",
        "user_ids": [USER_ID],
        "note": NOTE,
        "created_at": stamp(made.at),
        "updated_at": stamp(handed.at),
        "version": handed.version,
        "line_items": [
            {
                "sale_line_item_id": line_id(retailer, made, at),
                "product_id": retailer.products.ids[product],
                "quantity": f"{units}.00",
                **dict.fromkeys(
                    ("picked_quantity", "packed_quantity", "fulfilled_quantity"),
                    f"{handed.units.get(at, 0)}.00",
                ),
            }
            for at, (product, units) in enumerate(made.items)
            if units > 0
        ],
    }
