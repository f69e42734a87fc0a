"""Signing in at an OpenID Connect provider, which answers on a real socket."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import BasicAuth, web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from deploy.processes import free_port
from streams.settings import BadConfiguration, load
from streams.signing_in import oidc_of

NOW = int(datetime(2026, 11, 20, 18, tzinfo=UTC).timestamp())
SECRET = "the client's secret & more"
TOML = """
[dashboard.oidc]
issuer = "{issuer}"
client_id = "onhand dashboard"
roles_claim = "groups"
roles = {{ "stock-ops" = "operator", "stock-readers" = "viewer" }}
title = "the shop's directory"
"""


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Provider:
    """A provider with one user, who agrees to everything. `claims` are laid over the token's, `key` signs it."""

    port: int
    key: Any
    shown: list[Any]
    groups: Any = field(default_factory=lambda: ["staff", "stock-ops"])
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    async def about(self, _: web.Request) -> web.Response:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return web.json_response(
            {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ends.items()}}
        )

    async def keys(self, _: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.shown]})

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == "onhand dashboard"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.codes[code] = asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        who = BasicAuth.decode(request.headers["Authorization"])
        if (
            asked is None
            or (who.login, who.password) != ("onhand+dashboard", "the+client%27s+secret+%26+more")
            or digest(str(form["code_verifier"])) != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        told = {
            "iss": self.issuer,
            "aud": "onhand dashboard",
            "sub": "u-1",
            "email": "olga@example.com",
            "iat": NOW - 1,
            "exp": NOW + 300,
            "nonce": asked["nonce"],
            "groups": self.groups,
        }
        claims = {name: value for name, value in (told | self.claims).items() if value is not None}
        alg = "ES256" if isinstance(self.key, ECKey) else "HS256" if isinstance(self.key, OctKey) else "RS256"
        header = {"alg": alg, **({"kid": self.key.kid} if self.key.kid else {})} | self.header
        return web.json_response({"id_token": jwt.encode(header, claims, self.key), "token_type": "Bearer"})


RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
STRANGE = RSAKey.generate_key(2048, {"kid": "rsa"})


@pytest.fixture
async def provider():
    one = Provider(free_port(), RSA, [RSA, EC])
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", one.about)
    app.router.add_get("/keys", one.keys)
    app.router.add_get("/authorize", one.authorize)
    app.router.add_post("/token", one.token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "localhost", one.port).start()
    yield one
    await runner.cleanup()


@pytest.fixture
def oidc(provider, tmp_path, monkeypatch):
    monkeypatch.setenv("ONHAND_DASHBOARD_OIDC_SECRET", SECRET)
    file = tmp_path / "onhand.toml"
    file.write_text(TOML.format(issuer=provider.issuer))
    return oidc_of(load(file))


async def sent_back(browser: Any, wanted: str = "/") -> str:
    """Goes to the provider as a browser does. Returns where that sends it back to."""
    _, headers, _ = await browser.get(f"/sign-in/oidc?{urlencode({'next': wanted})}")
    async with browser.session.get(headers["Location"], allow_redirects=False) as answer:
        assert answer.status == 302
        return answer.headers["Location"].removeprefix(browser.site.url)


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
async def test_given_a_role_at_the_provider_then_one_is_signed_in_with_it(provider, stranger, stocked, key):
    provider.key = key
    assert "Sign in with the shop&#39;s directory" in (await stranger.get("/sign-in?next=/drift"))[2]
    status, _, text = await stranger.get(await sent_back(stranger, "/drift"))
    assert status == 200
    assert unescape(re.search(r'http-equiv="refresh" content="([^"]+)"', text)[1]) == "0; url=/drift"
    assert "olga@example.com" in await stranger.page("/drift")
    assert "Retry</button>" in await stranger.page("/letter?id=0-0")


async def test_given_a_code_that_was_used_or_another_browser_then_nobody_is_signed_in(stranger, site):
    back = await sent_back(stranger)
    kept = {cookie.key: cookie.value for cookie in stranger.session.cookie_jar}
    stranger.session.cookie_jar.clear()
    assert (await stranger.get(back))[0] == 403
    assert (await stranger.get(back, cookies=kept))[0] == 403  # a sign-in is tried once
    back = await sent_back(stranger)
    assert (await stranger.get(back))[0] == 200
    assert (await stranger.get(back))[0] == 403


@pytest.mark.parametrize(
    "twist",
    [
        {"iss": "https://other.example"}, {"iss": None}, {"aud": "another"}, {"aud": ["another"]}, {"aud": None},
        {"aud": ["onhand dashboard", "another"]}, {"azp": "another"}, {"exp": NOW - 120}, {"exp": None}, {"iat": None},
        {"iat": NOW + 600}, {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"nbf": NOW + 600}, {"exp": "soon"},
    ],
    ids=str,
)  # fmt: skip
async def test_given_a_token_that_is_not_for_this_sign_in_then_it_opens_nothing(provider, stranger, twist):
    provider.claims = twist
    status, headers, text = await stranger.get(await sent_back(stranger))
    assert status == 403
    assert "onhand_session" not in str(headers)
    assert "Not signed in" in text
    assert (await stranger.get("/"))[0] == 303


@pytest.mark.parametrize(
    "key", [STRANGE, OctKey.import_key(str(RSA.as_dict(private=False)["n"])), OctKey.import_key("secret" * 8)], ids=["stranger", "public", "shared"]
)  # fmt: skip
async def test_given_a_token_that_the_provider_did_not_sign_then_it_opens_nothing(provider, stranger, key):
    provider.key = key
    assert (await stranger.get(await sent_back(stranger)))[0] == 403


async def test_given_new_keys_of_the_provider_then_they_are_asked_for_and_old_ones_no_more(
    provider, site, stranger
):
    assert (await stranger.get(await sent_back(stranger)))[0] == 200
    fresh = RSAKey.generate_key(2048, {"kid": "fresh"})
    provider.key, provider.shown = fresh, [fresh]
    assert (await stranger.get(await sent_back(stranger)))[0] == 403  # they were asked for a moment ago
    site.at = site.at.replace(minute=site.at.minute + 1)
    assert (await stranger.get(await sent_back(stranger)))[0] == 200
    assert provider.asked.count("keys") == 2


@pytest.mark.parametrize(
    "groups", [[], ["staff"], None, "stock", 7, {"stock-ops": 1}, [["stock-ops"]]], ids=str
)
async def test_given_no_role_here_then_one_is_told_so_and_sees_nothing(provider, stranger, groups):
    provider.groups = groups
    status, _, text = await stranger.get(await sent_back(stranger))
    assert status == 403
    assert "no role here" in unescape(text)


async def test_given_the_provider_is_away_then_a_page_says_so_and_a_key_still_opens(provider, stranger, oidc):
    oidc.provider.client._issuer = f"http://localhost:{free_port()}"
    status, headers, text = await stranger.get("/sign-in/oidc")
    assert (status, headers["Retry-After"]) == (503, "10")
    assert "does not answer" in text
    assert (await stranger.sign_in())[0] == 303


async def test_given_the_user_declines_then_the_form_says_so(provider, stranger):
    _, headers, _ = await stranger.get("/sign-in/oidc")
    state = parse_qs(urlsplit(headers["Location"]).query)["state"][0]
    status, _, text = await stranger.get(
        f"/sign-in/back?{urlencode({'error': 'access_denied', 'state': state})}"
    )
    assert status == 403
    assert "did not let you in" in text
    assert "access_denied" not in text


async def test_given_a_real_browser_and_a_provider_on_another_site_then_one_comes_back_to_what_one_wanted(
    provider, site, stocked, chromium
):
    page = await chromium.new_page()
    await page.goto(f"{site.url}/sku?sku=TEE")
    await page.get_by_role("link", name="Sign in with the shop's directory").click()
    await page.wait_for_url("**/sku?sku=TEE")
    assert "olga@example.com" in await page.locator(".who").text_content()
    await page.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('roles = { "x" = "king" }', "roles.x"), ('issuer = "http://idp.example"', "https is needed"),
        ('issuer = "ftp://idp.example"', "issuer"), ("roles = {}", "default_role"), ('colour = "red"', "there is no such setting"),
    ],
)  # fmt: skip
def test_given_a_wrong_line_about_the_provider_then_it_is_refused_with_what_would_do(tmp_path, line, said):
    name = line.partition(" ")[0]
    kept = [
        one
        for one in TOML.format(issuer="https://idp.example").splitlines()
        if not one.startswith(f"{name} ")
    ]
    file = tmp_path / "onhand.toml"
    file.write_text("\n".join([*kept, line]))
    with pytest.raises(BadConfiguration, match=said):
        load(file)


def test_given_a_provider_and_no_secret_then_the_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("ONHAND_DASHBOARD_OIDC_SECRET", raising=False)
    file = tmp_path / "onhand.toml"
    file.write_text(TOML.format(issuer="https://idp.example"))
    with pytest.raises(BadConfiguration, match="ONHAND_DASHBOARD_OIDC_SECRET"):
        oidc_of(load(file))
