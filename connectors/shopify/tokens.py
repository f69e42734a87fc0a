"""How a shop is entered: a static token, or tokens that end.

Both kinds that end come from `POST /admin/oauth/access_token` (shopify.dev, client credentials grant and offline access
tokens; the body is JSON, as Shopify's own library `@shopify/shopify-api` 12 sends it). Client credentials bring a token for
24 hours. A refresh token brings one for an hour and its own successor; it may be used again until the successor is, so an
answer that was lost is asked for again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from connectors.contract import Secrets
from connectors.errors import ConnectorError
from connectors.polite import Http
from connectors.shopify.settings import Auth, ShopifySettings
from connectors.tokens import Held, Tokens, granted

PATH = "/admin/oauth/access_token"
NEEDS: Mapping[Auth, tuple[str, ...]] = {
    "token": ("access_token",),
    "client_credentials": ("client_id", "client_secret"),
    "refresh_token": ("client_id", "client_secret", "refresh_token"),
}
"""The secrets of each way in."""


def tokens(settings: ShopifySettings, secrets: Secrets, http: Http) -> Tokens:
    """The tokens of one channel, asked for by `http`. One that runs against a sandbox needs no secrets: they default to the
    word `sandbox`. Renewing raises `ConnectorError` where a secret is missing, or where a static token was turned away.
    """
    auth, default = settings.auth, "" if settings.sandbox is None else "sandbox"
    given = {
        name: secrets[name].get_secret_value() if name in secrets else default
        for name in NEEDS[settings.auth]
    }

    async def renew(held: Held) -> Held:
        for name, secret in given.items():
            if not secret:
                raise ConnectorError(f"auth = {auth!r} needs the secret {name}")
        if auth == "token":
            raise ConnectorError("Shopify does not accept the access token")
        body = {"grant_type": auth, **given, **({"refresh_token": held.refresh} if held.refresh else {})}
        return granted("Shopify", await http.call("POST", PATH, body=body), held)

    first = Held(given.get("access_token", ""), math.inf, given.get("refresh_token", ""))
    return Tokens(first, renew, settings.token_file if auth == "refresh_token" else None)
