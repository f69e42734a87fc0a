"""A number as of another moment: what was known, what held, and what the platform was told by then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.explain import explain, reading
from projections.explain.answer import AsOf
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import RECEIPTS

PLAIN = Rules(version="r", channels={"web": ChannelRules(ships_from="WH")})


def amounts(told) -> list[tuple[str, int]]:
    return [(line["label"].partition(",")[0], line["amount"]) for line in told["lines"]]


def edition(number: int, at, by: str, **rules) -> Rules:
    return Rules(version=f"v{number}", channels={"web": ChannelRules(**rules)}, edition=number, by=by, at=at)


async def word(shop, level: int, own: int, offset: int, at, outcome=Outcome.PUSHED, **more) -> None:
    cell = {"channel": "web", "sku": "TEE", "place": "network", **more}
    said = Receipt(quantity=level, level=level, own=own, outcome=outcome, pushed_at=at, offset=offset, **cell)
    await shop.record(RECEIPTS, [said])


async def test_given_a_till_that_was_offline_then_what_was_believed_and_what_was_true_are_both_explained(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after())
    shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(hours=1), known=after(hours=5), channel="tills")
    await shop.record_all()
    believed = await explain(shop.queries, "TEE", "web", PLAIN, as_of=AsOf(known_at=after(hours=2)))
    true = await explain(shop.queries, "TEE", "web", PLAIN, as_of=AsOf(at=after(hours=2)))
    assert amounts(believed) == [("StockInitialised at WH", 10)]
    assert amounts(true) == [("PosSaleCompleted at WH", -3), ("StockInitialised at WH", 10)]
    assert believed["as_of"] == {"at": None, "known_at": after(hours=2).isoformat()}


async def test_given_a_rule_that_somebody_changed_then_the_rules_of_the_moment_hold_and_say_who_decided_each(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after())
    await shop.record_all()
    file = edition(1, after(), "onhand.toml", threshold=1)
    anna = edition(2, after(hours=2), "anna", threshold=1, safety_stock=2)
    ben = edition(3, after(hours=4), "ben", threshold=1, safety_stock=2, cap=5)
    events, found = [file, anna, ben], {}
    for hour in (1, 3, 5):
        moment = AsOf(known_at=after(hours=hour))
        found[hour] = await explain(shop.queries, "TEE", "web", ben, as_of=moment, events=events)
    assert [told["quantity"] for told in found.values()] == [9, 7, 5]
    assert [told["rules"]["version"] for told in found.values()] == ["v1", "v2", "v3"]
    now = await explain(shop.queries, "TEE", "web", ben, events=events)
    for told in (found[5], now):
        decided = {line["rule"]: line["decided"] for line in told["lines"] if "rule" in line}
        assert {rule: one["by"] for rule, one in decided.items()} == {
            "safety_stock": "anna",
            "threshold": "onhand.toml",
            "cap": "ben",
        }
        assert decided["safety_stock"] == {
            "version": "v2",
            "edition": 2,
            "by": "anna",
            "at": after(hours=2).isoformat(),
        }


async def test_given_a_moment_before_any_rules_or_before_the_channel_then_that_is_said(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9))
    await shop.record_all()
    tills = Rules(version="v1", channels={"tills": ChannelRules()}, at=after())
    web = edition(2, after(hours=2), "onhand.toml")
    for hour, version in ((-1, None), (1, "v1")):
        moment = AsOf(known_at=after(hours=hour))
        told = await explain(shop.queries, "TEE", "web", web, as_of=moment, events=[tills, web])
        assert (told["quantity"], told["pushed"], told["receipt"]) == (0, None, [])
        assert told["lines"] == [
            {"label": "no rules of this channel were in force by then", "amount": 0, "ref": "no_rules"}
        ]
        assert (told["rules"] and told["rules"]["version"]) == version


async def test_given_words_with_the_platform_then_those_by_the_moment_are_its_receipts_and_its_own_sales_count(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(), channel="tills")
    shop.post(Kind.ORDER_PLACED, 1, at=after(hours=1))
    shop.post(Kind.ORDER_PLACED, 2, at=after(hours=2))
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(hours=3), channel="tills")
    await shop.record_all()
    await word(shop, 10, 0, 0, after(minutes=1))
    await word(shop, 9, -1, 1, after(hours=1, minutes=1))
    await word(shop, 6, -3, 3, after(hours=3, minutes=1), detail="at last", ref="job/7")
    await word(shop, 6, -3, 3, after(hours=4), outcome=Outcome.HELD)
    shown = {}
    for minutes in (0, 30, 90, 150, 210, 300):
        moment = AsOf(known_at=after(minutes=minutes))
        told = await explain(shop.queries, "TEE", "web", PLAIN, as_of=moment)
        shown[minutes] = (told["pushed"], [one["outcome"] for one in told["receipt"]])
    said = ["pushed"]
    assert shown == {
        0: (None, []),
        30: (10, said),
        90: (9, said),
        150: (7, said),
        210: (6, said),
        300: (6, ["held"]),
    }
    now = await explain(shop.queries, "TEE", "web", PLAIN)
    assert now["receipt"][0]["outcome"] == "held"
    before = await explain(
        shop.queries, "TEE", "web", PLAIN, as_of=AsOf(at=after(hours=3, minutes=30), known_at=after(days=9))
    )
    assert before["receipt"] == [
        {
            "place": "network",
            "quantity": 6,
            "level": 6,
            "own": -3,
            "outcome": "pushed",
            "offset": 3,
            "pushed_at": after(hours=3, minutes=1).isoformat(),
            "ref": "job/7",
            "detail": "at last",
        }
    ]


async def test_given_places_told_at_different_times_then_each_moves_on_by_its_own_sales_since_then(
    shop, after
):
    for minute, place in enumerate(("WH", "NYC", "WH", "NYC", "NYC")):
        kind = Kind.STOCK_INITIALISED if minute < 2 else Kind.POS_SALE_COMPLETED
        shop.post(kind, 10 if minute < 2 else 1, place, at=after(minutes=minute))
    await shop.record_all()
    await word(shop, 10, 0, 0, after(minutes=1), place="WH")
    await word(shop, 9, 9, 3, after(minutes=4), place="NYC")
    rules = replace(PLAIN, channels={"web": ChannelRules(publish="locations")})
    told = await explain(shop.queries, "TEE", "web", rules, as_of=AsOf(known_at=after(hours=1)))
    assert told["pushed"] == (10 - 1) + (9 - 1)


@pytest.mark.parametrize(("outcome", "shadow"), [(Outcome.REFUSED, None), (Outcome.PUSHED, True)])
async def test_given_a_refusal_or_a_channel_in_shadow_then_nothing_is_said_of_what_the_platform_showed(
    shop, after, outcome, shadow
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(), channel="tills")
    await shop.record_all()
    await word(shop, 10, 0, 0, after(minutes=1), outcome=outcome)
    rules = replace(PLAIN, channels={"web": ChannelRules(shadow=shadow)})
    told = await explain(shop.queries, "TEE", "web", rules, as_of=AsOf(at=after(hours=1)))
    assert told["pushed"] is None
    assert [one["outcome"] for one in told["receipt"]] == [outcome]


async def test_given_a_bundle_then_what_the_platform_showed_moves_on_by_what_it_sold_of_the_bundle(
    shop, after
):
    for sku in ("MUG", "BOWL"):
        shop.post(Kind.STOCK_INITIALISED, 10, sku=sku, at=after())
        shop.journal[-1] = replace(shop.post(Kind.ORDER_PLACED, 2, sku=sku, at=after(hours=2)), bundle="SET")
    rules = replace(PLAIN, bundles={"SET": {"MUG": 1, "BOWL": 1}})
    await shop.record_all()
    await word(shop, 10, 0, 0, after(hours=1), sku="SET")
    told = [
        await explain(shop.queries, "SET", "web", rules, as_of=AsOf(known_at=after(minutes=minutes)))
        for minutes in (90, 180)
    ]
    assert [(one["quantity"], one["pushed"]) for one in told] == [(10, 10), (8, 8)]


async def test_given_a_movement_then_its_line_names_claim_document_and_both_clocks(shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(), document="opening")
    sold = shop.post(
        Kind.POS_SALE_COMPLETED,
        3,
        at=after(hours=1),
        known=after(hours=2),
        channel="tills",
        document="sale/7",
    )
    await shop.record_all()
    line = (await explain(shop.queries, "TEE", "web", PLAIN))["lines"][0]
    del line["label"], line["ref"], line["amount"]
    assert line == {
        "kind": "PosSaleCompleted",
        "location": "WH",
        "movement": sold.id,
        "transaction": "tills/sale/7",
        "channel": "tills",
        "document": "sale/7",
        "claim": "0-1",
        "occurred_at": after(hours=1).isoformat(),
        "recorded_at": after(hours=2).isoformat(),
    }


async def test_given_what_the_ledger_posted_for_a_count_then_its_line_names_the_claim_that_it_follows_from(
    shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after())
    counted = shop.count(7, at=after(hours=1))
    await shop.record_all()
    told = await explain(shop.queries, "TEE", "web", PLAIN)
    assert amounts(told) == [
        ("StockCounted at WH", -3),
        ("StockCounted at WH", 0),
        ("StockInitialised at WH", 10),
    ]
    assert told["lines"][0]["because_of"] == counted.id == "0-1-0"
    assert told["lines"][0]["claim"] == "0-1"
    assert told["lines"][0]["document"] == counted.document


async def test_given_a_place_that_hardly_moves_then_its_old_movements_are_summed_and_not_looked_for(
    shop, after, monkeypatch
):
    monkeypatch.setattr(reading, "LOOKED_THROUGH", 3)
    shop.post(Kind.STOCK_INITIALISED, 4, "NYC", at=after())
    for minute in range(1, 6):
        shop.post(Kind.STOCK_INITIALISED, 1, at=after(minutes=minute))
    await shop.record_all()
    rules = replace(PLAIN, channels={"web": ChannelRules(locations=("NYC",))})
    told = await explain(shop.queries, "TEE", "web", rules)
    assert amounts(told) == [("earlier movements at NYC", 4)]
