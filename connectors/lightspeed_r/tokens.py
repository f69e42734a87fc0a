"""Access tokens of R-Series, from a refresh token that changes with every use.

A refresh brings a new access token and a new refresh token. The old refresh token dies when the new access token is
first used, so both are stored before that; a refresh whose answer was lost may be repeated
(developers.lightspeedhq.com/retail, Refresh Token).
"""

from __future__ import annotations

from connectors.contract import Secrets
from connectors.lightspeed_r.settings import LightspeedRSettings
from connectors.polite import Http
from connectors.tokens import Held, Tokens, granted


def tokens(settings: LightspeedRSettings, secrets: Secrets, http: Http) -> Tokens:
    """The tokens of one channel, asked for by `http`."""
    client = {name: secrets[name] for name in ("client_id", "client_secret")}

    async def renew(held: Held) -> Held:
        body = {name: secret.get_secret_value() for name, secret in client.items()}
        body |= {"grant_type": "refresh_token", "refresh_token": held.refresh}
        return granted("R-Series", await http.call("POST", "", body=body), held)

    return Tokens(Held(refresh=secrets["refresh_token"].get_secret_value()), renew, settings.token_file)
