"""What an Oracle NetSuite channel needs to be told."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, AwareDatetime, Field, field_validator

from connectors.contract import ChannelSettings
from connectors.wholesale import Wholesale

RecordId = Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]
"""An internal id of NetSuite."""

TYPE = re.compile(r"(form|class):[0-9]{1,18}")
"""A type of order: the id of its custom form, or of its class."""


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is not an IANA time zone")
    return name


class NetSuiteSettings(ChannelSettings):
    """One NetSuite account.

    `account` is its id as the account shows it (`1234567_SB1` for a sandbox account). `auth` says how to sign in: `oauth2`
    is client credentials with a certificate (secrets `client_id`, `certificate_id`, and `private_key`, a PEM that suits
    `algorithm`); `tba` is token-based authentication (secrets `consumer_key`, `consumer_secret`, `token_id`,
    `token_secret`), with which no integration can be newly made from 2027.1 on. `timezone` is the zone of the instants that SuiteQL writes: the account's or Pacific, sources
    differ, so it has to be said.

    `since` is when the opening stock was taken: what is older is in it, so it is not read. A sales order or transfer order
    from before had already taken its units off the opening stock, so its later fulfilment is not read either; what such a
    transfer brings is.

    `poll_overlap` is how many seconds behind its cursor a poll looks again: a long transaction commits late under an earlier
    date, and a night in autumn has one hour twice. `concurrency` is how many calls are made at once; NetSuite counts those
    of all integrations of an account together (5 in the smallest tier), and ours of each process.

    `adjustment_account` is the ledger account that our stock adjustments are booked on, `subsidiary` theirs where the
    location names none. `customer` is whom a created sales order is for.

    Of what makes an order `wholesale`, `groups` are the ids of customer categories, and `types` those of the order's custom form or
    class (`form:104`, `class:3`). They are asked for only where the settings name any: a column that a role cannot see is an error.
    """

    marks: ClassVar = frozenset({"groups", "types"})

    platform: Literal["netsuite"]
    account: str = Field(pattern=r"^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$")
    auth: Literal["tba", "oauth2"] = "tba"
    algorithm: Literal["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"] = "PS256"
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    since: AwareDatetime | None = None
    poll_overlap: int = Field(43_200, ge=900, le=7 * 86_400)
    concurrency: int = Field(2, ge=1, le=50)
    adjustment_account: RecordId
    subsidiary: RecordId | None = None
    customer: RecordId | None = None

    @field_validator("wholesale")
    @classmethod
    def _are_records(cls, wholesale: Wholesale) -> Wholesale:
        if wrong := [one for one in wholesale.groups if not re.fullmatch("[0-9]{1,18}", one)]:
            raise ValueError(f"groups: {wrong[0]!r} is no id of a customer category")
        if wrong := [one for one in wholesale.types if not TYPE.fullmatch(one)]:
            raise ValueError(f"types: {wrong[0]!r} is neither form:ID nor class:ID")
        return wholesale

    @property
    def api(self) -> str:
        """Where the API is: host names have a hyphen where account ids have an underscore."""
        host = f"https://{self.account.lower().replace('_', '-')}.suitetalk.api.netsuite.com"
        return (self.base_url or host).rstrip("/")

    @property
    def realm(self) -> str:
        """The account as OAuth 1.0 names it."""
        return self.account.upper().replace("-", "_")

    @property
    def zone(self) -> ZoneInfo:
        """The zone of `timezone`."""
        return ZoneInfo(self.timezone)

    def began_before(self, created: datetime) -> bool:
        """Whether a document of this instant is in the opening stock already."""
        return self.since is not None and created < self.since
