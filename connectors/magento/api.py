"""Magento's REST API: authorised calls, and lists by search criteria."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import SecretStr

from connectors.contract import Secrets
from connectors.errors import ConnectorError, Unreachable
from connectors.magento.settings import MagentoSettings
from connectors.oauth1 import Keys, Pairs, authorization, query_of
from connectors.polite import Http, Reply
from connectors.tokens import Held, Tokens, granted

NEEDED = {
    "oauth1": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "bearer": ("access_token",),
    "ims": ("client_id", "client_secret"),
}
"""The secrets that each way of authorisation needs."""

DOUBLES = "sandbox"
"""What stands for a secret that a channel with a sandbox was not given."""

CHANGE_ORDER = ("updated_at", "entity_id")
NEVER = "1970-01-01 00:00:00"

Row = dict[str, Any]


class Filter(NamedTuple):
    """A condition on a list: a field of its rows, how it is compared (`eq`, `in`, `gteq`), and with what."""

    field: str
    how: str
    value: str


Groups = Sequence[Sequence[Filter]]
"""Groups of conditions: all groups must hold, and of each group one condition."""


class Api:
    """One shop's API with one channel's credentials. `seen_at` is Magento's own clock at its last answer."""

    def __init__(self, settings: MagentoSettings, secrets: Secrets) -> None:
        self._settings = settings
        missing = [name for name in NEEDED[settings.auth] if name not in secrets]
        if missing and settings.sandbox is None:
            raise ConnectorError(f"auth = {settings.auth!r} needs the secrets {', '.join(missing)}")
        self._secrets = {name: secrets.get(name, SecretStr(DOUBLES)) for name in NEEDED[settings.auth]}
        more: dict[str, str] = {}
        if settings.auth == "ims":
            more = {"Store": settings.store, "x-gw-ims-org-id": settings.organization}
            more["x-api-key"] = self._secret("client_id")
        self._http = Http(settings.address, more, settings.paced(), private=settings.private)
        self._ims = Http(
            settings.address if settings.sandbox else settings.ims_url, {}, private=settings.private
        )
        self._tokens = Tokens(Held(), self._renewed)
        self.seen_at = datetime.now(UTC)

    async def call(self, method: str, path: str, *, body: Any = None, query: Pairs = ()) -> Reply:
        """One authorised call. Raises `SlowDown`, `Unreachable`; other answers are the caller's to judge."""
        pairs = list(query)
        path = self._settings.path + path

        async def send(shown: str) -> Reply:
            asked, headers = query_of(pairs) or None, {"Authorization": shown}
            return await self._http.call(method, path, body=body, query=asked, headers=headers)

        if self._settings.auth == "ims":
            reply = await self._tokens.call(lambda token: send(f"Bearer {token}"))
        else:
            reply = await send(self._authorization(method, path, pairs))
        self.seen_at = reply.answered_at
        return reply

    async def search(
        self, path: str, groups: Groups, sort: Sequence[str], page: int = 1, size: int | None = None
    ) -> tuple[list[Row], int]:
        """One page of a list, and how many rows it has in all. Raises `Unreachable` for an answer that is no list."""
        size = size or self._settings.page_size
        reply = checked(await self.call("GET", path, query=[*_criteria(groups, sort), *_paging(page, size)]))
        body = reply.body if isinstance(reply.body, Mapping) else {}
        rows, total = body.get("items") or [], body.get("total_count")
        if not isinstance(rows, list) or not isinstance(total, int):
            raise Unreachable("Magento answered no list")
        return rows, total

    async def pages(self, path: str, groups: Groups, sort: Sequence[str]) -> AsyncIterator[list[Row]]:
        """A list, page by page. Past its end Magento repeats the last page, so `total_count` ends it."""
        read, page = 0, 1
        while True:
            rows, total = await self.search(path, groups, sort, page)
            if rows:
                yield rows
            read, page = read + len(rows), page + 1
            if not rows or read >= total:
                return

    async def changed(self, path: str, since: str) -> AsyncIterator[list[Row]]:
        """The rows of a list changed at or after `since`, oldest change first.

        A row that changes meanwhile moves to the end, and the rows behind it one up: so the next page is asked for by the
        last row's instant, and by number only among rows of one second. Rows at the seams come twice.
        """
        page = 1
        while True:
            newer = [[Filter("updated_at", "gteq", since)]] if since else []
            rows, total = await self._readable(path, newer, page, since)
            if rows:
                yield rows
            if not rows or page * self._settings.page_size >= total:
                return
            reached = str(rows[-1].get("updated_at"))
            since, page = (since, page + 1) if reached == since else (reached, 1)

    async def _readable(self, path: str, groups: Groups, page: int, since: str) -> tuple[list[Row], int]:
        """A page of changed rows, read one by one where Magento cannot answer them together: one broken order makes it
        answer 500 for all (magento2#36213). That one becomes a row that is `unreadable`, with the instant of the row
        before it. Raises `Unreachable` for two in a row: then it is not the orders that are broken.
        """
        size = self._settings.page_size
        try:
            return await self.search(path, groups, CHANGE_ORDER, page)
        except Unreachable:
            if size == 1:
                raise
        rows: list[Row] = []
        total, at = page * size, (page - 1) * size
        while at < min(total, page * size):
            at += 1
            try:
                found, total = await self.search(path, groups, CHANGE_ORDER, at, 1)
            except Unreachable:
                if rows and rows[-1].get("unreadable"):
                    raise
                before = rows[-1]["updated_at"] if rows else since or NEVER
                found = [{"entity_id": 0, "updated_at": before, "unreadable": True}]
            rows += found
        return rows, total

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()
        await self._ims.close()

    def _secret(self, name: str) -> str:
        return self._secrets[name].get_secret_value()

    def _authorization(self, method: str, path: str, pairs: Pairs) -> str:
        if self._settings.auth == "bearer":
            return f"Bearer {self._secret('access_token')}"
        keys = Keys(*(self._secret(name) for name in NEEDED["oauth1"]))
        url = self._settings.address + path
        return authorization(method, url, pairs, keys)

    async def _renewed(self, held: Held) -> Held:
        """A token of the cloud service by the client credentials grant."""
        form = {name: self._secret(name) for name in NEEDED["ims"]}
        form |= {"grant_type": "client_credentials", "scope": self._settings.ims_scope}
        return granted("IMS", await self._ims.call("POST", "/ims/token/v3", form=form), held)


def checked(reply: Reply) -> Reply:
    """A good answer. Raises `Unreachable` for any other, with what Magento says about it."""
    if not 200 <= reply.status < 300:
        raise Unreachable(f"Magento answered {reply.status}: {said(reply)}"[:300])
    return reply


def said(reply: Reply) -> str:
    """Magento's own words about an error: `{message, parameters}`, where `%name` or `%1` stands for a parameter."""
    body = reply.body if isinstance(reply.body, Mapping) else {}
    text, parameters = str(body.get("message", "")), body.get("parameters")
    named: Iterable[tuple[Any, Any]] = ()
    if isinstance(parameters, Mapping):
        named = parameters.items()
    elif isinstance(parameters, list):
        named = enumerate(parameters, start=1)
    for name, value in named:
        text = text.replace(f"%{name}", str(value))
    return text[:200]


def any_of(field: str, values: Iterable[str]) -> list[Filter]:
    """One group for any of these values. `in` lists them with commas, so a value with one has a condition of its own."""
    found = list(values)
    plain = [value for value in found if "," not in value]
    odd = [Filter(field, "eq", value) for value in found if "," in value]
    return [*([Filter(field, "in", ",".join(plain))] if plain else []), *odd]


def _criteria(groups: Groups, sort: Sequence[str]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for at, group in enumerate(groups):
        for number, one in enumerate(group):
            name = f"searchCriteria[filter_groups][{at}][filters][{number}]"
            pairs += [
                (f"{name}[field]", one.field),
                (f"{name}[value]", one.value),
                (f"{name}[condition_type]", one.how),
            ]
    for at, field in enumerate(sort):
        name = f"searchCriteria[sortOrders][{at}]"
        pairs += [(f"{name}[field]", field), (f"{name}[direction]", "ASC")]
    return pairs


def _paging(page: int, size: int) -> list[tuple[str, str]]:
    return [("searchCriteria[pageSize]", str(size)), ("searchCriteria[currentPage]", str(page))]
