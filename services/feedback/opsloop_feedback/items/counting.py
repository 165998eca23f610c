"""How many posts have which labels, in one statement that looks at a bounded number of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import CTE

from opsloop_common.db import context_of
from opsloop_feedback.filters.rules import Counts, Facet, Filters
from opsloop_feedback.items.models import Feedback
from opsloop_feedback.items.queries import NEWEST_FIRST, conditions

LOOKED_AT = 50_000
"""Of one million posts on two cores these take 0.1 s; all would take 2 s and hold a connection as long."""
TEXTS_LOOKED_AT = 5_000
"""Where a text is looked for in each."""
VALUES = 100

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
        result[facet] = Counts(ordered[:VALUES], is_whole and len(rows) <= VALUES)
    return result


async def count_matching(session: AsyncSession, filters: Filters, *, look_at: int | None = None) -> tuple[int, bool]:
    """Count the posts that fulfil the filters among as many as `count_by` looks at, and say whether these were all."""
    most = look_at or most_looked_at(filters)
    looked = _looked(session, filters, (), most)
    row = (await session.execute(select(func.count().filter(looked.c.holds), func.count()).select_from(looked))).one()
    return row[0], row[1] <= most


def most_looked_at(filters: Filters) -> int:
    """Return how many posts are looked at for a count."""
    return TEXTS_LOOKED_AT if filters.text else LOOKED_AT


def _looked(session: AsyncSession, filters: Filters, facets: Collection[Facet], most: int) -> CTE:
    holds = func.coalesce(and_(true(), *conditions(filters)), False).label("holds")
    own = Feedback.workspace == context_of(session).workspace
    columns = [_column(facet).label(f"by_{facet.value}") for facet in facets]
    found = select(holds, *columns).where(own, *_found_by(filters)).order_by(*NEWEST_FIRST)
    return found.limit(most + 1).cte("looked")


def _found_by(filters: Filters) -> Iterable[ColumnElement[bool]]:
    """Return the conditions that an index answers: what they leave out is not looked at."""
    if filters.number:
        yield Feedback.number.in_(filters.number)
    if filters.external_id:
        yield Feedback.external_id.in_(filters.external_id)
    if filters.author:
        addresses = [author.lower() for author in filters.author]
        yield or_(Feedback.author_user_id.in_(filters.author), func.lower(Feedback.author_email).in_(addresses))
    if filters.created_from is not None:
        yield Feedback.created_at >= filters.created_from
    if filters.created_to is not None:
        yield Feedback.created_at < filters.created_to


def _counted(facet: Facet, matched: CTE) -> Select[Any]:
    column = matched.c[f"by_{facet.value}"]
    value = func.unnest(column) if facet is Facet.TAG else column
    each = select(value.label("value")).select_from(matched).subquery()
    counted = select(
        literal(facet.value).label("facet"), cast(each.c.value, Text).label("value"), func.count().label("posts")
    )
    ordered = counted.group_by(each.c.value).order_by(func.count().desc(), each.c.value).limit(VALUES + 1)
    return select(ordered.subquery())
