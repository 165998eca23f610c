"""Which credentials are one hand: for rules that ask for a second pair of eyes."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Uuid

OPERATOR = "key:operator"
_KEY = "key:"

# `created_by` rather than `parent_id`: a key may also have been made by a person. Revoked keys stay in the table, so who made
# whom is known for good.
_SAME_HAND = text(
    "WITH RECURSIVE line (id, created_by) AS ("
    "SELECT id, created_by FROM api_key WHERE id = :id "
    "UNION SELECT k.id, k.created_by FROM line JOIN api_key AS k "
    "ON k.id = CASE WHEN line.created_by ~ '^key:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' "
    "THEN CAST(substr(line.created_by, 5) AS uuid) END) "
    "SELECT 'key:' || id FROM line UNION SELECT created_by FROM line WHERE created_by LIKE 'user:%' "
    "UNION SELECT 'key:' || k.id FROM line JOIN api_key AS mine ON mine.id = line.id "
    "JOIN api_key AS k USING (workspace, source)"
).bindparams(bindparam("id", type_=Uuid()))


async def same_hand(session: AsyncSession, actor: str) -> frozenset[str]:
    """Return the actors that cannot give `actor` a second pair of eyes: itself, whoever made its key, and who made theirs, and
    all keys of the same sources, since a rotated key keeps its source.

    The operator's key is nobody's kin: all keys descend from it, so that says nothing of who holds them.
    """
    kin = {actor}
    if actor.startswith(_KEY) and actor != OPERATOR:
        kin |= set(await session.scalars(_SAME_HAND, {"id": UUID(actor.removeprefix(_KEY))}))
    return frozenset(kin)
