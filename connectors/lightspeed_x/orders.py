"""Creates sales that customers pick up at an outlet, and takes them back (`cancelling`).

`POST /sales` takes an id of ours (OpenAPI 2026-07, SaleRequest), which follows from the deal's name: so the same order asked
for again is the same sale, and it is looked for before it is written. The sale keeps the deal as its `source.id`, by which its
documents join the deal.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.contract import Cancelled, Client, Created, NewOrder, Recipient
from connectors.directory import Directory
from connectors.errors import Refused, Unreachable
from connectors.lightspeed_x import cancelling
from connectors.lightspeed_x.cancelling import WRONG
from connectors.lightspeed_x.client import LightspeedXClient, checked, enveloped, listed
from connectors.lightspeed_x.effects import VOIDED
from connectors.links import OURS, reference_of

NAMESPACE = uuid.UUID("2f0f3a52-9c1e-5c1b-8d43-6b1f6b2f7a10")
"""Of the ids that we give: never changed, or orders would be created twice."""


class LightspeedXOrders:
    """Creates pick-up sales of one retailer."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, LightspeedXClient)
        self._client = client

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Creates the sale of an order once. Raises `Refused`, `SlowDown`, `Unreachable`."""
        outlet = directory.places.get(order.location)
        if outlet is None:
            raise Refused(f"X-Series has no outlet {order.location}")
        author = self._client.settings.author_id
        if author is None:
            raise Refused("author_id is not set: X-Series needs a user to create a sale")
        ident = await self._ident(order.transaction, outlet)
        if await self._exists(ident):
            return Created(ident, already=True)
        tax = await self._tax()
        lines = [_line(order, number, directory, tax, outlet) for number in range(len(order.lines))]
        register = await self._register(outlet)
        body = {
            "id": ident,
            "source": {
                "author_id": author,
                "register_id": register,
                "id": reference_of(order.transaction),
                "type": OURS.rstrip(":"),
            },
            "state": "pending",
            "attributes": ["pickup"],
            "date": order.placed_at.isoformat(),
            "fulfillment_outlet_id": outlet,
            "fulfillment_details": [{"type": "PICKUP", "note": ""}],
            "line_items": lines,
            "payments": self._payments(order, register),
        }
        customer = await self._customer(order.transaction, order.recipient)
        if customer is not None:
            body["customer_id"] = customer
        reply = await self._client.http.call("POST", "/sales", body=body)
        if reply.status in WRONG:
            if await self._exists(ident):  # another worker was faster
                return Created(ident, already=True)
            raise Refused(f"X-Series refused the sale with {reply.status}")
        made = enveloped(checked(reply))
        if not isinstance(made, Mapping) or made.get("id") != ident:
            raise Unreachable("X-Series created the sale under another id")
        return Created(ident)

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Voids the sale of a deal at an outlet. Raises `Refused`, `SlowDown` (nothing was done), `Unreachable` (ask again)."""
        outlet = directory.places.get(location)
        if outlet is None:
            raise Refused(f"X-Series has no outlet {location}")
        return await cancelling.void(self._client, await self._ident(transaction, outlet), outlet)

    async def _ident(self, transaction: str, outlet: str) -> str:
        """The id of a deal's sale. Where its first one is at another outlet, voided or not, it has an id that follows from the outlet
        too: the first id is taken for ever.
        """
        first = _id("sale", transaction)
        held = await cancelling.found(self._client, first)
        if held is None or cancelling.is_at(held, outlet):
            return first
        return _id("sale", f"{transaction} at {outlet}")

    async def _exists(self, ident: str) -> bool:
        """Whether the sale is there. Raises `Refused` for one that was voided: its id is taken for ever."""
        found = await cancelling.found(self._client, ident)
        if found is not None and found.get("state") == VOIDED:
            raise Refused(f"the sale of this order was voided in X-Series ({found.get('invoice_number')})")
        return found is not None

    async def _tax(self) -> str:
        name = self._client.settings.tax_name
        async for rows in self._client.pages("/taxes"):
            for row in rows:
                if row.get("name") == name and not row.get("deleted_at"):
                    return str(row["id"])
        raise Refused(f"X-Series has no tax {name}: set tax_name")

    async def _register(self, outlet: str) -> str:
        """A register of the outlet; the same one every time."""
        found = [
            row["id"]
            async for rows in self._client.pages("/registers")
            for row in rows
            if row["outlet_id"] == outlet and not row.get("deleted_at")
        ]
        if not found:
            raise Refused("X-Series has no register at the outlet")
        return str(min(found))

    def _payments(self, order: NewOrder, register: str) -> list[dict[str, Any]]:
        kind = self._client.settings.payment_type
        if kind is None:
            return []
        total = sum(line.quantity * _price(line.price) for line in order.lines)
        return [
            {
                "amount": float(total),
                "date": order.placed_at.isoformat(),
                "type": {"config_id": kind},
                "source": {"register_id": register},
            }
        ]

    async def _customer(self, transaction: str, who: Recipient) -> str | None:
        """The customer of the order, made once: X-Series finds one by the code that follows from the deal's name.

        None where nobody is named. What is told of them goes to X-Series and nowhere else.
        """
        if not (who.name or who.email or who.phone):
            return None
        code = f"ONHAND-{_id('customer', transaction)[:13].upper()}"
        query = {"type": "customers", "customer_code": code}
        rows = listed(enveloped(checked(await self._client.http.call("GET", "/search", query=query))))
        if rows:
            return str(rows[0]["id"])
        first, _, last = who.name.partition(" ")
        body = {
            "customer_code": code,
            "first_name": first,
            "last_name": last,
            "email": who.email or None,
            "phone": who.phone or None,
            "physical_address_1": who.street or None,
            "physical_city": who.city or None,
            "physical_postcode": who.postcode or None,
            "physical_state": who.region or None,
            "physical_country_id": who.country or None,
            "do_not_email": True,
        }
        reply = await self._client.http.call("POST", "/customers", body=body)
        if reply.status in WRONG:
            raise Refused(f"X-Series refused the customer with {reply.status}")
        return str(enveloped(checked(reply))["id"])


def _id(kind: str, transaction: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{kind} {transaction}"))


def _line(order: NewOrder, number: int, directory: Directory, tax: str, outlet: str) -> dict[str, Any]:
    line = order.lines[number]
    product = directory.handles.get(line.sku)
    if product is None:
        raise Refused(f"X-Series has no single product {line.sku}")
    if line.quantity <= 0:
        raise Refused(f"the quantity of {line.sku} is {line.quantity}")
    return {
        "product": {"id": product},
        "quantity": line.quantity,
        "pricing": {"price": float(_price(line.price))},
        "tax": {"id": tax, "amount": 0.0},
        "fulfilment_outlet_id": outlet,
        "_metadata": {"fulfillment_method": "PICKUP", "sequence": number, "is_price_override": True},
    }


def _price(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise Refused("a price is not a number") from None
    if not found.is_finite() or found < 0:
        raise Refused("a price is not a number")
    return found
