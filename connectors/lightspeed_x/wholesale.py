"""What of a sale of X-Series says that it is wholesale: how it is to be paid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract import ChannelSettings
from connectors.lightspeed_x.allowlist import SALE
from connectors.lightspeed_x.effects import by_status


def judged(settings: ChannelSettings, topic: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document, a sale with the verdict on it. API 2026-07 has attributes, the old shape one status for all."""
    if topic != SALE:
        return body
    attributes = body.get("attributes")
    found = list(attributes) if isinstance(attributes, list) else []
    if effect := by_status(str(body.get("status"))):
        found.append(effect.attribute)
    return {**body, **settings.wholesale.verdict(payments=found)}
