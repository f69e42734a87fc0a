"""Signing in to the dashboard by OpenID Connect, as the settings have it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import Refused, Unreachable
from connectors.oidc import OidcClient
from projections.dashboard import Oidc
from projections.dashboard.oidc import NotSignedIn, ProviderAway
from streams.settings import Settings, oidc_secret

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskedProvider:
    """A provider, in the words of the dashboard."""

    client: OidcClient

    async def metadata(self) -> Answer:
        """Its discovery document."""
        return await _told(self.client.metadata())

    async def keys(self, uri: str) -> Answer:
        """Its key set."""
        return await _told(self.client.keys(uri))

    async def token(self, uri: str, form: Mapping[str, str]) -> Answer:
        """What its token endpoint answers to a form."""
        return await _told(self.client.token(uri, form))


async def _told(asking: Awaitable[Answer]) -> Answer:
    try:
        return await asking
    except Refused:
        raise NotSignedIn("the provider does not accept this sign-in; begin again") from None
    except Unreachable as error:
        raise ProviderAway(str(error)) from None


def oidc_of(settings: Settings) -> Oidc | None:
    """How one signs in by OpenID Connect; None where that is not configured. Raises `BadConfiguration` without the client's secret."""
    its = settings.dashboard.oidc
    if its is None:
        return None
    public = settings.serve.public_url
    return Oidc(
        provider=AskedProvider(OidcClient(its.issuer, its.client_id, oidc_secret(), private=its.private)),
        issuer=its.issuer,
        client_id=its.client_id,
        roles=its.roles,
        roles_claim=its.roles_claim,
        name_claim=its.name_claim,
        default_role=its.default_role,
        scopes=its.scopes,
        redirect_uri=None if public is None else f"{public.rstrip('/')}/sign-in/back",
        title=its.title,
    )
