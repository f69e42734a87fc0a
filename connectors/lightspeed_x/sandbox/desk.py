"""X-Series' API around orders and stock control: consignments, fulfilments, single sales, taxes, customers."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connectors.lightspeed_x.sandbox import asked, shapes
from connectors.lightspeed_x.sandbox.consignments import Consignments
from connectors.lightspeed_x.sandbox.gate import Wrong
from connectors.lightspeed_x.sandbox.retailer import Retailer
from connectors.loopback import answer

CUSTOMER_FIELDS = frozenset(
    {
        *("customer_code", "first_name", "last_name", "email", "phone", "do_not_email"),
        *("physical_address_1", "physical_city", "physical_postcode", "physical_state"),
        "physical_country_id",
    }
)
"""The fields of CustomerBase (OpenAPI 2026-07) that the double knows."""

NO_TAX = "No Tax"


class Desk:
    """The handlers."""

    def __init__(self, retailer: Retailer) -> None:
        self.customers: list[dict[str, Any]] = []
        self.consignments = Consignments(retailer)
        self._retailer = retailer

    def add_to(self, app: web.Application, base: str) -> None:
        """Adds the routes."""
        app.add_routes(
            [
                web.get(f"{base}/consignments/{{id}}/products", self._products),
                web.get(f"{base}/fulfillments", self._fulfillments),
                web.get(f"{base}/sales/{{id}}", self._sale),
                web.get(f"{base}/taxes", self._taxes),
                web.get(f"{base}/search", self._search),
                web.post(f"{base}/customers", self._add_customer),
            ]
        )

    async def _products(self, request: web.Request) -> web.Response:
        ident = request.match_info["id"]
        found = [one for one in self.consignments.all if self.consignments.ident(one) == ident]
        if not found:
            raise Wrong(404, "there is no such consignment")
        after = asked.whole(request.query, "after", 0)
        rows = sorted(self.consignments.rows(found[0]), key=lambda row: int(row["version"]))
        size = asked.whole(request.query, "page_size", 100)
        return asked.enveloped([row for row in rows if row["version"] > after][:size])

    async def _fulfillments(self, request: web.Request) -> web.Response:
        """Paged by number, with no cursor; without sales to look for, those of all sales."""
        sales, retailer = set(request.query.getall("sale_id", [])), self._retailer
        rows = [
            shapes.fulfillment(retailer, sale.number)
            for sale in retailer.sales
            if sale.handed is not None and (not sales or sale.id in sales)
        ]
        size = asked.whole(request.query, "page_size", 10)
        number = asked.whole(request.query, "page_number", 1)
        if not 1 <= size <= 100 or number < 1:
            raise Wrong(400, "page_size is 1 to 100, and page_number at least 1")
        return answer({"data": rows[(number - 1) * size : number * size]})

    async def _sale(self, request: web.Request) -> web.Response:
        try:
            found = self._retailer.find(request.match_info["id"])
        except (KeyError, ValueError):
            raise Wrong(404, "there is no such sale") from None
        return answer({"data": shapes.sale(self._retailer, found.number)})

    async def _taxes(self, request: web.Request) -> web.Response:
        version = 391_487
        tax = {
            "id": shapes.TAX_ID,
            "name": NO_TAX,
            "display_name": NO_TAX,
            "is_default": False,
            "deleted_at": None,
            "rates": [],
            "version": version,
        }
        after = asked.whole(request.query, "after", 0)
        return answer({"data": [tax] if after < version else []})

    async def _search(self, request: web.Request) -> web.Response:
        if request.query.get("type") != "customers" or "customer_code" not in request.query:
            raise Wrong(400, "this double looks for customers by their code only")
        code = request.query["customer_code"]
        return answer({"data": [row for row in self.customers if row["customer_code"] == code]})

    async def _add_customer(self, request: web.Request) -> web.Response:
        body = await asked.body_of(request)
        if body.keys() - CUSTOMER_FIELDS or not {"first_name", "last_name"} <= body.keys():
            raise Wrong(422, "first_name and last_name are required, and no field that is not known")
        made = {"id": self._retailer.made_up("4008", len(self.customers)), **body}
        self.customers.append(made)
        return answer({"data": made}, 201)
