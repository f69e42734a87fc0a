"""The client against the sandbox: authorisation, catalogue, levels, and a poll that misses nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from connectors.directory import Item
from connectors.errors import ConnectorError, Refused, SlowDown, Unreachable
from connectors.magento import connector
from connectors.magento.api import any_of
from connectors.magento.client import MagentoClient
from connectors.magento.sandbox import MagentoSandbox
from connectors.magento.settings import MagentoSettings
from connectors.wholesale import Wholesale
from schemas.rules import ChannelRules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def polled(client, cursor=None):
    """What one poll hands out, as (order, shipments, credit memos), and the cursor after it."""
    found = []
    async for payloads, reached in client.poll(cursor):
        bodies = [payload.body for payload in payloads]
        found += [(one["entity_id"], len(one["shipments"]), len(one["creditmemos"])) for one in bodies]
        cursor = reached
    return found, cursor


class TestCatalogue:
    async def test_given_products_and_sources_then_they_are_known_by_sku_and_code(self, client, sandbox):
        directory = await client.directory()
        assert directory.items["TEE"] == directory.items["product:1"] == Item("TEE")
        assert directory.items["EBOOK"] == Item("EBOOK", tracked=False)
        assert directory.places == directory.locations == {"WH": "WH", "STORE": "STORE"}
        assert sorted(directory.handles) == ["CAP", "MUG", "TEE"]

    async def test_given_more_than_a_page_then_all_come_once_though_magento_repeats_its_last_page(
        self, client, sandbox
    ):
        for number in range(301):
            sandbox.seed(f"SKU {number}/ü%", "WH", number)
        assert len((await client.directory()).handles) == 304
        found = [level async for page in client.levels() for level in page]
        assert len(found) == len({(level.item, level.location) for level in found}) == 307
        assert {level.observed_at for level in found} == {NOW}

    async def test_given_a_broken_number_of_units_then_a_level_is_rounded_down(self, client, sandbox):
        sandbox.shop.save("TEE", "WH", 2.5, 1)
        sandbox.shop.save("MUG", "WH", -0.5, 1)
        levels = {(one.item, one.location): one.level async for page in client.levels() for one in page}
        assert (levels["TEE", "WH"], levels["MUG", "WH"]) == (2, -1)

    async def test_given_msi_switched_off_then_it_is_said(self, client, sandbox):
        sandbox.msi = False
        with pytest.raises(Unreachable, match="MSI"):
            await client.directory()

    async def test_given_skus_with_every_character_then_each_is_found(self, client, sandbox):
        odd = ["A,B", "C D", "E/F", "G%20H", "I+J", "K&L=M", "ÜÖ"]
        for sku in odd:
            sandbox.seed(sku, "WH", 3)
        rows = await client.listed("/inventory/source-items", "sku", odd, ("sku", "source_code"))
        assert sorted(row["sku"] for row in rows) == sorted(odd)

    def test_given_a_value_with_a_comma_then_it_is_not_taken_for_two(self):
        assert [tuple(one) for one in any_of("sku", ["A", "B,C", "D"])] == [
            ("sku", "in", "A,D"),
            ("sku", "eq", "B,C"),
        ]


class TestPoll:
    async def test_given_orders_then_each_comes_whole_and_not_again_until_it_changes(
        self, client, sandbox, clock
    ):
        first = sandbox.order([("TEE", 2)], at=NOW)
        second = sandbox.order([("MUG", 1)], at=NOW)
        sandbox.ship(first, "WH", [("TEE", 1)], at=clock.later(minutes=5))
        clock.later(minutes=1)
        found, cursor = await polled(client)
        assert sorted(found) == [(first, 1, 0), (second, 0, 0)]
        assert await polled(client, cursor) == ([], cursor)
        sandbox.refund(first, [("TEE", 1)], at=clock.later(minutes=1), to_stock=False)
        clock.later(minutes=1)
        found, _ = await polled(client, cursor)
        assert found == [(first, 1, 1)]

    async def test_given_a_shipment_that_left_its_order_untouched_then_it_is_found(
        self, client, sandbox, clock
    ):
        order = sandbox.order([("TEE", 2)], at=NOW)
        clock.later(minutes=1)
        _, cursor = await polled(client)
        sandbox.ship(order, "WH", [("TEE", 1)], at=clock.later(minutes=9), touches=False)
        assert (await polled(client, cursor))[0] == [(order, 1, 0)]

    async def test_given_a_change_within_the_second_of_a_poll_then_the_next_poll_has_it(
        self, client, sandbox, clock
    ):
        order = sandbox.order([("TEE", 2)], at=NOW)
        found, cursor = await polled(client)
        sandbox.cancel(order, at=NOW)
        clock.later(minutes=1)
        again, cursor = await polled(client, cursor)
        assert found == again == [(order, 0, 0)]
        assert (await polled(client, cursor))[0] == []

    async def test_given_an_order_that_became_visible_late_then_the_overlap_finds_it(
        self, client, sandbox, clock
    ):
        sandbox.order([("TEE", 2)], at=NOW)
        clock.later(minutes=1)
        _, cursor = await polled(client)
        late = sandbox.order([("MUG", 1)], at=NOW - timedelta(seconds=119))
        too_late = sandbox.order([("MUG", 1)], at=NOW - timedelta(seconds=121))
        found = [one for one, _, _ in (await polled(client, cursor))[0]]
        assert late in found
        assert too_late not in found

    async def test_given_many_orders_of_one_second_then_every_page_is_read(
        self, sandbox, settings, secrets, clock
    ):
        for number in range(25):
            sandbox.order([("TEE", 1)], at=NOW + timedelta(seconds=number // 10))
        clock.later(minutes=1)
        small = MagentoClient(settings.model_copy(update={"base_url": sandbox.url, "page_size": 4}), secrets)
        found, _ = await polled(small)
        assert sorted(found) == [(number, 0, 0) for number in range(1, 26)]
        await small.close()

    async def test_given_orders_that_change_while_they_are_paged_then_none_is_stepped_over(
        self, sandbox, settings, secrets, clock
    ):
        for number in range(12):
            sandbox.order([("TEE", 1)], at=NOW + timedelta(seconds=number))
        clock.later(minutes=1)
        small = MagentoClient(settings.model_copy(update={"base_url": sandbox.url, "page_size": 4}), secrets)
        seen = set()
        async for payloads, _ in small.poll(None):
            seen |= {payload.body["entity_id"] for payload in payloads}
            if len(seen) == 4:
                for order in (1, 2, 3):  # they move to the end, and the fifth to the first page
                    sandbox.shop.touch(sandbox.shop.orders[order], clock.later(seconds=1))
        assert seen == set(range(1, 13))
        await small.close()

    async def test_given_an_order_that_magento_cannot_show_then_the_others_come_and_it_is_refused_by_its_place(
        self, client, sandbox, clock
    ):
        for number in range(5):
            sandbox.order([("TEE", 1)], at=NOW + timedelta(seconds=number))
        clock.later(minutes=1)
        sandbox.broken_orders = {3}
        payloads = [payload async for page, _ in client.poll(None) for payload in page]
        assert [payload.body["entity_id"] for payload in payloads] == [1, 2, 4, 5, 0]
        with pytest.raises(Refused, match="the document that changed next after 2026-11-23 12:00:01"):
            connector.read("shop", payloads[-1])

    async def test_given_a_shop_that_answers_nothing_then_it_is_not_taken_for_broken_orders(
        self, client, sandbox, clock
    ):
        for _ in range(5):
            sandbox.order([("TEE", 1)], at=NOW)
        sandbox.broken_orders = {1, 2, 3, 4, 5}
        calls = sandbox.gate.calls
        with pytest.raises(Unreachable, match="500"):
            await polled(client, "2026-11-23 11:00:00;;")
        assert sandbox.gate.calls - calls == 3

    async def test_given_a_poll_that_was_not_taken_then_the_next_has_it_again(self, client, sandbox, clock):
        order = sandbox.order([("TEE", 2)], at=NOW)
        clock.later(minutes=1)
        polling = client.poll(f"{'2026-11-23 11:59:00'};;")
        await anext(polling)
        await polling.aclose()
        assert (await polled(client, "2026-11-23 11:59:00;;"))[0] == [(order, 0, 0)]

    async def test_given_a_shop_of_one_source_and_its_settings_then_the_documents_are_completed_by_them(
        self, sandbox, settings, secrets, clock
    ):
        order = sandbox.order([("TEE", 2)], at=NOW, customer_group_id=2)
        sandbox.ship(order, "WH", [("TEE", 1)], at=NOW)
        sandbox.refund(order, [("TEE", 1)], at=NOW, to_stock=True)
        sandbox.shop.shipments[1]["extension_attributes"] = {}
        clock.later(minutes=1)
        told = {"wholesale": Wholesale(groups=[2]), "single_source": "WH", "refunds_restock": True}
        client = MagentoClient(settings.model_copy(update={"base_url": sandbox.url, **told}), secrets)
        ((payload,),) = [payloads async for payloads, _ in client.poll(None)]
        assert payload.body["demand_class"] == "wholesale"
        assert payload.body["shipments"][0]["extension_attributes"] == {"source_code": "WH"}
        assert payload.body["creditmemos"][0]["returned_to_stock"] is True
        await client.close()


class TestAccess:
    async def test_given_a_wrong_secret_then_nothing_is_read_and_no_secret_is_said(
        self, sandbox, settings, secrets
    ):
        for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret"):
            wrong = {**secrets, name: SecretStr("mistyped")}
            stranger = MagentoClient(settings.model_copy(update={"base_url": sandbox.url}), wrong)
            with pytest.raises(Unreachable, match=r"401: The consumer isn't authorized to access self") as no:
                await stranger.directory()
            assert "mistyped" not in str(no.value) + repr(stranger.__dict__)
            assert "the consumer_secret" not in repr(vars(stranger.api))
            await stranger.close()

    @pytest.mark.parametrize("allowed", [True, False])
    async def test_given_a_bearer_token_then_magento_takes_it_only_where_it_is_told_to(
        self, sandbox, settings, secrets, allowed
    ):
        sandbox.gate.integrations_as_bearer = allowed
        told = {"base_url": sandbox.url, "auth": "bearer"}
        client = MagentoClient(settings.model_copy(update=told), {"access_token": secrets["access_token"]})
        if allowed:
            assert await client.directory()
        else:
            with pytest.raises(Unreachable, match="401"):
                await client.directory()
        await client.close()

    async def test_given_the_cloud_service_then_a_token_of_ims_is_used_until_it_ends(
        self, settings, secrets, clock
    ):
        settings = settings.model_copy(update={"auth": "ims", "organization": "org"})
        plain = {name: secret.get_secret_value() for name, secret in secrets.items()}
        sandbox = MagentoSandbox(settings=settings, secrets=plain, sources=["WH"], clock=clock)
        await sandbox.start()
        there = settings.model_copy(update={"base_url": sandbox.url, "ims_url": sandbox.url})
        client = MagentoClient(there, secrets)
        await client.directory()
        await client.directory()
        assert len(sandbox.gate.tokens) == 1
        sandbox.gate.tokens.clear()
        await client.directory()
        assert len(sandbox.gate.tokens) == 1
        stranger = MagentoClient(there, {**secrets, "client_secret": SecretStr("mistyped")})
        with pytest.raises(Unreachable, match=r"IMS gives no access token \(invalid_client\)"):
            await stranger.directory()
        for one in (client, stranger):
            await one.close()
        await sandbox.stop()

    async def test_given_missing_secrets_then_it_is_said_which(self, settings, secrets):
        del secrets["consumer_secret"]
        with pytest.raises(ConnectorError, match="'oauth1' needs the secrets consumer_secret"):
            MagentoClient(settings, secrets)

    async def test_given_a_channel_with_a_sandbox_then_it_needs_no_secrets(self, settings):
        settings = settings.model_copy(update={"sandbox": "stock.csv"})
        sandbox = connector.sandbox(settings, {}, ["WH"])
        await sandbox.start()
        client = MagentoClient(settings.model_copy(update={"base_url": sandbox.url}), {})
        assert (await client.directory()).places == {"WH": "WH"}
        await client.close()
        await sandbox.stop()

    async def test_given_429_or_500_then_the_platform_is_waited_for(self, client, sandbox):
        sandbox.gate.slow_down = 1
        with pytest.raises(SlowDown) as wait:
            await client.directory()
        assert wait.value.retry_after == 2
        await asyncio.sleep(2)
        sandbox.gate.broken = 1
        with pytest.raises(Unreachable, match="500"):
            await client.directory()
        assert await client.directory()

    def test_given_one_number_for_all_sources_then_the_settings_are_refused(self):
        with pytest.raises(ValidationError, match="one number for each source"):
            MagentoSettings(platform="magento", url="https://shop", rules=ChannelRules(publish="network"))
