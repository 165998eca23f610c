"""What is kept of an address that gets nothing. Pure."""

from __future__ import annotations

from hashlib import sha256


def fingerprint(workspace: str, address: str) -> bytes:
    """Return by what an address is known again after its owner was erased; case tells no two mailboxes apart."""
    return sha256(f"opsloop suppression {workspace} {address.casefold()}".encode()).digest()


def takes_the_place(new: str, old: str) -> bool:
    """Say whether a reason says more than the one that is kept: a wish, which critical topics pass, says less than all others."""
    return old == "unsubscribe" != new
