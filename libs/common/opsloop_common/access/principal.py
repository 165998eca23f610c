"""Who is asking: the outcome of reading a credential."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

OPERATOR_WORKSPACE = "default"


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

    `scopes` is what it may do, implied scopes included.
    """

    workspace: str
    actor: str
    scopes: frozenset[str]
    credential: str
    is_operator: bool = False

    def has(self, scope: str) -> bool:
        """Say whether the credential may do what needs `scope`."""
        return scope in self.scopes
