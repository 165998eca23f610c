"""What is read of orders and refunds. Sums are whole numbers of minor units of one currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Select, Uuid, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.columns import Moment
from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_metrics.orders.models import CustomerOrder, Refund

NEWEST_FIRST = (CustomerOrder.ordered_at.desc(), CustomerOrder.id.desc())
LATEST_FIRST = (Refund.refunded_at.desc(), Refund.id.desc())

# Whom an order is of is asked in the statement that adds it up: a merge that is a second old counts, and no list of buyers travels.
# Who bought first, and whose a refund is, are windows over the rows and no joins: the planner, which knows nothing of how many
# there are behind row-level security, made those loops in loops.
_WHO = "coalesce('p' || CAST(a.person_id AS text), 'u' || o.user_id) AS who"
_WHOSE = "LEFT JOIN person_alias AS a ON a.workspace = o.workspace AND a.distinct_id = o.user_id"
_WANTED = "o.workspace = :workspace AND o.currency = :currency AND o.ordered_at < :end"
_SOLD = text(
    f"""
SELECT place, count(*), CAST(coalesce(sum(amount), 0) AS text), count(DISTINCT who), count(DISTINCT who) FILTER (WHERE is_first)
FROM (
  SELECT width_bucket(o.ordered_at, :edges) - 1 AS place, o.minor_amount AS amount, o.ordered_at AS at, o.who,
    o.ordered_at = min(o.ordered_at) OVER (PARTITION BY o.who) AS is_first
  FROM (SELECT o.ordered_at, o.minor_amount, {_WHO} FROM customer_order AS o {_WHOSE} WHERE {_WANTED}) AS o
) AS sold
WHERE at >= :start
GROUP BY GROUPING SETS ((place), ())
"""
).bindparams(bindparam("edges", type_=ARRAY(Moment)))
_REFUNDED = text(
    """
SELECT width_bucket(refunded_at, :edges) - 1 AS place, CAST(sum(minor_amount) AS text)
FROM refund
WHERE workspace = :workspace AND currency = :currency AND refunded_at >= :start AND refunded_at < :end
GROUP BY place
"""
).bindparams(bindparam("edges", type_=ARRAY(Moment)))
_LIVED = text(
    f"""
SELECT cohort, place, CAST(sum(amount) AS text), count(DISTINCT who) FILTER (WHERE is_first)
FROM (
  SELECT width_bucket(first, :edges) - 1 AS cohort, width_bucket(at, :edges) - 1 AS place, amount, who, at = first AS is_first
  FROM (
    SELECT who, at, amount, min(at) OVER (PARTITION BY who) AS first
    FROM (
      SELECT max(who) OVER of_one AS who, greatest(at, max(ordered_at) OVER of_one) AS at, amount
      FROM (
        SELECT o.id, {_WHO}, o.ordered_at, o.ordered_at AS at, o.minor_amount AS amount
        FROM customer_order AS o {_WHOSE} WHERE {_WANTED} AND o.user_id IS NOT NULL
        UNION ALL
        SELECT customer_order_id, NULL, NULL, refunded_at, -minor_amount
        FROM refund WHERE workspace = :workspace AND currency = :currency AND refunded_at < :end
      ) AS told
      WINDOW of_one AS (PARTITION BY id)
    ) AS moved
    WHERE who IS NOT NULL
  ) AS known
  WHERE first >= :start
) AS lived
GROUP BY cohort, place
"""
).bindparams(bindparam("edges", type_=ARRAY(Moment)))

# a score is 1 and the fifths of all buyers that are strictly below, so that those who are alike have the same one
_SCORED = text(
    """
SELECT person_id, recency, frequency, monetary FROM (
  SELECT person_id,
    1 + (rank() OVER (ORDER BY latest) - 1) * 5 / count(*) OVER () AS recency,
    1 + (rank() OVER (ORDER BY orders) - 1) * 5 / count(*) OVER () AS frequency,
    1 + (rank() OVER (ORDER BY net) - 1) * 5 / count(*) OVER () AS monetary
  FROM (
    SELECT a.person_id, max(o.ordered_at) AS latest, count(*) AS orders, sum(o.minor_amount - o.refunded_minor) AS net
    FROM customer_order AS o JOIN person_alias AS a ON a.workspace = o.workspace AND a.distinct_id = o.user_id
    WHERE o.workspace = :workspace AND o.currency = :currency AND o.ordered_at > :start AND o.ordered_at <= :end
    GROUP BY a.person_id
  ) AS buyers
) AS scored
WHERE person_id BETWEEN :low AND :high
"""
).bindparams(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid))


def orders(
    session: AsyncSession,
    *,
    user_id: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    currency: str | None = None,
) -> Select[CustomerOrder]:
    """Return the query of the workspace's orders of `[start, end)`, of one id and currency where given, for `NEWEST_FIRST`."""
    query = select(CustomerOrder).where(CustomerOrder.workspace == context_of(session).workspace)
    if user_id is not None:
        query = query.where(CustomerOrder.user_id == user_id)
    if start is not None:
        query = query.where(CustomerOrder.ordered_at >= start)
    if end is not None:
        query = query.where(CustomerOrder.ordered_at < end)
    return query if currency is None else query.where(CustomerOrder.currency == currency)


async def has_any_of(session: AsyncSession, user_id: str) -> bool:
    """Say whether an order names this id."""
    return await session.scalar(select(orders(session, user_id=user_id).exists())) is True


async def get_order(session: AsyncSession, order_id: str) -> CustomerOrder:
    """Return the order of the shop's id; raises NotFound."""
    return _there(await find_order(session, order_id))


async def find_order(session: AsyncSession, order_id: str) -> CustomerOrder | None:
    """Return the order of the shop's id, or None."""
    return (await session.scalars(orders(session).where(CustomerOrder.order_id == order_id))).one_or_none()


async def lock_order(session: AsyncSession, order_id: str) -> CustomerOrder:
    """Return the order of the shop's id, locked until the transaction ends; raises NotFound."""
    query = orders(session).where(CustomerOrder.order_id == order_id).with_for_update(key_share=True)
    return _there((await session.scalars(query.execution_options(populate_existing=True))).one_or_none())


async def lock_orders(session: AsyncSession, *wanted: ColumnElement[bool]) -> None:
    """Lock the orders that are wanted in the order of their `order_id`, as files take them: who locks several waits and never in a ring."""
    in_order = select(CustomerOrder.id).where(*wanted).order_by(CustomerOrder.order_id.collate("C"))
    await session.execute(in_order.with_for_update())


def _there(found: CustomerOrder | None) -> CustomerOrder:
    if found is None:
        raise NotFound.of("order")
    return found


def refunds(order: CustomerOrder) -> Select[Refund]:
    """Return the query of an order's refunds, for `LATEST_FIRST`."""
    return select(Refund).where(Refund.customer_order_id == order.id)


async def find_refund(session: AsyncSession, order: CustomerOrder, refund_id: str) -> Refund | None:
    """Return the order's refund of the shop's id, or None."""
    return (await session.scalars(refunds(order).where(Refund.refund_id == refund_id))).one_or_none()


async def currencies(session: AsyncSession) -> list[str]:
    """Return the currencies of the workspace's orders, sorted."""
    own = CustomerOrder.workspace == context_of(session).workspace
    query = select(CustomerOrder.currency).where(own).group_by(CustomerOrder.currency)
    return sorted(await session.scalars(query))


async def sold(
    session: AsyncSession, currency: str, edges: Sequence[datetime], end: datetime
) -> list[tuple[int | None, int, int, int, int]]:
    """Return place, orders, gross, buyers and new buyers of each interval with orders of `[edges[0], end)`; place None: of all.

    New is whose first order in the currency it is. The orders of those who were erased are nobody's.
    """
    found = await _ask(session, _SOLD, currency, edges, end)
    return [(place, count, int(gross), buyers, new) for place, count, gross, buyers, new in found]


async def refunded(
    session: AsyncSession, currency: str, edges: Sequence[datetime], end: datetime
) -> list[tuple[int, int]]:
    """Return place and sum of what went back in each interval that has any."""
    return [(place, int(amount)) for place, amount in await _ask(session, _REFUNDED, currency, edges, end)]


async def lived(
    session: AsyncSession, currency: str, edges: Sequence[datetime], end: datetime
) -> list[tuple[int, int, int, int]]:
    """Return cohort, place, net and newcomers: what those whose first order lies in an interval brought in another.

    A refund counts when it was made, and no earlier than its order.
    """
    found = await _ask(session, _LIVED, currency, edges, end)
    return [(cohort, place, int(net), size) for cohort, place, net, size in found]


async def commonest_currency(session: AsyncSession, start: datetime, end: datetime) -> str | None:
    """Return the currency of the most orders in `(start, end]`, the first by name of several; None without orders."""
    column = CustomerOrder.currency
    query = select(column).where(
        CustomerOrder.workspace == context_of(session).workspace,
        CustomerOrder.ordered_at > start,
        CustomerOrder.ordered_at <= end,
    )
    return await session.scalar(query.group_by(column).order_by(func.count().desc(), column).limit(1))


async def scored(
    session: AsyncSession, currency: str, start: datetime, end: datetime, low: UUID, high: UUID
) -> list[tuple[UUID, int, int, int]]:
    """Return the scores of those who ordered in `(start, end]`, of persons from `low` to `high`: recency, frequency, monetary value.

    Each is from 1 to 5, 5 being best, among all persons who ordered then; what went back is taken off what was paid.
    """
    given = {"workspace": context_of(session).workspace, "currency": currency, "start": start, "end": end}
    found = await session.execute(_SCORED, given | {"low": low, "high": high})
    return [(person_id, *scores) for person_id, *scores in found]


async def _ask(
    session: AsyncSession, statement: Any, currency: str, edges: Sequence[datetime], end: datetime
) -> Sequence[Row[*tuple[Any, ...]]]:
    given = {"workspace": context_of(session).workspace, "currency": currency, "edges": list(edges)}
    return (await session.execute(statement, given | {"start": edges[0], "end": end})).all()
