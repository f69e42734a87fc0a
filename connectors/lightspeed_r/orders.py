"""Creates an order in R-Series: a layaway for a customer, which holds the goods in the shop until they are collected; and takes
it back.

That is the flow that Lightspeed recommends for pick-up (docs: tutorial Reservations): one reserved sale line for each
SKU, all units or none (`requireFullReservation`), collected at the till by putting them into a sale. R-Series has no
idempotency key, so each line carries our reference in its note, and is looked for among the customer's reservations
before it is written. That a note may be given with a new line is documented (SaleLine: `Note`), its inner shape is
the one notes are read in [inferred].

A reservation is cancelled by deleting its sale line (docs: Cancelling a Reservation): the goods are back, and the line is gone
without a trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.contract import Cancelled, Client, Created, NewOrder
from connectors.directory import Directory
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.lightspeed_r import fields
from connectors.lightspeed_r.allowlist import REFERENCE
from connectors.lightspeed_r.client import WRONG, LightspeedRClient, checked, ident_in, said
from connectors.links import reference_of

Row = Mapping[str, Any]


class LightspeedROrders:
    """Orders of one channel."""

    def __init__(self, client: Client) -> None:
        assert isinstance(client, LightspeedRClient)
        self._client = client

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Reserves every SKU of the order, once. Raises `Refused` (then nothing stays reserved), `SlowDown`,
        `Unreachable`.
        """
        reference = reference_of(order.transaction)
        if not REFERENCE.fullmatch(reference):
            raise Refused("the deal's name cannot be a reference: it has characters that a name has not")
        shop, wanted = _wanted(order, directory)
        customer = await self._customer(order)
        held = await self._held(customer, shop, reference)
        already = wanted.keys() <= held.keys()
        for item, (sku, units, price) in wanted.items():
            if item not in held:
                body = {
                    "customerID": customer,
                    "employeeID": self._client.settings.employee_id,
                    "shopID": shop,
                    "itemID": item,
                    "unitQuantity": units,
                    **({"unitPrice": price} if price.strip("0.") else {}),
                    "isLayaway": True,
                    "requireFullReservation": True,
                    "Note": {"note": reference, "isPublic": False},
                }
                reply = await self._client.call("POST", "/SaleLine.json", body=body)
                if reply.status in WRONG:
                    await self._let_go(held)
                    raise Refused(f"R-Series cannot reserve {units} of {sku}: {said(reply)}")
                held[item] = ident_in(fields.part(checked(reply), "SaleLine"), "saleLineID")
        return Created(",".join(held[item] for item in sorted(wanted, key=int)), already=already)

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Deletes the reservations of an order in a shop. Raises `Refused` where one of them is in a sale: the customer has the
        goods, or is at the till. `SlowDown` and `Unreachable` do not say how many are gone: ask again.
        """
        shop = directory.places.get(location)
        if shop is None:
            raise Refused(f"unknown location {location}")
        lines = await self._laid_away(shop, reference_of(transaction))
        voided = await self._voided({ident_in(row, "saleID") for row in lines if row.get("saleID") != "0"})
        waiting = [ident_in(row, "saleLineID") for row in lines if row.get("saleID") == "0"]
        for number, line in enumerate(waiting):
            try:
                reply = await self._client.call("DELETE", f"/SaleLine/{line}.json")
            except SlowDown as wait:
                if number:  # to the caller `SlowDown` means that nothing was done
                    raise Unreachable("R-Series asked to wait in the middle of an order") from wait
                raise
            if reply.status in WRONG - {404}:
                raise Refused(f"R-Series does not remove reservation {line}: {said(reply)}")
            if reply.status != 404:
                checked(reply)
        gone = waiting or voided
        return Cancelled(",".join(sorted(gone, key=int)) or None, already=bool(voided) and not waiting)

    async def _laid_away(self, shop: str, reference: str) -> list[Row]:
        """The lines of an order in a shop, those in a sale too. Nobody says for which customer it was, so all layaways of the
        shop are read; that they can be asked for by these two fields is inferred from the documents of other lists.
        """
        query = {"shopID": shop, "isLayaway": "true", "sort": "saleLineID", "load_relations": '["Note"]'}
        return [
            row
            async for rows in self._client.pages("/SaleLine.json", "SaleLine", query)
            for row in rows
            if row.get("shopID") == shop and fields.part(row, "Note").get("note") == reference
        ]

    async def _voided(self, sales: set[str]) -> list[str]:
        """The sales that were voided, which gave their goods back. Raises `Refused` for any other."""
        for ident in sorted(sales, key=int):
            query = {"saleID": ident, "archived": "true"}
            rows = [row async for page in self._client.pages("/Sale.json", "Sale", query) for row in page]
            if not rows:
                raise Unreachable(f"R-Series does not show sale {ident}")
            if not fields.flag(rows[0], "voided"):
                raise Refused(_too_late(rows[0], ident))
        return sorted(sales, key=int)

    async def _held(self, customer: str, shop: str, reference: str) -> dict[str, str]:
        """The lines of an order that are there in a shop, collected ones too: sale line by item."""
        query = {"customerID": customer, "sort": "saleLineID", "load_relations": '["Note"]'}
        held: dict[str, str] = {}
        async for rows in self._client.pages("/SaleLine.json", "SaleLine", query):
            for row in rows:
                if row.get("shopID") == shop and fields.part(row, "Note").get("note") == reference:
                    held[ident_in(row, "itemID")] = ident_in(row, "saleLineID")
        return held

    async def _let_go(self, held: Mapping[str, str]) -> None:
        """Removes what was reserved of an order that cannot be met."""
        for line in held.values():
            reply = await self._client.call("DELETE", f"/SaleLine/{line}.json")
            if reply.status != 404:
                checked(reply)

    async def _customer(self, order: NewOrder) -> str:
        """The customer by email address, made if there is none; the configured one for a recipient without an address.

        The address is only ever in the request (docs: Searching Customers' Contact Information).
        """
        email = order.recipient.email.strip()
        if not email:
            if self._client.settings.customer_id is None:
                raise Refused("the order has no email address, and the channel no customer_id")
            return self._client.settings.customer_id
        query = {"Contact.email": email, "load_relations": '["Contact"]', "sort": "customerID"}
        async for rows in self._client.pages("/Customer.json", "Customer", query):
            return ident_in(rows[0], "customerID")
        first, _, last = (order.recipient.name.strip() or email).partition(" ")
        contact: dict[str, Any] = {"Emails": {"ContactEmail": {"address": email, "useType": "Primary"}}}
        if order.recipient.phone:
            contact["Phones"] = {"ContactPhone": {"number": order.recipient.phone, "useType": "Mobile"}}
        body = {"firstName": first, "lastName": last, "Contact": contact}
        reply = await self._client.call("POST", "/Customer.json", body=body)
        if reply.status in WRONG:
            raise Refused(f"R-Series answered {reply.status} to the customer of the order")
        return ident_in(fields.part(checked(reply), "Customer"), "customerID")


def _too_late(sale: Row, ident: str) -> str:
    if fields.flag(sale, "completed"):
        return f"the goods were collected with sale {ident} in R-Series: take them back as a refund"
    return f"the order is in the open sale {ident} in R-Series: remove it there"


def _wanted(order: NewOrder, directory: Directory) -> tuple[str, dict[str, tuple[str, int, str]]]:
    """The shop, and by item the SKU, its units and price (zero leaves the shop's own). Raises `Refused` naming
    everything that R-Series does not have.
    """
    units: Counter[str] = Counter()
    for line in order.lines:
        units[line.sku] += line.quantity
    faults = sorted(f"unknown SKU {sku}" for sku in units if sku not in directory.handles)
    faults += sorted(f"quantity {number} of {sku}" for sku, number in units.items() if number < 1)
    shop = directory.places.get(order.location)
    if shop is None:
        faults.append(f"unknown location {order.location}")
    if faults or not units or shop is None:
        raise Refused("; ".join(faults) or "the order has no lines")
    prices = {line.sku: line.price for line in order.lines}
    return shop, {directory.handles[sku]: (sku, number, prices[sku]) for sku, number in units.items()}
