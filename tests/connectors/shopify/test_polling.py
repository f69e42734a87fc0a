"""What no webhook tells is read by the poll: our stock becomes the shop's, place by place and state by state."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connectors.directory import resolve
from connectors.errors import ConnectorError
from connectors.shopify import documents
from connectors.shopify.cursor import Cursor
from connectors.shopify.mapping import read
from connectors.shopify.sandbox import payloads, transfers
from connectors.shopify.webhooks import receive
from connectors.wholesale import Wholesale
from schemas.claims import Claim
from schemas.ledger import Stock, fold
from schemas.movements import Cause
from schemas.settling import Transaction, apply

STATES = ("available", "committed", "reserved")


class Hub:
    """What Onhand does with documents, in small: read, resolve, settle, fold."""

    def __init__(self, shop, client, directory):
        self.shop, self.client, self.directory = shop, client, directory
        self.transactions, self.stock, self.kinds = {}, {}, Counter()
        self.offset, self.cursor, self.told = 0, None, []
        self.opening = {cell: self.shown(*cell) for cell in self.cells()}

    def cells(self):
        return [
            (level.item.sku, level.location.key, state)
            for level in self.shop.shop.levels.values()
            for state in STATES
        ]

    def shown(self, sku, place, state):
        shop = self.shop.shop
        return getattr(shop.levels[shop.items[sku].id, shop.locations[place].id], state)

    def take(self, payload):
        claim = read("eu-shop", payload)
        assert isinstance(claim, Claim)
        claim = resolve(claim, self.directory, "Warehouse", 100)
        self.offset += 1
        before = self.transactions.get(claim.transaction, Transaction())
        after, posted = apply(before, claim, claim.occurred_at, Cause(0, self.offset, 0))
        self.transactions[claim.transaction] = after
        for number, movement in enumerate(posted):
            self.kinds[movement.kind] += 1
            held = self.stock.get(movement.sku, Stock(sku=movement.sku))
            self.stock[movement.sku] = fold(held, movement, self.offset * 1_000 + number)

    async def poll(self):
        """Polls once, and says what was told."""
        self.told = []
        async for told, cursor in self.client.poll(self.cursor):
            self.told.extend(told)
            self.cursor = cursor
        for payload in self.told:
            self.take(payload)
        return [payload.topic for payload in self.told]

    def balance(self, sku, place, state="available"):
        return self.stock[sku].balance(self.shop.shop.locations[place].name, state)

    def differences(self):
        """Where our stock is not the shop's."""
        wrong = {}
        for cell in self.cells():
            ours = self.opening.get(cell, 0) + (self.balance(*cell) if cell[0] in self.stock else 0)
            if ours != self.shown(*cell):
                wrong[cell] = (ours, self.shown(*cell))
        return wrong


@pytest.fixture
async def shop(make):
    sandbox = await make(locations={"WH": "Warehouse", "S1": "Store One", "S2": "Store Two"})
    for sku in ("A", "B"):
        for place in ("WH", "S1", "S2"):
            sandbox.seed(sku, place, 20)
    return sandbox


@pytest.fixture
async def hub(shop, connect):
    client = connect(shop)
    return Hub(shop, client, await client.directory())


async def test_given_an_order_routed_to_a_store_then_it_is_committed_there(shop, hub, at):
    shop.order([("A", 3)], at=at, routed_to="S1")
    assert await hub.poll() == ["orders/polled"]
    assert (hub.balance("A", "S1", "committed"), hub.balance("A", "WH")) == (3, 0)
    assert hub.differences() == {}
    assert await hub.poll() == []


async def test_given_an_order_moved_without_a_trace_on_it_then_the_next_poll_reads_it_again(shop, hub, at):
    number = shop.order([("A", 3), ("B", 1)], at=at, routed_to="S1")
    await hub.poll()
    shop.reroute(number, "S2", [("A", 2)], at=at + timedelta(minutes=5))
    assert shop.shop.orders[number].updated_at == at
    assert await hub.poll() == ["orders/polled"]
    assert (hub.balance("A", "S1", "committed"), hub.balance("A", "S2", "committed")) == (1, 2)
    assert hub.differences() == {}
    shop.reroute(number, "WH", at=at + timedelta(minutes=6))
    await hub.poll()
    assert hub.differences() == {}
    assert await hub.poll() == []


async def test_given_a_split_order_sent_from_two_places_and_the_rest_withdrawn_then_each_place_is_right(
    shop, hub, at
):
    number = shop.order([("A", 6)], at=at, routed_to="S1")
    shop.reroute(number, "S2", [("A", 2)], at=at + timedelta(minutes=1))
    shop.fulfil(number, "S2", [("A", 1)], at=at + timedelta(minutes=2))
    shop.fulfil(number, "S1", [("A", 2)], at=at + timedelta(minutes=3))
    await hub.poll()
    assert hub.differences() == {}
    parcel = shop.fulfil(number, "S1", [("A", 1)], at=at + timedelta(minutes=4))
    shop.unfulfil(parcel, at=at + timedelta(minutes=5))
    await hub.poll()
    assert hub.differences() == {}
    shop.cancel(number, at=at + timedelta(minutes=9))
    await hub.poll()
    assert hub.differences() == {}
    assert hub.balance("A", "S1", "committed") == hub.balance("A", "S2", "committed") == 0


async def test_given_an_empty_bucket_and_many_moves_then_the_poll_waits_and_ends(shop, hub, at):
    numbers = [shop.order([("A", 1)], at=at, routed_to="S1") for _ in range(8)]
    await hub.poll()
    for number in numbers:
        shop.reroute(number, "S2", at=at + timedelta(minutes=5))
    shop._bucket._held = 15.0
    assert await hub.poll() == ["orders/polled"] * 8
    assert hub.differences() == {}


@pytest.mark.parametrize(
    ("status", "request_status", "why"),
    [
        ("ON_HOLD", "REJECTED", "the place has rejected the request"),
        ("INCOMPLETE", "CLOSED", "the place has ended the request unfinished"),
    ],
)
async def test_given_a_request_that_a_place_will_not_carry_out_then_nothing_moves_until_somebody_moves_it(
    shop, hub, at, status, request_status, why
):
    number = shop.order([("A", 2)], at=at, routed_to="S1")
    await hub.poll()
    (route,) = shop.shop.orders[number].routes
    route.status, route.request_status, route.updated_at = status, request_status, at + timedelta(minutes=1)
    before = sum(hub.kinds.values())
    assert await hub.poll() == ["orders/polled"]
    assert sum(hub.kinds.values()) == before
    skipped = [one for part in read("eu-shop", hub.told[0]).documents for one in part.skipped]
    assert [one.reason.partition(";")[0] for one in skipped] == [why]
    assert hub.differences() == {}
    shop.reroute(number, "S2", at=at + timedelta(minutes=2))
    await hub.poll()
    assert (hub.balance("A", "S1", "committed"), hub.balance("A", "S2", "committed")) == (0, 2)
    assert hub.differences() == {}


async def test_given_a_pick_up_then_it_is_collected_at_its_place_and_one_that_lapses_is_given_back(
    shop, hub, at
):
    collected = shop.order([("A", 1)], at=at, routed_to="S1", pick_up=True)
    lapsed = shop.order([("A", 2)], at=at, routed_to="S1", pick_up=True)
    await hub.poll()
    assert hub.balance("A", "S1", "committed") == 3
    shop.fulfil(collected, "S1", at=at + timedelta(hours=1))
    shop.cancel(lapsed, at=at + timedelta(days=7))
    await hub.poll()
    assert (hub.kinds["PickupCollected"], hub.kinds["OrderShipped"]) == (1, 0)
    assert hub.balance("A", "S1", "committed") == 0
    assert hub.differences() == {}


async def test_given_an_order_at_a_till_then_it_is_taken_there_and_what_is_sent_from_elsewhere_is_routed(
    shop, hub, at
):
    carried = shop.order([("A", 2)], at=at, routed_to="S1", till=True)
    shop.fulfil(carried, "S1", at=at)
    await hub.poll()
    assert [
        one.id for one in read("eu-shop", hub.told[0]).documents if "routing" in one.id and one.lines
    ] == []
    assert (hub.balance("A", "S1"), hub.balance("A", "WH")) == (-2, 0)
    sent = shop.order([("B", 1)], at=at, routed_to="S1", till=True)
    shop.reroute(sent, "S2", at=at + timedelta(minutes=1))
    await hub.poll()
    assert hub.balance("B", "S2", "committed") == 1
    shop.fulfil(sent, "S2", at=at + timedelta(minutes=2))
    await hub.poll()
    assert hub.differences() == {}


async def test_given_the_one_place_a_network_is_told_at_then_it_is_not_where_an_order_was_routed_to(
    shop, connect, at
):
    shop.order([("A", 1)], at=at)
    for publish, routed in (("network", []), ("locations", ["location:1001"])):
        client = connect(shop)
        rules = type(client.settings.rules)(publish=publish)
        client = connect(shop, rules=rules)
        (payload,) = [payload async for told, _ in client.poll(None) for payload in told]
        assert [line.there for line in read("eu-shop", payload).documents[-1].lines] == routed


async def test_given_goods_back_without_a_refund_then_each_lands_where_its_disposition_says(shop, hub, at):
    number = shop.order([("A", 5)], at=at)
    shop.fulfil(number, "WH", at=at + timedelta(minutes=1))
    for minute, kind in enumerate(("RESTOCKED", "PROCESSING_REQUIRED", "NOT_RESTOCKED", "MISSING"), start=2):
        shop.give_back(number, [("A", 1)], kind=kind, location="S1", at=at + timedelta(minutes=minute))
    await hub.poll()
    assert hub.balance("A", "S1") == 1
    assert hub.balance("A", "S1", "quality_control") == 1
    assert hub.balance("A", "S1", "damaged") == 1
    assert hub.stock["A"].total() == 0
    assert hub.differences() == {}


async def test_given_a_refund_and_the_return_it_was_for_then_the_units_come_back_once(shop, hub, at):
    number = shop.order([("A", 4)], at=at)
    shop.fulfil(number, "WH", at=at + timedelta(minutes=1))
    shop.refund(number, [("A", 2)], restock="return", location="S1", at=at + timedelta(minutes=2))
    order = shop.shop.orders[number]
    shop.give_back(number, [("A", 2)], kind="RESTOCKED", location="S1", at=at + timedelta(minutes=3))
    shop.shop.move(order.lines[0].item, shop.shop.locations["S1"], at, available=-2)
    await hub.poll()
    assert hub.balance("A", "S1") == 2
    assert hub.differences() == {}


async def test_given_a_transfer_then_every_step_moves_what_the_shop_moves(shop, hub, at):
    made = transfers.plan(shop.shop, "WH", "S1", {"A": 10, "B": 2}, at)
    assert await hub.poll() == ["inventory_transfers/polled"]
    assert hub.stock == {}
    transfers.ready(shop.shop, made, at)
    await hub.poll()
    assert (hub.balance("A", "WH"), hub.balance("A", "WH", "reserved")) == (-10, 10)
    assert hub.differences() == {}
    assert await hub.poll() == [], "a transfer that says nothing new is not told"
    part = transfers.ship(shop.shop, made, {"A": 6}, at + timedelta(hours=1))
    await hub.poll()
    assert hub.balance("A", "S1", "incoming") == 6
    assert hub.differences() == {}
    transfers.receive(shop.shop, made, part, {"A": 4}, {"A": 1}, at + timedelta(hours=2))
    await hub.poll()
    assert hub.differences() == {}
    assert hub.stock["A"].boundary["@loss"] == 1
    transfers.receive(shop.shop, made, part, {"A": 1}, {}, at + timedelta(hours=3))
    transfers.cancel(shop.shop, made, at + timedelta(hours=4))
    assert await hub.poll() == ["inventory_transfers/polled"], "it ended since the last poll"
    assert hub.differences() == {}
    assert await hub.poll() == []
    assert await hub.poll() == []


async def test_given_goods_from_a_supplier_then_they_are_expected_until_they_come(shop, hub, at):
    made = transfers.plan(shop.shop, None, "S1", {"A": 10}, at)
    transfers.ready(shop.shop, made, at)
    await hub.poll()
    assert (hub.balance("A", "S1", "incoming"), hub.balance("A", "S1")) == (10, 0)
    part = transfers.ship(shop.shop, made, {"A": 10}, at)
    transfers.receive(shop.shop, made, part, {"A": 9}, {"A": 1}, at + timedelta(hours=2))
    await hub.poll()
    assert (hub.balance("A", "S1", "incoming"), hub.balance("A", "S1")) == (0, 9)
    assert hub.differences() == {}


async def test_given_a_transfer_that_began_and_ended_between_two_polls_then_it_is_told(shop, hub):
    await hub.poll()
    now = hub.client.admin.seen_at
    made = transfers.plan(shop.shop, "WH", "S2", {"B": 3}, now)
    transfers.ready(shop.shop, made, now)
    part = transfers.ship(shop.shop, made, {"B": 3}, now)
    transfers.receive(shop.shop, made, part, {"B": 3}, {}, now)
    assert made.status == "TRANSFERRED"
    await hub.poll()
    assert hub.differences() == {}


async def test_given_a_token_without_the_scopes_then_only_orders_are_asked_for(shop, connect, at):
    shop.order([("A", 1)], at=at, routed_to="S1")
    client = connect(shop, polls=())
    ask, asked = client.admin.call, []

    async def listen(document, variables):
        asked.append((document, variables.get("routing"), variables.get("returns")))
        return await ask(document, variables)

    client.admin.call = listen
    (payload,) = [payload async for told, _ in client.poll(None) for payload in told]
    assert asked == [(documents.ORDERS, False, False)]
    assert payload.body.keys() & {"fulfillment_orders", "reverse_fulfillment_orders"} == set()
    assert [one.id for one in read("eu-shop", payload).documents] == [f"order/{payload.body['id']}"]


async def test_given_a_scope_is_missing_then_the_poll_says_which_and_what_to_do(shop, hub, at):
    shop.order([("A", 1)], at=at)
    ask = hub.client.admin._http.call
    message = (
        "Access denied for fulfillmentOrders field. Required access: `read_assigned_fulfillment_orders`."
    )

    async def denied(method, path, **rest):
        reply = await ask(method, path, **rest)
        reply.body["errors"] = [{"message": message, "extensions": {"code": "ACCESS_DENIED"}}]
        return reply

    hub.client.admin._http.call = denied
    with pytest.raises(ConnectorError, match=r"read_assigned_fulfillment_orders.*polls, customers"):
        await hub.poll()


async def test_given_an_order_that_the_search_shows_late_then_the_overlap_has_it(shop, hub, at):
    shop.order([("A", 1)], at=at)
    await hub.poll()
    shop.order([("A", 2)], at=at - timedelta(seconds=50))
    assert await hub.poll() == ["orders/polled"]
    assert await hub.poll() == []


def test_given_a_cursor_of_the_older_form_then_it_goes_on_from_there():
    at = Cursor.read("2026-11-02T09:30:00Z 6000000000001 6000000000002")
    assert at.orders.search == "updated_at:>='2026-11-02T09:29:00Z'"
    node = {"id": "gid://shopify/Order/6000000000001", "updatedAt": "2026-11-02T09:30:00Z"}
    assert at.orders.fresh([node, {**node, "updatedAt": "2026-11-02T09:30:01Z"}]) == [
        {**node, "updatedAt": "2026-11-02T09:30:01Z"}
    ]
    assert Cursor.read(at.written) == at


async def test_given_a_wholesale_rule_then_webhook_and_poll_mark_the_order_and_keep_no_tag(
    *, shop, connect, secrets, at
):
    client = connect(shop, wholesale=Wholesale(tags=["B2B"], sources=[580111]))
    classes = {}
    for name, tags, source in (
        ("tag", ("b2b ", "Canary"), "web"),
        ("app", (), "580111"),
        ("none", (), "web"),
    ):
        number = shop.order([("A", 1)], at=at)
        order = shop.shop.orders[number]
        order.tags, order.source = tags, source
        body, headers = shop.signed("orders/create", payloads.order(order, shop.shop_name))
        (hooked,) = receive(client.settings, secrets, headers, body, "")
        assert "canary" not in str(hooked.body).lower()
        classes[name] = read("eu-shop", hooked).demand_class
    polled = [payload async for told, _ in client.poll(None) for payload in told]
    assert classes == {"tag": "wholesale", "app": "wholesale", "none": "retail"}
    assert [read("eu-shop", payload).demand_class for payload in polled] == list(classes.values())
    assert "tags" not in polled[0].body


@pytest.mark.parametrize("seed", range(3))
async def test_given_a_day_shuffled_with_losses_then_one_poll_makes_our_stock_the_shops(
    *, shop, connect, inbox, settings, secrets, at, seed
):
    chance = random.Random(seed)
    client = connect(shop)
    await client.subscribe(inbox.url)
    hub = Hub(shop, client, await client.directory())
    for number in range(40):
        moment = at + timedelta(minutes=10 * number)
        sku, place = chance.choice("AB"), chance.choice(["WH", "S1", "S2"])
        order = shop.order([(sku, 3)], at=moment, routed_to=place)
        if chance.random() < 0.3:
            shop.reroute(
                order,
                chance.choice(["S1", "S2"]),
                [(sku, chance.randint(1, 3))],
                at=moment + timedelta(minutes=1),
            )
        fate = chance.random()
        if fate < 0.2:
            shop.cancel(order, at=moment + timedelta(minutes=2))
        elif fate < 0.8:
            parcel = shop.fulfil(
                order, chance.choice(["WH", "S1"]), [(sku, 2)], at=moment + timedelta(minutes=2)
            )
            if fate < 0.35:
                shop.unfulfil(parcel, at=moment + timedelta(minutes=3))
            elif fate < 0.5:
                shop.refund(
                    order, [(sku, 1)], restock="return", location="S2", at=moment + timedelta(minutes=4)
                )
            elif fate < 0.6:
                shop.give_back(
                    order, [(sku, 1)], kind="RESTOCKED", location="S1", at=moment + timedelta(minutes=4)
                )
    await shop.emitter.drain()
    heard = [one for one in inbox.got if chance.random() >= 0.02]
    heard += chance.choices(heard, k=20)
    chance.shuffle(heard)
    assert len(heard) > 80
    for headers, body, _ in heard:
        for payload in receive(settings, secrets, headers, body, ""):
            hub.take(payload)
    await hub.poll()
    assert hub.differences() == {}
    assert all(stock.total() == 0 for stock in hub.stock.values())


async def test_given_a_return_within_the_second_in_which_its_order_was_read_then_the_next_poll_has_it(
    shop, connect
):
    # a second that is not over when it is read, however slowly that goes
    client, at = connect(shop), datetime.now(UTC) + timedelta(seconds=30)
    order = shop.order([("A", 2)], at=at)
    shop.fulfil(order, "WH", at=at)
    cursor = [cursor async for _, cursor in client.poll(None)][-1]
    shop.give_back(order, [("A", 1)], kind="PROCESSING_REQUIRED", location="S1", at=at)
    found = [one async for page, _ in client.poll(cursor) for one in page]
    assert [len(one.body["reverse_fulfillment_orders"]) for one in found] == [1]


async def test_given_a_change_whose_second_is_over_then_it_is_read_once(shop, connect):
    client = connect(shop)
    shop.order([("A", 2)], at=datetime.now(UTC) - timedelta(seconds=5))
    cursor = [cursor async for _, cursor in client.poll(None)][-1]
    assert [one async for page, _ in client.poll(cursor) for one in page] == []
