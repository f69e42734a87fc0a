"""Whom orders are for, from a platform's document to an order in another platform, and what an erasure leaves: nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from connectors.contract import Ordered, Payload, Person, Recipient
from connectors.directory import Directory, Item
from connectors.registry import CONNECTORS
from deploy.processes import free_port
from projections.envelope import MasterKey
from projections.pool import DatabaseError, open_pool
from projections.problems import Problem
from projections.vault import Vault
from schemas.claims import Claim
from schemas.codec import decode
from schemas.topics import CLAIMS, DEAD_LETTERS
from streams.customers import Customers, customers_of
from streams.intake import Intake
from streams.keys import add_vault_key, generate_vault_key
from streams.settings import BadConfiguration, load, vault_keys
from streams.stages import Naming

MASTER = MasterKey(bytes(range(32)))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = Recipient(name="Ada Quenneville", email="ada@example.invalid", street="7 Invented Row", city="Bath")
YEARS = timedelta(days=3_650)


@pytest.fixture
def customers(pool):
    return Customers(Vault(pool, MASTER))


@pytest.fixture
def keep(customers, claim):
    async def kept(order="1", customer="7", *, placed=NOW, to=ADA, channel="web"):
        whom = Person(customer=customer, order=order, placed_at=placed, recipient=to)
        await customers.keep(whom, claim(f"order/{channel}/{order}", channel=channel))

    return kept


@pytest.fixture
def recipient(customers):
    async def told(order="1", channel="web"):
        lines = [Ordered("TEE", 2)]
        made = await customers.order(f"order/{channel}/{order}", "SOHO", lines, placed_at=NOW, currency="EUR")
        assert (made.transaction, made.location, made.lines) == (
            f"order/{channel}/{order}",
            "SOHO",
            tuple(lines),
        )
        assert (made.placed_at, made.currency) == (NOW, "EUR")
        return made.recipient

    return told


class TestKeeping:
    async def test_given_somebody_known_then_the_order_elsewhere_is_for_them_and_else_for_nobody(
        self, keep, recipient
    ):
        await keep()
        assert await recipient() == ADA
        assert await recipient("2") == Recipient()

    async def test_given_orders_of_one_customer_then_they_are_one_subject_and_each_guest_is_another(
        self, keep, customers
    ):
        for order, customer, channel in (
            *(("1", "7", "web"), ("2", "7", "web"), ("3", "8", "web"), ("4", None, "web")),
            *(("5", None, "web"), ("7", None, "web"), ("6", "7", "eu")),
        ):
            await keep(order, customer, channel=channel)
        refs = [await customers.of(f"order/web/{order}") for order in "123457"]
        refs.append(await customers.of("order/eu/6"))
        assert refs[0] == refs[1]
        assert len(set(refs)) == 6

    async def test_given_what_the_platform_redacted_then_the_vault_has_no_more_of_them_either(
        self, keep, recipient
    ):
        await keep()
        await keep(to=Recipient())
        assert await recipient() == Recipient()


class TestErasing:
    @pytest.mark.parametrize("named", ["web:7", "order/web/2", "the reference"])
    async def test_given_any_name_of_theirs_then_all_of_them_goes(self, keep, customers, recipient, named):
        await keep("1")
        await keep("2")
        await keep("3", "8")
        ref = await customers.of("order/web/1")
        erased = await customers.erase(ref if named == "the reference" else named, {"web"})
        assert erased == [(ref, ("order/web/1", "order/web/2"))]
        assert [await recipient(order) for order in "123"] == [Recipient(), Recipient(), ADA]

    async def test_given_an_e_mail_address_then_the_customer_and_every_guest_of_that_address_go_and_others_stay(
        self, keep, customers, recipient
    ):
        await keep("1")
        await keep("2", None)
        await keep("3", "8", to=Recipient(name="Bea", email="bea@example.invalid"))
        await keep("4", "9", channel="eu", to=Recipient(email="ADA@Example.invalid"))
        await keep("5", "10", to=Recipient(name="nobody's address"))
        listed = await customers.named("Ada@example.invalid", {"web"})
        assert sorted(deal for one in listed for deal in one.deals) == [
            "order/eu/4",
            "order/web/1",
            "order/web/2",
        ]
        assert await recipient() == ADA, "a list erases nothing"
        assert sorted(await customers.erase("Ada@example.invalid", {"web"})) == sorted(listed)
        left = [(await recipient(order)).name for order in "1235"]
        assert left == ["", "", "Bea", "nobody's address"]
        assert await recipient("4", "eu") == Recipient()
        assert await customers.erase("ada@example.invalid", {"web"}) == []

    @pytest.mark.parametrize("named", ["web:7", "order/web/2", "the reference"])
    async def test_given_any_name_of_theirs_then_what_would_go_is_listed_and_stays(
        self, keep, customers, recipient, named
    ):
        await keep("1")
        await keep("2")
        ref = await customers.of("order/web/1")
        name = ref if named == "the reference" else named
        assert await customers.named(name, {"web"}) == [(ref, ("order/web/1", "order/web/2"))]
        assert await recipient() == ADA

    @pytest.mark.parametrize(
        "named",
        [
            "ada@example.invali",
            "da@example.invalid",
            "web:9",
            "web:",
            ":7",
            "eu:7",
            "nowhere:7",
            "order/web/9",
            "0" * 64,
            "",
        ],
    )
    async def test_given_a_name_that_nobody_has_then_nobody_is_erased(
        self, keep, customers, recipient, named
    ):
        await keep()
        assert await customers.erase(named, {"web", "eu"}) == []
        assert await recipient() == ADA

    async def test_given_an_erasure_then_old_orders_bring_nobody_back_known_or_new_dated_or_not(
        self, keep, customers, recipient
    ):
        await keep("1")
        assert len(await customers.erase("web:7", {"web"})) == 1
        await keep("1")
        await keep("1", placed=datetime.now(UTC) + YEARS)
        await keep("2")
        await keep("3", placed=None)
        assert [await recipient(order) for order in "123"] == [Recipient()] * 3
        assert await customers.erase("web:7", {"web"}) == []

    async def test_given_who_was_erased_and_orders_again_then_the_new_order_is_for_them_until_erased_again(
        self, keep, customers, recipient
    ):
        await keep("1")
        (first,) = await customers.erase("web:7", {"web"})
        for turn in ("2", "3"):
            later = datetime.now(UTC) + timedelta(seconds=1)
            await keep(turn, placed=later)
            assert await recipient(turn) == ADA
            assert await recipient("1") == Recipient()
            (again,) = await customers.erase("web:7", {"web"})
            assert again.deals == (f"order/web/{turn}",)
            assert again.ref != first.ref
            assert await recipient(turn) == Recipient()
            await asyncio.sleep(1.1)

    async def test_given_a_guest_s_order_that_was_erased_then_it_is_for_nobody_again(
        self, keep, customers, recipient
    ):
        await keep("4", None)
        assert len(await customers.erase("order/web/4", {"web"})) == 1
        await keep("4", None)
        assert await recipient("4") == Recipient()


class TestMasterKey:
    async def test_given_no_key_then_one_is_made_once_for_its_owner_only(self, pool, tmp_path):
        data = tmp_path / "data"
        await asyncio.gather(*(asyncio.to_thread(generate_vault_key, data) for _ in range(8)))
        assert [file.name for file in data.iterdir()] == ["vault-key"]
        first = (data / "vault-key").read_text()
        await customers_of(pool, data)
        await customers_of(pool, data)
        assert (data / "vault-key").read_text() == first
        assert stat.S_IMODE((data / "vault-key").stat().st_mode) == 0o600

    async def test_given_another_key_than_the_vault_s_then_the_start_says_so(self, pool, tmp_path):
        await customers_of(pool, tmp_path / "one")
        with pytest.raises(BadConfiguration, match="sealed with another master key: give that one"):
            await customers_of(pool, tmp_path / "two")
        assert not (tmp_path / "two").exists(), "a key that would open nothing is not made"
        generate_vault_key(tmp_path / "two")
        with pytest.raises(BadConfiguration, match="sealed with another master key: give that one"):
            await customers_of(pool, tmp_path / "two")

    def test_given_a_key_in_the_environment_or_in_a_file_it_names_then_it_is_that(self, tmp_path):
        assert vault_keys(tmp_path, {}) == ()
        generate_vault_key(tmp_path)
        given = MasterKey.new()
        named = tmp_path / "elsewhere"
        named.write_text(given + "\n")
        marks = {
            vault_keys(tmp_path, {"ONHAND_VAULT_KEY": given})[0].mark,
            vault_keys(tmp_path, {"ONHAND_VAULT_KEY_FILE": str(named)})[0].mark,
        }
        assert marks == {MasterKey.read(given).mark}
        assert vault_keys(tmp_path, {})[0].mark not in marks

    def test_given_a_new_key_then_it_stands_before_those_that_there_were_and_only_its_owner_reads_it(
        self, tmp_path
    ):
        generate_vault_key(tmp_path)
        (first,) = vault_keys(tmp_path, {})
        add_vault_key(tmp_path)
        new, old = vault_keys(tmp_path, {})
        assert (old.mark, len({new.ident, old.ident})) == (first.mark, 2)
        assert stat.S_IMODE((tmp_path / "vault-key").stat().st_mode) == 0o600
        assert [file.name for file in tmp_path.iterdir()] == ["vault-key"]

    @pytest.mark.parametrize("env", [{"ONHAND_VAULT_KEY": "sandbox"}, {"ONHAND_VAULT_KEY_FILE": "/nowhere"}])
    def test_given_a_key_that_cannot_be_used_then_it_is_not_replaced_but_refused(self, tmp_path, env):
        with pytest.raises(
            BadConfiguration, match=r"the vault's key|ONHAND_VAULT_KEY_FILE: /nowhere cannot be read"
        ):
            vault_keys(tmp_path, env)
        assert list(tmp_path.iterdir()) == []


ORDER = {
    "id": 1,
    "created_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-20T10:00:00Z",
    "customer": {"id": 7, "first_name": "Ada", "last_name": "Quenneville", "email": "ada@example.invalid"},
    "line_items": [{"id": 1, "sku": "TEE", "quantity": 2, "current_quantity": 2, "fulfillable_quantity": 2}],
}
TOML = """[locations.SOHO]
[channels.web]
platform = "shopify"
shop = "example.myshopify.com"
customers = true
[channels.web.rules]
ships_from = "SOHO"
"""


class Log:
    """Takes everything, and asks somebody first, if told to."""

    def __init__(self):
        self.outs, self.asks, self.told = [], None, None

    async def send(self, outs):
        self.told = await self.asks("order/web/1") if self.asks else None
        self.outs += outs


class Catalogue:
    def __init__(self, settings):
        self.settings = settings

    async def known(self, channel):
        return True

    async def refresh(self, channel):
        pass

    def of(self, channel):
        return Directory(items={"TEE": Item("TEE")}, locations={})


@pytest.fixture
def intake(tmp_path):
    file = tmp_path / "onhand.toml"
    file.write_text(TOML)

    def made(customers):
        secrets = {"web": {"webhook_secret": SecretStr("secret")}}
        connectors = {"web": CONNECTORS["shopify"]}
        return Intake(connectors, secrets, Catalogue(load(file)), Log(), Naming(), customers=customers)

    return made


@pytest.fixture
async def away():
    """The people of a PostgreSQL that does not answer."""
    opened = await open_pool(f"postgresql://onhand@127.0.0.1:{free_port()}/onhand", 1)
    yield Customers(Vault(opened, MASTER))
    await opened.close()


async def post(intake, document=ORDER, topic="orders/create", secret=b"secret"):
    body = json.dumps(document).encode()
    signature = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    said = {"Topic": topic, "Hmac-Sha256": signature, "Shop-Domain": "example.myshopify.com"}
    await intake.webhook("web", "", {f"X-Shopify-{name}": value for name, value in said.items()}, body)


def polled(document=ORDER):
    shopify = CONNECTORS["shopify"]
    topic = "orders/polled"
    return [Payload(topic, shopify.reduce(topic, document), shopify.person(topic, document))]


class TestIntake:
    async def test_given_a_webhook_then_the_person_is_in_the_vault_and_the_order_in_the_log(
        self, intake, customers, recipient
    ):
        door = intake(customers)
        door.writer.asks = customers.of
        await post(door)
        assert await recipient() == Recipient(name="Ada Quenneville", email="ada@example.invalid")
        assert door.writer.told == await customers.of("order/web/1"), "whoever reads the log finds them"
        (out,) = door.writer.outs
        assert decode(Claim, out.value).transaction == "order/web/1"
        assert b"Ada" not in b"".join([out.value, out.key, *(value for _, value in out.headers)])

    async def test_given_an_order_that_waits_as_a_dead_letter_then_the_person_is_kept_and_not_in_it(
        self, intake, customers, recipient
    ):
        door = intake(customers)
        await post(door, ORDER | {"line_items": [{**ORDER["line_items"][0], "sku": "UNKNOWN"}]})
        assert (await recipient()).name == "Ada Quenneville"
        assert [out.topic for out in door.writer.outs] == [DEAD_LETTERS.name]
        assert b"Ada" not in door.writer.outs[0].value

    async def test_given_a_document_that_nobody_understands_then_nobody_is_kept(
        self, intake, customers, pool
    ):
        door = intake(customers)
        await post(door, ORDER | {"updated_at": "yesterday"})
        assert [out.topic for out in door.writer.outs] == [DEAD_LETTERS.name]
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT count(*) FROM subjects")).fetchone() == (0,)

    async def test_given_a_vault_that_does_not_answer_then_a_webhook_counts_and_is_asked_for_again(
        self, intake, away
    ):
        door = intake(away)
        began = asyncio.get_running_loop().time()
        with pytest.raises(Problem) as problem:
            await post(door)
        assert (problem.value.status, problem.value.retry_after) == (503, 5)
        assert [out.topic for out in door.writer.outs] == [CLAIMS.name]
        assert asyncio.get_running_loop().time() - began < 3, "a platform gives up after five seconds"

    async def test_given_a_vault_that_does_not_answer_then_who_is_for_nobody_is_not_kept_waiting(
        self, intake, away
    ):
        door = intake(away)
        began = asyncio.get_running_loop().time()
        await post(door, {name: value for name, value in ORDER.items() if name != "customer"})
        assert asyncio.get_running_loop().time() - began < 0.5

    async def test_given_a_vault_that_does_not_answer_then_a_poll_stays_where_it_is(self, intake, away):
        door = intake(away)
        with pytest.raises(DatabaseError):
            await door.documents("web", polled())
        assert door.writer.outs == []

    async def test_given_a_row_that_somebody_changed_then_it_stops_nobody_s_documents(
        self, intake, customers, pool, recipient
    ):
        door = intake(customers)
        await post(door)
        async with pool.connection() as connection:
            await connection.execute("UPDATE subject_keys SET wrapped = %s", [os.urandom(80)])
        await post(door, ORDER | {"updated_at": "2026-11-20T11:00:00Z"})
        other = ORDER | {"id": 2, "customer": {"id": 8, "first_name": "Eve"}}
        await door.documents("web", [*polled(), *polled(other)])
        assert len(door.writer.outs) == 4
        assert (await recipient("2")).name == "Eve"


ASKS = {
    "shop_id": 954889,
    "shop_domain": "example.myshopify.com",
    "customer": {"id": 7_007_007, "email": "ada@example.invalid", "phone": "555-625-1199"},
}
"""As Shopify documents it (shopify.dev, privacy law compliance)."""
REDACT = {**ASKS, "orders_to_redact": [1, 4]}
SHOW = {**ASKS, "orders_requested": [1, 4], "data_request": {"id": 9999}}
GONE = {"shop_id": 954889, "shop_domain": "example.myshopify.com"}
ASKED = {"customers/redact": REDACT, "customers/data_request": SHOW, "shop/redact": GONE}


class TestPrivacy:
    @pytest.fixture
    async def people(self, keep, recipient):
        """One customer with two orders, a guest, another customer, and one of another shop."""
        for order, customer in (("1", "7007007"), ("2", "7007007"), ("4", None), ("5", "8")):
            await keep(order, customer)
        await keep("6", "7007007", channel="eu")

        async def known():
            found = {order: await recipient(order) for order in "1245"}
            found["6"] = await recipient("6", "eu")
            return "".join(order for order, whom in found.items() if whom == ADA)

        return known

    async def test_given_a_customer_who_asks_to_be_forgotten_then_they_and_their_guest_orders_are_once(
        self, intake, customers, people
    ):
        door = intake(customers)
        assert await people() == "12456"
        with capture_logs() as logs:
            await post(door, REDACT, "customers/redact")
            assert await people() == "56"
            await post(door, REDACT, "customers/redact")
        assert [one["event"] for one in logs] == [
            *["erased, because they asked"] * 2,
            "nothing to erase: nothing is known of them",
        ]
        assert [one.get("deals") for one in logs] == [("order/web/1", "order/web/2"), ("order/web/4",), None]
        assert door.writer.outs == [], "nothing of it is in any topic"
        said = repr(logs)
        assert not any(word in said for word in ("ada@", "555-625", "7007007", "Quenneville"))

    async def test_given_a_customer_who_was_forgotten_then_a_late_document_does_not_bring_them_back(
        self, intake, customers, people, recipient
    ):
        door = intake(customers)
        await post(door, REDACT, "customers/redact")
        await post(door, {**ORDER, "customer": {**ORDER["customer"], "id": 7_007_007}})
        assert await recipient("1") == Recipient()

    @pytest.mark.parametrize(
        "document",
        [
            {**ASKS, "customer": {"id": 9}, "orders_to_redact": [77]},
            {**ASKS, "customer": None, "orders_to_redact": None},
            {**ASKS, "customer": {"id": "ada@example.invalid"}, "orders_to_redact": ["x", -1, None, {}]},
        ],
    )
    async def test_given_nobody_that_is_known_then_nothing_is_erased_and_the_log_says_so(
        self, intake, customers, people, document
    ):
        door = intake(customers)
        with capture_logs() as logs:
            await post(door, document, "customers/redact")
        assert [one["event"] for one in logs] == ["nothing to erase: nothing is known of them"]
        assert await people() == "12456"
        assert "ada" not in repr(logs)

    async def test_given_a_shop_that_removed_the_app_then_all_of_it_is_forgotten_and_nobody_of_another(
        self, intake, customers, people
    ):
        door = intake(customers)
        with capture_logs() as logs:
            await post(door, GONE, "shop/redact")
            assert await people() == "6"
            await post(door, GONE, "shop/redact")
        assert [(one["event"], one["subjects"]) for one in logs] == [
            ("erased everybody", 3),
            ("erased everybody", 0),
        ]
        await post(door, {**ORDER, "customer": {**ORDER["customer"], "id": 7_007_007}})
        assert await people() == "6", "a late document brings nobody back"

    async def test_given_more_people_than_one_transaction_erases_then_a_shop_that_goes_takes_all_of_them(
        self, intake, customers, keep, pool, monkeypatch
    ):
        monkeypatch.setattr("projections.vault.AT_ONCE", 3)
        for number in range(10):
            await keep(f"1{number}", f"9{number}")
        await post(intake(customers), GONE, "shop/redact")
        async with pool.connection() as connection:
            left = "SELECT (SELECT count(*) FROM subject_keys), (SELECT count(ref) FROM deal_subjects)"
            assert await (await connection.execute(left)).fetchone() == (0, 0)
            erased = "SELECT count(*) FROM subjects WHERE erased_at IS NOT NULL"
            assert await (await connection.execute(erased)).fetchone() == (10,)

    async def test_given_who_asks_what_is_kept_then_the_owner_is_told_where_it_is_and_nothing_changes(
        self, intake, customers, people
    ):
        door = intake(customers)
        with capture_logs() as logs:
            await post(door, SHOW, "customers/data_request")
            await post(
                door, {**SHOW, "customer": {"id": 9}, "orders_requested": []}, "customers/data_request"
            )
        assert [(one.get("ref"), one["log_level"]) for one in logs] == [
            (await customers.of("order/web/1"), "warning"),
            (await customers.of("order/web/4"), "warning"),
            (None, "info"),
        ]
        assert await people() == "12456"
        assert door.writer.outs == []
        assert not any(word in repr(logs) for word in ("ada@", "555-625", "7007007", "Quenneville"))

    @pytest.mark.parametrize(
        "document", [ORDER, REDACT, SHOW, {}, {"id": 1}, GONE | {"shop_domain": "other.myshopify.com"}]
    )
    async def test_given_a_document_that_was_signed_for_something_else_then_nobody_is_forgotten_for_it(
        self, intake, customers, people, document
    ):
        with pytest.raises(Problem) as problem:
            await post(intake(customers), document, "shop/redact")
        assert problem.value.status == 401
        assert await people() == "12456"

    @pytest.mark.parametrize("topic", ["customers/redact", "customers/data_request", "shop/redact"])
    async def test_given_a_forged_request_then_nobody_is_forgotten(self, intake, customers, people, topic):
        with pytest.raises(Problem) as problem:
            await post(intake(customers), ASKED[topic], topic, secret=b"guessed")
        assert problem.value.status == 401
        assert await people() == "12456"

    @pytest.mark.parametrize("topic", ["customers/redact", "customers/data_request", "shop/redact"])
    async def test_given_a_vault_that_does_not_answer_then_it_is_asked_again(self, intake, away, topic):
        began = asyncio.get_running_loop().time()
        with pytest.raises(Problem) as problem:
            await post(intake(away), ASKED[topic], topic)
        assert (problem.value.status, problem.value.retry_after) == (503, 5)
        assert asyncio.get_running_loop().time() - began < 5, "a platform gives up after five seconds"

    async def test_given_an_installation_that_keeps_nobody_then_there_is_nothing_to_do(self, intake):
        with capture_logs() as logs:
            await post(intake(None), REDACT, "customers/redact")
        assert [one["event"] for one in logs] == ["nothing to do: nobody is kept here"]
