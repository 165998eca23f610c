"""How many posts have which labels, in one statement that looks at a bounded number of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import CTE

from opsloop_common.db import context_of
from opsloop_common.limits import FACET_CHECKS, FACET_POSTS, FACET_POSTS_BY_TEXT, FACET_VALUES
from opsloop_feedback.filters.rules import Counts, Facet, Filters
from opsloop_feedback.items.models import Feedback
from opsloop_feedback.items.queries import NEWEST_FIRST, conditions, found_by

_COUNTED: dict[Facet, ColumnElement[Any]] = {
    Facet.AUTHOR: func.coalesce(Feedback.author_user_id, func.lower(Feedback.author_email)),
    Facet.TAG: Feedback.tags.expression,
}


def _column(facet: Facet) -> ColumnElement[Any]:
    return _COUNTED[facet] if facet in _COUNTED else getattr(Feedback, facet.value).expression


async def count_by(
    session: AsyncSession, filters: Filters, facets: Collection[Facet], *, look_at: int | None = None
) -> dict[Facet, Counts]:
    """Count the posts that fulfil the filters by facets: of the newest `look_at` that an index finds, exactly where there are no more.

    Of a facet the 100 most frequent values are counted.
    """
    looked = _looked(session, filters, facets, look_at or most_looked_at(filters))
    matched = select(looked).where(looked.c.holds).cte("matched")
    beyond = select(null().label("facet"), null().label("value"), func.count().label("posts")).select_from(looked)
    asked: CompoundSelect[Any] = union_all(beyond, *(_counted(facet, matched) for facet in facets))
    found: Sequence[Row[Any]] = (await session.execute(asked)).all()
    total = next(row.posts for row in found if row.facet is None)
    is_whole = total <= (look_at or most_looked_at(filters))
    result = {}
    for facet in facets:
        rows = [(row.value, row.posts) for row in found if row.facet == facet.value]
        ordered = sorted(rows, key=lambda row: (-row[1], row[0] is None, row[0] or ""))
        result[facet] = Counts(ordered[:FACET_VALUES], is_whole and len(rows) <= FACET_VALUES)
    return result


async def count_each(session: AsyncSession, several: Sequence[Filters]) -> list[tuple[int, bool]]:
    """Count the posts that fulfil each of several filters in one statement, and say of each whether it is exact.

    All look at the same newest posts; the more there are, the fewer, so that together they ask no more than a bounded number of times.
    """
    if not several:
        return []
    most = min(FACET_CHECKS // len(several), *map(most_looked_at, several))
    own = Feedback.workspace == context_of(session).workspace
    holds = [func.coalesce(and_(true(), *conditions(each)), False).label(f"by_{n}") for n, each in enumerate(several)]
    looked = select(*holds).where(own).order_by(*NEWEST_FIRST).limit(most + 1).cte("looked")
    counts = [func.count().filter(looked.c[each.name]) for each in holds]
    *found, total = (await session.execute(select(*counts, func.count()).select_from(looked))).one()
    return [(count, total <= most) for count in found]


def most_looked_at(filters: Filters) -> int:
    """Return how many posts are looked at for a count."""
    return FACET_POSTS_BY_TEXT if filters.text else FACET_POSTS


def _looked(session: AsyncSession, filters: Filters, facets: Collection[Facet], most: int) -> CTE:
    holds = func.coalesce(and_(true(), *conditions(filters)), False).label("holds")
    own = Feedback.workspace == context_of(session).workspace
    columns = [_column(facet).label(f"by_{facet.value}") for facet in facets]
    found = select(holds, *columns).where(own, *found_by(filters)).order_by(*NEWEST_FIRST)
    return found.limit(most + 1).cte("looked")


def _counted(facet: Facet, matched: CTE) -> Select[Any]:
    column = matched.c[f"by_{facet.value}"]
    value = func.unnest(column) if facet is Facet.TAG else column
    each = select(value.label("value")).select_from(matched).subquery()
    counted = select(
        literal(facet.value).label("facet"), cast(each.c.value, Text).label("value"), func.count().label("posts")
    )
    ordered = counted.group_by(each.c.value).order_by(func.count().desc(), each.c.value).limit(FACET_VALUES + 1)
    return select(ordered.subquery())
