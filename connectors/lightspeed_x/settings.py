"""What a Lightspeed Retail X-Series channel needs to be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.contract import ChannelSettings


class LightspeedXSettings(ChannelSettings):
    """One X-Series retailer.

    `domain_prefix` is the first part of its address. The two
    custom adjustment reasons are created if they are missing; their names are at most 30 characters long (OpenAPI
    2026-07, CustomInventoryAdjustmentReason).
    """

    platform: Literal["lightspeed_x"]
    domain_prefix: str
    api_version: str = "2026-07"
    reason_up: str = Field("Onhand +", max_length=30)
    reason_down: str = Field("Onhand -", max_length=30)

    @property
    def api(self) -> str:
        """Where the API is."""
        base = self.base_url or f"https://{self.domain_prefix}.retail.lightspeed.app"
        return f"{base}/api/{self.api_version}"
