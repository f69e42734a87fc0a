"""ShipStation, APIs V1 and V2: orders and labels in by poll, levels out by adjustments, orders out by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.shipstation.allowlist import TOPICS, cut
from connectors.shipstation.client import ShipStationClient
from connectors.shipstation.mapping import read
from connectors.shipstation.orders import ShipStationOrders
from connectors.shipstation.settings import ShipStationSettings
from connectors.shipstation.sink import ShipStationSink
from connectors.shipstation.webhooks import receive

__all__ = ["ShipStationSettings", "connector"]


def _sandbox(_settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.shipstation.sandbox import ShipStationSandbox

    return ShipStationSandbox(
        api_key=secrets["api_key"],
        api_secret=secrets["api_secret"],
        v2_api_key=secrets.get("v2_api_key", ""),
        places=places,
    )


connector = Connector(
    platform="shipstation",
    settings=ShipStationSettings,
    secrets=("api_key", "api_secret", "v2_api_key?", "webhook_secret?", "webhook_secret_previous?"),
    topics=TOPICS,
    tells="level",
    receive=receive,
    reduce=cut,
    read=read,
    client=ShipStationClient,
    sink=ShipStationSink,
    sandbox=_sandbox,
    orders=ShipStationOrders,
)
