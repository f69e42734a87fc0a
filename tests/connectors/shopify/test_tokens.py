"""Whichever way a shop is entered, its token is renewed in time, kept from strangers, and never lost with an answer."""

from __future__ import annotations

import asyncio
import stat

import pytest
from pydantic import SecretStr

from connectors import tokens as tokens_module
from connectors.errors import ConnectorError, Unreachable
from connectors.polite import Http
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.tokens import tokens as tokens_of
from connectors.tokens import Held, Tokens

APP = {"client_id": SecretStr("app"), "client_secret": SecretStr("s3cret")}
REFRESH = {**APP, "refresh_token": SecretStr("first")}


@pytest.fixture
async def shop(make):
    sandbox = await make(access_token=None, client=("app", "s3cret"), refresh_token="first")
    sandbox.seed("A", "WH", 10)
    return sandbox


@pytest.fixture
async def enter(shop):
    """Tokens of the sandbox, closed after the test."""
    opened: list[Http] = []

    def tokens(secrets, **settings) -> Tokens:
        at = ShopifySettings(platform="shopify", shop=shop.shop_name, base_url=shop.url, **settings)
        opened.append(Http(at.address, {}))
        return tokens_of(at, secrets, opened[-1])

    yield tokens
    for one in opened:
        await one.close()


async def test_given_an_apps_credentials_then_its_token_is_used_until_shortly_before_its_end(
    shop, enter, monkeypatch
):
    tokens = enter(APP, auth="client_credentials")
    first = await tokens.access()
    assert shop.door.lets_in(first)
    assert await tokens.access() == first
    monkeypatch.setattr(tokens_module, "EARLY", 86_400.0)
    assert await tokens.access() != first


@pytest.mark.parametrize("auth", ["client_credentials", "refresh_token"])
async def test_given_a_token_that_ended_early_then_a_read_goes_on_with_the_next(shop, connect, auth):
    client = connect(shop, auth=auth, secrets=REFRESH)
    assert "A" in (await client.directory()).items
    shop.door.shut()
    assert "A" in (await client.directory()).items
    assert shop.door.given == 2


async def test_given_a_refresh_token_then_the_newest_is_kept_for_its_owner_and_the_next_process(
    shop, enter, tmp_path
):
    file = tmp_path / "tokens" / "eu-shop"
    first = enter(REFRESH, auth="refresh_token", token_file=str(file))
    used = await first.access()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = enter(REFRESH, auth="refresh_token", token_file=str(file))
    assert await other.access() == used, "one process refreshes for all"
    assert await other.access(stale=used) != used
    assert await first.access(stale=used) == await other.access()
    assert shop.door.given == 2


async def test_given_a_new_authorisation_then_what_the_file_has_is_forgotten(shop, enter, tmp_path):
    file = tmp_path / "eu-shop"
    await enter(REFRESH, auth="refresh_token", token_file=str(file)).access()
    stranger = enter(
        {**REFRESH, "refresh_token": SecretStr("another")}, auth="refresh_token", token_file=str(file)
    )
    with pytest.raises(ConnectorError, match="invalid_grant"):
        await stranger.access()


async def test_given_a_lost_answer_then_the_same_refresh_token_is_good_once_more(shop, enter):
    tokens = enter(REFRESH, auth="refresh_token")
    shop.tokens_to_lose = 1
    with pytest.raises(Unreachable):
        await tokens.access()
    assert shop.door.lets_in(await tokens.access())


async def test_given_a_successor_in_use_then_the_old_refresh_token_is_refused(shop, enter):
    tokens = enter(REFRESH, auth="refresh_token")
    first = await tokens.access()
    await tokens.access(stale=first)
    with pytest.raises(ConnectorError, match="invalid_grant"):
        await enter(REFRESH, auth="refresh_token").access()


async def test_given_many_calls_at_once_then_one_token_is_asked_for(shop, enter):
    tokens = enter(APP, auth="client_credentials")
    assert len(set(await asyncio.gather(*(tokens.access() for _ in range(20))))) == 1
    assert shop.door.given == 1


async def test_given_wrong_or_missing_secrets_then_it_is_said_without_them(enter):
    wrong = {**APP, "client_secret": SecretStr("canary")}
    with pytest.raises(ConnectorError, match="invalid_client") as refusal:
        await enter(wrong, auth="client_credentials").access()
    assert "canary" not in str(refusal.value)
    for auth, secret in (("token", "access_token"), ("refresh_token", "refresh_token")):
        with pytest.raises(ConnectorError, match=f"needs the secret {secret}"):
            await enter(APP, auth=auth).access()


async def test_given_a_static_token_then_a_refusal_is_final(shop, connect):
    with pytest.raises(ConnectorError, match="access token"):
        await connect(shop, token="wrong").directory()
    assert shop.door.given == 0


async def test_given_a_token_file_that_is_none_then_it_is_said_and_no_token_is_asked_for(
    shop, enter, tmp_path
):
    file = tmp_path / "eu-shop"
    file.write_text("{")
    with pytest.raises(Unreachable, match="token file"):
        await enter(REFRESH, auth="refresh_token", token_file=str(file)).access()
    assert shop.door.given == 0


def test_given_tokens_then_none_is_shown():
    held = Held("canary-access", 1.0, "canary-refresh")
    assert "canary" not in repr(held)
