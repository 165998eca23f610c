"""Who is asking: the outcome of reading a credential."""

from __future__ import annotations

from dataclasses import dataclass

OPERATOR_WORKSPACE = "default"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in key or person. `credential` names the very credential, for rate limits and idempotency keys."""

    workspace: str
    actor: str
    scopes: frozenset[str]
    credential: str
    is_operator: bool = False

    def has(self, scope: str) -> bool:
        """Say whether the credential carries `scope`."""
        return scope in self.scopes
