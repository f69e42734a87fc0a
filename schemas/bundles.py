"""Bundles: SKUs that are sold but never kept. What is sold of one is its components, and so many can be sold as they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from schemas.availability import ChannelQuantity, Place, quantity
from schemas.claims import STRICT, Claim, Fact, Line, Reference
from schemas.ledger import Stock
from schemas.rules import Recipe, Rules

ABSOLUTE = frozenset({Fact.OPENED, Fact.OPENED_BELOW_ZERO, Fact.COUNTED})
"""What is said of a shelf. A bundle has none: a platform's level of one follows from ours, and not the other way."""


class NotKept(Exception):
    """A document says how many of a bundle stand on a shelf. The message names the bundle."""


def unbundled(claim: Claim, recipes: Mapping[str, Recipe]) -> Claim:
    """The claim with every line of a bundle replaced by lines of its components, each of which names the bundle.

    It is done before the claim is in the log, so that a recipe that is changed later changes no past. Raises `NotKept`.
    """
    if not any(line.sku in recipes for document in claim.documents for line in document.lines):
        return claim
    documents = (
        replace(document, lines=tuple(one for line in document.lines for one in components(line, recipes)))
        for document in claim.documents
    )
    return replace(claim, documents=tuple(documents))


def components(line: Line, recipes: Mapping[str, Recipe]) -> Iterator[Line]:
    """A line of a bundle as lines of its components; any other as it is. Raises `NotKept`."""
    recipe = recipes.get(line.sku)
    if recipe is None:
        yield line
        return
    if line.fact in ABSOLUTE:
        raise NotKept(f"{line.sku} is a bundle: no shelf holds it, its components are counted")
    for component, each in sorted(recipe.items()):
        yield replace(line, sku=component, quantity=line.quantity * each, bundle=line.sku)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePart:
    """One component of a bundle: each channel's numbers of it, in units of the component, as its stock made them.

    `Place.own` is what the channel's own documents of the *bundle* took of it. `offset` is the component's `movements` offset.
    """

    __pydantic_config__ = STRICT

    bundle: Reference
    component: Reference
    numbers: dict[str, ChannelQuantity]
    offset: int
    v: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What is known of a bundle: its components' newest parts. `offset` is the `bundle-parts` offset last taken in."""

    __pydantic_config__ = STRICT

    sku: Reference
    parts: dict[str, BundlePart] = field(default_factory=dict)
    offset: int = -1
    v: int = 1

    def take(self, part: BundlePart, offset: int) -> Bundle:
        """The bundle after a part read at `offset`; a part that is older than what it has changes nothing else."""
        held = self.parts.get(part.component)
        newer = held is None or held.offset <= part.offset
        return replace(
            self, parts={**self.parts, part.component: part} if newer else self.parts, offset=offset
        )


def part(stock: Stock, bundle: str, rules: Rules) -> BundlePart:
    """What a component's stock says of a bundle that it is in."""
    found = {
        channel: quantity(stock, channel, its, rules.version, bundle=bundle)
        for channel, its in rules.channels.items()
    }
    numbers = {channel: number for channel, number in found.items() if number.places or number.elsewhere}
    return BundlePart(bundle=bundle, component=stock.sku, numbers=numbers, offset=stock.offset)


def same_part(one: BundlePart, other: BundlePart) -> bool:
    """Whether two parts come to the same bundle, whatever they were computed from."""
    return all(
        _places(one.numbers.get(channel)) == _places(other.numbers.get(channel))
        for channel in {*one.numbers, *other.numbers}
    )


def _places(number: ChannelQuantity | None) -> Mapping[str, Place]:
    return {} if number is None else number.places


def bundle_quantity(bundle: Bundle, channel: str, rules: Rules) -> ChannelQuantity:
    """How many of a bundle a channel may sell: at each place as many as the scarcest component allows. It has no place where its
    components are not all tracked.
    """
    recipe = rules.bundles.get(bundle.sku, {})
    numbers = {
        name: number
        for name in recipe
        if name in bundle.parts and (number := bundle.parts[name].numbers.get(channel)) is not None
    }
    all_of = [set(number.places) for number in numbers.values()] if len(numbers) == len(recipe) else []
    where = set.intersection(*all_of) if all_of else set()
    places = {place: _place(recipe, numbers, place) for place in sorted(where)}
    return ChannelQuantity(
        channel=channel,
        sku=bundle.sku,
        quantity=sum(place.quantity for place in places.values()),
        places=places,
        rules=rules.version,
        offset=bundle.offset,
        elsewhere=_elsewhere(recipe, numbers, where) or None,
    )


def _place(recipe: Recipe, numbers: Mapping[str, ChannelQuantity], name: str) -> Place:
    each = [(number.at(name), recipe[component]) for component, number in numbers.items()]
    return Place(
        quantity=min(place.quantity // units for place, units in each),
        level=min(place.level // units for place, units in each),
        own=min(place.own // units for place, units in each),  # one that has not heard yet offers more, too
    )


def _elsewhere(recipe: Recipe, numbers: Mapping[str, ChannelQuantity], where: set[str]) -> dict[str, int]:
    told = {name for number in numbers.values() for name in {*number.places, *(number.elsewhere or ())}}
    there = {name: _place(recipe, numbers, name).own for name in sorted(told - where)}
    return {name: own for name, own in there.items() if own}


def scarcest(bundle: Bundle, channel: str, rules: Rules, place: str) -> str:
    """The component that decides how many of a bundle a channel may sell at a place; of several the first by name."""
    recipe = rules.bundles[bundle.sku]
    allows = {
        name: bundle.parts[name].numbers[channel].places[place].quantity // recipe[name] for name in recipe
    }
    return min(recipe, key=lambda name: (allows[name], name))
