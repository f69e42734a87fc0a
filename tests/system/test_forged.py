"""Ten thousand webhooks that nobody's platform sent, to a running intake: `make webhooks` (ONHAND_FORGED=10000).

Three platforms sign what they send, each in its own way, and a fourth is known by a secret word in its address. The doubles of them play
their part as anywhere; the forgers have every genuine webhook that ever passed, and the secrets of another shop.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from connectors.lightspeed_x.sandbox import webhooks as till_bodies
from connectors.shipstation.sandbox import signing
from connectors.shipstation.webhooks import address
from connectors.shopify.sandbox import payloads
from connectors.shopify.sandbox.signing import Signer
from schemas.topics import CLAIMS, DEAD_LETTERS, MOVEMENTS, OBSERVATIONS
from streams.reader import Reader
from streams.settings import secrets_of
from streams.stages import Naming
from streams.system import start_sandboxes

COUNT, PARALLEL = int(os.environ.get("ONHAND_FORGED", "600")), 16
SEED = 20_261_127
NOW = datetime.now(UTC).replace(microsecond=0)
SECRETS = {
    "ONHAND_WEB_WEBHOOK_SECRET": "web-new",
    "ONHAND_WEB_WEBHOOK_SECRET_PREVIOUS": "web-old",
    "ONHAND_TILLS_CLIENT_SECRET": "tills-new",
    "ONHAND_TILLS_CLIENT_SECRET_PREVIOUS": "tills-old",
    "ONHAND_PARCELS_WEBHOOK_SECRET": "parcels-new",
    "ONHAND_PARCELS_WEBHOOK_SECRET_PREVIOUS": "parcels-old",
}
CONFIG = """
[serve]
port = 0
[locations.SOHO]
[channels.web]
platform = "shopify"
shop = "example.myshopify.com"
sandbox = "stock.csv"
sandbox_port = {ports[0]}
poll_every = 3600
[channels.web.locations]
"location:1" = "SOHO"
[channels.web.rules]
ships_from = "SOHO"
[channels.tills]
platform = "lightspeed_x"
domain_prefix = "example"
sandbox = "stock.csv"
sandbox_port = {ports[1]}
poll_every = 3600
[channels.labels]
platform = "shipstation"
documents = "v2"
sandbox = "stock.csv"
sandbox_port = {ports[2]}
poll_every = 3600
[channels.parcels]
platform = "shipstation"
sandbox = "stock.csv"
sandbox_port = {ports[3]}
poll_every = 3600
"""
POINTER = b'{"resource_url": "https://ssapi.example/orders?importBatch=1", "resource_type": "ORDER_NOTIFY"}'
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One, as it goes over the wire. `path` follows /webhooks/."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def but(self, **headers: str) -> Webhook:
        """The same with other headers; an empty one is left out."""
        said = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return Webhook(self.path, {name: value for name, value in said.items() if value}, self.body)


def shopify(topic: str, document: object, secret: str = "web-new", shop: str = "example") -> Webhook:
    body, headers = Signer(f"{shop}.myshopify.com", secret, "2026-10").sign(topic, document)
    return Webhook("web", headers, body)


def till(kind: str, document: object, secret: str = "tills-new", retailer: str = "example") -> Webhook:
    double = LightspeedXSandbox(domain_prefix=retailer, access_token="", client_secret=secret, outlets=[])
    body, headers = double.signed(kind, document)
    return Webhook(f"tills/{kind}", headers, body)


def label(body: bytes = POINTER, at: datetime | None = None) -> Webhook:
    stamp = (at or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
    signature = signing.sign(f"{stamp}.".encode() + body)
    named = {"timestamp": stamp, "rsa-sha256-signature": signature, "rsa-sha256-key-id": signing.KID}
    return Webhook("labels", {f"x-shipengine-{name}": value for name, value in named.items()}, body)


def digested(body: bytes, secret: str, how: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), body, how).digest()


def altered(webhook: Webhook, dice: random.Random) -> Webhook:
    """One byte is another one, gone, or one too many."""
    at = dice.randrange(len(webhook.body))
    rest = webhook.body[at + 1 :]
    middle = dice.choice(
        [bytes([webhook.body[at] ^ (1 << dice.randrange(8))]), b"", b" " + webhook.body[at:][:1]]
    )
    return Webhook(webhook.path, webhook.headers, webhook.body[:at] + middle + rest)


Forger = Callable[[random.Random], Webhook]


class Forgers:
    """What can be tried with genuine webhooks, and with secrets of others. Each is named by what it does."""

    def __init__(
        self, orders: list[Webhook], refund: Webhook, level: Webhook, asks: Webhook, sales: list[Webhook]
    ):
        self.orders, self.refund, self.level, self.asks, self.sales = orders, refund, level, asks, sales
        self.old = [label(at=NOW - timedelta(minutes=minutes)) for minutes in (6, 60, 60 * 24 * 365)]
        self.early = [label(at=NOW + timedelta(minutes=minutes)) for minutes in (20, 60)]
        self.secret = "another shop's"

    def all(self) -> dict[str, Forger]:
        return {
            name.removeprefix("_try_").replace("_", " "): getattr(self, name)
            for name in dir(self)
            if name.startswith("_try_")
        }

    def _try_order_of_another_secret(self, dice: random.Random) -> Webhook:
        body = dice.choice(self.orders).body
        wrong = dice.choice([self.secret, "", "web-new ", "WEB-NEW", "tills-new", "sandbox"])
        return self.orders[0].but(X_Shopify_Hmac_Sha256=base64.b64encode(digested(body, wrong)).decode())

    def _try_order_altered(self, dice: random.Random) -> Webhook:
        return altered(dice.choice(self.orders), dice)

    def _try_order_with_the_signature_of_another(self, dice: random.Random) -> Webhook:
        one, other = dice.sample(self.orders, 2)
        return one.but(X_Shopify_Hmac_Sha256=other.headers["X-Shopify-Hmac-Sha256"])

    def _try_order_signed_otherwise(self, dice: random.Random) -> Webhook:
        one = dice.choice(self.orders)
        digest = digested(one.body, "web-new", dice.choice(["sha1", "sha512", "md5"]))
        forms = [
            base64.b64encode(digest).decode(),
            digested(one.body, "web-new").hex(),
            "",
            "é" * 44,
            "=" * 44,
        ]
        return one.but(X_Shopify_Hmac_Sha256=dice.choice(forms))

    def _try_order_of_another_shop_of_the_application(self, dice: random.Random) -> Webhook:
        return dice.choice(self.orders).but(
            X_Shopify_Shop_Domain=dice.choice(["other.myshopify.com", "example"])
        )

    def _try_order_as_something_else(self, dice: random.Random) -> Webhook:
        topics = [
            "refunds/create",
            "fulfillments/update",
            "inventory_levels/update",
            "carts/update",
            "shop/redact",
        ]
        return dice.choice(self.orders).but(
            X_Shopify_Topic=dice.choice([*topics, "customers/redact", "", "\xff"])
        )

    def _try_refund_or_level_as_something_else(self, dice: random.Random) -> Webhook:
        topics = [
            "orders/create",
            "fulfillments/create",
            "shop/redact",
            "customers/redact",
            "products/update",
        ]
        return dice.choice([self.refund, self.level]).but(X_Shopify_Topic=dice.choice(topics))

    def _try_who_asks_as_everybody(self, dice: random.Random) -> Webhook:
        return self.asks.but(
            X_Shopify_Topic=dice.choice(["shop/redact", "customers/data_request", "orders/create"])
        )

    def _try_who_asks_another_shop(self, dice: random.Random) -> Webhook:
        document = {"shop_id": 1, "shop_domain": "other.myshopify.com"}
        return shopify("shop/redact", document, shop=dice.choice(["example", "other"]))

    def _try_order_to_the_tills(self, dice: random.Random) -> Webhook:
        one, other = dice.choice(self.orders), dice.choice(self.sales)
        return dice.choice(
            [Webhook("tills/sale.update", one.headers, one.body), Webhook("web", other.headers, other.body)]
        )

    def _try_sale_of_another_secret(self, dice: random.Random) -> Webhook:
        body = dice.choice(self.sales).body
        digest = digested(body, dice.choice([self.secret, "", "web-new", "tills-new\n"]))
        text = dice.choice([digest.hex(), base64.b64encode(digest).decode()])
        said = {"Content-Type": FORM, "X-Signature": f"signature={text},algorithm=HMAC-SHA256"}
        return Webhook("tills/sale.update", said, body)

    def _try_sale_altered(self, dice: random.Random) -> Webhook:
        return altered(dice.choice(self.sales), dice)

    def _try_sale_signed_otherwise(self, dice: random.Random) -> Webhook:
        one = dice.choice(self.sales)
        text = base64.b64encode(digested(one.body, "tills-new", "sha1")).decode()
        right = one.headers["X-Signature"]
        forms = [f"signature={text},algorithm=HMAC-SHA1", f"signature={text},algorithm=HMAC-SHA256", ""]
        return one.but(
            X_Signature=dice.choice([*forms, right.replace("SHA256", "none"), f"{right}, {right}"])
        )

    def _try_sale_of_another_retailer_of_the_application(self, dice: random.Random) -> Webhook:
        document = {
            "id": "1",
            "sale_date": "2026-11-20 10:00:00",
            "register_id": "r",
            "version": dice.randrange(99),
        }
        return till("sale.update", document, retailer=dice.choice(["other", "example2", ""]))

    def _try_sale_as_something_else(self, dice: random.Random) -> Webhook:
        one = dice.choice(self.sales)
        kind = dice.choice(["inventory.update", "consignment.send", "customer.update", "product.update", "x"])
        return Webhook(f"tills/{kind}", one.headers, one.body)

    def _try_label_of_long_ago(self, dice: random.Random) -> Webhook:
        return dice.choice(self.old)

    def _try_label_of_days_to_come(self, dice: random.Random) -> Webhook:
        return dice.choice(self.early)

    def _try_label_with_another_instant(self, dice: random.Random) -> Webhook:
        stamp = datetime.now(UTC) - timedelta(seconds=dice.randrange(200))
        return dice.choice(self.old).but(x_shipengine_timestamp=stamp.isoformat(timespec="seconds"))

    def _try_label_altered(self, dice: random.Random) -> Webhook:
        return altered(label(), dice)

    def _try_label_signed_otherwise(self, dice: random.Random) -> Webhook:
        one = label()
        name = dice.choice(list(one.headers))
        return one.but(
            **{name: dice.choice(["", "nobody's", "A" * 344, hashlib.sha256(one.body).hexdigest()])}
        )

    def _try_parcel_with_another_word(self, dice: random.Random) -> Webhook:
        word = digested(b"shipstation v1 webhook", dice.choice([self.secret, "", "web-new"])).hex()
        return Webhook(f"parcels/{dice.choice([word, '', 'parcels-new', '0' * 64, word[:63]])}", {}, POINTER)


async def lengths(settings, bootstrap: str) -> dict[str, int]:
    """How many records the topics have."""
    reader, naming = Reader(bootstrap), Naming(settings.kafka.prefix)
    await reader.start()
    try:
        topics = (CLAIMS, MOVEMENTS, OBSERVATIONS, DEAD_LETTERS)
        ends = [await reader.ends(naming(topic), range(settings.kafka.partitions)) for topic in topics]
    finally:
        await reader.stop()
    return {topic.name: sum(end.values()) for topic, end in zip(topics, ends, strict=True)}


async def sent(url: str, webhooks: Iterator[tuple[str, Webhook]]) -> Counter[tuple[str, int]]:
    """What became of them: how often each name got each status."""
    found: Counter[tuple[str, int]] = Counter()

    async def some(session: aiohttp.ClientSession) -> None:
        for name, one in webhooks:
            async with session.post(
                f"{url}/webhooks/{one.path}", data=one.body, headers=one.headers
            ) as answer:
                found[name, answer.status] += 1
                await answer.read()

    async with aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session:
        await asyncio.gather(*(some(session) for _ in range(PARALLEL)))
    return found


def forged(forgers: dict[str, Forger], count: int) -> Iterator[tuple[str, Webhook]]:
    dice = random.Random(SEED)
    names = sorted(forgers)
    for number in range(count):
        name = names[number % len(names)]
        yield name, forgers[name](dice)


@pytest.fixture
async def settings(installation, free, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (installation.data / "stock.csv").write_text("sku,location,quantity\nTEE,SOHO,1000\nMUG,SOHO,1000\n")
    made = installation.configure(CONFIG.format(ports=[free() for _ in range(4)]))
    installation.asked("keys", "list")  # it has a key from now on
    return made


@pytest.fixture
async def sandboxes(settings, installation):
    found = await start_sandboxes(settings, installation.data)
    yield found
    for one in found.values():
        await one.stop()


@pytest.fixture
async def url(installation, sandboxes):
    found = await asyncio.to_thread(installation.server)
    await asyncio.to_thread(lambda: installation.until_ready(installation.worker()))
    return found


async def answered(url: str, webhook: Webhook, status: int) -> bool:
    return await sent(url, iter([("it", webhook)])) == {("it", status): 1}


async def until(what, within: float = 30.0):
    async with asyncio.timeout(within):
        while not (found := await what()):
            await asyncio.sleep(0.2)
    return found


@pytest.mark.system
async def test_given_ten_thousand_forged_webhooks_then_none_is_taken_and_replays_of_genuine_ones_post_nothing(
    installation, settings, sandboxes, url
):
    shop, tills = sandboxes["web"], sandboxes["tills"]
    orders = [shop.order([("TEE", 1 + number)], at=NOW) for number in range(4)]
    shop.fulfil(orders[3], "SOHO", at=NOW)
    shop.refund(orders[3], [("TEE", 1)], restock="return", location="SOHO", at=NOW)
    for number in range(3):
        tills.sell("SOHO", [("MUG", 1 + number)], at=NOW)
    placed, level = [shop.shop.orders[one] for one in orders], next(iter(shop.shop.levels.values()))
    genuine = {
        "orders": [shopify("orders/create", payloads.order(order, shop.shop_name)) for order in placed],
        "sales": [till("sale.update", till_bodies.sale(tills._retailer, number)) for number in range(3)],
        "refunds": [shopify("refunds/create", payloads.refund(placed[3].refunds[0]))],
    }
    asks = {"shop_id": 1, "shop_domain": shop.shop_name, "customer": {"id": 1}, "orders_to_redact": [1]}
    forgers = Forgers(
        genuine["orders"],
        genuine["refunds"][0],
        shopify("inventory_levels/update", payloads.level(level)),
        shopify("customers/redact", asks),
        genuine["sales"],
    )
    for kind in genuine.values():
        for one in kind:
            await until(lambda one=one: answered(url, one, 200))
    await shop.emitter.drain()
    await tills.emitter.drain()
    report = await asyncio.to_thread(installation.asked, "verify", "--wait", "60")
    assert report["checks"]["movements"] >= 9

    before = await lengths(settings, installation.engines.bootstrap)
    found = await sent(url, forged(forgers.all(), COUNT))
    assert {key for key in found if key[1] not in {400, 401}} == set()
    assert sum(found.values()) == COUNT
    assert await lengths(settings, installation.engines.bootstrap) == before, "the log has nothing of them"

    replays = [("replay", one) for kind in genuine.values() for one in kind] * max(1, COUNT // 100)
    again = await sent(url, iter(replays))
    assert again == {("replay", 200): len(replays)}, "the platform is told that it came"
    report = await asyncio.to_thread(installation.asked, "verify", "--wait", "60")
    assert report["ok"], report["differences"]
    after = await lengths(settings, installation.engines.bootstrap)
    assert after == before | {"claims": before["claims"] + len(replays)}, "and nothing is posted for it"


@pytest.mark.system
async def test_given_secrets_are_being_rotated_then_both_are_good_and_a_sandbox_of_v2_is_known(url, settings):
    secrets = secrets_of("parcels", ("webhook_secret",), settings.channels["parcels"])
    new = address("parcels", settings.channels["parcels"], secrets)
    old = f"parcels/{digested(b'shipstation v1 webhook', 'parcels-old').hex()}"
    order = {"id": 1, "line_items": [], "fulfillments": [], "refunds": []}
    sale = {"id": "1", "sale_date": "2026-11-20 10:00:00", "register_id": "r", "version": 1}
    for webhook in (
        *(shopify("orders/create", order, secret) for secret in ("web-new", "web-old")),
        *(till("sale.update", sale, secret) for secret in ("tills-new", "tills-old")),
        *(Webhook(path, {}, POINTER) for path in (new, old)),
    ):
        await until(lambda webhook=webhook: answered(url, webhook, 200))

    await until(lambda: answered(url, label(), 200))
