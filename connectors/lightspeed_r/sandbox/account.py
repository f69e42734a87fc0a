"""What an account has, and how its documents move its levels.

Every change of a level is a row of the inventory log. What is reserved has left the level (the reason
`RemoveForLayaway`) [inferred], and completing its sale takes only the rest. Ids are numbers in the order of making.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from connectors.lightspeed_r.sandbox.gate import Wrong

Row = dict[str, Any]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Account:
    """The state. `moved` hears of every level that changed: SKU, shop's name and level."""

    def __init__(self, shops: Sequence[str], moved: Callable[[str, str, int], None]) -> None:
        self.shops = dict(enumerate(shops, start=1))
        self.shop_by_name = {name: number for number, name in self.shops.items()}
        self.items: dict[int, Row] = {}
        self.item_by_sku: dict[str, int] = {}
        self.levels: dict[tuple[int, int], Row] = {}
        self.sales: dict[int, Row] = {}
        self.lines: dict[int, Row] = {}
        self.transfers: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.logs: list[Row] = []
        self.customers: dict[int, Row] = {}
        self._ids: dict[str, Iterator[int]] = defaultdict(lambda: count(1))
        self._moved = moved

    def take(self, kind: str) -> int:
        """The next id of a kind."""
        return next(self._ids[kind])

    def item(self, sku: str, *, tracked: bool = True) -> int:
        """The item of a SKU, made if it is new."""
        if sku not in self.item_by_sku:
            ident = self.item_by_sku[sku] = self.take("item")
            self.items[ident] = {
                "itemID": ident,
                "systemSku": f"21{ident:010}",
                "customSku": sku,
                "manufacturerSku": "",
                "upc": "",
                "ean": "",
                "archived": False,
                "itemType": "default" if tracked else "non_inventory",
                "description": sku,
                "timeStamp": LONG_AGO,
            }
        return self.item_by_sku[sku]

    def seed(self, sku: str, shop: str, level: int, *, tracked: bool) -> None:
        """Stock that is there from the start, without a row in the log."""
        item = self.item(sku, tracked=tracked)
        if tracked:
            self._cell(item, self.shop_by_name[shop])["qoh"] = level

    def _cell(self, item: int, shop: int) -> Row:
        if (item, shop) not in self.levels:
            self.levels[item, shop] = {
                "itemShopID": self.take("itemShop"),
                "itemID": item,
                "shopID": shop,
                "qoh": 0,
                "reserved": 0,
                "timeStamp": LONG_AGO,
            }
        return self.levels[item, shop]

    def move(self, item: int, shop: int, units: int, reason: str, at: datetime, **causes: int) -> None:
        """Adds to a level, below zero too, and writes the log. `causes` are foreign keys: `saleID=5`."""
        if item not in self.items or not units or self.items[item]["itemType"] == "non_inventory":
            return
        cell = self._cell(item, shop)
        cell["qoh"] += units
        cell["timeStamp"] = datetime.now(UTC)
        ident = self.take("log")
        keys = ("saleID", "transferID", "orderID", "inventoryCountID", "vendorReturnID", "itemImportID")
        self.logs.append(
            {
                "inventoryLogID": ident,
                "qohChange": units,
                "createTime": at,
                "automated": False,
                "reason": reason,
                "itemID": item,
                "shopID": shop,
                "employeeID": 1,
                "customerID": 0,
                **{key: causes.get(key, 0) for key in keys},
            }
        )
        self._moved(self.items[item]["customSku"], self.shops[shop], cell["qoh"])

    def add_line(self, sale: int, shop: int, item: int, units: int, at: datetime, **more: Any) -> Row:
        """A sale line; reserved ones have `sale` 0."""
        ident = self.take("line")
        line = {
            "saleLineID": ident,
            "saleID": sale,
            "shopID": shop,
            "itemID": item,
            "unitQuantity": units,
            "createTime": at,
            "timeStamp": at,
            "isLayaway": False,
            "isSpecialOrder": False,
            "isWorkorder": False,
            "lineType": "",
            "customerID": 0,
            "parentSaleLineID": 0,
            "_reserved": 0,
            **more,
        }
        self.lines[ident] = line
        return line

    def reserve(self, line: Row, at: datetime, *, whole: bool = False) -> None:
        """Sets units aside, as many as there are. Raises `Wrong` where `whole` wants all and there are fewer."""
        held = self.levels.get((line["itemID"], line["shopID"]), {"qoh": 0})["qoh"]
        units = max(0, min(held, line["unitQuantity"] - line["_reserved"]))
        if whole and units < line["unitQuantity"]:
            raise Wrong(422, "Insufficient inventory to fully reserve the requested quantity")
        self.move(line["itemID"], line["shopID"], -units, "RemoveForLayaway", at)
        line["_reserved"] += units

    def release(self, line: Row, at: datetime) -> None:
        """Removes a reservation; what it held is back."""
        self.move(line["itemID"], line["shopID"], line["_reserved"], "PutBackForTransaction", at)
        del self.lines[line["saleLineID"]]

    def add_sale(self, shop: int, at: datetime, **more: Any) -> Row:
        """An open sale."""
        ident = self.take("sale")
        sale = {
            "saleID": ident,
            "shopID": shop,
            "createTime": at,
            "updatetime": at,
            "timeStamp": at,
            "completeTime": "",
            "completed": False,
            "voided": False,
            "archived": False,
            "referenceNumber": "",
            "referenceNumberSource": "",
            "ticketNumber": f"22{ident:010}",
            "customerID": 0,
            "employeeID": 1,
            "registerID": shop,
            **more,
        }
        self.sales[ident] = sale
        return sale

    def lines_of(self, sale: int) -> list[Row]:
        """The lines of a sale."""
        return [line for line in self.lines.values() if line["saleID"] == sale]

    def complete(self, sale: Row, at: datetime, changed: datetime) -> None:
        """Takes the goods of a sale; of reserved lines what was not set aside."""
        for line in self.lines_of(sale["saleID"]):
            units = line["unitQuantity"] - line["_reserved"]
            reason = "RemoveForTransactionLine" if units > 0 else "RefundAddInventory"
            self.move(line["itemID"], line["shopID"], -units, reason, at, saleID=sale["saleID"])
            line["_reserved"] = line["unitQuantity"]
        sale.update(completed=True, completeTime=at, updatetime=changed, timeStamp=at)

    def void(self, sale: Row, at: datetime) -> None:
        """Gives the goods of a sale back: all inventory is restocked (docs: Sale.voided)."""
        for line in self.lines_of(sale["saleID"]):
            units = line["_reserved"]
            self.move(
                line["itemID"], line["shopID"], units, "PutBackForTransaction", at, saleID=sale["saleID"]
            )
            line["_reserved"] = 0
        sale.update(voided=True, updatetime=at)

    def level(self, sku: str, shop: str) -> int:
        """What the account shows; zero where it shows nothing."""
        cell: Mapping[str, int] = self.levels.get((self.item_by_sku.get(sku, 0), self.shop_by_name[shop]), {})
        return cell.get("qoh", 0)
