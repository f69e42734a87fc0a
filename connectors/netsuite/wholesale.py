"""Which transactions are wholesale: by what NetSuite knows of their customer, and by their form or class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from connectors.netsuite import queries
from connectors.netsuite.answers import Row, ident, listed

if TYPE_CHECKING:
    from connectors.netsuite.client import NetSuiteClient

TYPES = ("form", "class")


class Verdicts:
    """What is judged of the transactions of a channel. Asks nothing where the settings name nothing."""

    def __init__(self, client: NetSuiteClient) -> None:
        self._client, self._wholesale = client, client.settings.wholesale
        named = {one.partition(":")[0] for one in self._wholesale.types}
        self._asked = ["category"] * bool(self._wholesale.groups) + [name for name in TYPES if name in named]

    async def of(self, families: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
        """The verdict on each transaction. It is judged with those it was made from, whose ids come with its own: what carries a
        wholesale order out has a form of its own. Raises `SlowDown`, `Unreachable`.
        """
        if not self._asked:
            return {}
        wanted = sorted({*families, *(one for family in families.values() for one in family)}, key=int)
        rows = listed(await self._client.ask(queries.marks(wanted, self._asked))) if wanted else []
        known = {ident(row, "id"): row for row in rows}
        return {
            name: self._verdict([known[one] for one in (name, *family) if one in known])
            for name, family in families.items()
        }

    def _verdict(self, rows: Iterable[Row]) -> dict[str, str]:
        groups, types = list[object](), list[object]()
        for row in rows:
            groups.append(row.get("categorymark"))
            types += [f"{name}:{row[f'{name}mark']}" for name in TYPES if row.get(f"{name}mark")]
        return self._wholesale.verdict(groups=groups, types=types)
