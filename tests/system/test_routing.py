"""A shop leaves it to the hub where its orders are sent from: the hub decides, says why, and decides again after a refusal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.accounts import UNROUTED

SKU = "TEE-BLACK-M"


@pytest.fixture(scope="module")
def edited():
    """The web shop sends from the places that the hub chooses: HARLEM before SOHO."""
    return lambda text: text.replace(
        'ships_from = "SOHO"          # demand is committed there until a parcel says otherwise\n',
        'locations = ["HARLEM", "SOHO"]\n',
    ).replace("[channels.web]", "[channels.web]\nrouted_by_hub = true")


@pytest.fixture(scope="module")
def shop(up):
    """The example so edited."""
    return up


def order(number, units):
    at = "2026-11-20T15:00:00Z"
    line = {"id": number * 10, "sku": SKU, "quantity": units, "current_quantity": units, "variant_id": 1}
    return {
        "id": number,
        "created_at": at,
        "updated_at": at,
        "processed_at": at,
        "cancelled_at": None,
        "test": False,
        "source_name": "web",
        "tags": "",
        "line_items": [{**line, "fulfillable_quantity": units, "requires_shipping": True}],
        "fulfillments": [],
        "refunds": [],
    }


def committed(up):
    cells = up.get(f"/v1/stock/{SKU}")["locations"]
    return {name: cell["committed"] for name, cell in cells.items() if cell.get("committed")}


def test_given_an_order_then_it_is_routed_and_after_a_rejected_pick_to_the_next_place(shop):
    assert shop.webhook(order(2001, 2), topic="orders/create") == 200
    shop.until(lambda: committed(shop) == {"HARLEM": 2})
    moved = shop.get(f"/v1/movements?sku={SKU}")["items"]
    (routed,) = [one for one in moved if one["kind"] == "OrderRerouted"]
    assert routed["channel"] == "onhand"
    assert routed["reason"].startswith("one parcel; not chosen: SOHO ")

    rejected = {
        "fact": "pick_rejected",
        "sku": SKU,
        "quantity": 2,
        "location": "HARLEM",
        "at": datetime.now(UTC).isoformat(),
    }
    assert shop.post("reject-1", rejected, transaction=routed["transaction"]) == 202
    shop.until(lambda: committed(shop) == {"SOHO": 2}, 20)
    kinds = [one["kind"] for one in shop.get(f"/v1/movements?sku={SKU}")["items"]]
    assert kinds.count("OrderRerouted") == 2
    assert "PickRejected" in kinds


def test_given_more_than_there_is_then_the_rest_waits_for_a_place_and_gets_it_when_goods_come(shop):
    assert shop.webhook(order(2002, 30), topic="orders/create") == 200
    shop.until(lambda: committed(shop).get(UNROUTED, 0) > 0 and committed(shop).get("SOHO", 0) > 2)
    shop.until(lambda: shop.run("verify")["ok"], 20)
