"""A webhook is a wake-up that must be ShipStation's: nothing in it is followed, and nothing of it is kept."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from connectors.errors import Forged, Malformed
from connectors.shipstation import ShipStationSettings, connector
from connectors.shipstation.rsa import keys_of, verified
from connectors.shipstation.sandbox import signing
from connectors.shipstation.webhooks import _RINGS, address, keyring

POINTER = {
    "resource_type": "LABEL_CREATED_V2",
    "resource_url": "https://api.shipstation.com/v2/labels?batch_id=se-64620276",
}
SECRETS = {"webhook_secret": SecretStr("hook")}
V1 = ShipStationSettings(platform="shipstation")
V2 = ShipStationSettings(platform="shipstation", documents="v2", jwks_url="https://keys.example/jwks")

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""The DER prefix of a SHA-256 digest (RFC 8017, section 9.2, note 1)."""

RFC_7515_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs"
    "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV"
    "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
RFC_7515_INPUT = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC_7515_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"
    "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e"
    "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value: int) -> str:
    """A number as a JWK has it."""
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(**more):
    return {"kty": "RSA", "kid": "k", "n": RFC_7515_N, "e": "AQAB", **more}


@pytest.fixture(autouse=True)
def _no_keys():
    _RINGS.clear()


@pytest.fixture
def known():
    keyring(V2.jwks).learn(signing.jwks())


def signed(body: bytes, at: datetime | None = None, **more: str) -> dict[str, str]:
    stamp = (at or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "x-shipengine-rsa-sha256-key-id": signing.KID,
        "x-shipengine-rsa-sha256-signature": signing.sign(f"{stamp}.".encode() + body),
        "x-shipengine-timestamp": stamp,
        **more,
    }


def receive(headers, body, settings=V2, path="", secrets=SECRETS):
    return connector.receive(settings, secrets, headers, body, path)


BODY = json.dumps(POINTER).encode()


class TestRsa:
    def test_given_the_example_of_rfc_7515_then_its_signature_is_good_and_any_other_bit_is_not(self):
        key, signature = keys_of({"keys": [jwk()]})["k"], decoded(RFC_7515_SIGNATURE)
        assert verified(RFC_7515_INPUT, signature, key)
        assert not verified(RFC_7515_INPUT + b" ", signature, key)
        for at in (0, 100, 255):
            wrong = bytearray(signature)
            wrong[at] ^= 1
            assert not verified(RFC_7515_INPUT, bytes(wrong), key)

    @pytest.mark.parametrize("change", ["short", "long", "zero", "plus modulus"])
    def test_given_a_signature_of_another_form_then_it_is_not_good(self, change):
        key, signature = keys_of({"keys": [jwk()]})["k"], decoded(RFC_7515_SIGNATURE)
        number = int.from_bytes(signature, "big")
        offered = {
            "short": signature[1:],
            "long": b"\x00" + signature,
            "zero": bytes(256),
            "plus modulus": (number + key.public_numbers().n).to_bytes(257, "big")[-256:],
        }[change]
        assert not verified(RFC_7515_INPUT, offered, key)

    def test_given_a_small_exponent_then_garbage_behind_a_short_padding_is_not_accepted(self):
        key = keys_of({"keys": [jwk(e="Aw")]})["k"]
        digest = SHA256_INFO + hashlib.sha256(b"m").digest()
        block = b"\x00\x01\xff\x00" + digest + bytes(252 - len(digest))
        low, high = 0, 1 << 700
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if middle**3 < int.from_bytes(block, "big") else (low, middle)
        assert not verified(b"m", low.to_bytes(256, "big"), key)

    @pytest.mark.parametrize(
        "row",
        [
            jwk(kty="EC"),
            jwk(n="AQAB"),
            jwk(n=number(1 << 1023 | 1)),
            jwk(n=number(1 << 8192 | 1)),
            jwk(n=number(1 << 2047)),
            jwk(e=number(1 << 32 | 1)),
            jwk(e="AQ"),
            jwk(e="AA"),
            jwk(e="BA"),
            jwk(n=None),
            jwk(n="é"),
            jwk(kid=7),
            "text",
        ],
    )
    def test_given_a_key_that_is_weak_or_none_then_it_is_left_out(self, row):
        assert keys_of({"keys": [row]}) == {}

    @pytest.mark.parametrize("jwks", [None, [], {}, {"keys": None}, "text"])
    def test_given_no_jwks_then_there_are_no_keys(self, jwks):
        assert keys_of(jwks) == {}


class TestV2:
    def test_given_a_signed_pointer_then_it_is_taken_and_becomes_no_document(self, known):
        headers = signed(BODY)
        assert list(receive(headers, BODY)) == []
        assert list(receive({name.upper(): value for name, value in headers.items()}, BODY)) == []

    @pytest.mark.parametrize(
        ("change", "body"),
        [
            ({}, BODY + b" "),
            ({}, json.dumps(POINTER, separators=(",", ":")).encode()),
            ({"x-shipengine-timestamp": "2026-08-12T20:01:38Z"}, BODY),
            ({"x-shipengine-timestamp": "2026-08-12T20:01:38"}, BODY),
            ({"x-shipengine-timestamp": ""}, BODY),
            ({"x-shipengine-rsa-sha256-signature": ""}, BODY),
            ({"x-shipengine-rsa-sha256-signature": "é" * 344}, BODY),
            ({"x-shipengine-rsa-sha256-signature": "A" * 344}, BODY),
            ({"x-shipengine-rsa-sha256-key-id": "another"}, BODY),
        ],
    )
    def test_given_another_body_instant_key_or_signature_then_it_is_forged(self, known, change, body):
        with pytest.raises(Forged):
            receive(signed(BODY, **change), body)

    def test_given_no_headers_then_it_is_forged(self, known):
        with pytest.raises(Forged):
            receive({}, BODY)

    @pytest.mark.parametrize(("seconds", "good"), [(-290, True), (290, True), (-310, False), (310, False)])
    def test_given_an_old_or_early_instant_then_only_five_minutes_are_good(self, known, seconds, good):
        headers = signed(BODY, at=datetime.now(UTC) + timedelta(seconds=seconds))
        if good:
            assert list(receive(headers, BODY)) == []
        else:
            with pytest.raises(Forged, match="five minutes"):
                receive(headers, BODY)

    def test_given_an_unknown_key_then_it_is_asked_for_at_the_next_poll(self):
        ring = keyring(V2.jwks)
        ring.learn({"keys": [jwk()]})
        assert not ring.wanted
        with pytest.raises(Forged, match="not known yet"):
            receive(signed(BODY), BODY)
        assert ring.wanted

    def test_given_a_jwks_without_a_usable_key_then_the_known_ones_stay(self, known):
        keyring(V2.jwks).learn({"keys": []})
        assert list(receive(signed(BODY), BODY)) == []

    @pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{}", b'{"resource_type": "X"}', b"\xff", b"{" * 50])
    def test_given_a_signed_body_that_points_at_nothing_then_it_is_malformed(self, known, body):
        with pytest.raises(Malformed):
            receive(signed(body), body)


class TestV1:
    PATH = address("", V1, SECRETS)

    def test_given_our_secret_word_in_the_path_then_it_is_taken(self):
        assert list(receive({}, BODY, V1, self.PATH)) == []
        assert "hook" not in self.PATH

    @pytest.mark.parametrize("path", ["", "/", "/hook", "/" + "0" * 64, "/é"])
    def test_given_another_path_then_it_is_forged(self, path):
        with pytest.raises(Forged):
            receive({}, BODY, V1, path)

    def test_given_the_secret_was_rotated_then_the_old_address_is_still_good_and_the_new_one_subscribed(self):
        rotated = SECRETS | {"webhook_secret_previous": SECRETS["webhook_secret"]}
        rotated["webhook_secret"] = SecretStr("new")
        assert list(receive({}, BODY, V1, self.PATH, rotated)) == []
        fresh = address("", V1, rotated)
        assert fresh != self.PATH
        assert list(receive({}, BODY, V1, fresh, rotated)) == []
        with pytest.raises(Forged):
            receive({}, BODY, V1, fresh, SECRETS)

    @pytest.mark.parametrize("secrets", [{}, {"webhook_secret": SecretStr("")}])
    def test_given_no_secret_then_nothing_is_accepted_and_nothing_subscribed(self, secrets):
        assert address("https://hub.example", V1, secrets) is None
        with pytest.raises(Forged):
            receive({}, BODY, V1, "", secrets)


async def test_given_a_pointer_to_a_foreign_host_then_nobody_is_called(known):
    called = []

    async def take(request):
        called.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/steal"
    body = json.dumps({**POINTER, "resource_url": url}).encode()
    assert list(receive(signed(body), body)) == []
    await runner.cleanup()
    assert called == []


class TestSubscribing:
    @pytest.fixture
    async def inbox(self):
        got = []

        async def take(request):
            got.append((request.headers, await request.read(), request.match_info["rest"]))
            return web.Response()

        app = web.Application()
        app.router.add_post("/webhooks/parcels{rest:.*}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/parcels", got
        await runner.cleanup()

    async def test_given_webhooks_then_each_is_subscribed_once_and_those_lost_are_made_again(
        self, client, sandbox, settings, secrets, inbox, at
    ):
        url, got = inbox
        await client.subscribe(url)
        hooks = sandbox.v1.hooks if settings.documents == "v1" else sandbox.v2.hooks
        count = len(hooks)
        await client.subscribe(url)
        assert len(hooks) == count > 1
        del hooks[0]
        await client.subscribe(url)
        assert len(hooks) == count
        sandbox.label(sandbox.order([("TEE", 1)], at=at(0)), at=at(1))
        await sandbox.emitter.drain()
        assert len(got) == 2
        for headers, body, path in got:
            assert list(connector.receive(settings, secrets, headers, body, path)) == []

    async def test_given_a_switched_off_webhook_of_v1_then_it_is_made_again(
        self, client, sandbox, inbox, api
    ):
        if api == "v2":
            pytest.skip("V2 shows no such thing")
        url, _ = inbox
        await client.subscribe(url)
        sandbox.v1.hooks[0]["Active"] = False
        await client.subscribe(url)
        assert len(sandbox.v1.hooks) == 4

    async def test_given_a_key_we_did_not_know_then_a_poll_learns_it(
        self, client, sandbox, settings, secrets, api
    ):
        if api == "v1":
            pytest.skip("V1 signs nothing")
        body, headers = sandbox.signed("label_created_v2", POINTER)
        with pytest.raises(Forged, match="not known yet"):
            connector.receive(settings, secrets, headers, body, "")
        async for _ in client.poll(None):
            pass
        assert list(connector.receive(settings, secrets, headers, body, "")) == []
