"""What a change of a published schema would break: of whoever reads our topics, and of us, who read for ever what was written once.

A record that an earlier release wrote must be one still, and what a client was promised of every record must stay so. What may come are
fields that need not be there, values of an enumeration, and wider limits of numbers and texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("format", "pattern", "const")
"""Limits that are not to get narrower: those that are not to rise, not to fall, and not to be others."""


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """What the new schema of a topic's value breaks, in words; nothing where it is compatible."""
    yield from _breaks("", _Side(old, old), _Side(new, new))


class _Side:
    """A part of a schema, and the whole, which its references are about."""

    def __init__(self, whole: Schema, part: Schema) -> None:
        self.whole = whole
        while "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        self.part = part

    def at(self, part: Schema) -> _Side:
        """Another part of the same."""
        return _Side(self.whole, part)

    def kinds(self) -> dict[str, _Side]:
        """What may stand here, by type. Nothing said: anything."""
        if "anyOf" in self.part:
            return {
                kind: its for branch in self.part["anyOf"] for kind, its in self.at(branch).kinds().items()
            }
        said = self.part.get("type", "anything")
        return dict.fromkeys([said] if isinstance(said, str) else said, self)


def _breaks(where: str, old: _Side, new: _Side) -> Iterator[str]:
    before, after = old.kinds(), new.kinds()
    here = where or "the record"
    for kind in before.keys() - after.keys():
        yield f"{here} can be no {kind} any more, and was one"
    for kind in after.keys() - before.keys() - {"null"}:
        yield f"{here} can be {kind} now, which nobody expects"
    for kind in before.keys() & after.keys():
        yield from _limits(here, before[kind].part, after[kind].part)
        yield from _fields(where, before[kind], after[kind])


def _limits(here: str, old: Schema, new: Schema) -> Iterator[str]:
    for name in LOWEST:
        if new.get(name, float("-inf")) > old.get(name, float("-inf")):
            yield f"{here}: {name} is {new[name]} now, and was {old.get(name, 'not limited')}"
    for name in HIGHEST:
        if new.get(name, float("inf")) < old.get(name, float("inf")):
            yield f"{here}: {name} is {new[name]} now, and was {old.get(name, 'not limited')}"
    for name in EXACT:
        if old.get(name) != new.get(name):
            yield f"{here}: {name} is {new.get(name)} now, and was {old.get(name)}"
    if "enum" in new:
        gone = [value for value in old.get("enum", ["anything"]) if value not in new["enum"]]
        if gone:
            yield f"{here} can be no {' or '.join(map(str, gone))} any more, and was"


def _fields(where: str, old: _Side, new: _Side) -> Iterator[str]:
    had, has = old.part.get("properties", {}), new.part.get("properties", {})
    had_to, must = set(old.part.get("required", ())), set(new.part.get("required", ()))
    for name in had.keys() - has.keys():
        yield f"{where}.{name} is gone: records that were written have it, and clients read it"
    for name in sorted(must - had_to):
        yield f"{where}.{name} must be there now: records that were written are without it"
    for name in sorted((had_to - must) & has.keys()):
        yield f"{where}.{name} may be missing now, and was always there"
    for name in had.keys() & has.keys():
        yield from _breaks(f"{where}.{name}", old.at(had[name]), new.at(has[name]))
    for name, said in (("additionalProperties", "{}"), ("items", "[]")):
        yield from _content(f"{where}{said}", old, new, name)
    first, second = old.part.get("prefixItems", []), new.part.get("prefixItems", [])
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        yield from _breaks(f"{where}[{number}]", old.at(one), new.at(other))


def _content(where: str, old: _Side, new: _Side, name: str) -> Iterator[str]:
    """What stands in a mapping or a list, whose names or places do not matter."""
    before, after = old.part.get(name, True), new.part.get(name, True)
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _breaks(where, old.at(before), new.at(after))
    elif before != after:
        yield f"{where}: {name} is {after} now, and was {before}"
