"""Signing in: token-based and by certificate, and what happens when it is not taken."""

from __future__ import annotations

import asyncio
import traceback
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.errors import Unreachable
from connectors.netsuite.oauth import TOKEN_PATH
from connectors.polite import Reply

SQL = "SELECT l.id FROM location l ORDER BY l.id"
QUERY_PATH = "/services/rest/query/v1/suiteql"
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
ALGORITHMS = ("PS256", "PS384", "PS512", *CURVES)


@cache
def pem_of(kind: str, password: bytes | None = None) -> str:
    """A private key for an algorithm, or any other kind's; the same for the same arguments."""
    key = ec.generate_private_key(CURVES[kind]()) if kind in CURVES else rsa.generate_private_key(65537, 2048)
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    cipher = none if password is None else serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, form, cipher).decode()


def grants(sandbox) -> int:
    """How often a token was asked for."""
    return [path for _, path in sandbox.gate.calls].count(TOKEN_PATH)


@pytest.fixture
def certified(open_account, connect):
    """A sandbox that knows a certificate, and a client with its key (or another)."""

    async def start(algorithm="PS256", key=None, secrets=None):
        pem = pem_of(algorithm)
        sandbox = await open_account({"private_key": pem})
        used = {"private_key": key or pem, **(secrets or {})}
        return sandbox, connect(sandbox, used, auth="oauth2", algorithm=algorithm)

    return start


@pytest.mark.parametrize("name", ["consumer_key", "consumer_secret", "token_id", "token_secret"])
async def test_given_any_wrong_secret_then_nothing_is_shown_and_the_secret_is_not_repeated(
    sandbox, connect, name
):
    stranger = connect(sandbox, {name: "canary"})
    with pytest.raises(Unreachable) as refusal:
        await stranger.directory()
    assert "401" in str(refusal.value)
    assert "canary" not in f"{refusal.value!r} {stranger!r} {vars(stranger)!r}"


async def test_given_another_account_then_its_realm_is_refused(sandbox, connect):
    sandbox.gate._realm = "7654321"
    with pytest.raises(Unreachable, match="401"):
        await connect(sandbox).directory()


async def attempt(client, headers, query):
    shown = {"Prefer": "transient", **headers}
    return (await client._http.call("POST", QUERY_PATH, body={"q": SQL}, query=query, headers=shown)).status


async def shown_by(client, query) -> dict[str, str]:
    """The `Authorization` of a request that is not sent."""
    shown = []

    async def keep(value):
        shown.append(value)
        return Reply(200, {}, None)

    await client._sign_in.call("POST", QUERY_PATH, query, keep)
    return {"Authorization": shown[0]}


async def test_given_a_signature_that_was_used_then_it_is_not_taken_again(sandbox, client):
    query = {"limit": "1", "offset": "0"}
    headers = await shown_by(client, query)
    assert [await attempt(client, headers, query) for _ in range(2)] == [200, 401]


async def test_given_query_parameters_then_they_are_signed_too(sandbox, client):
    headers = await shown_by(client, {"limit": "1", "offset": "0"})
    assert await attempt(client, headers, {"limit": "1000", "offset": "0"}) == 401


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_given_a_certificate_then_one_token_serves_many_calls(certified, algorithm):
    sandbox, client = await certified(algorithm)
    await asyncio.gather(*(client.ask(SQL) for _ in range(4)))
    assert grants(sandbox) == 1


async def test_given_a_token_that_ended_in_the_middle_then_a_new_one_is_asked_for(certified):
    """NS-24."""
    sandbox, client = await certified()
    await client.ask(SQL)
    sandbox.gate.end_tokens()
    assert (await client.ask(SQL)).status == 200
    assert grants(sandbox) == 2


async def test_given_a_token_near_its_end_then_it_is_not_used(certified, monkeypatch):
    sandbox, client = await certified()
    await client.ask(SQL)
    monkeypatch.setattr("connectors.tokens.EARLY", 3600.0)
    await client.ask(SQL)
    assert grants(sandbox) == 2


async def test_given_calls_at_once_whose_token_ended_then_one_new_one_is_asked_for(certified):
    sandbox, client = await certified()
    await client.ask(SQL)
    sandbox.gate.end_tokens()
    await asyncio.gather(*(client.ask(SQL) for _ in range(4)))
    assert grants(sandbox) == 2


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
async def test_given_the_key_of_another_certificate_then_there_is_no_token(certified, algorithm):
    stranger = pem_of(algorithm, b"another")
    plain = serialization.load_pem_private_key(stranger.encode(), b"another").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    sandbox, client = await certified(algorithm, plain.decode())
    with pytest.raises(Unreachable, match="NetSuite gives no access token"):
        await client.ask(SQL)
    assert grants(sandbox) == 1


@pytest.mark.parametrize("name", ["client_id", "certificate_id"])
async def test_given_a_wrong_name_of_the_certificate_then_there_is_no_token(certified, name):
    _, client = await certified(secrets={name: "canary"})
    with pytest.raises(Unreachable, match="no access token") as refusal:
        await client.ask(SQL)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    ("algorithm", "key", "said"),
    [
        ("PS256", "canary", "not a PEM key"),
        ("PS256", "", "not a PEM key"),
        ("PS256", pem_of("PS256", b"password"), "without a password"),
        ("PS256", pem_of("ES256"), "no key for algorithm = 'PS256'"),
        ("ES256", pem_of("PS256"), "no key for algorithm = 'ES256'"),
        ("ES256", pem_of("ES384"), "no key for algorithm = 'ES256'"),
    ],
)
async def test_given_no_key_for_the_algorithm_then_it_is_said_without_it_and_nothing_is_sent(
    certified, connect, algorithm, key, said
):
    sandbox, _ = await certified(algorithm)
    client = connect(sandbox, {"private_key": key}, auth="oauth2", algorithm=algorithm)
    with pytest.raises(Unreachable, match=said) as refusal:
        await client.ask(SQL)
    written = "".join(traceback.format_exception(refusal.value))
    assert "canary" not in written
    assert not any(line in written for line in key.splitlines()[1:-1])
    assert grants(sandbox) == 0


async def test_given_a_client_that_signed_in_then_no_repr_shows_the_key_or_the_token(certified, caplog):
    caplog.set_level(0)
    sandbox, client = await certified()
    await client.ask(SQL)
    sign_in = client._sign_in
    shown = f"{client!r} {vars(client)!r} {vars(sign_in)!r} {vars(sign_in._tokens)!r} {caplog.text}"
    (token,) = sandbox.gate._tokens
    assert token not in shown
    assert not any(line in shown for line in pem_of("PS256").splitlines())


async def test_given_an_algorithm_that_netsuite_refuses_then_there_is_no_token(certified):
    _, client = await certified()
    client.settings.__dict__["algorithm"] = "RS256"
    with pytest.raises(Unreachable, match="no key for algorithm = 'RS256'"):
        await client.ask(SQL)


async def test_given_a_missing_secret_then_it_is_named(sandbox, connect):
    client = connect(sandbox)
    client._sign_in._secrets = {}
    with pytest.raises(Unreachable, match="consumer_key is missing"):
        await client.ask(SQL)
