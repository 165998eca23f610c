"""Who is asking: the outcome of reading a credential."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import StrEnum

OPERATOR_WORKSPACE = "default"


class Kind(StrEnum):
    """Who asks: the operator's key, a secret key, a key for browsers, a person, an end user, or whoever visits a page."""

    OPERATOR = "operator"
    KEY = "key"
    PUBLISHABLE = "publishable"
    PERSON = "person"
    USER = "user"
    VISITOR = "visitor"


RESERVED_SOURCES = frozenset({"operator", "people", "users", "visitors"})
"""Sources of credentials that are no keys; no key may take one of these."""


def granted(carried: Iterable[str], known: Set[str]) -> frozenset[str]:
    """Return what scopes that a credential carries allow at a service whose scopes are `known`.

    `<service>:admin` implies all others of its service; `write` does not imply `read`.
    """
    scopes = known & set(carried)
    services = {name.removesuffix(":admin") for name in scopes if name.endswith(":admin")}
    return frozenset(name for name in known if name in scopes or name.partition(":")[0] in services)


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in key or person. `credential` names the very credential, for rate limits and idempotency keys.

    `scopes` is what it may do, implied scopes included; `source` is who speaks, and natural keys are unique in it.
    """

    workspace: str
    actor: str
    scopes: frozenset[str]
    credential: str
    source: str
    kind: Kind = Kind.KEY

    @property
    def is_operator(self) -> bool:
        """Say whether this is the operator's key, the only one that reaches other workspaces."""
        return self.kind is Kind.OPERATOR

    def has(self, scope: str) -> bool:
        """Say whether the credential may do what needs `scope`."""
        return scope in self.scopes
