"""What every platform's folder offers.

A connector is a value of functions, not a class to inherit from: `Connector` names them. Nothing here or below knows
Kafka or PostgreSQL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.bodies import json_object
from connectors.directory import Directory
from connectors.emitter import Emitter
from connectors.pacing import Limit, Pace
from connectors.privacy import PrivacyRequest
from connectors.wholesale import Wholesale
from schemas.availability import Place
from schemas.claims import Claim, Observation
from schemas.counts import CLOCK_SKEW
from schemas.receipts import Outcome
from schemas.rules import ChannelRules


class ChannelSettings(BaseModel):
    """What `onhand.toml` says of one channel, whatever its platform. Each platform adds its own fields.

    `locations` maps the platform's location references to ours, and `skus` its item references to our SKUs where they
    differ.
    `base_url` replaces the platform's address (a proxy). `private` says that its name may stand for an address in a private network. `sandbox` names a CSV file (`sku,location,quantity[,tracked]`):
    the channel then runs against our own double of the platform, with that stock. `quantity_max` is the most units one
    line may have before it is taken for a mistake. `poll_every` is the time between two polls in seconds: what a lost
    webhook costs at most; 0 never polls. `reconcile_every` is the time between two comparisons of all its levels with what
    it must show, in seconds; 0 never compares. `clock_skew` is by how many seconds the platform's clock may be wrong, either way:
    what happened so close to a count that its clock and the counter's cannot tell which was first is `ambiguous` in explain.
    `pace` is a folder in which all processes of the channel note how often they asked its platform; the installation's own, if
    none is named. `calls_per_second` is what the platform takes from us where it neither documents it nor says it with its answers.
    `routed_by_hub` leaves it to the hub to choose the places of orders that the platform chooses none for; it asks for a poll first, as
    a webhook may leave out that one was chosen. `wholesale` says which orders are wholesale; `marks` names what of it the platform's
    documents tell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    marks: ClassVar[frozenset[str]] = frozenset()

    platform: str
    locations: dict[str, str] = {}
    skus: dict[str, str] = {}
    sandbox: str | None = None
    sandbox_port: int = 0
    quantity_max: int = 10_000
    poll_every: float = 60.0
    reconcile_every: float = Field(3_600.0, ge=0, le=2_592_000)
    clock_skew: float = Field(CLOCK_SKEW, ge=0, le=86_400)
    base_url: str | None = None
    private: bool = False
    pace: str | None = None
    routed_by_hub: bool = False
    calls_per_second: float | None = Field(None, gt=0)
    wholesale: Wholesale = Wholesale()
    rules: ChannelRules = Field(default_factory=ChannelRules)

    @field_validator("wholesale")
    @classmethod
    def _are_told(cls, wholesale: Wholesale) -> Wholesale:
        if unheard := sorted(wholesale.model_fields_set - cls.marks):
            told = ", ".join(sorted(cls.marks)) or "nothing"
            raise ValueError(
                f"no document of the platform tells {unheard[0]}; of what marks an order it tells: {told}"
            )
        return wholesale

    @property
    def points(self) -> bool:
        """Whether the channel's webhooks carry no orders: they only say that there is something to poll."""
        return False

    def paced(self, name: str = "all", *limits: Limit) -> Pace:
        """How often one of the platform's APIs may be asked: these limits, and the configured one."""
        its = () if self.calls_per_second is None else (Limit(1, 1 / self.calls_per_second),)
        return Pace(self.pace, name, (*limits, *its))


Secrets = Mapping[str, SecretStr]
"""A channel's secrets by name, as `Connector.secrets` lists them; from the environment or files only."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recipient:
    """Whom an order is for, as the platform must be told. It passes through memory only: never into the log. It shows nothing
    of itself, so that no message and no traceback can. `region` and `country` are codes (`NY`, `US`) where a platform has them.
    """

    name: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    postcode: str = ""
    region: str = ""
    country: str = ""

    def __repr__(self) -> str:
        return "Recipient(...)"


class Person:
    """Whom a document's order is for, as its platform said before the document was cut down.

    `customer` is the platform's own name for them, None for a guest; `order` its name for the order, and `placed_at` when
    that was placed. Not a dataclass, so that nothing that serialises a `Payload` can serialise this with it.
    """

    __slots__ = ("customer", "order", "placed_at", "recipient")

    def __init__(
        self, *, customer: str | None, order: str, placed_at: datetime | None, recipient: Recipient
    ) -> None:
        self.customer, self.order, self.placed_at, self.recipient = customer, order, placed_at, recipient


@dataclass(frozen=True, slots=True)
class Payload:
    """One document as the platform sent it, cut down to the connector's allow-list: no personal data is in the `body`.

    `person` is whom it is for, where the channel asks for that. It goes to the vault and nowhere else, and is no part of what
    the document says: not shown, not compared, not serialised.
    """

    topic: str
    body: Mapping[str, Any]
    person: Person | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A platform's own stock level, in the platform's references. `version` orders the levels of one cell. `changed_at` is
    when it changed last, where the platform says so.
    """

    item: str
    location: str
    level: int
    version: int
    observed_at: datetime
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A number to tell a platform, in our SKUs and places.

    `wanted` is what the platform must show, as far as we have seen its documents. `expected` is what it should show now by
    the same knowledge: what it was last told, moved on by its own documents since; None where it keeps no number yet, or
    where that is not known (never told, or a write whose outcome is unknown) and has to be looked for. `own` is the part
    its own documents caused; where `opened` is true they include its opening stock, so that the platform shows `own` plus
    everything it was ever told by us. `offset` is the `stock` offset behind the number.
    """

    sku: str
    place: str
    wanted: int
    expected: int | None
    own: int
    offset: int
    opened: bool = False


class Seen(NamedTuple):
    """What a platform shows of a target now; None: it keeps no number there.

    It may have counted documents that we have not seen, unless it is `certain` that `level` has none of them.
    """

    level: int | None
    certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a target. `level` is what the platform should show afterwards by the documents that we have seen."""

    target: Target
    outcome: Outcome
    level: int
    ref: str | None = None
    detail: str | None = None


class Client(Protocol):
    """A platform's API, as one channel's credentials see it. Every call raises `SlowDown` or `Unreachable`."""

    async def directory(self) -> Directory:
        """The platform's items and locations, before the channel's own mapping is laid over them."""

    def levels(self) -> AsyncIterator[Sequence[Level]]:
        """Every stock level the platform has, page by page."""

    def poll(self, cursor: str | None) -> AsyncIterator[tuple[Sequence[Payload], str]]:
        """Documents changed since `cursor` (None: since ever), page by page, each with the cursor after it."""

    async def subscribe(self, url: str) -> None:
        """Makes the platform send its webhooks to `url`; does nothing where it already does."""

    async def close(self) -> None:
        """Gives the connections back."""


class Sink(Protocol):
    """Tells a platform numbers.

    A write moves the platform's number by `wanted - expected` and never undoes what the platform has counted meanwhile: an
    order that we have not seen yet stays taken off, and is not taken off again when we see it.
    """

    batch_max: int
    """How many targets one call may have."""

    async def look(self, targets: Sequence[Target], directory: Directory) -> Sequence[Seen]:
        """What the platform shows of each target now. Raises `SlowDown`, `Unreachable`."""

    async def push(self, targets: Sequence[Target], directory: Directory) -> Sequence[Answer]:
        """Tells all targets, and answers for each. Raises `SlowDown` (nothing was done) or `Unreachable` (unknown)."""


class Row(NamedTuple):
    """What a sandbox has of a SKU at a location when it starts."""

    sku: str
    location: str
    quantity: int
    tracked: bool = True


class Sandbox(Protocol):
    """Our own double of a platform, on loopback: no credentials needed, real sockets used."""

    url: str
    """Where it is, once it runs: what a channel's `base_url` must be."""
    emitter: Emitter
    """Sends its webhooks; one of a platform without webhooks never sends."""

    async def start(self, port: int = 0) -> None:
        """Begins to answer on a port of 127.0.0.1."""

    async def stop(self) -> None:
        """Answers no more, and sends no more."""

    def seed(self, sku: str, location: str, quantity: int, tracked: bool = True) -> None:
        """Stock that the platform has from the start; nothing tells of it."""

    def signed(self, topic: str, payload: Any) -> tuple[bytes, dict[str, str]]:
        """A webhook as the platform sends it: its body and headers."""


class Ordered(NamedTuple):
    """So many units of one of our SKUs. `price` is of one unit, in the order's currency, where a platform insists on one."""

    sku: str
    quantity: int
    price: str = "0.00"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order that a platform must carry out: a till a pick-up, a warehouse a parcel.

    `transaction` is the deal's name in our log. The platform keeps it as its external reference (`connectors.links`), so
    that its own documents of the order join the deal instead of moving stock again. `location` is ours.
    """

    transaction: str
    location: str
    placed_at: datetime
    lines: tuple[Ordered, ...]
    recipient: Recipient = Recipient()
    currency: str = "USD"


class Created(NamedTuple):
    """The platform's own name for the order; `already` where it had been created before."""

    ref: str
    already: bool = False


class Cancelled(NamedTuple):
    """The platform's own name for the order that was taken back; `already` where it had been before. None where nothing of
    ours is there: it was never created, or the platform keeps no trace of what was taken back.
    """

    ref: str | None
    already: bool = False


class Orders(Protocol):
    """Creates orders in a platform, and takes them back."""

    async def create(self, order: NewOrder, directory: Directory) -> Created:
        """Creates an order once at its location: asked again, whatever became of the first answer, it is found. Raises `Refused`
        with a reason a person can act on, `SlowDown` (nothing was done) or `Unreachable` (unknown: ask again). One that was taken
        back, by us or by somebody there, is no more: asked then, it is created anew and found from then on. Where its platform
        tells that it was carried out all the same, that is refused. A deal that several locations bring has an order at each.
        """

    async def cancel(self, transaction: str, location: str, directory: Directory) -> Cancelled:
        """Takes back an order that we created for a deal at a location of ours, once: asked again, whatever became of the first
        answer, it is found to be taken back. Of several that were created one after another it is the newest there. Raises `Refused` for one that has gone too far (shipped, collected, closed), with
        what a person must do: nothing was changed. `SlowDown` and `Unreachable` as `create` does.

        Where none was created nothing is done and nothing is remembered: that no late `create` of it follows is the caller's
        matter. What the deal demands does not change by this: the platform that took the order says so.
        """


def one_document(topic: str, raw: bytes) -> Sequence[Mapping[str, Any]]:  # noqa: ARG001  # a `Connector.documents`
    """A body or file that is one JSON object. Raises `Malformed`."""
    return [json_object(raw)]


@dataclass(frozen=True, kw_only=True)
class Connector:
    """One platform. `topics` lists what `read` understands, `secrets` what it needs (those with `?` may be missing).

    `receive` verifies a webhook over its raw bytes and returns its documents; `path` is what follows the channel's name
    in the webhook's URL; None where the platform sends none. `signatures` are the headers that sign one with a document in it: without
    one of them no more is read of a body than others need that only point at something. One that asks something of what is kept of somebody is no document:
    `receive` returns the request. `reduce` is the allow-list. `read` is pure: what one document
    claims, in the platform's references; it raises `Refused`. `documents` opens a body or file of a topic.
    `tells` says which number of a `Place` the platform is told, and `counts` how it keeps it by itself: an order lowers what is
    `available` at once, and what is `on_hand` when the goods leave. `sandbox` makes the double of a channel from its settings,
    its secrets in clear and our names of its places. `orders` creates orders, where the platform carries them out.
    `absolute` says that a number stands as it was told: which of its own documents a platform counts on top of it is not
    known for certain, so it is told anew whenever these moved. `person` says whom a document is for, before `reduce` cuts it:
    `receive` and `client` put it beside the payload where the channel's settings ask for it. It refuses nothing: what it cannot
    read, it leaves out.
    """

    platform: str
    settings: type[ChannelSettings]
    secrets: tuple[str, ...]
    topics: tuple[str, ...]
    tells: Literal["quantity", "level"]
    counts: Literal["available", "on_hand"] = "available"
    receive: (
        Callable[
            [ChannelSettings, Secrets, Mapping[str, str], bytes, str], Sequence[Payload] | PrivacyRequest
        ]
        | None
    )
    reduce: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    read: Callable[[str, Payload], Claim | Observation]
    client: Callable[[ChannelSettings, Secrets], Client]
    sink: Callable[[Client], Sink]
    sandbox: Callable[[ChannelSettings, Mapping[str, str], Sequence[str]], Sandbox]
    orders: Callable[[Client], Orders] | None = None
    person: Callable[[str, Mapping[str, Any]], Person | None] | None = None
    absolute: bool = False
    signatures: tuple[str, ...] = ()
    documents: Callable[[str, bytes], Sequence[Mapping[str, Any]]] = one_document

    def wanted(self, place: Place) -> int:
        """The number of a place that the platform is told."""
        return place.quantity if self.tells == "quantity" else place.level
