"""What a Lightspeed Retail X-Series channel needs to be told."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from connectors.contract import ChannelSettings


class LightspeedXSettings(ChannelSettings):
    """One X-Series retailer.

    `domain_prefix` is the first part of its address. The two custom adjustment reasons are created if they are missing;
    their names are at most 30 characters long (OpenAPI 2026-07, `/custom_inventory_adjustment_reasons`). By them we know our
    own adjustments again, so whoever configures others waits until X-Series has made `poll_overlap` versions. `poll_overlap`
    is how many versions behind its cursor a poll looks again, because a version may become visible after a higher one
    [inferred].

    `token_file` is where an application (OAuth) keeps its tokens, which change with every refresh; without one the secret
    `access_token` is a personal token. `author_id` is the user (a UUID) under whom orders are created. `payment_type` is the
    type of payment (its UUID) with which they are paid; without one they are unpaid, and X-Series does not let an unpaid sale
    be handed over [an integrator's word]. `tax_name` is the tax that their lines bear.

    Of what makes a sale `wholesale` its document tells `payments`, and of these only `onaccount` and `layby`
    (docs/sales_states_and_attributes): it names the customer, but not the customer's group (OpenAPI 2026-07, Sale).
    """

    marks: ClassVar = frozenset({"payments"})

    platform: Literal["lightspeed_x"]
    domain_prefix: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")
    api_version: str = Field("2026-07", pattern=r"^\d{4}-\d{2}$")
    reason_up: str = Field("Onhand +", min_length=1, max_length=30)
    reason_down: str = Field("Onhand -", min_length=1, max_length=30)
    poll_overlap: int = Field(10_000, ge=0)
    token_file: str | None = None
    author_id: str | None = None
    payment_type: str | None = None
    tax_name: str = "No Tax"

    @property
    def site(self) -> str:
        """Where the retailer is."""
        return (self.base_url or f"https://{self.domain_prefix}.retail.lightspeed.app").rstrip("/")

    @property
    def api(self) -> str:
        """Where the API is."""
        return f"{self.site}/api/{self.api_version}"
