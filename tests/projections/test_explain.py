from __future__ import annotations

import random

import pytest

from projections.explain import explain as explain_any
from schemas.availability import quantity
from schemas.bundles import Bundle, bundle_quantity, part
from schemas.ledger import Stock
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import MOVEMENTS, RECEIPTS, STOCK

RULES = {
    "plain": ChannelRules(),
    "by place": ChannelRules(publish="locations"),
    "one place": ChannelRules(locations=("WH",)),
    "a place nobody counted": ChannelRules(locations=("NOWHERE",)),
    "places named twice": ChannelRules(locations=("WH", "NYC", "WH")),
    "safety stock": ChannelRules(safety_stock=4, safety_stock_by_location={"NYC": 1}),
    "safety stock by place": ChannelRules(
        publish="locations", safety_stock=3, safety_stock_by_sku={"S-1": 0}
    ),
    "threshold": ChannelRules(threshold=5),
    "share": ChannelRules(share_percent=33),
    "nothing shared": ChannelRules(share_percent=0),
    "cap": ChannelRules(cap=3),
    "safety stock in percent": ChannelRules(safety_percent=25, safety_stock=2),
    "backorders": ChannelRules(backorder=6, ships_from="NYC"),
    "backorders by place": ChannelRules(publish="locations", backorder=6, ships_from="NYC"),
    "preorders": ChannelRules(preorder=8, preorder_by_sku={"S-3": 1}, backorder_by_sku={"S-4": 2}),
    "a place that ships nothing": ChannelRules(closed=("NYC",)),
    "pick-up": ChannelRules(publish="locations", pickup=True, buffers={"WH": 2}),
    "all that is newer": ChannelRules(
        safety_percent=10, threshold=1, share_percent=50, cap=9, backorder=5, preorder=4, closed=("WH",)
    ),
    "all at once": ChannelRules(
        safety_stock=2, threshold=1, share_percent=50, cap=6, locations=("NYC", "LA", "WH"), ships_from="NYC"
    ),
}

KINDS = (
    Kind.STOCK_INITIALISED,
    Kind.GOODS_RECEIVED,
    Kind.ORDER_PLACED,
    Kind.ORDER_SHIPPED,
    Kind.POS_SALE_COMPLETED,
    Kind.RETURN_RECEIVED,
    Kind.RESERVATION_PLACED,
    Kind.STOCK_ADJUSTED,
    Kind.POOL_ALLOCATED,
    Kind.TRANSFER_SHIPPED,
    Kind.ORDER_REROUTED,
    Kind.SUPPLY_EXPECTED,
)


async def explain(queries, sku, channel, rules, recent=50, skews=None):
    every = Rules(version="r", channels={channel: rules})
    return await explain_any(queries, sku, channel, every, recent, skews)


def history(shop, after, seed: int, sku: str, count: int) -> None:
    """What might happen to one SKU, oversells, voids and open demand included."""
    rng = random.Random(f"{seed}/{sku}")
    for _ in range(count):
        here = rng.choice(["WH", "NYC", "LA", "@unrouted"])
        units = rng.randint(1, 12)
        movement = shop.post(
            rng.choice(KINDS),
            units,
            here,
            sku=sku,
            at=after(minutes=rng.randrange(500)),
            there="WH",
            transit="T1",
            to_pool="wholesale",
            expected=rng.randint(0, units),
        )
        if rng.random() < 0.2:
            shop.void(movement)


@pytest.mark.parametrize("recent", [0, 3, 50])
async def test_given_any_stock_and_any_rules_then_the_lines_sum_exactly_to_the_published_number(
    shop, after, recent
):
    for n in range(15):
        history(shop, after, 11, f"S-{n}", n * 5)
    await shop.record_all()
    for stock in shop.stocks.values():
        for name, rules in RULES.items():
            told = await explain(shop.queries, stock.sku, "web", rules, recent)
            published = quantity(stock, "web", rules, "r").quantity
            assert told["quantity"] == published, (stock.sku, name)
            assert sum(line["amount"] for line in told["lines"]) == published
            assert [line["label"] for line in told["lines"] if "being recorded" in line["label"]] == []


async def test_given_a_short_history_then_every_movement_behind_the_number_has_its_line(shop, after):
    opened = shop.post(Kind.STOCK_INITIALISED, 10, at=after(), document="opening")
    sold = shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(hours=1), channel="tills", document="sale/7")
    shop.post(Kind.ORDER_PLACED, 1, "@unrouted", document="order/8")
    await shop.record_all(web=ChannelRules(safety_stock=2))
    told = await explain(shop.queries, "TEE", "web", ChannelRules(safety_stock=2))
    assert [(line["label"], line["amount"], line["ref"]) for line in told["lines"]] == [
        (
            f"PosSaleCompleted at WH, {sold.occurred_at.isoformat()}",
            -3,
            f"movement:{sold.id} tills/sale/7 tills/sale/7",
        ),
        (
            f"StockInitialised at WH, {opened.occurred_at.isoformat()}",
            10,
            f"movement:{opened.id} web/opening web/opening",
        ),
        ("safety stock at WH", -2, "rule:safety_stock"),
        ("ordered, no location yet", -1, "@unrouted"),
    ]
    assert (told["sku"], told["channel"], told["quantity"]) == ("TEE", "web", 4)


async def test_given_a_long_history_then_older_movements_are_summed_by_location(shop, after):
    for n in range(60):
        shop.post(Kind.STOCK_INITIALISED, 1, "WH" if n % 2 else "NYC", at=after(minutes=n))
    await shop.record_all()
    lines = (await explain(shop.queries, "TEE", "web", ChannelRules(), 50))["lines"]
    assert len([line for line in lines if line["ref"].startswith("movement:")]) == 50
    assert [(line["label"], line["amount"]) for line in lines[50:]] == [
        ("earlier movements at NYC", 5),
        ("earlier movements at WH", 5),
    ]


async def test_given_what_the_hub_decided_then_its_line_says_why_and_a_platforms_own_reason_is_not_repeated(
    shop,
):
    shop.post(Kind.STOCK_INITIALISED, 5)
    why = "one parcel; not chosen: SOHO 3"
    shop.post(Kind.ORDER_REROUTED, 1, "@unrouted", there="WH", channel="onhand", reason=why)
    shop.post(Kind.STOCK_ADJUSTED, -1, reason="theft")
    await shop.record_all()
    labels = [line["label"] for line in (await explain(shop.queries, "TEE", "web", ChannelRules()))["lines"]]
    assert [label.endswith(why) for label in labels if label.startswith("OrderRerouted")] == [True]
    assert not any("theft" in label for label in labels)


async def test_given_a_sku_tracked_nowhere_then_that_is_said_and_not_shown_as_an_empty_shelf(shop):
    shop.post(Kind.ORDER_PLACED, 2)
    await shop.record_all()
    for sku in ("TEE", "NEVER-SEEN"):
        told = await explain(shop.queries, sku, "web", ChannelRules())
        assert told["quantity"] == 0
        assert told["lines"][-1]["ref"] == "untracked"


async def test_given_the_journal_is_a_moment_behind_the_stock_then_the_difference_is_named(shop):
    for _ in range(4):
        shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record(MOVEMENTS, shop.journal[:3])
    await shop.record(STOCK, list(shop.stocks.values()))
    told = await explain(shop.queries, "TEE", "web", ChannelRules())
    assert told["quantity"] == 20
    recorded = {"label": "being recorded at WH", "amount": 5, "ref": "stock", "location": "WH"}
    assert recorded in told["lines"]


async def test_given_the_journal_is_a_moment_ahead_of_the_stock_then_the_explained_number_is_the_stocks(shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record_all()
    shop.post(Kind.STOCK_INITIALISED, 7)
    await shop.record(MOVEMENTS, shop.journal[1:])
    told = await explain(shop.queries, "TEE", "web", ChannelRules())
    assert told["quantity"] == 5
    assert len(told["lines"]) == 1


async def test_given_stock_without_any_journal_then_every_unit_is_still_accounted_for(shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record(STOCK, [shop.stocks["TEE"], Stock(sku="MUG", offset=0)])
    told = await explain(shop.queries, "TEE", "web", ChannelRules())
    recorded = {"label": "being recorded at WH", "amount": 5, "ref": "stock", "location": "WH"}
    assert told["lines"] == [recorded]


async def test_given_what_the_platform_was_told_then_its_own_sales_since_move_what_it_shows(shop, after):
    rules = ChannelRules(ships_from="WH")
    shop.post(Kind.STOCK_INITIALISED, 10, channel="tills")
    await shop.record_all(web=rules)
    assert (await explain(shop.queries, "TEE", "web", rules))["pushed"] is None
    cell = {"channel": "web", "sku": "TEE", "place": "network", "offset": 0, "pushed_at": after()}
    await shop.record(RECEIPTS, [Receipt(**cell, quantity=10, level=10, own=0, outcome=Outcome.PUSHED)])
    assert (await explain(shop.queries, "TEE", "web", rules))["pushed"] == 10
    shop.post(Kind.ORDER_PLACED, 2, channel="web")
    await shop.record_all(web=rules)
    told = await explain(shop.queries, "TEE", "web", rules)
    assert (told["quantity"], told["pushed"]) == (8, 8)
    shop.post(Kind.POS_SALE_COMPLETED, 1, channel="tills")
    await shop.record_all(web=rules)
    told = await explain(shop.queries, "TEE", "web", rules)
    assert (told["quantity"], told["pushed"]) == (7, 8), "the platform cannot know of the till's sale yet"


async def test_given_a_platform_that_opened_its_places_then_what_it_shows_is_known_without_a_word(shop):
    rules = ChannelRules(publish="locations")
    shop.post(Kind.STOCK_INITIALISED, 10, channel="tills")
    await shop.record_all(tills=rules)
    assert (await explain(shop.queries, "TEE", "tills", rules))["pushed"] == 10


async def test_given_a_platform_that_refused_the_item_then_nothing_is_said_of_what_it_shows(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, channel="tills")
    await shop.record_all(web=ChannelRules())
    refused = Receipt(
        channel="web",
        sku="TEE",
        place="network",
        quantity=10,
        level=0,
        own=0,
        outcome=Outcome.REFUSED,
        pushed_at=after(),
        offset=0,
    )
    await shop.record(RECEIPTS, [refused])
    assert (await explain(shop.queries, "TEE", "web", ChannelRules()))["pushed"] is None


@pytest.mark.parametrize("publish", ["network", "locations"])
async def test_given_a_bundle_then_its_scarcest_component_explains_it_place_by_place(shop, after, publish):
    for n, sku in enumerate(("MUG", "BOWL")):
        for place in ("WH", "NYC"):
            shop.post(Kind.STOCK_INITIALISED, 200 + n, place, sku=sku, at=after())
        history(shop, after, n, sku, 20)
    await shop.record_all()
    its = ChannelRules(publish=publish, safety_stock=1)
    rules = Rules(version="r", channels={"web": its}, bundles={"SET": {"MUG": 2, "BOWL": 3}})
    parts = {sku: part(stock, "SET", rules) for sku, stock in shop.stocks.items()}
    number = bundle_quantity(Bundle(sku="SET", parts=parts), "web", rules)
    told = await explain_any(shop.queries, "SET", "web", rules)
    assert told["quantity"] == sum(line["amount"] for line in told["lines"]) == number.quantity > 0
    made = [line for line in told["lines"] if line["ref"] == "bundle:SET"]
    assert len(made) == 2 * len(number.places)


async def test_given_a_bundle_whose_parts_nobody_keeps_then_it_says_so(shop):
    rules = Rules(version="r", channels={"web": ChannelRules()}, bundles={"SET": {"NONE": 1}})
    told = await explain_any(shop.queries, "SET", "web", rules)
    assert (told["quantity"], told["lines"][0]["ref"]) == (0, "untracked")


async def test_given_a_channel_that_sells_from_a_pool_then_the_pool_s_movements_explain_it(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after())
    shop.post(Kind.POOL_ALLOCATED, 4, at=after(hours=1), to_pool="trade")
    rules = ChannelRules(pool="trade")
    await shop.record_all(web=rules)
    told = await explain(shop.queries, "TEE", "web", rules)
    assert [line["amount"] for line in told["lines"]] == [4]
    assert (await explain(shop.queries, "TEE", "web", ChannelRules()))["quantity"] == 6


# -- what two clocks cannot tell apart


async def marked(shop, **skews: float) -> list[str]:
    """The documents whose lines are ambiguous; every mark says so in words too, and the sum stands."""
    await shop.record_all()
    told = await explain(shop.queries, "TEE", "web", ChannelRules(), skews=skews)
    assert told["quantity"] == sum(shop.stocks["TEE"].balance(place) for place in ("WH", "NYC"))
    assert sum(line["amount"] for line in told["lines"]) == told["quantity"]
    assert all(("ambiguous: " in line["label"]) == ("ambiguous" in line) for line in told["lines"])
    assert {line.get("ambiguous", True) for line in told["lines"]} == {True}
    return sorted(line["ref"].rpartition(" ")[2] for line in told["lines"] if "ambiguous" in line)


@pytest.mark.parametrize("side", [-1, 1], ids=["before", "after"])
@pytest.mark.parametrize(
    ("channel", "skews", "bound"),
    [
        ("api", {}, 4.0),
        ("onhand", {"tills": 0.0}, 2.0),
        ("web", {"web": 30.0, "tills": 1.5}, 31.5),
        ("tills", {"web": 30.0, "tills": 0.0}, 0.0),
    ],
)
async def test_given_a_movement_as_close_to_a_count_as_both_clocks_may_be_wrong_then_it_is_ambiguous(
    shop, after, side, channel, skews, bound
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9))
    for name, apart in (("on", bound), ("beyond", bound + 0.000001)):
        shop.post(
            Kind.POS_SALE_COMPLETED, at=after(seconds=side * apart), channel=channel, document=f"sale/{name}"
        )
    shop.count(7, at=after())
    assert await marked(shop, **skews) == [f"{channel}/sale/on"]


async def test_given_an_ambiguous_movement_then_its_line_says_how_close_it_is_to_which_count(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9))
    shop.count(9, at=after(seconds=-3), document="count/early")
    shop.count(7, at=after(), document="count/near")
    sold = shop.post(Kind.POS_SALE_COMPLETED, 2, at=after(seconds=1.5), channel="api", document="sale/7")
    await shop.record_all()
    lines = (await explain(shop.queries, "TEE", "web", ChannelRules(), skews={"tills": 3.0}))["lines"]
    assert lines[0]["label"] == (
        f"PosSaleCompleted at WH, {sold.occurred_at.isoformat()},"
        " ambiguous: 1.5 s from the count tills/count/near, clocks may differ by 5 s"
    )
    assert (lines[0]["amount"], lines[0]["ambiguous"]) == (-2, True)
    assert lines[0]["ref"] == f"movement:{sold.id} api/sale/7 api/sale/7"


async def test_given_a_count_elsewhere_or_of_another_sku_then_it_makes_nothing_ambiguous(shop, after):
    for here in ("WH", "NYC"):
        shop.post(Kind.STOCK_INITIALISED, 10, here, at=after(hours=-9))
    shop.post(Kind.STOCK_INITIALISED, 10, sku="MUG", at=after(hours=-9))
    shop.count(9, "NYC", at=after())
    shop.count(9, sku="MUG", at=after())
    shop.post(Kind.POS_SALE_COMPLETED, at=after(), document="sale/1")
    assert await marked(shop) == []


async def test_given_a_voided_count_then_nothing_is_ambiguous_until_it_is_told_again(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9))
    shop.post(Kind.POS_SALE_COMPLETED, at=after(seconds=1), document="sale/1")
    counted = shop.count(8, at=after())
    assert await marked(shop) == ["web/sale/1"]
    shop.void(counted)
    assert await marked(shop) == []
    shop.count(8, at=after())
    assert await marked(shop) == ["web/sale/1"]


async def test_given_a_count_and_what_it_comes_to_then_it_is_not_ambiguous_to_itself_but_to_another_one(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9))
    shop.count(8, at=after(), document="count/1")
    shop.post(Kind.POS_SALE_COMPLETED, 2, at=after(hours=-1), document="sale/offline")
    assert await marked(shop) == []
    shop.count(8, at=after(seconds=2), document="count/2")
    assert set(await marked(shop)) == {"tills/count/1", "tills/count/2"}
