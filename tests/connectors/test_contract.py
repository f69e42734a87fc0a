"""What every platform keeps to. A platform takes part by its line in the registry and its entry in `PLATFORMS`."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from golden import FIXTURES, changed, leaves, said
from pydantic import SecretStr

from connectors.contract import Payload, Seen, Target
from connectors.directory import resolve
from connectors.errors import ConnectorError, Forged, Malformed
from connectors.sandboxes import sandbox_of
from schemas.claims import Claim
from schemas.movements import Cause
from schemas.receipts import Outcome
from schemas.settling import Transaction, apply

CANARY = "canary-surname@example.invalid"
RECORDED = datetime(2026, 11, 20, 13, tzinfo=UTC)


def secrets(connector, word: str = "right") -> dict[str, SecretStr]:
    return {name.rstrip("?"): SecretStr(word) for name in connector.secrets}


def test_given_a_platform_then_it_has_fixtures_of_what_is_traded(connector, platform):
    topics = {fixture.values[1]["topic"] for fixture in FIXTURES if fixture.values[0] is connector}
    assert topics & set(connector.topics)
    assert platform.trading in connector.topics


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_a_fixture_then_it_is_exactly_its_claim_or_its_refusal(connector, fixture):
    topic, kept = fixture["topic"], connector.reduce(fixture["topic"], fixture["payload"])
    if "refused" in fixture:
        assert said(connector, topic, kept) == fixture["refused"]
    else:
        assert json.loads(said(connector, topic, kept, fixture["claim"]["channel"])) == fixture["claim"]


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_a_document_then_reading_it_is_pure_and_needs_the_allowed_fields_only(connector, fixture):
    topic, body = fixture["topic"], copy.deepcopy(fixture["payload"])
    kept = connector.reduce(topic, body)
    once = said(connector, topic, kept)
    assert said(connector, topic, kept) == once
    assert said(connector, topic, body) == once
    assert body == fixture["payload"]
    assert connector.reduce(topic, kept) == kept


@pytest.mark.parametrize(("connector", "fixture"), FIXTURES)
def test_given_any_field_missing_or_of_another_kind_then_the_answer_is_a_claim_or_a_reason(
    connector, fixture
):
    topic, kept = fixture["topic"], connector.reduce(fixture["topic"], fixture["payload"])
    for path in leaves(kept):
        for wrong in (None, "", "x", -1, 1.5, 10**30, True, [], {}, [None], float("nan")):
            reduced = connector.reduce(topic, changed(kept, path, wrong))
            assert said(connector, topic, reduced)


@pytest.mark.parametrize(("connector", "fixture"), [one for one in FIXTURES if one.values[0].person])
def test_given_a_document_for_somebody_then_what_is_kept_of_it_is_for_nobody(connector, fixture):
    topic, body = fixture["topic"], copy.deepcopy(fixture["payload"])
    whom = connector.person(topic, body)
    assert connector.person(topic, connector.reduce(topic, body)) is None
    assert whom is None or "canary" in f"{whom.recipient.name}{whom.recipient.email}".lower(), "invented"
    assert body == fixture["payload"]


def test_given_a_topic_that_nobody_reads_then_it_is_refused_and_its_topics_are_not(connector):
    assert "unknown topic" in said(connector, "customers/update", {})
    for topic in connector.topics:
        assert "unknown topic" not in said(connector, topic, {})


class TestWebhooks:
    @pytest.fixture(autouse=True)
    def _sends_some(self, connector, platform):
        if connector.receive is None or not platform.carries:
            pytest.skip(f"{connector.platform} sends no documents by webhook: it is polled")

    @pytest.fixture
    def sign(self, connector, platform):
        def signed(body, word="right"):
            sandbox = sandbox_of(platform.settings, secrets(connector, word), [])
            return sandbox.signed(platform.trading, body)

        return signed

    @pytest.fixture
    def receive(self, connector, platform):
        def received(headers, body):
            path = platform.path(platform.trading)
            return connector.receive(platform.settings, secrets(connector), headers, body, path)

        return received

    def test_given_a_signed_body_then_its_document_is_received_reduced(
        self, connector, platform, sign, receive
    ):
        document = next(
            fixture.values[1]["payload"]
            for fixture in FIXTURES
            if fixture.values[0] is connector and fixture.values[1]["topic"] == platform.trading
        )
        body, headers = sign(document)
        (payload,) = receive(headers, body)
        assert payload == Payload(platform.trading, connector.reduce(platform.trading, document))
        shouted = {name.upper(): value for name, value in headers.items()}
        assert list(receive(shouted, body)) == [payload]

    def test_given_another_secret_a_changed_body_or_no_signature_then_it_is_forged(self, sign, receive):
        body, headers = sign({"id": 1, "note": CANARY})
        for forged_headers, forged_body in (
            (sign({"id": 1, "note": CANARY}, word="wrong")[1], body),
            (headers, body + b" "),
            (headers, body.replace(b"1", b"2", 1)),
            (headers, b""),
            ({}, body),
            (dict.fromkeys(headers, ""), body),
            (dict.fromkeys(headers, "é" * 44), body),
        ):
            with pytest.raises(Forged) as refusal:
                receive(forged_headers, forged_body)
            assert CANARY not in str(refusal.value)

    def test_given_an_empty_secret_then_nothing_is_accepted(self, connector, platform, sign):
        body, headers = sign({"id": 1}, word="")
        path = platform.path(platform.trading)
        with pytest.raises(Forged):
            connector.receive(platform.settings, secrets(connector, ""), headers, body, path)

    def test_given_a_signed_body_that_is_no_document_then_it_is_malformed(self, sign, receive):
        deep: dict[str, Any] = {"note": CANARY}
        for _ in range(40):
            deep = {"deep": deep}
        for body, headers in map(sign, ([{"note": CANARY}], CANARY, 7, None, deep)):
            with pytest.raises(Malformed) as refusal:
                receive(headers, body)
            assert CANARY not in str(refusal.value)


class TestRoundTrip:
    @staticmethod
    def target(sku, wanted, expected):
        return Target(sku=sku, place="WH", wanted=wanted, expected=expected, own=0, offset=wanted)

    async def test_given_a_platform_then_its_items_places_and_levels_are_known(self, double):
        directory = await double.client.directory()
        assert {item.sku: item.tracked for item in directory.items.values()} == {
            "TEE": True,
            "MUG": True,
            "GIFTCARD": False,
        }
        assert {"TEE", "MUG"} <= directory.handles.keys()
        assert "WH" in directory.places
        assert "WH" in directory.locations.values()
        found = {}
        async for page in double.client.levels():
            for level in page:
                item = directory.items[level.item]
                assert directory.locations[level.location] == "WH"
                if item.tracked:
                    found[item.sku] = level.level
        assert found == {"TEE": 10, "MUG": 4}

    async def test_given_numbers_then_the_platform_shows_them_and_a_repeat_changes_nothing(
        self, connector, double
    ):
        sink, directory = connector.sink(double.client), await double.client.directory()
        answers = await sink.push([self.target("TEE", 7, 10), self.target("MUG", 9, 4)], directory)
        assert [(answer.outcome, answer.level) for answer in answers] == [
            (Outcome.PUSHED, 7),
            (Outcome.PUSHED, 9),
        ]
        assert (double.level("TEE"), double.level("MUG")) == (7, 9)
        (seen,) = await sink.look([self.target("TEE", 7, None)], directory)
        assert seen == Seen(7)
        (again,) = await sink.push([self.target("TEE", 7, 7)], directory)
        assert (again.outcome, double.level("TEE")) == (Outcome.UNCHANGED, 7)

    async def test_given_a_sale_we_have_not_seen_then_a_push_does_not_undo_it(self, connector, double):
        sink, directory = connector.sink(double.client), await double.client.directory()
        double.sell("TEE", 2)
        (answer,) = await sink.push([self.target("TEE", 9, 10)], directory)
        assert (answer.outcome, answer.level, double.level("TEE")) == (Outcome.PUSHED, 9, 7)

    async def test_given_what_the_platform_does_not_have_then_it_is_refused_with_a_reason_and_the_rest_is_told(
        self, connector, double
    ):
        sink, directory = connector.sink(double.client), await double.client.directory()
        nowhere = Target(sku="TEE", place="MOON", wanted=1, expected=0, own=0, offset=1)
        answers = await sink.push([self.target("NEW", 1, 0), nowhere, self.target("TEE", 8, 10)], directory)
        outcomes = {(answer.target.sku, answer.target.place): answer for answer in answers}
        assert outcomes["NEW", "WH"].outcome is outcomes["TEE", "MOON"].outcome is Outcome.REFUSED
        assert outcomes["NEW", "WH"].detail
        assert outcomes["TEE", "MOON"].detail
        assert (outcomes["TEE", "WH"].outcome, double.level("TEE")) == (Outcome.PUSHED, 8)

    async def test_given_wrong_credentials_then_it_is_said_and_nothing_changes(self, connector, double):
        if not connector.secrets:
            pytest.skip(f"{connector.platform} has no credentials")
        directory = await double.client.directory()
        stranger = connector.client(double.settings, secrets(connector, "wrong"))
        try:
            with pytest.raises(ConnectorError) as refusal:
                await stranger.directory()
            assert "wrong" not in str(refusal.value)
            with pytest.raises(ConnectorError):
                await connector.sink(stranger).push([self.target("TEE", 1, 10)], directory)
        finally:
            await stranger.close()
        assert double.level("TEE") == 10


class TestTrading:
    async def test_given_a_sale_by_webhook_and_by_poll_then_it_moves_stock_once(
        self, connector, double, inbox
    ):
        await double.client.subscribe(inbox.url)
        await double.client.subscribe(inbox.url)
        double.sell("TEE", 3)
        double.sell("MUG", 1)
        await double.sandbox.emitter.drain()
        sent = 2 if connector.receive else 0
        assert len(inbox.got) == sent, "subscribing again changes nothing"
        hooked = [
            payload
            for headers, body, path in inbox.got
            for payload in connector.receive(double.settings, double.secrets, headers, body, path)
        ]
        polled, cursor = await self.poll(double.client, None)
        polled = [payload for payload in polled if isinstance(connector.read("channel", payload), Claim)]
        assert len(polled) == 2, "besides what a platform may tell of its levels"
        directory = await double.client.directory()
        for first, second in ((hooked, polled), (polled, hooked)):
            moved = self.settled(connector, directory, [*first, *second, *first])
            assert sorted(moved) == [("MUG", 1), ("TEE", 3)]
        assert (await self.poll(double.client, cursor))[0] == []

    @staticmethod
    async def poll(client, cursor):
        found: list[Payload] = []
        async for payloads, after in client.poll(cursor):
            found.extend(payloads)
            cursor = after
        return found, cursor

    @staticmethod
    def settled(connector, directory, payloads):
        """What the documents move, one after another, as (SKU, units)."""
        transactions: dict[str, Transaction] = {}
        moved = []
        for offset, payload in enumerate(payloads):
            claim = connector.read("channel", payload)
            assert isinstance(claim, Claim)
            claim = resolve(claim, directory, "WH", 100)
            before = transactions.get(claim.transaction, Transaction())
            after, posted = apply(before, claim, RECORDED, Cause(0, offset, 0))
            transactions[claim.transaction] = after
            moved += [(movement.sku, movement.quantity) for movement in posted]
        return moved
