"""A file of rules is laid over those that held, and refused with the line and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.rules import LocationRules
from streams.settings import BadConfiguration, load
from streams.supposing import supposed

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example" / "onhand.toml"


@pytest.fixture(scope="module")
def configured():
    return load(EXAMPLE)


@pytest.fixture
def file(tmp_path):
    def written(text: str) -> Path:
        path = tmp_path / "rules.toml"
        path.write_text(text)
        return path

    return written


def test_given_a_file_then_only_what_it_says_is_other_than_it_was(configured, file):
    said = supposed(
        file("[channels.web.rules]\nsafety_stock = 3\n[channels.web.rules.safety_stock_by_sku]\nMUG = 2\n"),
        configured,
    )
    was = configured.rules
    made = said.over(was)
    assert made.channels["web"].safety_stock == 3
    assert made.channels["web"].safety_stock_by_sku == {"MUG": 2}
    assert made.channels["web"].ships_from == was.channels["web"].ships_from == "SOHO"
    assert made.channels["tills"] == was.channels["tills"]
    assert made.bundles == was.bundles
    assert made.version != was.version
    assert said.over(made).version == made.version


def test_given_what_a_location_is_for_then_its_other_rules_stay_and_channels_note_it(configured, file):
    made = supposed(file("[locations.HARLEM]\nships = false\n"), configured).over(configured.rules)
    assert made.locations["HARLEM"] == LocationRules(ships=False, pickup=True, in_store_buffer=1)
    assert made.channels["web"].closed == ("HARLEM",)


def test_given_a_table_of_skus_then_what_it_does_not_name_stays(configured, file):
    first = supposed(file("[channels.web.rules.safety_stock_by_sku]\nMUG = 2\n"), configured)
    second = supposed(file("[channels.web.rules.safety_stock_by_sku]\nTEE = 4\n"), configured)
    made = second.over(first.over(configured.rules))
    assert made.channels["web"].safety_stock_by_sku == {"MUG": 2, "TEE": 4}


def test_given_a_routing_then_all_channels_have_it_but_where_the_file_says_another(configured, file):
    path = file('[channels.web.rules]\nrouting = "priority"\n')
    made = supposed(path, configured, "nearest").over(configured.rules)
    assert [made.channels[name].routing for name in ("tills", "web")] == ["nearest", "priority"]
    assert supposed(None, configured).over(configured.rules).version == configured.rules.version


REFUSED = {
    "[channels.web.rules]\n\nsafty_stock = 3": "3: channels.web.rules.safty_stock: there is no such rule; rules are: backorder,",
    "[channels.web.rules]\nclosed = ['SOHO']": "2: channels.web.rules.closed: there is no such rule; rules are:",
    "\n[channels.wob.rules]\nsafety_stock = 3": "2: channels.wob: there is no such channel; channels are: tills, web",
    "[channels.web.rules]\nsafety_stock = -3": "2: channels.web.rules.safety_stock: Input should be greater than or equal to 0",
    "[channels.web]\nplatform = 'x'": "2: channels.web.platform: Extra inputs are not permitted",
    "[locations.X]\nships = false": "1: locations.X: there is no such location; locations are: HARLEM, SOHO",
    "[locations.SOHO]\nship = false": "2: locations.SOHO.ship: Unexpected keyword argument: there is no such setting",
    "[channels.web.rules]\nlocations = ['SOHO', 'NO']": "2: channels.web.rules.locations: unknown location 'NO'; locations are: HARLEM, SOHO",
    "[channels.web.rules]\nrouting = 'fastest'": "2: channels.web.rules.routing: Input should be 'fewest_parcels', 'nearest' or 'priority'",
    "[bundles.X]\nA = 0": "2: bundles.X.A: Input should be greater than or equal to 1",
    "[bundles.X]\nGIFT-SET = 1": "1: bundles.X: 'GIFT-SET' is a bundle itself; list the components it is made of",
    "[rules]\nx = 1": "1: rules: Extra inputs are not permitted",
    "channels = 3": "1: channels: Input should be a valid dictionary",
    "x = [": " not valid TOML:",
}


@pytest.mark.parametrize("text", REFUSED, ids=[text.replace("\n", " ")[-30:] for text in REFUSED])
def test_given_what_cannot_be_then_it_is_refused_with_its_line_and_what_would_be_right(
    configured, file, text
):
    path = file(text)
    with pytest.raises(BadConfiguration) as refused:
        supposed(path, configured)
    assert f"{path}:{REFUSED[text]}" in str(refused.value)


def test_given_a_file_that_is_not_there_then_it_says_so(configured, tmp_path):
    with pytest.raises(BadConfiguration, match="cannot be read"):
        supposed(tmp_path / "none.toml", configured)
