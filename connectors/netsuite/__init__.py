"""Oracle NetSuite: transactions in by polling SuiteQL, stock out by inventory adjustments, orders by REST records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.netsuite.allowlist import TRANSACTION, cut
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.mapping import read
from connectors.netsuite.orders import NetSuiteOrders
from connectors.netsuite.settings import NetSuiteSettings
from connectors.netsuite.sink import NetSuiteSink

__all__ = ["NetSuiteSettings", "connector"]


def _sandbox(settings: ChannelSettings, secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel."""
    from connectors.netsuite.sandbox import NetSuiteSandbox

    assert isinstance(settings, NetSuiteSettings)
    return NetSuiteSandbox(settings, secrets, places)


connector = Connector(
    platform="netsuite",
    settings=NetSuiteSettings,
    secrets=(
        *("consumer_key?", "consumer_secret?", "token_id?", "token_secret?"),
        *("client_id?", "certificate_id?", "private_key?"),
    ),
    topics=(TRANSACTION,),
    tells="level",
    receive=None,
    reduce=cut,
    read=read,
    client=NetSuiteClient,
    sink=NetSuiteSink,
    sandbox=_sandbox,
    orders=NetSuiteOrders,
)
