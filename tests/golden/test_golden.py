"""Every release folds the logs of those before it to the same bytes, and takes them over with everything that is in them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from schemas.availability import ChannelQuantity, same_numbers
from schemas.claims import Claim
from schemas.codec import Undecodable, decode, encode
from schemas.granting import step
from schemas.ledger import Stock
from schemas.movements import Cause, Movement
from schemas.rules import Rules
from schemas.settling import Settler, Transaction, apply
from schemas.topics import (
    CHANNEL_QUANTITIES,
    CLAIMS,
    DEAD_LETTERS,
    MOVEMENTS,
    RULES,
    STOCK,
    TOPICS,
    TRANSACTIONS,
)
from schemas.witnesses import Authority
from streams.archive import Kept, kept
from streams.backing_up import contents_of
from streams.settings import load
from streams.stages import DEALS_KNOWN, instant
from streams.tables import OFFSET_HEADER
from streams.verify import numbers

RELEASES = sorted(folder for folder in (Path(__file__).parent / "releases").iterdir() if folder.is_dir())
EXAMPLE = Path(__file__).parents[2] / "deploy" / "example" / "onhand.toml"
SIZE_MAX = 1_000_000

every_release = pytest.mark.parametrize("release", RELEASES, ids=lambda folder: folder.name)


class Log:
    """A release's log, as it was recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.contents = folder / "log", contents_of(folder / "log")

    def records(self, topic) -> Iterator[tuple[int, Kept]]:
        """The partition and the record, of all of a topic, each partition in its order."""
        for partition in range(self.contents.partitions):
            for records in kept(self.folder / f"{topic.name}-{partition}.parquet"):
                for record in records:
                    yield partition, record

    def newest(self, topic) -> dict[bytes, bytes]:
        """The state that a topic has of every key: the one that was made at the highest offset."""
        found: dict[bytes, tuple[int, bytes]] = {}
        for _, record in self.records(topic):
            at = int(dict(record.headers)[OFFSET_HEADER]) if topic is not CHANNEL_QUANTITIES else 0
            if record.key not in found or found[record.key][0] <= at:
                found[record.key] = at, record.value
        return {key: value for key, (_, value) in found.items()}


@cache
def log_of(folder: Path) -> Log:
    return Log(folder)


@pytest.fixture
def log(release) -> Log:
    return log_of(release)


@cache
def settled(log: Log) -> tuple[dict[str, Transaction], dict[str, Movement]]:
    """What today's code makes of the claims."""
    authority: Authority = load(EXAMPLE).witnesses
    settler, deals, posted = Settler(authority, DEALS_KNOWN), dict[str, Transaction](), dict[str, Movement]()
    for partition, record in log.records(CLAIMS):
        try:
            claim = decode(Claim, record.value)
        except Undecodable:
            continue
        at = instant(SimpleNamespace(timestamp=record.timestamp))
        cause = Cause(partition, record.offset, 0)
        before = deals.get(claim.transaction, Transaction())
        deals[claim.transaction], made = apply(before, claim, at, cause, settler)
        posted |= {movement.id: movement for movement in made}
    return deals, posted


@cache
def folded(log: Log) -> tuple[dict[str, Stock], dict[str, Movement]]:
    """What today's code makes of the movements: the stock, and what the ledger posts."""
    stocks, posted = dict[str, Stock](), dict[str, Movement]()
    for partition, record in log.records(MOVEMENTS):
        movement = decode(Movement, record.value)
        if not movement.cause.own:
            taken = step(
                stocks.get(movement.sku, Stock(sku=movement.sku)), movement, record.offset, partition
            )
            stocks[movement.sku] = taken.stock
            posted |= {own.id: own for own in taken.posted if own.request is None}
    return stocks, posted


def test_given_this_release_then_its_log_was_recorded():
    assert {folder.name for folder in RELEASES} >= {"0.1.0"}


@every_release
def test_given_a_release_then_its_log_is_small_and_rich_and_as_it_was_recorded(log):
    assert sum(file.bytes for file in log.contents.files.values()) < SIZE_MAX
    held = {topic.name: sum(1 for _ in log.records(topic)) for topic in TOPICS}
    assert min(held.values()) > 0, held
    kinds = {decode(Movement, record.value).kind for _, record in log.records(MOVEMENTS)}
    assert len(kinds) > 20, kinds


@every_release
@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_given_whatever_it_wrote_then_today_s_code_reads_it_and_says_the_same(log, topic):
    for _, record in log.records(topic):
        if topic is CLAIMS:
            try:
                decode(Claim, record.value)
            except Undecodable:
                continue
        again, was = json.loads(encode(decode(topic.holds, record.value))), json.loads(record.value)
        assert again | was == again


@every_release
def test_given_its_claims_then_they_settle_to_the_movements_that_it_posted(log):
    _, due = settled(log)
    _, own = folded(log)
    written = {
        movement.id: record.value
        for _, record in log.records(MOVEMENTS)
        if (movement := decode(Movement, record.value)).request is None
    }
    made = {ident: encode(movement) for ident, movement in (due | own).items()}
    assert made.keys() == written.keys()
    assert [ident for ident in made if made[ident] != written[ident]] == []


@every_release
def test_given_its_claims_then_what_is_known_of_every_deal_is_the_same_to_the_byte(log):
    deals, _ = settled(log)
    written = log.newest(TRANSACTIONS)
    made = {name.encode(): encode(deal) for name, deal in deals.items()}
    assert made.keys() == written.keys()
    assert [name for name in made if made[name] != written[name]] == []


@every_release
def test_given_its_movements_then_the_stock_is_the_same_to_the_byte(log):
    stocks, _ = folded(log)
    written = log.newest(STOCK)
    made = {sku.encode(): encode(stock) for sku, stock in stocks.items()}
    assert made.keys() == written.keys()
    assert [sku for sku in made if made[sku] != written[sku]] == []


@every_release
def test_given_its_rules_then_every_channel_has_the_same_numbers(log):
    stocks, _ = folded(log)
    events = [(record.timestamp, decode(Rules, record.value)) for _, record in log.records(RULES)]
    rules = max(events, key=lambda one: (one[1].edition or 0, one[0]))[1]
    written = {
        (number.channel, number.sku): number
        for number in (decode(ChannelQuantity, value) for value in log.newest(CHANNEL_QUANTITIES).values())
    }
    for number in numbers(stocks, rules):
        held = written.pop((number.channel, number.sku))
        assert same_numbers(number, held), (number, held)
    assert not any(number.places for number in written.values())


@pytest.mark.engines
@pytest.mark.system
@every_release
def test_given_its_backup_then_this_release_takes_it_over_and_verifies_it(
    release, addresses, databases, tmp_path
):
    config = tmp_path / "onhand.toml"
    prefix = f"t{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}."
    with databases() as dsn:
        kafka = f'[kafka]\naddress = "{addresses.bootstrap}"\nprefix = "{prefix}"\npartitions = {contents_of(release / "log").partitions}\n'
        config.write_text(f'{EXAMPLE.read_text()}\n{kafka}[postgres]\naddress = "{dsn}"\n')

        def onhand(*arguments: str):
            done = subprocess.run(
                [sys.executable, "-m", "streams.cli", *arguments, "--config", str(config), "--json"],
                capture_output=True,
                text=True,
                check=False,
                timeout=200,
            )
            return done.returncode, json.loads(done.stdout or "null"), done.stderr

        code, _, said = onhand("restore", str(release / "log"))
        assert code == 0, said
        code, rebuilt, said = onhand("rebuild", "--all")
        assert code == 0, said
        assert {(its["removed"], its["added"]) for its in rebuilt["projections"].values()} == {(0, 0)}
        assert rebuilt["projections"][DEAD_LETTERS.name]["rows"] > 0
