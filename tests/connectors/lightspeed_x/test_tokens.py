"""An application's tokens change with every refresh: they are on disk before they are used, and nobody else can read them."""

from __future__ import annotations

import asyncio
import stat

import orjson
import pytest
from pydantic import SecretStr

from connectors.errors import Unreachable
from connectors.lightspeed_x.client import LightspeedXClient
from connectors.lightspeed_x.sandbox import LightspeedXSandbox
from connectors.lightspeed_x.settings import LightspeedXSettings

SECRETS = {
    name: SecretStr(name.replace("_", "-"))
    for name in ("access_token", "client_secret", "client_id", "refresh_token")
}


@pytest.fixture
async def sandbox():
    words = {name: secret.get_secret_value() for name, secret in SECRETS.items()}
    double = LightspeedXSandbox(domain_prefix="demo", outlets=("Mall",), **words)
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
def settings(sandbox, tmp_path):
    file = tmp_path / "state" / "tokens.json"
    return LightspeedXSettings(
        platform="lightspeed_x", domain_prefix="demo", base_url=sandbox.url, token_file=str(file)
    )


@pytest.fixture
async def application(settings):
    made = []

    def another(**secrets):
        made.append(LightspeedXClient(settings, {**SECRETS, **secrets}))
        return made[-1]

    yield another
    for client in made:
        await client.close()


async def test_given_an_ended_token_then_it_is_refreshed_and_the_new_pair_is_kept_for_its_owner_only(
    application, settings, sandbox, tmp_path
):
    client = application()
    await client.directory()
    assert sandbox.tokens.given == 0
    sandbox.tokens.expire()
    assert (await client.directory()).places
    file = tmp_path / "state" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = orjson.loads(file.read_bytes())
    assert (kept["refresh"], kept["access"]) == ("refresh-1", "access-1")
    assert b"refresh-token" not in file.read_bytes()
    assert sorted(found.name for found in file.parent.iterdir()) == ["tokens.json", "tokens.json.lock"]


async def test_given_a_restart_then_it_goes_on_with_the_pair_on_disk(application, sandbox):
    sandbox.tokens.expire()
    await application().directory()
    await application().directory()
    assert sandbox.tokens.given == 1
    sandbox.tokens.expire()
    await application().directory()
    assert sandbox.tokens.given == 2


async def test_given_two_processes_whose_token_ended_then_one_refreshes_and_the_other_takes_its_pair(
    application, sandbox
):
    clients = [application(), application()]
    sandbox.tokens.expire()
    await asyncio.gather(*(client.directory() for client in clients))
    assert sandbox.tokens.given == 1


async def test_given_a_channel_that_was_authorised_anew_then_the_old_pair_is_forgotten(application, sandbox):
    sandbox.tokens.expire()
    await application().directory()
    sandbox.tokens.expire()
    sandbox.tokens._refresh = "another"
    with pytest.raises(Unreachable, match="authorise it anew"):
        await application().directory()
    await application(refresh_token=SecretStr("another")).directory()
    assert sandbox.tokens.given == 2


@pytest.mark.parametrize("name", ["client_id", "client_secret", "refresh_token"])
async def test_given_a_wrong_secret_then_there_is_no_token_and_no_secret_is_told(application, sandbox, name):
    sandbox.tokens.expire()
    client = application(**{name: SecretStr("swordfish")})
    with pytest.raises(Unreachable, match="authorise it anew") as refused:
        await client.directory()
    for secret in ("swordfish", "access-token", "refresh-token", "client-secret"):
        assert secret not in str(refused.value)
        assert secret not in repr(client.http._tokens._held)
    assert sandbox.tokens.given == 0


async def test_given_a_token_file_without_its_secrets_then_the_reason_names_the_one_that_is_missing(
    settings, sandbox
):
    sandbox.tokens.expire()
    client = LightspeedXClient(settings, {name: SECRETS[name] for name in ("access_token", "client_secret")})
    with pytest.raises(Unreachable, match="the secret client_id is missing"):
        await client.directory()
    await client.close()


async def test_given_a_token_file_that_is_no_such_thing_then_nothing_is_refreshed(
    application, sandbox, tmp_path
):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "tokens.json").write_text("{")
    with pytest.raises(Unreachable, match="token file cannot be read"):
        await application().directory()
    assert sandbox.tokens.given == 0


async def test_given_a_personal_token_then_nothing_is_kept_or_refreshed(settings, sandbox, tmp_path):
    client = LightspeedXClient(settings.model_copy(update={"token_file": None}), SECRETS)
    await client.directory()
    sandbox.tokens.expire()
    with pytest.raises(Unreachable, match="401"):
        await client.directory()
    assert sandbox.tokens.given == 0
    assert list(tmp_path.iterdir()) == []
    await client.close()
