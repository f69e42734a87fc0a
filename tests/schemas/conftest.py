"""What can be claimed, how claims arrive, and what becomes of them: the strategies and the small log of these tests."""

from __future__ import annotations

import dataclasses
import types
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from itertools import permutations, product
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Ge, Le, Lt
from hypothesis import strategies as st

from schemas.accounts import State
from schemas.claims import Claim, Document, Fact, Line, Skipped
from schemas.codec import decode, encode
from schemas.ledger import Stock, fold
from schemas.movements import Cause, Movement
from schemas.postings import Kind
from schemas.settling import Settler, Transaction, apply
from schemas.witnesses import NOBODY, Authority, Stage

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RECORDED = datetime(2026, 3, 5, tzinfo=UTC)
PARTITIONS = 2
CHANNELS = ("shop", "till", "carrier")
LANDING = {Fact.RETURNED, Fact.RECEIVED}
BETWEEN = {
    Fact.TRANSFER_SHIPPED,
    Fact.TRANSFER_RECEIVED,
    Fact.TRANSFER_SHORT,
    Fact.REROUTED,
    Fact.PICK_REJECTED,
}

# -- what can be claimed

TOLD = [fact for fact in Fact if fact is not Fact.CONVERTED]
"""What platforms tell; `converted` only the ledger says, of what it has posted."""

LINES = [
    Line(fact=fact, sku=sku, quantity=quantity, at=NOON + timedelta(hours=hour), location=location, **more)
    for fact, sku, quantity, hour, location in product(
        (Fact.ORDERED, Fact.SHIPPED, Fact.CANCELLED, Fact.SHIPPED, *TOLD),
        ("mug", "bowl"),
        (1, 3, 0),
        (0, 2),
        (None, "WAREHOUSE", "STORE"),
    )
    for more in (
        {"there": "STORE"} if fact in BETWEEN else {},
        {"state": State.DAMAGED, "reason": "chipped"} if fact in LANDING else {"pool": "trade"},
    )
]
"""One draw chooses a whole line: drawing its fields one by one costs more than settling it."""
NAMED = list(
    product(("order/1", "parcel/1", "parcel/2"), (1, 2, 3), ((), (Skipped(item="card", reason="none"),)))
)
DEALT = list(product(("deal-1", "deal-2", "deal-3"), CHANNELS, ("retail", "wholesale")))


def _document(named: tuple[str, int, tuple[Skipped, ...]], said: list[Line]) -> Document:
    return Document(id=named[0], version=named[1], lines=tuple(said), skipped=named[2])


def _claim(dealt: tuple[str, str, str], told: list[Document]) -> Claim:
    return Claim(
        transaction=dealt[0],
        channel=dealt[1],
        topic="orders/updated",
        occurred_at=NOON,
        documents=tuple(told),
        demand_class=dealt[2],
    )


def _line(index: int) -> Line:
    return LINES[index]


lines = st.integers(0, len(LINES) - 1).map(_line)
documents = st.builds(_document, st.sampled_from(NAMED), st.lists(lines, max_size=4))
claims = st.builds(_claim, st.sampled_from(DEALT), st.lists(documents, min_size=1, max_size=2))
news = st.lists(claims, min_size=1, max_size=8)
authorities = st.sampled_from(
    [
        NOBODY,
        *(Authority(channels=trusted) for trusted in permutations(CHANNELS, 2)),
        Authority(stages={Stage.FULFILMENT: ("carrier",)}, locations={"STORE": ("till",)}),
    ]
)


picks = st.lists(st.integers(0, 15), max_size=12)
kills = st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(0, 9)), max_size=6)
"""How a stage works: the size of each chunk, whether it is killed after it, and how far it had come by then."""


def shuffled(told: Sequence[Claim], picked: Sequence[int]) -> list[Claim]:
    """The same claims in another order, some of them several times."""
    return [*(told[index % len(told)] for index in picked), *reversed(told)]


# -- a value of any type, every optional field None or set

texts = st.text(max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC) | offsets)  # noqa: DTZ001


def value_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of one of our types, by its annotations alone, so that a new field is tested unasked."""
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return st.builds(kind, **{one.name: value_of(hints[one.name]) for one in dataclasses.fields(kind)})
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind, include_extras=True)
        return st.builds(kind, **{name: value_of(hints[name]) for name in kind._fields})
    if get_origin(kind) is not None:
        return _composed(get_origin(kind), get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    return PLAIN[kind]


PLAIN = {
    Any: anything,
    str: texts,
    bool: st.booleans(),
    datetime: instants,
    type(None): st.none(),
    int: st.integers(-(2**53), 2**53),
}


def _composed(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Annotated and arguments[0] in (str, datetime):
        return PLAIN[arguments[0]].filter(bool)
    if origin is Annotated:
        return (
            value_of(arguments[0]).filter(bool)
            if get_origin(arguments[0]) is dict
            else _bounded(arguments[1].metadata)
        )
    if origin is Literal:
        return st.sampled_from(arguments)
    inner = [value_of(one) for one in arguments if one is not ...]
    if origin is dict:
        return st.dictionaries(*inner, max_size=3)
    if origin is tuple:
        return st.lists(*inner, max_size=3).map(tuple) if ... in arguments else st.tuples(*inner)
    return st.one_of(*inner)


def _bounded(metadata: Iterable[Any]) -> st.SearchStrategy[int]:
    least, most = 0, 2**31
    for bound in metadata:
        if isinstance(bound, Ge):
            least = bound.ge
        elif isinstance(bound, Le):
            most = bound.le
        elif isinstance(bound, Lt):
            most = bound.lt - 1
    return st.integers(least, most)


# -- the log


def numbered(told: Iterable[Claim]) -> list[tuple[Claim, Cause]]:
    """Claims as the broker appends them: each transaction in one partition, offsets counting up in each."""
    ends: Counter[int] = Counter()
    appended = []
    for claim in told:
        partition = sum(claim.transaction.encode()) % PARTITIONS
        appended.append((claim, Cause(partition, ends[partition], 0)))
        ends[partition] += 1
    return appended


def post(told: Iterable[Claim], authority: Authority = NOBODY, remembers: int = 0) -> list[Movement]:
    """Every movement the claims make, in the order of their arrival."""
    settler = Settler(authority, remembers)
    held: dict[str, Transaction] = {}
    posted: list[Movement] = []
    for claim, cause in numbered(told):
        before = held.get(claim.transaction, Transaction())
        held[claim.transaction], made = apply(before, claim, RECORDED, cause, settler)
        posted.extend(made)
    return posted


def stocks(posted: Iterable[Movement]) -> dict[str, Stock]:
    """The stock of every SKU that ever moved."""
    books: dict[str, Stock] = {}
    for offset, movement in enumerate(posted):
        books[movement.sku] = fold(books.get(movement.sku, Stock(sku=movement.sku)), movement, offset)
    return books


def book(found: dict[str, Stock]) -> dict[str, tuple[Any, ...]]:
    """All that stock says, without where in the log it stands. A SKU of which nothing is left says nothing."""
    said = {
        sku: (stock.locations, stock.boundary, stock.tracked, stock.tracked_by, stock.told_by, stock.shelves)
        for sku, stock in found.items()
    }
    return {sku: parts for sku, parts in said.items() if any(parts)}


def crashing(told: Sequence[Claim], killed: Sequence[tuple[int, bool, int]]) -> list[Movement]:
    """The movements of a settle stage that works in chunks, is killed, and does the last chunk again.

    A killed worker has written some of a chunk's movements and none of its state. What is kept between chunks is bytes.
    """
    appended = numbered(told)
    saved: dict[str, bytes] = {}
    posted: list[Movement] = []
    start = 0
    for size, dies, reached in (*killed, (len(appended), False, 0)):
        held, made = {key: decode(Transaction, data) for key, data in saved.items()}, []
        for claim, cause in appended[start : start + size]:
            before = held.get(claim.transaction, Transaction())
            held[claim.transaction], new = apply(before, claim, RECORDED, cause)
            made.extend(new)
        posted.extend(made[:reached] if dies else made)
        if not dies:
            saved = {key: encode(transaction) for key, transaction in held.items()}
            start += size
    return posted


def reread(posted: Sequence[Movement], killed: Sequence[tuple[int, bool, int]]) -> dict[str, Stock]:
    """The stock of a ledger that is killed after its state was written and before its offset was."""
    books: dict[str, bytes] = {}
    start = 0
    for size, dies, reached in (*killed, (len(posted), False, 0)):
        for offset, movement in list(enumerate(posted))[start : start + size]:
            sku = movement.sku
            before = decode(Stock, books[sku]) if sku in books else Stock(sku=sku)
            books[sku] = encode(fold(before, movement, offset))
        start += min(size, reached) if dies else size
    return {sku: decode(Stock, data) for sku, data in books.items()}


class Log(types.SimpleNamespace):
    """Strategies for what is claimed and how it arrives, and the stages that turn it into stock."""

    def __repr__(self) -> str:
        return "log"  # Hypothesis prints a failing test's arguments, and warns of a long one


@pytest.fixture(scope="session")
def log() -> Log:
    """The log, its strategies and its stages."""
    return Log(
        news=news,
        picks=picks,
        kills=kills,
        authorities=authorities,
        shuffled=shuffled,
        crashing=crashing,
        reread=reread,
        post=post,
        stocks=stocks,
        book=book,
    )


@pytest.fixture(scope="session")
def any_value() -> Callable[[Any], st.SearchStrategy[Any]]:
    """A strategy for any of our types."""
    return value_of


# -- one deal, told step by step


class Deal:
    """Claims about one deal, in the order they are told, and what they come to."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.authority = NOBODY

    def tell(
        self, channel: str, document: str, version: int, *said: Line, demand_class: str = "retail"
    ) -> None:
        """A channel says all it knows of a document, in a version."""
        self.claims.append(
            Claim(
                transaction="deal-1",
                channel=channel,
                topic="any",
                occurred_at=NOON,
                documents=(Document(id=document, version=version, lines=said),),
                demand_class=demand_class,
            ),
        )

    @property
    def movements(self) -> list[Movement]:
        """Everything posted, but for what only says how a platform counts."""
        return [
            movement for movement in post(self.claims, self.authority) if movement.kind is not Kind.WITNESSED
        ]

    @property
    def stock(self) -> Stock:
        """The mug's stock."""
        return stocks(post(self.claims, self.authority)).get("mug", Stock(sku="mug"))

    @property
    def kinds(self) -> list[str]:
        """What was posted, by name."""
        return [movement.kind.value for movement in self.movements]


def line(fact: Fact, quantity: int, location: str | None = None, hour: int = 0, **more: Any) -> Line:
    """So many mugs."""
    at = NOON + timedelta(hours=hour)
    return Line(fact=fact, sku="mug", quantity=quantity, at=at, location=location, **more)


@pytest.fixture
def deal() -> Deal:
    """A deal nobody has said anything about."""
    return Deal()


@pytest.fixture(scope="session")
def units() -> Callable[..., Line]:
    """A line of a document: `units(fact, quantity, location, hour)`."""
    return line
