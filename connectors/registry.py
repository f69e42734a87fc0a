"""The platforms. One line for each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from connectors import lightspeed_x, shipstation, shopify
from connectors.contract import Connector

CONNECTORS: dict[str, Connector] = {
    connector.platform: connector
    for connector in (shopify.connector, lightspeed_x.connector, shipstation.connector)
}

AnyChannel = Annotated[
    shopify.ShopifySettings | lightspeed_x.LightspeedXSettings | shipstation.ShipStationSettings,
    Field(discriminator="platform"),
]
"""The settings of a channel, told apart by `platform`."""
