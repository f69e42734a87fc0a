"""Disks with room, and without."""

from __future__ import annotations

import pytest

from streams import room
from streams.room import all_full, folders, full
from streams.settings import Settings


def test_given_a_disk_with_less_than_it_takes_then_it_is_full_and_it_says_where(monkeypatch, tmp_path):
    assert full(tmp_path / "to" / "come") is None
    monkeypatch.setattr(room, "LEFT", 1 << 60)
    assert full(tmp_path).startswith("the disk is full: ")
    assert full(tmp_path).endswith(f"MB are free in {tmp_path}")


def test_given_several_folders_then_each_that_takes_nothing_is_named(monkeypatch, tmp_path):
    both = {"state": tmp_path, "kafka": tmp_path / "log"}
    assert all_full(both) is None
    monkeypatch.setattr(room, "LEFT", 1 << 60)
    assert [part.partition(":")[0] for part in all_full(both).split("; ")] == ["state", "kafka"]


@pytest.mark.parametrize(
    ("kafka", "there"), [("embedded", {"state", "kafka"}), ("broker.example:9092", {"state"})]
)
def test_given_engines_elsewhere_then_their_disks_are_not_ours_to_judge(kafka, there, tmp_path):
    settings = Settings(
        data=tmp_path, kafka={"address": kafka}, postgres={"address": "postgresql://elsewhere"}
    )
    assert folders(settings).keys() == there
