"""What a Lightspeed Retail R-Series channel needs to be told."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from connectors.contract import ChannelSettings

API = "https://api.lightspeedapp.com"
TOKENS = "https://cloud.lightspeedapp.com/auth/oauth/token"
"""The OAuth server since 2024-07-31 (developers.lightspeedhq.com/retail, Refresh Token)."""


class LightspeedRSettings(ChannelSettings):
    """One R-Series account.

    Every use of the refresh token brings a new one, and the old one dies: `token_file` is where the newest is kept
    (made with mode 0600, shared by all processes of this machine). Only a channel with a sandbox can do without:
    there the tokens live in memory, and the sandbox takes its first refresh token again.

    `employee_id` is the employee who is named on what we write: best one of our own. `sku_field` is the item's field
    that holds our SKU. `registers` names the register of a shop, by their ids; of a shop that is not listed it is the
    first one. `customer_id` is the customer of an order whose recipient has no email address. `poll_overlap` is how
    many seconds behind its cursor a poll looks again, and `log_overlap` how many rows of the inventory log, because
    ids and times may become visible after higher ones [inferred].

    No sale tells what makes it `wholesale`: it names its customer by a number (recordings), and nothing of what kind of customer that is.
    """

    platform: Literal["lightspeed_r"]
    account_id: str = Field(pattern=r"^[0-9]{1,18}$")
    employee_id: str = Field(pattern=r"^[1-9][0-9]{0,17}$")
    customer_id: str | None = Field(None, pattern=r"^[1-9][0-9]{0,17}$")
    token_file: str | None = None
    sku_field: Literal["customSku", "systemSku", "manufacturerSku", "upc", "ean"] = "customSku"
    registers: dict[str, str] = Field(default_factory=dict)
    poll_overlap: int = Field(300, ge=0)
    log_overlap: int = Field(500, ge=0)

    @model_validator(mode="after")
    def _keeps_its_tokens(self) -> Self:
        if self.token_file is None and self.sandbox is None:
            raise ValueError(
                "token_file is missing: a file to keep the refresh token in, which changes with every use"
            )
        return self

    @property
    def api(self) -> str:
        """Where the account's API is."""
        return f"{(self.base_url or API).rstrip('/')}/API/V3/Account/{self.account_id}"

    @property
    def token_url(self) -> str:
        """Where access tokens are had."""
        return TOKENS if self.base_url is None else f"{self.base_url.rstrip('/')}/auth/oauth/token"
