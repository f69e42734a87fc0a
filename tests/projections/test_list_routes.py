"""The lists behind a real socket, as a client reads them."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
import uvicorn

from projections.access import Caller, Role
from projections.server import create_api
from projections.service import Readiness
from schemas.claims import DeadLetter, Observation
from schemas.ledger import view
from schemas.postings import Kind
from schemas.receipts import Outcome, Receipt
from schemas.rules import ChannelRules, Rules
from schemas.topics import DEAD_LETTERS, OBSERVATIONS, RECEIPTS

RULES = Rules(version="r", channels={"web": ChannelRules(ships_from="WH"), "tills": ChannelRules()})


@pytest.fixture
async def ask(pool):
    """Asks the API: status and JSON."""

    def ready() -> Readiness:
        return Readiness({}, frozenset())

    api = create_api(
        pool,
        rules=lambda: RULES,
        skews=dict,
        clock=None,
        keys=lambda offered: Caller.of("test", Role.VIEWER) if offered == "key" else None,
        intake=None,
        ready=ready,
        reserving=None,
    )
    held = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(api, log_level="critical", access_log=False))
    task = asyncio.create_task(server.serve(sockets=[held]))
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session:

        async def asked(path: str, **parameters: str) -> tuple[int, dict]:
            url = f"http://127.0.0.1:{held.getsockname()[1]}/v1/{path}"
            async with session.get(url, params=parameters) as response:
                return response.status, await response.json(content_type=None)

        while not server.started:  # uvicorn has no event to wait for
            await asyncio.sleep(0.01)
        yield asked
    server.should_exit = True
    await task


async def test_given_skus_then_a_grid_has_their_balances_and_what_channels_may_sell(ask, shop):
    shop.post(Kind.STOCK_INITIALISED, 10)
    shop.post(Kind.STOCK_INITIALISED, 4, sku="MUG")
    await shop.record_all(web=RULES.channels["web"])
    status, page = await ask("skus", channel="web", limit="1")
    assert (status, page["items"]) == (200, [{**view(shop.stocks["MUG"]), "channels": {"web": 4}}])
    _, rest = await ask("skus", channel="web", limit="1", cursor=page["next"])
    assert [(row["sku"], row["channels"]) for row in rest["items"]] == [("TEE", {"web": 10})]
    assert rest["next"] is None
    assert (await ask("skus", channel="nobody"))[0] == 404
    assert (await ask("skus", cursor="nonsense"))[0] == 400


async def test_given_deals_then_the_newest_is_first_and_one_can_be_opened(ask, shop, after):
    shop.post(Kind.ORDER_PLACED, document="order/1", at=after())
    shop.post(Kind.ORDER_PLACED, document="order/2", at=after(hours=1), sku="MUG")
    shop.post(Kind.ORDER_SHIPPED, document="order/1", at=after(hours=2))
    await shop.record_all()
    status, page = await ask("transactions")
    assert status == 200
    assert [(row["transaction"], row["movements"]) for row in page["items"]] == [
        ("web/order/1", 2),
        ("web/order/2", 1),
    ]
    assert [row["transaction"] for row in (await ask("transactions", sku="MUG"))[1]["items"]] == [
        "web/order/2"
    ]
    assert len((await ask("transactions/web/order/1"))[1]["items"]) == 2


async def test_given_a_late_sale_then_what_was_believed_what_was_learned_and_what_was_true_are_told(
    ask, shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-9), known=after(hours=-9))
    shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(hours=-1), known=after(hours=2))
    await shop.record_all()
    status, told = await ask("late-facts", sku="TEE", location="WH", at=after().isoformat())
    assert status == 200
    assert [told[name] for name in ("believed", "learned", "true")] == [
        {"WH": {"available": 10}},
        {"WH": {"available": -3}},
        {"WH": {"available": 7}},
    ]
    assert [item["late_seconds"] for item in told["items"]] == [3 * 3600]
    before = {"at": after().isoformat(), "known_at": after(hours=-1).isoformat()}
    assert (await ask("late-facts", sku="TEE", **before))[0] == 422
    assert (await ask("late-facts", sku="TEE", at="0001-01-01T00:00:00Z"))[1]["items"] == []
    assert (await ask("late-facts", sku="TEE", at="9999-12-31T23:59:59Z"))[1]["items"] == []
    assert (await ask("late-facts", sku="TEE"))[0] == 422, "an instant is needed"


async def test_given_words_with_a_platform_then_they_are_listed_and_stand_beside_what_it_showed(
    ask, shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10)
    await shop.record_all(web=RULES.channels["web"])
    said = {"channel": "web", "sku": "TEE", "place": "network", "quantity": 10, "own": 10, "offset": 1}
    await shop.record(
        RECEIPTS, [Receipt(level=10, outcome=Outcome.PUSHED, pushed_at=after(), ref="x", **said)]
    )
    seen = {"channel": "web", "topic": "levels", "sku": "TEE", "location": "WH", "level": 12, "version": 1}
    await shop.record(OBSERVATIONS, [Observation(observed_at=after(minutes=1), **seen)])
    status, page = await ask("receipts", channel="web", outcome="pushed")
    assert (status, [(row["ref"], row["level"]) for row in page["items"]]) == (200, [("x", 10)])
    assert (await ask("receipts", outcome="lost"))[0] == 422
    status, page = await ask("drift", channel="web")
    assert status == 200
    assert [(row["place"], row["believed"], row["difference"], row["settled"]) for row in page["items"]] == [
        ("network", 10, 2, True)
    ]
    assert (await ask("drift"))[1] == page
    assert (await ask("drift", channel="nobody"))[0] == 404


async def test_given_a_dead_letter_then_it_is_shown_with_its_payload(ask, shop, after):
    said = {"channel": "web", "topic": "t", "stage": "mapping", "reason": "r", "ref": "x"}
    await shop.record(DEAD_LETTERS, [DeadLetter(received_at=after(), payload={"id": 1}, **said)])
    _, page = await ask("dead-letters")
    status, letter = await ask(f"dead-letters/{page['items'][0]['id']}")
    assert (status, letter["payload"], letter["reason"]) == (200, {"id": 1}, "r")
    assert (await ask("dead-letters/0-9"))[0] == 404
