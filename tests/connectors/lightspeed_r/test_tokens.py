"""Tokens that change with every use: kept before they are used, shared by processes, never shown."""

from __future__ import annotations

import asyncio
import json
import stat
import time

import pytest
from pydantic import SecretStr

from connectors.errors import Unreachable
from connectors.lightspeed_r import LightspeedRSettings, connector
from connectors.lightspeed_r.client import LightspeedRClient
from connectors.lightspeed_r.tokens import tokens as tokens_of
from connectors.polite import Http
from connectors.tokens import Held

SECRETS = {
    "client_id": SecretStr("client-1"),
    "client_secret": SecretStr("secret-1"),
    "refresh_token": SecretStr("refresh-0"),
}


@pytest.fixture
def kept(settings, tmp_path):
    return settings.model_copy(update={"token_file": str(tmp_path / "keys" / "tills.json")})


async def used(settings, secrets=SECRETS):
    """A client that was used once, and closed."""
    client = LightspeedRClient(settings, secrets)
    try:
        await client.directory()
    finally:
        await client.close()


async def test_given_a_first_call_then_the_new_pair_is_in_a_file_that_only_its_owner_reads(kept, tmp_path):
    await used(kept)
    file = tmp_path / "keys" / "tills.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    found = json.loads(file.read_text())
    assert (found["refresh"], found["access"]) == ("refresh-1", "access-1")
    assert "refresh-0" not in file.read_text()
    assert sorted(path.name for path in file.parent.iterdir()) == ["tills.json", "tills.json.lock"]


async def test_given_the_old_refresh_token_died_then_a_process_started_again_goes_on_from_the_file(
    kept, sandbox
):
    await used(kept)
    await used(kept)
    assert sandbox.gate.refreshes == 1
    sandbox.gate.expire()
    await used(kept)
    assert sandbox.gate.refreshes == 2


def test_given_a_channel_without_a_file_then_only_a_sandbox_can_do_without():
    given = {"platform": "lightspeed_r", "account_id": "1001", "employee_id": "2"}
    with pytest.raises(ValueError, match="token_file is missing"):
        LightspeedRSettings(**given)
    assert LightspeedRSettings(**given, sandbox="stock.csv").token_file is None


async def test_given_a_channels_sandbox_then_several_processes_begin_with_its_first_token(settings):
    plain = {name: secret.get_secret_value() for name, secret in SECRETS.items()}
    sandbox = connector.sandbox(settings, plain, ["Mall"])
    await sandbox.start()
    there = settings.model_copy(update={"base_url": sandbox.url})
    await used(there)
    await used(there)
    await sandbox.stop()


async def test_given_no_file_then_a_process_started_again_has_to_be_authorised_anew(settings):
    await used(settings)
    with pytest.raises(Unreachable, match=r"invalid_grant.*authorise it anew"):
        await used(settings)


async def test_given_an_expired_access_token_then_the_call_is_made_again_with_a_new_one(client, sandbox):
    await client.directory()
    sandbox.gate.expire()
    assert (await client.directory()).handles
    assert sandbox.gate.refreshes == 2


async def test_given_an_access_token_near_its_end_then_it_is_not_used(client, sandbox):
    await client.directory()
    held = client._tokens._held
    client._tokens._held = Held(held.access, time.time() + 30, held.refresh)
    await client.directory()
    assert sandbox.gate.refreshes == 2


async def test_given_two_processes_that_need_a_token_then_one_of_them_refreshes(kept, sandbox):
    await asyncio.gather(*(used(kept) for _ in range(5)))
    assert sandbox.gate.refreshes == 1
    sandbox.gate.expire()
    await asyncio.gather(*(used(kept) for _ in range(5)))
    assert sandbox.gate.refreshes == 2


async def test_given_a_crash_between_the_answer_and_the_file_then_the_old_token_still_works(
    kept, sandbox, monkeypatch
):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("connectors.tokens.os.fsync", full)
    with pytest.raises(Unreachable, match="cannot be written"):
        await used(kept)
    monkeypatch.undo()
    await used(kept)
    assert sandbox.gate.refreshes == 2


async def test_given_a_new_authorisation_then_the_file_of_the_old_one_is_forgotten(kept, sandbox):
    await used(kept)
    sandbox.gate._good_refresh = {"refresh-new"}
    sandbox.gate.expire()
    with pytest.raises(Unreachable, match="invalid_grant"):
        await used(kept)
    await used(kept, {**SECRETS, "refresh_token": SecretStr("refresh-new")})


async def test_given_a_broken_file_then_it_is_said_without_its_content(kept, tmp_path):
    file = tmp_path / "keys" / "tills.json"
    file.parent.mkdir()
    file.write_text('{"seed": "canary')
    with pytest.raises(Unreachable, match="cannot be read") as refusal:
        await used(kept)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("name", sorted(SECRETS))
async def test_given_a_wrong_secret_then_there_is_no_token_and_no_secret_in_the_message(
    settings, sandbox, name
):
    with pytest.raises(Unreachable) as refusal:
        await used(settings, {**SECRETS, name: SecretStr("canary-secret")})
    assert "canary" not in str(refusal.value)
    assert sandbox.gate.calls == 0


async def test_given_tokens_then_no_repr_shows_them(client):
    await client.directory()
    tokens = client._tokens
    shown = f"{client!r} {tokens!r} {tokens._held!r} {vars(tokens)!r}"
    assert not any(secret in shown for secret in ("access-1", "refresh-1", "refresh-0", "secret-1"))


async def test_given_a_refresh_whose_answer_was_lost_then_it_is_repeated(settings, sandbox):
    http = Http(settings.token_url, {})
    tokens = tokens_of(settings, SECRETS, http)
    await sandbox.stop()
    with pytest.raises(Unreachable):
        await tokens.access()
    await sandbox.start(int(settings.base_url.rpartition(":")[2]))
    assert await tokens.access() == "access-1"
    await http.close()
