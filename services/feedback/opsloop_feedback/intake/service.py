"""Use cases of intake: take in what users say. An item is added by the room of items, which is asked to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.db import clock_of, context_of, count_after_commit, meters_of
from opsloop_common.errors import Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.turns import breathing, in_turns
from opsloop_feedback.authors import service as authors
from opsloop_feedback.intake import rules
from opsloop_feedback.intake.meters import IntakeMeter
from opsloop_feedback.items import service as items
from opsloop_feedback.items.rules import NaturalKey
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.submissions import rules as submissions
from opsloop_feedback.submissions.rules import Submission


async def submit(session: AsyncSession, said: Submission, *, sorter: Sorter = UNTAUGHT) -> tuple[Feedback, bool]:
    """Take in one post; returns it and whether it is new. A known (source, channel, external_id) gives its item.

    Raises Invalid (422) for a time to come.
    """
    now = clock_of(session).now()
    submissions.require_said(said, now)
    key = _key(said) or 0
    row = rules.new_row(said, id=uuid7(), workspace=context_of(session).workspace, now=now, sorter=sorter)
    [(feedback_id, created)] = await submit_many(session, Prepared([key], {key: row}, {}))
    return await items.get_feedback(session, feedback_id), created


@dataclass(frozen=True)
class Prepared:
    """Posts that only have to be taken in: the key of each in the order given, the rows of new keys, the ids of known ones."""

    keys: Sequence[object]
    rows: dict[object, dict[str, Any]]
    known: Mapping[NaturalKey, UUID]


async def known_among(session: AsyncSession, said: Iterable[Submission]) -> dict[NaturalKey, UUID]:
    """Return the ids of the posts that are there already."""
    return await items.known_ids(session, {key for key in map(_key, said) if key is not None})


async def prepare(
    said: Sequence[Submission],
    known: Mapping[NaturalKey, UUID],
    *,
    workspace: str,
    now: datetime,
    sorter: Sorter = UNTAUGHT,
) -> Prepared:
    """Sort many posts, but the known ones, in turns: before the transaction begins, so that none is held open meanwhile.

    Of two with one (source, channel, external_id) the first counts.
    """
    keys: list[object] = [_key(post) or index for index, post in enumerate(said)]
    fresh = {key: post for key, post in reversed(list(zip(keys, said, strict=True))) if key not in known}
    new = [key for key in dict.fromkeys(keys) if key in fresh]
    made = await in_turns(
        lambda key: rules.new_row(fresh[key], id=uuid7(), workspace=workspace, now=now, sorter=sorter),
        new,
        workspace=workspace,
    )
    return Prepared(keys, dict(zip(new, made, strict=True)), known)


async def submit_many(session: AsyncSession, prepared: Prepared) -> list[tuple[UUID, bool]]:
    """Take in many posts in one transaction; returns the id of each, and whether it is new, in the order given."""
    keys, rows = prepared.keys, prepared.rows
    taken_in = await items.add(session, rows)
    missed = {key for key in rows if isinstance(key, tuple) and key not in taken_in}
    known = {**prepared.known, **(await items.known_ids(session, missed))}

    def tell(key: object) -> None:
        outbox.append(session, rules.received(rows[key], rows[key]["number"]))
        count_after_commit(session, partial(meters_of(session, IntakeMeter).count, rows[key]))

    await breathing(tell, (key for key in rows if key in taken_in))
    await authors.tell(session, (row for key, row in rows.items() if key in taken_in))
    first = {key: index for index, key in reversed(list(enumerate(keys)))}
    return [
        (
            rows[key]["id"] if key in taken_in else known[cast(NaturalKey, key)],
            key in taken_in and first[key] == index,
        )
        for index, key in enumerate(keys)
    ]


def _key(said: Submission) -> NaturalKey | None:
    return None if said.external_id is None else (said.source, said.channel, said.external_id)


async def get_known(session: AsyncSession, said: Submission) -> Feedback:
    """Return what is known under the natural key of a post that has one; raises Unavailable (503) when it has just gone."""
    known = await items.find_known(session, (said.source, said.channel, str(said.external_id)))
    if known is None:
        raise Unavailable("This external_id has just been removed; try again.", headers={"Retry-After": "1"})
    return known
