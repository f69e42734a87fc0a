"""How Kafka is reached: every client of it gets address, encryption and sign-in here, and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import SecretStr

KNOCK_MS = 5_000
"""How long a broker may take to say why it does not let us in."""


class Refused(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """A broker is there and does not let us in, or is not to be trusted. The message says what would help, and no secret."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka that wants more than an address. `tls` None: not encrypted; `user` None: nobody signs in, unless the certificate
    in `tls` does.
    """

    address: str
    tls: ssl.SSLContext | None = None
    user: str | None = None
    password: SecretStr | None = None
    mechanism: str = "SCRAM-SHA-512"

    def __str__(self) -> str:
        return self.address


Kafka = Cluster | str
"""Where Kafka is: a plain address is one that asks nobody who he is."""


def access(kafka: Kafka) -> dict[str, Any]:
    """What a client of aiokafka is told of the cluster, to be handed on at once: there is a password in it."""
    its = kafka if isinstance(kafka, Cluster) else Cluster(kafka)
    return {"bootstrap_servers": its.address, **_secured(its)}


def _secured(its: Cluster) -> dict[str, Any]:
    encrypted = "SSL" if its.tls else "PLAINTEXT"
    if its.user is None:
        return {"security_protocol": encrypted, "ssl_context": its.tls}
    return {
        "security_protocol": f"SASL_{encrypted}",
        "ssl_context": its.tls,
        "sasl_mechanism": its.mechanism,
        "sasl_plain_username": its.user,
        "sasl_plain_password": None if its.password is None else its.password.get_secret_value(),
    }


def faust_broker(kafka: Kafka) -> dict[str, Any]:
    """The same as the settings of a Faust app."""
    from faust import SASLCredentials, SSLCredentials  # noqa: PLC0415  # a server starts sooner without Faust

    its = kafka if isinstance(kafka, Cluster) else Cluster(kafka)
    credentials: Any = SSLCredentials(its.tls) if its.tls else None
    if its.user is not None and its.password is not None:
        credentials = SASLCredentials(
            username=its.user,
            password=its.password.get_secret_value(),
            ssl_context=its.tls,
            mechanism=its.mechanism,
        )
    return {
        "broker": [f"kafka://{address}" for address in its.address.split(",")],
        "broker_credentials": credentials,
    }


@asynccontextmanager
async def saying_why(kafka: Kafka) -> AsyncIterator[None]:
    """Where the block finds no broker that lets us in: raises `Refused` if one says why. Else what the block raises: aiokafka's clients
    keep the reason to themselves.
    """
    try:
        yield
    except KafkaConnectionError:
        if isinstance(kafka, Cluster) and (why := await _refusal(kafka)):
            raise Refused(why) from None
        raise


async def _refusal(its: Cluster) -> str | None:
    """Why a broker does not let us in; None where none answers."""
    for one in its.address.split(","):
        host, _, port = one.rpartition(":")
        try:
            connection = await create_conn(host, int(port), request_timeout_ms=KNOCK_MS, **_secured(its))
        except ssl.SSLCertVerificationError as error:
            return f"Kafka at {one} shows a certificate that is not to be trusted ({error.verify_message}): check [kafka] ca"
        except ssl.SSLError as error:
            return f"Kafka at {one} does not speak TLS with us ({error.reason}): check [kafka] tls, certificate and key"
        except KafkaError as error:
            if its.user is None:
                continue
            return f"Kafka at {one} does not let {its.user} in ({type(error).__name__}): check [kafka] username, mechanism and the password"
        except (OSError, TimeoutError):
            continue
        connection.close()
    return None
