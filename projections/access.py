"""Who asks, and what they may do: scopes, and the roles that people know them by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do."""

    READ = "read"
    """Ask anything."""

    RESERVE = "reserve"
    """Hold units, let them go, take them."""

    POST = "post"
    """Post documents of an application of one's own."""

    OPERATE = "operate"
    """Retry what was refused, and settle differences with platforms."""

    RULE = "rule"
    """Change how much channels may sell."""

    WATCH = "watch"
    """Read what is measured, and nothing else."""


class Role(StrEnum):
    """Scopes that go together."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


ROLES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ, Scope.WATCH}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.WATCH, Scope.RESERVE, Scope.POST, Scope.OPERATE}),
    Role.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has shown who they are: under which name they stand in what is written down, their scopes, and how many requests
    a second they may make, None for as many as anybody.
    """

    name: str
    scopes: frozenset[Scope]
    rate: float | None = None

    @classmethod
    def of(cls, name: str, role: Role) -> Caller:
        """A caller with the scopes of a role."""
        return cls(name, ROLES[role])
