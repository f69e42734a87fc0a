"""A double of a Shopify shop on real sockets: its own GraphQL schema, its stock arithmetic, its webhooks."""

from __future__ import annotations

from connectors.shopify.sandbox.server import ShopifySandbox

__all__ = ["ShopifySandbox"]
