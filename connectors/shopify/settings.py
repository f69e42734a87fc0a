"""What a Shopify channel needs to be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.contract import ChannelSettings


class ShopifySettings(ChannelSettings):
    """One Shopify shop.

    `shop` is its `.myshopify.com` name. `publish_location` is the
    location, by gid, whose `available` is told the channel's number: the one the shop sells from.
    """

    platform: Literal["shopify"]
    shop: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$")
    api_version: str = "2026-10"
    publish_location: str = Field("gid://shopify/Location/1", pattern=r"^gid://shopify/Location/\d+$")

    @property
    def graphql(self) -> str:
        """Path of the Admin API."""
        return f"/admin/api/{self.api_version}/graphql.json"

    @property
    def address(self) -> str:
        """Where the shop is."""
        return self.base_url or f"https://{self.shop}"
