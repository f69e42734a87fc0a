"""The API behind a real socket, and a customer who checks of every answer what is promised of it."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import uvicorn
from fastapi import FastAPI

from deploy.processes import free_port
from projections.access import Caller, Role, Scope
from projections.gate import Gate
from projections.limits import Limits
from projections.pool import Pool, open_pool
from projections.problems import KINDS, Problem
from projections.server import create_api
from projections.service import Readiness
from schemas.reservations import Ask, Request
from schemas.rules import ChannelRules, Rules
from schemas.ruling import changed, rules_of

KEY = "the-right-key-3f9c"
SECRET = "canary-7e41d0"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BODY_MAX = 1_000
RULES = Rules(
    version="rules-1",
    channels={"web": ChannelRules(safety_stock=2), "tills": ChannelRules(publish="locations")},
    bundles={"GIFT": {"TEE": 3, "MUG": 1}},
)


@dataclass
class Desk:
    """An intake that keeps what it is handed, and does next what `then` says."""

    webhooks: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    claims: list[tuple[bytes, str]] = field(default_factory=list)
    uploads: list[tuple[bytes, str]] = field(default_factory=list)
    then: Exception | None = None

    async def webhook(self, channel: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        if self.then is not None:
            raise self.then
        self.webhooks.append((channel, path, headers, body))

    async def movements(self, body: bytes, key: str) -> dict[str, Any]:
        if self.then is not None:
            raise self.then
        self.claims.append((body, key))
        return {"accepted": True, "transaction": f"custom/{key}"}

    async def upload(self, body: bytes, key: str) -> dict[str, Any]:
        self.uploads.append((body, key))
        return {"accepted": True, "documents": 1}


@dataclass
class Ledger:
    """Grants what it is asked, and keeps it; or says `then`."""

    asked: list[Request] = field(default_factory=list)
    ended: list[tuple[str, Ask, str | None]] = field(default_factory=list)
    then: Exception | None = None

    async def place(self, request: Request) -> dict[str, Any]:
        if self.then is not None:
            raise self.then
        self.asked.append(request)
        lines = [
            {"sku": line.sku, "quantity": line.quantity, "location": line.location} for line in request.lines
        ]
        return {"id": request.id, "state": "held", "lines": lines, "expires_at": "2026-11-30T12:15:00+00:00"}

    async def end(self, ident: str, ask: Ask, transaction: str | None = None) -> dict[str, Any]:
        self.ended.append((ident, ask, transaction))
        return {"id": ident, "state": "released", "lines": []}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Promises:
    """What the API's document says of answers. What it does not name, no answer may have."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        closed = copy.deepcopy(document)
        for schema in closed["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        self.components = closed["components"]
        self.operations = [
            (method.upper(), re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(path))), operation)
            for path, item in closed["paths"].items()
            for method, operation in item.items()
        ]

    def kept(self, method: str, path: str, answer: Answer) -> None:
        """Whether an answer is one of those that are promised, as they are promised."""
        found = [one for verb, route, one in self.operations if verb == method and route.fullmatch(path)]
        if not found:
            return
        said = found[0]["responses"][str(answer.status)]
        for name, header in said["headers"].items():
            if self.components["headers"][name].get("required"):
                assert name in answer.headers, header
        media = answer.headers.get("Content-Type")
        assert (media is None) == ("content" not in said)
        if media is not None:
            schema = {**said["content"][media]["schema"], "components": self.components}
            told = answer.json if "json" in media else answer.text
            jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(told)


@dataclass
class Counter:
    """The API behind a real socket, and a customer who checks of every answer what holds for all of them."""

    port: int
    desk: Desk
    session: aiohttp.ClientSession
    ledger: Ledger
    promises: Promises
    document: dict[str, Any]
    unready: str | None = None
    times: list[tuple[str, str, int, float]] = field(default_factory=list)

    async def ask(self, method: str, path: str, *, key: str | None = KEY, **more: Any) -> Answer:
        headers = {**more.pop("headers", {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, headers=headers, **more) as response:
            answer = Answer(response.status, response.headers, await response.text())
        self.promises.kept(method, path.partition("?")[0], answer)
        return self.checked(answer)

    async def get(self, path: str, **parameters: Any) -> Answer:
        return await self.ask("GET", path, params=parameters)

    async def raw(self, head: str, body: bytes = b"") -> Answer:
        """What is answered to these very bytes, while the sender keeps its side open."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        status = int((await asyncio.wait_for(reader.readline(), 5)).split()[1])
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        text = (await reader.readexactly(int(headers["content-length"]))).decode()
        writer.close()
        await writer.wait_closed()
        told = {name.title(): value for name, value in headers.items()}
        return self.checked(Answer(status, told, text))

    @staticmethod
    def checked(answer: Answer) -> Answer:
        assert SECRET not in answer.text
        assert KEY not in answer.text
        assert answer.headers["X-Request-Id"]
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert {"type", "title", "status", "detail", "instance"} <= answer.json.keys()
            assert answer.json["status"] == answer.status
            assert answer.json["type"] in {kind.type for kind in KINDS}
            assert answer.json["instance"] == f"urn:request:{answer.headers['X-Request-Id']}"
        return answer


class Book:
    """The rules of a shop, as its log would have them."""

    def __init__(self):
        self.events = [replace(RULES, by="onhand.toml", at=NOW)]

    async def change(self, channel, patch):
        last = self.events[-1]
        if channel not in last.channels:
            raise Problem(404, "Unknown channel", "channels are: web, tills")
        channels = {**last.channels, channel: changed(last.channels[channel], patch)}
        self.events.append(rules_of(channels, {}, by="the API", at=NOW))
        return self.events[-1]


def caller_of(offered: str) -> Caller | None:
    """Whose a key is: `KEY` may do everything, and the names of scopes and roles are keys that may do just that."""
    if offered == KEY:
        return Caller.of("test", Role.ADMIN)
    if offered in set(Role):
        return Caller.of(offered, Role(offered))
    if offered in set(Scope):
        return Caller(offered, frozenset({Scope(offered)}))
    return Caller("slow", frozenset({Scope.READ}), 3.0) if offered == "slow" else None


class Present:
    """In an application that serves one test after another: what the present one has in this place. To make an application takes
    longer than most tests.
    """

    def __init__(self) -> None:
        self.its: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.its, name)


POOL, DESK, LEDGER, BOOK, COUNTER = (Present() for _ in range(5))


@cache
def application() -> tuple[FastAPI, Promises]:
    """The application, and what its document promises."""

    def ready() -> Readiness:
        return Readiness({"kafka": COUNTER.unready, "workers": "nobody says anything"}, frozenset({"kafka"}))

    api = create_api(
        POOL,  # type: ignore[arg-type]  # a pool is in its place
        rules=lambda: RULES,
        skews=lambda: {"tills": 0.5},
        clock=lambda: NOW,
        keys=caller_of,
        intake=DESK,
        ready=ready,
        metrics=lambda: b"onhand_ready 1\n",
        timed=lambda *told: COUNTER.times.append(told),
        reserving=LEDGER,
        ruling=BOOK,
        body_max=BODY_MAX,
    )
    return api, Promises(api.openapi())


async def serving(pool: Pool, limits: Limits | None = None):
    POOL.its, DESK.its, LEDGER.its, BOOK.its = pool, Desk(), Ledger(), Book()
    api, promises = application()
    api.state.gate = Gate(caller_of, limits or Limits(failures=0))  # nobody has asked yet
    held = socket.create_server(("127.0.0.1", 0))
    held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    running = uvicorn.Server(uvicorn.Config(api, log_level="critical", access_log=False))
    task = asyncio.create_task(running.serve(sockets=[held]))
    async with aiohttp.ClientSession() as session:
        port = held.getsockname()[1]
        COUNTER.its = counter = Counter(port, DESK.its, session, LEDGER.its, promises, promises.document)
        while not running.started:  # uvicorn has no event to wait for
            await asyncio.sleep(0.01)
        yield counter
    running.should_exit = True
    await task


@pytest.fixture
async def api(pool):
    """The API on empty tables."""
    async for counter in serving(pool):
        yield counter


@pytest.fixture
async def dark():
    """The API while PostgreSQL is away."""
    away = await open_pool(f"postgresql://onhand:{SECRET}@127.0.0.1:{free_port()}/onhand")
    away.timeout = 0.2
    async for counter in serving(away):
        yield counter
    await away.close(timeout=0.1)
