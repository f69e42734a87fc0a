"""The client against the sandbox: directory, levels, polling, subscribing, waiting, and who it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr, ValidationError

from connectors.directory import Item
from connectors.errors import Refused, SlowDown, Unreachable
from connectors.pacing import Pace
from connectors.polite import Reply
from connectors.shipstation import ShipStationSettings, connector
from connectors.shipstation.feeds import FEEDS
from connectors.shipstation.polling import Poller


async def test_given_products_and_warehouses_then_the_directory_resolves_both_ways(directory, api, sandbox):
    tee = sandbox.account.numbers["TEE"]
    assert directory.items["TEE"] == directory.items[f"product:{tee}"] == Item("TEE")
    assert directory.items["GIFTCARD"] == Item("GIFTCARD", tracked=False)
    assert directory.places == {"WH": "se-il-1", "EAST": "se-il-2"}
    assert (
        directory.locations["inventory_location:se-il-2"] == directory.locations["warehouse:456701"] == "EAST"
    )
    assert ("warehouse:se-456701" in directory.locations) == (api == "v2")


async def test_given_more_than_a_page_then_everything_is_read(client, sandbox):
    for number in range(1_100):
        sandbox.seed(f"SKU{number}", "WH", number)
    assert len((await client.directory()).handles) == 1_104
    levels = [level async for page in client.levels() for level in page]
    assert len(levels) == 1_106
    assert {(level.item, level.location): level.level for level in levels}[
        "SKU7", "inventory_location:se-il-1"
    ] == 7
    assert all(abs((level.observed_at - datetime.now(UTC)).total_seconds()) < 10 for level in levels)


async def test_given_an_account_without_the_inventory_api_then_nothing_of_v2_is_asked(sandbox, at):
    settings = ShipStationSettings(platform="shipstation", inventory=False, base_url=sandbox.url)
    client = connector.client(settings, {"api_key": SecretStr("key"), "api_secret": SecretStr("secret")})
    sandbox.order([("TEE", 1)], at=at(0))
    directory = await client.directory()
    assert (directory.places, [page async for page in client.levels()]) == ({}, [])
    assert [len(payloads) async for payloads, _ in client.poll(None)] == [1]
    await client.subscribe("http://127.0.0.1:9/webhooks/parcels")
    await client.close()
    assert not [path for _, path in sandbox.gate.calls if path.startswith("/v2")]


async def test_given_no_v2_key_then_the_reason_says_what_to_do(sandbox):
    settings = ShipStationSettings(platform="shipstation", base_url=sandbox.url)
    client = connector.client(settings, {"api_key": SecretStr("key"), "api_secret": SecretStr("secret")})
    with pytest.raises(Unreachable, match="v2_api_key"):
        await client.directory()
    await client.close()


async def test_given_levels_merged_over_locations_then_they_are_not_taken_for_a_locations(
    client, sandbox, monkeypatch
):
    from connectors.shipstation.sandbox import v2_shapes  # noqa: PLC0415

    whole = v2_shapes.level
    monkeypatch.setattr(v2_shapes, "level", lambda *args, merged: whole(*args, merged=True))
    with pytest.raises(Unreachable, match="inventory location"):
        [page async for page in client.levels()]


class TestPolling:
    async def test_given_more_orders_than_a_page_of_one_second_then_each_comes_once(self, sandbox, poll, at):
        for number in range(1_100):
            sandbox.order([("TEE", 1)], at=at(0 if number < 700 else number))
        documents, cursor = await poll()
        idents = [body.get("orderId") or body.get("shipment_id") for body in (d.body for d in documents)]
        assert len(idents) == len(set(idents)) == 1_100
        assert (await poll(cursor))[0] == []

    async def test_given_orders_that_change_while_they_are_read_then_none_is_stepped_over(
        self, sandbox, client, at
    ):
        orders = [sandbox.order([("TEE", 1)], at=at(number)) for number in range(1_100)]
        seen = set()
        touched = False
        async for payloads, _ in client.poll(None):
            seen |= {str(d.body.get("orderId") or d.body.get("shipment_id")) for d in payloads}
            if not touched:
                touched = True
                for order in orders[:50]:
                    sandbox.edit(order, [("TEE", 2)], at=at(5_000))
        assert {ident.removeprefix("se-") for ident in seen} == {str(order) for order in orders}

    async def test_given_a_late_row_behind_the_cursor_then_the_overlap_finds_it(self, sandbox, poll, at):
        sandbox.order([("TEE", 1)], at=at(60))
        _, cursor = await poll()
        sandbox.order([("MUG", 1)], at=at(55))
        assert len((await poll(cursor))[0]) == 1

    async def test_given_a_restart_then_what_is_in_the_overlap_comes_again_and_no_more(
        self, sandbox, poll, at, settings, secrets
    ):
        for number in range(100):
            sandbox.order([("TEE", 1)], at=at(number))
        _, cursor = await poll()
        again = connector.client(settings, secrets)
        found = [payload async for payloads, _ in again.poll(cursor) for payload in payloads]
        await again.close()
        assert len(found) == 11, "ten minutes, both ends included"

    async def test_given_a_label_that_is_long_in_the_making_then_its_completion_is_found(
        self, sandbox, poll, at, api
    ):
        if api == "v1":
            pytest.skip("V1 shows a label once it is made")
        slow = sandbox.label(sandbox.order([("TEE", 1)], at=at(0)), at=at(1))
        sandbox.account.labels[slow].making = True
        sandbox.label(sandbox.order([("MUG", 1)], at=at(60)), at=at(61))
        _, cursor = await poll()
        sandbox.account.labels[slow].making = False
        documents, cursor = await poll(cursor)
        assert [(d.body["label_id"], d.body["status"]) for d in documents] == [(f"se-{slow}", "completed")]
        assert (await poll(cursor))[0] == []

    async def test_given_the_hour_that_comes_twice_then_v1_is_asked_for_it_twice(self, settings, client):
        poller = Poller(client.api, settings.model_copy(update={"documents": "v1"}))
        inside, before = datetime(2026, 11, 1, 8, 50, tzinfo=UTC), datetime(2026, 11, 1, 3, tzinfo=UTC)
        assert poller._written(inside) == "2026-11-01 00:50:00"
        assert poller._written(before) == "2026-10-31 20:00:00"

    async def test_given_levels_are_observed_then_a_poll_brings_them_all(self, sandbox, settings, secrets):
        client = connector.client(settings.model_copy(update={"observe": True}), secrets)
        (payloads,) = [found async for found, _ in client.poll(None)]
        await client.close()
        seen = [connector.read("parcels", payload) for payload in payloads]
        assert {(one.sku, one.location): one.level for one in seen}["TEE", "inventory_location:se-il-2"] == 50

    async def test_given_a_fulfilment_whose_order_is_gone_then_it_is_told_and_refused(
        self, sandbox, poll, at, api
    ):
        order = sandbox.order([("TEE", 1)], at=at(0))
        sandbox.mark_shipped(order, at=at(1))
        del sandbox.account.orders[order]
        (document,), _ = await poll()
        with pytest.raises(Refused, match=f"{'orderId' if api == 'v1' else 'shipment_id'} is missing"):
            connector.read("parcels", document)

    async def test_given_a_label_read_before_its_shipment_then_the_shipment_is_asked_for(
        self, sandbox, at, client, api
    ):
        if api == "v1":
            pytest.skip("V1's labels name their goods")
        label = sandbox.label(sandbox.order([("TEE", 1)], at=at(0)), at=at(1))
        poller = Poller(client.api, client.settings)
        found = await poller._shipment({"shipment_id": f"se-{sandbox.account.labels[label].order.id}"})
        assert [row["sku"] for row in found["items"]] == ["TEE"]
        assert await poller._shipment({"shipment_id": "se-1"}) == await poller._shipment({}) == {}

    @pytest.mark.parametrize(
        "answer",
        [{}, {"orders": [], "shipments": []}, [], None, {"orders": [{}], "shipments": [{}], "pages": 1}],
    )
    async def test_given_an_answer_of_something_else_then_it_is_unreachable_and_no_crash(
        self, client, monkeypatch, answer
    ):
        async def other(*_args, **_more):
            return Reply(200, {}, answer)

        monkeypatch.setattr(client.api, "v1", other)
        monkeypatch.setattr(client.api, "v2", other)
        poller = Poller(client.api, client.settings)
        if answer in ([], {"orders": [], "shipments": []}):
            assert [found async for found in poller._rows(FEEDS[client.settings.documents][0], None)] == []
        else:
            with pytest.raises(Unreachable):
                [found async for found in poller._rows(FEEDS[client.settings.documents][0], None)]

    async def test_given_a_provider_and_a_location_mapped_to_it_then_its_document_says_so(
        self, sandbox, settings, secrets, at, api
    ):
        sandbox.mark_shipped(sandbox.order([("TEE", 1)], at=at(0)), at=at(1), provider="threepl")
        client = connector.client(
            settings.model_copy(update={"locations": {"provider:threepl": "3PL"}}), secrets
        )
        found = [payload async for payloads, _ in client.poll(None) for payload in payloads]
        await client.close()
        claims = [connector.read("parcels", payload) for payload in found]
        if api == "v2":  # a shipment of V2 does not say who will send it
            claims = [claim for claim in claims if claim.topic == "v2/fulfillment"]
        places = {line.location for claim in claims for line in claim.documents[0].lines}
        assert places == {"provider:threepl"}


class TestWaiting:
    async def test_given_v1s_calls_are_used_up_then_it_waits_as_long_as_the_reset_says(self, sandbox, client):
        sandbox.gate.allowed["v1"] = len(sandbox.gate.calls) + 1
        await client.api.v1("GET", "/warehouses")
        with pytest.raises(SlowDown) as told:
            await client.api.v1("GET", "/warehouses")
        assert 1 < told.value.retry_after <= 60
        assert len(sandbox.gate.calls) == 1, "it was not even asked"

    async def test_given_v1_answers_429_then_the_reset_is_the_delay(self, sandbox, client):
        sandbox.gate.allowed["v1"] = 0
        with pytest.raises(SlowDown) as told:
            await client.api.v1("GET", "/warehouses")
        assert 1 < told.value.retry_after <= 60

    async def test_given_v2_answers_429_then_retry_after_is_the_delay(self, sandbox, client):
        sandbox.gate.allowed["v2"] = 0
        with pytest.raises(SlowDown) as told:
            await client.api.v2("GET", "/inventory")
        assert 1 < told.value.retry_after <= 60

    @pytest.mark.parametrize(("name", "path"), [("v1", "/warehouses"), ("v2", "/inventory")])
    async def test_given_an_api_asked_to_wait_then_nobody_asks_it_meanwhile_and_the_other_is_free(
        self, sandbox, client, name, path
    ):
        sandbox.gate.allowed[name] = 0
        ask = getattr(client.api, name)
        for _ in range(3):
            with pytest.raises(SlowDown) as told:
                await ask("GET", path)
            assert 1 < told.value.retry_after <= 60
        assert len(sandbox.gate.calls) == 1
        other, its = ("v2", "/inventory") if name == "v1" else ("v1", "/warehouses")
        assert (await getattr(client.api, other)("GET", its)).status == 200

    async def test_given_a_poll_that_is_stopped_in_the_middle_then_it_goes_on_from_its_cursor(
        self, sandbox, client, at
    ):
        for number in range(1_100):
            sandbox.order([("TEE", 1)], at=at(number))
        sandbox.gate.allowed.update({"v1": 2, "v2": 2})
        seen, cursors = set(), []

        async def take(cursor):
            async for payloads, after in client.poll(cursor):
                seen.update(json.dumps(payload.body) for payload in payloads)
                cursors.append(after)

        with pytest.raises(SlowDown):
            await take(None)
        assert 0 < len(seen) < 1_100
        sandbox.gate.allowed.update({"v1": None, "v2": None})
        client.api._v1.pace = client.api._v2.pace = Pace()  # much later
        await take(cursors[-1])
        assert len(seen) == 1_100

    async def test_given_a_broken_server_then_it_is_unreachable(self, sandbox, client, monkeypatch):
        monkeypatch.setattr(sandbox.account, "places", None)
        with pytest.raises(Unreachable, match="500"):
            await client.api.v1("GET", "/warehouses")


class TestIdentity:
    @pytest.mark.parametrize("name", ["api_key", "api_secret", "v2_api_key"])
    async def test_given_a_wrong_credential_then_it_is_refused_and_never_shown(self, settings, secrets, name):
        client = connector.client(settings, {**secrets, name: SecretStr("s3cr3t-value")})
        with pytest.raises(Unreachable, match="401") as told:
            await client.directory()
        await client.close()
        assert "s3cr3t" not in str(told.value)
        assert "s3cr3t" not in repr(client) + repr(client.__dict__) + repr(client.api.__dict__)

    @pytest.mark.parametrize("zone", ["Pacific", "", "../etc/passwd"])
    def test_given_a_zone_that_is_none_then_the_file_is_refused(self, zone):
        with pytest.raises(ValidationError, match="time_zone"):
            ShipStationSettings(platform="shipstation", time_zone=zone)

    def test_given_no_base_url_then_the_addresses_are_the_vendors(self):
        settings = ShipStationSettings(platform="shipstation")
        assert settings.v1 == "https://ssapi.shipstation.com"
        assert settings.v2 == "https://api.shipstation.com/v2"
        assert settings.jwks == "https://api.shipengine.com/jwks"


class TestLinks:
    async def test_given_a_next_link_to_another_host_then_only_its_query_is_used(
        self, sandbox, client, monkeypatch
    ):
        for number in range(150):
            sandbox.seed(f"SKU{number}", "WH", 1)
        sandbox.v2._origin = lambda: "https://evil.example/steal"
        levels = [level async for page in client.levels() for level in page]
        assert len(levels) == 156

    async def test_given_a_list_that_never_ends_then_it_is_a_fault(self, sandbox, client, monkeypatch):
        monkeypatch.setattr("connectors.shipstation.api.PAGES_MAX", 3)
        for number in range(500):
            sandbox.seed(f"SKU{number}", "WH", 1)
        with pytest.raises(Unreachable, match="does not end"):
            [page async for page in client.levels()]
