"""The signed id of a mail, in its Message-ID and in the address that its bounces go to. Pure.

Whoever has got a mail can answer it with a bounce, as they can end its topic; nobody can for a mail that they never saw. What the
signature names is our row, so that a bounce is about the address that we wrote to, whatever it says itself.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Callable
from itertools import islice
from uuid import UUID

PURPOSE = "mail return"
PROOF_BYTES = 8  # to be guessed by mails to a mailbox, one try each
CANDIDATES = 20
LOCAL_CHARACTERS = 24
"""Of the mailbox that returns go to: RFC 5321 allows 64 with the sign and the token."""
# in either case: servers on the way may write a local part anew
_IN_ADDRESS = r"\+(?P<token>[a-z2-7]{39})@"
_IN_MESSAGE_ID = r"(?P<id>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})-(?P<proof>[0-9a-f]{16})@"
_FOUND = re.compile(f"{_IN_ADDRESS}|{_IN_MESSAGE_ID}", re.IGNORECASE)

Sign = Callable[[bytes], bytes]
"""Returns at least 8 bytes that only we can make of some others."""


def message_id(id: UUID, workspace: str, sign: Sign) -> str:
    """Return what stands before the @ of a mail's Message-ID: the same each time."""
    return f"{id}-{_proof(id, workspace, sign).hex()}"


def return_path(mailbox: str, id: UUID, workspace: str, sign: Sign) -> str:
    """Return the sender on a mail's envelope, by sub-address of the mailbox that returns go to (VERP)."""
    local, _, domain = mailbox.rpartition("@")
    token = b32encode(id.bytes + _proof(id, workspace, sign)).decode().rstrip("=").lower()
    return f"{local}+{token}@{domain}"


def find(text: str, workspace: str, sign: Sign) -> UUID | None:
    """Return the id of the first mail of a workspace that a text names with its proof; of names of ours it looks at 20."""
    for found in islice(_FOUND.finditer(text), CANDIDATES):
        id, proof = _read(found)
        if hmac.compare_digest(proof, _proof(id, workspace, sign)):
            return id
    return None


def _read(found: re.Match[str]) -> tuple[UUID, bytes]:
    if found["token"] is None:
        return UUID(found["id"]), bytes.fromhex(found["proof"])
    raw = b32decode(found["token"].upper() + "=")
    return UUID(bytes=raw[:16]), raw[16:]


def _proof(id: UUID, workspace: str, sign: Sign) -> bytes:
    return sign(workspace.encode() + b"\0" + id.bytes)[:PROOF_BYTES]
