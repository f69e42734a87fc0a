from __future__ import annotations

import random
from collections import defaultdict
from functools import partial

import pytest

from projections import catalogue, journal, transactions
from projections.paging import BadCursor
from schemas.availability import ChannelQuantity, Place
from schemas.claims import DeadLetter, Observation
from schemas.ledger import Stock, view
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules
from schemas.topics import CHANNEL_QUANTITIES, DEAD_LETTERS, MOVEMENTS, OBSERVATIONS, RECEIPTS, STOCK


async def walked(ask, limit: int, between=None) -> list[dict]:
    """All rows, page by page, however short a page is; `between` is done after every page."""
    rows: list[dict] = []
    cursor = None
    while True:
        page = await ask(cursor=cursor, limit=limit)
        assert len(page.items) <= limit
        rows.extend(page.items)
        if page.next is None:
            return rows
        cursor = page.next
        if between is not None:
            await between()


# -- SKUs

NAMES = ["TEE", "TEE-BLACK", "tee", "TEF", "T", "MUG/1", "Ünder", "TEE-\U0010ffff", "TEE%", "TEE_", "A B"]


@pytest.fixture
async def shelves(shop):
    """Stock of many SKUs; every third is kept at NYC too, every fifth there only as tracked and empty."""
    stocks = []
    for number, sku in enumerate([*NAMES, *(f"SKU-{n:03d}" for n in range(40))]):
        locations = {"WH": {"available": number + 1}}
        tracked = {"WH": "", **({"NYC": ""} if number % 5 == 0 else {})}
        if number % 3 == 0:
            locations["NYC"] = {"available": -1, "committed": 2}
        stocks.append(Stock(sku=sku, locations=locations, tracked=tracked, offset=number))
    await shop.record(STOCK, stocks)
    await shop.record(
        CHANNEL_QUANTITIES,
        [
            ChannelQuantity(channel=name, sku=stock.sku, quantity=n, places={}, rules="r", offset=1)
            for n, stock in enumerate(stocks)
            for name in ("web", "tills")
            if name == "web" or n % 2
        ],
    )
    return {stock.sku: stock for stock in stocks}


@pytest.mark.parametrize("limit", [1, 7, 1_000])
async def test_given_stock_then_its_skus_are_listed_once_in_order_with_balances_and_numbers(
    shop, shelves, limit
):
    found = await walked(partial(shop.queries.skus, channels=["web", "tills"]), limit)
    assert [row["sku"] for row in found] == sorted(shelves)
    for row in found:
        number = list(shelves).index(row["sku"])
        assert row.pop("channels") == {"web": number, "tills": number if number % 2 else None}
        assert row == view(shelves[row["sku"]])


@pytest.mark.parametrize("prefix", ["", "TEE", "TEE-", "t", "TEE%", "Ü", "nothing", "SKU-01"])
async def test_given_a_prefix_then_only_names_that_begin_so_are_listed(shop, shelves, prefix):
    found = await walked(partial(shop.queries.skus, prefix=prefix), 3)
    assert [row["sku"] for row in found] == sorted(sku for sku in shelves if sku.startswith(prefix))


@pytest.mark.parametrize("walk", [4, 500])
async def test_given_a_location_then_what_is_or_was_kept_there_is_listed_and_nothing_of_other_places(
    shop, shelves, monkeypatch, walk
):
    monkeypatch.setattr(catalogue, "WALK", walk)
    found = await walked(partial(shop.queries.skus, location="NYC"), 3)
    kept = sorted(s.sku for s in shelves.values() if "NYC" in s.locations or "NYC" in s.tracked)
    assert [row["sku"] for row in found] == kept
    assert all(row["locations"].keys() == {"NYC"} for row in found)
    assert await walked(partial(shop.queries.skus, location="nowhere"), 3) == []


# -- deals


def deals(shop, after, chance: random.Random, count: int) -> None:
    for number in range(count):
        shop.post(
            chance.choice([Kind.ORDER_PLACED, Kind.ORDER_SHIPPED, Kind.REFUND_ISSUED]),
            sku=chance.choice(["TEE", "MUG", "CAP"]),
            channel=chance.choice(["web", "web", "tills"]),
            document=f"order/{chance.randrange(count // 4)}",
            at=after(minutes=chance.randrange(60)),
            known=after(minutes=number),
        )


@pytest.mark.parametrize("limit", [1, 5, 1_000])
@pytest.mark.parametrize("walk", [3, 1_000])
@pytest.mark.parametrize(
    "asked",
    [{}, {"sku": "TEE"}, {"channel": "tills"}, {"sku": "MUG", "channel": "web"}, {"since": 20, "until": 40}],
    ids=str,
)
async def test_given_deals_then_each_is_listed_once_by_its_newest_movement_of_what_is_asked_for(
    shop, after, monkeypatch, limit, walk, asked
):
    monkeypatch.setattr(transactions, "WALK", walk)
    deals(shop, after, random.Random(2), 160)
    await shop.record(MOVEMENTS, shop.journal)
    asked = {name: after(minutes=value) if isinstance(value, int) else value for name, value in asked.items()}
    newest: dict[str, tuple] = {}
    for m in shop.journal:
        if (
            asked.get("sku") in (None, m.sku)
            and asked.get("channel") in (None, m.channel)
            and asked.get("since", m.occurred_at) <= m.occurred_at <= asked.get("until", m.occurred_at)
        ):
            newest[m.transaction] = max(newest.get(m.transaction, (m.occurred_at, "")), (m.occurred_at, m.id))
    found = await walked(partial(shop.queries.transactions, **asked), limit)
    assert [row["transaction"] for row in found] == sorted(newest, key=newest.__getitem__, reverse=True)
    of = defaultdict(list)
    for m in shop.journal:
        of[m.transaction].append(m)
    for row in found:
        its = of[row["transaction"]]
        assert row["movements"] == len(its)
        assert row["began_at"] == min(m.occurred_at for m in its)
        assert row["moved_at"] == max(m.occurred_at for m in its)
        assert row["recorded_at"] == max(m.recorded_at for m in its)
        assert row["channels"] == sorted({m.channel for m in its})
        assert row["skus"] == sorted({m.sku for m in its})
        assert row["sku_count"] == len(row["skus"])


async def test_given_deals_that_move_while_pages_are_read_then_the_others_are_all_on_them_once(shop, after):
    chance = random.Random(3)
    deals(shop, after, chance, 120)
    await shop.record(MOVEMENTS, shop.journal)
    before = {m.transaction for m in shop.journal}
    moved = set()

    async def another() -> None:
        name = chance.choice(sorted(before))
        moved.add(name)
        channel, _, document = name.partition("/")
        shop.post(Kind.ORDER_SHIPPED, channel=channel, document=document, at=after(hours=9))
        await shop.record(MOVEMENTS, shop.journal[-1:])

    found = [row["transaction"] for row in await walked(shop.queries.transactions, 4, another)]
    assert len(found) == len(set(found))
    assert before - moved <= set(found)


# -- receipts


def receipts(after, chance: random.Random, count: int) -> list[Receipt]:
    return [
        Receipt(
            channel=chance.choice(["web", "tills", "erp"]),
            sku=chance.choice(["TEE", "MUG"]),
            place="network",
            quantity=n,
            level=n,
            own=0,
            outcome=Outcome.REFUSED if n % 17 == 0 else chance.choice([Outcome.PUSHED, Outcome.ASKED]),
            pushed_at=after(minutes=n // 5),
            offset=n,
            ref=f"ref-{n}",
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("limit", [1, 7, 1_000])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sku": "TEE"},
        {"channel": "erp"},
        {"outcome": Outcome.REFUSED},
        {"sku": "MUG", "channel": "web", "outcome": Outcome.PUSHED},
        {"channel": "nobody"},
    ],
    ids=str,
)
async def test_given_receipts_then_they_are_listed_newest_first_by_any_of_their_filters(
    shop, after, limit, asked
):
    said = receipts(after, random.Random(4), 90)
    await shop.record(RECEIPTS, said)
    expected = [
        one.ref
        for one in reversed(said)
        if all(getattr(one, name) == value for name, value in asked.items())
        and one.pushed_at >= after(minutes=3)
    ]
    found = await walked(partial(shop.queries.receipts, **asked, since=after(minutes=3)), limit)
    assert [row["ref"] for row in found] == expected
    assert all(said[int(row["id"].partition("-")[2])].ref == row["ref"] for row in found)


async def test_given_words_up_to_an_instant_then_later_ones_and_those_without_an_answer_are_left_out(
    shop, after
):
    said = receipts(after, random.Random(4), 90)
    await shop.record(RECEIPTS, said)
    for sku in (None, "TEE"):
        asked = {"sku": sku, "until": after(minutes=9), "answered": True, "limit": 1_000}
        page = await shop.queries.receipts(**asked)
        assert [row["ref"] for row in page.items] == [
            one.ref
            for one in reversed(said)
            if one.pushed_at <= after(minutes=9)
            and one.outcome is not Outcome.ASKED
            and sku in (None, one.sku)
        ]


@pytest.mark.parametrize("cursor", ["?", "WyIxIl0=", "WyJ4IiwgIjEiLCAiMiJd"])
async def test_given_a_cursor_that_is_not_of_the_list_then_it_is_refused(shop, cursor):
    with pytest.raises(BadCursor):
        await shop.queries.receipts(cursor=cursor)


# -- drift


def seen(after, sku: str, location: str, level: int | None, channel: str = "tills", minute: int = 10):
    at = after(minutes=minute)
    told = {"channel": channel, "topic": "levels", "sku": sku, "location": location, "level": level}
    return Observation(observed_at=at, version=1, **told)


def number(sku: str, places: dict[str, Place], channel: str = "tills") -> ChannelQuantity:
    return ChannelQuantity(channel=channel, sku=sku, quantity=5, places=places, rules="r", offset=1)


def word(after, sku: str, place: str, level: int, own: int, minute: int, channel: str = "tills", **more):
    told = {"channel": channel, "sku": sku, "place": place, "quantity": level, "offset": 1}
    outcome = more.pop("outcome", Outcome.PUSHED)
    return Receipt(level=level, own=own, outcome=outcome, pushed_at=after(minutes=minute), **told)


async def test_given_what_a_platform_showed_then_it_stands_beside_what_we_believe_it_shows(shop, after):
    place = Place(quantity=5, level=6, own=-3)
    await shop.record(
        CHANNEL_QUANTITIES,
        [
            number("TEE", {"WH": place, "NYC": place}),
            number("MUG", {"WH": Place(quantity=5, level=6, own=8, opened=True)}),
            number("CAP", {"WH": place}),
        ],
    )
    await shop.record(
        RECEIPTS,
        [
            word(after, "TEE", "WH", 9, -1, minute=5),
            word(after, "TEE", "NYC", 9, -3, minute=20),
            word(after, "CAP", "WH", 4, 0, minute=5, outcome=Outcome.REFUSED),
        ],
    )
    cells = [("CAP", "WH", 4), ("MUG", "WH", 8), ("TEE", "NYC", 8), ("TEE", "WH", 9), ("HAT", "WH", 1)]
    await shop.record(OBSERVATIONS, [seen(after, *cell) for cell in cells])
    rules = {"tills": ChannelRules(publish="locations")}
    found = await walked(partial(shop.queries.drift, rules), 2)
    assert [(r["sku"], r["location"], r["believed"], r["difference"], r["settled"]) for r in found] == [
        ("CAP", "WH", None, None, True),  # it takes no number, so nobody knows
        ("HAT", "WH", None, None, True),  # we have none
        ("MUG", "WH", 8, 0, True),  # it shows what it was opened with
        ("TEE", "NYC", 9, -1, False),  # told after it was looked at
        ("TEE", "WH", 7, 2, True),  # told 9 when its own part was -1, which is -3 by now
    ]
    one = await shop.queries.drift(rules, sku="TEE", location="WH")
    assert [r["level"] for r in one.items] == [9]
    assert (await shop.queries.drift({})).items == []
    shadowed = await shop.queries.drift({"tills": ChannelRules(publish="locations", shadow=True)}, sku="TEE")
    assert [r["believed"] for r in shadowed.items] == [None, None]
    assert await shop.queries.largest_drift({"tills": ChannelRules(publish="locations", shadow=True)}) == []
    largest = await shop.queries.largest_drift(rules)
    assert [(r["sku"], r["location"], r["difference"], r["outdated"]) for r in largest] == [
        ("TEE", "WH", 2, False)
    ]
    everything = await shop.queries.largest_drift(rules, everything=True)
    assert [(r["sku"], r["location"], r["outdated"]) for r in everything] == [
        *(("CAP", "WH", False), ("TEE", "WH", False), ("MUG", "WH", False), ("TEE", "NYC", True)),
    ]
    listed = {(r["sku"], r["location"]): r for r in found}
    for row in everything:
        told = {name: value for name, value in row.items() if name != "outdated"}
        assert told == listed[row["sku"], row["location"]]
    since = ChannelRules(publish="locations", told_since=after(minutes=6))
    assert [r["believed"] for r in (await shop.queries.drift({"tills": since}, sku="TEE")).items] == [9, None]


async def test_given_one_number_for_all_then_it_is_compared_where_the_channels_demand_goes(shop, after):
    await shop.record(
        CHANNEL_QUANTITIES, [number("TEE", {"network": Place(quantity=5, level=6, own=0)}, "web")]
    )
    await shop.record(RECEIPTS, [word(after, "TEE", "network", 5, 0, 1, "web")])
    await shop.record(OBSERVATIONS, [seen(after, "TEE", name, 6, "web") for name in ("WH", "NYC", "LA")])
    rules = {"web": ChannelRules(ships_from="NYC")}

    async def compared() -> dict:
        return {r["location"]: r["difference"] for r in (await shop.queries.drift(rules)).items}

    assert await compared() == {"LA": None, "NYC": 1, "WH": None}
    places = {"network": "gid/1", "WH": "gid/1", "NYC": "gid/2"}
    await shop.queries.save_directory("web", items={}, locations={}, handles={}, places=places)
    assert await compared() == {"LA": None, "NYC": None, "WH": 1}
    assert [r["location"] for r in await shop.queries.largest_drift(rules)] == ["WH"]


# -- one dead letter


@pytest.mark.parametrize(
    "ident", ["", "0", "0-", "0-1", "1-0", "x-y", "\u0660-\u0660", "99999999999-1", "0-" + "9" * 30]
)
async def test_given_an_id_that_no_dead_letter_has_then_there_is_none(shop, after, ident):
    letter = DeadLetter(
        channel="web", topic="t", stage="mapping", reason="r", ref="x", received_at=after(), payload={"id": 1}
    )
    await shop.record(DEAD_LETTERS, [letter])
    assert (await shop.queries.dead_letter("0-0"))["payload"] == {"id": 1}
    assert await shop.queries.dead_letter(ident) is None
    await shop.queries.mark_retried(ident, after())
    assert (await shop.queries.dead_letter("0-0"))["retried_at"] is None


# -- movements of one location


@pytest.mark.parametrize("walk", [3, 10_000])
@pytest.mark.parametrize("limit", [1, 7, 1_000])
async def test_given_a_location_then_its_movements_are_all_on_some_page_once_however_rare_they_are(
    shop, after, monkeypatch, walk, limit
):
    monkeypatch.setattr(journal, "WALK", walk)
    for number in range(60):
        here = "NYC" if number % 17 == 0 else "WH"
        shop.post(Kind.POS_SALE_COMPLETED, 1, here, at=after(minutes=number // 3))
    await shop.record(MOVEMENTS, shop.journal)
    found = await walked(partial(shop.queries.movements, location="NYC"), limit)
    mine = sorted(((m.occurred_at, m.id) for m in shop.journal if m.legs[0].location == "NYC"), reverse=True)
    assert [(row["occurred_at"], row["id"]) for row in found] == mine
    assert len(mine) == 4
