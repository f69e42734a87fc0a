"""What a document of ShipStation claims, whichever of its APIs sent it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.shipstation import allowlist, v1, v2
from connectors.shipstation.fields import Body
from schemas.claims import Claim, Observation

READERS: Mapping[str, Callable[[str, Body], Claim | Observation]] = {
    allowlist.ORDER: v1.order,
    allowlist.SHIPMENT: v1.shipment,
    allowlist.FULFILLMENT: v1.fulfillment,
    allowlist.V2_SHIPMENT: v2.shipment,
    allowlist.V2_LABEL: v2.label,
    allowlist.V2_FULFILLMENT: v2.fulfillment,
    allowlist.INVENTORY: v2.level,
}


def read(channel: str, payload: Payload) -> Claim | Observation:
    """What a document claims, in ShipStation's references. Raises `Refused`."""
    reader = READERS.get(payload.topic)
    if reader is None:
        raise Refused(f"unknown topic {payload.topic}")
    return reader(channel, payload.body)
