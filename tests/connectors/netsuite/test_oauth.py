"""Signing in: token-based and by certificate, and what happens when it is not taken."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import pytest

from connectors.errors import Unreachable
from connectors.netsuite.oauth import TOKEN_PATH

SQL = "SELECT l.id FROM location l ORDER BY l.id"
QUERY_PATH = "/services/rest/query/v1/suiteql"


def sign(text, key, algorithm):
    """Stands for a certificate: what is tested is who is asked to sign what, not the arithmetic of RSA."""
    return hmac.new(f"{key}/{algorithm}".encode(), text, hashlib.sha256).digest()


def verify(text, signed, algorithm):
    return hmac.compare_digest(signed, sign(text, "private-key", algorithm))


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


async def test_given_a_signature_that_was_used_then_it_is_not_taken_again(sandbox, client):
    await client.ask(SQL)
    signed = await client._signer.authorization("POST", QUERY_PATH, {"limit": "1", "offset": "0"})
    call = {"body": {"q": SQL}, "query": {"limit": "1", "offset": "0"}}
    headers = {"Authorization": signed, "Prefer": "transient"}
    statuses = [
        (await client._http.call("POST", QUERY_PATH, headers=headers, **call)).status for _ in range(2)
    ]
    assert statuses == [200, 401]


async def test_given_query_parameters_then_they_are_signed_too(sandbox, client):
    signed = await client._signer.authorization("POST", QUERY_PATH, {"limit": "1", "offset": "0"})
    headers = {"Authorization": signed, "Prefer": "transient"}
    query = {"limit": "1000", "offset": "0"}
    reply = await client._http.call("POST", QUERY_PATH, body={"q": SQL}, query=query, headers=headers)
    assert reply.status == 401


async def test_given_a_certificate_then_one_token_serves_many_calls(open_account, connect):
    sandbox = await open_account(verify=verify)
    client = connect(sandbox, sign=sign, auth="oauth2")
    await asyncio.gather(*(client.ask(SQL) for _ in range(4)))
    assert [path for _, path in sandbox.gate.calls].count(TOKEN_PATH) == 1


async def test_given_a_token_that_ended_in_the_middle_then_a_new_one_is_asked_for(open_account, connect):
    """NS-24."""
    sandbox = await open_account(verify=verify)
    client = connect(sandbox, sign=sign, auth="oauth2")
    await client.ask(SQL)
    sandbox.gate.end_tokens()
    assert (await client.ask(SQL)).status == 200
    assert [path for _, path in sandbox.gate.calls].count(TOKEN_PATH) == 2


@pytest.mark.parametrize(
    "secrets", [{"private_key": "canary"}, {"client_id": "canary"}, {"certificate_id": "canary"}]
)
async def test_given_a_wrong_certificate_then_there_is_no_token(open_account, connect, secrets):
    sandbox = await open_account(verify=verify)
    client = connect(sandbox, secrets, sign=sign, auth="oauth2")
    with pytest.raises(Unreachable, match="no token") as refusal:
        await client.ask(SQL)
    assert "canary" not in str(refusal.value)


async def test_given_an_algorithm_that_netsuite_refuses_then_there_is_no_token(open_account, connect):
    sandbox = await open_account(verify=verify)
    client = connect(sandbox, sign=sign, auth="oauth2")
    client.settings.__dict__["algorithm"] = "RS256"
    with pytest.raises(Unreachable, match="no token"):
        await client.ask(SQL)


async def test_given_nothing_that_signs_then_it_is_said_what_to_do(open_account, connect):
    client = connect(await open_account(verify=verify), auth="oauth2")
    with pytest.raises(Unreachable, match="use auth = 'tba'"):
        await client.ask(SQL)


async def test_given_a_missing_secret_then_it_is_named(sandbox, connect):
    client = connect(sandbox)
    client._signer._secrets = {}
    with pytest.raises(Unreachable, match="consumer_key is missing"):
        await client.ask(SQL)
