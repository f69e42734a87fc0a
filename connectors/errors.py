"""The words in which a platform or its connector says no.

ConnectorError
├── Forged        a webhook whose signature is not the platform's            → 401, nothing kept
├── Malformed     a body that is not what the platform sends                 → 400, nothing kept
├── Refused       a document that cannot become a claim                      → dead letter with this reason
├── SlowDown      the platform asks to wait                                  → the same call again, later
└── Unreachable   no answer, or none that says what happened                 → the outcome is unknown
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Anything a platform or a connector says no to."""


class Forged(ConnectorError):
    """The signature is not the platform's."""


class Malformed(ConnectorError):
    """The body is not what the platform sends. The message never quotes it."""


class SlowDown(ConnectorError):
    """The platform asks to wait `retry_after` seconds. `early`: it was not asked, because by what is known of its limits that is too early."""

    def __init__(self, retry_after: float, *, early: bool = False) -> None:
        super().__init__(f"the platform asks to wait {retry_after:g} s")
        self.retry_after, self.early = retry_after, early


class Unreachable(ConnectorError):
    """The platform gave no answer, or none that says what happened: a write may or may not have been done."""


class Refused(ConnectorError):
    """The document cannot become a claim. The message is the reason, for the person who will mend it."""
