"""What a Lightspeed Retail X-Series channel needs to be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.contract import ChannelSettings


class LightspeedXSettings(ChannelSettings):
    """One X-Series retailer.

    `domain_prefix` is the first part of its address. The two custom adjustment reasons are created if they are missing;
    their names are at most 30 characters long (OpenAPI 2026-07, `/custom_inventory_adjustment_reasons`). `poll_overlap` is how many versions behind its cursor a poll looks
    again, because a version may become visible after a higher one [inferred].
    """

    platform: Literal["lightspeed_x"]
    domain_prefix: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")
    api_version: str = Field("2026-07", pattern=r"^\d{4}-\d{2}$")
    reason_up: str = Field("Onhand +", min_length=1, max_length=30)
    reason_down: str = Field("Onhand -", min_length=1, max_length=30)
    poll_overlap: int = Field(10_000, ge=0)

    @property
    def api(self) -> str:
        """Where the API is."""
        base = self.base_url or f"https://{self.domain_prefix}.retail.lightspeed.app"
        return f"{base.rstrip('/')}/api/{self.api_version}"
