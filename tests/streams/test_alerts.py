"""What people are told of, once each, and signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from connectors.errors import ConnectorError
from connectors.loopback import serve
from connectors.polite import Http
from projections.alerts import Alerts
from projections.pool import migrate
from projections.queries import Queries
from projections.recorder import Batch, Recorder
from schemas.codec import encode
from schemas.receipts import Outcome, Receipt
from schemas.topics import RECEIPTS
from streams.alerts import Alerting, signed
from streams.settings import AlertSettings

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHSEC = "whsec_" + base64.b64encode(b"a secret of the shop's own").decode()


class Receiver:
    """Somebody's server that is told."""

    def __init__(self):
        self.got, self.status = [], 200

    async def take(self, request):
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, text="thanks")

    @property
    def kinds(self):
        return [json.loads(body)["type"].rpartition(".")[2] for _, body in self.got]


@pytest.fixture
async def receiver():
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner, url = await serve(app, 0)
    made.url = f"{url}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
async def alerting(pool, dsn):
    await migrate(dsn)
    return Alerting(
        settings=AlertSettings(dead_letters=2, stuck_after=60),
        secrets=(SecretStr(WHSEC),),
        alerts=Alerts(pool),
        queries=Queries(pool),
        dsn=dsn,
        role="alerts",
        clock=lambda: NOW,
    )


@pytest.fixture
async def http(receiver):
    made = Http(receiver.url, {})
    yield made
    await made.close()


async def rows(pool, *statements):
    async with pool.connection() as connection:
        for statement, values in statements:
            await connection.execute(statement, values)


def oversell(number, at=NOW):
    row = [f"m{number}", "MUG", "SOHO", -1, "latency", "OrderPlaced", "order/web/1", "web", at, at]
    return "INSERT INTO oversells VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", row


def letter(number, at):
    row = [0, number, "web", "orders", "intake", "unknown SKU", f"o{number}", "{}", at]
    return (
        (
            "INSERT INTO dead_letters (partition, log_offset, channel, topic, stage, reason, ref, payload, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        ),
        row,
    )


async def said(pool, outcome, at=NOW - HOUR, number=0):
    """The recorder takes in what was said of a level."""
    found = Receipt(
        channel="web",
        sku="MUG",
        place="SOHO",
        quantity=4,
        level=5,
        own=0,
        outcome=outcome,
        pushed_at=at,
        offset=3,
        detail="left as it is",
    )
    await Recorder(pool).record([Batch(RECEIPTS, 0, [(number, 0, encode(found))], number + 1)])


def ordered(at):
    legs = [
        {"location": "SOHO", "state": "available", "quantity": -2},
        {"location": "SOHO", "state": "committed", "quantity": 2},
    ]
    row = ["m9", "MUG", "OrderPlaced", 2, json.dumps(legs), ["SOHO"], "order/web/9", "web", "order/9"]
    told = (
        (
            "INSERT INTO movements (id, sku, kind, quantity, legs, locations, transaction, channel, document, occurred_at,"
            " recorded_at, demand_class, partition, log_offset, seal)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'retail', 0, 9, '')"
        ),
        [*row, at, at],
    )
    return told, ("INSERT INTO offsets (topic, partition, next_offset) VALUES ('movements', 0, 10)", [])


async def test_given_what_stands_then_each_is_told_once_with_what_it_is(alerting, pool, receiver, http):
    await rows(pool, oversell(1), *ordered(NOW - 9 * 24 * HOUR))
    await said(pool, Outcome.DRIFTED)
    await alerting.queries.save_health("web", 12, NOW - HOUR, "HTTP 500", NOW)
    for _ in range(2):
        await alerting.once(http)
    assert sorted(receiver.kinds) == ["aged_commitment", "drift", "oversell", "stuck_channel"]
    found = {json.loads(body)["type"]: json.loads(body)["data"] for _, body in receiver.got}
    assert found["io.onhand.alert.oversell"]["cause"] == "latency"
    assert found["io.onhand.alert.stuck_channel"] | {"id": ""} == {
        "id": "",
        "channel": "web",
        "waiting": 12,
        "reason": "HTTP 500",
    }
    assert (found["io.onhand.alert.drift"]["shown"], found["io.onhand.alert.drift"]["expected"]) == (5, 4)
    assert found["io.onhand.alert.aged_commitment"]["age_days"] == 9


async def test_given_a_hand_edit_of_long_ago_then_nobody_is_told_and_of_one_that_is_corrected_somebody_is(
    alerting, pool, receiver, http
):
    await said(pool, Outcome.DRIFTED, NOW - 48 * HOUR)
    await alerting.once(http)
    assert receiver.got == []
    await said(pool, Outcome.OVERRULED, number=1)
    await alerting.once(http)
    assert receiver.kinds == ["drift"]


async def test_given_nothing_out_of_the_ordinary_then_nobody_is_told(alerting, pool, receiver, http):
    await rows(pool, oversell(1, NOW - 48 * HOUR), *ordered(NOW - HOUR))
    await said(pool, Outcome.PUSHED)
    await rows(pool, letter(1, NOW), letter(2, NOW))
    await alerting.queries.save_health("web", 500, NOW - timedelta(seconds=30), "HTTP 500", NOW)
    await alerting.queries.save_health("tills", 500, None, None, NOW)
    await alerting.once(http)
    assert receiver.got == []


async def test_given_more_dead_letters_than_may_wait_then_it_is_told_once_until_they_were_fewer(
    alerting, pool, receiver, http
):
    await rows(pool, *(letter(number, NOW + number * HOUR) for number in range(3)))
    await alerting.once(http)
    await rows(pool, letter(9, NOW + 9 * HOUR))
    await alerting.once(http)
    assert receiver.kinds == ["dead_letters"]
    assert json.loads(receiver.got[0][1])["data"]["waiting"] == 3
    await rows(pool, ("UPDATE dead_letters SET retried_at = %s WHERE log_offset < 3", [NOW]))
    await alerting.once(http)
    await rows(pool, *(letter(20 + number, NOW + (20 + number) * HOUR) for number in range(2)))
    await alerting.once(http)
    assert receiver.kinds == ["dead_letters"] * 2, "a new crossing"


async def test_given_a_receiver_that_fails_then_it_is_told_later_under_the_same_name(
    alerting, pool, receiver, http
):
    await rows(pool, oversell(1), oversell(2))
    receiver.status = 500
    with pytest.raises(ConnectorError):
        await alerting.once(http)
    receiver.status = 410
    with pytest.raises(ConnectorError, match="410"):
        await alerting.once(http)
    receiver.status = 204
    await alerting.once(http)
    names = [headers["webhook-id"] for headers, _ in receiver.got]
    assert names == ["oversell/m1/SOHO"] * 3 + ["oversell/m2/SOHO"]


async def test_given_nobody_to_send_to_then_the_log_alone_says_so_once(alerting, pool, caplog, capsys):
    await rows(pool, oversell(1))
    await alerting.once(None)
    await alerting.once(None)
    assert await alerting.alerts.unsent() == []
    assert capsys.readouterr().out.count("oversell/m1/SOHO") == 1


async def test_given_a_secret_then_the_receiver_can_check_who_told_him(alerting, pool, receiver, http):
    await rows(pool, oversell(1))
    await alerting.once(http)
    ((headers, body),) = receiver.got
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    digest = hmac.new(b"a secret of the shop's own", content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_given_a_secret_is_rotated_then_each_of_the_two_signs():
    both = signed(["new", "old"], "a", 1, b"{}")["webhook-signature"].split(" ")
    assert both == [signed([secret], "a", 1, b"{}")["webhook-signature"] for secret in ("new", "old")]


def test_given_a_plain_secret_then_it_is_taken_as_it_is():
    assert signed(["plain"], "a", 1, b"{}") != signed([WHSEC], "a", 1, b"{}")
    digest = hmac.new(b"plain", b"a.1.{}", hashlib.sha256).digest()
    assert signed(["plain"], "a", 1, b"{}")["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
