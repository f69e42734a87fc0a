"""Lightspeed Retail R-Series, API V3: documents and the inventory log in by poll, stock out by completed sales of no
money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.lightspeed_r.allowlist import TOPICS, cut
from connectors.lightspeed_r.client import LightspeedRClient
from connectors.lightspeed_r.mapping import read
from connectors.lightspeed_r.orders import LightspeedROrders
from connectors.lightspeed_r.settings import LightspeedRSettings
from connectors.lightspeed_r.sink import LightspeedRSink

__all__ = ["LightspeedRSettings", "connector"]


def _sandbox(settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.lightspeed_r.sandbox import LightspeedRSandbox

    assert isinstance(settings, LightspeedRSettings)
    return LightspeedRSandbox(
        account_id=settings.account_id,
        client_id=secrets["client_id"],
        client_secret=secrets["client_secret"],
        refresh_token=secrets["refresh_token"],
        shops=places,
        lasting=settings.token_file is None,
    )


connector = Connector(
    platform="lightspeed_r",
    settings=LightspeedRSettings,
    secrets=("client_id", "client_secret", "refresh_token"),
    topics=TOPICS,
    tells="level",
    receive=None,
    reduce=cut,
    read=read,
    client=LightspeedRClient,
    sink=LightspeedRSink,
    sandbox=_sandbox,
    orders=LightspeedROrders,
)
