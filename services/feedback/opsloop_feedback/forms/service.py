"""Use cases of forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, NotFound
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.forms import queries, rules
from opsloop_feedback.forms.models import Form as Form
from opsloop_feedback.forms.models import FormDay
from opsloop_feedback.forms.rules import Outcome

COUNTED = timedelta(days=90)
_TAKEN = "There is a form of this slug."


async def create_form(session: AsyncSession, fields: Mapping[str, Any]) -> Form:
    """Add a form; raises Invalid (422), TooMany, Conflict (409) for a slug that is taken."""
    rules.require_askable(fields["fields"])
    await take_place(session, queries.FORMS, most=limits.FORMS_PER_WORKSPACE, what="forms")
    if await queries.find_by_slug(session, fields["slug"]) is not None:
        raise Conflict(_TAKEN)
    return resources.create(session, Form, **fields)


async def change_form(
    session: AsyncSession, form_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Form:
    """Change a form; raises Invalid (422). Whoever has its page open is asked what it asks now."""
    form = await queries.lock_form(session, form_id, expected)
    rules.require_askable(changes.get("fields", ()))
    with changing(session, form, changes):
        return form


async def delete_form(session: AsyncSession, form_id: UUID, *, expected: Precondition) -> None:
    """Throw a form away; what was sent by it stays."""
    await resources.delete(session, await queries.lock_form(session, form_id, expected))


async def open_form(session: AsyncSession, slug: str) -> Form:
    """Return the form of a page that visitors may use; raises NotFound for one that is none, or closed."""
    form = await queries.find_by_slug(session, slug)
    if form is None or not form.enabled:
        raise NotFound("This form is not open. 此表单未开放。")
    return form


async def count(session: AsyncSession, form_id: UUID, outcome: Outcome) -> None:
    """Count what became of something that was sent by a form."""
    first = insert(FormDay).values(
        form_id=form_id,
        day=_today(session),
        outcome=outcome.value,
        workspace=context_of(session).workspace,
        count=1,
    )
    more = {"count": FormDay.count + 1}
    await session.execute(first.on_conflict_do_update(index_elements=["form_id", "day", "outcome"], set_=more))


async def counts_of(session: AsyncSession, form_id: UUID) -> dict[date, dict[str, int]]:
    """Return of each day of the last 90 what became of what was sent by a form; raises NotFound."""
    await queries.get_form(session, form_id)
    days: dict[date, dict[str, int]] = {}
    for one in await queries.days_since(session, form_id, _today(session) - COUNTED):
        days.setdefault(one.day, {})[one.outcome] = one.count
    return days


def _today(session: AsyncSession) -> date:
    return clock_of(session).now().astimezone(UTC).date()
