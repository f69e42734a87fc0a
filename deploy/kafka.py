"""A real Apache Kafka on loopback: one node, KRaft, from the jars that Maven resolves from `pom.xml`."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.processes import EngineError, Server, await_ready, free_port, last_line, start

POM = Path(__file__).with_name("pom.xml")

PROPERTIES: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # one node: the internal topics cannot have more than one replica, and 50 partitions each only cost start time
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "message.max.bytes": "8388608",
    # a broker that was killed may come back when the controller has given it up: with Kafka's own 9 s that took 12 s
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "1000",
}
"""What every way of running our Kafka has in common; `compose.yaml` says the same, and a test compares them."""

MAIN = "kafka.Kafka"

ARCHIVE = "classes.jsa"
"""Beside the jars: their classes as a JVM has them in memory, which the next one maps instead of reading the jars. Kafka starts in
two thirds of the processor time with it. A JVM that it does not fit goes without.
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """One more way in: a port on loopback, and the `host:port` that clients who came this way are told to use. `protocol` is one of
    Kafka's (`SASL_SSL`), and `properties` are what it needs for that, without the listener's name before them.

    Kafka's clients go where the broker says it is, so whoever reaches it by another address (a tunnel, a proxy, another
    network) needs a listener that says that address.
    """

    name: str
    port: int
    advertised: str
    protocol: str = "PLAINTEXT"
    properties: Mapping[str, str] = field(default_factory=dict)


def version() -> str:
    """The Kafka version that `pom.xml` pins."""
    found = re.search(r"<kafka.version>([^<]+)<", POM.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def java() -> str:
    """The Java to run with. Raises `EngineError` without Java 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    command = shutil.which("java", path=f"{home}/bin") if home else None
    command = command or shutil.which("java")
    if command is None:
        raise EngineError("Kafka needs Java 17 or newer: apt-get install openjdk-17-jre-headless")
    answer = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "(\d+)', answer.stderr)
    if found is None or int(found[1]) < 17:
        raise EngineError(
            f"Kafka needs Java 17 or newer, {command} is older: apt-get install openjdk-17-jre-headless"
        )
    return command


def cache() -> Path:
    """Where downloaded jars are kept: `ONHAND_CACHE`, else the user's cache directory."""
    base = os.environ.get("ONHAND_CACHE") or str(
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onhand"
    )
    return Path(base)


def jars(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The folder with Kafka's jars, resolved by Maven once for each content of `pom.xml`.

    Raises `EngineError` when Maven is missing or cannot resolve them.
    """
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    target = cache() / f"kafka-{version()}-{digest}"
    if target.exists():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        raise EngineError("Kafka's jars are resolved by Maven, which is missing: apt-get install maven")
    progress(f"resolving the jars of Kafka {version()} with Maven (once)")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent))
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = subprocess.run(  # noqa: S603  # our own pom
        [*command, f"-DoutputDirectory={work}"], capture_output=True, text=True, check=False
    )
    if done.returncode or not list(work.glob("kafka_2.13-*.jar")):
        shutil.rmtree(work, ignore_errors=True)
        raise EngineError(
            f"Maven could not resolve Kafka's jars: {_reason(done.stdout)}; check that `mvn` has a network"
        )
    try:
        work.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(work, ignore_errors=True)
    archive(progress)
    return target


def archive(progress: Callable[[str], None] = lambda _: None) -> None:
    """Makes `ARCHIVE` if there is none: it is what a Kafka leaves that is started for that, and stopped. Nothing but time depends on
    it, so it may fail.
    """
    libs = jars(progress)
    if (libs / ARCHIVE).exists():
        return
    progress("keeping Kafka's classes, so that it starts sooner (once)")
    left = libs / f"{ARCHIVE}.{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(EngineError, OSError):
        server, _ = run(Path(folder), progress, None, leaves=left)
        server.stop()
        if whole(libs, left):
            left.replace(libs / ARCHIVE)
    left.unlink(missing_ok=True)


def whole(libs: Path, archive: Path) -> bool:
    """Whether a JVM can use all of an archive: on one that was cut off, it crashes."""
    flags = [
        "-Xmx96m",
        "-Xshare:on",
        "-XX:+VerifySharedSpaces",
        f"-XX:SharedArchiveFile={archive}",
        "-XX:ErrorFile=/dev/null",
    ]
    tried = [java(), *flags, "-cp", f"{libs}/*", "kafka.tools.StorageTool", "random-uuid"]
    return subprocess.run(tried, capture_output=True, check=False, cwd=archive.parent).returncode == 0  # noqa: S603  # as above


def _mapped(libs: Path) -> list[str]:
    """What tells a JVM to use `ARCHIVE`, where there is one."""
    return [f"-XX:SharedArchiveFile={libs / ARCHIVE}"] if (libs / ARCHIVE).exists() else []


def _reason(said: str) -> str:
    """Maven's first error, up to where it names a repository: a private mirror's address is nobody's business."""
    line = next((line for line in said.splitlines() if "ERROR" in line), "no jars arrived")
    return re.split(r" (?:from/to|from|in) \S+ \(|\w+://", line.replace("[ERROR]", ""))[0].strip()


def run(
    data: Path,
    progress: Callable[[str], None],
    port: int | None,
    heap_mb: int = 512,
    listeners: Sequence[Listener] = (),
    leaves: Path | None = None,
) -> tuple[Server, int]:
    """Starts Kafka on `data`, on `port` if it is free, and on further `listeners`. Returns when it answers. Stopped, its JVM
    `leaves` its classes there.
    """
    command, libs = java(), jars(progress)
    data.mkdir(parents=True, exist_ok=True)
    chosen, controller = free_port(port), free_port()
    properties = data / "server.properties"
    lines = {
        **PROPERTIES,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": ",".join(
            (
                f"PLAINTEXT://127.0.0.1:{chosen},CONTROLLER://127.0.0.1:{controller}",
                *(f"{one.name}://127.0.0.1:{one.port}" for one in listeners),
            )
        ),
        "advertised.listeners": ",".join(
            (f"PLAINTEXT://127.0.0.1:{chosen}", *(f"{one.name}://{one.advertised}" for one in listeners))
        ),
        "listener.security.protocol.map": ",".join(
            (
                PROPERTIES["listener.security.protocol.map"],
                *(f"{one.name}:{one.protocol}" for one in listeners),
            )
        ),
        "log.dirs": str(home_of(data)),
        **{
            f"listener.name.{one.name.lower()}.{name}": value
            for one in listeners
            for name, value in one.properties.items()
        },
    }
    properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()), encoding="utf-8")
    log = data / "kafka.log"
    _format(command, libs, data, properties)
    shared = _mapped(libs) if leaves is None else [f"-XX:ArchiveClassesAtExit={leaves}"]
    flags = ["-Xms128m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    arguments = [*flags, *shared, "-cp", f"{libs}/*", MAIN, str(properties)]
    server = start("Kafka", [command, *arguments], log, stop_with="SIGTERM")
    await_ready(server, lambda: answers(chosen), within=60)
    return server, chosen


def home_of(data: Path) -> Path:
    """Where it keeps the log."""
    return data / "log"


def _format(command: str, libs: Path, data: Path, properties: Path) -> None:
    if (home_of(data) / "meta.properties").exists():
        return
    ident = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A")
    tool = [
        command,
        *_mapped(libs),
        "-Xmx96m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{libs}/*",
        "kafka.tools.StorageTool",
        "format",
    ]
    done = subprocess.run(  # noqa: S603  # our own arguments
        [*tool, "-t", ident, "-c", str(properties), "--ignore-formatted"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EngineError(f"Kafka's storage could not be formatted: {last_line(done.stderr)}")


def answers(port: int) -> bool:
    """Whether a broker answers a Metadata request (version 1: https://kafka.apache.org/protocol) and knows itself."""
    request = struct.pack(">hhih", 3, 1, 7, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = _exactly(connection, 12)
            _, correlation, brokers = struct.unpack(">iii", head)
    except (OSError, EOFError):
        return False
    return bool(correlation == 7 and brokers > 0)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        some = connection.recv(count - len(data))
        if not some:
            raise EOFError
        data += some
    return data


if __name__ == "__main__":
    try:
        archive(lambda text: print(f"-- {text}", file=sys.stderr))  # noqa: T201  # what takes a while
        print(jars())  # noqa: T201  # the folder, for Kafka's own tools
    except EngineError as error:
        sys.exit(str(error))
