"""Answers what people ask, through their platform, of what is kept of them. What is logged of it names nobody."""

from __future__ import annotations

import structlog

from connectors.privacy import PrivacyRequest
from streams.customers import Customers

log = structlog.get_logger()


async def answer(customers: Customers | None, channel: str, asked: PrivacyRequest) -> None:
    """Does what is asked, once: asked again there is nothing left of it. Raises `DatabaseError`, `WrongKey`.

    Who asks to see what is kept is not shown it here, because a platform is not the one to hear it: it is for the shop's owner, who
    has to answer them, and is told by the log under which references it is in the vault.
    """
    said = log.bind(channel=channel, topic=asked.topic)
    if customers is None:
        said.info("nothing to do: nobody is kept here")
    elif asked.asks == "show":
        found = await customers.known(channel, asked.customer, asked.orders)
        for one in found:
            said.warning("somebody asks what is kept of them: answer them", ref=one.ref, deals=one.deals)
        if not found:
            said.info("nothing to show: nothing is known of them")
    elif asked.everybody:
        said.info("erased everybody", subjects=len(await customers.forget_everybody(channel)))
    else:
        gone = await customers.forget(channel, asked.customer, asked.orders)
        for one in gone:
            said.info("erased, because they asked", ref=one.ref, deals=one.deals)
        if not gone:
            said.info("nothing to erase: nothing is known of them")
