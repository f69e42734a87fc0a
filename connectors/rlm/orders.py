"""Orders for a warehouse: a 940, once; and another one that takes it back, once. An order that is wanted again after that has a
number of its own.

The folder is all that we know of a warehouse: `deals` has what our order numbers stand for, `places` for which warehouse they are,
`sent` which orders went out, `cancels` which were taken back, and when, `parcels` which the warehouse has told to be carried out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
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
        ref, mailbox = await self._wanted(order.transaction, place), self._client.mailbox
        if await mailbox.told(_file(ref)):
            return Created(ref, already=True)
        await self._client.folder.write(f"places/{ref}", place.encode())
        await self._client.folder.write(f"deals/{ref}", order.transaction.encode())
        lines = [(directory.handles[line.sku], line.quantity) for line in order.lines]
        segments = outgoing.order(ref, order, place, lines)
        new = await mailbox.send_once(_file(ref), "940", order.placed_at, [segments])
        return Created(ref, already=not new)

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Sends once that an order is taken back. Raises `Refused`, or `Unreachable`: ask again, then the same file is written.

        A file is no answer: the warehouse may have packed the order already. Then its shipment is told, and it counts. Only where
        that was read before, the order is known to have gone too far.
        """
        place, folder = _warehouse(location, directory), self._client.folder
        here = await self._at(place, await self._sent(transaction))
        if not here:
            return Cancelled(None)
        ref = here[-1]
        told = await folder.read(f"cancels/{ref}")
        if told is None:
            if await folder.read(f"parcels/{ref}") is not None:
                raise Refused(f"the warehouse has shipped order {ref}: stop the parcel or have it returned")
            told = datetime.now(UTC).isoformat().encode()
            await folder.write(f"cancels/{ref}", told)
        at, segments = datetime.fromisoformat(told.decode()), outgoing.cancellation(ref, place)
        new = await self._client.mailbox.send_once(_file(ref, "_cancel"), "940", at, [segments])
        return Cancelled(ref, already=not new)

    async def _sent(self, transaction: str) -> list[str]:
        """Our numbers of the orders of a deal that went out, or may have, by attempt."""
        found: list[str] = []
        while True:
            ref = depositor_order(transaction, len(found) + 1)
            if await self._client.folder.read(f"sent/{_file(ref)}") is None:
                return found
            found.append(ref)

    async def _at(self, place: str, refs: Sequence[str]) -> list[str]:
        """Those of some orders that are for a warehouse, as far as that is known."""
        return [ref for ref in refs if await self._place(ref) in (place, None)]

    async def _place(self, ref: str) -> str | None:
        """The warehouse of an order; None of one that went out before that was noted."""
        noted = await self._client.folder.read(f"places/{ref}")
        return None if noted is None else noted.decode()

    async def _wanted(self, transaction: str, place: str) -> str:
        """The number of a deal's order for a warehouse: that of the newest one, or the next where that was taken back, or is for another
        warehouse. Raises `Refused` where it may still be carried out, or was.
        """
        sent, folder = await self._sent(transaction), self._client.folder
        new, here = depositor_order(transaction, len(sent) + 1), await self._at(place, sent)
        if not here:
            return new
        if await folder.read(f"cancels/{here[-1]}") is None:
            return here[-1]
        if await folder.read(f"parcels/{here[-1]}") is not None:
            raise Refused(f"the warehouse has shipped order {here[-1]} although it was taken back")
        if await self._client.mailbox.told(_file(here[-1], "_cancel")):
            return new
        raise Refused(f"that order {here[-1]} is taken back was not told yet: take it back again first")


def _warehouse(location: str, directory: Directory) -> str:
    place = directory.places.get(location)
    if not place or place == ALL:
        raise Refused(f"no warehouse of the partner is {location}")
    return place


def _file(ref: str, what: str = "") -> str:
    """The name of an order's file. What takes it back comes after it by name too."""
    return f"940-{ref}{what}.edi"


def depositor_order(transaction: str, attempt: int = 1) -> str:
    """Our order number for a deal's attempt (W0502): our reference does not fit its 22 characters, so it is a digest of it, and the
    folder `deals` keeps what it stands for.
    """
    digest = hashlib.sha256(reference_of(transaction, attempt).encode()).digest()
    return f"OH{base64.b32encode(digest).decode()[:20]}"
