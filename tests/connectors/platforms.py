"""What the suites of all platforms have to know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.contract import ChannelSettings, Row
from connectors.heartland import HeartlandSettings
from connectors.lightspeed_r import LightspeedRSettings
from connectors.lightspeed_x import LightspeedXSettings
from connectors.magento import MagentoSettings
from connectors.netsuite import NetSuiteSettings
from connectors.rlm import RlmSettings
from connectors.shipstation import ShipStationSettings
from connectors.shopify import ShopifySettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STOCK = (Row("TEE", "WH", 10), Row("MUG", "WH", 4), Row("GIFTCARD", "WH", 0, tracked=False))
AUTHOR = "c0ffee00-0000-4000-8000-00000000000a"


def held(sandbox: Any) -> Any:
    """The orders that wait in a partner's warehouse, which ships none from now on before it has looked into its folder."""
    sandbox.warehouse.holds = True
    sandbox.work(NOW)
    return sandbox.warehouse.waiting


@dataclass(frozen=True)
class Platform:
    """What the contract suite has to know of a platform's sandbox: one entry for each platform."""

    settings: ChannelSettings
    sell: Callable[[Any, str, int], Any]
    level: Callable[[Any, str], int]
    trading: str
    path: Callable[[str], str] = lambda _topic: ""
    carries: bool = (
        True  # its webhooks carry documents; those that only point at some are the platform's own tests'
    )
    standing: Callable[[Any], int] | None = None  # orders that it has still to carry out


PLATFORMS = {
    "shopify": Platform(
        settings=ShopifySettings(
            platform="shopify", shop="example.myshopify.com", publish_location="gid://shopify/Location/1001"
        ),
        sell=lambda sandbox, sku, units: sandbox.order([(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.available(sku, "WH"),
        trading="orders/create",
    ),
    "lightspeed_x": Platform(
        settings=LightspeedXSettings(platform="lightspeed_x", domain_prefix="example", author_id=AUTHOR),
        sell=lambda sandbox, sku, units: sandbox.sell("WH", [(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.level(sku, "WH"),
        trading="sale.update",
        standing=lambda sandbox: sum(sale.state == "pending" for sale in sandbox._retailer.sales),
        path=lambda topic: topic,
    ),
    "heartland": Platform(
        settings=HeartlandSettings(
            platform="heartland",
            subdomain="example",
            untracked=("GIFTCARD",),
            station_id=1,
            payment_type_id=100010,
        ),
        sell=lambda sandbox, sku, units: sandbox.sell("WH", [(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.available(sku, "WH"),
        trading="sales/tickets",
        standing=lambda sandbox: sum(
            order["status"] != "void" for order in sandbox.books.collections["sales/orders"].values()
        ),
    ),
    "lightspeed_r": Platform(
        settings=LightspeedRSettings(
            platform="lightspeed_r", account_id="1001", employee_id="2", sandbox="stock.csv"
        ),
        sell=lambda sandbox, sku, units: sandbox.sell("WH", [(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.level(sku, "WH"),
        trading="sale",
        standing=lambda sandbox: len(
            {(line["_note"], line["shopID"]) for line in sandbox.account.lines.values()}
        ),
    ),
    "netsuite": Platform(
        settings=NetSuiteSettings(
            platform="netsuite", account="1234567_SB1", adjustment_account="213", customer="1502"
        ),
        sell=lambda sandbox, sku, units: sandbox.sell("WH", [(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.level(sku, "WH"),
        trading="transaction",
        standing=lambda sandbox: len(
            sandbox.books.all(
                'SELECT id FROM "transaction" WHERE type = ? AND status NOT IN (?, ?)', "SalesOrd", "C", "H"
            )
        ),
    ),
    "shipstation": Platform(
        settings=ShipStationSettings(platform="shipstation"),
        sell=lambda sandbox, sku, units: sandbox.order([(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.available(sku, "WH"),
        trading="v1/order",
        carries=False,
        standing=lambda sandbox: sum(
            order.status != "cancelled" for order in sandbox.account.orders.values()
        ),
    ),
    "rlm": Platform(
        settings=RlmSettings(
            platform="rlm", base_url="file:///its-sandbox-makes-one", quiet=0, untracked=("GIFTCARD",)
        ),
        sell=lambda sandbox, sku, units: sandbox.sell("WH", [(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.level(sku, "WH"),
        trading="850",
        standing=lambda sandbox: len(held(sandbox)),
    ),
    "magento": Platform(
        settings=MagentoSettings(platform="magento", url="https://shop.example.com"),
        sell=lambda sandbox, sku, units: sandbox.order([(sku, units)], at=NOW),
        level=lambda sandbox, sku: sandbox.shop.salable(sku),
        trading="order",
    ),
}
