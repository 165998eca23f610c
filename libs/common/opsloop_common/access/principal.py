"""Who is asking: the outcome of reading a credential."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

OPERATOR_WORKSPACE = "default"
SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""Of a workspace's name, and of a source's."""


class Kind(StrEnum):
    """Who asks: the operator's key, a secret key, a key for browsers, a person, an end user, or whoever visits a page."""

    OPERATOR = "operator"
    KEY = "key"
    PUBLISHABLE = "publishable"
    PERSON = "person"
    USER = "user"
    VISITOR = "visitor"


BROWSERS = frozenset({Kind.PUBLISHABLE, Kind.USER})
"""What browsers hold: let in only where a route declares it, whatever the scopes."""

STRANGERS = BROWSERS | {Kind.VISITOR}
"""What anybody may have: it takes nothing of the rates of secret keys and people."""

RESERVED_SOURCES = frozenset({"operator", "people", "users", "visitors", "unattributed", "mail"})
"""Sources of credentials that are no keys, and of what nobody can be named for; no key may take one of these."""


def granted(carried: Iterable[str], known: Set[str]) -> frozenset[str]:
    """Return what scopes that a credential carries allow at a service whose scopes are `known`.

    `<service>:admin` implies all others of its service; `write` does not imply `read`.
    """
    scopes = known & set(carried)
    services = {name.removesuffix(":admin") for name in scopes if name.endswith(":admin")}
    return frozenset(name for name in known if name in scopes or name.partition(":")[0] in services)


@dataclass(frozen=True, slots=True)
class Publishable:
    """What makes a key one for browsers: the origins it speaks from, and what it may add in a day (UTC)."""

    origins: tuple[str, ...]
    rows_per_day: int
    bytes_per_day: int


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in key, person or end user. `credential` names the very credential, for rate limits and idempotency keys.

    `scopes` is what it may do, implied scopes included; `source` is who speaks, and natural keys are unique in it. `key_id` is
    that of a key, `publishable` of a publishable one, `user_id` of an end user's token (`Kind.USER`): who is signed in with it.
    """

    workspace: str
    actor: str
    scopes: frozenset[str]
    credential: str
    source: str
    kind: Kind = Kind.KEY
    key_id: UUID | None = None
    publishable: Publishable | None = None
    user_id: str | None = None

    @property
    def is_operator(self) -> bool:
        """Say whether this is the operator's key, the only one that reaches other workspaces."""
        return self.kind is Kind.OPERATOR

    @property
    def reach(self) -> str | None:
        """Return the workspace whose credentials and parked events it may see and end, None when those of all."""
        return None if self.is_operator else self.workspace

    def has(self, scope: str) -> bool:
        """Say whether the credential may do what needs `scope`."""
        return scope in self.scopes
