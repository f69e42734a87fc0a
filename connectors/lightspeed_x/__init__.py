"""Lightspeed Retail X-Series, API 2026-07: sales in by webhook and by poll, consignments and adjustments by poll,
stock out by signed adjustments, orders out as sales to be picked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.lightspeed_x.allowlist import SHAPES, cut
from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.mapping import read
from connectors.lightspeed_x.orders import LightspeedXOrders
from connectors.lightspeed_x.settings import LightspeedXSettings
from connectors.lightspeed_x.sink import LightspeedXSink
from connectors.lightspeed_x.webhooks import receive

__all__ = ["LightspeedXSettings", "connector"]


def _sandbox(settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.lightspeed_x.sandbox import LightspeedXSandbox

    assert isinstance(settings, LightspeedXSettings)
    return LightspeedXSandbox(
        domain_prefix=settings.domain_prefix,
        access_token=secrets["access_token"],
        client_secret=secrets["client_secret"],
        client_id=secrets.get("client_id", ""),
        refresh_token=secrets.get("refresh_token", ""),
        outlets=places,
    )


connector = Connector(
    platform="lightspeed_x",
    settings=LightspeedXSettings,
    secrets=("access_token", "client_secret", "client_secret_previous?", "client_id?", "refresh_token?"),
    topics=tuple(SHAPES),
    tells="level",
    counts="on_hand",
    receive=receive,
    signatures=("X-Signature",),
    reduce=cut,
    read=read,
    client=LightspeedXClient,
    sink=LightspeedXSink,
    sandbox=_sandbox,
    orders=LightspeedXOrders,
)
