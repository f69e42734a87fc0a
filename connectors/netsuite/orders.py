"""Creates sales orders in NetSuite, one at a time for each deal and location: our reference is the order's external id, which NetSuite takes once.
So one that is wanted again after it was taken back has a number (`links`). `cancelling` takes them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from connectors.contract import Cancelled, Client, Created, NewOrder
from connectors.directory import Directory
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.links import attempts, reference_of
from connectors.netsuite import cancelling, queries
from connectors.netsuite.answers import Row, ident, listed, places, said
from connectors.netsuite.client import NetSuiteClient
from connectors.polite import Reply

APPROVED = "B"
"""Pending fulfilment: NetSuite commits the stock."""


class NetSuiteOrders:
    """Orders for one configured customer."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, NetSuiteClient)
        self._client = client

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Creates the order, or finds it. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable` (ask again)."""
        body = self._body(order, directory)
        known = await self._attempts(order.transaction)
        here = _at(known, directory.places[order.location])
        if here and not await cancelling.is_taken_back(self._client, here[-1]):
            return Created(here[-1], already=True)
        external = reference_of(order.transaction, max(known, default=0) + 1)
        reply = await self._client.create("salesOrder", {"externalId": external, **body})
        if 200 <= reply.status < 300:
            made = reply.headers.get("Location", "").rpartition("/")[2]
            return Created(made or await self._sought(external))
        try:  # it may have been made since we looked, by an earlier call whose answer was lost
            found = await self._client.find("SalesOrd", external)
        except SlowDown as wait:
            raise Unreachable("NetSuite asked to wait while an order was looked for") from wait
        if found is not None:
            return Created(found, already=True)
        raise Refused(f"NetSuite answered {reply.status}: {_reason(reply, order)}")

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Closes the order of a deal. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable` (ask again)."""
        if location not in directory.places:
            raise Refused(f"NetSuite has no location {location}")
        here = _at(await self._attempts(transaction), directory.places[location])
        return await cancelling.close(self._client, here[-1]) if here else Cancelled(None)

    async def _attempts(self, transaction: str) -> dict[int, list[Row]]:
        """The orders of a deal, by attempt, the newest last."""
        query = queries.numbered("SalesOrd", reference_of(transaction))
        return attempts(listed(await self._client.ask(query)), "externalid", transaction)

    async def _sought(self, external: str) -> str:
        found = await self._client.find("SalesOrd", external)
        if found is None:
            raise Unreachable("NetSuite made an order and does not show it")
        return found

    def _body(self, order: NewOrder, directory: Directory) -> dict[str, Any]:
        """A sales order as `POST /record/v1/salesOrder` takes it, but for its external id. Raises `Refused` for what NetSuite does not have."""
        customer, location = self._client.settings.customer, directory.places.get(order.location)
        unknown = [line.sku for line in order.lines if line.sku not in directory.handles]
        if customer is None:
            raise Refused("the channel's customer is not configured: NetSuite takes no order without one")
        if location is None:
            raise Refused(f"NetSuite has no location {order.location}")
        if unknown or not order.lines:
            raise Refused(
                f"NetSuite has no item {', '.join(unknown)}" if unknown else "the order has no lines"
            )
        return {
            "entity": {"id": customer},
            "tranDate": order.placed_at.astimezone(self._client.settings.zone).date().isoformat(),
            "orderStatus": {"id": APPROVED},
            "location": {"id": location},
            **_address(order),
            "item": {
                "items": [
                    {
                        "item": {"id": directory.handles[line.sku]},
                        "quantity": line.quantity,
                        "rate": float(line.price),
                        "location": {"id": location},
                    }
                    for line in order.lines
                ]
            },
        }


def _at(known: Mapping[int, Sequence[Row]], place: str) -> list[str]:
    """The ids of a deal's orders at a location, as far as they say where they are, the newest last."""
    rows = [row for its in known.values() for row in its]
    return [ident(row, "id") for row in rows if row.get("location") in (place, None)]


def _reason(reply: Reply, order: NewOrder) -> str:
    """Why NetSuite refuses an order: in its words, unless they repeat whom it is for, because a reason is kept."""
    text, whom = said(reply), asdict(order.recipient)
    return places(reply) if any(value and value in text for value in whom.values()) else text


def _address(order: NewOrder) -> dict[str, Any]:
    """Where it goes, as far as it is known: the address subrecord of a transaction."""
    whom = order.recipient
    known = {
        "addressee": whom.name,
        "addr1": whom.street,
        "city": whom.city,
        "zip": whom.postcode,
        "state": whom.region,
        "addrPhone": whom.phone,
    }
    address: dict[str, Any] = {name: value for name, value in known.items() if value}
    if whom.country:
        address["country"] = {"id": whom.country}
    return {"shippingAddress": address} if address else {}
