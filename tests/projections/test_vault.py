"""Whom orders are for, on a real PostgreSQL: kept sealed, given back, and gone when erased."""

from __future__ import annotations

import asyncio
import base64
import os
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from projections.envelope import MasterKey, Sealed, WrongKey
from projections.vault import Vault

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = {"name": "Ada Quenneville", "street": "7 Invented Row", "email": "ada@example.invalid"}
MOVED = {**ADA, "street": "9 Invented Row"}
MASTER = MasterKey(bytes(range(32)))
ONE = MASTER.ref("web", "customer", "7", "0")
TWO = MASTER.ref("web", "customer", "8", "0")


@pytest.fixture
def vault(pool):
    return Vault(pool, MASTER)


@pytest.fixture
def keep(vault):
    async def kept(ref=ONE, deal="order/web/1", known=ADA, *, channel="web", after=0):
        at = NOON + timedelta(seconds=after)
        return await vault.keep(ref, deal, known, channel=channel, said_at=at)

    return kept


@pytest.fixture
def rows(pool):
    async def asked(query, *values):
        async with pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()

    return asked


async def test_given_somebody_kept_then_the_vault_gives_them_back_by_their_deal_and_by_their_reference(
    vault, keep
):
    assert await keep() is None
    assert await vault.of("order/web/1") == ONE
    assert await vault.recipient("order/web/1") == await vault.find(ONE) == ADA
    assert (
        await vault.find(TWO) is await vault.recipient("order/web/2") is await vault.of("order/web/2") is None
    )


async def test_given_two_orders_of_one_customer_then_each_keeps_its_own_address(vault, keep):
    await keep(deal="order/web/1")
    await keep(deal="order/web/2", known=MOVED, after=60)
    assert await vault.recipient("order/web/1") == ADA
    assert await vault.recipient("order/web/2") == await vault.find(ONE) == MOVED


async def test_given_the_same_again_then_nothing_changes_and_what_is_newer_replaces_and_older_does_not(
    vault, keep, rows
):
    whole = "SELECT * FROM deal_subjects, subject_keys, subjects"
    await keep()
    before = await rows(whole)
    await keep()
    assert await rows(whole) == before
    await keep(known=MOVED, after=2)
    assert await vault.recipient("order/web/1") == MOVED
    await keep(known=ADA, after=1)
    assert await vault.recipient("order/web/1") == MOVED


async def test_given_what_is_unchanged_in_a_newer_document_then_an_older_one_does_not_undo_it(vault, keep):
    await keep(known=MOVED)
    await keep(known=MOVED, after=2)
    await keep(known=ADA, after=1)
    assert await vault.recipient("order/web/1") == MOVED


async def test_given_an_order_that_becomes_another_customers_then_it_is_theirs(vault, keep):
    await keep(ref=ONE)
    await keep(ref=TWO, known=MOVED, after=1)
    assert await vault.of("order/web/1") == TWO
    assert await vault.find(ONE) is None
    assert await vault.recipient("order/web/1") == MOVED


async def test_given_the_copy_of_an_order_elsewhere_then_its_word_about_whom_it_is_for_is_not_kept(
    vault, keep, rows
):
    await keep()
    await keep(ref=TWO, known=MOVED, channel="magento", after=60)
    assert await vault.recipient("order/web/1") == ADA
    assert await rows("SELECT ref FROM subjects") == [(ONE,)]


async def test_given_an_erasure_then_they_are_gone_and_no_key_that_is_left_opens_what_was_kept(
    vault, keep, rows
):
    await keep(deal="order/web/1")
    await keep(deal="order/web/2")
    await keep(ref=TWO, deal="order/web/3", known=MOVED)
    backup = await rows("SELECT transaction, nonce, ciphertext FROM deal_subjects WHERE ref = %s", ONE)
    theirs = await rows("SELECT nonce, wrapped FROM subject_keys WHERE ref = %s", ONE)
    assert len(backup) == 2
    assert await vault.erase(ONE) == ("order/web/1", "order/web/2")
    assert (
        await vault.find(ONE) is await vault.recipient("order/web/1") is await vault.of("order/web/2") is None
    )
    assert await vault.find(TWO) == MOVED
    left = [
        MASTER.unwrap(ref, Sealed(nonce, wrapped)).raw
        for ref, nonce, wrapped in await rows("SELECT ref, nonce, wrapped FROM subject_keys")
    ]
    assert len(left) == 1
    left.append(bytes(range(32)))
    for deal, nonce, ciphertext in backup:
        about = f"{ONE}|{deal}".encode()
        for key in left:
            for part in (key[:32], key[-32:]):
                with pytest.raises(InvalidTag):
                    AESGCM(part).decrypt(nonce, ciphertext, about)
        held = MASTER.unwrap(ONE, Sealed(*theirs[0])).raw[:32]
        assert b"Quenneville" in AESGCM(held).decrypt(nonce, ciphertext, about), "the key that is gone did"


async def test_given_an_erasure_then_documents_of_old_orders_do_not_bring_them_back(vault, keep, rows):
    began = datetime.now(UTC)
    await keep(deal="order/web/1")
    await vault.erase(ONE)
    told = [await keep(deal=deal, after=10**9) for deal in ("order/web/9", "order/web/9")]
    assert began <= told[0] == told[1] <= datetime.now(UTC)
    for ref, channel in ((ONE, "web"), (TWO, "web"), (TWO, "magento")):
        assert await keep(ref=ref, channel=channel, after=10**9) is None
    assert await rows("SELECT transaction, ref, ciphertext, digest FROM deal_subjects") == [
        ("order/web/1", None, None, None)
    ]
    assert await rows("SELECT ref FROM subject_keys") == []
    assert await vault.erase(ONE) == ()


async def test_given_nobody_then_there_is_nobody_to_erase_and_no_trace_of_having_asked(vault, rows):
    assert await vault.erase(ONE) is None
    assert await rows("SELECT ref FROM subjects") == []


async def test_given_another_master_key_then_it_is_refused_before_anything_is_shown_or_kept(
    pool, vault, keep, rows
):
    await keep()
    other = Vault(pool, MasterKey(os.urandom(32)))
    before = await rows("SELECT * FROM deal_subjects, subjects, subject_keys")
    for call in (
        other.check(),
        other.find(ONE),
        other.of("order/web/1"),
        other.recipient("order/web/1"),
        other.erase(ONE),
        other.keep(ONE, "order/web/2", MOVED, channel="web", said_at=NOON),
    ):
        with pytest.raises(WrongKey, match="another master key"):
            await call
    assert await rows("SELECT * FROM deal_subjects, subjects, subject_keys") == before
    assert await Vault(pool, MASTER).find(ONE) == ADA


SWAPPED = {
    "the content of another deal of theirs": "UPDATE deal_subjects a SET nonce = b.nonce, ciphertext = b.ciphertext"
    " FROM deal_subjects b WHERE a.transaction = 'order/web/1' AND b.transaction = 'order/web/2'",
    "another's deal": "UPDATE deal_subjects SET ref = (SELECT ref FROM deal_subjects WHERE transaction = 'order/web/3')"
    " WHERE transaction = 'order/web/1'",
    "another's key": "UPDATE subject_keys a SET nonce = b.nonce, wrapped = b.wrapped FROM subject_keys b WHERE a.ref <> b.ref",
}


@pytest.mark.parametrize("swap", SWAPPED.values(), ids=SWAPPED.keys())
async def test_given_a_row_that_somebody_put_in_anothers_place_then_it_does_not_open(pool, vault, keep, swap):
    await keep(ref=ONE, deal="order/web/1")
    await keep(ref=ONE, deal="order/web/2", known=MOVED)
    await keep(ref=TWO, deal="order/web/3", known=MOVED)
    async with pool.connection() as connection:
        await connection.execute(swap)
    with pytest.raises(WrongKey, match="changed"):
        await vault.recipient("order/web/1")


async def test_given_the_mark_of_another_master_key_then_that_one_still_opens_nothing(pool, vault, keep):
    other = MasterKey(bytes(32))
    await keep()
    async with pool.connection() as connection:
        await connection.execute("UPDATE vault SET mark = %s", [other.mark])
    with pytest.raises(WrongKey):
        await Vault(pool, other).find(ONE)


async def test_given_one_subject_kept_many_times_at_once_then_there_is_one_with_one_key_that_opens_all(
    vault, keep, rows
):
    deals = [f"order/web/{number % 5}" for number in range(40)]
    await asyncio.gather(*(keep(deal=deal, known={**ADA, "name": deal}) for deal in deals))
    assert (
        await rows("SELECT count(*) FROM subjects")
        == await rows("SELECT count(*) FROM subject_keys")
        == [(1,)]
    )
    assert await rows("SELECT count(*) FROM deal_subjects") == [(5,)]
    for deal in set(deals):
        assert (await vault.recipient(deal))["name"] == deal


async def test_given_an_erasure_while_they_are_being_kept_then_nothing_of_them_is_left(vault, keep, rows):
    for turn in range(10):
        ref = MASTER.ref("web", "customer", f"many-{turn}")
        await keep(ref=ref, deal=f"order/{turn}/0")
        keeps = [keep(ref=ref, deal=f"order/{turn}/{n}") for n in range(12)]
        await asyncio.gather(*keeps[:6], vault.erase(ref), *keeps[6:])
        assert await rows("SELECT * FROM subject_keys WHERE ref = %s", ref) == []
        assert await rows("SELECT * FROM deal_subjects WHERE ref = %s", ref) == []


def test_given_a_reference_then_it_says_nothing_and_another_key_makes_another():
    assert len({ONE, TWO, MasterKey(bytes(32)).ref("web", "customer", "7", "0")}) == 3
    assert MASTER.ref("web", "customer", "7", "0") == ONE
    assert MASTER.ref("we", "bcustomer", "7", "0") != ONE != MASTER.ref("web", "customer", "70", "")
    assert len(ONE) == 64


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_given_a_master_key_as_tools_write_it_then_it_is_read_and_anything_else_is_refused(encode):
    secret = b"\xfb\xff" * 16
    assert MasterKey.read(f" {encode(secret).decode()}\n").mark == MasterKey(secret).mark
    assert MasterKey.read(encode(secret).decode().rstrip("=")).mark == MasterKey(secret).mark
    for wrong in ("", "sandbox", encode(secret[:31]).decode(), encode(secret * 2).decode(), "é" * 44):
        with pytest.raises(ValueError, match="32 random bytes"):
            MasterKey.read(wrong)


# -- another master key

NEXT = MasterKey(bytes(range(1, 33)))


async def test_given_a_rotation_then_the_new_key_opens_all_and_the_old_one_nothing(pool, vault, keep):
    await keep()
    await keep(ref=TWO, deal="order/web/2")
    await vault.erase(TWO)
    both = Vault(pool, NEXT, MASTER)
    assert await both.recipient("order/web/1") == ADA, "both open before anything is rotated"
    assert (await both.used(), await both.rotate(), await both.used()) == (MASTER.ident, 1, NEXT.ident)
    assert await both.wrapped() == {NEXT.ident: 1}
    new = Vault(pool, NEXT)
    assert await new.recipient("order/web/1") == ADA
    assert await new.find(ONE) == ADA
    with pytest.raises(WrongKey, match="another master key"):
        await Vault(pool, MASTER).recipient("order/web/1")


async def test_given_a_rotation_then_who_somebody_is_stays_the_same_and_who_was_erased_stays_so(
    pool, vault, keep
):
    await keep()
    await vault.erase(ONE)
    await Vault(pool, NEXT, MASTER).rotate()
    new = Vault(pool, NEXT)
    await new.check()
    assert new.ref("web", "customer", "7", "0") == ONE
    said = await new.keep(ONE, "order/web/3", ADA, channel="web", said_at=NOON)
    assert said is not None, "a reference that was erased stays erased"
    assert await new.recipient("order/web/3") is None


async def test_given_servers_that_run_while_the_key_is_rotated_then_they_go_on_with_both(pool, vault, keep):
    await vault.check()
    running = Vault(pool, NEXT, MASTER)
    await running.keep(ONE, "order/web/1", ADA, channel="web", said_at=NOON)
    assert await running.wrapped() == {MASTER.ident: 1}
    await Vault(pool, NEXT, MASTER).rotate()
    await running.keep(TWO, "order/web/2", MOVED, channel="web", said_at=NOON)
    assert await running.wrapped() == {NEXT.ident: 2}
    assert (await running.recipient("order/web/1"), await running.recipient("order/web/2")) == (ADA, MOVED)


async def test_given_a_server_without_the_new_key_then_it_keeps_nobody_any_more_and_loses_nobody(
    pool, vault, keep
):
    await keep()
    await Vault(pool, NEXT, MASTER).rotate()
    with pytest.raises(WrongKey):
        await keep(ref=TWO, deal="order/web/2")
    assert await Vault(pool, NEXT).recipient("order/web/2") is None


async def test_given_a_rotation_that_was_stopped_then_it_goes_on_and_until_then_both_keys_open(
    pool, vault, keep, rows
):
    await keep()
    await keep(ref=TWO, deal="order/web/2")
    before = await rows("SELECT nonce, wrapped, mark FROM subject_keys WHERE ref = %s", TWO)
    both = Vault(pool, NEXT, MASTER)
    await both.rotate()
    await rows(
        "UPDATE subject_keys SET nonce = %s, wrapped = %s, mark = NULL WHERE ref = %s RETURNING 1",
        *before[0][:2],
        TWO,
    )
    assert await both.wrapped() == {NEXT.ident: 1, "earlier": 1}
    assert await both.recipient("order/web/2") == ADA
    assert (await both.rotate(), await both.rotate()) == (1, 0)
    assert await Vault(pool, NEXT).recipient("order/web/2") == ADA


async def test_given_a_second_rotation_then_the_names_survive_it_too(pool, vault, keep):
    await keep()
    third = MasterKey(bytes(range(2, 34)))
    await Vault(pool, NEXT, MASTER).rotate()
    await Vault(pool, third, NEXT).rotate()
    new = Vault(pool, third)
    assert await new.recipient("order/web/1") == ADA
    assert new.ref("web", "customer", "7", "0") == ONE
