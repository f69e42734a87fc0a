"""Heartland Retail (formerly Springboard Retail): documents in by poll, stock out by adjustment sets, orders created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.heartland.allowlist import cut
from connectors.heartland.client import HeartlandClient
from connectors.heartland.mapping import TOPICS, read
from connectors.heartland.orders import HeartlandOrders
from connectors.heartland.settings import HeartlandSettings
from connectors.heartland.sink import HeartlandSink

__all__ = ["HeartlandSettings", "connector"]


def _sandbox(settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.heartland.sandbox import HeartlandSandbox

    assert isinstance(settings, HeartlandSettings)
    return HeartlandSandbox(token=secrets["token"], locations=places, reason=settings.reason)


connector = Connector(
    platform="heartland",
    settings=HeartlandSettings,
    secrets=("token",),
    topics=TOPICS,
    tells="level",
    receive=None,
    reduce=cut,
    read=read,
    client=HeartlandClient,
    sink=HeartlandSink,
    sandbox=_sandbox,
    orders=HeartlandOrders,
)
