"""Heartland's REST API: every collection works the same way, a change of status does what it does (`effects`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from connectors.heartland.sandbox import asked
from connectors.heartland.sandbox.books import REASONS, Books, Record, stamp
from connectors.heartland.sandbox.effects import WAYS, become, carry
from connectors.heartland.sandbox.gate import Wrong
from connectors.loopback import answer

NEEDS: Mapping[str, tuple[str, ...]] = {
    "sales/tickets": ("station_id", "source_location_id"),
    "sales/orders": ("station_id", "source_location_id", "customer_id"),
    "sales/invoices": ("station_id", "source_location_id", "order_id"),
    "purchasing/orders": ("receive_at_location_id",),
    "purchasing/receipts": ("receive_at_location_id",),
    "purchasing/returns": ("source_location_id",),
    "inventory/transfers": ("from_location_id", "to_location_id"),
    "inventory/adjustment_sets": ("adjustment_reason_id", "location_id"),
    "inventory/physical_counts": ("location_id", "scope"),
}
"""What a new document needs [inferred from what clients send]."""

PLAIN = ("items", "locations", "customers", "addresses", "inventory/transactions", REASONS)
CHILDREN = re.compile(r"(lines|payments|events|shipments|batches|addresses)")
REFERS = {
    "location_id": "locations",
    "source_location_id": "locations",
    "receive_at_location_id": "locations",
}
REFERS |= {"from_location_id": "locations", "to_location_id": "locations"}
REFERS |= {"item_id": "items", "adjustment_reason_id": REASONS, "customer_id": "customers"}


class Api:
    """The handlers."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add_to(self, app: web.Application) -> None:
        """Adds the routes."""
        app.add_routes(
            [
                web.get("/api/inventory/values", self._values),
                web.get("/api/{path:.+}", self._get),
                web.post("/api/{path:.+}", self._post),
                web.put("/api/{path:.+}", self._put),
            ]
        )

    async def _values(self, request: web.Request) -> web.Response:
        """Without both groups it is one grand total; only the bracket form of an array is understood."""
        rows = self._books.values()
        if sorted(request.query.getall("group[]", [])) != ["item_id", "location_id"]:
            rows = [{"qty": sum(row["qty"] for row in rows)}]
        if request.query.get("exclude_empty_locations") == "true":
            rows = [row for row in rows if any(row[name] for name in row if name.startswith("qty"))]
        return answer(asked.page(rows, request.query))

    async def _get(self, request: web.Request) -> web.Response:
        path, ident = self._named(request)
        if ident is not None:
            return answer(self._one(path, ident))
        return answer(asked.page(list(self._books.collections.get(path, {}).values()), request.query))

    async def _post(self, request: web.Request) -> web.Response:
        """A created record is named by `Location`; the body is empty."""
        path, ident = self._named(request)
        if ident is not None:
            raise Wrong(404, "Not Found")
        made = self.create(path, await _body(request), datetime.now(UTC))
        return answer(None, 201, {"Location": f"{request.url.origin()}/api/{path}/{made['id']}"})

    async def _put(self, request: web.Request) -> web.Response:
        path, ident = self._named(request)
        if ident is None:
            raise Wrong(404, "Not Found")
        return answer(self.change(path, ident, await _body(request), datetime.now(UTC)))

    def _named(self, request: web.Request) -> tuple[str, int | None]:
        """A collection, or a record in it. Raises `Wrong` where there is none."""
        path, _, last = request.match_info["path"].rpartition("/")
        if last.isdigit():
            ident: int | None = int(last)
        else:
            path, ident = request.match_info["path"], None
        parent, _, child = path.rpartition("/")
        above, _, owner = parent.rpartition("/")
        if path in PLAIN or path in WAYS:
            return path, ident
        if owner.isdigit() and CHILDREN.fullmatch(child) and self._books.find(above, int(owner)):
            return path, ident
        raise Wrong(404, "Not Found")

    def _one(self, path: str, ident: int) -> Record:
        found = self._books.find(path, ident)
        if found is None:
            raise Wrong(404, "Not Found")
        return found

    def create(self, path: str, fields: Mapping[str, Any], at: datetime) -> Record:
        """A new record; a document begins as `pending`. Its lines may come with it (`item_lines`)."""
        self._check(path, fields)
        given = {name: value for name, value in fields.items() if name not in {"item_lines", "status"}}
        if "item_lookup" in given:
            given["item_id"] = self._looked_up(given.pop("item_lookup"))
        if path.endswith("/addresses"):  # the record joins a customer to an address, and names it
            given["address_id"] = self._books.add("addresses", given, at=at)["id"]
        if path in WAYS:
            given = {"public_id": None, **given, "status": "pending"}
        if path == "sales/orders":
            given |= {"total": 0, "balance": 0}
        made = self._books.add(path, given, at=at)
        if path in WAYS and made["public_id"] is None:
            made["public_id"] = str(made["id"])
        if path == "sales/invoices":
            self._fill(made, at)
        for line in fields.get("item_lines", ()):
            self.create(f"{path}/{made['id']}/lines", line, at)
        self.after(path, made, at)
        if fields.get("status") not in {None, "pending"}:
            self.change(path, made["id"], {"status": fields["status"]}, at)
        return made

    def change(self, path: str, ident: int, fields: Mapping[str, Any], at: datetime) -> Record:
        """Fields of a record, its status among them."""
        record = self._one(path, ident)
        self._check(path, fields, new=False)
        status = fields.get("status", record.get("status"))
        ways = WAYS.get(path, {}).get(str(record.get("status")), ())
        if status != record.get("status") and status not in ways:
            raise Wrong(422, "Validation failed", {"status": f"cannot become {status}"})
        record |= {name: value for name, value in fields.items() if name not in {"id", "status"}}
        record["updated_at"] = stamp(datetime.now(UTC))
        if status != record.get("status"):
            become(self._books, path, record, str(status), at)
        return record

    def _check(self, path: str, fields: Mapping[str, Any], *, new: bool = True) -> None:
        """Raises `Wrong` for what is missing, and for what does not exist."""
        wrong = {name: "is required" for name in NEEDS.get(path, ()) if new and fields.get(name) is None}
        for name, collection in REFERS.items():
            if fields.get(name) is not None and fields[name] not in self._books.collections[collection]:
                wrong[name] = "is invalid"
        if new and path.endswith("/lines"):
            if "item_id" not in fields and "item_lookup" not in fields:
                wrong["item_id"] = "is required"
            if isinstance(fields.get("qty"), bool) or not isinstance(fields.get("qty"), int | float):
                wrong["qty"] = "is not a number"
        if wrong:
            raise Wrong(422, "Validation failed", wrong)

    def _looked_up(self, name: Any) -> int:
        for row in self._books.collections["items"].values():
            if row["public_id"] == name:
                return int(row["id"])
        raise Wrong(422, "Validation failed", {"item_lookup": "is invalid"})

    def _fill(self, invoice: Record, at: datetime) -> None:
        """An invoice begins with what its order still has to hand over at its location [inferred]."""
        order, here = invoice["order_id"], invoice["source_location_id"]
        for row in self._books.below("sales/orders", order):
            if row.get("ship_from_location_id", here) == here:
                line = {"type": "ItemLine", "item_id": row["item_id"], "qty": row["qty"]}
                self._books.add(f"sales/invoices/{invoice['id']}/lines", line, at=at)

    def after(self, path: str, made: Record, at: datetime) -> None:
        """What a new record changes above it: an order's balance, a transfer's goods, the instant of its last change."""
        parent, _, child = path.rpartition("/")
        above, _, owner = parent.rpartition("/")
        if not owner.isdigit():
            return
        record = self._one(above, int(owner))
        record["updated_at"] = stamp(datetime.now(UTC))
        if above == "sales/orders":
            lines = self._books.below(above, int(owner))
            paid = sum(float(row["amount"]) for row in self._books.below(above, int(owner), "payments"))
            total = sum(row["qty"] * float(row.get("adjusted_unit_price", 0)) for row in lines)
            record |= {"total": round(total, 2), "balance": round(total - paid, 2)}
        if above.endswith("/events") and child == "lines":
            transfer = self._one("inventory/transfers", int(above.split("/")[2]))
            transfer["updated_at"] = stamp(datetime.now(UTC))
            carry(self._books, transfer, record["type"], made["item_id"], int(made["qty"]), at)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Wrong(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Wrong(400, "the body is not an object")
    return found
