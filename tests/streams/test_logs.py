"""Log lines: one JSON object each, whatever is in them, and nothing in them that nobody may read."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streams import logs
from streams.logs import HIDDEN, PERSONAL, redacted

ROOT = Path(__file__).resolve().parents[2]
CANARY = "c4n4ry-0123456789"
KEY = "onhand_0f3a5c1e9b7d_" + "A" * 43


@pytest.fixture
def said():
    """What is written once the log is as a process has it; afterwards it is as before."""
    out = io.StringIO()
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(lambda: [CANARY], out)
    yield out
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = handlers, level


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


SHOWN = [
    f"Authorization: Bearer {CANARY}",
    f"bearer {CANARY}",
    f"Basic {CANARY}",
    f"postgresql://onhand:{CANARY}@db:5432/onhand",
    f"postgresql://onhand:p@ss/{CANARY}@db:5432/onhand".replace("/c4", "c4"),
    f"host=db password={CANARY} user=onhand",
    f'{{"access_token": "{CANARY}", "sku": "TEE"}}',
    f"X-Shopify-Hmac-Sha256: {CANARY}",
    f"https://idp/token?client_secret={CANARY}&x=1",
    f"api_key='{CANARY}'",
]


@pytest.mark.parametrize("text", SHOWN)
def test_given_a_secret_that_this_process_never_read_then_it_is_known_by_what_stands_around_it(text):
    assert CANARY not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "access_token",
        "webhook_secret",
        "PGPASSWORD",
        "hmac",
        "x_signature",
        "dsn",
        "api_key",
        "set-cookie",
    ],
)
def test_given_a_value_with_the_name_of_a_secret_then_it_is_hidden_however_deep(name):
    value = {"reason": "no", "deep": [{"more": {name: CANARY, "sku": "TEE"}}]}
    assert redacted(value) == {"reason": "no", "deep": [{"more": {name: HIDDEN, "sku": "TEE"}}]}


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_given_a_value_that_is_somebodys_own_then_it_is_hidden(name):
    assert redacted({name: "Wilhelmina Test", name.upper(): "Wilhelmina Test"}) == {
        name: HIDDEN,
        name.upper(): HIDDEN,
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail to wilhelmina.test+shop@example.co.uk failed", f"mail to {HIDDEN} failed"),
        ("/customers?email=w%40example.com", f"/customers?email={HIDDEN}"),
        (f"key {KEY} is none", f"key {HIDDEN} is none"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", HIDDEN),
        ("shpat_0123456789abcdef", HIDDEN),
    ],
)
def test_given_somebodys_address_or_a_key_in_a_text_then_it_is_taken_out(text, shown):
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "order/web/1001 waits: 3 numbers",
        "KafkaConnectionError: 127.0.0.1:9092",
        "settle is 5 records behind in claims[0]",
        "http://127.0.0.1:8765/webhooks/web",
        "postgresql://onhand@db/onhand",
        "demand at @unrouted",
        "2026-11-20T12:00:00+00:00",
    ],
)
def test_given_what_everybody_may_read_then_it_is_left_as_it_is(text):
    assert redacted(text) == text


def test_given_what_is_no_plain_value_then_its_text_is_hidden_too_and_what_is_too_deep_to_look_into():
    assert CANARY not in json.dumps(
        redacted({"error": ValueError(f"token={CANARY}"), "it": SecretStr(CANARY)})
    )
    deep: object = CANARY
    for _ in range(30):
        deep = [deep]
    assert CANARY not in json.dumps(redacted(deep))


@given(
    st.recursive(st.text() | st.integers(), lambda some: st.lists(some) | st.dictionaries(st.text(), some))
)
def test_given_any_value_with_a_secret_of_this_process_in_it_then_no_text_holds_it(value):
    assert CANARY not in json.dumps(redacted({"a": value, "b": f"x{CANARY}y", CANARY: [CANARY]}, [CANARY]))


def test_given_a_line_with_a_secret_or_newlines_then_it_stays_one_object_that_does_not_have_it(said):
    log = structlog.get_logger()
    forged = 'ok\n{"event": "forged", "level": "info"}\r\u2028\x1b[2J'
    log.warning(
        "push failed c4n4ry-0123456789",
        reason=forged,
        headers={"Authorization": "Bearer abcdefgh"},
        channel="web",
    )
    (line,) = lines(said)
    assert line["reason"] == forged
    assert line["event"] == f"push failed {HIDDEN}"
    assert line["headers"] == {"Authorization": HIDDEN}
    assert (line["channel"], line["level"]) == ("web", "warning")
    assert said.getvalue().count("\n") == 1
    assert "\x1b" not in said.getvalue()
    assert "\u2028" not in said.getvalue()


def test_given_a_failure_then_its_traceback_is_in_the_line_without_secrets(said):
    failure = RuntimeError(f"connect to postgresql://onhand:{CANARY}@db failed")
    try:
        raise failure
    except RuntimeError:
        structlog.get_logger().exception("request failed")
    (line,) = lines(said)
    assert "RuntimeError" in line["exception"]
    assert "test_logs.py" in line["exception"]
    assert CANARY not in said.getvalue()


def test_given_a_library_that_logs_then_its_line_is_like_ours_and_says_whose_it_is(said):
    logging.getLogger("aiokafka.conn").error("no %s\nfor password=%s", "answer", CANARY)
    (line,) = lines(said)
    assert line["event"] == f"no answer\nfor password={HIDDEN}"
    assert (line["logger"], line["level"]) == ("aiokafka.conn", "error")


def test_given_our_own_log_calls_then_no_name_in_them_is_one_that_is_hidden():
    called = re.compile(r"log\.(?:info|warning|error|critical|exception)\(((?:[^()]|\([^()]*\))*)\)")
    names = {
        name
        for room in ("streams", "projections", "connectors", "deploy")
        for file in (ROOT / room).rglob("*.py")
        for call in called.findall(file.read_text(encoding="utf-8"))
        for name in re.findall(r"(\w+)=(?!=)", call)
    }
    assert {"reason", "channel"} <= names
    assert {name for name in names if redacted({name: "x"}) != {name: "x"}} == set()


def test_given_a_process_with_a_secret_then_no_line_of_it_has_the_secret_and_each_is_json(tmp_path):
    script = (
        "import logging, os, structlog; from streams import logs; from streams.settings import SECRETS_READ, secret_in\n"
        "logs.configure(lambda: tuple(SECRETS_READ)); secret = secret_in(os.environ, 'ONHAND_WEB_ACCESS_TOKEN')\n"
        "structlog.get_logger().info('x' + secret + 'y'); logging.getLogger('faust').warning('again %s', [secret])\n"
        "import warnings; warnings.warn('it is ' + secret)\n"
    )
    file = tmp_path / "token"
    file.write_text(f"{CANARY}\n")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "ONHAND_WEB_ACCESS_TOKEN_FILE": str(file)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert CANARY not in done.stdout + done.stderr
    assert [json.loads(line)["level"] for line in done.stderr.splitlines()] == ["info", "warning", "warning"]


def test_given_a_log_that_cannot_be_written_then_nothing_stops_and_nothing_else_is_said(said, capsys):
    said.close()
    structlog.get_logger().warning("a line")
    logging.getLogger("aiokafka").warning("another")
    assert capsys.readouterr().err == ""
