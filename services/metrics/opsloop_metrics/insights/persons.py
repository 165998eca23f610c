"""The persons behind a number, a page at a time in the order of their ids, each with the newest id that a product knows them by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, person_of
from opsloop_metrics.insights.periods import Frame

Person = tuple[str, str]
"""The id of a person, and the newest of the ids that they were known by in the time that was looked at."""
_NO_ACTIVITY = "e.kind NOT IN ('identify', 'alias', 'group')"


@dataclass(frozen=True)
class Portion:
    """Which persons: at most so many, after an id (None: from the first on)."""

    limit: int
    after: str | None = None

    def of(self, persons: set[str]) -> list[str]:
        """Return which of some persons these are, in order."""
        return sorted(each for each in persons if self.after is None or each > self.after)[: self.limit]


async def list_persons(
    session: AsyncSession,
    frame: Frame,
    persons: str,
    bind: Binding,
    portion: Portion,
    *,
    since: datetime,
    until: datetime,
) -> list[Person]:
    """Return a portion of the persons in the column `person` of the SQL `persons`; raises TooHeavy, StoreUnavailable.

    Their newest ids are looked for from `since` to `until`.
    """
    paged = "" if portion.after is None else f"WHERE toString(person) > {bind.text(portion.after)} "
    # as text: the store's own order of ids is not that of their digits
    sql = f"SELECT DISTINCT toString(person) AS id FROM ({persons}) {paged}ORDER BY id LIMIT {portion.limit}"
    found = (await ask(session, frame, sql, bind)).rows
    return await with_ids(session, frame, [person for [person] in found], since=since, until=until)


async def with_ids(
    session: AsyncSession, frame: Frame, persons: Sequence[str], *, since: datetime, until: datetime
) -> list[Person]:
    """Return each person with their newest id of that time; raises TooHeavy, StoreUnavailable."""
    if not persons:
        return []
    bind = Binding()
    wanted = [f"has({bind.texts(persons)}, toString({person_of(frame)}))", _NO_ACTIVITY]
    newest = await ask(
        session,
        frame,
        f"SELECT toString({person_of(frame)}) AS id, argMax(e.distinct_id, (e.time, e.message_id)) "
        f"{from_events(frame, bind, since=since, until=until, conditions=wanted)} GROUP BY id",
        bind,
    )
    ids: dict[str, str] = dict(newest.rows)
    return [(person, ids.get(person, "")) for person in persons]


def require_number(pointer: str, number: int, count: int, *, what: str) -> None:
    """Refuse a number, from 0, of something that there are fewer of; raises Invalid."""
    if number >= count:
        raise Invalid(pointer, f"must be the number of {what}, from 0 to {count - 1}")


def require_value(value: str | None, *, is_divided: bool) -> None:
    """Refuse a breakdown value of what is not divided, and none of what is: numbers are of one each. Raises Invalid."""
    if is_divided and value is None:
        raise Invalid("/breakdown", "has to name a value as the answer has it, since the query has a breakdown")
    if value is not None and not is_divided:
        raise Invalid("/breakdown", "may name a value only if the query has a breakdown")
