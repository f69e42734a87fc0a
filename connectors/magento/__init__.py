"""Magento 2 and Adobe Commerce, REST API of 2.4.9: orders with their parcels in by poll, quantities of each source out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.magento.allowlist import cut
from connectors.magento.api import DOUBLES, NEEDED
from connectors.magento.client import MagentoClient
from connectors.magento.customers import person
from connectors.magento.mapping import TOPICS, read
from connectors.magento.settings import MagentoSettings
from connectors.magento.sink import MagentoSink

__all__ = ["MagentoSettings", "connector"]


def _sandbox(settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.magento.sandbox import MagentoSandbox

    assert isinstance(settings, MagentoSettings)
    known = {name: secrets.get(name, DOUBLES) for name in NEEDED[settings.auth]}
    return MagentoSandbox(settings=settings, secrets=known, sources=places)


connector = Connector(
    platform="magento",
    settings=MagentoSettings,
    secrets=(
        *("consumer_key?", "consumer_secret?", "access_token?", "access_token_secret?"),
        *("client_id?", "client_secret?"),
    ),
    topics=TOPICS,
    tells="quantity",
    receive=None,
    reduce=cut,
    read=read,
    client=MagentoClient,
    sink=MagentoSink,
    sandbox=_sandbox,
    person=person,
)
