"""The key of exports, and the command line of a check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from projections.audit.signing import BadKey, PublicKey, Signer
from streams.keys import generate_export_key
from streams.settings import BadConfiguration, export_key

PLAIN = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_given_no_key_then_one_is_made_at_the_first_use_and_stays(tmp_path):
    assert export_key(tmp_path, {}) is None
    file = generate_export_key(tmp_path)
    first = export_key(tmp_path, {})
    assert file.stat().st_mode & 0o777 == 0o600
    assert generate_export_key(tmp_path) == file
    assert export_key(tmp_path, {}).public == first.public


def test_given_a_key_in_the_environment_or_a_file_then_it_wins(tmp_path):
    generate_export_key(tmp_path)
    (tmp_path / "named").write_text(f"{PLAIN}\n")
    wanted = Signer.read(PLAIN).public
    assert export_key(tmp_path, {"ONHAND_EXPORT_KEY": PLAIN}).public == wanted
    assert export_key(tmp_path, {"ONHAND_EXPORT_KEY_FILE": str(tmp_path / "named")}).public == wanted
    assert export_key(tmp_path, {}).public != wanted


@pytest.mark.parametrize(
    "text", ["", "short", "A" * 100, "\u00fc", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_given_what_is_no_key_then_the_message_says_where_it_stands_and_not_what_it_is(tmp_path, text):
    with pytest.raises(BadConfiguration, match=r"ONHAND_EXPORT_KEY.*cannot be used") as refused:
        export_key(tmp_path, {"ONHAND_EXPORT_KEY": text})
    assert not text or text not in str(refused.value)
    with pytest.raises(BadConfiguration, match="cannot be read"):
        export_key(tmp_path, {"ONHAND_EXPORT_KEY_FILE": str(tmp_path / "missing")})


def test_given_a_key_that_openssl_made_then_it_signs_and_is_recognised(tmp_path):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key"], check=True)
    subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "key", "-pubout", "-out", tmp_path / "public"], check=True
    )
    signer = Signer.read((tmp_path / "key").read_text())
    public = PublicKey.read((tmp_path / "public").read_text())
    assert signer.public == public == PublicKey.read(public.text)
    assert public.made(signer.sign(b"ours"), b"ours")
    assert not public.made(signer.sign(b"ours"), b"theirs")
    assert not public.made(b"", b"ours")


def test_given_a_key_of_another_kind_then_it_is_refused(tmp_path):
    command = ["openssl", "genpkey", "-algorithm", "x25519", "-out", tmp_path / "key"]
    subprocess.run(command, check=True)
    with pytest.raises(BadKey, match="another kind"):
        Signer.read((tmp_path / "key").read_text())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--export", "nowhere"], "nowhere is no folder"),
        (["--export", ".", "--public-key", "nokey"], "nokey: cannot be read"),
        (["--unsigned"], "name it with --export"),
        (["--public-key", "key"], "name it with --export"),
        (["--export", ".", "--unsigned", "--public-key", "key"], "--unsigned"),
        ([], "onhand.toml: cannot be read"),
    ],
)
def test_given_a_check_of_nothing_then_the_command_says_what_is_wrong(tmp_path, arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "verify", *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "300", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr


def test_given_any_other_command_then_it_does_not_wait_for_pyarrow():
    code = "import sys; from streams.cli import COMMANDS, app_of; app_of(COMMANDS); print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
