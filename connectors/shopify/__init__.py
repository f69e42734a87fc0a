"""Shopify, Admin API 2026-10: orders in by webhook and by poll, `available` out by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.shopify.allowlist import cut
from connectors.shopify.client import ShopifyClient
from connectors.shopify.customers import person
from connectors.shopify.mapping import TOPICS, read
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.sink import ShopifySink
from connectors.shopify.webhooks import receive

__all__ = ["ShopifySettings", "connector"]


def _sandbox(settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.shopify.sandbox import ShopifySandbox

    assert isinstance(settings, ShopifySettings)
    return ShopifySandbox(
        shop=settings.shop,
        access_token=secrets.get("access_token", "sandbox"),
        client=(secrets.get("client_id", "sandbox"), secrets.get("client_secret", "sandbox")),
        refresh_token=secrets.get("refresh_token", "sandbox"),
        webhook_secret=secrets["webhook_secret"],
        locations=places,
        sells_from=settings.publish_location,
    )


connector = Connector(
    platform="shopify",
    settings=ShopifySettings,
    secrets=(
        *("webhook_secret", "webhook_secret_previous?"),
        *("access_token?", "client_id?", "client_secret?", "refresh_token?"),
    ),
    topics=TOPICS,
    tells="quantity",
    receive=receive,
    signatures=("X-Shopify-Hmac-Sha256", "Shopify-Hmac-Sha256"),
    reduce=cut,
    read=read,
    client=ShopifyClient,
    sink=ShopifySink,
    sandbox=_sandbox,
    person=person,
)
