"""Whole installations with processes of their own, to be killed, stopped and asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest

from deploy.engines import Engines, remove
from deploy.processes import free_port
from projections.pool import open_pool
from projections.queries import Queries
from schemas.claims import Claim
from schemas.codec import encode, headers
from schemas.topics import CLAIMS
from streams.reader import Reader
from streams.settings import Settings, load
from streams.stages import Naming
from streams.topics import create_topics
from streams.verify import Report, Verifier
from streams.writer import Out, Writer

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(Path(__file__).parent))  # where tests find `documented`
EXAMPLE = ROOT / "deploy" / "example"
sys.path[:0] = [
    str(ROOT / "tests" / room) for room in ("system", "retailer", "connectors")
]  # modules that tests share
SECRET = "sandbox"


def onhand(
    *arguments: str,
    config: Path,
    code: int | None = 0,
    env: dict[str, str] | None = None,
    within: float = 120.0,
) -> str:
    """Runs a command as a user would, and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "ONHAND_CONFIG": str(config), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
    )
    assert code is None or done.returncode == code, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if done.returncode == 0 or done.stdout else done.stderr


def asked(*arguments: str, config: Path, code: int | None = 0, within: float = 120.0) -> Any:
    """A command's JSON report."""
    return json.loads(onhand(*arguments, "--json", config=config, code=code, within=within))


class Reached(Protocol):
    """Where engines are."""

    @property
    def bootstrap(self) -> str: ...

    @property
    def dsn(self) -> str: ...


@contextmanager
def beside_others(addresses, databases) -> Iterator[tuple[str, str]]:
    """What a configuration says of the run's engines, to have topics and a database of its own there; and the latter's DSN."""
    with databases() as dsn, pytest.MonkeyPatch.context() as patched:
        password = urlsplit(dsn).password or ""
        patched.setenv("ONHAND_POSTGRES_PASSWORD", password)
        kafka = f'[kafka]\naddress = "{addresses.bootstrap}"\nprefix = "t{uuid.uuid4().hex[:8]}."\n'
        yield f'\n{kafka}\n[postgres]\naddress = "{dsn.replace(f":{password}@", "@")}"\n', dsn


@dataclass
class Installation:
    """Engines, one configuration that `engines_said` is a part of, and processes that run from it."""

    data: Path
    engines: Reached
    engines_said: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.data / "onhand.toml"

    def configure(self, text: str) -> Settings:
        self.config.write_text(text + self.engines_said, encoding="utf-8")
        return load(self.config)

    def asked(self, *arguments: str, code: int | None = 0, within: float = 120.0) -> Any:
        """A command's JSON report."""
        return asked(*arguments, config=self.config, code=code, within=within)

    def worker(self, name: str = "worker-0") -> subprocess.Popen[bytes]:
        """Starts a worker process; `until_ready` waits for it."""
        return self._process(name, "worker", "--name", name)

    def server(self) -> str:
        """Starts the server, and says where it is."""
        return self.until_ready(self._process("server", "serve"))

    def _process(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.data / f"{name}.log").open("ab") as log:
            process = self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *command, "--config", str(self.config)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return process

    def until_ready(self, process: subprocess.Popen[bytes]) -> str:
        """Waits until a process says that it is ready; returns what else it says."""
        assert process.stdout is not None
        with process.stdout:
            said = process.stdout.readline()
        assert said.startswith(b"ready"), self.tail()
        return said.decode().removeprefix("ready").strip()

    def tail(self) -> str:
        return "\n".join(file.read_text(errors="replace")[-2_000:] for file in self.data.glob("*.log"))

    def kill(self, name: str = "worker-0") -> None:
        """SIGKILL, as a power cut would."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()
        self.processes.clear()

    async def append(self, claims: Sequence[Claim], settings: Settings) -> None:
        """Writes claims to the log, as the intake does."""
        naming, partitions = Naming(settings.kafka.prefix), settings.kafka.partitions
        await create_topics(self.engines.bootstrap, naming, partitions)
        writer = Writer(self.engines.bootstrap, partitions)
        await writer.start()
        try:
            for start in range(0, len(claims), 500):
                await writer.write(_outs(claims[start : start + 500], naming))
        finally:
            await writer.stop()

    @asynccontextmanager
    async def verifier(self, settings: Settings) -> AsyncIterator[Verifier]:
        reader, pool = Reader(self.engines.bootstrap), await open_pool(self.engines.dsn, 2)
        await reader.start()
        try:
            yield Verifier(
                reader=reader,
                queries=Queries(pool),
                naming=Naming(settings.kafka.prefix),
                partitions=settings.kafka.partitions,
                rules=settings.rules,
                authority=settings.witnesses,
                group=f"{settings.kafka.prefix}onhand",
                tells={name: settings.connector(name).tells for name in settings.channels},
            )
        finally:
            await reader.stop()
            await pool.close()

    async def verdict(self, settings: Settings, within: float = 60.0) -> Report:
        """What `verify` says once everything has settled."""
        async with self.verifier(settings) as verifier:
            assert await verifier.settled(within) is None, self.tail()
            return await verifier.run()


def _outs(claims: Iterable[Claim], naming: Naming) -> list[Out]:
    return [
        Out(
            naming(CLAIMS),
            claim.transaction.encode(),
            encode(claim),
            headers(CLAIMS, f"{claim.channel}/{claim.transaction}", claim.channel, claim.occurred_at),
        )
        for claim in claims
    ]


@pytest.fixture
def engines_apart() -> Iterator[Installation]:
    """An installation of the test's own: what it kills is nobody else's."""
    data = Path(tempfile.mkdtemp(prefix="onhand-system-"))
    data.chmod(0o755)
    installation = None
    try:
        with Engines(data / "engines") as engines:
            installation = Installation(data, engines)
            yield installation
            installation.stop()
    finally:
        if installation is not None:
            installation.stop()
        remove(data / "engines")
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def installation(addresses, databases, tmp_path) -> Iterator[Installation]:
    """An installation beside others on the engines of the run: its processes may be killed, the engines may not."""
    with beside_others(addresses, databases) as (said, dsn):
        made = Installation(tmp_path, replace(addresses, dsn=dsn), said)
        try:
            yield made
        finally:
            made.stop()


def wait_for(what: Callable[[], Any], within: float = 10.0) -> Any:
    """The first true answer of `what`."""
    deadline = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def free() -> Callable[[], int]:
    """Asks for a free port."""
    return free_port


class Up:
    """`onhand up` on a copy of the example, with ports of its own, and `edited` before it starts."""

    def __init__(self, data: Path, edited: Callable[[str], str]) -> None:
        self.config = data / "onhand.toml"
        self.ports = {8765: free_port(), 8801: free_port(), 8802: free_port()}
        shutil.copytree(EXAMPLE, data, dirs_exist_ok=True)
        self.edit(
            lambda text: re.sub(r"\b(8765|8801|8802)\b", lambda port: str(self.ports[int(port[0])]), text)
        )
        self.edit(edited)
        self.url = f"http://127.0.0.1:{self.ports[8765]}"
        self.tills = f"http://127.0.0.1:{self.ports[8801]}"

    @property
    def key(self) -> str:
        return (self.config.parent / ".onhand" / "api-key").read_text().strip()

    def start(self) -> None:
        said = self.config.parent / "up.log"
        with said.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "up", "--config", str(self.config)],
                cwd=ROOT,
                stderr=log,
            )
        self.until(lambda: b"ready in" in said.read_bytes(), 60)

    def restart(self) -> None:
        self.stop()
        self.start()

    def edit(self, change) -> None:
        self.config.write_text(change(self.config.read_text()))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)

    def run(self, *arguments: str, code: int = 0, said: str | None = None):
        """A command's report for machines."""
        return json.loads(self.printed(*arguments, "--json", code=code, said=said))

    def printed(self, *arguments: str, code: int = 0, said: str | None = None) -> str:
        """What a command prints, that is `said` something on its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments],
            cwd=ROOT,
            env={**os.environ, "ONHAND_CONFIG": str(self.config)},
            input=said,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def ask(self, method: str, url: str, body: bytes | None = None, **headers: str):
        """Status, headers and decoded body of a request."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return answer.status, answer.headers, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, json.loads(error.read())

    def get(self, path: str):
        return self.ask("GET", self.url + path, Authorization=f"Bearer {self.key}")[2]

    def post(self, key: str, *lines: dict[str, Any], **more: Any) -> int:
        """Posts a claim of an application of the shop's own; returns the status."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency_Key": key}
        body = json.dumps({"lines": lines, **more}).encode()
        return self.ask("POST", f"{self.url}/v1/movements", body, **headers)[0]

    def webhook(self, document, *, topic="orders/updated", secret=SECRET, body: bytes | None = None):
        """Posts a document as the web shop does; returns the status."""
        return self.ask(*self.signed(document, topic=topic, secret=secret, body=body)[:3], **self.headers)[0]

    def signed(self, document, *, topic, secret, body):
        raw = json.dumps(document).encode() if body is None else body
        digest = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
        self.headers = {"X_Shopify_Topic": topic, "X_Shopify_Hmac_Sha256": digest}
        return "POST", f"{self.url}/webhooks/web", raw

    def till_level(self, sku: str, store: str) -> float:
        """What the till's own software shows."""
        token = {"Authorization": f"Bearer {SECRET}", "Content_Type": "application/json"}
        product = self._named(self.ask("GET", f"{self.tills}/api/2026-07/products", **token), "sku", sku)
        outlet = self._named(self.ask("GET", f"{self.tills}/api/2026-07/outlets", **token), "name", store)
        rows = self.ask("POST", f"{self.tills}/api/2026-07/inventory", b'{"after": 0}', **token)[2]
        return next(
            row["current_inventory_level"]
            for row in rows
            if (row["product_id"], row["outlet_id"]) == (product, outlet)
        )

    def _named(self, answer, field: str, name: str) -> str:
        return next(row["id"] for row in answer[2]["data"] if row[field] == name)

    def available(self, sku: str, store: str) -> int:
        found = self.get(f"/v1/stock/{sku}")
        return found.get("locations", {}).get(store, {}).get("available", 0)

    def until(self, what, within: float = 10.0):
        deadline = time.monotonic() + within
        while not (found := what()):
            assert time.monotonic() < deadline, (self.config.parent / "up.log").read_text()[-2_000:]
            time.sleep(0.05)
        return found


@pytest.fixture(scope="session")
def system_up() -> type[Up]:
    """How to make one that is not everybody's: a folder, and what is edited in its configuration."""
    return Up


@pytest.fixture(scope="module")
def edited() -> Callable[[str], str]:
    """How the configuration of a file's tests differs from the example's; the file says it by a fixture of this name."""
    return lambda text: text


@pytest.fixture(scope="module")
def engines_said(addresses, databases) -> Iterator[str]:
    """What the configuration says of its engines: the run's. Where a file's tests stop them or look into their folders, a
    fixture of this name says nothing instead, and the engines are embedded.
    """
    with beside_others(addresses, databases) as (said, _):
        yield said


@pytest.fixture(scope="module")
def unopened(edited, engines_said) -> Iterator[Up]:
    """`onhand up` on the example, one for all tests of a file; nobody has said what is there yet."""
    data = Path(tempfile.mkdtemp(prefix="onhand-story-"))
    data.chmod(0o755)
    up = Up(data, lambda text: edited(text) + engines_said)
    try:
        up.start()
        yield up
    finally:
        up.stop()
        remove(data / ".onhand" / "engines")
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="module")
def up(unopened: Up) -> Up:
    """The same with the tills' opening stock."""
    unopened.run("import", "tills")
    unopened.until(lambda: unopened.available("TEE-BLACK-M", "SOHO") == 12)
    return unopened
