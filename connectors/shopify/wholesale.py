"""What of an order of Shopify says that it is wholesale. A person writes tags, so they are judged here and go no further."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors import people, wholesale
from connectors.shopify.settings import ShopifySettings


def judged(settings: ShopifySettings, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order with the verdict on it."""
    return {
        **body,
        **settings.wholesale.verdict(
            company=bool(body.get("company")),
            tags=_tags(body),
            groups=_tags(people.part(body, "customer")),
            sources=(body.get("source_name"),),
        ),
    }


def demand_class(body: Mapping[str, Any]) -> str:
    """The class of an order's demand; where no settings judged it, a company's is wholesale (webhook schema: `company`; GraphQL:
    `purchasingEntity`).
    """
    return wholesale.demand_class(body, company=bool(body.get("company")))


def _tags(of: Mapping[str, Any]) -> Iterable[object]:
    """Tags are a text with commas in a webhook (samples of API 2026-07), and a list in the API (schema 2026-10)."""
    tags = of.get("tags")
    return tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else ()
