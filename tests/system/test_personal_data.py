"""Somebody in every document of every platform, in a whole installation: where they are afterwards, which is nowhere."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from dumps import everything_in_kafka, everything_in_postgres, everything_on_disk
from golden import FIXTURES, changed, leaves
from running import Hub, running
from seats import Seat, configured, sandbox

from deploy.engines import remove
from streams.system import addresses

WORD = re.compile(rb"canary(?!-free| islands)|63616e617279|555-01", re.IGNORECASE)
"""What every invented person of the doubles has in their name, address or number; the middle is how PostgreSQL writes bytes.
PostgreSQL itself knows the Spanish of the Canary Islands."""

MAIL = "canary-surname@example.invalid"
NOTE = "Canary Surname, call +44 20 555-0142"
SKU, PLACE = "TEE", "WH"

SEATS = {
    "web": Seat("shopify", (PLACE,), lines=('shop = "canary-free.myshopify.com"', "customers = true")),
    "europe": Seat("magento", (PLACE,), lines=('url = "https://day.example.com"', "customers = true")),
    "tills": Seat(
        "lightspeed_x",
        (PLACE,),
        lines=('domain_prefix = "day"', 'author_id = "00000000-0000-4000-8000-000000000001"'),
    ),
    "retro": Seat("lightspeed_r", (PLACE,), lines=('account_id = "1001"', 'employee_id = "2"')),
    "mall": Seat("heartland", (PLACE,), lines=('subdomain = "day"',)),
    "erp": Seat(
        "netsuite",
        (PLACE,),
        lines=('account = "1234567_SB1"', 'adjustment_account = "213"', 'customer = "1502"'),
    ),
    "labels": Seat("shipstation", (PLACE,), seconds=10.0),
    "dc": Seat("rlm", (PLACE,), (PLACE,), seconds=0.5, lines=("quiet = 0.1",)),
}
SELLS: dict[str, Callable[[Any, datetime], Any]] = {
    "web": lambda double, at: double.order([(SKU, 1)], at=at),
    "europe": lambda double, at: double.order([(SKU, 1)], at=at),
    "tills": lambda double, at: double.sell(PLACE, [(SKU, 1)], at=at),
    "retro": lambda double, at: double.sell(PLACE, [(SKU, 1)], at=at),
    "mall": lambda double, at: double.sell(PLACE, [(SKU, 1)], at=at),
    "erp": lambda double, at: double.sell(PLACE, [(SKU, 1)], at=at),
    "labels": lambda double, at: double.order([(SKU, 1)], at=at),
    "dc": lambda double, at: double.sell(PLACE, [(SKU, 1)], at=at),
}
EDI = (
    b"ISA*00*          *00*          *ZZ*DEPOT          *ZZ*ONHAND         *261123*1300*U*00401*000000001*0*P*>~"
    b"GS*SW*DEPOT*ONHAND*20261123*1300*1*X*004010~ST*945*0001~W06*F*A-1*20261124*BOL1~"
    b"N1*ST*Ada Canary*92*S1~N2*Canary~N3*1 Canary St~N4*Canary*CA~PER*CN*Canary*TE*555-0100~"
    b"N1*WH*Depot*92*WH~N9*CO*canary~NTE*WHI*call Canary~W12*CC*1*1*0*EA**SK*NONE~G69*canary~"
    b"W03*1~SE*14*0001~GE*1*1~IEA*1*000000001~"
)
"""A parcel of an item that nobody knows, for somebody."""


@pytest.fixture
async def hub():
    """All platforms and the hub, on engines of its own: every byte of theirs is looked at."""
    data = Path(tempfile.mkdtemp(prefix="onhand-persons-"))
    data.chmod(0o755)
    settings = configured(data, SEATS)
    doubles = {name: sandbox(name, seat, settings, {(SKU, PLACE): 50}) for name, seat in SEATS.items()}
    try:
        async with running(data, SEATS, settings, doubles, lambda _said: None) as found:
            yield found
    finally:
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


class Told:
    """What the hub answered whom, so that it can be looked at."""

    def __init__(self, hub: Hub, http: ClientSession) -> None:
        self._hub, self._http = hub, http
        self._key = (hub.data / "api-key").read_text().strip()
        self.answers: list[bytes] = []
        self.statuses: list[int] = []

    async def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
        """Asks the server; its answer must name nobody."""
        async with self._http.request(
            method,
            self._hub.address + path,
            data=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        ) as answer:
            self.answers.append(await answer.read())
            self.statuses.append(answer.status)
            return answer.status

    async def read(self, path: str) -> int:
        """Asks as somebody with a key."""
        return await self.ask("GET", path, Authorization=f"Bearer {self._key}")

    async def claim(self, key: str, body: bytes) -> int:
        """Posts a claim of an application of the shop's own."""
        return await self.ask(
            "POST", "/v1/movements", body, Authorization=f"Bearer {self._key}", Idempotency_Key=key
        )


def planted(value: Any) -> Any:
    """The document with somebody in a field that nobody knows, in every object of it."""
    if isinstance(value, dict):
        return {**{name: planted(part) for name, part in value.items()}, "custom_field": MAIL, "memo": NOTE}
    return [planted(part) for part in value] if isinstance(value, list) else value


async def webhooks(told: Told, hub: Hub) -> None:
    """Every fixture of the platforms that send documents by webhook: with somebody beside all fields, and in each."""
    for name in ("web", "tills"):
        double, its = hub.sandboxes[name], hub.settings.connector(name)
        for fixture in (one.values[1] for one in FIXTURES if one.values[0] is its):
            topic, body = fixture["topic"], fixture["payload"]
            path = f"/webhooks/{name}" + (f"/{topic}" if name == "tills" else "")
            strings = [path for path in leaves(body) if isinstance(_at(body, path), str)]
            for document in (
                planted(body),
                changed(planted(body), strings[len(strings) // 2], MAIL) if strings else {},
                changed(planted(body), strings[-1], MAIL) if strings else {},
            ):
                raw, headers = double.signed(topic, document)
                await told.ask("POST", path, raw, **headers)
        raw, headers = double.signed("orders/create", planted({"id": 1}))
        await told.ask("POST", f"/webhooks/{name}", raw[:-1], **headers)
        await told.ask("POST", f"/webhooks/{name}", raw + b" ", **headers)


async def taken_in(hub: Hub, channel: str) -> None:
    """Waits until a channel's poll has brought its sale."""
    while not (await hub.queries.transactions(channel=channel)).items:
        await asyncio.sleep(0.2)


def _at(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


async def test_given_somebody_in_every_document_of_every_platform_then_nothing_that_is_kept_names_them(hub):
    doubles = hub.sandboxes
    at = datetime.now(UTC)
    await hub.opened(lambda _said: None)
    for name, sell in SELLS.items():
        sell(doubles[name], at)
    doubles["dc"]._write("945", EDI)
    await asyncio.wait_for(asyncio.gather(*(taken_in(hub, name) for name in SEATS)), 90)
    async with ClientSession() as http:
        told = Told(hub, http)
        await webhooks(told, hub)
        assert {200} < set(told.statuses) <= {200, 400, 401, 404}
        line = b'{"fact":"sold","sku":"TEE","quantity":1,"at":"2026-11-20T10:00:00Z","location":"WH"'
        for number, body in enumerate(
            (
                b'{"lines":[' + line + b'}],"email":"' + MAIL.encode() + b'"}',
                b'{"lines":[' + line + b',"note":"' + NOTE.encode() + b'"}]}',
                b'{"lines":[' + line.replace(b"sold", MAIL.encode()) + b"}]}",
                b'{"lines":[' + line.replace(b"2026", MAIL.encode()) + b"}]}",
                NOTE.encode(),
            )
        ):
            assert await told.claim(f"claim-{number}", body) == 400
        assert await hub.verifier.come_through(60) is None
        letters = await hub.onhand("dead-letters", "list")
        for path in (
            "/v1/dead-letters",
            f"/v1/movements?sku={SKU}",
            f"/v1/explain/{SKU}?channel=web",
            "/metrics",
        ):
            assert await told.read(path) == 200, path
        for path in (f"/v1/stock/{MAIL}", f"/v1/explain/{MAIL}?channel={MAIL}", f"/{MAIL}"):
            await told.read(path)
            told.answers.pop()  # what somebody asks for may be in the answer to them, but in nothing that is kept
    await hub.onhand("export", "--out", str(hub.data / "export"))

    found = addresses(hub.settings)
    topics = await everything_in_kafka(found.bootstrap)
    tables = await asyncio.to_thread(everything_in_postgres, found.dsn)
    files = await asyncio.to_thread(everything_on_disk, hub.data)
    exchanged = hub.data / "exchange"  # what the partner wrote, and what was told it, are the partner's
    kept = {
        **{f"topic {name}": content for name, content in topics.items()},
        **{f"table {name}": content for name, content in tables.items()},
        **{f"file {file}": content for file, content in files.items() if exchanged not in file.parents},
        **{f"answer {number}": content for number, content in enumerate(told.answers)},
        "dead letters": repr(letters).encode(),
    }
    hits = {
        name: content[max(0, at.start() - 80) : at.end() + 40]
        for name, content in kept.items()
        for at in [WORD.search(content)]
        if at
    }
    assert hits == {}
    assert {f'"channel":"{name}"'.encode() in topics["claims"] for name in SEATS} == {True}
    assert len(letters["items"]) > 10
    assert b"NONE" in topics["dead-letters"]
    assert tables["deal_subjects"], "somebody is in the vault, and in nothing else"
    assert any(file.suffix == ".parquet" for file in files)
    assert any(WORD.search(content) for file, content in files.items() if exchanged in file.parents), (
        "it is found where it is"
    )

    gone = []
    for mail in ("CANARY@example.invalid", "canary.customer@example.com"):
        listed = (await hub.onhand("erase", mail, "--list"))["known"]
        assert (await hub.onhand("erase", mail))["erased"] == listed
        gone += [one["ref"].encode() for one in listed]
    after = await asyncio.to_thread(everything_in_postgres, found.dsn)
    assert all(ref in tables["subject_keys"] for ref in gone)
    assert not any(ref in after["subject_keys"] for ref in gone), "what a backup has of them opens nowhere"
    assert all(ref in after["subjects"] for ref in gone), "that they were erased is remembered"
