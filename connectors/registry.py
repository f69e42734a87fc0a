"""The platforms. One line for each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from connectors import lightspeed_x, magento, shopify
from connectors.contract import Connector

CONNECTORS: dict[str, Connector] = {
    connector.platform: connector
    for connector in (shopify.connector, lightspeed_x.connector, magento.connector)
}

AnyChannel = Annotated[
    shopify.ShopifySettings | lightspeed_x.LightspeedXSettings | magento.MagentoSettings,
    Field(discriminator="platform"),
]
"""The settings of a channel, told apart by `platform`."""
