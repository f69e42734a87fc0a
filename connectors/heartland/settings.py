"""What a Heartland Retail channel needs to be told."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from connectors.contract import ChannelSettings


class HeartlandSettings(ChannelSettings):
    """One Heartland Retail account (formerly Springboard Retail).

    `subdomain` is the first part of its address. `sku_field` is the field of an item that has its SKU: `public_id` is
    Heartland's Item #, `custom@upc` a custom field, in Heartland's own spelling. `untracked` lists SKUs whose stock nobody
    keeps (gift cards, fees): no public source names a field of an item that says so.

    `reason` is the name of the inventory adjustment reason under which we write, and by which our own adjustments are known
    when they come back: make it in Heartland, for nobody else. `reference_field` is the field of an adjustment set that
    keeps our reference; that it is `description`, as of a physical count, is inferred, so the sink reads it back before it
    relies on it. `since` is from when on documents are read at first; without it that is all there ever were, a request or
    more for each. `poll_overlap` is how many seconds behind its cursor a poll looks again, because a document may become
    visible after one that was changed later [inferred].

    The rest is for orders only. `station_id` is the station they are booked on, `payment_type_id` and `payment_type` the
    payment that stands for the money paid elsewhere, `customer_id` whom an order without an e-mail address is for.

    No ticket or order tells what makes it `wholesale`: public clients show the customer's number in it, and no group or type.
    """

    platform: Literal["heartland"]
    subdomain: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    sku_field: str = Field("public_id", pattern=r"^(custom@)?[a-z0-9_]+$")
    untracked: tuple[str, ...] = ()
    reason: str = Field("Onhand", min_length=1)
    reference_field: str = Field("description", pattern=r"^[a-z_]+$")
    since: AwareDatetime | None = None
    poll_overlap: int = Field(120, ge=0)
    station_id: int | None = None
    payment_type_id: int | None = None
    payment_type: str = "CustomPayment"
    customer_id: int | None = None

    @property
    def api(self) -> str:
        """Where the API is."""
        base = self.base_url or f"https://{self.subdomain}.retail.heartland.us"
        return f"{base.rstrip('/')}/api"
