"""Orders for a warehouse: a 940, once."""

from __future__ import annotations

import base64
import hashlib

from connectors.contract import Client, Created, NewOrder
from connectors.directory import Directory
from connectors.errors import Refused
from connectors.links import reference_of
from connectors.rlm import outgoing
from connectors.rlm.client import ALL, RlmClient


class RlmOrders:
    """Creates orders. The recipient stands in the file for the partner and nowhere else."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, RlmClient)
        self._client = client

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Sends an order once. Raises `Refused`, or `Unreachable`: then it is not known whether the file was written, and
        asked again the same file is written.
        """
        place = directory.places.get(order.location)
        if not place or place == ALL:
            raise Refused(f"no warehouse of the partner is {order.location}")
        if not order.lines or any(line.quantity <= 0 for line in order.lines):
            raise Refused("an order needs lines of at least one unit")
        if unknown := sorted({line.sku for line in order.lines} - directory.handles.keys()):
            raise Refused(f"the partner has no item for: {', '.join(unknown)}")
        ref = depositor_order(order.transaction)
        await self._client.folder.write(f"deals/{ref}", order.transaction.encode())
        lines = [(directory.handles[line.sku], line.quantity) for line in order.lines]
        segments = outgoing.order(ref, order, place, lines)
        mailbox = self._client.mailbox
        new = await mailbox.send_once(f"940-{ref}.edi", "940", order.placed_at, [segments])
        return Created(ref, already=not new)


def depositor_order(transaction: str) -> str:
    """Our order number for a deal (W0502): our reference does not fit its 22 characters, so it is a digest of it, and the
    folder `deals` keeps what it stands for.
    """
    digest = hashlib.sha256(reference_of(transaction).encode()).digest()
    return f"OH{base64.b32encode(digest).decode()[:20]}"
