"""Orders that other platforms carry out, against their doubles and real PostgreSQL: waits, lost answers, refusals, and two servers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from connectors.contract import Recipient
from connectors.directory import resolve
from connectors.errors import Unreachable
from connectors.lightspeed_x.sandbox.gate import WINDOW
from connectors.registry import CONNECTORS
from projections.carrying import CarryingOut
from projections.queries import Queries
from projections.recorder import Batch, Recorder
from projections.vault import MasterKey, Vault
from schemas.carrying import LATE, MENDED, State
from schemas.claims import Claim, Document, Fact, Line
from schemas.codec import encode
from schemas.movements import Cause, Movement
from schemas.postings import Kind, Places, legs
from schemas.settling import Settler, Transaction, apply
from schemas.topics import MOVEMENTS
from streams.asking import Asking
from streams.carrying import BATCH, Carrying
from streams.customers import Customers
from streams.directories import Directories
from streams.settings import load

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
AUTHOR = "c0ffee00-0000-4000-8000-00000000000a"
DEAL = "order/web/1"
TOML = f"""
[locations.SOHO]
carried_out_by = "tills"
[locations.HARLEM]
carried_out_by = "tills"
[locations.DEPOT]
carried_out_by = "erp"
[locations.MALL]
carried_out_by = "erp"
[locations.ATTIC]

[channels.tills]
platform = "lightspeed_x"
domain_prefix = "demo"
author_id = "{AUTHOR}"

[channels.erp]
platform = "netsuite"
account = "1234567_SB1"
adjustment_account = "213"
customer = "1502"
"""
SECRETS = {
    "tills": {"access_token": "token", "client_secret": "secret"},
    "erp": {
        "consumer_key": "integration",
        "consumer_secret": "integration-secret",
        "token_id": "token",
        "token_secret": "token-secret",
        "client_id": "client",
        "certificate_id": "certificate",
        "private_key": "private-key",
    },
}
PLACES = {"tills": ("SOHO", "HARLEM", "ATTIC"), "erp": ("DEPOT", "MALL")}


class Journal:
    """The journal as the recorder writes it."""

    def __init__(self, pool):
        self.recorder, self.next = Recorder(pool), 0

    async def post(self, kind, units=2, here="SOHO", *, sku="TEE", deal=DEAL, channel="web", **places):
        movement = Movement(
            id=Cause(0, self.next, 0).movement_id,
            kind=kind,
            sku=sku,
            quantity=units,
            legs=legs(kind, units, Places(here, **places)),
            transaction=deal,
            channel=channel,
            document=deal,
            occurred_at=NOW + timedelta(seconds=self.next),
            recorded_at=NOW + timedelta(seconds=self.next),
            cause=Cause(0, self.next, 0),
        )
        await self.record(movement)

    async def ends(self):
        """Where the log ends."""
        return {0: self.next}

    async def record(self, movement):
        await self.recorder.record([Batch(MOVEMENTS, 0, [(self.next, 0, encode(movement))], self.next + 1)])
        self.next += 1


class Books:
    """What the hub makes of claims, in small: settled, and recorded in the journal."""

    def __init__(self, journal, authority):
        self.journal, self.authority = journal, authority
        self.deals, self.offset = {}, 0

    async def take(self, claim):
        deal = self.deals.get(claim.transaction, Transaction())
        at = NOW + timedelta(minutes=self.offset)
        cause = Cause(1, self.offset, 0)
        self.deals[claim.transaction], moved = apply(deal, claim, at, cause, Settler(self.authority))
        self.offset += 1
        for movement in moved:
            await self.journal.record(movement)

    async def poll(self, shop, channel):
        """Takes in what a platform has to tell."""
        connector = shop.directories.settings.connector(channel)
        async for payloads, _ in shop.clients[channel].poll(None):
            for payload in payloads:
                said = connector.read(channel, payload)
                if isinstance(said, Claim):
                    await self.take(resolve(said, shop.directories.of(channel), "DEPOT", 1_000))

    async def web(self, units, cancelled=0):
        """The web shop's order, committed at the depot."""
        facts = [(Fact.ORDERED, units), *([(Fact.CANCELLED, cancelled)] if cancelled else [])]
        lines = tuple(
            Line(fact=fact, sku="TEE", quantity=number, at=NOW, location="DEPOT") for fact, number in facts
        )
        document = Document(id="order/1", version=1 + cancelled, lines=lines)
        claim = Claim(transaction=DEAL, channel="web", topic="orders", occurred_at=NOW, documents=(document,))
        await self.take(claim)


class Shop:
    """A hub, and the doubles of the platforms that carry out for it."""

    def __init__(self, settings, doubles, clients, pool):
        self.doubles, self.memory, self.pool = doubles, CarryingOut(Queries(pool)), pool
        self.journal, self.now = Journal(pool), NOW + timedelta(hours=1)
        self.directories = Directories(settings, clients, Queries(pool))
        self.clients, self.books = clients, Books(self.journal, settings.witnesses)

    async def committed(self):
        """What is committed at the depot for the deal."""
        found = await self.memory.wanted([DEAL], ())
        return next((one.committed for one in found if one.location == "DEPOT"), {})

    def server(self, channel="tills", customers=None):
        """Another server that has just begun to carry out."""
        connector = self.directories.settings.connector(channel)
        asking = Asking(
            channel=channel,
            orders=connector.orders(self.clients[channel]),
            directories=self.directories,
            memory=self.memory,
            customers=customers,
            clock=lambda: self.now,
        )
        return Carrying(asking=asking, ends=self.journal.ends, dsn="", role="")

    def sales(self):
        """The tills' sales: state, outlet, units."""
        retailer = self.doubles["tills"]._retailer
        return [
            (sale.state, retailer.outlets[sale.outlet].name, [units for _, units in sale.items])
            for sale in retailer.sales
        ]

    async def rows(self, deal=DEAL):
        return {place: row for (_, place), row in (await self.memory.carried([deal])).items()}

    async def states(self, deal=DEAL):
        return {place: row.state for place, row in (await self.rows(deal)).items()}


async def soon(carrying):
    """One look, with whatever was put off."""
    carrying._again = dict.fromkeys(carrying._again, 0.0)
    carrying._quiet_until = 0.0
    await carrying.once()


@pytest.fixture
async def shop(pool, tmp_path):
    file = tmp_path / "onhand.toml"
    file.write_text(TOML)
    settings = load(file)
    doubles, clients = {}, {}
    for name, its in settings.channels.items():
        connector = CONNECTORS[its.platform]
        double = connector.sandbox(its, SECRETS[name], PLACES[name])
        for place in PLACES[name]:
            for sku in ("TEE", "MUG"):
                double.seed(sku, place, 20)
        await double.start()
        doubles[name] = double
        here = settings.addressed(name).model_copy(update={"base_url": double.url})
        clients[name] = connector.client(here, {key: SecretStr(one) for key, one in SECRETS[name].items()})
    yield Shop(settings, doubles, clients, pool)
    for name, double in doubles.items():
        await clients[name].close()
        await double.stop()


@pytest.fixture
def tills(shop):
    return shop.server()


async def test_given_a_shop_that_has_not_said_all_yet_then_nobody_is_asked_where_its_order_may_not_be_brought(
    shop, tills
):
    heard, asked = set(), []

    def hears(channel, at):
        asked.append((channel, at))
        return channel in heard

    tills.heard = hears
    await shop.journal.post(Kind.ORDER_PLACED)
    await soon(tills)
    assert (shop.sales(), await shop.states()) == ([], {"SOHO": State.ASKED})
    assert set(asked) == {("web", NOW)}
    await shop.journal.post(Kind.ORDER_REROUTED, 2, there="HARLEM")
    heard.add("web")
    for _ in range(2):
        await soon(tills)
    assert shop.sales() == [("pending", "HARLEM", [2])]
    asked.clear()
    await soon(tills)
    assert asked == []


async def test_given_the_first_article_of_an_order_then_it_is_not_carried_out_before_the_others_may_have_come(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED, 1)
    shop.now = NOW + timedelta(seconds=1)
    await soon(tills)
    assert (shop.sales(), await shop.states()) == ([], {"SOHO": State.ASKED})
    await shop.journal.post(Kind.ORDER_PLACED, 1, sku="MUG")
    await soon(tills)
    assert shop.sales() == []
    shop.now = NOW + timedelta(seconds=4)
    await soon(tills)
    assert shop.sales() == [("pending", "SOHO", [1, 1])]


async def test_given_an_order_then_it_is_created_once_and_cancelled_once(shop, tills):
    await tills.once()
    await shop.journal.post(Kind.ORDER_PLACED)
    await shop.journal.post(Kind.ORDER_PLACED, 1, sku="MUG")
    for _ in range(3):
        await soon(tills)
    assert shop.sales() == [("pending", "SOHO", [1, 2])]
    assert await shop.states() == {"SOHO": State.CREATED}
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await shop.journal.post(Kind.ORDER_CANCELLED, 1, sku="MUG")
    for _ in range(3):
        await soon(tills)
    assert shop.sales() == [("voided", "SOHO", [1, 2])]
    assert await shop.states() == {"SOHO": State.CANCELLED}


async def test_given_places_and_deals_that_are_not_the_carriers_then_nothing_is_asked(shop, tills):
    await shop.journal.post(Kind.ORDER_PLACED, here="ATTIC")
    await shop.journal.post(Kind.ORDER_PLACED, here="DEPOT", deal="order/web/2")
    await shop.journal.post(Kind.ORDER_PLACED, channel="tills", deal="sale/tills/3")
    await shop.journal.post(Kind.ORDER_PLACED, here="@unrouted", deal="order/web/4")
    await tills.once()
    assert shop.sales() == []
    assert await shop.states() == {}


async def test_given_a_channel_in_shadow_then_nothing_is_asked_until_it_comes_out_and_then_what_is_ordered_from_there_on(
    shop, dsn
):
    settings = shop.directories.settings
    shadow = settings.channels["tills"].rules
    shop.directories.configure(settings.with_rules("tills", replace(shadow, shadow=True)))
    await shop.journal.post(Kind.ORDER_PLACED)
    carrying = shop.server()
    carrying.dsn, carrying.role = dsn, "carrying tills"
    running = asyncio.create_task(carrying.run())
    try:
        await asyncio.sleep(1.5)
        assert await shop.states() == {}
        after = replace(shadow, told_since=NOW + timedelta(seconds=1))
        shop.directories.configure(settings.with_rules("tills", after))
        await shop.journal.post(Kind.ORDER_PLACED, deal="order/web/2")
        async with asyncio.timeout(10):
            while not await shop.states("order/web/2"):
                await asyncio.sleep(0.1)
        assert await shop.states() == {}
    finally:
        running.cancel()


async def test_given_a_vault_then_the_order_is_for_whoever_ordered_it(shop, pool):
    vault = Vault(pool, MasterKey(bytes(range(32))))
    await vault.check()
    ada = {"name": "Ada Quenneville", "email": "ada@example.invalid"}
    await vault.keep("0" * 64, DEAL, ada, channel="web", said_at=NOW)
    await shop.journal.post(Kind.ORDER_PLACED)
    await shop.server(customers=Customers(vault)).once()
    (customer,) = shop.doubles["tills"]._api.desk.customers
    assert (customer["first_name"], customer["email"]) == ("Ada", "ada@example.invalid")
    assert shop.doubles["tills"]._retailer.sales[0].customer == customer["id"]
    assert Recipient(**ada).name not in str(await shop.memory.shown(DEAL))


async def test_given_lost_answers_then_the_order_is_found_and_there_is_one(shop, tills):
    shop.doubles["tills"].lose_answers(2)
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    row = (await shop.rows())["SOHO"]
    assert (row.state, row.tried_at, row.ref) == (State.ASKED, shop.now, None)
    assert "ServerDisconnected" in row.detail
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CREATED}
    assert len(shop.sales()) == 1


async def test_given_a_crash_after_the_order_was_created_then_the_next_server_finds_it(shop, tills):
    await shop.journal.post(Kind.ORDER_PLACED)
    create = tills.asking.orders.create

    async def died(order, directory):
        await create(order, directory)
        raise KeyboardInterrupt

    tills.asking.orders.create = died
    with pytest.raises(KeyboardInterrupt):
        await tills.once()
    assert await shop.states() == {"SOHO": State.ASKED}
    await shop.server().once()
    assert await shop.states() == {"SOHO": State.CREATED}
    assert len(shop.sales()) == 1


async def test_given_a_crash_and_a_cancellation_meanwhile_then_the_next_server_takes_it_back(shop, tills):
    await shop.journal.post(Kind.ORDER_PLACED)
    create = tills.asking.orders.create

    async def died(order, directory):
        await create(order, directory)
        raise KeyboardInterrupt

    tills.asking.orders.create = died
    with pytest.raises(KeyboardInterrupt):
        await tills.once()
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await shop.server().once()
    assert await shop.states() == {"SOHO": State.CANCELLED}
    assert shop.sales() == [("voided", "SOHO", [2])]


async def test_given_an_order_that_comes_up_late_then_it_is_taken_back_when_it_does(shop, tills):
    """The platform did not hear of it, as far as anybody knows: so for a time it may still appear."""
    await shop.journal.post(Kind.ORDER_PLACED)
    create, held = tills.asking.orders.create, []

    async def unheard(order, directory):
        held.append((order, directory))
        raise Unreachable("no answer")

    tills.asking.orders.create = unheard
    await tills.once()
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await soon(tills)
    assert await shop.states() == {"SOHO": State.ASKED}, "it may still come up"
    await create(*held[0])
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CANCELLED}
    assert shop.sales() == [("voided", "SOHO", [2])]


async def test_given_an_order_that_may_still_come_up_then_it_is_not_created_elsewhere_before_that_is_over(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    create = tills.asking.orders.create

    async def unheard(order, directory):
        raise Unreachable("no answer")

    tills.asking.orders.create = unheard
    await tills.once()
    tills.asking.orders.create = create
    await shop.journal.post(Kind.PICK_REJECTED, there="HARLEM")
    await soon(tills)
    assert await shop.states() == {"SOHO": State.ASKED, "HARLEM": State.ASKED}
    shop.now += LATE
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CANCELLED, "HARLEM": State.CREATED}
    assert shop.sales() == [("pending", "HARLEM", [2])]


async def test_given_an_order_that_never_comes_up_then_it_is_waited_for_and_no_longer(shop, tills):
    await shop.journal.post(Kind.ORDER_PLACED)

    async def unheard(order, directory):
        raise Unreachable("no answer")

    tills.asking.orders.create = unheard
    await tills.once()
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await soon(tills)
    shop.now += LATE
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CANCELLED}


async def test_given_a_platform_that_asks_to_wait_then_it_is_left_alone_so_long_and_nothing_is_in_doubt(
    shop, tills
):
    await tills.directories.known("tills")
    gate, create, calls = shop.doubles["tills"].gate, tills.asking.orders.create, []
    gate._allowance, gate._since = gate._used, time.time() - WINDOW + 2

    async def counted(order, directory):
        calls.append(order.transaction)
        return await create(order, directory)

    tills.asking.orders.create = counted
    for number in range(3):
        await shop.journal.post(Kind.ORDER_PLACED, deal=f"order/web/{number}")
    await tills.once()
    await tills.once()
    rows = [(await shop.rows(f"order/web/{number}"))["SOHO"] for number in range(3)]
    assert [(row.state, row.tried_at) for row in rows] == [(State.ASKED, None)] * 3
    assert [row.detail for row in rows if row.detail and "asks to wait" in row.detail] == [rows[0].detail]
    assert len(calls) == 1, "the others wait as well"
    await shop.journal.post(Kind.ORDER_CANCELLED, deal="order/web/2")
    await asyncio.sleep(3)
    gate._allowance = None
    await tills.once()
    assert len(shop.sales()) == 2
    assert await shop.states("order/web/2") == {"SOHO": State.CANCELLED}, "it was never asked for"


async def test_given_a_platform_that_asks_to_wait_with_a_cancellation_then_its_order_is_still_there(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    (before,) = (await shop.rows()).values()
    gate = shop.doubles["tills"].gate
    gate._allowance, gate._since = gate._used, time.time() - WINDOW + 2
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await tills.once()
    (row,) = (await shop.rows()).values()
    assert row == replace(before, edition=row.edition)
    await asyncio.sleep(3)
    gate._allowance = None
    await tills.once()
    assert await shop.states() == {"SOHO": State.CANCELLED}


async def test_given_a_refusal_then_the_reason_is_kept_and_it_is_asked_again_when_the_deal_changes(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED, sku="NEW")
    for _ in range(3):
        await soon(tills)
    row = (await shop.rows())["SOHO"]
    assert (row.state, row.detail) == (State.REFUSED, "X-Series has no single product NEW")
    shop.doubles["tills"].seed("NEW", "SOHO", 5)
    await soon(tills)
    assert shop.sales() == []
    tills.directories._asked.clear()
    await shop.journal.post(Kind.ORDER_PLACED, 1)
    await soon(tills)
    assert shop.sales() == [("pending", "SOHO", [2, 1])]
    assert await shop.states() == {"SOHO": State.CREATED}


async def test_given_a_refusal_that_somebody_has_mended_there_then_it_is_carried_out_after_a_while(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED, sku="NEW")
    await tills.once()
    await soon(tills)
    assert await shop.states() == {"SOHO": State.REFUSED}
    assert tills._again.keys() == {DEAL}, "it is not forgotten"
    shop.doubles["tills"].seed("NEW", "SOHO", 5)
    tills.directories._asked.clear()
    await shop.server().once()
    assert shop.sales() == []
    shop.now += MENDED
    await shop.server().once()
    assert shop.sales() == [("pending", "SOHO", [2])]
    assert await shop.states() == {"SOHO": State.CREATED}


async def test_given_goods_that_were_collected_then_the_order_cannot_be_cancelled_and_a_person_is_told_once(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    shop.doubles["tills"].close(shop.doubles["tills"]._retailer.sales[0].id, at=NOW)
    await shop.journal.post(Kind.ORDER_CANCELLED)
    for _ in range(2):
        await soon(tills)
    row = (await shop.rows())["SOHO"]
    assert (row.state, row.edition) == (State.REFUSED, 5)
    assert "take the goods back" in row.detail
    await shop.server().once()
    assert (await shop.rows())["SOHO"] == row


async def test_given_a_rejected_pick_then_the_order_is_gone_from_one_till_before_it_is_in_the_other(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    await shop.journal.post(Kind.PICK_REJECTED, there="HARLEM")
    await soon(tills)
    assert shop.sales() == [("voided", "SOHO", [2]), ("pending", "HARLEM", [2])]
    assert await shop.states() == {"SOHO": State.CANCELLED, "HARLEM": State.CREATED}
    await shop.journal.post(Kind.PICK_REJECTED, here="HARLEM", there="SOHO")
    await soon(tills)
    assert shop.sales() == [("voided", "SOHO", [2]), ("voided", "HARLEM", [2]), ("pending", "SOHO", [2])]
    assert await shop.states() == {"SOHO": State.CREATED, "HARLEM": State.CANCELLED}


async def test_given_a_cancellation_that_does_not_work_yet_then_the_order_is_not_created_elsewhere(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    await shop.journal.post(Kind.PICK_REJECTED, there="HARLEM")
    cancel = tills.asking.orders.cancel

    async def silent(*_):
        raise Unreachable("no answer")

    tills.asking.orders.cancel = silent
    await soon(tills)
    assert len(shop.sales()) == 1
    assert await shop.states() == {"SOHO": State.ASKED, "HARLEM": State.ASKED}
    tills.asking.orders.cancel = cancel
    await soon(tills)
    assert [state for state, *_ in shop.sales()] == ["voided", "pending"]


async def test_given_an_erp_that_tells_of_our_order_itself_then_it_is_one_deal_and_nothing_is_asked_twice(
    shop,
):
    """Its document says that the units are ordered, as the web shop's does."""
    erp, double = shop.server("erp"), shop.doubles["erp"]
    await shop.books.web(2)
    await erp.once()
    ref = (await shop.rows())["DEPOT"].ref
    assert double.level("TEE", "DEPOT") == 18
    for _ in range(2):
        await shop.books.poll(shop, "erp")
        await soon(erp)
        assert await shop.committed() == {"TEE": 2}
    row = (await shop.rows())["DEPOT"]
    assert (row.state, row.ref, row.edition, list(shop.books.deals)) == (State.CREATED, ref, 3, [DEAL])
    await shop.books.web(2, cancelled=2)
    assert await shop.committed() == {}
    await soon(erp)
    assert await shop.states() == {"DEPOT": State.CANCELLED}
    assert double.level("TEE", "DEPOT") == 20
    for _ in range(2):
        await shop.books.poll(shop, "erp")
        await soon(erp)
    assert await shop.committed() == {}
    assert await shop.states() == {"DEPOT": State.CANCELLED}


async def test_given_a_carrier_that_closes_our_order_itself_then_it_is_not_created_again_and_again(shop):
    """Whether it is still wanted says who took the order."""
    erp, double = shop.server("erp"), shop.doubles["erp"]
    await shop.books.web(2)
    await erp.once()
    await erp.asking.orders.cancel(DEAL, "DEPOT", shop.directories.of("erp"))
    for _ in range(2):
        await shop.books.poll(shop, "erp")
        await soon(erp)
    assert await shop.committed() == {"TEE": 2}
    assert (await shop.states(), double.level("TEE", "DEPOT")) == ({"DEPOT": State.CREATED}, 20)
    await shop.books.web(2, cancelled=2)
    await soon(erp)
    assert await shop.states() == {"DEPOT": State.CANCELLED}


async def test_given_a_deal_that_two_places_of_one_platform_bring_then_each_has_an_order_of_its_own(shop):
    erp = shop.server("erp")
    await shop.journal.post(Kind.ORDER_PLACED, here="DEPOT")
    await shop.journal.post(Kind.ORDER_PLACED, 1, here="MALL", sku="MUG")
    await erp.once()
    rows = await shop.rows()
    assert {name: row.state for name, row in rows.items()} == dict.fromkeys(("DEPOT", "MALL"), State.CREATED)
    assert rows["DEPOT"].ref != rows["MALL"].ref
    await shop.journal.post(Kind.ORDER_CANCELLED, 1, here="MALL", sku="MUG")
    await soon(erp)
    assert await shop.states() == {"DEPOT": State.CREATED, "MALL": State.CANCELLED}


async def test_given_a_fault_that_nobody_has_thought_of_then_other_orders_go_on_and_it_quotes_nobody(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await shop.journal.post(Kind.ORDER_PLACED, deal="order/web/2")
    create = tills.asking.orders.create

    async def broken(order, directory):
        if order.transaction == DEAL:
            raise KeyError("Ada Quenneville")
        return await create(order, directory)

    tills.asking.orders.create = broken
    for _ in range(3):
        await soon(tills)
    assert await shop.states("order/web/2") == {"SOHO": State.CREATED}
    assert (await shop.rows())["SOHO"].detail == "KeyError"
    assert tills._failed == {DEAL: 3}


async def test_given_more_than_one_look_takes_then_what_must_be_cancelled_does_not_wait_behind_it(
    shop, tills
):
    shop.doubles["tills"].gate._allowance = None
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    for number in range(BATCH + 5):
        await shop.journal.post(Kind.ORDER_PLACED, deal=f"order/web/{100 + number}")
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await tills.once()
    assert await shop.states() == {"SOHO": State.CANCELLED}
    assert len(shop.sales()) == BATCH
    await tills.once()
    assert len(shop.sales()) == BATCH + 6


async def test_given_two_servers_at_once_then_there_is_one_order(shop, tills):
    other = shop.server()
    await shop.journal.post(Kind.ORDER_PLACED)
    create = tills.asking.orders.create

    async def overtaken(order, directory):
        await other.once()
        return await create(order, directory)

    tills.asking.orders.create = overtaken
    await tills.once()
    await soon(tills)
    assert len(shop.sales()) == 1
    assert await shop.states() == {"SOHO": State.CREATED}


async def test_given_the_memory_is_lost_then_what_is_open_is_found_again_and_there_is_one(shop, tills):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    (before,) = (await shop.rows()).values()
    async with shop.pool.connection() as connection:
        await connection.execute("TRUNCATE carried_out")
    await shop.server().once()
    (after,) = (await shop.rows()).values()
    assert (after.state, after.ref) == (State.CREATED, before.ref)
    assert len(shop.sales()) == 1


async def test_given_a_journal_that_is_recorded_anew_then_all_of_it_is_looked_at(shop, tills):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    await shop.journal.post(Kind.ORDER_CANCELLED)
    async with shop.pool.connection() as connection:
        await connection.execute("TRUNCATE movements, offsets, seals")
    shop.journal.next = 0
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CANCELLED}
    await shop.journal.post(Kind.ORDER_PLACED, deal="order/web/2")
    await soon(tills)
    assert await shop.states("order/web/2") == {"SOHO": State.CREATED}


async def test_given_a_journal_that_is_emptied_and_recorded_again_then_nothing_is_cancelled_before_all_of_it_is_there(
    shop, tills
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    assert await shop.states() == {"SOHO": State.CREATED}
    async with shop.pool.connection() as connection:
        await connection.execute("CREATE TABLE kept AS SELECT * FROM movements")
        await connection.execute("TRUNCATE movements, offsets, seals")
    for carrying in (tills, shop.server(), tills):
        await soon(carrying)
    async with shop.pool.connection() as connection:
        await connection.execute("INSERT INTO movements SELECT * FROM kept")
        await connection.execute("INSERT INTO offsets VALUES ('movements', 0, %s)", [shop.journal.next])
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CREATED}
    assert shop.sales() == [("pending", "SOHO", [2])]
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await soon(tills)
    assert await shop.states() == {"SOHO": State.CANCELLED}


async def test_given_a_place_that_is_carried_out_no_more_then_what_is_there_is_still_cancelled(
    shop, tills, tmp_path
):
    await shop.journal.post(Kind.ORDER_PLACED)
    await tills.once()
    (tmp_path / "onhand.toml").write_text(TOML.replace('SOHO]\ncarried_out_by = "tills"', "SOHO]"))
    shop.directories.configure(load(tmp_path / "onhand.toml"))
    await shop.journal.post(Kind.ORDER_PLACED, deal="order/web/2")
    await shop.journal.post(Kind.ORDER_CANCELLED)
    await shop.server().once()
    assert shop.sales() == [("voided", "SOHO", [2])]


async def test_given_a_place_that_is_carried_out_from_now_on_then_what_is_open_there_is_created(
    shop, tills, tmp_path
):
    await shop.journal.post(Kind.ORDER_PLACED, here="ATTIC")
    await shop.journal.post(Kind.ORDER_PLACED, here="DEPOT", deal="order/web/2")
    await tills.once()
    (tmp_path / "onhand.toml").write_text(
        TOML.replace("[locations.ATTIC]", '[locations.ATTIC]\ncarried_out_by = "tills"')
    )
    shop.directories.configure(load(tmp_path / "onhand.toml"))
    await tills.once()
    assert shop.sales() == [("pending", "ATTIC", [2])]
