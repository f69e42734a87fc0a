"""The sandbox does what Magento's own code does (magento/inventory), in its words."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from connectors.magento.api import Filter
from connectors.magento.sandbox.shop import Wrong
from connectors.oauth1 import Keys, authorization

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def stock(sandbox, sku="TEE"):
    """What is in the warehouse, what is reserved, and what can be sold."""
    reserved = sum(one.quantity for one in sandbox.shop.reservations if one.sku == sku)
    return sandbox.quantity(sku, "WH"), reserved, sandbox.shop.salable(sku)


class TestArithmetic:
    def test_given_an_order_then_it_reserves_and_its_shipment_takes(self, sandbox):
        order = sandbox.order([("TEE", 4)], at=NOW)
        assert stock(sandbox) == (10, -4, 11)
        sandbox.ship(order, "WH", [("TEE", 3)], at=NOW)
        assert stock(sandbox) == (7, -1, 11)
        sandbox.cancel(order, at=NOW)
        assert stock(sandbox) == (7, 0, 12)

    @pytest.mark.parametrize(
        ("shipped", "to_stock", "left"),
        [
            (0, True, (10, 0, 15)),
            (0, False, (6, 0, 11)),  # no shipment, and yet the source has less
            (4, True, (10, 0, 15)),
            (4, False, (6, 0, 11)),
            (1, True, (10, 0, 15)),
        ],
    )
    def test_given_a_credit_memo_then_stock_is_as_magentos_table_has_it(
        self, sandbox, shipped, to_stock, left
    ):
        order = sandbox.order([("TEE", 4)], at=NOW)
        if shipped:
            sandbox.ship(order, "WH", [("TEE", shipped)], at=NOW)
        sandbox.refund(order, [("TEE", 4)], at=NOW, to_stock=to_stock)
        assert stock(sandbox) == left

    def test_given_an_edited_order_then_kept_lines_come_to_nothing(self, sandbox):
        order = sandbox.order([("TEE", 4)], at=NOW)
        child = sandbox.edit(order, [("TEE", 4), ("MUG", 1)], at=NOW)
        assert (child, stock(sandbox), stock(sandbox, "MUG")) == (2, (10, -4, 11), (10, -1, 14))

    def test_given_too_few_at_the_source_then_nothing_is_shipped(self, sandbox):
        order = sandbox.order([("TEE", 1), ("MUG", 12)], at=NOW)
        with pytest.raises(Wrong, match="Not all of your products are available in the requested quantity"):
            sandbox.ship(order, "WH", [("TEE", 1), ("MUG", 12)], at=NOW)
        assert stock(sandbox) == (10, -1, 14)

    def test_given_a_configurable_product_then_its_own_row_says_what_became_of_the_simple_one(self, sandbox):
        order = sandbox.order([("TEE", 4)], at=NOW, configurable=True)
        sandbox.ship(order, "WH", [("TEE", 1)], at=NOW)
        sandbox.cancel(order, at=NOW)
        above, below = sandbox.shop.orders[order]["items"]
        assert (above["qty_shipped"], above["qty_canceled"]) == (1, 3)
        assert (below["qty_shipped"], below["qty_canceled"]) == (0, 0)
        assert stock(sandbox) == (9, 0, 14)


class TestRest:
    @pytest.mark.parametrize(
        ("row", "message", "errors"),
        [
            (
                {"source_code": "WH", "quantity": 1, "status": 1},
                'Validation Failed: "sku" can not be empty.',
                {"message": '"%field" can not be empty.', "parameters": {"field": "sku"}},
            ),
            (
                {"sku": "TEE", "source_code": "WH", "quantity": "x", "status": 1},
                'Validation Failed: "quantity" should be numeric.',
                {"message": '"%field" should be numeric.', "parameters": {"field": "quantity"}},
            ),
            (
                {"sku": "TEE", "source_code": "WH", "quantity": 1},
                'Validation Failed: "status" should be numeric.',
                {"message": '"%field" should be numeric.', "parameters": {"field": "status"}},
            ),
            (
                {"sku": "TEE", "source_code": "WH", "quantity": 1, "status": 999},
                'Validation Failed: "status" should a known status.',
                {"message": '"%field" should a known status.', "parameters": {"field": "status"}},
            ),
            (
                {"sku": "TEE", "source_code": "MOON", "quantity": 1, "status": 1},
                "Could not save Source Item",
                None,
            ),
        ],
    )
    async def test_given_a_wrong_row_then_none_is_saved_and_it_is_said_in_magentos_words(
        self, client, sandbox, row, message, errors
    ):
        good = {"sku": "MUG", "source_code": "WH", "quantity": 1, "status": 1}
        reply = await client.api.call("POST", "/inventory/source-items", body={"sourceItems": [good, row]})
        assert (reply.status, reply.body["message"]) == (400, message)
        assert reply.body.get("errors") == (None if errors is None else [errors])
        assert sandbox.quantity("MUG", "WH") == 10

    async def test_given_good_rows_then_the_answer_is_an_empty_list_and_a_typo_makes_an_orphan(
        self, client, sandbox
    ):
        row = {"sku": "TYPO", "source_code": "WH", "quantity": -1, "status": 0}
        reply = await client.api.call("POST", "/inventory/source-items", body={"sourceItems": [row]})
        assert (reply.status, reply.body, sandbox.quantity("TYPO", "WH")) == (200, [], -1)

    async def test_given_groups_of_filters_then_one_of_a_group_and_all_groups_must_hold(
        self, client, sandbox
    ):
        for sku in ("TEE", "MUG", "CAP"):
            sandbox.order([(sku, 1)], at=NOW)
        sandbox.cancel(2, at=NOW)
        either = [Filter("entity_id", "eq", "1"), Filter("entity_id", "gteq", "2")]
        rows, total = await client.api.search("/orders", [either, [Filter("state", "in", "new,x")]], ())
        assert ([row["entity_id"] for row in rows], total) == ([1, 3], 2)

    async def test_given_a_page_past_the_end_then_the_last_one_comes_again(self, client, sandbox):
        for _ in range(3):
            sandbox.order([("TEE", 1)], at=NOW)
        pages = [await client.api.search("/orders", (), ("entity_id",), page, 2) for page in (1, 2, 3, 9)]
        assert [[row["entity_id"] for row in rows] for rows, _ in pages] == [[1, 2], [3], [3], [3]]

    async def test_given_a_salable_quantity_then_it_is_net_of_reservations(self, client, sandbox):
        sandbox.order([("TEE", 4)], at=NOW)
        reply = await client.api.call("GET", "/inventory/get-product-salable-quantity/TEE/1")
        assert reply.body == 11

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            (("HMAC-SHA256", "HMAC-SHA256"), 200),
            (("HMAC-SHA256", "HMAC-SHA1"), 400),
            (('oauth_timestamp="', 'oauth_timestamp="9'), 400),
            (('oauth_token="', 'oauth_token="x'), 401),
            (('oauth_signature="', 'oauth_signature="x'), 401),
            (("OAuth", "Bearer"), 401),
        ],
    )
    async def test_given_a_changed_signature_then_it_is_not_taken_and_a_good_one_only_once(
        self, sandbox, secrets, change, status
    ):
        names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
        keys = Keys(*(secrets[name].get_secret_value() for name in names))
        url = f"{sandbox.url}/rest/all/V1/inventory/sources"
        header = authorization("GET", url, (), keys).replace(*change)
        async with aiohttp.ClientSession(headers={"Authorization": header}) as session:
            async with session.get(url) as answer:
                assert answer.status == status
            async with session.get(url) as answer:
                assert answer.status == (401 if status == 200 else status)
