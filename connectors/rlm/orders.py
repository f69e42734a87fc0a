"""Orders for a warehouse: a 940, once; and another one that takes it back, once.

The folder is all that we know of a warehouse: `deals` has what our order numbers stand for, `sent` which orders went out,
`cancels` which were taken back, and when, `parcels` which the warehouse has told to be carried out.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from connectors.contract import Cancelled, Client, Created, NewOrder
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
        place = _warehouse(order.location, directory)
        if not order.lines or any(line.quantity <= 0 for line in order.lines):
            raise Refused("an order needs lines of at least one unit")
        if unknown := sorted({line.sku for line in order.lines} - directory.handles.keys()):
            raise Refused(f"the partner has no item for: {', '.join(unknown)}")
        ref = depositor_order(order.transaction)
        if await self._client.folder.read(f"cancels/{ref}") is not None:
            raise Refused(f"order {ref} was taken back")
        await self._client.folder.write(f"deals/{ref}", order.transaction.encode())
        lines = [(directory.handles[line.sku], line.quantity) for line in order.lines]
        segments = outgoing.order(ref, order, place, lines)
        mailbox = self._client.mailbox
        new = await mailbox.send_once(_file(ref), "940", order.placed_at, [segments])
        return Created(ref, already=not new)

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Sends once that an order is taken back. Raises `Refused`, or `Unreachable`: ask again, then the same file is written.

        A file is no answer: the warehouse may have packed the order already. Then its shipment is told, and it counts. Only where
        that was read before, the order is known to have gone too far.
        """
        place, ref, folder = (
            _warehouse(location, directory),
            depositor_order(transaction),
            self._client.folder,
        )
        if await folder.read(f"sent/{_file(ref)}") is None:
            return Cancelled(None)
        told = await folder.read(f"cancels/{ref}")
        if told is None:
            if await folder.read(f"parcels/{ref}") is not None:
                raise Refused(f"the warehouse has shipped order {ref}: stop the parcel or have it returned")
            told = datetime.now(UTC).isoformat().encode()
            await folder.write(f"cancels/{ref}", told)
        at, segments = datetime.fromisoformat(told.decode()), outgoing.cancellation(ref, place)
        new = await self._client.mailbox.send_once(_file(ref, "_cancel"), "940", at, [segments])
        return Cancelled(ref, already=not new)


def _warehouse(location: str, directory: Directory) -> str:
    place = directory.places.get(location)
    if not place or place == ALL:
        raise Refused(f"no warehouse of the partner is {location}")
    return place


def _file(ref: str, what: str = "") -> str:
    """The name of an order's file. What takes it back comes after it by name too."""
    return f"940-{ref}{what}.edi"


def depositor_order(transaction: str) -> str:
    """Our order number for a deal (W0502): our reference does not fit its 22 characters, so it is a digest of it, and the
    folder `deals` keeps what it stands for.
    """
    digest = hashlib.sha256(reference_of(transaction).encode()).digest()
    return f"OH{base64.b32encode(digest).decode()[:20]}"
