"""What others wrote, wrong in any way: it is read, or refused with a reason, and nothing else ever happens."""

from __future__ import annotations

import re
from collections import deque
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutating import mutated
from parsers import PARSERS, ROOT, Parser, line_and

from connectors.registry import CONNECTORS
from schemas.topics import TOPICS

READS = re.compile(r"\b(json\.loads|orjson\.loads|tomllib\.loads|validate_json|csv\.(reader|DictReader))\(")
"""How a module reads what somebody wrote."""

READ_BY_A_PARSER = {
    "connectors/bodies.py",
    "connectors/rlm/tables.py",
    "connectors/sandboxes.py",
    "projections/dashboard/letter_pages.py",
    "projections/paging.py",
    "streams/custom.py",
    "streams/settings.py",
}
OUR_OWN_WRITING = {
    "connectors/heartland/client.py",  # a cursor
    "connectors/lightspeed_r/feeds.py",  # a cursor
    "connectors/pacing.py",  # a note for other processes of ours
    "connectors/rlm/sink.py",  # what it wrote into its folder
    "connectors/shipstation/polling.py",  # a cursor
    "connectors/shopify/cursor.py",  # a cursor
    "connectors/tokens.py",  # its own file
    "projections/audit/retracing.py",  # after the file's digest was found right
    "projections/audit/writing.py",  # from PostgreSQL
    "projections/channel_numbers.py",  # from PostgreSQL
    "projections/stocks.py",  # from PostgreSQL
    "projections/vault.py",  # from what it sealed
    "schemas/closing.py",  # what it encoded a line above
    "schemas/ruling.py",  # what it encoded a line above
    "streams/commands/asking.py",  # what it encoded a line above
}
TESTED_ELSEWHERE = {
    "connectors/oidc.py": "tests/projections/dashboard/test_dashboard_oidc.py",
    "connectors/polite.py": "tests/connectors/test_polite.py",
    "schemas/asyncapi.py": "tests/schemas/test_asyncapi.py",
    "streams/commands/ruling.py": "tests/streams/test_ruling.py",
}


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
class TestParsers:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_given_something_that_is_nearly_right_then_it_is_read_or_refused_with_a_reason(
        self, parser: Parser, data: st.DataObject
    ):
        seed = data.draw(st.sampled_from(parser.seeds))
        parser.run(mutated(seed, data.draw(st.randoms(use_true_random=False))))

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(raw=st.binary(max_size=200))
    def test_given_any_bytes_then_they_are_refused_with_a_reason(self, parser: Parser, raw: bytes):
        parser.run(raw)
        head = parser.seeds[0].partition(b"\n")[0]
        parser.run(head + b"\n" + raw)

    def test_given_what_is_right_then_it_is_read(self, parser: Parser):
        for seed in parser.seeds:
            parser.run(seed)
        read = 0
        for seed in parser.seeds:
            try:
                parser.parse(seed)
                read += 1
            except parser.says:
                continue
        assert read or parser.name in NOTHING_RIGHT

    @pytest.mark.parametrize(
        "raw", [b"[" * 100_000, b'{"a":' * 50_000, b"a = " + b"[" * 20_000, b"9" * 50_000]
    )
    def test_given_what_is_very_deep_or_long_then_it_is_refused_with_a_reason(
        self, parser: Parser, raw: bytes
    ):
        head = parser.seeds[0].partition(b"\n")[0]
        parser.run(head + b"\n" + raw)


NOTHING_RIGHT = {"manifests", "webhooks of shipstation"}
"""Parsers whose seeds are only nearly right."""


def test_given_a_platform_or_a_topic_then_it_is_among_what_is_tried():
    names = {parser.name for parser in PARSERS}
    for platform, connector in CONNECTORS.items():
        wanted = {f"documents of {platform}", f"mapping of {platform}"}
        assert wanted | ({f"webhooks of {platform}"} if connector.receive else set()) <= names
    assert {f"records of {topic.name}" for topic in TOPICS} <= names


def test_given_a_module_that_reads_what_somebody_wrote_then_it_is_tried_or_it_is_said_why_not():
    found = {
        str(file.relative_to(ROOT))
        for room in ("schemas", "connectors", "projections", "streams")
        for file in (ROOT / room).rglob("*.py")
        if "sandbox" not in file.relative_to(ROOT).parts and READS.search(file.read_text())
    }
    assert found == READ_BY_A_PARSER | OUR_OWN_WRITING | TESTED_ELSEWHERE.keys()
    assert all((ROOT / file).exists() for file in TESTED_ELSEWHERE.values())


def test_given_a_parser_that_falls_over_or_takes_too_long_then_it_is_noticed():
    """The net itself: a bug behind a field that only a changed document reaches is caught."""

    def falls(raw: bytes) -> None:
        if b"null" in raw:
            raise KeyError("id")

    planted = Parser("planted", falls, (ValueError,), [line_and({"id": 1, "lines": [{"sku": "TEE"}]})])
    chance = Random(7)
    tried = [mutated(planted.seeds[0], chance) for _ in range(1_000)]
    with pytest.raises(KeyError):
        deque(map(planted.run, tried), maxlen=0)
