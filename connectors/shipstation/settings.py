"""What a ShipStation channel needs to be told."""

from __future__ import annotations

from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from connectors.contract import ChannelSettings


class ShipStationSettings(ChannelSettings):
    """One ShipStation account, which has two APIs.

    `documents` says which of them tells of orders and labels: both would tell of each label twice, under ids whose
    relation no public source shows. `inventory` is whether the account has the Inventory API add-on (V2 only); without it,
    no level is read or told. `stores` maps a store's id (`12345` in V1, `se-12345` in V2) to the channel whose orders it
    imports, so that both tell of the same deals; that ShipStation's `orderKey` (V2: `external_order_id`) of an imported
    order is the shop's own order id is inferred, so check it with one order before.
    `time_zone` is the one of V1's dates, which name none [inferred: Pacific]. `untracked_tag` is the product tag that says
    that nobody keeps an item's stock. `observe` makes each poll read all levels as well.

    `poll_overlap` is how many seconds behind its cursor a poll looks again. `void_window` is for how many days after its
    creation a fulfilment, or a label of V2, may still be voided: they cannot be listed by when they were, so they are read anew.
    `order_store` is the store that orders of ours are created in; without, ShipStation's own for manual orders.
    `v2_calls` is how many calls a minute V2 allows the account, which its answers do not say.
    `jwks_url` is where the keys of V2's webhooks are, if not where they usually are.

    Of what makes an order `wholesale`, `sources` are stores by their id, `tags` those of V1 by their id (V1 Order model, `tagIds`) and
    those of V2 by their name (OpenAPI 2.0.0, `tags`). Labels have no tags, only stores.
    """

    marks: ClassVar = frozenset({"sources", "tags"})

    platform: Literal["shipstation"]
    documents: Literal["v1", "v2"] = "v1"
    inventory: bool = True
    stores: dict[str, str] = Field(default_factory=dict)
    time_zone: str = "America/Los_Angeles"
    untracked_tag: str = "untracked"
    observe: bool = False
    poll_overlap: float = Field(600.0, ge=0)
    void_window: int = Field(30, ge=1)
    order_store: int | None = None
    v2_calls: int = Field(200, ge=1)
    jwks_url: str | None = None

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"{name!r} is no time zone") from None
        return name

    @property
    def points(self) -> bool:
        """Neither API's webhooks carry documents."""
        return True

    @property
    def v1(self) -> str:
        """Where API V1 is."""
        return self.base_url or "https://ssapi.shipstation.com"

    @property
    def v2(self) -> str:
        """Where API V2 is."""
        return f"{self.base_url or 'https://api.shipstation.com'}/v2"

    @property
    def jwks(self) -> str:
        """Where the keys of V2's webhooks are."""
        return self.jwks_url or f"{self.base_url or 'https://api.shipengine.com'}/jwks"

    @property
    def providers(self) -> list[str]:
        """The fulfilment providers whose stock is ours: those that a location is mapped to."""
        return [ref.removeprefix("provider:") for ref in self.locations if ref.startswith("provider:")]
