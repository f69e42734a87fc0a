"""Shopify, Admin API 2026-10: orders in by webhook and by poll, `available` out by compare-and-set."""

from __future__ import annotations

from connectors.contract import Connector
from connectors.shopify.allowlist import cut
from connectors.shopify.client import ShopifyClient
from connectors.shopify.mapping import TOPICS, read
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.sink import ShopifySink
from connectors.shopify.webhooks import receive

__all__ = ["ShopifySettings", "connector"]

connector = Connector(
    platform="shopify",
    settings=ShopifySettings,
    secrets=("access_token", "webhook_secret", "webhook_secret_previous?"),
    topics=TOPICS,
    tells="quantity",
    receive=receive,
    reduce=cut,
    read=read,
    client=ShopifyClient,
    sink=ShopifySink,
)
