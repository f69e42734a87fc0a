"""Whom an order of Magento is for. Pure, and never logged.

Fields as in OpenAPI 2.4.9 (SalesDataOrderInterface and its addresses). Of an order for pick-up the shipping address is the
shop's own, with the shop's name (inferred from magento/inventory, In-Store Pickup): there the customer's name and the billing
address's stand, and no street.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import people
from connectors.contract import Person, Recipient
from connectors.magento.allowlist import ORDER


def person(topic: str, body: Mapping[str, Any]) -> Person | None:
    """Whom a document's order is for; None for other documents, and where nobody is named."""
    order = people.identity(body.get("entity_id"))
    if topic != ORDER or order is None:
        return None
    bill, to = people.part(body, "billing_address"), _shipping(body)
    street = to.get("street")
    customer = people.identity(body.get("customer_id"))
    recipient = Recipient(
        name=_name(to, "") or _name(body, "customer_") or _name(bill, ""),
        email=people.first(body.get("customer_email"), to.get("email"), bill.get("email")),
        phone=people.first(to.get("telephone"), bill.get("telephone")),
        street=people.joined(street if isinstance(street, list) else (street,), ", "),
        city=people.text(to.get("city")),
        postcode=people.text(to.get("postcode")),
        region=people.first(to.get("region_code"), to.get("region")),
        country=people.text(to.get("country_id")),
    )
    if customer is None and not people.known(recipient):
        return None
    placed_at = people.instant(body.get("created_at"))
    return Person(customer=customer, order=order, placed_at=placed_at, recipient=recipient)


def _shipping(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where an order is sent; empty where it is picked up."""
    more = people.part(order, "extension_attributes")
    assigned = more.get("shipping_assignments")
    if more.get("pickup_location_code") or not isinstance(assigned, list):
        return {}
    found = (people.part(one, "shipping", "address") for one in assigned if isinstance(one, Mapping))
    return next(found, {})


def _name(of: Mapping[str, Any], prefix: str) -> str:
    return people.joined((of.get(f"{prefix}firstname"), of.get(f"{prefix}lastname")))
