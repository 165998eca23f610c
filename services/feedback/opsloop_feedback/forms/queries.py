"""Everything that reads forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_feedback.forms.models import Form, FormDay

NEWEST_FIRST = (Form.id.desc(),)
FORMS = select(Form.id).subquery()


def forms(workspace: str) -> Select[Form]:
    """Return the query of a workspace's forms, to be paged."""
    return select(Form).where(Form.workspace == workspace)


async def get_form(session: AsyncSession, form_id: UUID) -> Form:
    """Return a form; raises NotFound."""
    return await resources.get(session, Form, Form.id == form_id)


async def find_by_slug(session: AsyncSession, slug: str) -> Form | None:
    """Return the form of a page, None where there is none."""
    return await resources.find(session, Form, Form.slug == slug)


async def lock_form(session: AsyncSession, form_id: UUID, expected: Precondition) -> Form:
    """Lock and return a form in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Form, Form.id == form_id, expected=expected)


async def days_since(session: AsyncSession, form_id: UUID, first: date) -> Sequence[FormDay]:
    """Return what became of what was sent by a form since a day, the newest day first."""
    days = select(FormDay).where(FormDay.form_id == form_id, FormDay.day >= first)
    return (await session.scalars(days.order_by(FormDay.day.desc(), FormDay.outcome))).all()
