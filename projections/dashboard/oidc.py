"""Signing in by OpenID Connect: the authorisation code flow with PKCE. Who asks the provider over HTTP is given."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from projections.access import ROLES, Caller, Role, Scope

ALGORITHMS = ["RS256", "ES256"]
"""How an ID token may be signed."""

PENDING_MAX = 1_000
PENDING_FOR = timedelta(minutes=10)
"""How many sign-ins may be under way at the provider, and for how long."""

KEYS_FOR = timedelta(hours=1)
KEYS_AGAIN = timedelta(seconds=30)
"""How long the provider's keys are believed, and how soon they may be asked for again because of one that is not known."""

LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""


class NotSignedIn(Exception):
    """The provider's answer cannot be accepted. The message is for whoever tried, and quotes nothing of it."""


class ProviderAway(Exception):
    """The provider does not answer, or not as one does. The message names what was asked for."""


class Provider(Protocol):
    """The calls to an OpenID Connect provider. They raise what `ProviderAway` stands for: `NotSignedIn` where it refuses."""

    async def metadata(self) -> Mapping[str, Any]:
        """Its discovery document."""

    async def keys(self, uri: str) -> Mapping[str, Any]:
        """Its key set."""

    async def token(self, uri: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        """What its token endpoint answers to a form."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way: what only the browser that began it can end."""

    browser: bytes
    nonce: str
    verifier: str
    wanted: str
    began: datetime


@dataclass(slots=True, kw_only=True)
class Oidc:
    """One provider. `roles` maps a value of the claim `roles_claim` to a role; who has none of them gets `default_role`, or is
    nobody. `redirect_uri` is what the provider knows this site's `/sign-in/back` as; None: as the browser came.
    """

    provider: Provider
    issuer: str
    client_id: str
    roles: Mapping[str, Role]
    roles_claim: str = "roles"
    name_claim: str = "email"
    default_role: Role | None = None
    scopes: str = "openid email profile"
    redirect_uri: str | None = None
    title: str = "single sign-on"
    _pending: OrderedDict[str, Pending] = field(default_factory=OrderedDict)
    _keys: tuple[datetime, KeySet] | None = None

    async def begin(self, back: str, wanted: str, now: datetime) -> tuple[str, str]:
        """Where to send a browser, and what it must keep to come back. Raises `ProviderAway`."""
        about = await self._about()
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        self._pending[state] = Pending(_digest(browser), nonce, verifier, wanted, now)
        while len(self._pending) > PENDING_MAX:
            self._pending.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri or back,
            "scope": self.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(_digest(verifier)).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        where = str(about["authorization_endpoint"])
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}", browser

    async def end(
        self, back: str, query: Mapping[str, str], browser: str, now: datetime
    ) -> tuple[Caller, str]:
        """Who came back, and where they wanted to go. A sign-in ends once. Raises `NotSignedIn`, `ProviderAway`."""
        pending = self._pending.pop(query.get("state", ""), None)
        late = pending is None or now - pending.began > PENDING_FOR
        if pending is None or late or not hmac.compare_digest(_digest(browser), pending.browser):
            raise NotSignedIn("this sign-in was not begun here, or it took too long; begin again")
        if query.get("iss", self.issuer) != self.issuer:
            raise NotSignedIn("the answer came from another provider")
        if "error" in query or not query.get("code"):
            raise NotSignedIn("the provider did not let you in")
        about = await self._about()
        answer = await self.provider.token(
            str(about["token_endpoint"]),
            {
                "grant_type": "authorization_code",
                "code": query["code"],
                "redirect_uri": self.redirect_uri or back,
                "client_id": self.client_id,
                "code_verifier": pending.verifier,
            },
        )
        claims = await self._checked(answer.get("id_token"), pending.nonce, str(about["jwks_uri"]), now)
        return self._caller(claims), pending.wanted

    async def _about(self) -> Mapping[str, Any]:
        about = await self.provider.metadata()
        if about.get("issuer") != self.issuer:
            raise ProviderAway("its discovery document is another issuer's")
        if missing := {"authorization_endpoint", "token_endpoint", "jwks_uri"} - about.keys():
            raise ProviderAway(f"its discovery document lacks {', '.join(sorted(missing))}")
        return about

    async def _checked(self, token: Any, nonce: str, uri: str, now: datetime) -> Mapping[str, Any]:
        """The claims of an ID token that is this provider's, for us, of now, and of this very sign-in."""
        if not isinstance(token, str):
            raise NotSignedIn("the provider sent no identity")
        claims = await self._verified(token, uri, now)
        seconds = int(now.timestamp())
        must = jwt.JWTClaimsRegistry(
            now=seconds,
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            must.validate(claims)
        except (JoseError, TypeError, ValueError):
            raise NotSignedIn("the provider's identity token is not for this sign-in") from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self.client_id) != self.client_id:
            raise NotSignedIn("the provider's identity token is not for this application")
        return claims

    async def _verified(self, token: str, uri: str, now: datetime) -> dict[str, Any]:
        """A token's claims, by its signature; with keys that are asked for again once, where it names one that is not known."""
        for age in (KEYS_FOR, KEYS_AGAIN):
            keys = await self._key_set(uri, now, age)
            try:
                return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            except (JoseError, ValueError, TypeError, KeyError):
                continue
        raise NotSignedIn("the provider's identity token has no signature that can be accepted")

    async def _key_set(self, uri: str, now: datetime, age: timedelta) -> KeySet:
        if self._keys is None or now - self._keys[0] > age:
            try:
                self._keys = now, KeySet.import_key_set(dict(await self.provider.keys(uri)))  # type: ignore[arg-type]
            except (JoseError, ValueError, TypeError, KeyError):
                raise ProviderAway("its key set cannot be read") from None
        return self._keys[1]

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        """Who that is, with the scopes of all their roles."""
        said = claims.get(self.roles_claim)
        values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        roles = {self.roles[value] for value in values if isinstance(value, str) and value in self.roles}
        if not roles and self.default_role is not None:
            roles = {self.default_role}
        if not roles:
            raise NotSignedIn("you are known to the provider, and have no role here; ask who runs Onhand")
        name = claims.get(self.name_claim) or claims["sub"]
        scopes: frozenset[Scope] = frozenset().union(*(ROLES[role] for role in roles))
        return Caller(str(name)[:200], scopes)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
