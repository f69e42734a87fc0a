"""Lightspeed Retail X-Series, API 2026-07: sales in by webhook and by poll, stock out by signed adjustments."""

from __future__ import annotations

from connectors.contract import Connector
from connectors.lightspeed_x.allowlist import INVENTORY, SALE, cut
from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.mapping import read
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.lightspeed_x.sink import LightspeedXSink
from connectors.lightspeed_x.webhooks import receive

__all__ = ["LightspeedXSettings", "connector"]

connector = Connector(
    platform="lightspeed_x",
    settings=LightspeedXSettings,
    secrets=("access_token", "client_secret"),
    topics=(SALE, INVENTORY),
    tells="level",
    receive=receive,
    reduce=cut,
    read=read,
    client=LightspeedXClient,
    sink=LightspeedXSink,
)
