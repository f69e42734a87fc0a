"""What a process sees of the installation, on real engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from projections.queries import Queries
from projections.vitals import Verified, Vitals, Word
from schemas.claims import Fact
from schemas.topics import CLAIMS
from streams.lags import Place
from streams.reader import Reader
from streams.stages import Naming, claim_out
from streams.topics import create_topics
from streams.watching import SILENT, Watch, heard, waits, writes
from streams.writer import Writer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTLE = frozenset({"settle"})


def word(worker="worker-0", *, ready=True, reason=None, ago=0.4):
    return Word(worker, ready, reason, ago)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([word()], None),
        ([], "no worker says anything"),
        ([word(ago=SILENT + 0.6)], "worker-0 has said nothing for 4 s"),
        (
            [word(), word("worker-1", ready=False, reason="recovered: not yet")],
            "worker-1: recovered: not yet",
        ),
    ],
)
def test_given_what_workers_say_then_who_is_silent_or_unwell_is_named(words, said):
    assert heard(words) == said


def test_given_a_folder_that_takes_nothing_then_that_is_said_and_one_that_does_is_left_as_it_was(tmp_path):
    assert writes(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    assert writes(tmp_path / "gone") == "the folder takes no writes: No such file or directory"


def test_given_a_number_waits_longer_than_it_may_then_its_channel_is_named():
    oldest = {"web": NOW - timedelta(seconds=61), "tills": NOW - timedelta(seconds=5), "shop": None}
    assert waits(oldest, 60, NOW) == "web: a number has not been told for 61 s"
    assert waits(oldest, 0, NOW) is None


@pytest.fixture
async def watch(kafka, pool, prefix, tmp_path):
    naming, reader = Naming(prefix), Reader(kafka)
    await create_topics(kafka, naming, 2)
    made = Watch(
        reader=reader,
        vitals=Vitals(Queries(pool)),
        naming=naming,
        partitions=2,
        bootstrap=kafka,
        data=tmp_path,
        channels=frozenset({"web"}),
        clock=lambda: 50.0,
    )
    assert await made.kafka() == "it has not answered yet"
    await reader.start()
    yield made
    await made.close()
    await reader.stop()


async def test_given_claims_that_nobody_settles_then_they_are_the_lag_of_their_partitions(
    watch, kafka, claim
):
    writer = Writer(kafka, 2)
    await writer.start()
    deals = [f"order/{number}" for number in range(20)]
    await writer.write(claim_out(watch.naming, claim(deal, (Fact.SOLD, "TEE", 1, "SOHO"))) for deal in deals)
    await writer.stop()
    assert writer.written == {watch.naming(CLAIMS): 20}
    assert await watch.kafka() is None
    assert await watch.postgres() is None
    behind = {place: its.records for place, its in watch.lags.behind.items() if its.records}
    assert sum(behind.values()) == 20
    assert behind.keys() == {Place("settle", "claims", 0), Place("settle", "claims", 1)}
    watch.clock = lambda: 50.0 + 400
    assert "settle is" in watch.late(SETTLE, 300)
    assert watch.late(SETTLE, 0) is None
    ends = {
        sample.labels: sample.value for sample in watch.followed() if sample.metric.name == "onhand_log_end"
    }
    assert ends["claims",] == 20


async def test_given_a_broker_that_answers_then_it_takes_a_write_again_and_again_and_no_topic_of_ours_has_it(
    watch,
):
    for _ in range(3):
        assert await watch.log_writable() is None
    await watch.kafka()
    assert set(watch.ends.values()) == {0}


async def test_given_a_worker_then_it_is_heard_until_it_leaves(watch):
    vitals = watch.vitals
    await vitals.say("worker-0", None)
    await vitals.say("worker-1", "numbers: web waits")
    await watch.postgres()
    assert await watch.workers() == "worker-1: numbers: web waits"
    await vitals.leave("worker-1")
    await watch.postgres()
    assert await watch.workers() is None


async def test_given_verifications_then_the_last_is_remembered(watch):
    vitals = watch.vitals
    assert await vitals.verified() is None
    await vitals.verify(NOW, 2.5, 100, 0)
    await vitals.verify(NOW + timedelta(hours=1), 2.5, 100, 3)
    assert await vitals.verified() == Verified(NOW + timedelta(hours=1), ok=False, differences=3)


async def test_given_an_installation_then_what_went_wrong_is_counted(watch, pool):
    for channel in ("web", "no longer configured"):
        await Queries(pool).save_health(channel, 7, NOW, "HTTP 500", NOW, NOW - timedelta(minutes=5))
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO oversells VALUES ('1-0-0', 'TEE', 'SOHO', -1, 'latency', 'order_placed', 'order/1', 'web', now(), now())"
        )
        await connection.execute(
            "INSERT INTO dead_letters VALUES (0, 0, 'web', 'orders/updated', 'mapping', 'no SKU', '1', '{}', now(), NULL),"
            " (0, 1, 'web', 'orders/updated', 'mapping', 'no SKU', '2', '{}', now(), now())"
        )
    await watch.postgres()
    watch.counted, watch.verified = await watch.vitals.counted(), await watch.vitals.verified()
    found = {(sample.metric.name, *sample.labels): sample.value for sample in watch.told()}
    assert (found["onhand_oversells", "latency"], found["onhand_oversells", "rule"]) == (1, 0)
    assert found["onhand_dead_letters_waiting", "mapping"] == 1
    assert found["onhand_unpushed_numbers", "web"] == 7
    assert found["onhand_oldest_unpushed_seconds", "web"] > found["onhand_channel_failing_seconds", "web"] > 0
    assert "onhand_verify_ok" not in {name for name, *_ in found}
    assert {
        channel for name, *labels in found for channel in labels if name.startswith("onhand_unpushed")
    } == {"web"}
