"""API keys: made, listed and revoked by an operator, and whose one is while everything runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from projections.access import ROLES, Role, Scope
from projections.apikeys import LOOKS, ApiKeys, NameTaken, digest, new_key, prefix_of
from projections.pool import open_pool
from projections.problems import Problem
from projections.queries import Queries
from streams.commands.keys import until
from streams.keys import HOLDS_FOR, KeyRing, Keys
from streams.settings import BadConfiguration

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
READ = frozenset({Scope.READ})


class Clocks:
    """The wall's, and the one that does not go back."""

    def __init__(self):
        self.now, self.ticks = NOW, 50.0

    def pass_by(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def table(pool):
    return ApiKeys(Queries(pool))


@pytest.fixture
async def ring(table, clocks):
    found = KeyRing(Keys([SecretStr("own")]), table, lambda: clocks.now, lambda: clocks.ticks)
    await found.look()
    return found


async def made(table, name="till-7", scopes=READ, *, expires_at=None, rate=None):
    key = new_key(name, scopes, NOW, expires_at, rate)
    await table.add(key.kept)
    return key.key


# -- whose it is


async def test_given_a_key_that_was_made_then_its_owner_has_its_scopes_and_its_rate(ring, table):
    key = await made(table, scopes=frozenset({Scope.READ, Scope.RESERVE}), rate=7.0)
    assert ring.accept(key) is None, "the table was not looked at since"
    await ring.look()
    caller = ring.accept(key)
    assert (caller.name, caller.scopes, caller.rate) == ("till-7", {Scope.READ, Scope.RESERVE}, 7.0)


async def test_given_the_installations_own_key_then_it_may_do_everything_whatever_the_table_says(
    ring, clocks
):
    clocks.pass_by(1_000)
    assert ring.accept("own").scopes == ROLES[Role.ADMIN]


async def test_given_anything_else_then_it_is_nobodys(ring, table):
    key = await made(table)
    await ring.look()
    other = new_key("other", READ, NOW, None, None).key
    changed = key[:-1] + ("A" if key[-1] != "A" else "B")
    for offered in (other, changed, key + "x", key[:-1], key.upper(), prefix_of(key), "", "own ", "\ud800"):
        assert ring.accept(offered) is None, offered


async def test_given_a_revoked_key_then_it_is_refused_five_seconds_later_at_the_latest(ring, table, clocks):
    key = await made(table)
    await ring.look()
    assert await table.revoke("till-7", NOW)
    assert ring.accept(key), "it was not looked at yet"
    await ring.look()
    assert ring.accept(key) is None
    assert not await table.revoke("till-7", NOW)
    assert 0 < HOLDS_FOR < 5


async def test_given_a_table_that_cannot_be_read_then_what_was_read_holds_for_a_while_and_then_nobody_knows(
    ring, table, clocks
):
    key = await made(table)
    await ring.look()
    clocks.pass_by(HOLDS_FOR)
    assert ring.accept(key)
    clocks.pass_by(0.1)
    with pytest.raises(Problem) as refused:
        ring.accept(key)
    assert (refused.value.status, refused.value.retry_after) == (503, 2)
    assert ring.accept("guess") is None, "what does not look like a key needs no look"


async def test_given_a_key_with_an_end_then_it_is_good_until_then_without_another_look(ring, table, clocks):
    key = await made(table, expires_at=NOW + timedelta(seconds=2))
    await ring.look()
    clocks.pass_by(1.9)
    assert ring.accept(key)
    clocks.pass_by(0.1)
    assert ring.accept(key) is None


async def test_given_a_key_that_is_used_then_the_table_says_when_by_the_minute(ring, table, clocks):
    key = await made(table)
    for seconds, seen in ((0, 0), (30, 0), (31, 61)):
        clocks.pass_by(seconds)
        await ring.look()
        ring.accept(key)
        await ring.look()
        (kept,) = await table.listed()
        assert kept.last_used_at == NOW + timedelta(seconds=seen)


async def test_given_the_table_then_neither_the_key_nor_anything_it_could_be_found_from_is_in_it(table, pool):
    key = await made(table)
    async with pool.connection() as connection:
        row = str(await (await connection.execute("SELECT t::text FROM api_keys AS t")).fetchone())
    assert key not in row
    assert key.rpartition("_")[2] not in row
    assert digest(key).hex() in row
    assert LOOKS.fullmatch(key)


async def test_given_a_name_that_a_good_key_has_then_there_is_no_second_until_it_is_revoked(table):
    await made(table)
    with pytest.raises(NameTaken):
        await made(table)
    await table.revoke("till-7", NOW)
    await made(table)
    assert sorted(key.revoked_at is None for key in await table.listed()) == [False, True]


async def test_given_keys_then_no_two_are_alike():
    found = {new_key("n", READ, NOW, None, None).key for _ in range(200)}
    assert len({prefix_of(key) for key in found}) == 200


async def test_given_a_database_that_is_away_then_the_ring_says_so_and_goes_on(clocks, dsn):
    away = await open_pool(dsn)  # without its schema
    ring = KeyRing(Keys([]), ApiKeys(Queries(away)), lambda: clocks.now, lambda: clocks.ticks)
    with pytest.raises(Exception, match="api_keys"):
        await ring.look()
    with pytest.raises(Problem):
        ring.accept(new_key("n", READ, NOW, None, None).key)
    await away.close()


# -- what an operator types


@pytest.mark.parametrize(
    ("said", "at"),
    [
        (None, None),
        ("90d", NOW + timedelta(days=90)),
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T12:00:00+02:00", datetime(2027, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_given_an_end_then_it_is_the_one_that_is_meant(said, at):
    assert until(said, NOW) == at


@pytest.mark.parametrize(
    "said", ["", "soon", "0d", "-1d", "36501d", "9999999d", "2026-11-30T11:59:59Z", "1e3d"]
)
def test_given_an_end_that_is_none_or_has_passed_then_it_is_refused(said):
    with pytest.raises(BadConfiguration, match="--expires"):
        until(said, NOW)


@pytest.fixture
def typed(tmp_path, dsn):
    (tmp_path / "onhand.toml").write_text(
        f'[kafka]\naddress = "127.0.0.1:1"\n[postgres]\naddress = "{dsn}"\n'
    )

    def run(*arguments, code=0):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "streams.cli",
                "keys",
                *arguments,
                "--config",
                str(tmp_path / "onhand.toml"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_given_an_operator_then_keys_are_made_listed_and_revoked(typed):
    key = typed("create", "till-7", "--role", "viewer", "--expires", "90d").strip()
    assert LOOKS.fullmatch(key)
    both = json.loads(typed("create", "app", "--scope", "reserve", "--scope", "read", "--json"))
    assert LOOKS.fullmatch(both["key"])
    assert (both["scopes"], both["expires_at"]) == (["read", "reserve"], None)
    assert "revoke it first" in typed("create", "app", "--role", "admin", code=2)
    listed = typed("list", "--json")
    assert [(row["name"], row["state"], row["scopes"]) for row in json.loads(listed)["items"]] == [
        ("till-7", "good", ["read", "watch"]),
        ("app", "good", ["read", "reserve"]),
    ]
    assert not re.search("digest|onhand_", listed)
    assert json.loads(typed("revoke", "app", "--json")) == {"name": "app", "revoked": True}
    assert "no key 'app'" in typed("revoke", "app", code=1)
    assert [row["state"] for row in json.loads(typed("list", "--json"))["items"]] == ["good", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["till-7"], "--role viewer"),
        (["api-key", "--role", "viewer"], "cannot be a key's name"),
        (["", "--role", "viewer"], "cannot be a key's name"),
        (["a\nb", "--role", "viewer"], "cannot be a key's name"),
        (["till-7", "--role", "viewer", "--expires", "soon"], "--expires"),
    ],
)
def test_given_a_key_that_cannot_be_then_the_operator_is_told_with_exit_code_2(typed, arguments, said):
    assert said in typed("create", *arguments, code=2)
