"""What a Shopify channel needs to be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.contract import ChannelSettings


class ShopifySettings(ChannelSettings):
    """One Shopify shop.

    `shop` is its permanent domain. `publish_location` is the
    gid of the location that is told the one number of a channel with `publish = "network"`.
    """

    platform: Literal["shopify"]
    shop: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$")
    api_version: str = "2026-10"
    publish_location: str = Field("gid://shopify/Location/1", pattern=r"^gid://shopify/Location/[0-9]+$")

    @property
    def address(self) -> str:
        """Where the shop's Admin API is, without a path."""
        return self.base_url or f"https://{self.shop}"

    @property
    def graphql_path(self) -> str:
        """The path of the GraphQL Admin API."""
        return f"/admin/api/{self.api_version}/graphql.json"
