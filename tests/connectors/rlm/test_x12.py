"""Envelopes: whatever separators and newlines a partner likes, and nothing that is cut off or contradicts itself."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Refused
from connectors.rlm.x12 import GROUPS, Address, interchanges, written

HERE, THERE = Address("ZZ", "HUB"), Address("01", "DEPOT")
NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
ORDER = [("W05", "N", "A-1"), ("W76", "0")]
FILE = written(HERE, THERE, 7, NOW, "940", [ORDER, ORDER])


def sets_in(raw: bytes):
    return [one for found in interchanges(raw) for group in found.groups for one in group.sets]


def test_given_what_we_write_then_it_reads_as_it_was():
    (found,) = interchanges(FILE)
    assert (found.sender, found.receiver, found.number) == (HERE, THERE, "000000007")
    (group,) = found.groups
    assert (group.kind, group.number, group.date, group.time) == ("OW", "7", "20261123", "1305")
    assert [(one.kind, one.number, one.fault) for one in group.sets] == [
        ("940", "0001", None),
        ("940", "0002", None),
    ]
    assert group.sets[0].segments == (["W05", "N", "A-1"], ["W76", "0"])
    assert FILE.index(b"~") == 105, "ISA has its fixed width, for readers that count"


def test_given_separators_in_an_element_then_they_cannot_end_it():
    (one,) = sets_in(written(HERE, THERE, 1, NOW, "940", [[("N1", "ST", "A*B~C>D\r\nSE*9", "")]]))
    assert one.segments == (["N1", "ST", "A B C D SE 9"],)


@pytest.mark.parametrize(
    "changed",
    [
        FILE.replace(b"~\n", b"~"),
        FILE.replace(b"~\n", b"~\r\n"),
        FILE.replace(b"~\n", b"\n"),
        FILE.replace(b"~\n", b"\r\n"),
        FILE.replace(b"~", b"!").replace(b"*", b"~"),
        FILE.rstrip(b"~\n"),
        FILE + b"\r\n\x1a",
        b"\xef\xbb\xbf\n" + FILE,
        FILE.replace(b"00401", b"00400"),
        FILE.replace(b"*U*00401", b"*^*00501").replace(b"004010", b"005010"),
        FILE.replace(b" " * 10, b" "),
        FILE.replace(b"IEA*1*000000007", b"IEA*1*7"),
        FILE.replace(b"A-1", b"\xc9-1"),
    ],
    ids=[
        "one line",
        "crlf",
        "newline ends a segment",
        "crlf ends a segment",
        "tilde separates",
        "no last terminator",
        "ctrl-z",
        "byte order mark",
        "release 00400",
        "release 005010",
        "unpadded ISA",
        "IEA02 without zeros",
        "latin-1",
    ],
)
def test_given_a_habit_of_a_partner_then_the_file_is_read_all_the_same(changed):
    assert [one.fault for one in sets_in(changed)] == [None, None]
    assert [len(one.segments) for one in sets_in(changed)] == [2, 2]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"ST*997*0001~SE*2*0001~", "no ISA segment"),
        (b"ISAAISA", "no ISA segment"),
        (FILE[:60], "truncated: the file ends within or after its ISA"),
        (FILE[: FILE.index(b"SE*")], "truncated: an interchange has no IEA"),
        (FILE[: FILE.index(b"IEA")], "truncated: an interchange has no IEA"),
        (FILE.replace(b"P*>~", b"P*~"), "ISA16"),
        (FILE.replace(b"P*>~", b"P*::~"), "ISA16"),
        (FILE.replace(b"P*>~\n", b"P*\n"), "ISA16"),
        (FILE.replace(b"IEA*1*000000007", b"IEA*1*000000008"), "IEA02 is not the control number ISA13"),
        (FILE.replace(b"IEA*1", b"IEA*2"), "IEA01 does not count the 1 groups"),
        (FILE.replace(b"GE*2*7", b"GE*2*8"), "GE02 is not the control number GS06"),
        (FILE.replace(b"GE*2", b"GE*1"), "GE01 does not count the 2 transaction sets"),
        (FILE.replace(b"GE*2*7~\n", b""), "a group has no GE"),
        (FILE.replace(b"SE*4*0002~\n", b"").replace(b"SE*4*0001~\n", b""), "no SE segment"),
        (FILE.replace(b"ST*940*0001~\n", b""), "outside of ST and SE"),
        (FILE.replace(b"GS*OW", b"N1*OW"), "truncated|outside of GS"),
        (FILE + b"and more", "no ISA segment"),
        (FILE + FILE[:80], "truncated"),
    ],
)
def test_given_a_file_that_is_cut_off_or_contradicts_itself_then_the_reason_is_said(changed, reason):
    with pytest.raises(Refused, match=reason):
        interchanges(changed)


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        (b"SE*4*0001", b"SE*70*0001", "SE01"),
        (b"SE*4*0001", b"SE**0001", "SE01"),
        (b"SE*4*0001", b"SE*4*0009", "SE02"),
        (b"GS*OW", b"GS*SW", "GS01"),
    ],
)
def test_given_one_set_with_a_fault_then_the_others_of_the_file_are_good(right, wrong, fault):
    found = sets_in(FILE.replace(right, wrong))
    assert found[0].fault == fault
    assert found[1].fault == (fault if fault == "GS01" else None)


def test_given_two_interchanges_in_a_file_then_each_has_its_own_separators():
    other = written(THERE, HERE, 8, NOW, "997", [[("AK1", "OW", "7"), ("AK9", "A", "1", "1", "1")]])
    found = interchanges(FILE + other.replace(b"*", b"|").replace(b"~\n", b"'"))
    assert [one.number for one in found] == ["000000007", "000000008"]
    assert [one.kind for one in sets_in(FILE + other)] == ["940", "940", "997"]


def test_given_a_kind_that_we_send_or_read_then_its_group_is_known():
    assert set(GROUPS) == {"846", "850", "856", "940", "943", "944", "945", "947", "997"}


@given(st.binary(max_size=300))
def test_given_any_bytes_then_they_are_sets_or_a_reason(raw):
    for content in (raw, FILE[:-20] + raw, FILE[:106] + raw + FILE[106:]):
        with contextlib.suppress(Refused):
            assert interchanges(content)
