from __future__ import annotations

import pytest

from schemas.topics import FOREVER, MOVEMENTS, NEWEST, TOPICS


def test_given_the_topics_then_each_has_a_name_and_a_type_of_its_own():
    assert len({topic.name for topic in TOPICS}) == len({topic.holds for topic in TOPICS}) == len(TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_given_a_topic_then_it_keeps_everything_or_the_newest_of_each_key(topic):
    assert FOREVER.items() <= topic.config.items() or NEWEST.items() <= topic.config.items()


@pytest.mark.parametrize("name", ["claims", "movements", "rules", "receipts", "observations", "dead-letters"])
def test_given_what_the_truth_is_made_of_then_it_is_never_deleted(name):
    (topic,) = (topic for topic in TOPICS if topic.name == name)
    assert topic.config["retention.ms"] == topic.config["retention.bytes"] == "-1"
    assert topic.config["cleanup.policy"] == "delete"


def test_given_claims_then_the_broker_says_when_they_were_recorded():
    (claims,) = (topic for topic in TOPICS if topic.name == "claims")
    assert claims.config["message.timestamp.type"] == "LogAppendTime"


def test_given_a_topic_then_its_records_have_a_versioned_type():
    assert MOVEMENTS.event == "io.onhand.movements.v1"
