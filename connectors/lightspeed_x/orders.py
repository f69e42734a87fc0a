"""Creates sales that customers pick up at an outlet, and takes them back (`cancelling`).

`POST /sales` takes an id of ours (OpenAPI 2026-07, SaleRequest), which follows from the deal's name: so the same order asked
for again is the same sale, and it is looked for before it is written. A voided sale can become nothing else, so one that is wanted
again after that, or at another outlet, has the next id. The sale keeps the deal as its `source.id`, by which its documents join the deal.
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
        sales = await self._sales(order.transaction)
        here = [sale for sale in sales if cancelling.is_at(sale, outlet)]
        if here and here[-1].get("state") != VOIDED:
            return Created(str(here[-1]["id"]), already=True)
        ident = _sale_id(order.transaction, len(sales) + 1)
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
            if await cancelling.found(self._client, ident) is not None:  # another worker was faster
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
        here = [sale for sale in await self._sales(transaction) if cancelling.is_at(sale, outlet)]
        return await cancelling.void(self._client, here[-1]) if here else Cancelled(None)

    async def _sales(self, transaction: str) -> list[Mapping[str, Any]]:
        """The sales of a deal, by attempt."""
        found: list[Mapping[str, Any]] = []
        while sale := await cancelling.found(self._client, _sale_id(transaction, len(found) + 1)):
            found.append(sale)
        return found

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


def _sale_id(transaction: str, attempt: int) -> str:
    return _id("sale", transaction if attempt == 1 else reference_of(transaction, attempt))


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
