"""Which orders are wholesale beyond those of companies: as the channel's settings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.shopify.settings import ShopifySettings


def marked(settings: ShopifySettings, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document; a wholesale order's with its `company` set, which is all that is kept of why.

    Tags are a text with commas in a webhook and a list in the API; a person writes them, so they go no further.
    """
    tags = body.get("tags")
    named = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else ()
    found = {tag.strip().lower() for tag in named if isinstance(tag, str)}
    wanted = {tag.strip().lower() for tag in settings.wholesale_tags}
    if found & wanted or body.get("source_name") in settings.wholesale_sources:
        return {**body, "company": True}
    return body
