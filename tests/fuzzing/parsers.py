"""Everything of ours that reads what others wrote, in one table; what it may say of it; and inputs to begin with.

An input is one line, which a parser may read something from (a topic, a platform's path), and what is to be read. A platform has
its parsers by its line in the registry, a topic by its line in the topic table.
"""

from __future__ import annotations

import atexit
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from golden import FIXTURES
from platforms import PLATFORMS
from pydantic import SecretStr

from connectors.bodies import TOPIC, json_object
from connectors.contract import Connector, Payload
from connectors.directory import Directory, Item, resolve, resolve_observation
from connectors.errors import Forged, Malformed, Refused
from connectors.privacy import PrivacyRequest
from connectors.registry import CONNECTORS
from connectors.sandboxes import rows_of, sandbox_of
from projections.audit.manifest import Manifest
from projections.audit.signing import BadKey, PublicKey
from projections.dashboard.letter_pages import NotAPayload, payload_of
from projections.envelope import MasterKey
from projections.geonames import NotPostcodes
from projections.geonames import rows as postcodes_of
from projections.paging import BadCursor, cursor_of, instant_cursor, read_cursor
from projections.problems import Problem
from schemas.claims import Claim, DeadLetter, Observation
from schemas.codec import Undecodable, decode, encode
from schemas.publish import EXAMPLES, schema_name
from schemas.topics import TOPICS
from streams.commands.applying import patches_in
from streams.custom import claim_of, of_csv, of_json
from streams.settings import BadConfiguration, load
from streams.supposing import supposed

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCRATCH = Path(tempfile.mkdtemp(prefix="onhand-fuzz-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
RIGHT = "right"


SECONDS_MAX = 1.0
"""Of the processor's time, for an input of a few kilobytes."""


class TooSlow(Exception):
    """It took longer than anybody may make us take."""


class NoReason(Exception):
    """Something was refused, and nobody is told why."""


@dataclass(frozen=True, slots=True)
class Parser:
    """`parse` reads an input; of what is wrong with it, it says one of `says`, with a reason. Everything else is a bug."""

    name: str
    parse: Callable[[bytes], object]
    says: tuple[type[Exception], ...]
    seeds: Sequence[bytes] = field(default=(), repr=False)

    def run(self, raw: bytes) -> None:
        """Reads an input. Raises whatever is a bug."""
        began = time.process_time()
        try:
            self.parse(raw)
        except self.says as said:
            if not str(said).strip():
                raise NoReason(self.name) from said
        if time.process_time() - began > SECONDS_MAX:
            raise TooSlow(self.name)


def line_and(body: Any, line: str = "") -> bytes:
    """An input."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return line.encode() + b"\n" + raw


def split(raw: bytes) -> tuple[str, bytes]:
    """Its line, and what is to be read."""
    line, _, body = raw.partition(b"\n")
    return line.decode(errors="replace"), body


def stored(value: Any) -> None:
    """What goes into the log has to come out of it, and into PostgreSQL, which holds no NUL."""
    raw = encode(value)
    assert decode(type(value), raw) == decode(type(value), encode(decode(type(value), raw)))
    told = orjson.loads(raw)
    assert not any("\0" in text for text in texts(told)), "PostgreSQL would not take it"
    versions = [one["version"] for one in [told, *told.get("documents", ())] if "version" in one]
    assert all(isinstance(one, int) and abs(one) < 2**63 for one in versions), "PostgreSQL would not take it"


def texts(value: Any) -> Iterator[str]:
    """All texts of a document, its keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from texts(part)


def settled(said: Claim | Observation, body: Any) -> None:
    """As the intake goes on with it: its names are resolved."""
    names = (
        {one.item for document in said.documents for one in document.skipped}
        | {line.sku for document in said.documents for line in document.lines}
        if isinstance(said, Claim)
        else {said.sku}
    )
    directory = Directory(items={name: Item("SKU") for name in names}, locations={})
    stored(said)
    try:
        if isinstance(said, Claim):
            stored(resolve(said, directory, "WH", 10_000))
        else:
            stored(resolve_observation(said, directory))
    except Refused as refusal:
        refused("mapping", body, refusal)


def refused(topic: str, body: Any, refusal: Refused) -> None:
    """The dead letter of a document."""
    assert str(refusal), "a refusal has a reason"
    stored(
        DeadLetter(
            channel="web",
            topic=topic,
            stage="mapping",
            reason=str(refusal),
            ref="1",
            received_at=NOW,
            payload=body,
        )
    )


def documents(connector: Connector) -> Parser:
    """A body or file of a topic, to the claims or the dead letters that become of it."""

    def parse(raw: bytes) -> None:
        line, body = split(raw)
        topic = topic_of(connector, line)
        for document in connector.documents(topic, body):
            if connector.person is not None:
                connector.person(topic, document)
            kept = connector.reduce(topic, document)
            try:
                said = connector.read("web", Payload(topic, kept))
            except Refused as refusal:
                refused(topic, kept, refusal)
            else:
                settled(said, kept)

    samples = (ROOT / "tests" / "connectors" / connector.platform / "samples").glob("*.*")
    seeds = [line_and(file.read_bytes(), file.name.partition("-")[0]) for file in sorted(samples)]
    seeds = seeds or [line_and(one["payload"], one["topic"]) for one in goldens(connector)]
    return Parser(f"documents of {connector.platform}", parse, (Malformed, Refused), seeds)


def mapping(connector: Connector) -> Parser:
    """The same of a document that was opened already, as a client hands it over: whatever the platform's bodies look like."""

    def parse(raw: bytes) -> None:
        line, body = split(raw)
        topic = topic_of(connector, line)
        kept = connector.reduce(topic, json_object(body))
        try:
            said = connector.read("web", Payload(topic, kept))
        except Refused as refusal:
            refused(topic, kept, refusal)
        else:
            settled(said, kept)

    seeds = [line_and(one["payload"], one["topic"]) for one in goldens(connector)]
    return Parser(f"mapping of {connector.platform}", parse, (Malformed,), seeds)


def webhooks(connector: Connector) -> Parser:
    """A webhook, signed as the platform signs it, or with the input's line for every header."""
    platform = PLATFORMS[connector.platform]
    secrets = {name.rstrip("?"): SecretStr(RIGHT) for name in connector.secrets}
    settings = platform.settings.model_copy(
        update={name: True for name in ("customers",) if hasattr(platform.settings, name)}
    )
    double = sandbox_of(settings, secrets, [])

    def parse(raw: bytes) -> None:
        assert connector.receive is not None
        topic, body = split(raw)
        headers = {"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": topic, "X-Signature": topic, "x": topic}
        try:
            said = json.loads(body)
            signed, headers = double.signed(topic, said)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            signed = body
        got = connector.receive(settings, secrets, headers, signed, platform.path(topic))
        for one in [] if isinstance(got, PrivacyRequest) else got:
            try:
                connector.read("web", one)
            except Refused as refusal:
                refused(one.topic, dict(one.body), refusal)

    seeds = [line_and(one["payload"], one["topic"]) for one in goldens(connector)]
    asks = {"customer": {"id": 7, "email": "a@example.invalid"}, "orders_to_redact": [1], "shop_id": 1}
    seeds += [
        line_and(asks, topic) for topic in ("customers/redact", "customers/data_request", "shop/redact")
    ]
    return Parser(f"webhooks of {connector.platform}", parse, (Forged, Malformed), seeds)


def topic_of(connector: Connector, line: str) -> str:
    """The topic that an input's line names. Ours name the others: no platform does."""
    return line if TOPIC.fullmatch(line) else connector.topics[len(line) % len(connector.topics)]


def goldens(connector: Connector) -> list[dict[str, Any]]:
    """The fixtures of a platform."""
    return [one.values[1] for one in FIXTURES if one.values[0] is connector]


def in_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A parser of files."""

    def parse(raw: bytes) -> object:
        file = SCRATCH / "input"
        file.write_bytes(split(raw)[1])
        return read(file)

    return parse


def topics() -> Iterable[Parser]:
    """A record of each topic."""
    for topic in TOPICS:

        def parse(raw: bytes, kind: type[Any] = topic.holds) -> None:
            encode(decode(kind, split(raw)[1]))

        seeds = [
            line_and(file.read_bytes()) for file in sorted(EXAMPLES.glob(f"{schema_name(topic)}.*.json"))
        ]
        yield Parser(f"records of {topic.name}", parse, (Undecodable,), seeds)


def _custom(raw: bytes) -> None:
    stored(claim_of(of_json(split(raw)[1]), "key", NOW))


def _upload(raw: bytes) -> None:
    for name, asked in of_csv(split(raw)[1]).items():
        stored(claim_of(asked, f"key/{name}", NOW))


def _cursor(raw: bytes) -> None:
    text = split(raw)[1].decode(errors="replace")
    for read in (lambda: read_cursor(text, 2), lambda: instant_cursor(text)):
        read()


def _key(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: read(split(raw)[1].decode(errors="replace"))


def _postcodes(raw: bytes) -> None:
    list(postcodes_of(io.StringIO(split(raw)[1].decode(errors="replace"))))


EXAMPLE = (ROOT / "deploy" / "example" / "onhand.toml").read_bytes()
ORDINARY = load(ROOT / "deploy" / "example" / "onhand.toml")
RULES = b"[channels.web.rules]\nsafety_stock = 3\n[channels.web.rules.safety_stock_by_sku]\nMUG = 2\n"
SUPPOSED = RULES + b"[locations.HARLEM]\nships = false\n"
LINE = {"fact": "sold", "sku": "TEE", "quantity": 1, "at": "2026-11-20T10:00:00Z", "location": "SOHO"}
UPLOAD = b"document,fact,sku,quantity,at,location\nA,ordered,TEE,2,2026-11-20T10:00:00Z,SOHO\n"

OURS: tuple[Parser, ...] = (
    Parser("onhand.toml", in_file(load), (BadConfiguration,), [line_and(EXAMPLE), line_and(RULES)]),
    Parser(
        "what-if rules",
        in_file(lambda file: supposed(file, ORDINARY)),
        (BadConfiguration,),
        [line_and(SUPPOSED)],
    ),
    Parser("rules to apply", in_file(patches_in), (BadConfiguration,), [line_and(RULES)]),
    Parser(
        "a double's stock",
        in_file(rows_of),
        (ValueError,),
        [line_and(b"sku,location,quantity\nTEE,SOHO,3\n")],
    ),
    Parser(
        "posted claims", _custom, (Problem,), [line_and({"lines": [LINE], "document": "A", "version": 1})]
    ),
    Parser("uploaded claims", _upload, (Problem,), [line_and(UPLOAD)]),
    Parser(
        "cursors of lists",
        _cursor,
        (BadCursor,),
        [line_and(cursor_of(["2026-11-20T10:00:00Z", "1"]).encode())],
    ),
    Parser("public keys", _key(PublicKey.read), (BadKey,), [line_and(b"A" * 43 + b"=")]),
    Parser("the vault's key", _key(MasterKey.read), (ValueError,), [line_and(MasterKey.new().encode())]),
    Parser(
        "manifests",
        lambda raw: Manifest.read(split(raw)[1]),
        (Undecodable,),
        [line_and({"format": "onhand-export/1"})],
    ),
    Parser("mended payloads", _key(lambda text: payload_of(text, {})), (NotAPayload,), [line_and({"id": 1})]),
    Parser(
        "postcodes",
        _postcodes,
        (NotPostcodes,),
        [line_and(b"US\t10012\tNew York" + b"\t" * 6 + b"\t40.7\t-74.0\t4")],
    ),
    Parser("bodies", lambda raw: json_object(split(raw)[1]), (Malformed,), [line_and({"id": 1})]),
)

PARSERS: tuple[Parser, ...] = (
    *(documents(connector) for connector in CONNECTORS.values()),
    *(mapping(connector) for connector in CONNECTORS.values()),
    *(webhooks(connector) for connector in CONNECTORS.values() if connector.receive is not None),
    *topics(),
    *OURS,
)
