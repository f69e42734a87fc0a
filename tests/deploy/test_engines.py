from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy import engines as installations
from deploy import kafka, postgres
from deploy.engines import EngineError, Engines, Running, running
from deploy.processes import PORTS, free_port


async def write(engines: Engines, topic: str, value: bytes) -> None:
    """Makes a topic and a table of one name, each with the value in it, acknowledged."""
    admin = AIOKafkaAdminClient(bootstrap_servers=engines.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=engines.bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(topic, value, partition=0)
    await producer.stop()
    with psycopg.connect(engines.dsn) as connection:
        connection.execute(f"CREATE TABLE {topic} (value bytea)".encode())
        connection.execute(f"INSERT INTO {topic} VALUES (%s)".encode(), [value])


async def in_kafka(engines: Engines, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=engines.bootstrap, enable_auto_commit=False)
    await consumer.start()
    tp = TopicPartition(topic, 0)
    consumer.assign([tp])
    await consumer.seek_to_beginning(tp)
    end = (await consumer.end_offsets([tp]))[tp]
    found: list[bytes] = []
    while await consumer.position(tp) < end:
        found += [record.value for record in (await consumer.getmany(tp, timeout_ms=1_000)).get(tp, [])]
    await consumer.stop()
    return found


def in_postgres(engines: Engines, table: str) -> list[bytes]:
    with psycopg.connect(engines.dsn) as connection:
        return [value for (value,) in connection.execute(f"SELECT value FROM {table}".encode())]


@pytest.fixture
def name() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


async def test_given_a_start_then_both_engines_take_real_requests(engines_apart, name):
    await write(engines_apart, name, b"kept")
    assert await in_kafka(engines_apart, name) == [b"kept"]
    assert in_postgres(engines_apart, name) == [b"kept"]


async def test_given_a_further_listener_then_who_comes_by_it_is_told_its_address_and_others_are_not(
    data_dirs, name
):
    port = free_port()
    there = kafka.Listener("TUNNEL", port, f"localhost:{port}")
    with Engines(data_dirs(name), postgres=False, listeners=[there]) as engines:
        told = {}
        for address in (engines.bootstrap, f"127.0.0.1:{port}"):
            admin = AIOKafkaAdminClient(bootstrap_servers=address)
            await admin.start()
            [broker] = (await admin.describe_cluster())["brokers"]
            told[address] = f"{broker['host']}:{broker['port']}"
            await admin.close()
    assert told == {engines.bootstrap: engines.bootstrap, f"127.0.0.1:{port}": there.advertised}


def test_given_running_engines_then_others_find_them_and_only_the_owner_may_read_the_password(engines_apart):
    found = running(engines_apart.data)
    assert found == engines_apart.info
    assert found.kafka_version == kafka.version()
    assert found.postgres_version == postgres.version()
    with psycopg.connect(found.dsn) as connection:
        (said,) = connection.execute("SHOW server_version").fetchone()
    assert said.split()[0] == found.postgres_version
    for file in ("engines.json", "postgres.password"):
        assert stat.S_IMODE((engines_apart.data / file).stat().st_mode) == 0o600
    assert running(Path("/nonexistent")) is None


def test_given_loopback_engines_then_nobody_gets_into_postgresql_without_the_password(engines_apart):
    head, _, tail = engines_apart.dsn.rpartition("@")
    user = head.rpartition(":")[0]
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(f"{user}:wrong@{tail}")


async def test_given_running_engines_then_a_second_start_is_refused_in_one_line_and_disturbs_nothing(
    engines_apart, name
):
    with pytest.raises(EngineError) as refused:
        Engines(engines_apart.data).start()
    assert str(refused.value) == (
        f"the engines of {engines_apart.data} are running already, or are being started"
    )
    assert running(engines_apart.data) == engines_apart.info
    await write(engines_apart, name, b"undisturbed")


async def test_given_both_engines_killed_in_the_middle_of_work_then_a_restart_keeps_what_was_acknowledged(
    engines_apart, name
):
    await write(engines_apart, name, b"acknowledged")
    before = engines_apart.info
    at_work = [threading.Thread(target=slow_query, args=(engines_apart.dsn,)) for _ in range(3)]
    for thread in at_work:
        thread.start()
    engines_apart.kill("kafka")
    engines_apart.kill("postgres")
    engines_apart.restart("postgres")
    engines_apart.restart("kafka")
    for thread in at_work:
        thread.join(30)
    now = engines_apart.info
    assert (now.bootstrap, now.dsn) == (before.bootstrap, before.dsn)
    assert set(now.pids.values()).isdisjoint(before.pids.values())
    assert running(engines_apart.data) == now
    assert await in_kafka(engines_apart, name) == [b"acknowledged"]
    assert in_postgres(engines_apart, name) == [b"acknowledged"]


def slow_query(dsn: str) -> None:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn) as connection:
        connection.execute("SELECT count(*) FROM generate_series(1, 3000000)")


async def test_given_a_stop_and_a_start_then_data_and_ports_are_there_again(engines_apart, name):
    await write(engines_apart, name, b"from before")
    before = engines_apart.info
    engines_apart.stop()
    assert running(engines_apart.data) is None
    for pid in before.pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    engines_apart.start()
    assert (engines_apart.info.bootstrap, engines_apart.info.dsn) == (before.bootstrap, before.dsn)
    assert await in_kafka(engines_apart, name) == [b"from before"]
    assert in_postgres(engines_apart, name) == [b"from before"]


def test_given_the_pids_of_a_crashed_installation_are_somebody_elses_by_now_then_a_start_is_not_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(installations, "GOING_DOWN", 0.2)
    stale = Running("127.0.0.1:1", None, "4.3.1", None, {"kafka": os.getpid()})
    (tmp_path / "engines.json").write_text(json.dumps(asdict(stale)))
    assert running(tmp_path) == stale
    with Engines(tmp_path, kafka=False, postgres=False) as engines:
        assert running(tmp_path) == engines.info
    assert running(tmp_path) is None


def test_given_one_server_of_a_killed_owner_is_gone_and_the_other_is_on_its_way_then_a_start_waits_for_it(
    tmp_path,
):
    slow = subprocess.Popen(["sleep", "0.5"])
    gone = subprocess.Popen(["true"])
    gone.wait()
    pids = {"kafka": slow.pid, "postgres": gone.pid}
    (tmp_path / "engines.json").write_text(
        json.dumps(asdict(Running("127.0.0.1:1", "there", None, None, pids)))
    )
    assert running(tmp_path) is None
    reaping = threading.Thread(target=slow.wait)
    reaping.start()
    with Engines(tmp_path, kafka=False, postgres=False):
        assert slow.returncode == 0
    reaping.join()


def test_given_no_room_then_an_engine_is_not_started_until_there_is_and_a_stop_need_not_wait(
    data_dirs, name, monkeypatch
):
    said: list[str] = []
    engines = Engines(data_dirs(name), kafka=False, progress=said.append)
    monkeypatch.setattr(installations, "ROOM", 1 << 60)
    starting = threading.Thread(target=lambda: given_up.append(complaint(engines.start)))
    given_up: list[str] = []
    starting.start()
    wait_for(lambda: said)
    assert "MB are needed" in said[0]
    engines.stop()
    starting.join(5)
    assert "there was no room" in given_up[0]
    starting = threading.Thread(target=engines.start)
    starting.start()
    wait_for(lambda: len(said) > 1)
    assert not engines.info.pids
    monkeypatch.undo()
    starting.join(30)
    assert set(engines.info.pids) == {"postgres"}
    engines.stop()


def complaint(start: Callable[[], None]) -> str:
    with pytest.raises(EngineError) as refused:
        start()
    return str(refused.value)


def wait_for(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_given_the_system_gives_ports_to_whoever_connects_then_a_server_s_is_none_of_those():
    assert PORTS.stop <= 32_768, "where Linux begins; others do later"
    assert all(free_port() in PORTS for _ in range(20))
