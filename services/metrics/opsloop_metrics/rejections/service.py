"""Use cases of the reject log: keep what was refused, within bounds, and nothing of who was erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, Select, delete, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.ids import uuid7
from opsloop_common.limits import REJECTION_DAYS, REJECTIONS_KEPT, REJECTIONS_PER_MINUTE
from opsloop_metrics.capture.rules import Problem, Reason, storable
from opsloop_metrics.people import service as people
from opsloop_metrics.rejections import queries, rules
from opsloop_metrics.rejections.models import Rejection, RejectionMinute

BATCH = 1_000
# in one statement, so that of two requests at once neither takes the other's room
_COUNT = (
    upsert(RejectionMinute)
    .on_conflict_do_update(
        index_elements=["workspace", "minute"],
        set_={"count": RejectionMinute.count + upsert(RejectionMinute).excluded.count},
    )
    .returning(RejectionMinute.count)
)
_FORGET_RAW = text(
    "UPDATE rejection SET raw = NULL, value = NULL, ids = NULL WHERE workspace = :workspace AND raw IS NOT NULL "
    "AND (ids && CAST(:ids AS text[]) "
    "OR EXISTS (SELECT FROM unnest(CAST(:needles AS text[])) AS n(needle) WHERE strpos(raw, n.needle) > 0))"
)
_PRUNE = text(
    "DELETE FROM rejection WHERE ctid = ANY(ARRAY(SELECT ctid FROM rejection WHERE workspace = :workspace "
    "AND received_at < :before ORDER BY received_at LIMIT :limit))"
)


async def record(session: AsyncSession, problems: Sequence[Problem], *, source: str, vendor: str) -> None:
    """Keep what was refused of a request; of a minute the first `REJECTIONS_PER_MINUTE`, beyond them only their number."""
    if not problems:
        return
    await people.share_intake(session)  # before the minute: whoever takes messages in holds this when it comes to that
    minute = clock_of(session).now().replace(second=0, microsecond=0)
    row = {"workspace": context_of(session).workspace, "minute": minute, "count": len(problems)}
    before = int((await session.execute(_COUNT, row)).scalar_one()) - len(problems)
    kept = problems[: max(0, REJECTIONS_PER_MINUTE - before)]
    await _keep(session, [(None, problem) for problem in kept], source=source, vendor=vendor)


async def record_rows(
    session: AsyncSession, refused: Sequence[tuple[int, Problem]], *, source: str, vendor: str, import_id: UUID
) -> None:
    """Keep refused rows of a file by their numbers; how many of one import are kept is for that to bound."""
    await _keep(session, refused, source=source, vendor=vendor, import_id=import_id)


def of_import(session: AsyncSession, import_id: UUID) -> Select[Rejection]:
    """Return the query for the refused rows of a file, for a list `by` `BY_ROW`."""
    return queries.of_import(session, import_id)


BY_ROW = queries.BY_ROW


async def forget(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget what was refused of people who were erased, but for the reason."""
    needles = [rules.needle(id) for id in user_ids]
    given = {"workspace": context_of(session).workspace, "ids": list(user_ids), "needles": needles}
    await session.execute(_FORGET_RAW, given)


async def prune(session: AsyncSession) -> bool:
    """Delete a batch of what is older than `REJECTION_DAYS`, or beyond the newest `REJECTIONS_KEPT`; says whether there may be more."""
    workspace, before = context_of(session).workspace, clock_of(session).now() - timedelta(days=REJECTION_DAYS)
    minutes = delete(RejectionMinute).where(RejectionMinute.workspace == workspace, RejectionMinute.minute < before)
    await session.execute(minutes)
    kept_from = await queries.kept_from(session, REJECTIONS_KEPT)
    given = {"workspace": workspace, "before": max(before, kept_from or before), "limit": BATCH}
    deleted: CursorResult[Any] = await session.execute(_PRUNE, given)  # type: ignore[assignment]
    return deleted.rowcount == BATCH


async def _keep(
    session: AsyncSession,
    refused: Sequence[tuple[int | None, Problem]],
    *,
    source: str,
    vendor: str,
    import_id: UUID | None = None,
) -> None:
    if not refused:
        return
    named = [rules.ids_in(problem.raw) for _, problem in refused]
    erased = await people.erased_among(session, frozenset().union(*filter(None, named)))
    # of whom it may be has to be known of all that is kept
    may_keep = [
        ids is not None and not ids & erased and problem.reason is not Reason.ERASED
        for ids, (_, problem) in zip(named, refused, strict=True)
    ]
    workspace, now = context_of(session).workspace, clock_of(session).now()
    rows = [
        {
            "id": uuid7(),
            "workspace": workspace,
            "received_at": now,
            "source": source,
            "vendor": vendor,
            "reason": str(problem.reason),
            "detail": storable(problem.detail),
            "message_id": problem.message_id and storable(problem.message_id),
            "raw": rules.raw_text(problem.raw) if keeps else None,
            "column": problem.column and rules.cell_text(problem.column),
            "value": rules.cell_text(problem.value) if keeps and problem.raw is not None else None,
            "ids": sorted(ids) if keeps and ids else None,
            "import_id": import_id,
            "row": row,
        }
        for (row, problem), ids, keeps in zip(refused, named, may_keep, strict=True)
    ]
    await session.execute(insert(Rejection), rows)
