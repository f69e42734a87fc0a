"""The platforms. One line for each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from connectors import heartland, lightspeed_r, lightspeed_x, magento, netsuite, rlm, shipstation, shopify
from connectors.contract import Connector

CONNECTORS: dict[str, Connector] = {
    connector.platform: connector
    for connector in (
        shopify.connector,
        magento.connector,
        lightspeed_x.connector,
        lightspeed_r.connector,
        heartland.connector,
        netsuite.connector,
        rlm.connector,
        shipstation.connector,
    )
}

AnyChannel = Annotated[
    shopify.ShopifySettings
    | magento.MagentoSettings
    | lightspeed_x.LightspeedXSettings
    | lightspeed_r.LightspeedRSettings
    | heartland.HeartlandSettings
    | netsuite.NetSuiteSettings
    | rlm.RlmSettings
    | shipstation.ShipStationSettings,
    Field(discriminator="platform"),
]
"""The settings of a channel, told apart by `platform`."""
