"""RLM, and any warehouse or retailer that trades by files: X12 (004010, 005010) and CSV over a shared folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import ChannelSettings, Connector, Sandbox
from connectors.rlm.allowlist import TOPICS, cut
from connectors.rlm.client import RlmClient
from connectors.rlm.mapping import read
from connectors.rlm.orders import RlmOrders
from connectors.rlm.partner import documents
from connectors.rlm.settings import RlmSettings
from connectors.rlm.sink import RlmSink
from connectors.rlm.x12 import Address

__all__ = ["RlmSettings", "connector"]


def _sandbox(settings: ChannelSettings, _secrets: Mapping[str, str], places: Sequence[str]) -> Sandbox:
    """The double of a channel, in the channel's folder if it has one."""
    from connectors.rlm.sandbox import RlmSandbox

    assert isinstance(settings, RlmSettings)
    return RlmSandbox(
        places=places,
        folder=settings.folder,
        inbox=settings.inbox,
        outbox=settings.outbox,
        ours=Address(settings.theirs_qualifier, settings.theirs),
        theirs=Address(settings.ours_qualifier, settings.ours),
    )


connector = Connector(
    platform="rlm",
    settings=RlmSettings,
    secrets=(),
    topics=TOPICS,
    tells="quantity",
    receive=None,
    reduce=cut,
    read=read,
    client=RlmClient,
    sink=RlmSink,
    sandbox=_sandbox,
    orders=RlmOrders,
    absolute=True,
    documents=documents,
)
