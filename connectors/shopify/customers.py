"""Whom an order of Shopify is for. Pure, and never logged.

Fields as in the samples of `orders/*` (API 2026-07); a polled order has the same ones under the same names. An order for
pick-up and one from the till have no `shipping_address`: then the customer's own name stands, and no street.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import people
from connectors.contract import Person, Recipient
from connectors.shopify.allowlist import ORDER_TOPICS, POLLED_ORDERS
from connectors.shopify.settings import ShopifySettings

ORDERS = frozenset({*ORDER_TOPICS, POLLED_ORDERS})


def person(topic: str, body: Mapping[str, Any]) -> Person | None:
    """Whom a document's order is for; None for other documents, and where nobody is named."""
    order = people.identity(body.get("id"))
    if topic not in ORDERS or order is None:
        return None
    buyer, to = people.part(body, "customer"), people.part(body, "shipping_address")
    customer = people.identity(buyer.get("id"))
    recipient = Recipient(
        name=_name(to) or _name(buyer),
        email=people.first(body.get("email"), body.get("contact_email"), buyer.get("email")),
        phone=people.first(to.get("phone"), body.get("phone"), buyer.get("phone")),
        street=people.joined((to.get("address1"), to.get("address2")), ", "),
        city=people.text(to.get("city")),
        postcode=people.text(to.get("zip")),
        region=people.first(to.get("province_code"), to.get("province")),
        country=people.first(to.get("country_code"), to.get("country")),
    )
    if customer is None and not people.known(recipient):
        return None
    placed_at = people.instant(body.get("created_at"))
    return Person(customer=customer, order=order, placed_at=placed_at, recipient=recipient)


def asked(settings: ShopifySettings, topic: str, body: Mapping[str, Any]) -> Person | None:
    """The same, if the channel wants to know."""
    return person(topic, body) if settings.customers else None


def _name(of: Mapping[str, Any]) -> str:
    return people.joined((of.get("first_name"), of.get("last_name"))) or people.text(of.get("name"))
