"""Kafka's classes are kept as a JVM has them in memory, so that it starts sooner; and never by halves."""

from __future__ import annotations

from pathlib import Path

from deploy import kafka


def test_given_the_archive_then_kafka_runs_with_it(engines_apart):
    mapped = Path(f"/proc/{engines_apart.info.pids['kafka']}/maps").read_text()
    assert str(kafka.jars() / kafka.ARCHIVE) in mapped


def test_given_an_archive_that_was_cut_off_then_it_is_not_taken(engines_apart, tmp_path):
    whole, cut = kafka.jars() / kafka.ARCHIVE, tmp_path / kafka.ARCHIVE
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert kafka.whole(kafka.jars(), whole)
    assert not kafka.whole(kafka.jars(), cut)


def test_given_no_kafka_that_starts_then_there_is_no_archive_and_nothing_is_said_about_it(
    monkeypatch, tmp_path
):
    libs = tmp_path / kafka.jars().name
    libs.mkdir()
    monkeypatch.setenv("ONHAND_CACHE", str(tmp_path))
    kafka.archive()
    assert list(libs.iterdir()) == []
