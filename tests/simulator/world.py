"""A seeded retailer: what truly happens in it, and what its platforms tell of that, over a network that loses and delays."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.accounts import State
from schemas.bundles import unbundled
from schemas.claims import Claim, Document, Fact, Line
from schemas.reservations import Ask, Request, Wanted
from schemas.rules import ChannelRules, LocationRules, Rules
from schemas.ruling import rules_of

DAY = datetime(2026, 3, 2, tzinfo=UTC)
SKUS = ("bowl", "mug", "plate")
PLACES = ("HARLEM", "SOHO", "WAREHOUSE")
BUNDLES = {"set": {"mug": 1, "plate": 2}}
LASTS = (0, 0, 0, 45)
"""In how many days the deals of a world begin: of one world in four, in more than it takes to be too late for a count."""
SKEW = {"shop": 0, "till": -95, "carrier": 40, "clerk": 7, "erp": 0}
"""Seconds by which a platform's clock is wrong."""


@dataclass(slots=True)
class Deal:
    """One transaction: the documents each platform tells of it, in all their versions, the last one whole.

    What tills and carriers tell of it may come under the name of its `twin`, until somebody says that both are one.
    """

    key: str
    began: float = 0.0
    """In days: of some worlds all deals begin within a few days, of others within weeks."""
    twin: str | None = None
    told: list[tuple[str, Document]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def say(self, channel: str, ident: str, version: int, *lines: Line) -> None:
        """A platform's document in a version."""
        self.told.append((channel, Document(id=ident, version=version, lines=lines)))

    @property
    def newest(self) -> dict[tuple[str, str], Document]:
        """What every document says in the end."""
        return {(channel, document.id): document for channel, document in self.told}


@dataclass(frozen=True, slots=True)
class World:
    """Everything that happens under one seed, and when the hub hears of it."""

    seed: int
    rules: Rules
    deals: tuple[Deal, ...]
    heard: tuple[Claim | Request, ...]
    days: tuple[float, ...]
    """When each is heard, where that is a matter of weeks; otherwise they follow one another within hours."""


def rules(seed: int) -> Rules:
    """What the operator of a seed decided: often little, now and then of everything something."""
    rng = random.Random(f"rules/{seed}")

    def now_and_then(value: Any, unsaid: Any) -> Any:
        return value if rng.random() < 0.25 else unsaid

    shop = ChannelRules(
        ships_from=now_and_then("SOHO", "@unrouted"),
        locations=now_and_then(("WAREHOUSE", "SOHO"), None),
        safety_stock=rng.randrange(2),
        safety_stock_by_sku=now_and_then({"mug": 3}, {}),
        safety_percent=now_and_then(30, None),
        threshold=now_and_then(2, 0),
        share_percent=now_and_then(60, 100),
        cap=now_and_then(9, None),
        backorder=now_and_then(4, None),
        backorder_by_sku=now_and_then({"bowl": 2}, None),
        preorder=now_and_then(5, None),
        preorder_by_sku=now_and_then({"plate": 1}, None),
    )
    till = ChannelRules(
        publish="locations",
        ships_from=now_and_then("HARLEM", "@unrouted"),
        safety_percent=now_and_then(15, None),
        backorder=now_and_then(3, None),
        preorder=now_and_then(2, None),
        pickup=now_and_then(True, None),
    )
    places = {
        place: LocationRules(
            ships=rng.random() < 0.8, pickup=rng.random() < 0.5, in_store_buffer=rng.randrange(3)
        )
        for place in now_and_then(PLACES, ())
    }
    return rules_of({"shop": shop, "till": till}, BUNDLES, places)


def world(seed: int, inputs: int, only: Container[int] | None = None) -> World:
    """At least `inputs` inputs under a seed; of the deals `only` some, each as it is among the others."""
    rng, in_force = random.Random(seed), rules(seed)
    weeks = random.Random(f"weeks/{seed}")
    days = weeks.choice(LASTS)
    deals: list[Deal] = []
    heard: list[tuple[float, int, Claim | Request]] = []
    while len(heard) < inputs:
        number = len(deals)
        deals.append(_deal(rng, number, weeks.random() * days, in_force))
        heard.extend((deals[-1].began + at, number, told) for at, told in _network(rng, deals[-1]))
    kept = range(len(deals)) if only is None else only
    heard.sort(key=lambda one: one[0])
    return World(
        seed,
        in_force,
        tuple(deal for number, deal in enumerate(deals) if number in kept),
        tuple(told for _, number, told in heard if number in kept),
        tuple(at if days else 0.0 for at, number, _ in heard if number in kept),
    )


def _network(rng: random.Random, deal: Deal) -> Iterator[tuple[float, Claim | Request]]:
    """When each thing is heard, in days from when the deal began: late, twice, out of order, or only by the poll that comes at last."""
    sent = rng.random() * 3
    newest: dict[tuple[str, str], Claim] = {}
    for channel, document in deal.told:
        claim = newest[channel, document.id] = _claim(deal, channel, document)
        sent += rng.random() * 0.2
        if rng.random() < 0.15:
            continue  # lost; the poll brings the newest version
        times = 1 + (rng.random() < 0.2) + (rng.random() < 0.05)
        for _ in range(times):
            yield sent + (rng.random() * 2 if rng.random() < 0.2 else rng.random() * 0.05), claim
        if rng.random() < 0.04:
            yield 7 + rng.random(), claim  # long after the poll
    for claim in newest.values():
        yield 6 + rng.random(), claim
    if deal.twin is not None:
        for one, other in ((deal.key, deal.twin), (deal.twin, deal.key))[rng.randrange(2) :]:
            yield (
                rng.random() * 8,
                Claim(
                    transaction=one, channel="erp", topic="linked", occurred_at=DAY, documents=(), joins=other
                ),
            )
    for request in deal.requests:
        sent += rng.random() * 0.1
        for _ in range(1 + (rng.random() < 0.2)):
            yield sent, request


def _claim(deal: Deal, channel: str, document: Document) -> Claim:
    at = document.lines[0].at if document.lines else DAY
    away = deal.twin is not None and channel in ("till", "carrier")
    claim = Claim(
        transaction=deal.twin if away else deal.key,
        channel=channel,
        topic="told",
        occurred_at=at,
        documents=(document,),
    )
    return unbundled(claim, BUNDLES)


class _Told:
    """Lines of one deal: instants as the platform's own clock has them."""

    def __init__(self, rng: random.Random, deal: Deal, in_force: Rules) -> None:
        self.rng, self.deal, self.now = rng, deal, int(deal.began * 86_400) + rng.randrange(4 * 86_400)
        self.rules = in_force
        self.sku = rng.choice(SKUS)

    def line(self, channel: str, fact: Fact, units: int, place: str | None, **more: object) -> Line:
        at = DAY + timedelta(seconds=self.now + SKEW[channel])
        return Line(fact=fact, sku=self.sku, quantity=units, at=at, location=place, **more)  # type: ignore[arg-type]

    def later(self) -> None:
        self.now += self.rng.randrange(1, 20_000)


def _deal(rng: random.Random, number: int, began: float, in_force: Rules) -> Deal:
    name, tell = rng.choices(DEALS, WEIGHTS)[0]
    deal = Deal(f"{name}/{number}", began)
    tell(_Told(rng, deal, in_force), deal, rng)
    return deal


def _opening(told: _Told, deal: Deal, rng: random.Random) -> None:
    """A SKU is opened at a place; now and then one that there is not, which is withdrawn."""
    told.now = rng.randrange(600)
    place = rng.choice(PLACES)
    mistaken = told.now % 10 == 0
    if mistaken:
        told.sku = "misread"
    deal.say("erp", f"opening/{told.sku}", 1, told.line("erp", Fact.OPENED, 20, place))
    if mistaken:
        deal.say("erp", f"opening/{told.sku}", 2)


def _sale(told: _Told, deal: Deal, rng: random.Random) -> None:
    """A till sale, perhaps voided, perhaps partly brought back."""
    place, units = rng.choice(PLACES), rng.randrange(1, 4)
    if rng.random() < 0.2:
        told.sku = "set"
    sold = told.line("till", Fact.SOLD, units, place)
    deal.say("till", "sale/1", 1, sold)
    told.later()
    if rng.random() < 0.2:
        deal.say("till", "sale/1", 2, sold, told.line("till", Fact.SALE_VOIDED, units, place))
    elif rng.random() < 0.3:
        state = rng.choice([State.AVAILABLE, State.DAMAGED])
        deal.say("till", "return/1", 1, told.line("till", Fact.RETURNED, 1, rng.choice(PLACES), state=state))


def _order(told: _Told, deal: Deal, rng: random.Random) -> None:
    """A web order: shipped in parcels that several platforms see, cancelled in part, returned, disposed."""
    place, units = rng.choice((*PLACES, None)), rng.randrange(1, 6)
    if rng.random() < 0.25:
        deal.twin = f"{rng.choice('az')}-{deal.key}"
    ordered = told.line("shop", Fact.ORDERED, units, place)
    deal.say("shop", "order/1", 1, ordered)
    left, version, said = units, 2, [ordered]
    witnesses = rng.choice([("shop",), ("carrier",), ("shop", "carrier"), ("carrier", "till")])
    for number in range(rng.randrange(3)):
        told.later()
        if not left:
            break
        part = rng.randrange(1, left + 1)
        left -= part
        if rng.random() < 0.25:
            said.append(told.line("shop", Fact.CANCELLED, part, place))
            deal.say("shop", "order/1", version, *said)
            version += 1
            continue
        source = place if place is not None and rng.random() < 0.5 else rng.choice(PLACES)
        _parcel(told, deal, rng, number, part, source, witnesses)
    if rng.random() < 0.2:
        said = [told.line("shop", Fact.ORDERED, units + 1, place), *said[1:]]
        deal.say("shop", "order/1", version, *said)


def _parcel(
    told: _Told,
    deal: Deal,
    rng: random.Random,
    number: int,
    units: int,
    source: str,
    witnesses: Sequence[str],
) -> None:
    """One parcel, seen by the shop, by the shipping tool, or by both; perhaps it comes back."""
    voided = rng.random() < 0.15
    sent = {channel: _left(told, channel, units, source) for channel in witnesses}
    for channel, line in sent.items():
        deal.say(channel, f"parcel/{number}", 1, line)
    told.later()
    if voided:
        for channel, line in sent.items():
            undone = Fact.SALE_VOIDED if channel == "till" else Fact.SHIPMENT_VOIDED
            back = told.line(channel, undone, units, source)
            deal.say(channel, f"parcel/{number}", 2, line, back)
    elif rng.random() < 0.25:
        place = rng.choice(PLACES)
        deal.say("shop", f"refund/{number}", 1, told.line("shop", Fact.RETURNED, 1, place))
        told.later()
        if rng.random() < 0.5:
            judged = told.line("shop", Fact.RETURNED, 1, place, state=State.DAMAGED)
            deal.say("shop", f"return/{number}", 1, judged)


def _left(told: _Told, channel: str, units: int, source: str) -> Line:
    return told.line(channel, Fact.SOLD if channel == "till" else Fact.SHIPPED, units, source)


def _unordered(told: _Told, deal: Deal, rng: random.Random) -> None:
    """A parcel of an order that no platform of ours ever tells."""
    _parcel(told, deal, rng, 0, rng.randrange(1, 4), rng.choice(PLACES), ("carrier",))


def _count(told: _Told, deal: Deal, rng: random.Random) -> None:
    """A shelf is counted; now and then the count is corrected or withdrawn."""
    place = rng.choice(PLACES)
    counted = told.line("clerk", Fact.COUNTED, rng.randrange(15), place)
    ident = f"count/{deal.key}"
    deal.say("clerk", ident, 1, counted)
    if rng.random() < 0.2:
        deal.say(
            "clerk",
            ident,
            2,
            *([told.line("clerk", Fact.COUNTED, rng.randrange(15), place)] * (rng.random() < 0.7)),
        )


def _transfer(told: _Told, deal: Deal, rng: random.Random) -> None:
    origin, there = rng.sample(PLACES, 2)
    units = rng.randrange(2, 6)
    deal.say("erp", "transfer/1", 1, told.line("erp", Fact.TRANSFER_SHIPPED, units, origin, there=there))
    told.later()
    came = rng.randrange(units + 1)
    lines = [told.line("till", Fact.TRANSFER_RECEIVED, came, there, there=origin)]
    deal.say("till", "arrival/1", 1, *lines)
    if rng.random() < 0.7:
        told.later()
        lines.append(told.line("till", Fact.TRANSFER_SHORT, units - came, there, there=origin))
        deal.say("till", "arrival/1", 2, *lines)


def _supply(told: _Told, deal: Deal, rng: random.Random) -> None:
    place, units = rng.choice(PLACES), rng.randrange(3, 9)
    deal.say("erp", "purchase/1", 1, told.line("erp", Fact.EXPECTED, units, place))
    told.later()
    state = rng.choice([State.AVAILABLE, State.QUALITY_CONTROL])
    came = rng.randrange(1, units + 2)
    deal.say("till", "receipt/1", 1, told.line("till", Fact.RECEIVED, came, place, state=state))
    if state is State.QUALITY_CONTROL:
        told.later()
        landed = rng.choice([State.AVAILABLE, State.DAMAGED])
        deal.say("till", "inspection/1", 1, told.line("till", Fact.QUALITY_RELEASED, 1, place, state=landed))


def _work(told: _Told, deal: Deal, rng: random.Random) -> None:
    """Work on the shelf."""
    fact, more = rng.choice(
        [
            (Fact.ADJUSTED_UP, {"reason": "found"}),
            (Fact.ADJUSTED_DOWN, {"reason": "stolen"}),
            (Fact.DAMAGED, {}),
            (Fact.SCRAPPED, {}),
            (Fact.SET_ASIDE, {"state": State.SAFETY_STOCK}),
            (Fact.KIT_ASSEMBLED, {}),
            (Fact.KIT_COMPONENT_USED, {}),
            (Fact.VENDOR_RETURNED, {}),
        ]
    )
    deal.say("erp", "work/1", 1, told.line("erp", fact, rng.randrange(1, 4), rng.choice(PLACES), **more))


def _reservation(told: _Told, deal: Deal, rng: random.Random) -> None:
    """A basket is reserved, and then forgotten, given back, or bought."""
    skus = sorted(rng.sample(SKUS, rng.randrange(1, 3)))
    place = rng.choice((None, None, *PLACES))
    lines = tuple(
        Wanted(sku=sku, quantity=rng.randrange(1, 4), location=place, rules=told.rules.channels["shop"])
        for sku in skus
    )
    asked = Request(
        id=deal.key.replace("/", "-"),
        ask=Ask.PLACE,
        channel="shop",
        lines=lines,
        ttl=rng.choice([60, 40_000]),
    )
    deal.requests.append(asked)
    ends = rng.choice([None, Ask.RELEASE, Ask.CONVERT])
    if ends is not None:
        deal.requests.extend(
            Request(id=asked.id, ask=ends, channel="shop", lines=lines, index=index, transaction=deal.key)
            for index in range(len(lines))
        )
    if ends is Ask.CONVERT and rng.random() < 0.5:
        bought = lines[0]
        told.sku = bought.sku
        deal.say("shop", "order/1", 1, told.line("shop", Fact.ORDERED, bought.quantity, place))


DEALS = (
    ("opening", _opening),
    ("sale", _sale),
    ("order", _order),
    ("unordered", _unordered),
    ("count", _count),
    ("transfer", _transfer),
    ("supply", _supply),
    ("work", _work),
    ("reservation", _reservation),
)
WEIGHTS = (8, 20, 30, 3, 8, 8, 8, 10, 10)
