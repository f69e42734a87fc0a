"""What clients were promised: the published schemas are the code's, and every example ever written still holds."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from schemas.codec import Undecodable, decode, encode
from schemas.ledger import Stock
from schemas.movements import Movement
from schemas.publish import EXAMPLES, PUBLISHED, documents, main, schema, schema_name
from schemas.topics import TOPICS

HOLDS = {schema_name(topic): topic for topic in TOPICS}
KEPT = sorted(EXAMPLES.glob("*.json"))
every_topic = pytest.mark.parametrize("topic", TOPICS, ids=schema_name)


def named(path):
    return ".".join(path.name.split(".")[:2])


def validator(topic):
    return jsonschema_rs.Draft202012Validator(schema(topic), validate_formats=True)


def test_given_the_code_then_the_published_schemas_are_its_own():
    published = {path.name: path.read_text(encoding="utf-8") for path in PUBLISHED.glob("*.json")}
    assert published == documents(), "run: python -m schemas.publish"


def test_given_the_schemas_are_written_anew_then_they_are_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("schemas.publish.PUBLISHED", tmp_path / "published")
    main()
    for path in PUBLISHED.glob("*.json"):
        assert (tmp_path / "published" / path.name).read_bytes() == path.read_bytes()


@every_topic
def test_given_a_published_schema_then_it_is_a_schema_with_a_name_of_its_own_and_a_description(topic):
    published = schema(topic)
    jsonschema_rs.meta.validate(published)
    assert published["$id"] == f"urn:onhand:schema:{schema_name(topic)}"
    assert published["title"] == topic.holds.__name__
    assert len(published["description"]) > 40


@every_topic
def test_given_a_topic_then_several_examples_of_its_value_are_kept(topic):
    assert sum(named(path) == schema_name(topic) for path in KEPT) >= 2


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_given_an_example_ever_written_then_it_is_valid_and_reads_and_writes_the_same(path):
    kept = json.loads(path.read_bytes())
    topic = HOLDS[named(path)]
    validator(topic).validate(kept)
    written = json.loads(encode(decode(topic.holds, path.read_bytes())))
    assert written | kept == written, "what was said is said; a newer shape may say more"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_given_an_example_of_the_book_then_it_sums_to_zero(path):
    kept = decode(HOLDS[named(path)].holds, path.read_bytes())
    if isinstance(kept, Stock):
        assert kept.total() == 0
    if isinstance(kept, Movement):
        assert sum(leg.quantity for leg in kept.legs) == 0


@every_topic
def test_given_a_field_we_never_promised_then_schema_and_reader_both_refuse_it(topic):
    path = next(path for path in KEPT if named(path) == schema_name(topic))
    more = {**json.loads(path.read_bytes()), "surprise": 1}
    assert not validator(topic).is_valid(more)
    with pytest.raises(Undecodable, match="surprise"):
        decode(topic.holds, json.dumps(more).encode())
