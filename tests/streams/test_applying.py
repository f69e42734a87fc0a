"""A file of rules that is to be applied."""

from __future__ import annotations

import pytest

from streams.commands.applying import patches_in
from streams.settings import BadConfiguration


@pytest.fixture
def file(tmp_path):
    def written(text: str):
        path = tmp_path / "earned.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_given_rules_of_channels_then_each_is_a_change_of_what_is_said_and_nothing_else(file):
    text = '[channels.web.rules]\ncap = 5\n[channels.web.rules.safety_stock_by_sku]\n"MUG 1" = 2\n'
    assert patches_in(file(text)) == {"web": {"cap": 5, "safety_stock_by_sku": {"MUG 1": 2}}}
    assert patches_in(file("# nothing\n")) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[channels.web", "not valid TOML"),
        ("[locations.SOHO]\nships = false\n", "only [channels.<name>.rules]"),
        ("channels = 5\n", "only [channels.<name>.rules]"),
        ('[channels.web]\nplatform = "shopify"\n', "only its rules"),
        ("[channels]\nweb = 1\n", "only its rules"),
        ("[channels.web]\nrules = 1\n", "only its rules"),
    ],
)
def test_given_anything_else_then_the_file_is_refused_and_says_why(file, text, says):
    with pytest.raises(BadConfiguration, match=r"earned\.toml") as refused:
        patches_in(file(text))
    assert says in str(refused.value)


def test_given_no_file_then_that_is_said(tmp_path):
    with pytest.raises(BadConfiguration, match="cannot be read"):
        patches_in(tmp_path / "missing.toml")
