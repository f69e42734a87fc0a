from __future__ import annotations

import asyncio
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from counter import BODY_MAX, KEY, RULES, SECRET

from projections import bodies
from projections.carrying import CarryingOut
from projections.problems import Problem
from projections.queries import Queries
from schemas.carrying import Carried, State
from schemas.claims import DeadLetter
from schemas.ledger import view
from schemas.postings import Kind
from schemas.reservations import Ask
from schemas.topics import DEAD_LETTERS

# -- what is asked


async def test_given_a_sku_then_its_stock_is_shown_now_and_as_of_either_clock(api, shop, after):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-1))
    shop.post(Kind.POS_SALE_COMPLETED, 3, at=after(), known=after(hours=1))
    shop.post(Kind.STOCK_INITIALISED, 4, "NYC", at=after(hours=2))
    await shop.record_all()
    assert (await api.get("/v1/stock/TEE")).json == view(shop.stocks["TEE"])
    only = (await api.get("/v1/stock/TEE", location="NYC")).json
    assert only["locations"].keys() == {"NYC"}
    for query, units in (
        ({"at": "2026-11-20T11:30:00Z"}, 10),
        ({"at": "2026-11-20T13:00:00+01:00"}, 7),
        ({"known_at": "2026-11-20T12:30:00Z"}, 10),
        ({"at": "2026-11-20T12:00:00Z", "known_at": "2026-11-20T12:59:59Z"}, 10),
    ):
        found = (await api.get("/v1/stock/TEE", **query)).json
        assert found["locations"]["WH"]["available"] == units, query


async def test_given_a_sku_that_never_moved_then_404_says_so_and_says_when_it_had_not_moved_by_then(
    api, shop
):
    shop.post(Kind.STOCK_INITIALISED, 10)
    await shop.record_all()
    assert (await api.get("/v1/stock/NONE")).status == 404
    early = await api.get("/v1/stock/TEE", at="2020-01-01T00:00:00Z")
    assert (early.status, early.json["detail"]) == (404, "it has not moved by then")


async def test_given_a_sku_with_a_slash_then_it_can_be_asked_about(api, shop):
    shop.post(Kind.STOCK_INITIALISED, 10, sku="TEE/RED S")
    await shop.record_all()
    assert (await api.get("/v1/stock/TEE/RED S")).json["sku"] == "TEE/RED S"
    assert (await api.get("/v1/explain/TEE/RED S", channel="web")).json["quantity"] == 8


async def test_given_a_channel_that_is_not_configured_then_404_names_the_ones_that_are(api):
    for path in ("/v1/availability", "/v1/explain/TEE"):
        answer = await api.get(path, channel="nobody")
        assert (answer.status, answer.json["detail"]) == (404, "channels are: web, tills")


async def test_given_a_sale_close_to_a_count_then_explain_marks_it_by_the_channels_own_clocks(
    api, shop, after
):
    shop.post(Kind.STOCK_INITIALISED, 10, at=after(hours=-1))
    shop.count(8, at=after())
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(seconds=-1), channel="tills", document="sale/1")
    shop.post(Kind.POS_SALE_COMPLETED, 1, at=after(seconds=1.1), channel="tills", document="sale/2")
    await shop.record_all(**RULES.channels)
    told = (await api.get("/v1/explain/TEE", channel="web")).json
    (marked,) = [line for line in told["lines"] if "ambiguous" in line]
    assert marked.keys() >= {"label", "amount", "ref", "ambiguous"}
    assert (marked["ambiguous"], marked["amount"]) == (True, -1)
    assert marked["ref"].endswith("tills/sale/1")
    assert sum(line["amount"] for line in told["lines"]) == told["quantity"] == 5


async def test_given_a_catalogue_then_availability_and_explain_agree_and_pages_follow_cursors(api, shop):
    for n in range(7):
        shop.post(Kind.STOCK_INITIALISED, 3 + n, sku=f"SKU-{n}")
    await shop.record_all(**RULES.channels)
    seen, cursor = {}, None
    while True:
        query = {"channel": "web", "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await api.get("/v1/availability", **query)).json
        assert len(page["items"]) <= 3
        seen |= {item["sku"]: item["quantity"] for item in page["items"]}
        if (cursor := page["next"]) is None:
            break
    assert seen == {f"SKU-{n}": 1 + n for n in range(7)}
    for sku, units in seen.items():
        told = (await api.get(f"/v1/explain/{sku}", channel="web")).json
        assert told["quantity"] == units == sum(line["amount"] for line in told["lines"])
    named = await api.ask("GET", "/v1/availability?channel=web&sku=SKU-5&sku=SKU-2")
    assert [item["sku"] for item in named.json["items"]] == ["SKU-2", "SKU-5"]


async def test_given_configured_channels_then_all_are_listed_even_those_without_numbers(api, shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record_all(web=RULES.channels["web"])
    silent = {"waiting": None, "failing_since": None, "reason": None}
    assert (await api.get("/v1/channels")).json["items"] == [
        {"channel": "web", "skus": 1, "units": 3, "told": 0, **silent},
        {"channel": "tills", "skus": 0, "units": 0, "told": 0, **silent},
    ]


async def test_given_a_channel_that_cannot_be_told_then_it_says_since_when_and_why(api, shop, pool, after):
    shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record_all(web=RULES.channels["web"])
    for since, why in ((after(minutes=1), "HTTP 500"), (None, None)):
        await Queries(pool).save_health("web", 7, since, why, after(minutes=2))
        found = (await api.get("/v1/channels")).json["items"][0]
        assert (found["waiting"], found["reason"]) == (7, why)
        assert (found["failing_since"] is None) == (since is None)


async def test_given_rules_then_they_are_shown_changed_and_their_history_says_who_did_it(api):
    assert (await api.get("/v1/rules")).json["by"] == "onhand.toml"
    answer = await api.ask(
        "PATCH", "/v1/rules/web", json={"safety_stock": 4, "safety_stock_by_sku": {"MUG": 9}}
    )
    assert answer.json["channels"]["web"]["safety_stock"] == 4
    assert (await api.get("/v1/rules")).json["channels"]["web"]["safety_stock_by_sku"] == {"MUG": 9}
    newest, first = (await api.get("/v1/rules/history")).json["items"]
    assert newest["by"] == "the API"
    assert set(newest["changed"]["web"]) == {"safety_stock", "safety_stock_by_sku"}
    assert first["by"] == "onhand.toml"


@pytest.mark.parametrize(
    ("channel", "patch", "status", "said"),
    [
        ("web", {"safety_stock": -1}, 422, "safety_stock"),
        ("web", {"safety_stock": "1"}, 422, "safety_stock"),
        ("web", {"safety_stock_by_sku": {"MUG": True}}, 422, "safety_stock_by_sku"),
        ("web", {"stock": 1}, 422, "there is no rule"),
        ("web", {"publish": "locations"}, 422, "configuration file"),
        ("web", [1], 422, "dict"),
        ("shop", {"cap": 1}, 404, "channels are"),
    ],
)
async def test_given_rules_that_cannot_be_then_the_answer_says_why_and_nothing_changes(
    api, channel, patch, status, said
):
    answer = await api.ask("PATCH", f"/v1/rules/{channel}", json=patch)
    assert answer.status == status
    assert said in answer.json["detail"]
    assert len((await api.get("/v1/rules/history")).json["items"]) == 1


async def test_given_a_journal_then_it_is_filtered_and_paged(api, shop, after):
    for n in range(5):
        shop.post(Kind.STOCK_INITIALISED, 1, "NYC" if n % 2 else "WH", at=after(minutes=n))
    await shop.record_all()
    first = (await api.get("/v1/movements", limit=2)).json
    second = (await api.get("/v1/movements", limit=2, cursor=first["next"])).json
    assert [item["id"] for item in first["items"] + second["items"]] == ["0-4-0", "0-3-0", "0-2-0", "0-1-0"]
    some = await api.get("/v1/movements", location="WH", since="2026-11-20T12:01:00Z", sku="TEE")
    assert [item["id"] for item in some.json["items"]] == ["0-4-0", "0-2-0"]


async def test_given_a_deal_then_its_movements_and_who_carries_it_out_are_shown(api, shop, pool, after):
    shop.post(Kind.ORDER_PLACED, 2, "SOHO", at=after())
    shop.post(Kind.ORDER_CANCELLED, 1, "SOHO", at=after(minutes=1))
    shop.post(Kind.ORDER_PLACED, 9, "SOHO", document="order/2")
    await shop.record_all()
    order = Carried(
        transaction="web/order/1",
        location="SOHO",
        channel="tills",
        state=State.REFUSED,
        lines={"TEE": 2},
        wanted={"TEE": 2},
        at=after(),
        detail="no such product",
    )
    await CarryingOut(Queries(pool)).save(order)
    deal = (await api.get("/v1/transactions/web/order/1", limit=1)).json
    assert [one["kind"] for one in deal["items"]] == ["OrderCancelled"]
    (row,) = deal["carried_out"]
    assert (row["state"], row["detail"], row["lines"]) == ("refused", "no such product", {"TEE": 2})
    more = (await api.get("/v1/transactions/web/order/1", cursor=deal["next"])).json
    assert [one["kind"] for one in more["items"]] == ["OrderPlaced"]
    assert (await api.get("/v1/transactions/web/order/2")).json["carried_out"] == []
    assert (await api.get("/v1/transactions/web/order/3")).status == 404


async def test_given_open_orders_then_they_are_listed_by_their_age_at_the_servers_clock_and_paged(
    api, shop, after
):
    shop.post(Kind.ORDER_PLACED, 3, at=after(), document="order/1")
    shop.post(Kind.ORDER_SHIPPED, 1, at=after(days=1), document="order/1")
    shop.post(Kind.ORDER_PLACED, 2, "@unrouted", at=after(days=3, seconds=1), document="order/2")
    await shop.record_all()
    first = (await api.get("/v1/commitments", limit=1)).json
    assert first["items"] == [
        {
            "transaction": "web/order/1",
            "sku": "TEE",
            "location": "WH",
            "units": 2,
            "since": "2026-11-20T12:00:00Z",
            "age_days": 10,
            "channel": "web",
            "demand_class": "retail",
        }
    ]
    rest = (await api.get("/v1/commitments", limit=1, cursor=first["next"])).json
    assert [(row["location"], row["units"], row["age_days"]) for row in rest["items"]] == [
        ("@unrouted", 2, 6)
    ]
    assert rest["next"] is None
    for query, found in (
        ({"older_than_days": 7}, ["web/order/1"]),
        ({"older_than_days": 10}, []),
        ({"location": "@unrouted"}, ["web/order/2"]),
        ({"sku": "MUG"}, []),
    ):
        page = (await api.get("/v1/commitments", **query)).json
        assert [row["transaction"] for row in page["items"]] == found, query
    for query in ({"older_than_days": -1}, {"older_than_days": 40_000}, {"cursor": "x"}):
        assert 400 <= (await api.get("/v1/commitments", **query)).status < 500


async def test_given_dead_letters_then_the_pending_ones_are_listed_without_their_payloads(api, shop, after):
    said = {
        "channel": "web",
        "topic": "orders",
        "stage": "mapping",
        "reason": "unknown SKU",
        "ref": "order/1",
    }
    letters = [DeadLetter(**said, received_at=after(), payload={"note": SECRET}) for _ in range(3)]
    await shop.record(DEAD_LETTERS, letters)
    await shop.queries.mark_retried("0-1", after())
    page = (await api.get("/v1/dead-letters", limit=1)).json
    rest = (await api.get("/v1/dead-letters", limit=1, cursor=page["next"])).json
    assert [item["id"] for item in page["items"] + rest["items"]] == ["0-2", "0-0"]
    assert rest["next"] is None
    assert len((await api.get("/v1/dead-letters", pending="false")).json["items"]) == 3


# -- what is handed in


async def test_given_a_claim_with_its_key_then_it_is_handed_in_as_it_came_and_accepted(api):
    answer = await api.ask(
        "POST", "/v1/movements", data=b'{"lines": []}', headers={"Idempotency-Key": "till-7/42"}
    )
    assert (answer.status, answer.json["transaction"]) == (202, "custom/till-7/42")
    assert api.desk.claims == [(b'{"lines": []}', "till-7/42")]


@pytest.mark.parametrize("kind", ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV"])
async def test_given_a_spreadsheet_then_it_is_handed_in_as_one(api, kind):
    headers = {"Idempotency-Key": "monday", "Content-Type": kind}
    answer = await api.ask("POST", "/v1/movements", data=b"fact,sku\n", headers=headers)
    assert (answer.status, answer.json["documents"]) == (202, 1)
    assert (api.desk.uploads, api.desk.claims) == ([(b"fact,sku\n", "monday")], [])


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256}])
async def test_given_a_claim_without_a_usable_idempotency_key_then_400_and_it_is_not_taken(api, headers):
    answer = await api.ask("POST", "/v1/movements", data=b"{}", headers=headers)
    assert (answer.status, answer.json["title"]) == (400, "No idempotency key")
    assert api.desk.claims == []


async def test_given_a_webhook_then_the_intake_has_its_very_bytes_path_and_headers_and_no_key_is_asked(api):
    answer = await api.ask(
        "POST", "/webhooks/web/orders/create", key=None, data=b" {} ", headers={"X-Signature": "abc"}
    )
    assert answer.status == 200
    await api.ask("POST", "/webhooks/tills", key=None, data=b"payload=%7B%7D")
    (web, path, headers, body), (tills, nothing, _, form) = api.desk.webhooks
    assert (web, path, headers["x-signature"], body) == ("web", "orders/create", "abc", b" {} ")
    assert (tills, nothing, form) == ("tills", "", b"payload=%7B%7D")


HEAD = f"POST {{}} HTTP/1.1\nHost: x\nIdempotency-Key: k\nAuthorization: Bearer {KEY}\n"
DOORS = ("/webhooks/web/orders", "/v1/movements")


@pytest.mark.parametrize("door", DOORS)
async def test_given_a_body_that_says_it_is_too_large_then_413_before_any_of_it_is_sent(api, door):
    answer = await api.raw(HEAD.format(door) + f"Content-Length: {BODY_MAX + 1}")
    assert (answer.status, answer.json["detail"]) == (413, f"at most {BODY_MAX} bytes are read")


@pytest.mark.parametrize("door", DOORS)
async def test_given_a_sender_who_asks_first_then_413_at_once(api, door):
    began = time.monotonic()
    answer = await api.raw(HEAD.format(door) + f"Expect: 100-continue\nContent-Length: {BODY_MAX + 1}")
    assert answer.status == 413
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("door", DOORS)
async def test_given_a_sender_who_sends_it_all_before_reading_then_413_reaches_him(api, door):
    def send(size: int) -> int:
        connection = HTTPConnection("127.0.0.1", api.port, timeout=5)
        with closing(connection):
            names = {"Idempotency-Key": "k", "Authorization": f"Bearer {KEY}", "Connection": "close"}
            connection.request("POST", door, b"x" * size, names)
            with connection.getresponse() as answer:
                return answer.status

    for size in (BODY_MAX + 1, 1_000_000, 12_000_000):
        assert await asyncio.to_thread(send, size) == 413
    assert api.desk.webhooks == api.desk.claims == []


@pytest.mark.parametrize("door", DOORS)
async def test_given_a_body_of_unknown_length_then_413_as_soon_as_it_is_too_large(api, door):
    chunk = b"x" * (BODY_MAX + 1)
    answer = await api.raw(
        HEAD.format(door) + "Transfer-Encoding: chunked", f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
    )
    assert answer.status == 413
    assert api.desk.webhooks == api.desk.claims == []


async def test_given_a_body_of_just_the_largest_size_then_it_is_taken_however_it_is_sent(api):
    async def pieces():
        for _ in range(BODY_MAX // 100):
            yield b"x" * 100

    for data in (b"x" * BODY_MAX, pieces()):
        assert (await api.ask("POST", "/webhooks/web", data=data)).status == 200
    assert [len(body) for *_, body in api.desk.webhooks] == [BODY_MAX, BODY_MAX]


async def test_given_a_body_that_never_ends_then_its_sender_is_not_waited_for(api, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    answer = await api.raw(HEAD.format("/webhooks/web") + "Content-Length: 10", b"half")
    assert answer.status == 408
    assert api.desk.webhooks == []


# -- what cannot be answered


async def test_given_a_cursor_that_is_not_ours_then_400(api):
    for path in ("/v1/movements", "/v1/dead-letters", "/v1/availability?channel=web"):
        for cursor in ("x", "W10=", "WyJ4IiwgInkiLCAieiJd", "e30="):
            mark = "&" if "?" in path else "?"
            answer = await api.ask("GET", f"{path}{mark}cursor={cursor}")
            assert (answer.status, answer.json["title"]) == (400, "Bad cursor"), (path, cursor)


@pytest.mark.parametrize(
    "path",
    [
        *(f"/v1/movements?limit={limit}" for limit in ("0", "1001", "-1", SECRET)),
        *(f"/v1/movements?{name}={SECRET}" for name in ("since", "until")),
        *(f"/v1/stock/TEE?{name}={SECRET}" for name in ("at", "known_at")),
        "/v1/stock/TEE?at=2026-11-20T12:00:00",
        "/v1/movements?since=2026-11-20",
        "/v1/availability",
        "/v1/explain/TEE",
        "/v1/availability?channel=web&" + "&".join(f"sku={n}" for n in range(1_001)),
        f"/v1/dead-letters?pending={SECRET}",
    ],
    ids=lambda path: path[:45],
)
async def test_given_a_parameter_that_cannot_be_meant_then_422_names_it_and_does_not_repeat_it(api, path):
    answer = await api.ask("GET", path)
    assert answer.status == 422
    assert answer.json["detail"].startswith("query.")


async def test_given_a_value_that_no_database_can_hold_then_that_is_the_callers_fault(api):
    for path in ("/v1/stock/T%00EE", "/v1/explain/T%00EE?channel=web", "/v1/movements?sku=T%00EE"):
        assert (await api.ask("GET", path)).status == 422, path


async def test_given_a_route_or_method_that_does_not_exist_then_that_is_a_problem_too(api):
    assert (await api.get("/nowhere")).status == 404
    answer = await api.ask("DELETE", "/v1/channels")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("door", DOORS)
async def test_given_the_intake_cannot_reach_the_log_then_503_says_when_to_come_again(api, door):
    api.desk.then = Problem(503, "Not available", "the log does not answer", retry_after=7)
    answer = await api.ask("POST", door, data=b"{}", headers={"Idempotency-Key": "k"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")


@pytest.mark.parametrize("door", DOORS)
async def test_given_a_fault_of_our_own_then_500_tells_the_caller_nothing_about_it(api, door):
    api.desk.then = RuntimeError(f"postgresql://onhand:{SECRET}@db/onhand")
    answer = await api.ask("POST", door, data=b"{}", headers={"Idempotency-Key": "k"})
    assert (answer.status, answer.json["title"]) == (500, "Internal error")


# -- whether it works


async def test_given_a_running_process_then_it_is_live_and_ready_without_a_key(api):
    for path in ("/livez", "/readyz"):
        assert (await api.ask("GET", path, key=None)).status == 200


async def test_given_the_log_is_away_then_it_is_live_but_not_ready_and_says_why_check_by_check(api):
    api.unready = "no answer within 2 s"
    answer = await api.ask("GET", "/readyz", key=None)
    assert (answer.status, answer.json["detail"]) == (503, "kafka: no answer within 2 s")
    assert answer.json["checks"]["kafka"] == {"ok": False, "needed": True, "reason": "no answer within 2 s"}
    assert answer.headers["Retry-After"] == "2"
    assert (await api.get("/livez")).status == 200


async def test_given_something_is_wrong_elsewhere_then_it_is_ready_and_says_so(api):
    answer = await api.ask("GET", "/readyz", key=None)
    assert (answer.status, answer.json["checks"]["workers"]["ok"]) == (200, False)


async def test_given_a_key_for_watching_then_it_reads_the_metrics_and_nothing_else(api):
    answer = await api.ask("GET", "/metrics", key="watch")
    assert (answer.status, answer.text) == (200, "onhand_ready 1\n")
    assert (await api.ask("GET", "/metrics", key=None)).status == 401
    assert (await api.ask("GET", "/metrics", key="post")).status == 403
    assert (await api.ask("GET", "/v1/stock/TEE", key="watch")).status == 403


async def test_given_requests_then_they_are_timed_by_the_template_of_their_route_and_never_by_what_was_asked(
    api,
):
    api.times.clear()
    for method, path in (
        ("GET", "/v1/stock/TEE"),
        ("GET", "/v1/stock/ALICE%40EXAMPLE.COM?at=x"),
        ("GET", "/nothing/here/Alice"),
        ("BREW", "/v1/stock/TEE"),
        ("GET", "/livez"),
    ):
        await api.session.request(
            method, f"http://127.0.0.1:{api.port}{path}", headers={"Authorization": f"Bearer {KEY}"}
        )
    assert [(method, route, status) for method, route, status, _ in api.times] == [
        ("GET", "/v1/stock/{sku}", 404),
        ("GET", "/v1/stock/{sku}", 422),
        ("GET", "none", 404),
        ("OTHER", "/v1/stock/{sku}", 405),
        ("GET", "/livez", 200),
    ]
    assert all(0 < seconds < 5 for *_, seconds in api.times)


async def test_given_the_database_is_away_then_questions_get_503_with_retry_after_and_webhooks_are_still_taken(
    dark,
):
    asked = ["/v1/stock/TEE", "/v1/stock/TEE?at=2026-11-20T12:00:00Z", "/v1/channels"]
    asked += [
        "/v1/availability?channel=web",
        "/v1/explain/TEE?channel=web",
        "/v1/movements",
        "/v1/dead-letters",
    ]
    for answer in await asyncio.gather(*(dark.ask("GET", path) for path in asked)):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json["detail"] == "the database does not answer"
    assert (await dark.get("/livez")).status == 200
    assert (await dark.ask("POST", "/webhooks/web", data=b"{}")).status == 200


# -- reservations


def wants(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"channel": "web", "lines": list(lines), **more}


async def test_given_lines_of_one_sku_and_place_then_they_are_summed_before_they_are_asked_for(api):
    one, other = {"sku": "TEE", "quantity": 2}, {"sku": "TEE", "quantity": 3, "location": "WH"}
    answer = await api.ask("POST", "/v1/reservations", json=wants(one, other, one, ttl_seconds=30))
    assert (answer.status, answer.json["state"]) == (201, "held")
    (asked,) = api.ledger.asked
    assert [(line.sku, line.quantity, line.location) for line in asked.lines] == [
        ("TEE", 3, "WH"),
        ("TEE", 4, None),
    ]
    assert (asked.ttl, asked.channel, asked.ask) == (30, "web", Ask.PLACE)
    assert all(line.rules.safety_stock == 2 for line in asked.lines)


async def test_given_a_bundle_and_one_of_its_components_then_both_are_summed_before_they_are_asked_for(api):
    wanted = wants({"sku": "GIFT", "quantity": 2}, {"sku": "TEE", "quantity": 1}, ttl_seconds=30)
    assert (await api.ask("POST", "/v1/reservations", json=wanted)).status == 201
    assert [(line.sku, line.quantity) for line in api.ledger.asked[0].lines] == [("MUG", 2), ("TEE", 7)]


async def test_given_the_same_key_then_it_is_the_same_reservation(api):
    for key in ("a", "a", "b", None, None):
        headers = {"Idempotency-Key": key} if key else {}
        await api.ask("POST", "/v1/reservations", json=wants({"sku": "TEE", "quantity": 1}), headers=headers)
    names = [request.id for request in api.ledger.asked]
    assert names[0] == names[1]
    assert len(set(names)) == 4


async def test_given_the_same_key_for_something_else_then_it_is_another_reservation(api):
    """In the log the two would be one, in two partitions, and the books would not add up."""
    asked = [
        wants({"sku": "TEE", "quantity": 1}),
        wants({"sku": "MUG", "quantity": 1}),
        wants({"sku": "TEE", "quantity": 2}),
        wants({"sku": "TEE", "quantity": 1, "location": "WH"}),
        {**wants({"sku": "TEE", "quantity": 1}), "channel": "tills"},
    ]
    for body in (*asked, wants({"sku": "TEE", "quantity": 1}, ttl_seconds=60)):
        await api.ask("POST", "/v1/reservations", json=body, headers={"Idempotency-Key": "a"})
    names = [request.id for request in api.ledger.asked]
    assert len(set(names)) == 5
    assert names[-1] == names[0], "how long it is held is not what is held"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (wants(), 422),
        (wants({"sku": "TEE", "quantity": 0}), 422),
        (wants({"sku": "", "quantity": 1}), 422),
        (wants({"sku": "TEE", "quantity": 1}, ttl_seconds=0), 422),
        (wants({"sku": "TEE", "quantity": 1, "colour": "red"}), 422),
        ({**wants({"sku": "TEE", "quantity": 1}), "channel": "nowhere"}, 404),
    ],
)
async def test_given_a_reservation_that_makes_no_sense_then_the_ledger_is_not_asked(api, body, status):
    assert (await api.ask("POST", "/v1/reservations", json=body)).status == status
    assert api.ledger.asked == []


@pytest.mark.parametrize(
    "lines",
    [
        [{"sku": "TEE", "quantity": 999_999_999}, {"sku": "TEE", "quantity": 1}],
        [{"sku": "GIFT", "quantity": 333_333_334}],
    ],
)
async def test_given_lines_that_together_are_more_than_the_log_can_say_then_409_and_the_ledger_is_not_asked(
    api, lines
):
    answer = await api.ask("POST", "/v1/reservations", json=wants(*lines))
    assert (answer.status, answer.json["title"]) == (409, "Not reserved")
    assert api.ledger.asked == []


async def test_given_the_ledger_refuses_then_the_answer_says_what_is_not_free(api):
    api.ledger.then = Problem(409, "Not reserved", "3 of 4 units of TEE are free")
    answer = await api.ask("POST", "/v1/reservations", json=wants({"sku": "TEE", "quantity": 4}))
    assert (answer.status, answer.json["detail"]) == (409, "3 of 4 units of TEE are free")


async def test_given_a_reservation_is_released_or_becomes_an_order_then_the_ledger_hears_which(api):
    assert (await api.ask("DELETE", "/v1/reservations/r1")).status == 200
    assert (await api.ask("POST", "/v1/reservations/r1/convert")).status == 200
    into = {"transaction": "order/web/1"}
    assert (await api.ask("POST", "/v1/reservations/r1/convert", json=into)).status == 200
    assert api.ledger.ended == [
        ("r1", Ask.RELEASE, None),
        ("r1", Ask.CONVERT, None),
        ("r1", Ask.CONVERT, "order/web/1"),
    ]
