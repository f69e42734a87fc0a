"""Creates sales orders in Heartland: for a customer, at a location, open so that they commit the stock. `cancelling` takes them
back.

The order's `public_id` is our reference, and every step first looks whether it was done. So an order that was begun and
lost on the way is gone on with, and one that is there is found. An order counts only when it is open: while it is pending
Heartland commits nothing and would sell the goods again, without saying why (help pages name totals that differ from the
payments, required fields, missing addresses). So it is read again at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import orjson
from multidict import MultiDict

from connectors.contract import Cancelled, Client, Created, NewOrder, Recipient
from connectors.directory import Directory
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.heartland import cancelling
from connectors.heartland.allowlist import ORDERS
from connectors.heartland.api import Row, checked, created, said
from connectors.heartland.cancelling import stage
from connectors.heartland.client import HeartlandClient
from connectors.heartland.fields import Stage, number
from connectors.heartland.sink import WRONG
from connectors.links import reference_of
from connectors.polite import Reply


class HeartlandOrders:
    """Creates orders in one account."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, HeartlandClient)
        self._api, self._settings = client.api, client.settings

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Creates an order once. Raises `Refused`, `SlowDown` (nothing was done, or all of it found again), `Unreachable`."""
        location, wanted, prices = self._wanted(order, directory)
        held = await self._standing(order.transaction, location)
        if held is not None and stage(held) is not Stage.PENDING:
            return Created(str(held["id"]), already=True)
        begun = held is not None
        try:
            ident = int(held["id"]) if held is not None else await self._begin(order, location)
            begun = True
            await self._add_lines(ident, location, wanted, prices)
            await self._pay(ident, sum((prices[item] * wanted[item] for item in wanted), Decimal()))
            await self._open(ident)
        except SlowDown as wait:
            if begun:  # to the caller `SlowDown` means that nothing was done
                raise Unreachable("Heartland asked to wait in the middle of an order") from wait
            raise
        return Created(str(ident), already=held is not None)

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Voids the order of a deal. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable`."""
        if location not in directory.places:
            raise Refused(f"unknown location {location}")
        here = int(directory.places[location])
        rows = await self._at(transaction, here)
        held = min(reversed(rows), key=lambda row: stage(row) is Stage.VOID, default=None)
        return Cancelled(None) if held is None else await cancelling.void(self._api, held)

    def _wanted(
        self, order: NewOrder, directory: Directory
    ) -> tuple[int, Counter[int], Mapping[int, Decimal]]:
        """The location, units and prices in Heartland's ids."""
        if self._settings.station_id is None or self._settings.payment_type_id is None:
            raise Refused("orders need station_id and payment_type_id in the channel's settings")
        location = directory.places.get(order.location)
        if location is None:
            raise Refused(f"unknown location {order.location}")
        units, prices = Counter[int](), dict[int, Decimal]()
        for line in order.lines:
            item = directory.handles.get(line.sku)
            if item is None:
                raise Refused(f"unknown SKU {line.sku}")
            if line.quantity < 1:
                raise Refused(f"quantity of {line.sku} is not positive")
            units[int(item)] += line.quantity
            if prices.setdefault(int(item), price := number(line.price, "price")) != price:
                raise Refused(f"{line.sku} has two prices")
        if not units:
            raise Refused("the order has no lines")
        return int(location), units, prices

    async def _standing(self, transaction: str, location: int) -> Row | None:
        """The order of a deal at a location that is not void. One that is void is none: the deal may be carried out again."""
        here = await self._at(transaction, location)
        return next((row for row in here if stage(row) is not Stage.VOID), None)

    async def _at(self, transaction: str, location: int) -> list[Row]:
        """All orders of a deal at a location. That several of them may have one `public_id` is inferred."""
        reference = reference_of(transaction)
        query = MultiDict({"per_page": "20", "sort[]": "id,asc", "~[public_id]": reference})
        found = [row for row in await self._api.page(ORDERS, query) if row.get("public_id") == reference]
        return [row for row in found if row.get("source_location_id") == location]

    async def _begin(self, order: NewOrder, location: int) -> int:
        customer = await self._customer(order.recipient)
        address = await self._address(customer, order.recipient)
        body = {
            "public_id": reference_of(order.transaction),
            "customer_id": customer,
            "station_id": self._settings.station_id,
            "source_location_id": location,
            "shipping_charge": 0,
        }
        if address is not None:
            body |= {"shipping_address_id": address, "billing_address_id": address}
        return created(_accepted(await self._api.create(ORDERS, body)))

    async def _customer(self, recipient: Recipient) -> int:
        """The customer with this e-mail address, made if there is none; without one the channel's own customer."""
        if not recipient.email:
            if self._settings.customer_id is None:
                raise Refused("the order has no e-mail address, and the channel no customer_id")
            return self._settings.customer_id
        query = MultiDict({"per_page": "5", "_filter[]": orjson.dumps({"email": recipient.email}).decode()})
        for row in await self._api.page("customers", query):
            if str(row.get("email")).lower() == recipient.email.lower():
                return int(row["id"])
        first, _, last = recipient.name.partition(" ")
        body = {"first_name": first, "last_name": last or first, "email": recipient.email}
        return created(_accepted(await self._api.create("customers", body)))

    async def _address(self, customer: int, recipient: Recipient) -> int | None:
        """The id of a new address. Heartland names the record that joins it to the customer, which names the address."""
        if not recipient.street:
            return None
        first, _, last = recipient.name.partition(" ")
        body = {
            "first_name": first,
            "last_name": last or first,
            "line_1": recipient.street,
            "line_2": None,
            "city": recipient.city,
            "state": recipient.region,
            "postal_code": recipient.postcode,
            "country": recipient.country,
            "phone": recipient.phone,
        }
        path = f"customers/{customer}/addresses"
        joined = await self._api.get(f"{path}/{created(_accepted(await self._api.create(path, body)))}")
        return None if joined is None else int(joined["address_id"])

    async def _add_lines(
        self, ident: int, location: int, wanted: Counter[int], prices: Mapping[int, Decimal]
    ) -> None:
        """Adds the lines that are not there, and has each shipped from the location ("distributed", which commits it)."""
        path = f"{ORDERS}/{ident}/lines"
        there = _units(await self._api.rows(path))
        for item, quantity in sorted(wanted.items()):
            if item not in there:
                body = {"item_id": item, "qty": quantity, "adjusted_unit_price": float(prices[item])}
                _accepted(await self._api.create(path, body))
        rows = await self._api.rows(path)
        if _units(rows) != wanted:
            raise Refused(f"order {ident} in Heartland has other lines than ours")
        for row in rows:
            if row.get("ship_from_location_id") != location:
                _accepted(await self._api.change(f"{path}/{row['id']}", {"ship_from_location_id": location}))

    async def _pay(self, ident: int, total: Decimal) -> None:
        """A deposit of what is still to pay: the money was taken elsewhere.

        Heartland's own `balance` knows of taxes; that an order has one, as a ticket has, is inferred.
        """
        path = f"{ORDERS}/{ident}"
        head = await self._api.get(path)
        if head is not None and head.get("balance") is not None:
            due = number(head["balance"], "balance")
        else:
            paid = await self._api.rows(f"{path}/payments")
            due = total - sum(number(row.get("amount"), "amount") for row in paid)
        if due <= 0:
            return
        body = {
            "type": self._settings.payment_type,
            "deposit": True,
            "amount": float(due),
            "payment_type_id": self._settings.payment_type_id,
        }
        _accepted(await self._api.create(f"{path}/payments", body))

    async def _open(self, ident: int) -> None:
        _accepted(await self._api.change(f"{ORDERS}/{ident}", {"status": "open"}))
        head = await self._api.get(f"{ORDERS}/{ident}")
        if head is None or stage(head) is not Stage.OPEN:
            raise Refused(f"Heartland keeps order {ident} pending: it commits no stock; open it there")


def _units(rows: list[Row]) -> Counter[int]:
    found = Counter[int]()
    for row in rows:
        found[row["item_id"]] += int(row["qty"])
    return found


def _accepted(reply: Reply) -> Reply:
    """A good answer. Raises `Refused` where Heartland does not accept the content, `Unreachable` for any other."""
    if reply.status in WRONG:
        raise Refused(said(reply))
    checked(reply)
    return reply
