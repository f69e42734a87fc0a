"""The AsyncAPI document, against AsyncAPI's own JSON Schema: `asyncapi-3.0.0.json.gz` is `schemas/3.0.0-without-$id.json` of the npm
package @asyncapi/specs 6.11.1 (AsyncAPI Initiative; Apache-2.0).
"""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest

from schemas.asyncapi import headers_schema
from schemas.codec import headers
from schemas.publish import ASYNCAPI, PUBLISHED, documents, schema_name
from schemas.topics import TOPICS

SPECIFICATION = Path(__file__).parent / "asyncapi-3.0.0.json.gz"
every_topic = pytest.mark.parametrize("topic", TOPICS, ids=schema_name)


@pytest.fixture(scope="module")
def specification():
    return jsonschema_rs.validator_for(json.loads(gzip.decompress(SPECIFICATION.read_bytes())))


@pytest.fixture(scope="module")
def document():
    return json.loads(documents()[ASYNCAPI])


def test_given_the_document_then_asyncapi_allows_it(specification, document):
    specification.validate(document)
    assert document["asyncapi"] == "3.0.0"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda document: document.pop("info"),
        lambda document: document["operations"]["write-claims"].update(action="publish"),
        lambda document: document["channels"]["claims"].update(topic="claims"),
        lambda document: document["channels"]["claims"]["bindings"]["kafka"]["topicConfiguration"].update(
            {"cleanup.policy": ["keep"]}
        ),
    ],
)
def test_given_a_document_that_asyncapi_does_not_allow_then_that_is_seen(specification, document, spoilt):
    copy = json.loads(json.dumps(document))
    spoilt(copy)
    assert not specification.is_valid(copy)


def test_given_a_reference_then_it_leads_somewhere(document):
    for ref in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document)):
        if ref.startswith("./"):
            assert (PUBLISHED / ref).is_file()
            continue
        place = document
        for step in ref.removeprefix("#/").split("/"):
            place = place[step]


def test_given_the_topic_table_then_every_topic_is_a_channel_that_onhand_writes(document):
    assert list(document["channels"]) == [topic.name for topic in TOPICS]
    written = {one["channel"]["$ref"] for one in document["operations"].values() if one["action"] == "send"}
    assert written == {f"#/channels/{topic.name}" for topic in TOPICS}


@every_topic
def test_given_a_topic_then_its_channel_says_how_long_it_keeps_what_and_under_which_key(document, topic):
    channel = document["channels"][topic.name]
    configured = channel["bindings"]["kafka"]["topicConfiguration"]
    assert configured["cleanup.policy"] == [topic.config["cleanup.policy"]]
    assert configured.get("retention.ms", 0) == int(topic.config.get("retention.ms", 0))
    message = document["components"]["messages"][schema_name(topic)]
    assert message["name"] == topic.event
    assert topic.key in message["bindings"]["kafka"]["key"]["description"]
    kept = json.loads((PUBLISHED / message["payload"]["schema"]["$ref"]).read_bytes())
    assert kept["$schema"].endswith("draft/2020-12/schema")
    for example in message["examples"]:
        jsonschema_rs.validate(kept, example["payload"])


@every_topic
def test_given_a_record_then_its_headers_are_those_that_are_described(topic):
    sent = headers(topic, "order/1", "web", datetime(2026, 11, 20, 12, tzinfo=UTC))
    told = {name: value.decode() for name, value in sent}
    described = jsonschema_rs.Draft202012Validator(
        {**headers_schema(topic), "additionalProperties": False}, validate_formats=True
    )
    described.validate(told)
    for name in told:
        assert not described.is_valid({**told, name: ""} if name != "ce_id" else {})
