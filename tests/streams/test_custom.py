"""What an application of the user's own hands in: a spreadsheet's rows become documents, or nothing does, with the reasons."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from projections.problems import Problem
from schemas.claims import Claim, Fact
from schemas.codec import decode
from streams.custom import FAULTS_SHOWN, claim_of, of_csv, of_json
from streams.intake import Intake
from streams.stages import Naming

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEAD = "document,version,fact,sku,quantity,at,location,reason\n"
SALE = "receipt/7,1,sold,MUG,2,2026-11-20T09:00:00Z,SOHO,\n"


def claims(text: str, key: str = "upload-1"):
    return [claim_of(asked, f"{key}/{name}", NOW) for name, asked in of_csv(text.encode()).items()]


def refused(body: str | bytes) -> str:
    with pytest.raises(Problem) as problem:
        of_csv(body.encode() if isinstance(body, str) else body)
    assert problem.value.status == 400
    return problem.value.detail


def test_given_rows_of_one_document_then_they_are_its_lines_and_other_documents_are_others():
    first, second = claims(
        HEAD
        + SALE
        + "receipt/8,3,returned,MUG,1,2026-11-20T10:00:00+01:00,SOHO,too small\n"
        + "receipt/7,1,sold,BOWL,1,2026-11-20T09:00:00Z,SOHO,\n"
    )
    [document] = first.documents
    assert (document.id, document.version) == ("receipt/7", 1)
    assert [(line.fact, line.sku, line.quantity, line.location) for line in document.lines] == [
        (Fact.SOLD, "MUG", 2, "SOHO"),
        (Fact.SOLD, "BOWL", 1, "SOHO"),
    ]
    [returned] = second.documents
    assert (returned.version, returned.lines[0].reason) == (3, "too small")
    assert second.occurred_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert first.transaction != second.transaction


def test_given_an_instant_that_utc_does_not_have_then_the_row_is_refused_and_one_with_an_odd_offset_is_not():
    rows = HEAD + SALE
    odd = rows.replace("2026-11-20T09:00:00Z", "2026-11-20T09:00:00+20:00")
    assert claims(odd)[0].occurred_at == datetime(2026, 11, 19, 13, tzinfo=UTC)
    assert "UTC's calendar" in refused(rows.replace("2026-11-20T09:00:00Z", "0001-01-01T00:00:00+01:00"))


def test_given_the_same_file_again_then_the_claims_are_the_same_and_under_another_key_they_are_others():
    rows = "fact,sku,quantity,at,location\nsold,MUG,1,2026-11-20T09:00:00Z,SOHO\nsold,MUG,1,2026-11-20T09:00:00Z,SOHO\n"
    once = claims(rows)
    assert once == claims(rows)
    assert len({claim.transaction for claim in once}) == 2, "two equal rows are two sales"
    assert not {claim.transaction for claim in once} & {
        claim.transaction for claim in claims(rows, "upload-2")
    }


def test_given_rows_of_a_deal_then_they_join_it():
    [claim] = claims(
        "document,transaction,demand_class,fact,sku,quantity,at\n"
        "po/1,order/1001,wholesale,shipped,MUG,5,2026-11-20T09:00:00Z\n"
    )
    assert (claim.transaction, claim.demand_class, claim.documents[0].lines[0].location) == (
        "order/1001",
        "wholesale",
        None,
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_given_a_spreadsheet_s_habits_then_the_rows_are_the_same(separator, end):
    text = (HEAD + SALE).replace(",", separator).replace("\n", end)
    assert of_csv(b"\xef\xbb\xbf" + text.encode()) == of_csv((HEAD + SALE).encode())


def test_given_a_cell_with_a_line_break_then_the_row_is_named_as_it_ends_in_the_file():
    assert refused(
        HEAD + SALE.replace("SOHO,", 'SOHO,"two\nlines"') + "r,1,sold,MUG,-1,2026-11-20T09:00:00Z,SOHO,\n"
    ).startswith("row 4: quantity")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("r,1,sold,MUG,1.5,2026-11-20T09:00:00Z,SOHO,", "row 2: quantity"),
        ("r,1,sold,MUG,many,2026-11-20T09:00:00Z,SOHO,", "row 2: quantity"),
        ("r,1,sold,MUG,-1,2026-11-20T09:00:00Z,SOHO,", "row 2: quantity"),
        ("r,1,sold,MUG,9999999999,2026-11-20T09:00:00Z,SOHO,", "row 2: quantity"),
        ("r,1,sold,MUG,,2026-11-20T09:00:00Z,SOHO,", "row 2: quantity"),
        ("r,1,sold,,1,2026-11-20T09:00:00Z,SOHO,", "row 2: sku"),
        ("r,1,stolen,MUG,1,2026-11-20T09:00:00Z,SOHO,", "row 2: fact"),
        ("r,1,sold,MUG,1,2026-11-20T09:00:00,SOHO,", "row 2: at"),
        ("r,1,sold,MUG,1,yesterday,SOHO,", "row 2: at"),
        ("r,one,sold,MUG,1,2026-11-20T09:00:00Z,SOHO,", "row 2: version"),
        ("r,1,sold,MUG,1,2026-11-20T09:00:00Z,SOHO,,more", "row 2: more cells than columns"),
        (SALE + SALE.replace(",1,sold", ",2,sold"), "row 3: version is not that of row 2, the same document"),
    ],
)
def test_given_a_row_that_is_wrong_then_it_is_named_and_nothing_of_the_file_is_taken(row, reason):
    assert refused(HEAD + row.rstrip("\n") + "\n" + SALE.replace("receipt/7", "receipt/9")).startswith(reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "there is no column 'fact'"),
        ("fact,sku,quantity\n", "there is no column 'at'"),
        (HEAD.replace("reason", "customer_email") + SALE, "column 8 is none of: document"),
        (HEAD.replace("reason", "sku") + SALE, "two columns have one name"),
        (HEAD, "there is no row"),
        (HEAD.encode() + b"r,1,sold,M\xfcG,1,2026-11-20T09:00:00Z,SOHO,\n", "the file is not UTF-8"),
    ],
)
def test_given_a_file_that_is_none_then_it_is_said_why(body, reason):
    assert refused(body).startswith(reason)


def test_given_a_thousand_wrong_rows_then_some_are_named_and_the_rest_counted():
    said = refused(HEAD + "r,1,sold,MUG,x,2026-11-20T09:00:00Z,SOHO,\n" * 1_000)
    assert said.count("row ") == FAULTS_SHOWN
    assert said.endswith(f"(and {1_000 - FAULTS_SHOWN} more)")


def test_given_what_somebody_typed_then_a_refusal_does_not_repeat_it():
    said = refused(HEAD + "r,1,sold,MUG,Canary Surname,canary@example.invalid,SOHO,\n")
    assert "anary" not in said


class Log:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.outs = []

    async def send(self, outs):
        self.outs.extend(outs)


@pytest.fixture
def intake():
    settings = SimpleNamespace(locations={"SOHO": None, "WH": None}, bundles={"SET": {"MUG": 2, "BOWL": 1}})
    return Intake({}, {}, SimpleNamespace(settings=settings), Log(), Naming(), lambda: NOW)


async def test_given_a_file_then_each_of_its_documents_is_in_the_log_and_a_bundle_is_its_components(intake):
    body = HEAD + SALE + "receipt/8,1,sold,SET,3,2026-11-20T09:00:00Z,WH,\n"
    assert await intake.upload(body.encode(), "k") == {"accepted": True, "documents": 2}
    told = [decode(Claim, out.value) for out in intake.writer.outs]
    sold = [{line.sku: line.quantity for line in claim.documents[0].lines} for claim in told]
    assert sold == [{"MUG": 2}, {"MUG": 6, "BOWL": 3}]
    assert {claim.channel for claim in told} == {"api"}


async def test_given_a_place_nobody_knows_in_the_last_row_then_nothing_of_the_file_is_in_the_log(intake):
    with pytest.raises(Problem, match="MOON"):
        await intake.upload((HEAD + SALE + SALE.replace("/7", "/8").replace("SOHO", "MOON")).encode(), "k")
    assert intake.writer.outs == []


@pytest.mark.parametrize("name", ["document", "transaction", "sku"])
def test_given_a_nul_in_a_text_then_it_is_refused_because_it_could_not_be_recorded(name):
    line = {"fact": "sold", "sku": "TEE", "quantity": 1, "at": "2026-11-20T10:00:00Z"}
    body = {"document": "A", "transaction": "T", "lines": [line]}
    (line if name == "sku" else body)[name] = "a\0b"
    with pytest.raises(Problem, match="NUL") as problem:
        of_json(json.dumps(body).encode())
    assert problem.value.status == 400
    with pytest.raises(Problem, match="NUL"):
        of_csv(b"fact,sku,quantity,at\nsold,T\0,1,2026-11-20T10:00:00Z\n")


def test_given_a_version_that_no_database_counts_to_then_it_is_refused():
    line = {"fact": "sold", "sku": "TEE", "quantity": 1, "at": "2026-11-20T10:00:00Z"}
    with pytest.raises(Problem, match="version"):
        of_json(json.dumps({"version": 2**63, "lines": [line]}).encode())


def test_given_a_header_longer_than_any_then_the_upload_is_refused():
    with pytest.raises(Problem, match="row 1"):
        of_csv(b'"' + b"a" * 200_000)
