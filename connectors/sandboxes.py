"""A channel's own double of its platform, when `onhand.toml` asks for one: no credentials needed, real sockets used."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from connectors.contract import ChannelSettings, Row, Sandbox, Secrets
from connectors.registry import CONNECTORS


def rows_of(file: Path) -> list[Row]:
    """The rows of a CSV file `sku,location,quantity[,tracked]`. Raises `ValueError` naming the line."""
    rows = []
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        try:
            for row in reader:
                tracked = (row.get("tracked") or "yes").lower() in {"yes", "true", "1"}
                rows.append(Row(row["sku"], row["location"], int(row["quantity"]), tracked))
        except (KeyError, ValueError, TypeError, csv.Error) as error:
            raise ValueError(f"{file}:{reader.line_num}: needs sku,location,quantity ({error})") from None
    return rows


def sandbox_of(settings: ChannelSettings, secrets: Secrets, rows: Iterable[Row]) -> Sandbox:
    """A sandbox with the channel's settings and credentials, seeded with `rows`; not started yet."""
    rows = list(rows)
    places = list(dict.fromkeys(row.location for row in rows))
    plain = {name: secret.get_secret_value() for name, secret in secrets.items()}
    sandbox = CONNECTORS[settings.platform].sandbox(settings, plain, places)
    for row in rows:
        sandbox.seed(row.sku, row.location, row.quantity, row.tracked)
    return sandbox
