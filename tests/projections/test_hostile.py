"""What nobody means, and somebody sends: it is the sender's fault, and is told so."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from itertools import product
from urllib.parse import quote

import pytest
from counter import KEY
from yarl import URL

from schemas.postings import Kind

POSTS = (
    ("POST", "/v1/reservations"),
    ("POST", "/v1/reservations/r1/convert"),
    ("POST", "/v1/fulfilment-options"),
    ("PATCH", "/v1/rules/web"),
)
HEAD = {"Content-Type": "application/json", "Idempotency-Key": "k"}
LINE = '{"channel": "web", "lines": [{"sku": "TEE", "quantity": %s}]}'


def cursor(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.fixture
async def stocked(api, shop):
    shop.post(Kind.STOCK_INITIALISED, 5)
    await shop.record_all()
    return api


ADDRESSES = [
    *("/v1/stock/%00", "/v1/stock/%FF%FE", "/v1/stock/%ED%A0%80", "/v1/stock/%", "/v1/stock/%zz"),
    *("/v1/stock/" + "x" * 256, "/v1/stock/", "/v1/stock/%F0%9F%91%95", "/v1/transactions/%00"),
    *("/v1/explain/%00?channel=web", "/v1/explain/TEE?channel=%00", "/v1/explain/TEE?channel=%ED%A0%80"),
    *("/v1/availability?channel=web&limit=" + "9" * 400, "/v1/availability?channel=web&limit=1e3"),
    *("/v1/availability?channel=web&sku=%00", "/v1/availability?channel=web&sku="),
    *("/v1/commitments?older_than_days=" + "9" * 30, "/v1/commitments?older_than_days=-0.5"),
    "/v1/dead-letters?pending=perhaps",
    *("/v1/stores?sku=%00", "/v1/stores?sku=TEE&near=%00", "/v1/stores?sku=TEE&near=91,0"),
    *("/v1/stores?sku=TEE&quantity=" + "9" * 30, "/v1/stores?sku=TEE&channel=%00"),
    *("/nowhere/%00", "//v1/stock/TEE", "/v1/../v1/stock", "/V1/channels", "/webhooks"),
]


async def test_given_an_address_that_cannot_be_meant_then_that_is_the_callers_fault(stocked):
    for path in ADDRESSES:
        answer = await stocked.ask(
            "GET", URL(f"http://x{path}", encoded=True).raw_path_qs.replace("%25", "%")
        )
        assert 400 <= answer.status < 500, answer.text


INSTANTS = [
    *(
        "0.5",
        "1700000000",
        "-1",
        "NaN",
        "infinity",
        "2026-11-20",
        "2026-11-20T12:00:00",
        "20261120T120000Z",
    ),
    *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-20T24:00:01Z", "10000-01-01T00:00:00Z"),
    *("2026-11-20T12:00:00+99:00", "٢٠٢٦-11-20T12:00:00Z", "2026-11-20T12:00:00Z\x00"),
]


async def test_given_an_instant_that_is_none_then_422_names_the_parameter(stocked):
    for name, instant in product(("at", "known_at"), INSTANTS):
        answer = await stocked.get("/v1/stock/TEE", **{name: instant})
        assert (answer.status, answer.json["detail"].startswith(f"query.{name}")) == (422, True)


ENDS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z"]


async def test_given_an_instant_at_the_end_of_time_then_it_is_one_or_the_callers_fault(stocked):
    for instant in ENDS:
        for path in ("/v1/stock/TEE?at={}", "/v1/movements?since={}", "/v1/movements?until={}&limit=1"):
            answer = await stocked.ask("GET", path.format(instant.replace("+", "%2B")))
            assert answer.status < 500, answer.text
        for path in ("/v1/movements", "/v1/oversells", "/v1/commitments", "/v1/dead-letters"):
            answer = await stocked.get(path, cursor=cursor(instant, "x"))
            assert answer.status < 500, answer.text


MADE_UP = [
    *(cursor("\x00"), cursor("\ud800"), cursor("2026-11-20T12:00:00+00:00", "\x00"), cursor(1), cursor()),
    *(cursor("2026-11-20T12:00:00+00:00", "\ud800"), cursor("2026-11-20", "x"), cursor("0", "0")),
    *("=" * 8, "!", "\x00", "é", base64.urlsafe_b64encode(b"[" * 1_000).decode(), "A" * 2_001),
    base64.urlsafe_b64encode(b'{"a": 1}').decode(),
]


async def test_given_a_cursor_that_somebody_made_up_then_that_is_the_callers_fault(stocked):
    for offered in MADE_UP:
        paths = (
            "/v1/movements",
            "/v1/oversells",
            "/v1/commitments",
            "/v1/dead-letters",
            "/v1/transactions/x",
        )
        for path in (*paths, "/v1/availability?channel=web"):
            mark = "&" if "?" in path else "?"
            answer = await stocked.ask(
                "GET", str(URL(f"http://x{path}{mark}").update_query(cursor=offered).relative())
            )
            assert answer.status < 500, (path, answer.text)


BODIES = [
    *(
        b"",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"null",
        b"[]",
        b'"x"',
        b"1",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ),
    *((LINE % number).encode() for number in ("1" + "0" * 400, "1e400", "NaN", "-Infinity", "true", '"1"')),
    *((LINE % number).encode() for number in ("1.5", "null", "[1]", "-1", "0")),
    b'{"channel": "web", "lines": [{"sku": "\\ud800", "quantity": 1}]}',
    b'{"channel": "\\ud800", "lines": [{"sku": "T", "quantity": 1}]}',
    b'{"channel": "web", "lines": [{"sku": "T\\u0000", "quantity": 1}]}',
    *(b'{"\\ud800": 1}', b'{"safety_stock_by_sku": {"\\ud800": -1}}', b'{"cap": 1e999}', b'{"cap": 1.5}'),
    *(b'{"locations": ["\\ud800"]}', b'{"safety_stock": {"a": 1}}', b'{"transaction": "\\ud800"}'),
    b'{"transaction": "a\\u0000b"}',
]


async def test_given_a_body_that_cannot_be_meant_then_no_operation_fails_of_it(stocked):
    for body in BODIES:
        for method, path in POSTS:
            answer = await stocked.ask(method, path, data=body, headers=HEAD)
            assert answer.status < 500, (method, path, answer.text)
            if method == "POST" and not path.endswith("convert"):
                assert answer.status >= 400, (method, path, answer.text)


KINDS = [
    b"",
    b"application/json; charset=\xff",
    b"text/html",
    b"application/json, text/csv",
    b"\xff",
    b";",
    b"a" * 999,
]


async def test_given_a_content_type_that_is_none_then_no_operation_fails_of_it(stocked):
    for kind in KINDS:
        for method, path in (*POSTS, ("POST", "/v1/movements"), ("POST", "/webhooks/web")):
            answer = await raw(stocked, method, path, b"Content-Type: " + kind, b"{}")
            assert answer < 500, (method, path)


HEADERS = [
    *(
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: \xff",
        b"Authorization:",
        b"Authorization: Bearer " + b"k" * 9_000,
    ),
    *(
        b"Idempotency-Key: \xff",
        b"X-Request-Id: \xff\xff",
        b"If-None-Match: \xff",
        b'If-None-Match: ",,,',
    ),
    *(b"Cookie: \xff", b"Accept: \xff", b"Content-Length: abc", b"Content-Length: -1", b"Host: \xff"),
    *(
        b"Transfer-Encoding: gzip",
        b"no colon",
        b": no name",
        b"Range: bytes=0-1",
        b"Expect: the unexpected",
    ),
]


async def test_given_a_header_that_is_none_then_nothing_fails_of_it(stocked):
    for header in HEADERS:
        for method, path in (("GET", "/v1/stock/TEE"), ("POST", "/v1/movements"), ("POST", "/webhooks/web")):
            assert await raw(stocked, method, path, header) < 500, (method, path)


async def raw(counter, method, path, header, body=b""):
    """The status of what is answered to these very bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", counter.port)
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close", header]
    if not header.lower().startswith(b"authorization"):
        lines.append(f"Authorization: Bearer {KEY}".encode())
    if not header.lower().startswith((b"content-length", b"transfer-encoding")):
        lines.append(f"Content-Length: {len(body)}".encode())
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    status = int((await asyncio.wait_for(reader.readline(), 10)).split()[1])
    writer.close()
    return status


INJECTED = [
    *(
        "'; DROP TABLE movements; --",
        "' OR '1'='1",
        "TEE' UNION SELECT * FROM api_keys --",
        "%(sku)s",
        "%s",
        "{}",
    ),
    *("\\'; DELETE FROM stock; --", "$1", "TEE;SELECT pg_sleep(5)", "E'\\x27' OR true", "'||pg_sleep(5)||'"),
]


async def test_given_sql_in_any_part_of_any_question_then_it_is_a_name_that_nobody_has(stocked, pool):
    async def everything():
        async with pool.connection() as connection:
            found = await connection.execute(
                "SELECT relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', relname),"
                " false, true, '')))[1]::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            )
            return sorted(await found.fetchall())

    before = await everything()
    asked = 0
    for method, path, operation in (
        (method.upper(), path, operation)
        for path, item in stocked.document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/v1/")
    ):
        named = [one for one in operation.get("parameters", []) if one["in"] in ("query", "path", "header")]
        for injected in INJECTED:
            url = URL(f"http://x{re.sub('{[a-z_]+}', quote(injected, safe=''), path)}", encoded=True)
            some = [one["name"] for one in named if one["in"] == "query"]
            for chosen in ([], *([name] for name in some), some):
                also = {"channel": "web", "sku": "TEE"} if path in {"/v1/availability", "/v1/stores"} else {}
                query = {name: value for name, value in also.items() if name in some} | dict.fromkeys(
                    chosen, injected
                )
                whole = url.extend_query(query)
                head = {"Idempotency-Key": injected, "If-None-Match": injected}
                body = json.dumps({"channel": injected, "lines": [{"sku": injected, "quantity": 1}]}).encode()
                answer = await stocked.ask(
                    method, whole.raw_path_qs, headers=HEAD | head, data=None if method == "GET" else body
                )
                asked += 1
                assert answer.status < 500, (method, whole, answer.text)
                if {"sku", "location", "transaction"} & set(chosen):
                    assert '"TEE"' not in answer.text, (whole, answer.text)
    assert asked > 500
    assert await everything() == before


METHODS = ["TRACE", "OPTIONS", "PUT", "FOO", "PROPFIND"]


async def test_given_a_method_that_is_none_then_405_and_the_ones_there_are(stocked):
    for method in METHODS:
        answer = await stocked.ask(method, "/v1/movements")
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, POST"
        assert (await stocked.ask(method, "/v1/rules/history")).headers["Allow"] == "GET"
        assert (await stocked.ask(method, "/v1/stock/A/B/C")).headers["Allow"] == "GET"
