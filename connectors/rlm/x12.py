"""X12 interchanges, read and written. What is in a transaction set is `sets`' matter; here its envelopes are checked.

ASC X12 releases 004010 and 005010 have the same envelopes: ISA to IEA, GS to GE, ST to SE. The separators are the file's own:
the element separator is the fourth character, the segment terminator follows ISA16. Some partners do not pad ISA, end a
segment by a newline, break lines after the terminator, leave the last terminator out, or fill up with Ctrl-Z; all that is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from connectors.errors import Refused

Segment = Sequence[str]
"""A segment's name and its elements, so that `segment[3]` is the element that X12 calls 03."""

FAULTS = {
    "SE01": ("SE01 does not count the segments of the transaction set", "4"),
    "SE02": ("SE02 is not the control number ST02", "3"),
    "GS01": ("the transaction set stands in a group of another kind", "1"),
}
"""What may be wrong with one set: in words, and as AK502 (element 718) tells its sender."""

BLANK = " \t\r\n\x00\x1a"
"""What may stand between segments and after the last one without meaning anything."""

GROUPS = {
    "846": "IB",
    "850": "PO",
    "856": "SH",
    "940": "OW",
    "943": "AR",
    "944": "RE",
    "945": "SW",
    "947": "AW",
    "997": "FA",
}
"""GS01 of each transaction set (X12 element 479)."""


class Address(NamedTuple):
    """Who sends or receives: the qualifier (ISA05, ISA07) and the id (ISA06, ISA08; also GS02, GS03)."""

    qualifier: str
    ident: str


@dataclass(frozen=True, slots=True)
class TransactionSet:
    """ST to SE. `segments` are those between them. `fault` is the one of `FAULTS` for which it cannot be believed, None where it can."""

    kind: str
    number: str
    segments: tuple[Segment, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """GS to GE. `date` and `time` are GS04 and GS05."""

    kind: str
    number: str
    date: str
    time: str
    sets: tuple[TransactionSet, ...]


@dataclass(frozen=True, slots=True)
class Interchange:
    """ISA to IEA. `number` is ISA13."""

    sender: Address
    receiver: Address
    number: str
    groups: tuple[Group, ...]


def interchanges(raw: bytes) -> list[Interchange]:
    """The interchanges of a file. Raises `Refused` where one is cut off or its envelopes contradict themselves.

    A set whose own envelope is wrong (SE01, SE02) has a `fault`: the others of the file are good.
    """
    text = _decoded(raw).strip(BLANK)
    if not text:
        raise Refused("the file is empty")
    found: list[Interchange] = []
    while text:
        segments, text = _one(text)
        found.append(_interchange(segments))
    return found


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _one(text: str) -> tuple[list[Segment], str]:
    """The segments of the first interchange, and the text after it."""
    if len(text) < 4 or not text.startswith("ISA") or text[3].isalnum():
        raise Refused("no ISA segment stands where an interchange begins")
    separator = text[3]
    header = text.split(separator, 16)
    start = header[-1].find(f"GS{separator}") if len(header) == 17 else -1
    if start < 0:
        raise Refused("truncated: the file ends within or after its ISA segment")
    terminator = _terminator(header[-1], start)
    segments: list[Segment] = [header[:16]]
    rest = header[-1][start:]
    while rest:
        written, _, rest = rest.partition(terminator)
        segment = written.strip(BLANK).split(separator)
        rest = rest.lstrip(BLANK)
        if segment[0] == "ISA":
            break
        if segment != [""]:
            segments.append(segment)
        if segment[0] == "IEA":
            return segments, rest
    raise Refused("truncated: an interchange has no IEA segment")


def _terminator(after: str, start: int) -> str:
    """The segment terminator: what follows ISA16. `start` is where GS begins."""
    between = after[:start]
    printed = between.strip(BLANK)
    if len(printed) == 2:
        return printed[1]
    first_line = after[start:].partition("\n")[0].rstrip(BLANK)
    if len(printed) == 1 and "\n" in between and not first_line.endswith(printed):
        return "\n"
    raise Refused("ISA16 is not the one character before the segment terminator")


def _interchange(segments: list[Segment]) -> Interchange:
    header, body, trailer = segments[0], segments[1:-1], segments[-1]
    number = header[13].strip()
    _same("IEA02", trailer, 2, "ISA13", number)
    groups: list[Group] = []
    at = 0
    while at < len(body):
        if body[at][0] != "GS":
            raise Refused("a segment stands outside of GS and GE")
        end = next((n for n in range(at, len(body)) if body[n][0] == "GE"), None)
        if end is None:
            raise Refused("a group has no GE segment")
        groups.append(_group(body[at], body[at + 1 : end], body[end]))
        at = end + 1
    _counted("IEA01", trailer, len(groups), "groups")
    return Interchange(
        Address(header[5].strip(), header[6].strip()),
        Address(header[7].strip(), header[8].strip()),
        number,
        tuple(groups),
    )


def _group(header: Segment, body: Sequence[Segment], trailer: Segment) -> Group:
    number = element(header, 6)
    _same("GE02", trailer, 2, "GS06", number)
    sets: list[TransactionSet] = []
    at = 0
    while at < len(body):
        if body[at][0] != "ST":
            raise Refused("a segment stands outside of ST and SE")
        end = next((n for n in range(at, len(body)) if body[n][0] == "SE"), None)
        if end is None:
            raise Refused("a transaction set has no SE segment")
        sets.append(_set(element(header, 1), body[at], body[at + 1 : end], body[end]))
        at = end + 1
    _counted("GE01", trailer, len(sets), "transaction sets")
    return Group(element(header, 1), number, element(header, 4), element(header, 5), tuple(sets))


def _set(group: str, header: Segment, body: Sequence[Segment], trailer: Segment) -> TransactionSet:
    kind, number = element(header, 1), element(header, 2)
    checks = {
        "SE02": element(trailer, 2).lstrip("0") == number.lstrip("0"),
        "SE01": element(trailer, 1).lstrip("0") == str(len(body) + 2),
        "GS01": GROUPS.get(kind, group) == group,
    }
    fault = next((name for name, good in checks.items() if not good), None)
    return TransactionSet(kind, number, tuple(body), fault)


def element(segment: Segment, position: int) -> str:
    """An element without surrounding blanks; empty where the segment ends before it."""
    return segment[position].strip() if position < len(segment) else ""


def _same(name: str, segment: Segment, position: int, other: str, number: str) -> None:
    """Control numbers are compared without leading zeros: some partners leave them out in the trailer."""
    if element(segment, position).lstrip("0") != number.lstrip("0"):
        raise Refused(f"{name} is not the control number {other}")


def _counted(name: str, segment: Segment, count: int, what: str) -> None:
    if element(segment, 1).lstrip("0") != str(count):
        raise Refused(f"{name} does not count the {count} {what}")


def written(
    sender: Address,
    receiver: Address,
    number: int,
    at: datetime,
    kind: str,
    sets: Sequence[Sequence[Segment]],
    *,
    seconds: bool = False,
) -> bytes:
    """An interchange with one group of sets of one kind, release 004010. `number` is its control number, and its group's. The
    group's time (GS05) may have `seconds`.
    """
    day, clock = f"{at:%Y%m%d}", f"{at:%H%M}"
    control = f"{number:09d}"
    segments: list[Segment] = [
        (
            *("ISA", "00", " " * 10, "00", " " * 10),
            *(sender.qualifier, sender.ident.ljust(15), receiver.qualifier, receiver.ident.ljust(15)),
            *(day[2:], clock, "U", "00401", control, "0", "P", ">"),
        ),
        (
            *("GS", GROUPS[kind], sender.ident, receiver.ident, day),
            *(f"{at:%H%M%S}" if seconds else clock, str(number), "X", "004010"),
        ),
    ]
    for index, body in enumerate(sets, start=1):
        segments += [("ST", kind, f"{index:04d}"), *body, ("SE", str(len(body) + 2), f"{index:04d}")]
    segments += [("GE", str(len(sets)), str(number)), ("IEA", "1", control)]
    return "".join(_line(segment) for segment in segments).encode()


def _line(segment: Segment) -> str:
    """A segment as text. No separator may stand in an element; empty elements at the end are left out."""
    if segment[0] != "ISA":
        segment = [" ".join(part.translate(SEPARATORS).split()) for part in segment]
        while segment[-1] == "":
            segment = segment[:-1]
    return "*".join(segment) + "~\n"


SEPARATORS = str.maketrans("*~>\r\n", "     ")
