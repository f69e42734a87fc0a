"""`onhand check`: whether the configuration is right and everything in it answers."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import typer
from aiokafka.errors import KafkaError

from connectors.errors import ConnectorError
from projections.pool import DatabaseError, migrate
from streams.cluster import Kafka, Refused
from streams.commands.opened import (
    ONHAND_TOML,
    Config,
    Json,
    out,
    run,
    show,
)
from streams.reader import Reader
from streams.settings import BadConfiguration, Settings, load, secrets_of
from streams.system import NotRunning, addresses


def check(config: Config = ONHAND_TOML, as_json: Json = False) -> None:
    """Validate the configuration, the credentials and the connections."""

    async def body() -> list[dict[str, Any]]:
        settings = load(config)
        found = [{"check": str(config), "ok": True, "detail": f"{len(settings.channels)} channels"}]
        found += [await _credentials(settings, name) for name in settings.channels]
        with contextlib.suppress(NotRunning):
            parts = addresses(settings)
            found.append(
                await _answers("Kafka", str(parts.bootstrap), lambda: kafka_answers(parts.bootstrap))
            )
            found.append(await _answers("PostgreSQL", _at(parts.dsn), lambda: migrate(parts.dsn)))
        return found

    found = run(body())
    if as_json:
        show({"ok": all(row["ok"] for row in found), "checks": found})
    else:
        for row in found:
            out.print(
                f"{'ok ' if row['ok'] else 'BAD'} {row['check']}: {row['detail']}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    if not all(row["ok"] for row in found):
        raise typer.Exit(1)


async def _credentials(settings: Settings, name: str) -> dict[str, Any]:
    try:
        connector, channel = settings.connector(name), settings.channels[name]
        client = connector.client(settings.addressed(name), secrets_of(name, connector.secrets, channel))
    except BadConfiguration as error:
        return {"check": f"channel {name}", "ok": False, "detail": str(error)}
    try:
        found = await client.directory()
    except ConnectorError as error:
        return {"check": f"channel {name}", "ok": False, "detail": str(error)}
    finally:
        await client.close()
    return {
        "check": f"channel {name}",
        "ok": True,
        "detail": f"{len(found.handles)} items, {len(found.locations)} places",
    }


async def kafka_answers(bootstrap: Kafka) -> None:
    """Asks a broker something. Raises `KafkaError`."""
    reader = Reader(bootstrap)
    try:
        await reader.start()
    finally:
        await reader.stop()


def _at(dsn: str) -> str:
    """The address in a connection string, which may hold a password."""
    found = urlsplit(dsn)
    return f"{found.hostname}:{found.port or 5432}"


async def _answers(what: str, address: str, ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    try:
        await ask()
    except Refused as error:
        return {"check": what, "ok": False, "detail": str(error)}
    except (KafkaError, *DatabaseError) as error:
        return {
            "check": what,
            "ok": False,
            "detail": f"does not answer at {address}: {type(error).__name__}",
        }
    return {"check": what, "ok": True, "detail": f"answers at {address}"}
