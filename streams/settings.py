"""What `onhand.toml` and the environment say, checked as a whole before anything starts.

Only this module reads the environment. Secrets come from it, or from files it names, and never from the TOML.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from connectors.contract import ChannelSettings, Connector, Secrets
from connectors.registry import CONNECTORS, AnyChannel
from projections.access import Role
from projections.audit.signing import Signer
from projections.envelope import MasterKey
from schemas.accounts import UNROUTED
from schemas.distances import Point
from schemas.rules import ChannelRules, LocationRules, Recipe, Rules
from schemas.ruling import BadRules, rules_of
from schemas.sites import Site
from schemas.witnesses import NOBODY, Authority

EMBEDDED = "embedded"

HandEdits = Literal["adopt", "correct", "alert"]

FROZEN = ConfigDict(extra="forbid", frozen=True)


class BadConfiguration(Exception):
    """The configuration cannot be used. The message has one line for each fault: where, what, and what would do."""


class KafkaSettings(BaseModel):
    """Kafka: `embedded`, or `host:port[,host:port]`. All topics get the same number of partitions.

    With `tls`, what is said to it is encrypted; its certificate must be vouched for by `ca` (a file of certificates; the system's, where
    there is none), and we show it ours, if it asks for one: `certificate` with its `key`, both PEM. With a `username` we sign in by
    `mechanism`; the password is ONHAND_KAFKA_PASSWORD, or in the file that ONHAND_KAFKA_PASSWORD_FILE names. Paths are relative to the
    TOML.
    """

    model_config = FROZEN

    address: str = EMBEDDED
    partitions: int = Field(4, ge=1, le=512)
    replication: int = Field(1, ge=1, le=9)
    prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$")
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    username: str | None = Field(None, min_length=1)
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"

    @model_validator(mode="after")
    def _is_secured_as_a_whole(self) -> KafkaSettings:
        """Half of what secures a connection does not, and whoever wrote it believes that it does."""
        if self.address == EMBEDDED and (self.tls or self.username):
            raise ValueError(
                "tls and username are for a Kafka with an address; the embedded one is on loopback"
            )
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together; add the other")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("ca, certificate and key need tls = true")
        if self.mechanism == "PLAIN" and self.username and not self.tls:
            raise ValueError("PLAIN sends the password as it is: add tls = true, or use SCRAM-SHA-512")
        return self

    def beside(self, folder: Path) -> KafkaSettings:
        """The same, with its files' paths from a folder on."""
        files = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
        return self.model_copy(update={name: folder / file for name, file in files.items() if file})


class PostgresSettings(BaseModel):
    """PostgreSQL: `embedded`, or a `postgresql://` address without a password: ONHAND_POSTGRES_PASSWORD has it, or the file that
    ONHAND_POSTGRES_PASSWORD_FILE names. TLS is libpq's own (`?sslmode=verify-full&sslrootcert=/path/ca.pem`).
    """

    model_config = FROZEN

    address: str = Field(EMBEDDED, pattern=r"^(embedded|postgresql://.*)$")


class ServeSettings(BaseModel):
    """The HTTP server. `body_max` is the largest request body in bytes; `public_url` is where platforms reach it. Each API key may ask
    `requests_per_second` times of each of its processes, and twice as often at once; 0: as often as it likes.
    """

    model_config = FROZEN

    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65535)
    body_max: int = Field(1_048_576, ge=1_024)
    public_url: str | None = None
    requests_per_second: float = Field(2_000.0, ge=0, le=1_000_000)


class WorkerSettings(BaseModel):
    """The worker. Its tables are in `memory`, and a restart reads their whole changelogs; or on disk, in `rocksdict`
    (RocksDB, under `<data>/faust`), and a restart reads only what came after.

    At `metrics_port` it answers `/metrics`, `/livez` and `/readyz`, to whoever reaches `metrics_host`; 0: at none.
    """

    model_config = FROZEN

    store: Literal["memory", "rocksdict"] = "memory"
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(0, ge=0, le=65535)


class AlertSettings(BaseModel):
    """What people are told of, by the log and by a webhook to `url` (signed with the secret ONHAND_ALERTS_SECRET).

    `every` is how many seconds lie between two looks. A channel is stuck that has failed for `stuck_after` seconds; a commitment
    is aged after `commitment_days`; more dead letters than `dead_letters` may not wait.
    """

    model_config = FROZEN

    url: str | None = Field(None, pattern=r"^https?://")
    every: float = Field(15.0, ge=0.1, le=3_600)
    stuck_after: float = Field(300.0, ge=0)
    commitment_days: int = Field(7, ge=0)
    dead_letters: int = Field(10, ge=0)


class OidcSettings(BaseModel):
    """Signing in to the dashboard at an OpenID Connect provider; its client's secret is ONHAND_DASHBOARD_OIDC_SECRET (or `_FILE`).

    `roles` says which role a value of the claim `roles_claim` has: `viewer`, `operator` or `admin`. Who has none of them gets
    `default_role`, or is not let in. The provider must know `<public_url>/sign-in/back`.
    """

    model_config = FROZEN

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$")
    client_id: str = Field(min_length=1)
    roles: dict[str, Role] = {}
    roles_claim: str = "roles"
    name_claim: str = "email"
    default_role: Role | None = None
    scopes: str = "openid email profile"
    title: str = "single sign-on"

    @model_validator(mode="after")
    def _somebody_gets_in(self) -> OidcSettings:
        """Without any role nobody would ever be let in; and a plain connection to another machine shows everybody the tokens."""
        if not self.roles and self.default_role is None:
            raise ValueError('name roles, such as roles = { "onhand-admins" = "admin" }, or a default_role')
        plain = urlsplit(self.issuer)
        if plain.scheme == "http" and plain.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError("issuer: https is needed but for this very machine")
        return self


class DashboardSettings(BaseModel):
    """The dashboard. One signs in with an API key, and by OpenID Connect where `oidc` names a provider."""

    model_config = FROZEN

    oidc: OidcSettings | None = None


class TransactionSettings(BaseModel):
    """Transactions. One with nothing open leaves the table when it has been quiet for so many days; 0: it never does."""

    model_config = FROZEN

    close_after_days: float = Field(90.0, ge=0, le=36_500)

    @property
    def close_after(self) -> timedelta | None:
        """How long a transaction must have been quiet, None where that does not matter."""
        return timedelta(days=self.close_after_days) if self.close_after_days else None


class Location(BaseModel):
    """A place that keeps stock, under our own name for it.

    `hand_edits` says what becomes of a level that somebody changed by hand in a platform's admin: `adopt` takes the difference
    in as stock, `correct` tells the platform our number again, `alert` leaves both as they are and says so. The last is what
    happens unless another is chosen: of the three it alone destroys nobody's work, and a difference that nobody has looked at
    yet may be a mistake on either side.

    What shoppers may know of it: `latitude` and `longitude` in degrees, or `postcode` and `country` (ISO 3166, two letters), whose
    point is looked up (`onhand geo load`); `pickup`, whether goods are collected there; `ships`, whether parcels and transfers leave
    from there; `in_store_buffer`, units of each SKU that stay on the shelf and are not offered for collection; and `ready_in`, after
    how many hours goods that lie there are ready for the shopper or the carrier. `pickup`, `ships` and `in_store_buffer` are rules: a
    channel with one number for all locations leaves out those that ship nothing, and one whose rules say `pickup` those where nothing
    is collected, unless its own `locations` list them.

    `carried_out_by` is the channel whose platform carries out what other channels' orders commit here: it gets an order of its own
    for them (a till a pick-up, a warehouse a parcel), which is taken back when they are cancelled.
    """

    model_config = FROZEN

    title: str = ""
    hand_edits: HandEdits = "alert"
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    postcode: str | None = Field(None, min_length=1, max_length=20)
    country: str | None = Field(None, pattern=r"^[A-Z]{2}$")
    pickup: bool = False
    ships: bool = True
    in_store_buffer: int = Field(0, ge=0)
    ready_in: int = Field(2, ge=0, le=8_760)
    carried_out_by: str | None = None

    @model_validator(mode="after")
    def _place_is_whole(self) -> Location:
        """Half a point is none, and a postcode says nothing without its country."""
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude go together; add the other")
        if self.postcode is not None and self.country is None:
            raise ValueError('a postcode needs its country; add country = "DE", or what ISO 3166 calls it')
        return self

    @property
    def rules(self) -> LocationRules:
        """What it is for."""
        return LocationRules(ships=self.ships, pickup=self.pickup, in_store_buffer=self.in_store_buffer)

    def site(self, name: str) -> Site:
        """The location as shoppers meet it."""
        north, east = self.latitude, self.longitude
        return Site(
            location=name,
            title=self.title,
            point=None if north is None or east is None else Point(north, east),
            postcode=self.postcode,
            country=self.country,
            pickup=self.pickup,
            ships=self.ships,
            in_store_buffer=self.in_store_buffer,
            ready_in=self.ready_in,
        )


def _trusted(given: Any) -> Any:
    """A plain list of channels is the authority for everything."""
    return {"channels": given} if isinstance(given, list | tuple) else given


class Settings(BaseSettings):
    """The whole configuration. `data` is where embedded engines and this installation keep their files. `bundles` lists SKUs
    that are sold but never kept, each with the units of its components that one of it takes.
    """

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="ONHAND_", env_nested_delimiter="__"
    )

    data: Path = Path(".onhand")
    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    serve: ServeSettings = ServeSettings()
    worker: WorkerSettings = WorkerSettings()
    transactions: TransactionSettings = TransactionSettings()
    alerts: AlertSettings = AlertSettings()
    dashboard: DashboardSettings = DashboardSettings()
    locations: dict[Annotated[str, Field(pattern=r"^[^@:|/\s][^|/]*$")], Location] = {}
    channels: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")], AnyChannel] = {}
    bundles: dict[str, Recipe] = {}
    authority: Annotated[Authority, BeforeValidator(_trusted)] = NOBODY

    @classmethod
    def settings_customise_sources(  # noqa: D102  # pydantic-settings' hook; the environment wins over the file
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # as above
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the hook's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="after")
    def _names_are_known(self) -> Settings:
        """Every location and channel that is named somewhere exists."""
        self._channels_are_whole(known := set(self.locations))
        for name, recipe in self.bundles.items():
            if nested := sorted(set(recipe) & set(self.bundles)):
                raise ValueError(
                    f"bundles.{name}: {nested[0]!r} is a bundle itself; list the components it is made of"
                )
        for name, location in self.locations.items():
            if location.carried_out_by is not None:
                self._carries_out(name, location.carried_out_by)
        if unknown := sorted(self.authority.named - set(self.channels)):
            raise ValueError(
                f"authority: unknown channel {unknown[0]!r}; channels are: {', '.join(self.channels)}"
            )
        if unknown := sorted(set(self.authority.locations) - known):
            raise ValueError(f"authority: unknown location {unknown[0]!r}")
        return self

    def _channels_are_whole(self, known: set[str]) -> None:
        """Raises `ValueError` for the first channel that names a location which is not `known`, or lacks something."""
        for name, channel in self.channels.items():
            named = {
                *channel.locations.values(),
                *(channel.rules.locations or ()),
                *channel.rules.safety_stock_by_location,
                channel.rules.ships_from,
            }
            if unknown := sorted(named - known - {UNROUTED}):
                raise ValueError(
                    f"channels.{name}: unknown location {unknown[0]!r}; add [locations.{unknown[0]}] or use one of: "
                    f"{', '.join(sorted(known)) or 'none yet'}"
                )
            if channel.rules.closed is not None or channel.rules.buffers is not None:
                raise ValueError(
                    f"channels.{name}: closed and buffers follow from what the locations are for; say it there"
                )
            if channel.sandbox is not None and not channel.sandbox_port:
                raise ValueError(f"channels.{name}: a sandbox needs sandbox_port, a free port such as 8801")

    def _carries_out(self, location: str, channel: str) -> None:
        """Raises `ValueError` where a channel cannot carry out what is committed at a location."""
        its = self.channels.get(channel)
        if its is None:
            raise ValueError(
                f"locations.{location}: carried_out_by: unknown channel {channel!r}; channels are: "
                f"{', '.join(self.channels) or 'none yet'}"
            )
        if self.connector(channel).orders is None:
            able = sorted(platform for platform, one in CONNECTORS.items() if one.orders is not None)
            raise ValueError(
                f"locations.{location}: carried_out_by: no orders are created in {its.platform}; "
                f"channels of these platforms can: {', '.join(able)}"
            )
        if its.locations and location not in its.locations.values():
            raise ValueError(
                f"locations.{location}: carried_out_by: {channel} knows no {location}; "
                f"add its reference to [channels.{channel}.locations]"
            )

    def carried_out_by(self, channel: str) -> frozenset[str]:
        """The locations that a channel's platform carries orders out at."""
        return frozenset(name for name, its in self.locations.items() if its.carried_out_by == channel)

    @property
    def rules(self) -> Rules:
        """The rules of all channels, and of the locations; their version is a digest of their content."""
        return rules_of(
            {name: channel.rules for name, channel in self.channels.items()},
            self.bundles,
            {name: location.rules for name, location in self.locations.items()},
        )

    def with_rules(self, channel: str, rules: ChannelRules) -> Settings:
        """The settings with other rules of a channel. Raises `BadRules` where they name a location that is not configured."""
        named = {*(rules.locations or ()), *rules.safety_stock_by_location}
        if unknown := sorted(named - {*self.locations, UNROUTED}):
            raise BadRules(
                f"unknown location {unknown[0]!r}; locations are: {', '.join(sorted(self.locations))}"
            )
        return self.model_copy(
            update={
                "channels": {
                    **self.channels,
                    channel: self.channels[channel].model_copy(update={"rules": rules}),
                }
            }
        )

    def ruled(self, rules: Rules) -> Settings:
        """The settings under other rules; of channels that these do not know, their own hold."""
        channels = {
            name: channel.model_copy(update={"rules": rules.channels.get(name, channel.rules)})
            for name, channel in self.channels.items()
        }
        locations = {
            name: location.model_copy(update=asdict(rules.locations.get(name, LocationRules())))
            for name, location in self.locations.items()
        }
        return self.model_copy(
            update={"channels": channels, "bundles": rules.bundles, "locations": locations}
        )

    @property
    def sites(self) -> tuple[Site, ...]:
        """The locations as shoppers meet them."""
        return tuple(location.site(name) for name, location in sorted(self.locations.items()))

    @property
    def witnesses(self) -> Authority:
        """Whose word counts, and how each channel's platform counts."""
        on_hand = {name for name in self.channels if self.connector(name).counts == "on_hand"}
        return replace(self.authority, on_hand=self.authority.on_hand | on_hand)

    @property
    def skews(self) -> dict[str, float]:
        """By how many seconds each channel's clock may be wrong."""
        return {name: channel.clock_skew for name, channel in self.channels.items()}

    @property
    def keeps_customers(self) -> bool:
        """Whether any channel wants to know whom its orders are for."""
        return any(getattr(channel, "customers", False) for channel in self.channels.values())

    def addressed(self, channel: str) -> ChannelSettings:
        """A channel's settings, with the address of its sandbox where it has one, and where its processes share a pace."""
        its = self.channels[channel]
        shared = {"pace": its.pace or str(self.data / "pace" / channel)}
        if its.sandbox is not None and its.base_url is None:
            shared["base_url"] = f"http://127.0.0.1:{its.sandbox_port}"
        return its.model_copy(update=shared)

    def connector(self, channel: str) -> Connector:
        """The connector of a channel's platform."""
        return CONNECTORS[self.channels[channel].platform]


def load(path: Path) -> Settings:
    """The configuration in a file, with the environment laid over it. Raises `BadConfiguration`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadConfiguration(
            f"{path}: cannot be read ({error.strerror}); name another with --config"
        ) from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{path}: not valid TOML: {error}") from None
    try:
        settings = Settings(**content)
    except ValidationError as error:
        raise BadConfiguration("\n".join(faults(path, text, error))) from None
    data = settings.data if settings.data.is_absolute() else path.resolve().parent / settings.data
    return settings.model_copy(update={"data": data, "kafka": settings.kafka.beside(path.resolve().parent)})


def faults(path: Path, text: str, error: ValidationError) -> list[str]:
    """A line for each fault of a TOML file: where it is, what it is, and what would do."""
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        where = [str(part) for part in fault["loc"] if str(part) not in CONNECTORS]
        message = fault["msg"].removeprefix("Value error, ")
        if not where and (found := re.match(r"(channels|bundles|locations)\.([^:]+): ", message)):
            where, message = [found[1], found[2]], message[found.end() :]
            while field := re.match(r"([a-z_]+): ", message):
                where, message = [*where, field[1]], message[field.end() :]
        lines.append(
            f"{path}:{_line(text, where)}: {'.'.join(where) or 'file'}: {message}{_hint(fault['type'])}"
        )
    return lines


def _hint(kind: str) -> str:
    return {
        "extra_forbidden": ": there is no such setting; check the spelling",
        "unexpected_keyword_argument": ": there is no such setting; check the spelling",
        "missing": ": add it",
        "union_tag_not_found": f": add platform = one of {', '.join(sorted(CONNECTORS))}",
    }.get(kind, "")


def _line(text: str, where: list[str]) -> int:
    """The line of the TOML that a field stands on, or the nearest one above it that exists."""
    best, depth, table = 1, 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]", line):
            table = [part.strip().strip('"') for part in header[1].split(".")]
            here = table
        elif key := re.match(r'\s*("[^"]+"|[A-Za-z0-9_.-]+)\s*=', line):
            here = [*table, *[part.strip('"') for part in key[1].split(".")]]
        else:
            continue
        shared = min(len(here), len(where))
        if shared > depth and where[:shared] == here[:shared]:
            best, depth = number, shared
    return best


def secret_in(env: Mapping[str, str], variable: str) -> str | None:
    """A secret from a variable, or from the file that `<variable>_FILE` names; None where neither is set. Raises `BadConfiguration`
    where the file cannot be read.
    """
    value = env.get(variable)
    if value is None and (file := env.get(f"{variable}_FILE")):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadConfiguration(f"{variable}_FILE: {file} cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise BadConfiguration(f"{variable}_FILE: {file} is no text") from None
    return value


def kafka_password(env: Mapping[str, str] = os.environ) -> SecretStr:
    """The password of Kafka's user. Raises `BadConfiguration` where there is none."""
    found = secret_in(env, "ONHAND_KAFKA_PASSWORD")
    if found is None:
        raise BadConfiguration(
            "kafka.username: set ONHAND_KAFKA_PASSWORD, or ONHAND_KAFKA_PASSWORD_FILE to a file that holds it"
        )
    return SecretStr(found)


def postgres_password(env: Mapping[str, str] = os.environ) -> SecretStr | None:
    """The password of PostgreSQL's user; None where the server asks for none, or libpq finds it by itself (`~/.pgpass`)."""
    found = secret_in(env, "ONHAND_POSTGRES_PASSWORD")
    return None if found is None else SecretStr(found)


def alert_secret(env: Mapping[str, str] = os.environ) -> SecretStr | None:
    """What alerts are signed with: ONHAND_ALERTS_SECRET, or the file that ONHAND_ALERTS_SECRET_FILE names."""
    found = secret_in(env, "ONHAND_ALERTS_SECRET")
    return None if found is None else SecretStr(found)


def oidc_secret(env: Mapping[str, str] = os.environ) -> SecretStr:
    """The secret of the dashboard's client at its provider. Raises `BadConfiguration`."""
    found = secret_in(env, "ONHAND_DASHBOARD_OIDC_SECRET")
    if found is None:
        raise BadConfiguration(
            "dashboard.oidc: set ONHAND_DASHBOARD_OIDC_SECRET, or ONHAND_DASHBOARD_OIDC_SECRET_FILE to a file that holds it"
        )
    return SecretStr(found)


def secrets_of(
    channel: str, names: tuple[str, ...], settings: ChannelSettings, env: Mapping[str, str] = os.environ
) -> Secrets:
    """A channel's secrets, from `ONHAND_<CHANNEL>_<NAME>` or the file that `..._FILE` names.

    A channel that runs against a sandbox needs none: its secrets default to the word `sandbox`. Raises
    `BadConfiguration` naming the variable that is missing; a name that ends in `?` may be missing.
    """
    found: dict[str, SecretStr] = {}
    for name in names:
        required, name = not name.endswith("?"), name.removesuffix("?")  # noqa: PLW2901  # the mark is no part of it
        variable = f"ONHAND_{channel}_{name}".upper().replace("-", "_")
        value = secret_in(env, variable)
        if value is None and settings.sandbox is not None and required:
            value = "sandbox"
        if value is not None:
            found[name] = SecretStr(value)
        elif required:
            raise BadConfiguration(
                f"channels.{channel}: set {variable}, or {variable}_FILE to a file that holds it"
            )
    return found


def vault_key(data: Path, env: Mapping[str, str] = os.environ) -> MasterKey | None:
    """The vault's master key: `ONHAND_VAULT_KEY`, the file that `ONHAND_VAULT_KEY_FILE` names, or `<data>/vault-key`. None where
    there is none yet. Raises `BadConfiguration` for one that cannot be used.
    """
    file = data / "vault-key"
    try:
        written = secret_in(env, "ONHAND_VAULT_KEY")
        if written is None and not file.exists():
            return None
        return MasterKey.read(file.read_text(encoding="utf-8") if written is None else written)
    except OSError as error:
        raise BadConfiguration(
            f"the vault's key cannot be read ({error.strerror}): {error.filename}"
        ) from None
    except ValueError as error:
        raise BadConfiguration(
            f"the vault's key (ONHAND_VAULT_KEY, ONHAND_VAULT_KEY_FILE or {file}) cannot be used: {error}"
        ) from None


def export_key(data: Path, env: Mapping[str, str] = os.environ) -> Signer | None:
    """What exports are signed with: `ONHAND_EXPORT_KEY`, the file that `ONHAND_EXPORT_KEY_FILE` names, or `<data>/export-key`. None
    where there is none yet. Raises `BadConfiguration` for one that cannot be used.
    """
    file = data / "export-key"
    try:
        written = secret_in(env, "ONHAND_EXPORT_KEY")
        if written is None and not file.exists():
            return None
        return Signer.read(file.read_text(encoding="utf-8") if written is None else written)
    except OSError as error:
        raise BadConfiguration(
            f"the key of exports cannot be read ({error.strerror}): {error.filename}"
        ) from None
    except ValueError as error:
        raise BadConfiguration(
            f"the key of exports (ONHAND_EXPORT_KEY, ONHAND_EXPORT_KEY_FILE or {file}) cannot be used: {error}"
        ) from None


def api_keys(data: Path, env: Mapping[str, str] = os.environ) -> tuple[SecretStr, ...]:
    """The API keys: `ONHAND_API_KEYS` (separated by commas), those in the file that `ONHAND_API_KEYS_FILE` names, or the one in
    `<data>/api-key`.
    """
    listed = secret_in(env, "ONHAND_API_KEYS") or ""
    keys = [key.strip() for key in listed.split(",") if key.strip()]
    file = data / "api-key"
    if not keys and file.exists():
        keys = [file.read_text(encoding="utf-8").strip()]
    return tuple(map(SecretStr, keys))
