"""What of an order of Magento says that it is wholesale (OpenAPI 2.4.9, SalesDataOrderInterface and its extensions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import wholesale
from connectors.magento import fields
from connectors.magento.fields import Body
from connectors.magento.settings import MagentoSettings

COMPANY_PAYMENTS = frozenset({"companycredit", "purchaseorder"})
"""Payment methods of Adobe Commerce B2B."""


def judged(settings: MagentoSettings, order: Body) -> Mapping[str, Any]:
    """An order with the verdict on it."""
    verdict = settings.wholesale.verdict(
        company=_of_a_company(order),
        groups=(order.get("customer_group_id"),),
        sources=(order.get("store_id"),),
        payments=(fields.part(order, "payment").get("method"),),
    )
    return {**order, **verdict}


def demand_class(body: Body) -> str:
    """The class of an order's demand. `wholesale` is the verdict in documents that were kept before it was called `demand_class`."""
    return wholesale.demand_class(body, company=_of_a_company(body) or body.get("wholesale") is True)


def _of_a_company(body: Body) -> bool:
    company = fields.part(body, "extension_attributes", "company_order_attributes").get("company_id")
    return bool(company) or str(fields.part(body, "payment").get("method")) in COMPANY_PAYMENTS
