"""Engines that want TLS and a password: everything of ours is let in, and who is not is told why."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError, for_code

from deploy import kafka, postgres
from deploy.engines import Engines, remove
from deploy.processes import free_port
from streams.cluster import access
from streams.settings import load
from streams.system import cluster_of

ROOT = Path(__file__).resolve().parents[2]
USER, PASSWORD = "onhand", "correct-horse-battery"
KEY = "k" * 32
DOCUMENT = json.dumps(
    {
        "lines": [
            {"fact": "opened", "sku": "TEE", "quantity": 7, "location": "SOHO", "at": "2026-11-01T09:00:00Z"}
        ]
    }
).encode()


def certificates(folder: Path) -> None:
    """A certificate authority, a server's and a client's certificate from it, and an authority that nobody asked."""
    subject = "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    for name, more in {
        "ca": "-subj /CN=authority",
        "other": "-subj /CN=another",
        "server": f"{subject} -CA ca.pem -CAkey ca.key",
        "client": "-subj /CN=onhand -CA ca.pem -CAkey ca.key",
    }.items():
        command = f"{new} -keyout {name}.key -out {name}.pem {more}"
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    (folder / "server.both").write_text(
        (folder / "server.key").read_text() + (folder / "server.pem").read_text()
    )


def listeners(folder: Path) -> tuple[kafka.Listener, ...]:
    """A listener that asks for a password, and one that asks for a certificate."""
    tls = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{folder}/server.both",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{folder}/ca.pem",
    }
    scram = {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    }
    ports = free_port(), free_port()
    return (
        kafka.Listener("SIGNED", ports[0], f"localhost:{ports[0]}", "SASL_SSL", tls | scram),
        kafka.Listener(
            "SHOWN", ports[1], f"localhost:{ports[1]}", "SSL", tls | {"ssl.client.auth": "required"}
        ),
    )


@dataclass
class Secured:
    """Engines that want to know who asks, and what an installation's processes are told."""

    folder: Path
    signed: str
    shown: str
    dsn: str

    def configure(self, prefix: str, kafka_says: str, ca: str = "ca.pem") -> Path:
        name = prefix.rstrip(".")
        file = self.folder / name / "onhand.toml"
        file.parent.mkdir()
        (file.parent / "rules.toml").write_text("[channels.depot.rules]\nsafety_stock = 1\n")
        with psycopg.connect(
            self.dsn, password=os.environ["ONHAND_POSTGRES_PASSWORD"], autocommit=True
        ) as own:
            own.execute(f"create database {name}".encode())
        file.write_text(
            f'[kafka]\nprefix = "{prefix}"\npartitions = 2\ntls = true\n{kafka_says}\n'
            f'[postgres]\naddress = "{self.dsn.rpartition("/")[0]}/{name}?sslmode=verify-full&sslrootcert={self.folder / ca}"\n'
            f"[serve]\nport = {free_port()}\n[locations.SOHO]\n"
            f'[channels.depot]\nplatform = "rlm"\nfolder = "{file.parent}/depot"\nquiet = 0\npoll_every = 1\n'
            '[channels.depot.locations]\n"WH" = "SOHO"\n[channels.depot.rules]\npublish = "locations"\n'
        )
        (file.parent / "depot" / "inbox").mkdir(parents=True)
        (file.parent / "depot" / "inbox" / "stock.csv").write_text(
            "sku,warehouse,quantity,date\nTEE,WH,7,2026-11-01\n"
        )
        return file

    def by_password(self, prefix: str, user: str = USER, ca: str = "ca.pem", pg_ca: str = "ca.pem") -> Path:
        return self.configure(
            prefix, f'address = "{self.signed}"\nca = "../{ca}"\nusername = "{user}"', pg_ca
        )

    def by_certificate(self, prefix: str) -> Path:
        shown = 'certificate = "../client.pem"\nkey = "../client.key"'
        return self.configure(prefix, f'address = "{self.shown}"\nca = "../ca.pem"\n{shown}')


GUARDED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",  # the broker itself, and this test, by the listener that only they know of
}


def granted() -> Iterator[tuple[list[str], list[str]]]:
    """What the product's user may do on Kubernetes, as resources and operations. Tests keep apart by a prefix of their groups."""
    for one in yaml.safe_load_all((ROOT / "deploy/kubernetes/kafka.yaml").read_text()):
        if (one["kind"], one["metadata"]["name"]) == ("KafkaUser", "onhand"):
            for acl in one["spec"]["authorization"]["acls"]:
                yield [f"--{acl['resource']['type']}", "*"], acl["operations"]


def tool(engines: Engines, name: str, *arguments: str) -> None:
    """Runs one of Kafka's own tools."""
    command = [kafka.java(), "-cp", f"{kafka.jars()}/*", name, "--bootstrap-server", engines.bootstrap]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    folder = Path(tempfile.mkdtemp(prefix="onhand-secured-"))
    folder.chmod(0o755)
    certificates(folder)
    shutil.copy(folder / "server.key", folder / "postgres.key")
    (folder / "postgres.key").chmod(0o640)
    if os.geteuid() == 0:  # PostgreSQL is another user then, and wants its key to itself
        shutil.chown(folder / "postgres.key", group="postgres")
    both = listeners(folder)
    tls = {"ssl": "on", "ssl_cert_file": f"{folder}/server.pem", "ssl_key_file": f"{folder}/postgres.key"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in tls.items():
            patched.setitem(postgres.SETTINGS, name, value)
        for name, value in GUARDED.items():
            patched.setitem(kafka.PROPERTIES, name, value)
        try:
            with Engines(folder / "engines", listeners=both) as engines:
                add = f"SCRAM-SHA-512=[password={PASSWORD}]"
                who = ["--entity-type", "users", "--entity-name", USER]
                tool(engines, "kafka.admin.ConfigCommand", "--alter", *who, "--add-config", add)
                for resource, operations in granted():
                    allowed = [word for one in operations for word in ("--operation", one)]
                    whom = ["--allow-principal", f"User:{USER}", "--allow-principal", "User:CN=onhand"]
                    tool(engines, "org.apache.kafka.tools.AclCommand", "--add", *whom, *allowed, *resource)
                found = urlsplit(engines.dsn)
                patched.setenv("ONHAND_POSTGRES_PASSWORD", found.password)
                dsn = f"postgresql://{found.username}@localhost:{found.port}{found.path}"
                yield Secured(folder, both[0].advertised, both[1].advertised, dsn)
        finally:
            remove(folder / "engines")
            shutil.rmtree(folder, ignore_errors=True)


def onhand(config: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command. What it says has no secret in it, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments, "--config", str(config)],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    discreet(done.stdout + done.stderr, *(value for name, value in env.items() if name.endswith("PASSWORD")))
    return done


def discreet(said: str, *more: str) -> None:
    assert [one for one in (PASSWORD, os.environ["ONHAND_POSTGRES_PASSWORD"], *more) if one in said] == []
    assert "Traceback" not in said, said


@contextmanager
def running(config: Path, part: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A worker or a server; what it says on standard error stands in `<part>.log` beside its configuration."""
    log = config.with_name(f"{part}.log")
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", part, "--config", str(config)],
            cwd=ROOT,
            env={**os.environ, "ONHAND_API_KEYS": KEY, **env},
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=40)
    discreet(log.read_text())


def first_line(process: subprocess.Popen[str], config: Path, part: str) -> str:
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    assert said.startswith("ready"), config.with_name(f"{part}.log").read_text()[-2_000:]
    return said.removeprefix("ready").strip()


def status(url: str, body: bytes | None = None) -> int:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": uuid.uuid4().hex}
    headers["Content-Type"] = "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@pytest.fixture
def signs_in(tmp_path, monkeypatch) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    monkeypatch.setenv("ONHAND_KAFKA_PASSWORD_FILE", str(file))


def plain_connections(secured: Secured) -> int:
    with psycopg.connect(secured.dsn, password=os.environ["ONHAND_POSTGRES_PASSWORD"]) as asking:
        found = asking.execute(
            "select count(*) from pg_stat_ssl join pg_stat_activity using (pid)"
            " where client_addr is not null and not ssl and pid <> pg_backend_pid()"
        ).fetchone()
    return found[0]


async def deleting(config: Path, topic: str) -> type[Exception]:
    """What the product's user hears who would delete a part of the log."""
    admin = AIOKafkaAdminClient(**access(cluster_of(load(config).kafka)))
    await admin.start()
    try:
        [(_, code)] = (await admin.delete_topics([topic])).topic_error_codes
    finally:
        await admin.close()
    return for_code(code)


@pytest.mark.engines
@pytest.mark.system
@pytest.mark.parametrize("by", ["password", "certificate"])
def test_given_engines_that_let_in_by_a_secret_over_tls_alone_then_every_part_gets_in_and_may_do_what_it_needs_and_no_more(
    secured, signs_in, prefix, by
):
    config = secured.by_password(prefix) if by == "password" else secured.by_certificate(prefix)
    with running(config, "worker") as worker, running(config, "serve") as server:
        first_line(worker, config, "worker")
        url = first_line(server, config, "serve")
        assert within(30, lambda: status(f"{url}/readyz") == 200)
        assert status(f"{url}/v1/movements", DOCUMENT) == 202
        held = {"channel": "depot", "lines": [{"sku": "TEE", "quantity": 2, "location": "SOHO"}]}
        reserve = json.dumps(held).encode()
        assert within(20, lambda: status(f"{url}/v1/reservations", reserve) == 201)
        outbox = config.with_name("depot") / "outbox"
        assert within(20, lambda: any(outbox.glob("*"))), config.with_name("worker.log").read_text()[-2_000:]
        assert plain_connections(secured) == 0
        for command in (
            ("check",),
            ("verify", "--json"),
            ("replay", "--json"),
            ("replay", "--rules", str(config.with_name("rules.toml")), "--json"),
            ("rules", "history", "--json"),
        ):
            done = onhand(config, *command)
            assert done.returncode == 0, (command, done.stdout + done.stderr)
            if command[0] == "verify":
                assert json.loads(done.stdout)["checks"]["movements"] >= 2
        assert asyncio.run(deleting(config, f"{prefix}movements")) is TopicAuthorizationFailedError


@pytest.mark.engines
@pytest.mark.system
def test_given_a_wrong_password_then_nothing_is_ready_and_it_says_why_without_saying_the_password(
    secured, prefix
):
    config = secured.by_password(prefix)
    wrong = {"ONHAND_KAFKA_PASSWORD": "incorrect-horse"}
    why = "does not let onhand in (SaslAuthenticationFailed): check [kafka] username, mechanism and the password"
    with running(config, "worker", **wrong) as worker, running(config, "serve", **wrong) as server:
        url = first_line(server, config, "serve")
        assert status(f"{url}/readyz") == 503
        assert within(20, lambda: why in config.with_name("serve.log").read_text())
        assert worker.wait(60) == 1
        assert worker.stdout.read() == ""
        assert status(f"{url}/readyz") == 503
    assert why in config.with_name("worker.log").read_text().splitlines()[-1]
    discreet(
        config.with_name("worker.log").read_text() + config.with_name("serve.log").read_text(),
        *wrong.values(),
    )
    done = onhand(config, "check", **wrong)
    assert (done.returncode, why in done.stdout) == (1, True), done.stdout


@pytest.mark.engines
@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ({"ca": "other.pem"}, 1, "shows a certificate that is not to be trusted"),
        ({"user": "somebody"}, 1, "does not let somebody in"),
        ({"pg_ca": "other.pem"}, 1, "PostgreSQL: does not answer at localhost"),
        ({"ca": "missing.pem"}, 2, "kafka.ca: cannot be used (No such file or directory)"),
        ({"ca": "engines/server.properties"}, 2, "kafka.ca: cannot be used"),
    ],
)
def test_given_a_connection_that_is_not_to_be_trusted_then_check_says_what_would_help(
    secured, signs_in, prefix, fault, code, said
):
    done = onhand(secured.by_password(prefix, **fault), "check")
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


@pytest.mark.engines
@pytest.mark.parametrize("part", ["check", "worker", "serve", "verify"])
@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "set ONHAND_KAFKA_PASSWORD, or ONHAND_KAFKA_PASSWORD_FILE"),
        (
            {"ONHAND_KAFKA_PASSWORD_FILE": "/nowhere/secret"},
            "ONHAND_KAFKA_PASSWORD_FILE: /nowhere/secret cannot be read",
        ),
    ],
)
def test_given_no_password_then_nothing_starts_and_the_variable_is_named(secured, prefix, part, env, said):
    done = onhand(secured.by_password(prefix), part, **env)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
