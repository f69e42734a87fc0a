"""What a sale or a reservation of Lightspeed R-Series claims. Pure.

R-Series writes every change of a level into its inventory log, and most of them into a document as well. A document
tells more (what was sold to whom, where a transfer goes), so it is the document that moves stock, and of the log only
the rows that no document tells of (`supply`). Otherwise each unit would be counted twice.

A sale moves its goods when it is completed. A line that was reserved before (a layaway, a special order, a part of a
work order: `SaleLine` with its own flag) is a document of its own, in its sale and before: what is reserved is
committed, and its sale is how it was collected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.contract import Payload
from connectors.errors import Refused
from connectors.lightspeed_r import supply
from connectors.lightspeed_r.allowlist import LOG, ORDER, RESERVATION, SALE, TRANSFER
from connectors.lightspeed_r.reservations import reservation
from connectors.lightspeed_r.sales import sale
from schemas.claims import Claim

READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Claim]] = {
    SALE: sale,
    RESERVATION: reservation,
    TRANSFER: supply.transfer,
    ORDER: supply.order,
    LOG: supply.log,
}
"""Who reads a topic: from the channel and the document to what it claims. Each raises `Refused`."""


def read(channel: str, payload: Payload) -> Claim:
    """What one document says, in R-Series' references. Raises `Refused`."""
    reader = READERS.get(payload.topic)
    if reader is None:
        raise Refused(f"unknown topic {payload.topic}")
    return reader(channel, payload.body)
