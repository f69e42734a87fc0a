"""A bad file is refused at start with the line, the field and what would be right; secrets never stand in it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.distances import Point
from schemas.rules import LocationRules
from schemas.ruling import rules_of
from schemas.sites import Site
from streams.settings import (
    BadConfiguration,
    alert_secret,
    api_keys,
    kafka_password,
    load,
    oidc_secret,
    postgres_password,
    secrets_of,
)

GOOD = """[locations.SOHO]

[channels.web]
platform = "shopify"
shop = "example.myshopify.com"

[channels.web.locations]
"location:1" = "SOHO"
"""


@pytest.fixture
def read(tmp_path):
    """Loads a text as `onhand.toml`; a fault's message comes without the path."""
    file = tmp_path / "onhand.toml"

    def settings(text):
        file.write_text(text, encoding="utf-8")
        try:
            return load(file)
        except BadConfiguration as error:
            raise BadConfiguration(str(error).replace(f"{file}:", "")) from None

    return settings


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('shop = "example.myshopify.com"', "", "3: channels.web.shop: Field required: add it"),
        ('"shopify"', '"shopifi"', "3: channels.web: Input tag 'shopifi' found using 'platform'"),
        ('"location:1" = "SOHO"', '"location:1" = "NOWHERE"', "3: channels.web: unknown location 'NOWHERE'"),
        (
            "[locations.SOHO]",
            '[kafka]\npartitions = "many"',
            "2: kafka.partitions: Input should be a valid integer",
        ),
        ("[locations.SOHO]", "[locations.SOHO", " not valid TOML"),
        (
            "[locations.SOHO]",
            '[kafka]\naddress = "k:9092"\ncertificate = "c.pem"\ntls = true',
            "1: kafka: certificate and key go together; add the other",
        ),
        (
            "[locations.SOHO]",
            '[kafka]\naddress = "k:9092"\nca = "c.pem"',
            "1: kafka: ca, certificate and key need tls = true",
        ),
        (
            "[locations.SOHO]",
            '[kafka]\naddress = "k:9092"\nusername = "me"\nmechanism = "PLAIN"',
            "1: kafka: PLAIN sends the password as it is: add tls = true",
        ),
        (
            "[locations.SOHO]",
            '[kafka]\nusername = "me"',
            "1: kafka: tls and username are for a Kafka with an address",
        ),
        (
            "[channels.web]",
            '[postgres]\naddress = "mysql://x"\n[channels.web]',
            "4: postgres.address: String should match",
        ),
        (
            "[channels.web.locations]",
            '[channels.web.wholesale]\npayments = ["net30"]\n[channels.web.locations]',
            "7: channels.web.wholesale: no document of the platform tells payments; of what marks",
        ),
        (
            "[channels.web.locations]",
            '[channels.web.wholesale]\nlabels = ["b2b"]\n[channels.web.locations]',
            "8: channels.web.wholesale.labels: Extra inputs are not permitted: there is no such setting",
        ),
        (
            "[channels.web]",
            "[channels.web]\nclock_skew = -0.1",
            "4: channels.web.clock_skew: Input should be gr",
        ),
        ("[channels.web]", "[channels.web]\nclock_skew = nan", "4: channels.web.clock_skew: Input should be"),
        ("[channels.web]", "[channels.web]\nclock_skew = inf", "4: channels.web.clock_skew: Input should be"),
        (
            "[locations.SOHO]",
            '[worker]\nstore = "rocksdb"\n[locations.SOHO]',
            "2: worker.store: Input should be 'memory' or 'rocksdict'",
        ),
        (
            "[locations.SOHO]",
            "[transactions]\nclose_after_days = -1",
            "2: transactions.close_after_days: Input should be greater than or equal to 0",
        ),
        (
            "[locations.SOHO]",
            "[transactions]\nclose_after_days = inf",
            "2: transactions.close_after_days: Input should be",
        ),
        (
            "[locations.SOHO]",
            "[transactions]\nclose_after = 90",
            "2: transactions.close_after: Extra inputs are not permitted: there is no such setting",
        ),
        (
            "[locations.SOHO]",
            '[locations.SOHO]\nhand_edits = "ignore"',
            "2: locations.SOHO.hand_edits: Input should be 'adopt', 'correct' or 'alert'",
        ),
        (
            "[locations.SOHO]",
            "[locations.SOHO]\nlatitude = 40.72",
            "1: locations.SOHO: latitude and longitude go together; add the other",
        ),
        (
            "[locations.SOHO]",
            "[locations.SOHO]\nlatitude = 90.5\nlongitude = 0",
            "2: locations.SOHO.latitude: Input should be less than or equal to 90",
        ),
        (
            "[locations.SOHO]",
            '[locations.SOHO]\npostcode = "10012"',
            "1: locations.SOHO: a postcode needs its country; add country",
        ),
        (
            "[locations.SOHO]",
            '[locations.SOHO]\ncountry = "usa"',
            "2: locations.SOHO.country: String should match pattern",
        ),
        (
            "[channels.web]",
            "[channels.web]\nreconcile_every = -1",
            "4: channels.web.reconcile_every: Input should be greater than or equal to 0",
        ),
        ("[channels.web]", 'authority = ["erp"]\n[channels.web]', "channels.web: authority"),
        (
            "[channels.web]",
            '[channels.depot]\nplatform = "rlm"\nfolder = "depot"\ncustomers = true\n[channels.web]',
            "6: channels.depot.customers: Extra inputs are not permitted: there is no such setting",
        ),
    ],
)
def test_given_a_fault_then_the_line_and_the_field_are_named(read, old, new, fault):
    with pytest.raises(BadConfiguration) as refused:
        read(GOOD.replace(old, new))
    assert fault in str(refused.value) or fault.startswith("channels.web: authority")


def test_given_no_channel_that_asks_for_customers_then_none_are_kept(read):
    assert not read(GOOD).keeps_customers
    assert read(GOOD.replace("[channels.web]", "[channels.web]\ncustomers = true")).keeps_customers


def test_given_an_unknown_location_then_those_that_exist_are_listed(read):
    with pytest.raises(BadConfiguration, match=r"add \[locations.NOWHERE\] or use one of: SOHO"):
        read(GOOD.replace('= "SOHO"', '= "NOWHERE"'))


def test_given_a_sandbox_without_a_port_then_the_remedy_is_told(read):
    with pytest.raises(BadConfiguration, match="a sandbox needs sandbox_port"):
        read(GOOD.replace("[channels.web.locations]", 'sandbox = "web.csv"\n[channels.web.locations]'))


def test_given_no_file_then_the_option_that_names_another_is_told(tmp_path):
    with pytest.raises(BadConfiguration, match="name another with --config"):
        load(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ("", timedelta(days=90)),
        ("[transactions]\nclose_after_days = 0.5\n", timedelta(hours=12)),
        ("[transactions]\nclose_after_days = 0\n", None),
    ],
)
def test_given_days_then_a_quiet_transaction_is_closed_after_them_and_given_none_it_never_is(
    read, said, after
):
    assert read(said + GOOD).transactions.close_after == after


def test_given_places_then_shoppers_meet_them_as_they_are_set_and_else_nothing_is_collected_there(read):
    text = """[locations.DEPOT]

[locations.SOHO]
title = "Store in Soho"
latitude = 40.72
longitude = -74
postcode = "10012"
country = "US"
pickup = true
ships = false
in_store_buffer = 1
ready_in = 4
"""
    assert read(GOOD.replace("[locations.SOHO]\n", text)).sites == (
        Site(location="DEPOT", title="", pickup=False, ships=True, in_store_buffer=0, ready_in=2),
        Site(
            location="SOHO",
            title="Store in Soho",
            point=Point(40.72, -74.0),
            postcode="10012",
            country="US",
            pickup=True,
            ships=False,
            in_store_buffer=1,
            ready_in=4,
        ),
    )


def test_given_what_places_are_for_then_that_is_a_rule_which_the_channels_numbers_follow(read):
    said = GOOD.replace("[locations.SOHO]\n", "[locations.SOHO]\nships = false\n[locations.DC]\n")
    rules = read(said).rules
    assert rules.locations == {"SOHO": LocationRules(ships=False)}
    assert rules.channels["web"].closed == ("SOHO",)
    assert read(GOOD).rules.locations == {}
    listed = read(said + '\n[channels.web.rules]\nlocations = ["SOHO"]\n').rules
    assert listed.channels["web"].closed is None
    with pytest.raises(BadConfiguration, match="follow from what the locations are for"):
        read(said + '\n[channels.web.rules]\nclosed = ["SOHO"]\n')
    decided = rules_of(rules.channels, {}, {"DC": LocationRules(pickup=True, in_store_buffer=3)})
    sites = {site.location: site for site in read(said).ruled(decided).sites}
    assert (sites["SOHO"].ships, sites["DC"].pickup, sites["DC"].in_store_buffer) == (True, True, 3)


def test_given_the_environment_then_it_wins_over_the_file(read, monkeypatch):
    monkeypatch.setenv("ONHAND_KAFKA__ADDRESS", "broker:9092")
    assert read(GOOD).kafka.address == "broker:9092"


def test_given_another_rule_then_the_rules_have_another_version(read):
    text = GOOD + "\n[channels.web.rules]\nsafety_stock = {}\n"
    assert read(text.format(1)).rules.version != read(text.format(2)).rules.version
    assert read(text.format(1)).rules.version == read(text.format(1)).rules.version


CARRIED = """[locations.SOHO]
carried_out_by = "{}"

[channels.web]
platform = "shopify"
shop = "example.myshopify.com"

[channels.tills]
platform = "lightspeed_x"
domain_prefix = "example"
[channels.tills.locations]
"outlet:1" = "{}"

[locations.HARLEM]
"""


@pytest.mark.parametrize(
    ("channel", "mapped", "fault"),
    [
        ("till", "SOHO", "unknown channel 'till'; channels are: web, tills"),
        ("web", "SOHO", "no orders are created in shopify; channels of these platforms can: heartland, "),
        ("tills", "HARLEM", "tills knows no SOHO; add its reference to [channels.tills.locations]"),
    ],
)
def test_given_a_channel_that_cannot_carry_out_then_the_line_says_why(read, channel, mapped, fault):
    with pytest.raises(BadConfiguration) as refused:
        read(CARRIED.format(channel, mapped))
    assert str(refused.value).startswith(f"2: locations.SOHO.carried_out_by: {fault}")


def test_given_a_channel_that_carries_out_then_its_places_are_known(read):
    settings = read(CARRIED.format("tills", "SOHO"))
    assert settings.carried_out_by("tills") == {"SOHO"}
    assert settings.carried_out_by("web") == frozenset()
    by_name = CARRIED.replace('[channels.tills.locations]\n"outlet:1" = "{}"\n', "").format("tills")
    assert read(by_name).carried_out_by("tills") == {"SOHO"}, "its outlets may be called as our places are"


TILLS = """
[channels.tills]
platform = "lightspeed_x"
domain_prefix = "example"
"""


def test_given_a_till_that_counts_what_is_there_then_that_is_how_it_is_a_witness_whatever_it_is_told(read):
    for level in ("available", "on_hand"):
        settings = read(GOOD + TILLS + f'[channels.tills.rules]\nlevel = "{level}"\n')
        assert settings.rules.channels["tills"].level == level
        assert settings.witnesses.on_hand == {"tills"}
    assert read(GOOD).witnesses.on_hand == frozenset()


@pytest.mark.parametrize(("said", "seconds"), [("", 2.0), ("clock_skew = 0", 0.0), ("clock_skew = 7.5", 7.5)])
def test_given_a_clock_then_it_may_be_wrong_by_what_the_file_says_else_by_two_seconds(read, said, seconds):
    assert read(GOOD.replace("[channels.web]", f"[channels.web]\n{said}")).skews == {"web": seconds}


def test_given_secrets_then_they_come_from_the_environment_or_a_file_and_show_nowhere(read, tmp_path):
    channel = read(GOOD).channels["web"]
    kept = tmp_path / "token"
    kept.write_text("from-a-file\n")
    env = {"ONHAND_WEB_ACCESS_TOKEN_FILE": str(kept), "ONHAND_WEB_WEBHOOK_SECRET": "from-env"}
    found = secrets_of("web", ("access_token", "webhook_secret", "webhook_secret_previous?"), channel, env)
    assert {name: secret.get_secret_value() for name, secret in found.items()} == {
        "access_token": "from-a-file",
        "webhook_secret": "from-env",
    }
    assert "from" not in repr(found)


def test_given_a_missing_secret_then_its_variable_is_named(read):
    with pytest.raises(
        BadConfiguration, match="set ONHAND_WEB_ACCESS_TOKEN, or ONHAND_WEB_ACCESS_TOKEN_FILE"
    ):
        secrets_of("web", ("access_token",), read(GOOD).channels["web"], {})


BUNDLES = """
[bundles.GIFT-SET]
MUG = 2
TEE = 1
"""


def test_given_bundles_then_they_are_rules_and_a_changed_recipe_is_another_version(read):
    rules = read(GOOD + BUNDLES).rules
    assert rules.bundles == {"GIFT-SET": {"MUG": 2, "TEE": 1}}
    assert rules.bundles_of("MUG") == ["GIFT-SET"]
    assert rules.version not in {
        read(GOOD).rules.version,
        read(GOOD + BUNDLES.replace("2", "3")).rules.version,
    }


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("MUG = 2", "MUG = 0", "11: bundles.GIFT-SET.MUG: Input should be greater than or equal to 1"),
        ("MUG = 2", "GIFT-SET = 2", "10: bundles.GIFT-SET: 'GIFT-SET' is a bundle itself"),
        ("MUG = 2\nTEE = 1", "", "10: bundles.GIFT-SET: Dictionary should have at least 1 item"),
    ],
)
def test_given_a_bundle_that_cannot_be_then_its_line_says_why(read, old, new, fault):
    with pytest.raises(BadConfiguration) as refused:
        read(GOOD + BUNDLES.replace(old, new))
    assert fault in str(refused.value)


def test_given_nothing_is_said_of_hand_edits_then_both_numbers_are_left_as_they_are(read):
    assert read(GOOD).locations["SOHO"].hand_edits == "alert"


def test_given_what_makes_orders_wholesale_then_names_and_numbers_are_read_as_marks_in_any_case(read):
    told = (
        GOOD + '[channels.web.wholesale]\ntags = [" B2B ", "Trade"]\nsources = [580111]\ncompanies = false\n'
    )
    wholesale = read(told).channels["web"].wholesale
    assert (wholesale.tags, wholesale.sources) == ({"b2b", "trade"}, {"580111"})
    assert (wholesale.companies, wholesale.groups) == (False, frozenset())


def test_given_files_of_kafka_then_they_are_found_from_where_the_toml_is(read, tmp_path):
    said = (
        '[kafka]\naddress = "k:9092"\ntls = true\nca = "certs/ca.pem"\nkey = "/k.pem"\ncertificate = "/c.pem"'
    )
    found = read(said).kafka
    assert (found.ca, found.key) == (tmp_path / "certs" / "ca.pem", Path("/k.pem"))


@pytest.mark.parametrize(
    "ask",
    [
        kafka_password,
        postgres_password,
        alert_secret,
        oidc_secret,
        lambda env: api_keys(Path("/nowhere"), env),
    ],
)
@pytest.mark.parametrize(
    ("content", "fault"), [(None, "cannot be read (No such file or directory)"), (b"\xff", "is no text")]
)
def test_given_a_secrets_file_that_is_not_there_or_no_text_then_the_variable_is_named(
    tmp_path, ask, content, fault
):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    names = ("KAFKA_PASSWORD", "POSTGRES_PASSWORD", "ALERTS_SECRET", "DASHBOARD_OIDC_SECRET", "API_KEYS")
    with pytest.raises(BadConfiguration) as found:
        ask({f"ONHAND_{name}_FILE": str(file) for name in names})
    assert re.fullmatch(rf"ONHAND_\w+_FILE: {re.escape(f'{file} {fault}')}", str(found.value))


def test_given_a_secrets_file_then_the_line_break_at_its_end_is_no_part_of_it(tmp_path):
    file = tmp_path / "secret"
    file.write_text("hush\n")
    assert kafka_password({"ONHAND_KAFKA_PASSWORD_FILE": str(file)}).get_secret_value() == "hush"
    keys = api_keys(tmp_path, {"ONHAND_API_KEYS_FILE": str(file)})
    assert [key.get_secret_value() for key in keys] == ["hush"]
