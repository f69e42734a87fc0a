"""What a Magento channel needs to be told."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from connectors.contract import ChannelSettings
from schemas.accounts import NETWORK
from schemas.rules import ChannelRules


class MagentoSettings(ChannelSettings):
    """One Magento 2 or Adobe Commerce shop with Multi-Source Inventory (MSI).

    `url` is the shop's address; of Adobe Commerce as a Cloud Service that of its API with the tenant. `store` is a store
    view's code. `auth` says how calls are authorised: `oauth1` signs them with an integration's four keys; `bearer` sends
    an integration's access token, which Magento refuses since 2.4.4 unless it is told otherwise
    (`oauth/consumer/enable_integration_as_bearer`); `ims` is the cloud service's way, for `organization`.

    Magento does not tell whether a credit memo's units went back to stock (OpenAPI 2.4.9 has no such field), so
    `refunds_restock` says whether this shop's do. `single_source` is where a shipment that names no source left from.
    Of what makes an order `wholesale`, `companies` are those of Adobe Commerce B2B (the order names one, or is paid on one's credit
    or by its purchase order), `groups` customer groups (`customer_group_id`), `sources` store views (`store_id`), and `payments`
    payment methods: all fields of an order in OpenAPI 2.4.9. `page_size` and `batch_max` must fit the shop's own limits, where it
    has set any. `customers` says that whom an order is for is kept, encrypted, so that
    the order can be created elsewhere for them; else nobody's name gets past the door. A poll begins `poll_overlap` seconds
    behind its cursor, because Magento's instants have whole seconds and a long database transaction becomes visible late.
    """

    marks: ClassVar = frozenset({"companies", "groups", "sources", "payments"})

    platform: Literal["magento"]
    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    store: str = Field("all", pattern=r"^[A-Za-z0-9_]+$")
    auth: Literal["oauth1", "bearer", "ims"] = "oauth1"
    ims_url: str = "https://ims-na1.adobelogin.com"
    ims_scope: str = "openid,AdobeID,commerce.accs"
    organization: str = ""
    refunds_restock: bool = False
    single_source: str = Field("default", min_length=1)
    customers: bool = False
    page_size: int = Field(100, ge=1, le=300)
    batch_max: int = Field(100, ge=1, le=5_000)
    poll_overlap: int = Field(120, ge=0)
    rules: ChannelRules = Field(default_factory=lambda: ChannelRules(publish="locations"))

    @model_validator(mode="after")
    def _tells_sources(self) -> Self:
        if self.rules.publish == NETWORK:
            raise ValueError('rules.publish must be "locations": Magento is told one number for each source')
        return self

    @property
    def address(self) -> str:
        """Where the shop is."""
        return (self.base_url or self.url).rstrip("/")

    @property
    def path(self) -> str:
        """What the API's paths begin with; the cloud service names the store in a header instead."""
        return "/V1" if self.auth == "ims" else f"/rest/{self.store}/V1"
