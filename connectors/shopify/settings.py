"""What a Shopify channel needs to be told."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from connectors.contract import ChannelSettings

VERSION_MIN = "2026-04"
"""The oldest Admin API whose stock writes are ours: it requires `changeFromQuantity` and `@idempotent` (schemas 2026-01 and
2026-04 compared)."""

Auth = Literal["token", "client_credentials", "refresh_token"]
Read = Literal["routing", "returns", "transfers"]


class ShopifySettings(ChannelSettings):
    """One Shopify shop.

    `shop` is its permanent domain. `publish_location` is the gid of the location that is told the one number of a channel
    with `publish = "network"`; there, an order assigned to it counts as not routed to any place yet.

    `auth` says how the shop is entered: with a static `token` (secret `access_token`), as an app of the shop's own
    organisation (`client_credentials`: secrets `client_id` and `client_secret`), or with a `refresh_token` (secrets
    `client_id`, `client_secret`, `refresh_token`), which every use replaces: `token_file` is where the newest is kept (mode
    0600, one for all processes of a machine). Without it the tokens live in memory, and a process that starts anew needs a
    new authorisation.

    `polls` lists what is asked for beyond orders; each needs its scope: `routing` read_merchant_managed_fulfillment_orders
    (and read_assigned_ and read_third_party_, where such places ship), `returns` read_returns, `transfers`
    read_inventory_transfers and read_inventory_shipments.

    Of what makes an order `wholesale`, `companies` are those of Shopify's B2B, `tags` the order's, `groups` the customer's tags, and
    `sources` its `source_name` (an app's id, `shopify_draft_order`). No webhook tells a customer's tags (shopify.dev changelog,
    2025-01): with `groups` an order's webhook only says that there is something to poll, and the poll needs the scope
    read_customers. `batch_max` is how many numbers one call tells; an input array has at most 250 entries (shopify.dev limits).

    `customers` says that whom an order is for is kept, encrypted, so that the order can be created elsewhere for them; else
    nobody's name gets past the door. It needs the scope read_customers and access to protected customer data.
    """

    marks: ClassVar = frozenset({"companies", "tags", "groups", "sources"})

    platform: Literal["shopify"]
    shop: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$")
    api_version: str = Field("2026-10", pattern=r"^20[0-9]{2}-(01|04|07|10)$")
    publish_location: str = Field("gid://shopify/Location/1", pattern=r"^gid://shopify/Location/[0-9]+$")
    auth: Auth = "token"
    token_file: str | None = None
    polls: tuple[Read, ...] = ("routing", "returns", "transfers")
    batch_max: int = Field(250, ge=1, le=250)
    customers: bool = False

    @field_validator("api_version")
    @classmethod
    def _version_is_ours(cls, version: str) -> str:
        if version < VERSION_MIN:
            raise ValueError(f"the Admin API must be {VERSION_MIN} or newer")
        return version

    @property
    def points(self) -> bool:
        """Whether only a poll can judge an order (`wholesale`)."""
        return bool(self.wholesale.groups)

    @property
    def address(self) -> str:
        """Where the shop's Admin API is, without a path."""
        return self.base_url or f"https://{self.shop}"

    @property
    def graphql_path(self) -> str:
        """The path of the GraphQL Admin API."""
        return f"/admin/api/{self.api_version}/graphql.json"
