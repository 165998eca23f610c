"""Use cases of contacts: hand on what is new, and take it back with the person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, delete, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.metrics import UserContactChanged
from opsloop_common.db import context_of
from opsloop_metrics.capture.rules import Heard, person_id
from opsloop_metrics.contacts import queries, rules
from opsloop_metrics.contacts.models import Contact
from opsloop_metrics.contacts.rules import Said

told = queries.told
_INSERT = insert(Contact)
_KEEP = _INSERT.on_conflict_do_update(
    index_elements=["workspace", "user_id", "means"],
    set_={"value": _INSERT.excluded.value, "said_at": _INSERT.excluded.said_at},
)


async def tell(session: AsyncSession, block: Iterable[tuple[Heard, UUID | None]]) -> None:
    """Tell of what a block's messages, each with its person, say anew of how people are reached.

    The caller has the workspace's persons to itself, as whoever absorbed messages that say something of them does.
    """
    said = rules.newest(block)
    if not said:
        return
    known = await queries.told(session, {user_id for user_id, _ in said})
    newer = [each for key, each in said.items() if key not in known or known[key].at <= each.at]
    if not newer:
        return
    workspace = context_of(session).workspace
    rows = [
        {"workspace": workspace, "user_id": each.user_id, "means": each.means, "value": each.value, "said_at": each.at}
        for each in newer
    ]
    await session.execute(_KEEP, rows)
    changed: dict[str, list[Said]] = {}
    for each in newer:
        if each.key not in known or known[each.key].value != each.value:
            changed.setdefault(each.user_id, []).append(each)
    for user_id, values in changed.items():
        told = {str(each.means): each.value for each in values}
        about = {"contact_id": _contact_id(session, user_id), "said_at": max(each.at for each in values)}
        outbox.append(session, UserContactChanged(user_id=user_id, **about, **told))


async def erase(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget what was told of people who were erased, and say so in the order in which it was told: elsewhere it comes after."""
    gone = await session.scalars(
        delete(Contact)
        .where(
            Contact.workspace == context_of(session).workspace,
            Contact.user_id == any_(literal(list(user_ids), ARRAY(Text))),
        )
        .returning(Contact.user_id)
    )
    ids = sorted(set(gone))
    for user_id in ids:
        outbox.append(
            session, UserContactChanged(contact_id=_contact_id(session, user_id), user_id=user_id, is_gone=True)
        )
    outbox.end_streams(session, "contact", [_contact_id(session, user_id) for user_id in ids])


def _contact_id(session: AsyncSession, user_id: str) -> UUID:
    return person_id(context_of(session).workspace, user_id)
