"""A retailer that traded before anybody asked what is there: the platform's number holds all that already."""

from __future__ import annotations

SKU = "TEE-BLACK-M"
SHOWN = 12
"""What the till shows at SOHO when it is asked (deploy/example/tills.csv)."""


def told(fact: str, quantity: int) -> dict[str, object]:
    return {"fact": fact, "sku": SKU, "quantity": quantity, "location": "SOHO", "at": "2026-11-01T09:00:00Z"}


def test_given_sales_and_an_open_order_before_the_import_then_they_are_in_what_the_till_shows(unopened):
    up = unopened
    assert up.post("old-sale", told("sold", 3)) == 202
    assert up.post("old-order", told("ordered", 2)) == 202
    up.until(lambda: up.available(SKU, "SOHO") == -5)
    assert up.get(f"/v1/availability?channel=web&sku={SKU}")["items"] == [], "untracked is not zero"
    assert up.run("import", "tills")["opened"] > 0
    up.until(lambda: up.available(SKU, "SOHO") == SHOWN - 2)
    here = up.get(f"/v1/stock/{SKU}")["locations"]["SOHO"]
    assert (here["on_hand"], here["committed"]) == (SHOWN, 2)
    up.until(lambda: up.till_level(SKU, "SOHO") == SHOWN - 2)


def test_given_a_second_import_then_nothing_is_opened_again(unopened):
    up = unopened
    assert up.run("import", "tills")["opened"] == 0
    assert up.available(SKU, "SOHO") == SHOWN - 2


def test_given_the_shelf_was_moved_by_others_before_then_the_till_is_told_differences_from_what_it_shows(
    unopened,
):
    up = unopened
    assert up.post("new-sale", told("sold", 1)) == 202
    up.until(lambda: up.till_level(SKU, "SOHO") == SHOWN - 3)
    assert up.run("verify")["differences"] == []
